//! What a dispatch is told by its environment (ops 3.9: `_main.py` and `jujucontext.py`, which read the same variables).

use std::path::PathBuf;

use periapt_model::names::{AppName, EndpointName, RelationId, UnitName};

use crate::event::{
    self, Event, EventKind, PebbleCheckFailed, PebbleCheckRecovered, PebbleCustomNotice, PebbleReady,
    RelationBroken, RelationChanged, RelationCreated, RelationDeparted, RelationJoined, RelationRef,
    SecretChanged, SecretExpired, SecretRef, SecretRemove, SecretRotate, StorageAttached, StorageDetaching,
    StorageId,
};

/// What is dispatched.
#[derive(Clone, Debug, PartialEq)]
pub enum Dispatched {
    /// An event.
    Event(Event),
    /// An action.
    Action {
        /// Its name.
        name: String,
        /// Its task.
        id: String,
    },
    /// A name that Juju does not have: a dispatch by hand, or an event of another system. What is deferred is run.
    Unknown(String),
}

impl Dispatched {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Event(event) => event.name(),
            Self::Action { name, .. } | Self::Unknown(name) => name.clone(),
        }
    }
}

/// One dispatch: whose, where and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// The unit.
    pub unit: UnitName,
    /// The model's name.
    pub model: String,
    /// The model's UUID.
    pub model_uuid: String,
    /// The charm's folder.
    pub charm_dir: PathBuf,
    /// Juju's version, or the one that Periapt stands for.
    pub juju_version: String,
    /// The machine's id, on machines.
    pub machine_id: Option<String>,
    /// The zone of the cloud, if it tells.
    pub availability_zone: Option<String>,
    /// For subordinates: the unit they live with.
    pub principal_unit: Option<String>,
    /// What for.
    pub dispatched: Dispatched,
}

