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
    /// Whose subordinate it is: the unit that it shares its machine and its fate with. None for a principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<UnitName>,
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
    /// What `payload-register` told of, by class and id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payloads: BTreeMap<PayloadKey, Payload>,
}

/// Which of a unit's payloads: its class and its id within that. Written `CLASS/ID`; a class has no slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayloadKey {
    /// One of the classes that the charm declares.
    pub class: String,
    /// Chosen by the charm.
    pub id: String,
}

impl From<PayloadKey> for String {
    fn from(PayloadKey { class, id }: PayloadKey) -> Self {
        format!("{class}/{id}")
    }
}

impl TryFrom<String> for PayloadKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (class, id) = text.split_once('/').ok_or("expected CLASS/ID")?;
        Ok(Self { class: class.to_owned(), id: id.to_owned() })
    }
}

/// Something that a charm runs and tells of, such as a container (Juju 3 and older).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// What the charm declares its class to be, such as `docker`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What it does.
    pub status: PayloadStatus,
}

/// What a payload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadStatus {
    /// It is about to run.
    Starting,
    /// It runs.
    Started,
    /// It is about to end.
    Stopping,
    /// It has ended.
    Stopped,
}

impl PayloadStatus {
    /// The words that `payload-status-set` takes.
    pub const ALL: [(&'static str, Self); 4] = [
        ("starting", Self::Starting),
        ("started", Self::Started),
        ("stopping", Self::Stopping),
        ("stopped", Self::Stopped),
    ];
}

/// What becomes of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadChange {
    /// It is there, and runs.
    Register {
        /// See [`Payload::kind`].
        kind: String,
        /// See [`Payload::labels`].
        labels: Vec<String>,
    },
    /// It does something else.
    Status(PayloadStatus),
    /// It is gone.
    Unregister,
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
