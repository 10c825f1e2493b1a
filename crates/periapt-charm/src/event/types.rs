//! The events' types.

use std::fmt;
use std::str::FromStr;

use periapt_model::names::{AppName, EndpointName, RelationId, UnitName};
use serde::{Deserialize, Serialize};

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {}
    )+};
}

plain! {
    /// The unit is new.
    Install,
    /// After the first `config-changed`, and after the machine's restart.
    Start,
    /// Config, trust or addresses changed.
    ConfigChanged,
    /// The timer.
    UpdateStatus,
    /// New charm files were unpacked.
    UpgradeCharm,
    /// This unit leads its application now.
    LeaderElected,
    /// The leader wrote leader settings (Juju 3 and older).
    LeaderSettingsChanged,
    /// The machine's system is about to be upgraded (Juju 3 and older).
    PreSeriesUpgrade,
    /// The machine's system was upgraded (Juju 3 and older).
    PostSeriesUpgrade,
    /// Metrics are wanted (Juju 3 and older).
    CollectMetrics,
    /// The unit is going away. It cannot be deferred: there may be no other event.
    Stop,
    /// The unit's last event. It cannot be deferred.
    Remove,
    /// Periapt woke the unit, as it was asked to (`periapt-wake`). Never seen on Juju.
    Woken,
    /// The dispatch is about to be saved: stored state can still be changed.
    PreCommit,
    /// The dispatch is being saved.
    Commit,
}

/// A relation by its endpoint and id: `db:3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RelationRef {
    /// Our endpoint.
    pub endpoint: EndpointName,
    /// The id.
    pub id: RelationId,
}

impl fmt::Display for RelationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.endpoint, self.id)
    }
}

/// The relation exists. It may have no units on the other side yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationCreated {
    /// Which.
    pub relation: RelationRef,
    /// The application on the other side.
    pub app: AppName,
}

/// A unit of the other side is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationJoined {
    /// Which.
    pub relation: RelationRef,
    /// The application on the other side.
    pub app: AppName,
    /// The unit.
    pub unit: UnitName,
}

/// A databag of the other side changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationChanged {
    /// Which.
    pub relation: RelationRef,
    /// The application on the other side.
    pub app: AppName,
    /// Whose databag; none for the application's.
    pub unit: Option<UnitName>,
}

/// A unit left the relation, or we are leaving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationDeparted {
    /// Which.
    pub relation: RelationRef,
    /// The application on the other side.
    pub app: AppName,
    /// The unit it is about.
    pub unit: UnitName,
    /// Who leaves: that unit, or ourselves.
    pub departing: Option<UnitName>,
}

/// The relation is over for this unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationBroken {
    /// Which.
    pub relation: RelationRef,
    /// The application that was on the other side.
    pub app: AppName,
}

/// A storage instance: `data/0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StorageId {
    /// The name in the metadata.
    pub name: String,
    /// The number.
    pub index: u32,
}

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.index)
    }
}

impl From<StorageId> for String {
    fn from(id: StorageId) -> Self {
        id.to_string()
    }
}

/// A text that is no storage instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no storage: expected NAME/NUMBER")]
pub struct InvalidStorageId(String);

impl FromStr for StorageId {
    type Err = InvalidStorageId;

    fn from_str(text: &str) -> Result<Self, InvalidStorageId> {
        let invalid = || InvalidStorageId(text.to_owned());
        let (name, index) = text.split_once('/').filter(|(name, _)| !name.is_empty()).ok_or_else(invalid)?;
        Ok(Self { name: name.to_owned(), index: index.parse().map_err(|_| invalid())? })
    }
}

impl TryFrom<String> for StorageId {
    type Error = InvalidStorageId;
    fn try_from(text: String) -> Result<Self, InvalidStorageId> {
        text.parse()
    }
}

macro_rules! about {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)? }),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }
    )+};
}

/// A secret by its URI, and the name that this unit gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretRef {
    /// The URI: `secret:…`.
    pub id: String,
    /// Our label, if we gave it one.
    pub label: Option<String>,
}

about! {
    /// A storage is there.
    StorageAttached {
        /// Which.
        storage: StorageId,
    },
    /// A storage is about to go.
    StorageDetaching {
        /// Which.
        storage: StorageId,
    },
    /// A container's Pebble answers.
    PebbleReady {
        /// The container.
        container: String,
    },
    /// Somebody in a container wrote a notice.
    PebbleCustomNotice {
        /// The container.
        container: String,
        /// The notice's id.
        id: String,
        /// Its type: `custom`.
        kind: String,
        /// Its key: `example.com/subject`.
        key: String,
    },
    /// A check of a container has failed as often as its threshold says.
    PebbleCheckFailed {
        /// The container.
        container: String,
        /// The check.
        check: String,
    },
    /// A check that had failed succeeds again.
    PebbleCheckRecovered {
        /// The container.
        container: String,
        /// The check.
        check: String,
    },
    /// A secret that this unit reads has a new revision.
    SecretChanged {
        /// Which.
        secret: SecretRef,
    },
    /// Nobody reads a revision of our secret any more.
    SecretRemove {
        /// Which.
        secret: SecretRef,
        /// The revision.
        revision: u64,
    },
    /// A revision of our secret has expired. It cannot be deferred: Juju repeats it until there is a new revision.
    SecretExpired {
        /// Which.
        secret: SecretRef,
        /// The revision.
        revision: u64,
    },
    /// Our secret wants a new revision. It cannot be deferred: Juju repeats it until there is one.
    SecretRotate {
        /// Which.
        secret: SecretRef,
    },
}