/// The environment says something that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum BadEnvironment {
    /// A variable that must be there is not.
    #[error(
        "{0} is not set: a charm is started by Juju's or Periapt's agent, or by `juju-exec`, never by hand"
    )]
    Missing(&'static str),
    /// A variable has a value that cannot be.
    #[error("{name}={value:?}: {why}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads variables; an empty one counts as unset.
pub(crate) struct Variables<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, BadEnvironment> {
        self.text(name).ok_or(BadEnvironment::Missing(name))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, BadEnvironment>
    where
        T::Err: std::fmt::Display,
    {
        parse(name, self.required(name)?)
    }

    fn optional<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, BadEnvironment>
    where
        T::Err: std::fmt::Display,
    {
        self.text(name).map(|value| parse(name, value)).transpose()
    }
}

fn parse<T: std::str::FromStr>(name: &'static str, value: String) -> Result<T, BadEnvironment>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| BadEnvironment::Invalid { name, value, why: error.to_string() })
}

impl Environment {
    /// Reads the environment of a dispatch.
    ///
    /// # Errors
    /// A variable that is missing or cannot be read.
    pub fn read(variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadEnvironment> {
        let vars = Variables(variables);
        let charm_dir = match vars.text("JUJU_CHARM_DIR").or_else(|| vars.text("CHARM_DIR")) {
            Some(dir) => PathBuf::from(dir),
            None => PathBuf::from("."),
        };
        Ok(Self {
            unit: vars.parsed("JUJU_UNIT_NAME")?,
            model: vars.text("JUJU_MODEL_NAME").unwrap_or_default(),
            model_uuid: vars.text("JUJU_MODEL_UUID").unwrap_or_default(),
            charm_dir,
            juju_version: vars.text("JUJU_VERSION").unwrap_or_else(|| "0.0.0".to_owned()),
            machine_id: vars.text("JUJU_MACHINE_ID"),
            availability_zone: vars.text("JUJU_AVAILABILITY_ZONE"),
            principal_unit: vars.text("JUJU_PRINCIPAL_UNIT"),
            dispatched: dispatched(&vars)?,
        })
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &AppName {
        self.unit.app()
    }

    /// The relation that the event is about.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match &self.dispatched {
            Dispatched::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// What the dispatch path stands for. A charm that is called by its hook's own name (as before Juju 2.8) has none; the
/// hook's name says it then.
fn dispatched(vars: &Variables<'_>) -> Result<Dispatched, BadEnvironment> {
    let path = vars.text("JUJU_DISPATCH_PATH").unwrap_or_default();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if folder == "actions" || folder.ends_with("/actions") {
        let id = vars.text("JUJU_ACTION_UUID").unwrap_or_default();
        return Ok(Dispatched::Action { name: name.to_owned(), id });
    }
    let Some((kind, subject)) = EventKind::of_hook(name) else {
        return Ok(Dispatched::Unknown(name.to_owned()));
    };
    Ok(Dispatched::Event(read_event(vars, kind, subject.unwrap_or_default())?))
}

fn read_event(vars: &Variables<'_>, kind: EventKind, subject: &str) -> Result<Event, BadEnvironment> {
    let container = || vars.text("JUJU_WORKLOAD_NAME").unwrap_or_else(|| subject.to_owned());
    Ok(match kind {
        EventKind::RelationCreated => RelationCreated { relation: relation(vars)?, app: app(vars)? }.into(),
        EventKind::RelationJoined => {
            let unit = vars.parsed("JUJU_REMOTE_UNIT")?;
            RelationJoined { relation: relation(vars)?, app: app(vars)?, unit }.into()
        }
        EventKind::RelationChanged => {
            let unit = vars.optional("JUJU_REMOTE_UNIT")?;
            RelationChanged { relation: relation(vars)?, app: app(vars)?, unit }.into()
        }
        EventKind::RelationDeparted => {
            let unit = vars.parsed("JUJU_REMOTE_UNIT")?;
            let departing = vars.optional("JUJU_DEPARTING_UNIT")?;
            RelationDeparted { relation: relation(vars)?, app: app(vars)?, unit, departing }.into()
        }
        EventKind::RelationBroken => RelationBroken { relation: relation(vars)?, app: app(vars)? }.into(),
        EventKind::StorageAttached => StorageAttached { storage: storage(vars)? }.into(),
        EventKind::StorageDetaching => StorageDetaching { storage: storage(vars)? }.into(),
        EventKind::PebbleReady => PebbleReady { container: container() }.into(),
        EventKind::PebbleCustomNotice => PebbleCustomNotice {
            container: container(),
            id: vars.required("JUJU_NOTICE_ID")?,
            kind: vars.required("JUJU_NOTICE_TYPE")?,
            key: vars.required("JUJU_NOTICE_KEY")?,
        }
        .into(),
        EventKind::PebbleCheckFailed => {
            PebbleCheckFailed { container: container(), check: vars.required("JUJU_PEBBLE_CHECK_NAME")? }
                .into()
        }
        EventKind::PebbleCheckRecovered => {
            PebbleCheckRecovered { container: container(), check: vars.required("JUJU_PEBBLE_CHECK_NAME")? }
                .into()
        }
        EventKind::SecretChanged => SecretChanged { secret: secret(vars)? }.into(),
        EventKind::SecretRemove => {
            SecretRemove { secret: secret(vars)?, revision: vars.parsed("JUJU_SECRET_REVISION")? }.into()
        }
        EventKind::SecretExpired => {
            SecretExpired { secret: secret(vars)?, revision: vars.parsed("JUJU_SECRET_REVISION")? }.into()
        }
        EventKind::SecretRotate => SecretRotate { secret: secret(vars)? }.into(),
        EventKind::Install => Event::Install(event::Install {}),
        EventKind::Start => Event::Start(event::Start {}),
        EventKind::ConfigChanged => Event::ConfigChanged(event::ConfigChanged {}),
        EventKind::UpdateStatus => Event::UpdateStatus(event::UpdateStatus {}),
        EventKind::UpgradeCharm => Event::UpgradeCharm(event::UpgradeCharm {}),
        EventKind::LeaderElected => Event::LeaderElected(event::LeaderElected {}),
        EventKind::LeaderSettingsChanged => Event::LeaderSettingsChanged(event::LeaderSettingsChanged {}),
        EventKind::PreSeriesUpgrade => Event::PreSeriesUpgrade(event::PreSeriesUpgrade {}),
        EventKind::PostSeriesUpgrade => Event::PostSeriesUpgrade(event::PostSeriesUpgrade {}),
        EventKind::CollectMetrics => Event::CollectMetrics(event::CollectMetrics {}),
        EventKind::Woken => Event::Woken(event::Woken {}),
        EventKind::Stop => Event::Stop(event::Stop {}),
        EventKind::Remove => Event::Remove(event::Remove {}),
        // Not read from a hook's name, nor from the environment.
        EventKind::PreCommit => Event::PreCommit(event::PreCommit {}),
        EventKind::Commit => Event::Commit(event::Commit {}),
        EventKind::Custom => {
            return Err(BadEnvironment::Missing("JUJU_DISPATCH_PATH"));
        }
    })
}

/// `JUJU_RELATION` names the endpoint as the metadata has it; `JUJU_RELATION_ID` is `db:7`, or just `7`.
fn relation(vars: &Variables<'_>) -> Result<RelationRef, BadEnvironment> {
    let endpoint: EndpointName = vars.parsed("JUJU_RELATION")?;
    let value = vars.required("JUJU_RELATION_ID")?;
    let number = value.rsplit(':').next().unwrap_or(&value).to_owned();
    let id: RelationId = parse("JUJU_RELATION_ID", number)?;
    Ok(RelationRef { endpoint, id })
}

/// The application on the other side; older versions of Juju name only the unit.
fn app(vars: &Variables<'_>) -> Result<AppName, BadEnvironment> {
    if let Some(app) = vars.optional("JUJU_REMOTE_APP")? {
        return Ok(app);
    }
    let unit: Option<UnitName> = vars.optional("JUJU_REMOTE_UNIT")?;
    unit.map(|unit| unit.app().clone()).ok_or(BadEnvironment::Missing("JUJU_REMOTE_APP"))
}

fn storage(vars: &Variables<'_>) -> Result<StorageId, BadEnvironment> {
    vars.parsed("JUJU_STORAGE_ID")
}

fn secret(vars: &Variables<'_>) -> Result<SecretRef, BadEnvironment> {
    Ok(SecretRef { id: vars.required("JUJU_SECRET_ID")?, label: vars.text("JUJU_SECRET_LABEL") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Dispatched, String> {
        let find = |name: &str| {
            let unit = (name == "JUJU_UNIT_NAME").then(|| "web/0".to_owned());
            pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()).or(unit)
        };
        Environment::read(&find).map(|env| env.dispatched).map_err(|error| error.to_string())
    }

    #[test]
    fn every_plain_hook_is_read() {
        for kind in EventKind::ALL.iter().copied() {
            let framework = matches!(kind, EventKind::PreCommit | EventKind::Commit);
            let has_data = kind.has_subject() || kind.suffix().starts_with("secret-");
            if framework || has_data {
                continue;
            }
            let path = format!("hooks/{}", kind.suffix());
            let read = read(&[("JUJU_DISPATCH_PATH", &path)]).unwrap();
            assert!(matches!(&read, Dispatched::Event(event) if event.kind() == kind), "{path}: {read:?}");
        }
    }

    #[test]
    fn events_with_data_take_it_from_their_variables() {
        let relation = [
            ("JUJU_DISPATCH_PATH", "hooks/my-db-relation-departed"),
            ("JUJU_RELATION", "my-db"),
            ("JUJU_RELATION_ID", "my-db:7"),
            ("JUJU_REMOTE_UNIT", "pg/1"),
            ("JUJU_DEPARTING_UNIT", "web/0"),
        ];
        let Dispatched::Event(Event::RelationDeparted(event)) = read(&relation).unwrap() else { panic!() };
        assert_eq!(event.relation.to_string(), "my-db:7");
        assert_eq!((event.app.as_str(), event.unit.to_string()), ("pg", "pg/1".to_owned()));
        assert_eq!(event.departing.map(|unit| unit.to_string()), Some("web/0".to_owned()));
        let action = [("JUJU_DISPATCH_PATH", "actions/do-it"), ("JUJU_ACTION_UUID", "3")];
        assert_eq!(read(&action), Ok(Dispatched::Action { name: "do-it".into(), id: "3".into() }));
        assert_eq!(read(&[]), Ok(Dispatched::Unknown(String::new())));
        let bad = [("JUJU_DISPATCH_PATH", "hooks/data-storage-attached"), ("JUJU_STORAGE_ID", "data")];
        assert_eq!(
            read(&bad).unwrap_err(),
            "JUJU_STORAGE_ID=\"data\": \"data\" is no storage: expected NAME/NUMBER"
        );
        let missing = read(&[("JUJU_DISPATCH_PATH", "hooks/secret-rotate")]).unwrap_err();
        assert!(missing.starts_with("JUJU_SECRET_ID is not set"), "{missing}");
    }
}
