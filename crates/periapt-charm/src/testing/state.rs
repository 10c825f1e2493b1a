//! The state of a unit, before an event and after it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use periapt_model::effects::OpenPorts;
use periapt_model::names::{SecretId, StorageId};
use periapt_model::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::relation::RelationState;
use super::secret::SecretState;
use crate::context::StoredState;
use crate::error::Error;
use crate::memory::{Memory, Notice, Stored};
use crate::status::Status;

/// 2026-01-01 00:00 UTC: when a state is made, unless said otherwise.
const NEW_YEAR: Timestamp = Timestamp(1_767_225_600_000);

/// All of the world that one unit can see. Plain data: change it as you like, and compare it.
///
/// What an event leaves is a state again, valid as the next one's input: deferred events, stored state and the time included.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The options that the operator set, as JSON; the charm's defaults are not in here.
    pub config: BTreeMap<String, Value>,
    /// Whether the unit leads its application.
    pub leader: bool,
    /// The relations, peer relations too.
    pub relations: Vec<RelationState>,
    /// The files of the charm's resources, by name. A resource that is not in here cannot be got.
    pub resources: BTreeMap<String, PathBuf>,
    /// The storages that are attached, with their folders.
    pub storages: BTreeMap<StorageId, PathBuf>,
    /// The secrets that the unit owns or may read.
    pub secrets: Vec<SecretState>,
    /// The containers, by name. One that is not in here cannot be reached.
    #[cfg(feature = "pebble")]
    pub containers: BTreeMap<String, periapt_pebble::fake::FakeState>,
    /// What is open, by endpoint; the empty name stands for all.
    pub opened_ports: OpenPorts,
    /// The unit's address, for `network-get` and its databags. `192.0.2.0` unless said otherwise, as with `ops.testing`.
    pub address: String,
    /// The Juju model.
    pub model: ModelState,
    /// How many units the application is to have, this one included.
    pub planned_units: u32,
    /// The unit's status; none as long as the charm has not said.
    pub unit_status: Option<Status>,
    /// The application's status; none as long as its leader has not said.
    pub app_status: Option<Status>,
    /// The workload's version.
    pub workload_version: Option<String>,
    /// What the charm remembers: deferred events, stored state, dead letters.
    pub memory: Memory,
    /// What the charm keeps with `state-set`.
    pub juju_state: BTreeMap<String, String>,
    /// What leaders wrote with `leader-set`.
    pub leader_settings: BTreeMap<String, String>,
    /// The time. Each event moves it on by what the charm waited.
    pub time: Timestamp,
}

/// The Juju model of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelState {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
}

impl Default for ModelState {
    fn default() -> Self {
        Self { name: "testing".to_owned(), uuid: "4f1d9c1e-7a52-4a52-8a57-000000000001".to_owned() }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            config: BTreeMap::new(),
            leader: false,
            relations: Vec::new(),
            resources: BTreeMap::new(),
            storages: BTreeMap::new(),
            secrets: Vec::new(),
            #[cfg(feature = "pebble")]
            containers: BTreeMap::new(),
            opened_ports: OpenPorts::new(),
            address: "192.0.2.0".to_owned(),
            model: ModelState::default(),
            planned_units: 1,
            unit_status: None,
            app_status: None,
            workload_version: None,
            memory: Memory::default(),
            juju_state: BTreeMap::new(),
            leader_settings: BTreeMap::new(),
            time: NEW_YEAR,
        }
    }
}

impl State {
    /// A unit that is alone and has nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With an option set.
    #[must_use]
    pub fn with_config(mut self, option: impl Into<String>, value: impl Into<Value>) -> Self {
        self.config.insert(option.into(), value.into());
        self
    }

    /// With all options of a `Config` that [`charm!`](crate::charm) made; those without a value stay unset.
    ///
    /// # Panics
    /// A type that is no struct.
    #[must_use]
    pub fn with_config_of<T: Serialize>(mut self, config: &T) -> Self {
        match serde_json::to_value(config) {
            Ok(Value::Object(fields)) => {
                self.config.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
            }
            _ => panic!("{} has no named options", std::any::type_name::<T>()),
        }
        self
    }

    /// Leading, or not.
    #[must_use]
    pub fn with_leader(mut self, leader: bool) -> Self {
        self.leader = leader;
        self
    }

    /// With one more relation.
    #[must_use]
    pub fn with_relation(mut self, relation: RelationState) -> Self {
        self.relations.push(relation);
        self
    }

