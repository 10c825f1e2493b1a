//! Which event a scenario runs: a selection such as `DB.changed()` with what is missing found in the state.

use periapt_model::names::{EndpointName, RelationId, UnitName};
use periapt_model::secrets::is_own;

use super::error::Inconsistent;
use super::picture::Unit0;
use super::relation::RelationState;
use super::state::State;
use crate::event::{
    CollectMetrics, ConfigChanged, CustomEvent, Emitted, Event, EventKind, EventType, Install, LeaderElected,
    LeaderSettingsChanged, On, Pattern, PebbleCheckFailed, PebbleCheckRecovered, PebbleCustomNotice,
    PebbleReady, PostSeriesUpgrade, PreSeriesUpgrade, RelationBroken, RelationChanged, RelationCreated,
    RelationDeparted, RelationJoined, RelationRef, Remove, SecretChanged, SecretExpired, SecretRef,
    SecretRemove, SecretRotate, Start, Stop, StorageAttached, StorageDetaching, StorageId, UpdateStatus,
    UpgradeCharm, Woken,
};

/// Which event to run. Made of a selection (`start()`, `DB.changed()`), to which [`Details`] adds what it is about, or of an
/// event itself.
///
/// What is not said is found in the state, where only one thing fits: the one relation of the endpoint, its first unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    what: What,
    relation: Option<u32>,
    unit: Option<u32>,
    of_app: bool,
    departing: Option<UnitName>,
    storage: Option<u32>,
    secret: Option<String>,
    revision: Option<u64>,
    notice: Option<(String, String)>,
    check: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Kind(Pattern),
    Event(Event),
    Unwritable(String),
}

impl Trigger {
    fn of_what(what: What) -> Self {
        Self {
            what,
            relation: None,
            unit: None,
            of_app: false,
            departing: None,
            storage: None,
            secret: None,
            revision: None,
            notice: None,
            check: None,
        }
    }

    pub(super) fn custom<E: CustomEvent>(event: &E) -> Self {
        Self::of_what(match Emitted::new(event) {
            Ok(emitted) => What::Event(Event::Custom(emitted)),
            Err(error) => What::Unwritable(error.to_string()),
        })
    }

    /// The name of the hook, as far as it is known.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.what {
            What::Kind(pattern) => pattern.name(),
            What::Event(event) => event.name(),
            What::Unwritable(_) => "custom".to_owned(),
        }
    }
}

impl<E> From<On<E>> for Trigger {
    fn from(on: On<E>) -> Self {
        Self::of_what(What::Kind(on.pattern()))
    }
}

impl From<Event> for Trigger {
    fn from(event: Event) -> Self {
        Self::of_what(What::Event(event))
    }
}

impl<E: EventType + Into<Event>> From<E> for Trigger {
    fn from(event: E) -> Self {
        Self::of_what(What::Event(event.into()))
    }
}

/// Says what an event is about, where the state leaves a choice: `DB.changed().of(1).unit(0)`.
pub trait Details: Into<Trigger> {
    /// The relation of this id.
    #[must_use]
    fn of(self, relation: u32) -> Trigger {
        Trigger { relation: Some(relation), ..self.into() }
    }

    /// The unit of this number on the other side, or the peer.
    #[must_use]
    fn unit(self, number: u32) -> Trigger {
        Trigger { unit: Some(number), ..self.into() }
    }

    /// For `relation-changed`: the application's databag, and no unit's.
    #[must_use]
    fn app(self) -> Trigger {
        Trigger { of_app: true, ..self.into() }
    }

    /// For `relation-departed`: who leaves, if it is not the unit that the event is about.
    #[must_use]
    fn departing(self, unit: UnitName) -> Trigger {
        Trigger { departing: Some(unit), ..self.into() }
    }

    /// The storage of this number.
    #[must_use]
    fn storage(self, number: u32) -> Trigger {
        Trigger { storage: Some(number), ..self.into() }
    }

    /// The secret of this URI.
    #[must_use]
    fn secret(self, uri: impl Into<String>) -> Trigger {
        Trigger { secret: Some(uri.into()), ..self.into() }
    }

    /// For `secret-expired` and `secret-remove`: the revision.
    #[must_use]
    fn revision(self, number: u64) -> Trigger {
        Trigger { revision: Some(number), ..self.into() }
    }

