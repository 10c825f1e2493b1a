//! What comes of a command: an answer, or a refusal.

use serde::{Deserialize, Serialize};

use crate::entity::{TaskHost, TaskStatus};
use crate::names::{AppName, MachineId, OfferName, RelationId, SecretId, StorageId, TaskId, UnitName};

/// What `apply` answers beside the writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing more to say.
    #[default]
    Done,
    /// A new application and its units.
    Deployed {
        /// Its name.
        app: AppName,
        /// Its units.
        units: Vec<UnitName>,
        /// The charm's url.
        url: String,
    },
    /// New units.
    Units(Vec<UnitName>),
    /// Machines that are new or go away.
    Machines(Vec<MachineId>),
    /// Storages that are new or were changed.
    Storages(Vec<StorageId>),
    /// A new relation.
    Related {
        /// Its id.
        id: RelationId,
        /// `a:x b:y`.
        key: String,
    },
    /// A new offer, or one that was changed.
    Offered(OfferName),
    /// An offer of another model is known here under this name.
    Consumed(AppName),
    /// A new operation.
    Operation {
        /// Its id.
        id: TaskId,
        /// Its tasks and who runs them.
        tasks: Vec<(TaskId, TaskHost)>,
    },
    /// A secret of the operator's that is new or was changed.
    Secret(SecretId),
    /// Where a cancelled task stands now.
    Task(TaskStatus),
    /// The number of the agent that took a unit.
    Epoch(u64),
    /// Whether the unit leads now.
    Leader(bool),
    /// Nothing changed, and why that is no error.
    Unchanged(String),
    /// A new unit of a batch.
    Placed {
        /// Its name.
        unit: UnitName,
        /// Where it is.
        machine: MachineId,
        /// The machine was made for it.
        new: bool,
    },
    /// What each step of a batch answered.
    Batch(Vec<Answer>),
}

/// Of what kind a refusal is: the outermost floor makes exit codes and HTTP statuses of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// What it names is not there.
    NotFound,
    /// What it would make is there already.
    AlreadyExists,
    /// What it says is malformed or does not fit the charm.
    Invalid,
    /// It does not fit the present state.
    Conflict,
    /// Whoever asks may not.
    NotAllowed,
    /// It was planned from what has changed since.
    Changed,
}

/// A command that was refused. The model is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Of what kind.
    pub kind: RefusalKind,
    /// What was wrong, naming the thing.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// `message` about something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, message)
    }

    /// `message` about malformed input.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }

    /// `message` about a state that does not allow it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, message)
    }

    /// `message` about a missing right.
    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotAllowed, message)
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