    /// Without a relation: what the model is after its `relation-broken`.
    #[must_use]
    pub fn without_relation(mut self, id: u32) -> Self {
        self.relations.retain(|relation| relation.id != id);
        self
    }

    /// The relation of that id.
    #[must_use]
    pub fn relation(&self, id: u32) -> Option<&RelationState> {
        self.relations.iter().find(|relation| relation.id == id)
    }

    /// The relation of that id, to be changed.
    pub fn relation_mut(&mut self, id: u32) -> Option<&mut RelationState> {
        self.relations.iter_mut().find(|relation| relation.id == id)
    }

    /// With a file for a resource.
    #[must_use]
    pub fn with_resource(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.resources.insert(name.into(), path.into());
        self
    }

    /// With a storage attached: `data/0` in this folder.
    ///
    /// # Panics
    /// A text that is no storage.
    #[must_use]
    #[track_caller]
    pub fn with_storage(mut self, id: &str, folder: impl Into<PathBuf>) -> Self {
        match id.parse() {
            Ok(id) => self.storages.insert(id, folder.into()),
            Err(error) => panic!("{error}"),
        };
        self
    }

    /// With a container.
    #[cfg(feature = "pebble")]
    #[must_use]
    pub fn with_container(
        mut self,
        name: impl Into<String>,
        state: impl Into<periapt_pebble::fake::FakeState>,
    ) -> Self {
        self.containers.insert(name.into(), state.into());
        self
    }

    /// With one more secret.
    #[must_use]
    pub fn with_secret(mut self, secret: SecretState) -> Self {
        self.secrets.push(secret);
        self
    }

    /// The secret of that id, or of that label of ours.
    #[must_use]
    pub fn secret(&self, id_or_label: &str) -> Option<&SecretState> {
        let id = id_or_label.strip_prefix("secret:").unwrap_or(id_or_label);
        let called = |secret: &&SecretState| {
            let label = secret.our_label.as_ref().or(secret.label.as_ref());
            secret.id.as_str() == id || label.is_some_and(|label| label == id_or_label)
        };
        self.secrets.iter().find(called)
    }

    /// The secret of that id, to be changed.
    pub fn secret_mut(&mut self, id: &SecretId) -> Option<&mut SecretState> {
        self.secrets.iter_mut().find(|secret| secret.id == *id)
    }

    /// With so many units planned.
    #[must_use]
    pub fn with_planned_units(mut self, count: u32) -> Self {
        self.planned_units = count;
        self
    }

    /// With the status that the charm set last.
    #[must_use]
    pub fn with_unit_status(mut self, status: Status) -> Self {
        self.memory.status = Some(status.clone());
        self.unit_status = Some(status);
        self
    }

    /// With an application's status.
    #[must_use]
    pub fn with_app_status(mut self, status: Status) -> Self {
        self.app_status = Some(status);
        self
    }

    /// With stored state.
    ///
    /// # Panics
    /// A value that cannot be written as JSON.
    #[must_use]
    pub fn with_stored<S: StoredState>(mut self, stored: &S) -> Self {
        match serde_json::to_value(stored) {
            Ok(value) => {
                self.memory.stored.insert(S::KEY.to_owned(), Stored { version: S::VERSION, value });
            }
            Err(error) => panic!("stored state {:?} cannot be written: {error}", S::KEY),
        }
        self
    }

    /// The stored state; its default if nothing was stored.
    ///
    /// # Errors
    /// A value of a version that cannot be migrated, or one that does not fit.
    pub fn stored<S: StoredState>(&self) -> Result<S, Error> {
        let Some(stored) = self.memory.stored.get(S::KEY).cloned() else { return Ok(S::default()) };
        let value = match stored.version == S::VERSION {
            true => stored.value,
            false => S::migrate(stored.version, stored.value)?,
        };
        Ok(serde_json::from_value(value)?)
    }

    /// With one more deferred event, behind those that are there; made by
    /// [`Scenario::deferred`](super::Scenario::deferred).
    #[must_use]
    pub fn with_deferred(mut self, notice: Notice) -> Self {
        self.memory.queue.push(notice);
        self
    }

    /// What is deferred, oldest first.
    #[must_use]
    pub fn deferred(&self) -> Vec<&Notice> {
        self.memory.queue.iter().collect()
    }

    /// Later by so much.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.time = self.time + time;
        self
    }
}