    /// For `pebble-custom-notice`: the notice's id and key.
    #[must_use]
    fn notice(self, id: impl Into<String>, key: impl Into<String>) -> Trigger {
        Trigger { notice: Some((id.into(), key.into())), ..self.into() }
    }

    /// For `pebble-check-failed` and `pebble-check-recovered`: the check.
    #[must_use]
    fn check(self, name: impl Into<String>) -> Trigger {
        Trigger { check: Some(name.into()), ..self.into() }
    }
}

impl<T: Into<Trigger>> Details for T {}

impl Trigger {
    /// The event, with what was not said found in the state.
    pub(super) fn resolve(&self, us: &Unit0, state: &State) -> Result<Event, Inconsistent> {
        let pattern = match &self.what {
            What::Event(event) => return Ok(event.clone()),
            What::Unwritable(why) => {
                return Err(Inconsistent::new("event", why.clone(), "give it a type that serde can write"));
            }
            What::Kind(pattern) => pattern,
        };
        let subject = pattern.subject.clone().unwrap_or_default();
        Ok(match pattern.kind {
            EventKind::Install => Install {}.into(),
            EventKind::Start => Start {}.into(),
            EventKind::ConfigChanged => ConfigChanged {}.into(),
            EventKind::UpdateStatus => UpdateStatus {}.into(),
            EventKind::UpgradeCharm => UpgradeCharm {}.into(),
            EventKind::LeaderElected => LeaderElected {}.into(),
            EventKind::LeaderSettingsChanged => LeaderSettingsChanged {}.into(),
            EventKind::PreSeriesUpgrade => PreSeriesUpgrade {}.into(),
            EventKind::PostSeriesUpgrade => PostSeriesUpgrade {}.into(),
            EventKind::CollectMetrics => CollectMetrics {}.into(),
            EventKind::Woken => Woken {}.into(),
            EventKind::Stop => Stop {}.into(),
            EventKind::Remove => Remove {}.into(),
            EventKind::PreCommit | EventKind::Commit | EventKind::Custom => {
                return Err(Inconsistent::new(
                    "event",
                    format!("{} comes by itself at the end of every dispatch", pattern.name()),
                    "run another event and look at what was handled",
                ));
            }
            kind if kind.suffix().starts_with("relation-") => {
                self.relation_event(kind, &subject, us, state)?
            }
            EventKind::StorageAttached => {
                StorageAttached { storage: self.storage_of(&subject, state)? }.into()
            }
            EventKind::StorageDetaching => {
                StorageDetaching { storage: self.storage_of(&subject, state)? }.into()
            }
            EventKind::PebbleReady => PebbleReady { container: subject }.into(),
            EventKind::PebbleCheckFailed => {
                PebbleCheckFailed { check: self.check_name()?, container: subject }.into()
            }
            EventKind::PebbleCheckRecovered => {
                PebbleCheckRecovered { check: self.check_name()?, container: subject }.into()
            }
            EventKind::PebbleCustomNotice => {
                let (id, key) = self.notice.clone().ok_or_else(|| {
                    missing("the notice", "add .notice(id, \"example.com/key\") to the event")
                })?;
                PebbleCustomNotice { container: subject, id, kind: "custom".to_owned(), key }.into()
            }
            EventKind::SecretChanged => SecretChanged { secret: self.secret_of(us, state, false)? }.into(),
            EventKind::SecretRotate => SecretRotate { secret: self.secret_of(us, state, true)? }.into(),
            EventKind::SecretRemove => {
                SecretRemove { secret: self.secret_of(us, state, true)?, revision: self.revision_of()? }
                    .into()
            }
            EventKind::SecretExpired => {
                SecretExpired { secret: self.secret_of(us, state, true)?, revision: self.revision_of()? }
                    .into()
            }
            _ => return Err(missing("the event", "use one of the event's own functions")),
        })
    }

