//! How a charm names the events that it handles.

use std::marker::PhantomData;

use super::{
    CollectMetrics, ConfigChanged, Deferrable, Event, EventKind, Install, LeaderElected,
    LeaderSettingsChanged, PostSeriesUpgrade, PreSeriesUpgrade, Remove, SecretChanged, SecretExpired,
    SecretRemove, SecretRotate, Start, Stop, UpdateStatus, UpgradeCharm, Woken,
};

/// Which events a handler wants: a kind, and for some kinds the endpoint, container, storage or name it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The kind.
    pub kind: EventKind,
    /// What it is about.
    pub subject: Option<String>,
}

impl Pattern {
    /// Whether the event is one of them.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        event.kind() == self.kind && (self.subject.is_none() || self.subject.as_deref() == event.subject())
    }

    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.kind.name_for(self.subject.as_deref())
    }
}

/// Events of one type, to be handled: `start()`, `DB.changed()`, `WEB.pebble_ready()`.
#[derive(Debug)]
pub struct On<E> {
    kind: EventKind,
    subject: Option<&'static str>,
    event: PhantomData<fn() -> E>,
}

impl<E> Clone for On<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for On<E> {}

impl<E> On<E> {
    const fn all(kind: EventKind) -> Self {
        Self { kind, subject: None, event: PhantomData }
    }

    pub(crate) const fn about(kind: EventKind, subject: &'static str) -> Self {
        Self { kind, subject: Some(subject), event: PhantomData }
    }

    pub(crate) const fn framework(kind: EventKind) -> Self {
        Self::all(kind)
    }

    /// The events as data.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        Pattern { kind: self.kind, subject: self.subject.map(str::to_owned) }
    }

    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.kind.name_for(self.subject)
    }
}

macro_rules! selectors {
    ($($(#[$doc:meta])* $name:ident: $kind:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name() -> On<$kind> {
            On::all(EventKind::$kind)
        }
    )+};
}

selectors! {
    /// `install`
    install: Install,
    /// `start`
    start: Start,
    /// `config-changed`
    config_changed: ConfigChanged,
    /// `update-status`
    update_status: UpdateStatus,
    /// `upgrade-charm`
    upgrade_charm: UpgradeCharm,
    /// `leader-elected`
    leader_elected: LeaderElected,
    /// `leader-settings-changed`
    leader_settings_changed: LeaderSettingsChanged,
    /// `pre-series-upgrade`
    pre_series_upgrade: PreSeriesUpgrade,
    /// `post-series-upgrade`
    post_series_upgrade: PostSeriesUpgrade,
    /// `collect-metrics`
    collect_metrics: CollectMetrics,
    /// `secret-changed`
    secret_changed: SecretChanged,
    /// `secret-remove`
    secret_remove: SecretRemove,
    /// `secret-expired`, which cannot be deferred
    secret_expired: SecretExpired,
    /// `secret-rotate`, which cannot be deferred
    secret_rotate: SecretRotate,
    /// `stop`, which cannot be deferred
    stop: Stop,
    /// `remove`, which cannot be deferred
    remove: Remove,
    /// Periapt's own: a wake that was asked for has come
    woken: Woken,
}

/// One or several kinds of events that can all be deferred: an [`On`] or a tuple of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no selection of events that can be deferred",
    note = "give one event or a tuple of up to twelve: `(start(), config_changed(), DB.changed())`",
    note = "stop, remove, secret-rotate and secret-expired cannot be deferred: handle each with a method of its own, such as `on.stop(...)`"
)]
pub trait Selection {
    /// The events as data.
    fn patterns(&self) -> Vec<Pattern>;
}

impl<E: Deferrable> Selection for On<E> {
    fn patterns(&self) -> Vec<Pattern> {
        vec![self.pattern()]
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Selection),+> Selection for ($($name,)+) {
            fn patterns(&self) -> Vec<Pattern> {
                #[allow(non_snake_case, reason = "one variable for each type")]
                let ($($name,)+) = self;
                let mut patterns = Vec::new();
                $(patterns.extend($name.patterns());)+
                patterns
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
