//! Units, their agents' memory, and leadership.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::effects::OpenPorts;
use crate::local::{CharmRef, Local};
use crate::names::{AppName, MachineId, UnitName};
use crate::remote::Resolve;
use crate::status::{AgentStatus, Life, Status, WorkloadStatus};

/// A unit as operators and other units see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// Whether it is going away.
    pub life: Life,
    /// Where it runs.
    pub machine: MachineId,
    /// The charm files it has; None before install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm: Option<CharmRef>,
    /// What the operator said about its failed hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolve>,
    /// What the charm says of the workload.
    pub workload: Status<WorkloadStatus>,
    /// What the agent does.
    pub agent: Status<AgentStatus>,
    /// What `application-version-set` set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_version: Option<String>,
    /// What `open-port` opened.
    #[serde(default)]
    pub ports: OpenPorts,
}

/// An agent: its memory, and the number that tells its successor from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Agent {
    /// Raised each time an agent takes the unit; a commit with an older number is refused.
    pub epoch: u64,
    /// Its memory.
    pub local: Local,
}

/// What the charm keeps with `state-set`.
pub type CharmState = BTreeMap<String, String>;

/// Who leads an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// The application.
    pub app: AppName,
    /// The unit that holds the lease.
    pub unit: UnitName,
}

/// What leaders wrote with `leader-set` (Juju 3 and older).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LeaderSettings {
    /// Their content.
    pub settings: BTreeMap<String, String>,
    /// Counts their changes; 0 if never written.
    pub version: u64,
}
