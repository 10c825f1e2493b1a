//! The kinds of events, and their hooks' names.

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal $($prefixed:ident)?),+ $(,)?) => {
        /// What kind of event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $(
                #[doc = concat!("`", $name, "`")]
                $kind,
            )+
            /// An event of the charm's own.
            Custom,
        }

        impl EventKind {
            /// Every kind that Juju has, in no order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The hook's name; for events about an endpoint, a container or a storage what follows its name and a dash.
            #[must_use]
            pub const fn suffix(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                    Self::Custom => "",
                }
            }

            /// Whether the hook's name begins with that of an endpoint, a container or a storage.
            #[must_use]
            pub const fn has_subject(self) -> bool {
                match self {
                    $(Self::$kind => kinds!(@is $($prefixed)?),)+
                    Self::Custom => true,
                }
            }
        }
    };
    (@is prefixed) => { true };
    (@is) => { false };
}

kinds! {
    Install = "install",
    Start = "start",
    ConfigChanged = "config-changed",
    UpdateStatus = "update-status",
    UpgradeCharm = "upgrade-charm",
    LeaderElected = "leader-elected",
    LeaderSettingsChanged = "leader-settings-changed",
    PreSeriesUpgrade = "pre-series-upgrade",
    PostSeriesUpgrade = "post-series-upgrade",
    CollectMetrics = "collect-metrics",
    RelationCreated = "relation-created" prefixed,
    RelationJoined = "relation-joined" prefixed,
    RelationChanged = "relation-changed" prefixed,
    RelationDeparted = "relation-departed" prefixed,
    RelationBroken = "relation-broken" prefixed,
    StorageAttached = "storage-attached" prefixed,
    StorageDetaching = "storage-detaching" prefixed,
    PebbleReady = "pebble-ready" prefixed,
    PebbleCustomNotice = "pebble-custom-notice" prefixed,
    PebbleCheckFailed = "pebble-check-failed" prefixed,
    PebbleCheckRecovered = "pebble-check-recovered" prefixed,
    SecretChanged = "secret-changed",
    SecretRemove = "secret-remove",
    SecretExpired = "secret-expired",
    SecretRotate = "secret-rotate",
    Woken = "periapt-wake",
    Stop = "stop",
    Remove = "remove",
    PreCommit = "pre-commit",
    Commit = "commit",
}

impl EventKind {
    /// The hook's name for an event about `subject`.
    #[must_use]
    pub fn name_for(self, subject: Option<&str>) -> String {
        match (subject, self) {
            (Some(subject), Self::Custom) => subject.to_owned(),
            (Some(subject), _) if self.has_subject() => format!("{subject}-{}", self.suffix()),
            _ => self.suffix().to_owned(),
        }
    }

    /// The kind and the subject that a hook's name stands for; none for a name that is no hook's.
    #[must_use]
    pub fn of_hook(name: &str) -> Option<(Self, Option<&str>)> {
        let framework = |kind: Self| matches!(kind, Self::PreCommit | Self::Commit);
        let kinds = Self::ALL.iter().copied().filter(|kind| !framework(*kind));
        kinds
            .filter_map(|kind| match kind.has_subject() {
                false => (name == kind.suffix()).then_some((kind, None)),
                true => {
                    let subject = name.strip_suffix(kind.suffix())?.strip_suffix('-')?;
                    (!subject.is_empty()).then_some((kind, Some(subject)))
                }
            })
            .next()
    }

    /// Whether handlers may defer it.
    #[must_use]
    pub const fn is_deferrable(self) -> bool {
        !matches!(
            self,
            Self::Stop
                | Self::Remove
                | Self::SecretExpired
                | Self::SecretRotate
                | Self::PreCommit
                | Self::Commit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_read_from_their_names() {
        for (name, kind, subject) in [
            ("start", EventKind::Start, None),
            ("db-relation-changed", EventKind::RelationChanged, Some("db")),
            ("my-relation-db-relation-broken", EventKind::RelationBroken, Some("my-relation-db")),
            ("web-pebble-check-failed", EventKind::PebbleCheckFailed, Some("web")),
            ("periapt-wake", EventKind::Woken, None),
        ] {
            assert_eq!(EventKind::of_hook(name), Some((kind, subject)), "{name}");
            assert_eq!(kind.name_for(subject), name);
        }
        for name in ["", "-relation-changed", "commit", "relation-changed", "begin"] {
            assert_eq!(EventKind::of_hook(name), None, "{name}");
        }
    }
}
