//! The journal: what happened to each unit, in order. `tail`, `why`, `replay` and the checker read it and nothing else.

use serde::{Deserialize, Serialize};

use crate::entity::{Task, TaskKind};
use crate::hook::Hook;
use crate::local::{CharmRef, Deferred, Notice};
use crate::names::{ActionName, EndpointName, RelationId, StorageId, TaskId, UnitName};
use crate::time::Timestamp;

/// One record. Written in the same transaction as what it tells of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Counts up within the model; also its event id for `replay`.
    pub id: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Whose.
    pub unit: UnitName,
    /// What happened.
    pub entry: Entry,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A process of the charm ran (or there was none to run) and ended.
    Dispatch(Box<Dispatch>),
    /// Something in the unit's life that is no process.
    Mark(Mark),
}

/// What a dispatch was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A hook; a wake of deferred events is [`Hook::DeferredWake`].
    Hook(Hook),
    /// An action.
    Action {
        /// Its task.
        task: TaskId,
        /// Its name.
        name: ActionName,
    },
    /// A command line in a hook context.
    Exec {
        /// Its task.
        task: TaskId,
    },
    /// A recorded hook, run again by hand. It moves nothing in the agent's memory.
    Replay {
        /// Its task.
        task: TaskId,
        /// The record it repeats.
        record: u64,
        /// The hook.
        hook: Hook,
    },
}

impl Event {
    /// What a task is a dispatch of.
    pub fn of_task(task: &Task) -> Self {
        let id = task.id;
        match &task.kind {
            TaskKind::Action { name, .. } => Self::Action { task: id, name: name.clone() },
            TaskKind::Exec { .. } => Self::Exec { task: id },
            TaskKind::Replay { record, hook } => {
                Self::Replay { task: id, record: *record, hook: hook.clone() }
            }
        }
    }

    /// Its name for people: the hook's, the action's, or `juju-exec`.
    pub fn name(&self) -> String {
        match self {
            Self::Hook(hook) | Self::Replay { hook, .. } => hook.name(),
            Self::Action { name, .. } => name.to_string(),
            Self::Exec { .. } => "juju-exec".to_owned(),
        }
    }
}

/// How a dispatch ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Exit 0, effects committed.
    Done,
    /// The charm has no such hook: success.
    Missing,
    /// Resolved by hand without running it again.
    Skipped,
    /// Failed; effects dropped.
    Failed {
        /// In words: `exit status 1`.
        reason: String,
        /// The last lines of its output, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<String>,
    },
    /// Ended from outside (a signal, a dead daemon); effects dropped, it runs again.
    Interrupted {
        /// In words.
        reason: String,
    },
}

impl Outcome {
    /// Whether the agent's memory moved on.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Missing | Self::Skipped)
    }
}

/// An event that was deferred for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewlyDeferred {
    /// Which.
    #[serde(flatten)]
    pub notice: Notice,
    /// Why, in the charm's words; empty where it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Why a notice left the queue without its handler finishing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Which.
    pub notice: Notice,
    /// Why, in words.
    pub reason: String,
}

/// What a dispatch did to the queue of deferred events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Deferrals {
    /// Deferred for the first time in this dispatch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<NewlyDeferred>,
    /// Run again in this dispatch and deferred again, with what is known of each after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<Deferred>,
    /// Run again in this dispatch and done, with what was known of each before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Deferred>,
    /// Gone without being done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// Not to be run any more: the charm no longer knows the event or its handler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<Deferred>,
}

impl Deferrals {
    /// Whether the dispatch touched the queue at all.
    pub fn is_empty(&self) -> bool {
        self.deferred.is_empty()
            && self.again.is_empty()
            && self.done.is_empty()
            && self.dropped.is_empty()
            && self.dead.is_empty()
    }
}

/// One dispatch, from the decision to the commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispatch {
    /// What for.
    pub event: Event,
    /// 1 for the first try.
    pub attempt: u32,
    /// When its process was about to start.
    pub started: Timestamp,
    /// When its process had ended.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What it did to the deferred events.
    #[serde(default, skip_serializing_if = "Deferrals::is_empty")]
    pub deferrals: Deferrals,
    /// Custom events that the charm's framework reported, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_events: Vec<String>,
    /// What it wrote, one line each: `relation-set db:3 host port`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
    /// How many hook commands it ran.
    #[serde(default)]
    pub hook_commands: u32,
    /// Whether it ran as the unit's leader.
    #[serde(default)]
    pub leader: bool,
}

/// Something in a unit's life that is no process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// An agent took the unit.
    AgentStarted {
        /// The agent's number.
        epoch: u64,
    },
    /// Charm files were put in place.
    CharmInstalled {
        /// Which.
        charm: CharmRef,
        /// They replaced others.
        upgrade: bool,
        /// Forced under a failed hook: no `upgrade-charm` follows.
        forced: bool,
    },
    /// The unit entered a relation's scope: the other side sees it.
    EnteredScope {
        /// The relation.
        relation: RelationId,
        /// Our endpoint.
        endpoint: EndpointName,
        /// Whether it is a peer relation.
        peer: bool,
        /// The implicit `juju-info` provider: no hooks follow.
        #[serde(default)]
        implicit: bool,
    },
    /// The unit accepted leadership; `leader-elected` is queued.
    LeaderAccepted,
    /// The unit gave leadership up or lost it.
    LeaderResigned,
    /// The agent saw that its unit is to go away.
    DyingSeen,
    /// A relation that the unit had entered went away without hooks (removed by force, or before `created` ran).
    RelationForgotten {
        /// The relation.
        relation: RelationId,
    },
    /// A storage went away without a hook: taken by force, or before its `attached` ran.
    StorageForgotten {
        /// The storage.
        storage: StorageId,
    },
    /// A hook that was decided lost its subject before it ran, or is not due any more.
    HookDropped {
        /// The hook.
        hook: Hook,
        /// Why, in words.
        reason: String,
    },
    /// A trace that breaks the lifecycle table: a fault of ours.
    Violation {
        /// What the checker said.
        text: String,
    },
    /// The unit is dead.
    Dead,
}
