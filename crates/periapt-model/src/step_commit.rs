//! What an agent hands over when a step begins or ends: the input of [`commit`](crate::commit::commit).

use serde::{Deserialize, Serialize};

use crate::effects::Effects;
use crate::entity::TaskStatus;
use crate::journal::Entry;
use crate::local::{CharmRef, Local};
use crate::names::{RelationId, TaskId, UnitName};
use crate::status::{AgentStatus, WorkloadStatus};

/// A change to the model that follows from the agent's own bookkeeping, not from what the charm asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Our unit enters a relation: the controller writes the addresses into its databag.
    EnterScope(RelationId),
    /// Our unit leaves a relation; the last one to leave a dying relation removes it.
    LeaveScope(RelationId),
    /// What the agent does.
    AgentStatus {
        /// The word.
        status: AgentStatus,
        /// The text, such as `running install hook`.
        message: String,
        /// Details, such as the failed hook.
        data: std::collections::BTreeMap<String, serde_json::Value>,
    },
    /// The workload's status, where the agent sets it itself (reference 3.6).
    WorkloadStatus {
        /// The word.
        status: WorkloadStatus,
        /// The text.
        message: String,
    },
    /// The files in place.
    CharmInstalled(CharmRef),
    /// The operator's `resolved` was taken.
    ClearResolved,
    /// A task's process starts.
    TaskStarted(TaskId),
    /// A task has ended.
    TaskEnded {
        /// Which.
        task: TaskId,
        /// How: a final status.
        status: TaskStatus,
        /// Because its time was over.
        timed_out: bool,
        /// Why, where there is something to say.
        message: String,
        /// `action-set`'s values, `return-code`, `stdout`, `stderr`.
        results: serde_json::Map<String, serde_json::Value>,
    },
    /// The addresses in our databags are written anew (at the commit of a `config-changed`).
    RefreshAddresses,
    /// Leadership is given back at once.
    ReleaseLeadership,
    /// A storage was detached and goes away.
    DetachStorage(crate::names::StorageId),
    /// The unit is dead and goes away.
    Dead,
}

/// One transaction of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Whose.
    pub unit: UnitName,
    /// The agent's number; an older one than the unit's is refused.
    pub epoch: u64,
    /// The agent's new memory.
    pub local: Local,
    /// What follows from the step.
    pub acts: Vec<Act>,
    /// What the hook did; empty when it failed, or when none ran.
    #[serde(default)]
    pub effects: Effects,
    /// What to write down.
    #[serde(default)]
    pub journal: Vec<Entry>,
}

/// A commit that was refused: nothing of it is in the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitRefusal {
    /// Another agent has the unit now. This one must stop.
    #[error("agent {epoch} of {unit} is fenced: agent {current} has taken the unit")]
    Fenced {
        /// The unit.
        unit: UnitName,
        /// The agent that asked.
        epoch: u64,
        /// The agent that has the unit.
        current: u64,
    },
    /// The unit is gone.
    #[error("unit {0} is gone")]
    UnitGone(UnitName),
    /// The hook's effects may not be applied (leadership was lost during it): the hook has failed.
    #[error("cannot apply changes: {0}")]
    Effects(String),
}
