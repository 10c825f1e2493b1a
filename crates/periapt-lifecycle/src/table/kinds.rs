//! The kinds of events, those included that later parts of the system bring.

use periapt_model::hook::{Hook, RelationEvent, SecretEvent, StorageEvent};
use serde::Serialize;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A kind of event in a unit's life.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum EventKind { $($(#[$doc])* $variant),+ }

        impl EventKind {
            /// Every kind, in the order of a unit's life.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant),+];

            /// The hook's name without what it is prefixed with.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

kinds! {
    /// A storage is there.
    StorageAttached = "storage-attached",
    /// The unit is new.
    Install = "install",
    /// A relation exists.
    RelationCreated = "relation-created",
    /// The unit leads.
    LeaderElected = "leader-elected",
    /// The leader wrote leader settings.
    LeaderSettingsChanged = "leader-settings-changed",
    /// Config, trust or addresses changed.
    ConfigChanged = "config-changed",
    /// The charm may start its workload.
    Start = "start",
    /// A remote unit is there.
    RelationJoined = "relation-joined",
    /// A databag changed.
    RelationChanged = "relation-changed",
    /// A remote unit left, or we leave.
    RelationDeparted = "relation-departed",
    /// A relation is over.
    RelationBroken = "relation-broken",
    /// The timer.
    UpdateStatus = "update-status",
    /// New charm files.
    UpgradeCharm = "upgrade-charm",
    /// The machine's series will change.
    PreSeriesUpgrade = "pre-series-upgrade",
    /// The machine's series has changed.
    PostSeriesUpgrade = "post-series-upgrade",
    /// A secret has a new revision.
    SecretChanged = "secret-changed",
    /// A secret's revision has expired.
    SecretExpired = "secret-expired",
    /// It is time for a new revision.
    SecretRotate = "secret-rotate",
    /// A revision has no readers.
    SecretRemove = "secret-remove",
    /// A container's Pebble came up.
    PebbleReady = "pebble-ready",
    /// A notice was recorded in a container.
    PebbleCustomNotice = "pebble-custom-notice",
    /// A Pebble check failed.
    PebbleCheckFailed = "pebble-check-failed",
    /// A Pebble check succeeds again.
    PebbleCheckRecovered = "pebble-check-recovered",
    /// Metrics are to be collected.
    CollectMetrics = "collect-metrics",
    /// The meter status changed.
    MeterStatusChanged = "meter-status-changed",
    /// An action or a command line.
    Action = "action",
    /// Ours: deferred events are run again.
    DeferredWake = "periapt-wake",
    /// A storage goes away.
    StorageDetaching = "storage-detaching",
    /// The workload is to stop.
    Stop = "stop",
    /// The unit goes away.
    Remove = "remove",
}

impl From<&Hook> for EventKind {
    fn from(hook: &Hook) -> Self {
        match hook {
            Hook::Install => Self::Install,
            Hook::Start => Self::Start,
            Hook::ConfigChanged => Self::ConfigChanged,
            Hook::UpgradeCharm => Self::UpgradeCharm,
            Hook::Stop => Self::Stop,
            Hook::Remove => Self::Remove,
            Hook::UpdateStatus => Self::UpdateStatus,
            Hook::LeaderElected => Self::LeaderElected,
            Hook::LeaderSettingsChanged => Self::LeaderSettingsChanged,
            Hook::DeferredWake => Self::DeferredWake,
            Hook::Secret(secret) => match secret.event {
                SecretEvent::Changed => Self::SecretChanged,
                SecretEvent::Expired => Self::SecretExpired,
                SecretEvent::Rotate => Self::SecretRotate,
                SecretEvent::Remove => Self::SecretRemove,
            },
            Hook::Storage(storage) => match storage.event {
                StorageEvent::Attached => Self::StorageAttached,
                StorageEvent::Detaching => Self::StorageDetaching,
            },
            Hook::Relation(relation) => match relation.event {
                RelationEvent::Created => Self::RelationCreated,
                RelationEvent::Joined => Self::RelationJoined,
                RelationEvent::Changed => Self::RelationChanged,
                RelationEvent::Departed => Self::RelationDeparted,
                RelationEvent::Broken => Self::RelationBroken,
            },
        }
    }
}
