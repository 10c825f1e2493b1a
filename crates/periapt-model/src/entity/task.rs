//! Operations and tasks: actions and `exec` (reference 7.4).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ActionName, AppName, EndpointName, InvalidName, MachineId, RelationId, TaskId, UnitName};
use crate::time::Timestamp;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Waits for its unit.
    Pending,
    /// Its process runs.
    Running,
    /// It is being killed.
    Aborting,
    /// Ended well.
    Completed,
    /// `action-fail` was called, or its process failed.
    Failed,
    /// Taken back before it ran.
    Cancelled,
    /// Killed while it ran.
    Aborted,
    /// It could not be run at all.
    Error,
}

impl TaskStatus {
    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Aborting)
    }

    /// The word Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Aborting => "aborting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who runs a task, written as its name: `app/0`, or the number of a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TaskHost {
    /// A unit, in the context of a hook.
    Unit(UnitName),
    /// A machine, without a context.
    Machine(MachineId),
}

impl TaskHost {
    /// The unit, if it is one.
    #[must_use]
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Unit(unit) => Some(unit),
            Self::Machine(_) => None,
        }
    }

    /// The machine, if it is one.
    #[must_use]
    pub fn machine(&self) -> Option<MachineId> {
        match self {
            Self::Unit(_) => None,
            Self::Machine(id) => Some(*id),
        }
    }

    /// Juju's tag: `unit-app-0` or `machine-0`.
    #[must_use]
    pub fn tag(&self) -> String {
        match self {
            Self::Unit(unit) => unit.tag(),
            Self::Machine(id) => format!("machine-{id}"),
        }
    }
}

impl fmt::Display for TaskHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => unit.fmt(f),
            Self::Machine(id) => id.fmt(f),
        }
    }
}

impl From<UnitName> for TaskHost {
    fn from(unit: UnitName) -> Self {
        Self::Unit(unit)
    }
}

impl From<MachineId> for TaskHost {
    fn from(machine: MachineId) -> Self {
        Self::Machine(machine)
    }
}

impl TryFrom<String> for TaskHost {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.parse() {
            Ok(number) => Ok(Self::Machine(number)),
            Err(_) => text.parse().map(Self::Unit),
        }
    }
}

impl From<TaskHost> for String {
    fn from(host: TaskHost) -> String {
        host.to_string()
    }
}

/// What a task runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// An action of the charm.
    Action {
        /// Its name.
        name: ActionName,
        /// Its parameters, checked, with defaults.
        params: serde_json::Map<String, serde_json::Value>,
    },
    /// `exec`: a command line for `/bin/bash -s` in a hook context.
    Exec {
        /// The script.
        command: String,
        /// It is killed after this many milliseconds; None: never.
        timeout_ms: Option<u64>,
        /// The relation its context is about (`juju-exec --relation`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relation: Option<ExecRelation>,
        /// It was asked for on the unit itself (`juju-exec`): no operation that anybody lists.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        local: bool,
    },
    /// `replay`: a recorded event again.
    Replay {
        /// The journal record it repeats.
        record: u64,
        /// The hook.
        hook: crate::hook::Hook,
    },
}

/// The relation that a command line's context is about, with whom it stands for on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRelation {
    /// Its number.
    pub id: RelationId,
    /// Our endpoint.
    pub endpoint: EndpointName,
    /// `JUJU_REMOTE_APP`.
    pub remote_app: AppName,
    /// `JUJU_REMOTE_UNIT`.
    pub remote_unit: Option<UnitName>,
}

impl TaskKind {
    /// Whether it was asked for on the unit itself, and is nobody's operation.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Exec { local: true, .. })
    }

    /// What `show-operation` calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Action { name, .. } => name.to_string(),
            Self::Exec { .. } => "juju-exec".to_owned(),
            Self::Replay { hook, .. } => format!("replay {hook}"),
        }
    }
}

/// One piece of work for one unit or machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The operation it belongs to.
    pub operation: TaskId,
    /// Who runs it. Called `unit` where it is stored.
    #[serde(rename = "unit")]
    pub host: TaskHost,
    /// What it runs.
    pub kind: TaskKind,
    /// It may run without the machine lock.
    #[serde(default)]
    pub parallel: bool,
    /// The execution group: tasks of one group take turns on a machine, whatever hooks run there. Empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// It was ended because its time was over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// `action-fail`'s text, or why it could not run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `action-set`'s values, and `return-code`, `stdout`, `stderr`.
    #[serde(default)]
    pub results: serde_json::Map<String, serde_json::Value>,
    /// `action-log`'s lines.
    #[serde(default)]
    pub log: Vec<(Timestamp, String)>,
    /// When it was asked for.
    pub enqueued: Timestamp,
    /// When its process started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// How many bytes what it came to has as JSON, counted when it ends: see `max-action-results-size`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size: u64,
}

fn is_zero(size: &u64) -> bool {
    *size == 0
}

/// Counts what is written, and keeps none of it.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Task {
    /// Keeps what it came to. Its status is the caller's to set.
    pub(crate) fn keep_results(
        &mut self,
        timed_out: bool,
        message: String,
        results: serde_json::Map<String, serde_json::Value>,
        now: Timestamp,
    ) {
        let mut counted = Counted(0);
        // Neither the counting nor JSON of a map with text keys can fail.
        drop(serde_json::to_writer(&mut counted, &results));
        let log: usize = self.log.iter().map(|(_, line)| line.len()).sum();
        self.size = counted.0.saturating_add((log + message.len()) as u64);
        self.timed_out = timed_out;
        self.message = message;
        self.results = results;
        self.completed = Some(now);
    }
}

/// What one `run` or `exec` asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number, from the same counter as the tasks'.
    pub id: TaskId,
    /// In words: `read run on unit-reader-0`.
    pub summary: String,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// When it was asked for.
    pub enqueued: Timestamp,
}
