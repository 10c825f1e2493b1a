//! Events: one type for each Juju event with its data, a closed enum of all of them, and how a charm names the ones it
//! handles.
//!
//! The table is that of `ops` (its `charm.py`), with the same hook names. Which events may be deferred is a matter of
//! types: [`EventType::Returns`] is [`Flow`] for those that may be, and [`Finish`], which has no deferral in it, for those
//! that may not.

mod custom;
mod kind;
mod select;
mod types;

use serde::{Deserialize, Serialize};

pub use custom::{CustomEvent, Emitted};
pub use kind::EventKind;
pub use select::{
    On, Pattern, Selection, collect_metrics, config_changed, install, leader_elected,
    leader_settings_changed, post_series_upgrade, pre_series_upgrade, remove, secret_changed, secret_expired,
    secret_remove, secret_rotate, start, stop, update_status, upgrade_charm, woken,
};
pub use types::{
    CollectMetrics, Commit, ConfigChanged, Install, LeaderElected, LeaderSettingsChanged, PebbleCheckFailed,
    PebbleCheckRecovered, PebbleCustomNotice, PebbleReady, PostSeriesUpgrade, PreCommit, PreSeriesUpgrade,
    RelationBroken, RelationChanged, RelationCreated, RelationDeparted, RelationJoined, RelationRef, Remove,
    SecretChanged, SecretExpired, SecretRef, SecretRemove, SecretRotate, Start, Stop, StorageAttached,
    StorageDetaching, StorageId, UpdateStatus, UpgradeCharm, Woken,
};

use crate::flow::{Finish, Flow};

/// One kind of event as a type.
pub trait EventType: Clone + 'static {
    /// What its handlers return: [`Flow`], or [`Finish`] where the event cannot be deferred.
    type Returns: crate::flow::Outcome;

    /// The event of this type in `event`.
    fn from_event(event: &Event) -> Option<Self>;
}

/// An event that can be deferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` events cannot be deferred",
    label = "handle this one by itself, with a method that returns `Finish`",
    note = "stop, remove, secret-rotate and secret-expired have methods of their own, such as `on.stop(Self::stop)`"
)]
pub trait Deferrable: EventType<Returns = Flow> {}

macro_rules! deferrable {
    ($kind:ident Flow) => {
        impl Deferrable for $kind {}
    };
    ($kind:ident Finish) => {};
}

macro_rules! events {
    ($($kind:ident -> $returns:ident),+ $(,)?) => {
        /// Any event of a unit but an action.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "event", content = "data", rename_all = "kebab-case")]
        pub enum Event {
            $(
                #[doc = concat!("See [`", stringify!($kind), "`].")]
                $kind($kind),
            )+
            /// An event of the charm's own.
            Custom(Emitted),
        }

        impl Event {
            /// Which kind it is.
            #[must_use]
            pub fn kind(&self) -> EventKind {
                match self {
                    $(Self::$kind(_) => EventKind::$kind,)+
                    Self::Custom(_) => EventKind::Custom,
                }
            }
        }

        $(
            impl From<$kind> for Event {
                fn from(event: $kind) -> Self {
                    Self::$kind(event)
                }
            }

            deferrable!($kind $returns);

            impl EventType for $kind {
                type Returns = $returns;

                fn from_event(event: &Event) -> Option<Self> {
                    match event {
                        Event::$kind(event) => Some(event.clone()),
                        _ => None,
                    }
                }
            }
        )+
    };
}

events! {
    Install -> Flow,
    Start -> Flow,
    ConfigChanged -> Flow,
    UpdateStatus -> Flow,
    UpgradeCharm -> Flow,
    LeaderElected -> Flow,
    LeaderSettingsChanged -> Flow,
    PreSeriesUpgrade -> Flow,
    PostSeriesUpgrade -> Flow,
    CollectMetrics -> Flow,
    RelationCreated -> Flow,
    RelationJoined -> Flow,
    RelationChanged -> Flow,
    RelationDeparted -> Flow,
    RelationBroken -> Flow,
    StorageAttached -> Flow,
    StorageDetaching -> Flow,
    PebbleReady -> Flow,
    PebbleCustomNotice -> Flow,
    PebbleCheckFailed -> Flow,
    PebbleCheckRecovered -> Flow,
    SecretChanged -> Flow,
    SecretRemove -> Flow,
    Woken -> Flow,
    Stop -> Finish,
    Remove -> Finish,
    SecretExpired -> Finish,
    SecretRotate -> Finish,
    PreCommit -> Finish,
    Commit -> Finish,
}

impl Event {
    /// The endpoint, container or storage it is about: what stands in front of the hook's name.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::PebbleReady(e) => Some(&e.container),
            Self::PebbleCustomNotice(e) => Some(&e.container),
            Self::PebbleCheckFailed(e) => Some(&e.container),
            Self::PebbleCheckRecovered(e) => Some(&e.container),
            Self::StorageAttached(e) => Some(&e.storage.name),
            Self::StorageDetaching(e) => Some(&e.storage.name),
            Self::Custom(e) => Some(&e.name),
            _ => self.relation().map(|relation| relation.endpoint.as_str()),
        }
    }

    /// The relation it is about.
    #[must_use]
    pub fn relation(&self) -> Option<&RelationRef> {
        match self {
            Self::RelationCreated(e) => Some(&e.relation),
            Self::RelationJoined(e) => Some(&e.relation),
            Self::RelationChanged(e) => Some(&e.relation),
            Self::RelationDeparted(e) => Some(&e.relation),
            Self::RelationBroken(e) => Some(&e.relation),
            _ => None,
        }
    }

    /// The secret it is about.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::SecretChanged(e) => Some(&e.secret),
            Self::SecretRemove(e) => Some(&e.secret),
            Self::SecretExpired(e) => Some(&e.secret),
            Self::SecretRotate(e) => Some(&e.secret),
            _ => None,
        }
    }

    /// The storage it is about.
    #[must_use]
    pub fn storage(&self) -> Option<&StorageId> {
        match self {
            Self::StorageAttached(e) => Some(&e.storage),
            Self::StorageDetaching(e) => Some(&e.storage),
            _ => None,
        }
    }

    /// The hook's name, such as `db-relation-changed`; a custom event's own name.
    #[must_use]
    pub fn name(&self) -> String {
        self.kind().name_for(self.subject())
    }

    /// Whether nothing deferred is run and no status is set around it (`collect-metrics`; ops 1.5).
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.kind() == EventKind::CollectMetrics
    }
}
