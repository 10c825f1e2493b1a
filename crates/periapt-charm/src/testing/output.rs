//! What an event leads to.

use std::collections::BTreeMap;
use std::time::Duration;

use periapt_model::effects::Reboot;
use periapt_model::log::Level;
use periapt_model::wake::WakeChange;
use serde_json::{Map, Value};

use super::state::State;
use crate::commands::Timer;
use crate::event::Event;
use crate::memory::{HandlerId, Notice};
use crate::status::Status;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// A hook command that the charm, or the library for it, ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRun {
    /// Its name.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its exit code.
    pub code: i32,
}

/// An event that a handler has had.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    /// The event.
    pub event: Event,
    /// Whose turn it was.
    pub handler: HandlerId,
    /// The how-manieth time: 1 for the first, more for one that was deferred.
    pub attempt: u32,
}

/// A deferred event that left the queue without being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The event's name.
    pub event: String,
    /// Who had deferred it.
    pub handler: HandlerId,
    /// Why it was dropped.
    pub reason: String,
}

/// What an event leads to: the state after it, and what was seen on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The state after it, which is a valid input.
    pub state: State,
    /// What was logged.
    pub logs: Vec<LogLine>,
    /// What an action told its operator; empty for events.
    pub action_results: Map<String, Value>,
    /// Why the action failed, if it did (`action-fail`).
    pub action_failure: Option<String>,
    /// What the action said while it ran.
    pub action_log: Vec<String>,
    /// All unit statuses that were set, in order; the last is the state's.
    pub status_history: Vec<Status>,
    /// All statuses of the application that were set, in order.
    pub app_status_history: Vec<Status>,
    /// All workload versions that were set, in order.
    pub workload_version_history: Vec<String>,
    /// All events that handlers had, in order: what was deferred, the event, custom events, pre-commit and commit.
    pub handled: Vec<Handled>,
    /// The custom events that were emitted, by name.
    pub emitted: Vec<String>,
    /// What was deferred and is gone without being done.
    pub dropped: Vec<Dropped>,
    /// What was written, as hook commands without their values: `relation-set db:1 host`.
    pub writes: Vec<String>,
    /// The hook commands that were run, in order.
    pub commands: Vec<CommandRun>,
    /// The storages that were asked for, by name: how many more of each.
    pub requested_storages: BTreeMap<String, u32>,
    /// The secrets that were taken away, by URI: one revision, or all of it.
    pub removed_secret_revisions: Vec<(String, Option<u32>)>,
    /// The timers of the machine that were set, where wakes are no part of Juju.
    pub timers: Vec<Timer>,
    /// The wakes that were asked for.
    pub wakes: Vec<WakeChange>,
    /// A restart that was asked for.
    pub reboot: Option<Reboot>,
    /// How long the charm waited, in virtual time.
    pub slept: Duration,
}

impl Output {
    /// What is deferred now, oldest first.
    #[must_use]
    pub fn deferred(&self) -> Vec<&Notice> {
        self.state.deferred()
    }

    /// Whether a line of at least this level has this text in it.
    #[must_use]
    pub fn has_logged(&self, level: Level, text: &str) -> bool {
        self.logs.iter().any(|line| line.level >= level && line.message.contains(text))
    }

    /// The handlers that ran for events of this name, in order.
    #[must_use]
    pub fn handlers_of(&self, event: &str) -> Vec<&str> {
        let of = self.handled.iter().filter(|handled| handled.event.name() == event);
        of.map(|handled| handled.handler.handler.as_str()).collect()
    }
}