    fn relation_event(
        &self,
        kind: EventKind,
        endpoint: &str,
        us: &Unit0,
        state: &State,
    ) -> Result<Event, Inconsistent> {
        let found = self.relation_of(endpoint, state)?;
        let app = us.remote_app(found)?;
        let endpoint = EndpointName::new(endpoint).map_err(|error| {
            Inconsistent::new("event", error.to_string(), "use one of the charm's endpoints")
        })?;
        let relation = RelationRef { endpoint, id: RelationId(found.id) };
        let number = self.unit.or_else(|| found.remote_units.keys().next().copied());
        let unit = number.map(|number| UnitName::new(app.clone(), number));
        let somebody = || {
            unit.clone().ok_or_else(|| {
                Inconsistent::new(
                    format!("relation {}: remote_units", found.id),
                    format!("nobody is on the other side for {} to be about", kind.suffix()),
                    "add a unit with .with_remote_unit(0, &bag([...])) or .with_remote_units([0])",
                )
            })
        };
        Ok(match kind {
            EventKind::RelationCreated => RelationCreated { relation, app }.into(),
            EventKind::RelationJoined => RelationJoined { relation, app, unit: somebody()? }.into(),
            EventKind::RelationChanged => {
                let unit = unit.filter(|_| !self.of_app);
                RelationChanged { relation, app, unit }.into()
            }
            EventKind::RelationDeparted => {
                let unit = somebody()?;
                let departing = Some(self.departing.clone().unwrap_or_else(|| unit.clone()));
                RelationDeparted { relation, app, unit, departing }.into()
            }
            _ => RelationBroken { relation, app }.into(),
        })
    }

    fn relation_of<'s>(&self, endpoint: &str, state: &'s State) -> Result<&'s RelationState, Inconsistent> {
        if let Some(id) = self.relation {
            return state.relation(id).ok_or_else(|| {
                Inconsistent::new(
                    "relations",
                    format!("the event is about relation {id}, which the state does not have"),
                    format!("add .with_relation(RelationState::named({endpoint:?}, {id}))"),
                )
            });
        }
        let mut of = state.relations.iter().filter(|relation| relation.endpoint == endpoint);
        match (of.next(), of.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Inconsistent::new(
                "relations",
                format!("the event is about endpoint {endpoint}, which has no relation in the state"),
                format!("add .with_relation(RelationState::named({endpoint:?}, 1))"),
            )),
            (Some(one), Some(_)) => Err(Inconsistent::new(
                "event",
                format!("endpoint {endpoint} has several relations in the state"),
                format!("say which: .of({})", one.id),
            )),
        }
    }

    fn storage_of(&self, name: &str, state: &State) -> Result<StorageId, Inconsistent> {
        let mut attached = state.storages.keys().filter(|id| id.name.as_str() == name).map(|id| id.number);
        let only = || attached.next().filter(|_| attached.next().is_none());
        let index = self.storage.or_else(only);
        let index = index.ok_or_else(|| missing("which storage", "add .storage(0) to the event"))?;
        Ok(StorageId { name: name.to_owned(), index })
    }

    fn check_name(&self) -> Result<String, Inconsistent> {
        self.check.clone().ok_or_else(|| missing("which check", "add .check(\"name\") to the event"))
    }

    /// The secret that was named, or the only one of our own or of others'.
    fn secret_of(&self, us: &Unit0, state: &State, own: bool) -> Result<SecretRef, Inconsistent> {
        let mut fitting = state.secrets.iter().filter(|secret| is_own(&secret.owner, &us.unit) == own);
        let found = match &self.secret {
            Some(uri) => state.secret(uri),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        match (found, &self.secret) {
            (Some(secret), _) => {
                let label = if own { secret.label.clone() } else { secret.our_label.clone() };
                Ok(SecretRef { id: secret.uri(), label })
            }
            (None, Some(uri)) => Err(Inconsistent::new(
                "secrets",
                format!("the event is about {uri}, which the state does not have"),
                "add it with .with_secret(SecretState::new(...))",
            )),
            (None, None) => Err(missing("which secret", "add .secret(\"secret:...\") to the event")),
        }
    }

    fn revision_of(&self) -> Result<u64, Inconsistent> {
        self.revision.ok_or_else(|| missing("which revision", "add .revision(1) to the event"))
    }
}

fn missing(what: &str, remedy: &str) -> Inconsistent {
    Inconsistent::new("event", format!("it does not say {what}"), remedy)
}
