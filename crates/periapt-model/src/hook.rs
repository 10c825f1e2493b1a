//! Hooks: the events an agent runs a charm's process for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{AppName, EndpointName, RelationId, SecretId, StorageId, UnitName};

/// What happened in a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationEvent {
    /// The relation exists.
    Created,
    /// A remote unit is there.
    Joined,
    /// A remote unit's or application's databag changed.
    Changed,
    /// A remote unit left, or we are leaving.
    Departed,
    /// The relation is over for this unit.
    Broken,
}

impl RelationEvent {
    /// The hook name's last word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Changed => "changed",
            Self::Departed => "departed",
            Self::Broken => "broken",
        }
    }
}

/// A relation hook's subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationHook {
    /// What happened.
    pub event: RelationEvent,
    /// In which relation.
    pub relation: RelationId,
    /// Our endpoint of it.
    pub endpoint: EndpointName,
    /// The application on the other side; our own for a peer relation.
    pub remote_app: AppName,
    /// The unit it is about. None for created, broken and a change of the application's databag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_unit: Option<UnitName>,
    /// Departed only: who leaves, which is ourselves when our side goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departing: Option<UnitName>,
    /// Joined and changed: the version of the databag that the hook is told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// What happened to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretEvent {
    /// For who reads it: there is a newer revision.
    Changed,
    /// For its owner: a revision has expired. Again every five minutes until that revision is removed.
    Expired,
    /// For its owner: it is time for a new revision. Again every five minutes until there is one.
    Rotate,
    /// For its owner: nobody reads a revision any more.
    Remove,
}

impl SecretEvent {
    /// The hook name's last word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Expired => "expired",
            Self::Rotate => "rotate",
            Self::Remove => "remove",
        }
    }
}

/// A secret hook's subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretHook {
    /// What happened.
    pub event: SecretEvent,
    /// To which secret.
    pub secret: SecretId,
    /// The label of who is told: the reader's own for changed, else the owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The revision that expired or is read no more; for the others the newest. Charms are told of the first two only.
    pub revision: u32,
}

/// What happened to a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageEvent {
    /// It is there.
    Attached,
    /// It goes away.
    Detaching,
}

/// A storage hook's subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StorageHook {
    /// What happened.
    pub event: StorageEvent,
    /// To which storage.
    pub storage: StorageId,
}

/// One hook, with all that identifies it: a failed hook is retried with exactly this (Juju's `hook.Info`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// The unit is new.
    Install,
    /// After the first `config-changed`; again after a reboot.
    Start,
    /// Config, trust or addresses changed.
    ConfigChanged,
    /// New charm files were unpacked.
    UpgradeCharm,
    /// The unit is going away.
    Stop,
    /// The unit's last hook.
    Remove,
    /// The timer.
    UpdateStatus,
    /// This unit leads its application now.
    LeaderElected,
    /// The leader wrote leader settings (Juju 3 and older).
    LeaderSettingsChanged,
    /// Something in a relation.
    Relation(RelationHook),
    /// Something about a secret.
    Secret(SecretHook),
    /// Something about a storage.
    Storage(StorageHook),
    /// Ours: no charm knows this event, so that an `ops` charm re-emits what it deferred and sees nothing new.
    DeferredWake,
}

/// The name of the dispatch that wakes deferred events. No charm may have a hook of this name.
pub const DEFERRED_WAKE: &str = "periapt-wake";

impl Hook {
    /// The hook file's name, as in `JUJU_HOOK_NAME` and below `hooks/`.
    pub fn name(&self) -> String {
        match self {
            Self::Install => "install".into(),
            Self::Start => "start".into(),
            Self::ConfigChanged => "config-changed".into(),
            Self::UpgradeCharm => "upgrade-charm".into(),
            Self::Stop => "stop".into(),
            Self::Remove => "remove".into(),
            Self::UpdateStatus => "update-status".into(),
            Self::LeaderElected => "leader-elected".into(),
            Self::LeaderSettingsChanged => "leader-settings-changed".into(),
            Self::Relation(r) => format!("{}-relation-{}", r.endpoint, r.event.as_str()),
            Self::Secret(s) => format!("secret-{}", s.event.as_str()),
            Self::Storage(s) => {
                let event = if s.event == StorageEvent::Attached { "attached" } else { "detaching" };
                format!("{}-storage-{event}", s.storage.name)
            }
            Self::DeferredWake => DEFERRED_WAKE.into(),
        }
    }

    /// The relation it is about.
    pub fn relation(&self) -> Option<&RelationHook> {
        match self {
            Self::Relation(relation) => Some(relation),
            _ => None,
        }
    }

    /// The secret it is about.
    pub fn secret(&self) -> Option<&SecretHook> {
        match self {
            Self::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// The storage it is about.
    pub fn storage(&self) -> Option<&StorageHook> {
        match self {
            Self::Storage(storage) => Some(storage),
            _ => None,
        }
    }

    /// Whether the charm sees an event of its own (a wake is none).
    pub fn is_event(&self) -> bool {
        !matches!(self, Self::DeferredWake)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}
