//! Statuses: what a unit, an application or an agent says of itself (`core/status/status.go` of Juju 3.6).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

macro_rules! status_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word Juju prints.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownStatus;
            fn from_str(text: &str) -> Result<Self, UnknownStatus> {
                Self::ALL.iter().copied().find(|s| s.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
            }
        }
    };
}

/// A word that is no status of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status")]
pub struct UnknownStatus(pub String);

status_enum!(
    /// The workload's status of a unit or an application, ordered from worst to best as Juju derives an application's.
    WorkloadStatus {
        /// A hook failed. Set by the agent only.
        Error = "error",
        /// A human is needed.
        Blocked = "blocked",
        /// The charm is at work.
        Maintenance = "maintenance",
        /// Something else must happen first.
        Waiting = "waiting",
        /// All is well.
        Active = "active",
        /// The unit is gone.
        Terminated = "terminated",
        /// The charm never said.
        Unknown = "unknown",
        /// An application's that nobody set.
        Unset = "unset",
    }
);

impl WorkloadStatus {
    /// What a charm may set through `status-set`, in the order Juju's error text lists them.
    pub const SETTABLE: [WorkloadStatus; 4] = [
        WorkloadStatus::Maintenance,
        WorkloadStatus::Blocked,
        WorkloadStatus::Waiting,
        WorkloadStatus::Active,
    ];
}

status_enum!(
    /// The agent's status of a unit (`juju-status`).
    AgentStatus {
        /// The unit has no agent yet.
        Allocating = "allocating",
        /// It runs a hook, an action or installs the charm.
        Executing = "executing",
        /// Nothing to do.
        Idle = "idle",
        /// A hook failed; shown to readers as workload `error` and agent `idle`.
        Error = "error",
        /// The agent itself failed.
        Failed = "failed",
        /// The agent is not heard of.
        Lost = "lost",
        /// The machine is restarting.
        Rebooting = "rebooting",
    }
);

/// A status with its message, data and the moment it was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status<S> {
    /// The word.
    pub status: S,
    /// Free text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Structured details, such as the failed hook's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, serde_json::Value>,
    /// When it was set.
    pub since: Timestamp,
}

impl<S> Status<S> {
    /// A status without data.
    pub fn new(status: S, message: impl Into<String>, since: Timestamp) -> Self {
        Self { status, message: message.into(), data: BTreeMap::new(), since }
    }
}

impl<S: PartialEq> Status<S> {
    /// Whether `other` says the same, whenever it was said.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.status == other.status && self.message == other.message && self.data == other.data
    }
}

/// Where an entity stands between its creation and its end. It never goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// In use.
    #[default]
    Alive,
    /// Somebody asked for its end; it still has work to do.
    Dying,
    /// Nothing blocks its removal.
    Dead,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Life::Alive => "alive",
            Life::Dying => "dying",
            Life::Dead => "dead",
        })
    }
}
