//! The model: everything one controller knows of one Juju model, as an immutable value that is cheap to copy.

mod containers;
mod cross_model;
mod draft;
mod network;
mod secrets;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

pub use draft::Draft;

use crate::entity::{
    Agent, AppBag, Application, Charm, CharmState, LeaderSettings, Leadership, Machine, Member, ModelInfo,
    Offer, Operation, Relation, RemoteApp, Secret, SecretConsumer, SecretContent, SecretOwner,
    StorageInstance, Task, TaskHost, Unit,
};
use crate::journal::JournalRecord;
use crate::names::{
    AppName, CharmId, MachineId, OfferName, RelationId, SecretId, StorageId, TaskId, UnitName,
};

/// One record: an entity with the key it is stored under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The model itself.
    Info(Arc<ModelInfo>),
    /// A charm's content.
    Charm(Arc<Charm>),
    /// An application.
    Application(Arc<Application>),
    /// A machine.
    Machine(Arc<Machine>),
    /// A unit.
    Unit(Arc<Unit>),
    /// A unit's agent's memory.
    Agent(UnitName, Arc<Agent>),
    /// A charm's own state.
    CharmState(UnitName, Arc<CharmState>),
    /// A relation.
    Relation(Arc<Relation>),
    /// A unit in a relation.
    Member(RelationId, UnitName, Arc<Member>),
    /// An application's databag in a relation.
    AppBag(RelationId, AppName, Arc<AppBag>),
    /// Who leads.
    Leadership(Arc<Leadership>),
    /// Leader settings.
    LeaderSettings(AppName, Arc<LeaderSettings>),
    /// An operation.
    Operation(Arc<Operation>),
    /// A task.
    Task(Arc<Task>),
    /// What is known of a secret.
    Secret(Arc<Secret>),
    /// What is in one revision of a secret. A store may keep these encrypted.
    SecretContent(SecretId, u32, Arc<SecretContent>),
    /// Which revision of a secret a unit reads.
    SecretConsumer(SecretId, UnitName, Arc<SecretConsumer>),
    /// A storage of a unit.
    Storage(Arc<StorageInstance>),
    /// What this model offers to others.
    Offer(Arc<Offer>),
    /// An application of another model.
    RemoteApp(Arc<RemoteApp>),
}

/// The key of a record within its model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// See [`Record::Info`].
    Info,
    /// See [`Record::Charm`].
    Charm(CharmId),
    /// See [`Record::Application`].
    Application(AppName),
    /// See [`Record::Machine`].
    Machine(MachineId),
    /// See [`Record::Unit`].
    Unit(UnitName),
    /// See [`Record::Agent`].
    Agent(UnitName),
    /// See [`Record::CharmState`].
    CharmState(UnitName),
    /// See [`Record::Relation`].
    Relation(RelationId),
    /// See [`Record::Member`].
    Member(RelationId, UnitName),
    /// See [`Record::AppBag`].
    AppBag(RelationId, AppName),
    /// See [`Record::Leadership`].
    Leadership(AppName),
    /// See [`Record::LeaderSettings`].
    LeaderSettings(AppName),
    /// See [`Record::Operation`].
    Operation(TaskId),
    /// See [`Record::Task`].
    Task(TaskId),
    /// See [`Record::Secret`].
    Secret(SecretId),
    /// See [`Record::SecretContent`].
    SecretContent(SecretId, u32),
    /// See [`Record::SecretConsumer`].
    SecretConsumer(SecretId, UnitName),
    /// See [`Record::Storage`].
    Storage(StorageId),
    /// See [`Record::Offer`].
    Offer(OfferName),
    /// See [`Record::RemoteApp`].
    RemoteApp(AppName),
}

impl Key {
    /// The key as text, unique within its model: `unit/app/0`. What the store's keys end with.
    pub fn path(&self) -> String {
        match self {
            Self::Info => "info".to_owned(),
            Self::Charm(id) => format!("charm/{id}"),
            Self::Application(app) => format!("application/{app}"),
            Self::Machine(id) => format!("machine/{id}"),
            Self::Unit(unit) => format!("unit/{unit}"),
            Self::Agent(unit) => format!("agent/{unit}"),
            Self::CharmState(unit) => format!("charm-state/{unit}"),
            Self::Relation(id) => format!("relation/{id}"),
            Self::Member(id, unit) => format!("member/{id}/{unit}"),
            Self::AppBag(id, app) => format!("app-bag/{id}/{app}"),
            Self::Leadership(app) => format!("leadership/{app}"),
            Self::LeaderSettings(app) => format!("leader-settings/{app}"),
            Self::Operation(id) => format!("operation/{id}"),
            Self::Task(id) => format!("task/{id}"),
            Self::Secret(id) => format!("secret/{id}"),
            Self::SecretContent(id, revision) => format!("secret-content/{id}/{revision}"),
            Self::SecretConsumer(id, unit) => format!("secret-consumer/{id}/{unit}"),
            Self::Storage(id) => format!("storage/{id}"),
            Self::Offer(offer) => format!("offer/{offer}"),
            Self::RemoteApp(app) => format!("remote-app/{app}"),
        }
    }
}

impl Record {
    /// Its key.
    pub fn key(&self) -> Key {
        match self {
            Self::Info(_) => Key::Info,
            Self::Charm(x) => Key::Charm(x.id.clone()),
            Self::Application(x) => Key::Application(x.name.clone()),
            Self::Machine(x) => Key::Machine(x.id),
            Self::Unit(x) => Key::Unit(x.name.clone()),
            Self::Agent(unit, _) => Key::Agent(unit.clone()),
            Self::CharmState(unit, _) => Key::CharmState(unit.clone()),
            Self::Relation(x) => Key::Relation(x.id),
            Self::Member(id, unit, _) => Key::Member(*id, unit.clone()),
            Self::AppBag(id, app, _) => Key::AppBag(*id, app.clone()),
            Self::Leadership(x) => Key::Leadership(x.app.clone()),
            Self::LeaderSettings(app, _) => Key::LeaderSettings(app.clone()),
            Self::Operation(x) => Key::Operation(x.id),
            Self::Task(x) => Key::Task(x.id),
            Self::Secret(x) => Key::Secret(x.id.clone()),
            Self::SecretContent(id, revision, _) => Key::SecretContent(id.clone(), *revision),
            Self::SecretConsumer(id, unit, _) => Key::SecretConsumer(id.clone(), unit.clone()),
            Self::Storage(x) => Key::Storage(x.id.clone()),
            Self::Offer(x) => Key::Offer(x.name.clone()),
            Self::RemoteApp(x) => Key::RemoteApp(x.name.clone()),
        }
    }
}

/// One change of a model. `apply` and `commit` return these; a transaction stores them all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// A record is made or replaced.
    Put(Record),
    /// A record goes away.
    Delete(Key),
    /// A journal record is added. The journal is not part of the [`Model`]; only its counter is.
    Journal(Arc<JournalRecord>),
}

impl Write {
    /// The record that it puts or deletes; none for the journal.
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Put(record) => Some(record.key()),
            Self::Delete(key) => Some(key.clone()),
            Self::Journal(_) => None,
        }
    }
}

/// The databags and members of one relation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RelationData {
    /// By unit.
    pub members: OrdMap<UnitName, Arc<Member>>,
    /// By application.
    pub apps: OrdMap<AppName, Arc<AppBag>>,
}

/// A model. A copy costs nothing: a hook keeps the one it started with.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The model itself.
    pub info: Arc<ModelInfo>,
    /// By id.
    pub charms: OrdMap<CharmId, Arc<Charm>>,
    /// By name.
    pub applications: OrdMap<AppName, Arc<Application>>,
    /// By number.
    pub machines: OrdMap<MachineId, Arc<Machine>>,
    /// By name.
    pub units: OrdMap<UnitName, Arc<Unit>>,
    /// By unit.
    pub agents: OrdMap<UnitName, Arc<Agent>>,
    /// By unit.
    pub charm_states: OrdMap<UnitName, Arc<CharmState>>,
    /// By id.
    pub relations: OrdMap<RelationId, Arc<Relation>>,
    /// By relation.
    pub relation_data: OrdMap<RelationId, RelationData>,
    /// By application.
    pub leaders: OrdMap<AppName, Arc<Leadership>>,
    /// By application.
    pub leader_settings: OrdMap<AppName, Arc<LeaderSettings>>,
    /// By id.
    pub operations: OrdMap<TaskId, Arc<Operation>>,
    /// By id.
    pub tasks: OrdMap<TaskId, Arc<Task>>,
    /// By id.
    pub secrets: OrdMap<SecretId, Arc<Secret>>,
    /// By secret and revision.
    secret_contents: OrdMap<(SecretId, u32), Arc<SecretContent>>,
    /// By secret.
    secret_consumers: OrdMap<SecretId, OrdMap<UnitName, Arc<SecretConsumer>>>,
    /// By name and number.
    pub storages: OrdMap<StorageId, Arc<StorageInstance>>,
    /// By name.
    pub offers: OrdMap<OfferName, Arc<Offer>>,
    /// By their names here.
    pub remote_apps: OrdMap<AppName, Arc<RemoteApp>>,
    /// The next journal record's id.
    pub next_journal: u64,
    /// Derived: the relations of each application.
    relations_of: OrdMap<AppName, OrdSet<RelationId>>,
    /// Derived: the tasks of each unit and machine that have not ended.
    open_tasks: OrdMap<TaskHost, OrdSet<TaskId>>,
    /// Derived: the secrets of each owner.
    owned_secrets: OrdMap<SecretOwner, OrdSet<SecretId>>,
    /// Derived: the secrets that each unit reads.
    consumed_secrets: OrdMap<UnitName, OrdSet<SecretId>>,
    /// Derived: the subordinates of each principal.
    subordinates_of: OrdMap<UnitName, OrdSet<UnitName>>,
    /// Derived: the storages of each unit.
    storages_by_unit: OrdMap<UnitName, OrdSet<StorageId>>,
}

impl Model {
    /// An empty model.
    pub fn new(info: ModelInfo) -> Self {
        Self {
            info: Arc::new(info),
            charms: OrdMap::new(),
            applications: OrdMap::new(),
            machines: OrdMap::new(),
            units: OrdMap::new(),
            agents: OrdMap::new(),
            charm_states: OrdMap::new(),
            relations: OrdMap::new(),
            relation_data: OrdMap::new(),
            leaders: OrdMap::new(),
            leader_settings: OrdMap::new(),
            operations: OrdMap::new(),
            tasks: OrdMap::new(),
            next_journal: 1,
            relations_of: OrdMap::new(),
            open_tasks: OrdMap::new(),
            secrets: OrdMap::new(),
            secret_contents: OrdMap::new(),
            secret_consumers: OrdMap::new(),
            owned_secrets: OrdMap::new(),
            consumed_secrets: OrdMap::new(),
            storages: OrdMap::new(),
            offers: OrdMap::new(),
            remote_apps: OrdMap::new(),
            subordinates_of: OrdMap::new(),
            storages_by_unit: OrdMap::new(),
        }
    }

    /// Makes one change.
    pub fn write(&mut self, write: &Write) {
        match write {
            Write::Put(record) => self.put(record.clone()),
            Write::Delete(key) => self.delete(key),
            Write::Journal(record) => self.next_journal = self.next_journal.max(record.id + 1),
        }
    }

    /// Puts one record, and keeps the derived indexes right.
    pub fn put(&mut self, record: Record) {
        match record {
            Record::Info(x) => self.info = x,
            Record::Charm(x) => drop(self.charms.insert(x.id.clone(), x)),
            Record::Application(x) => drop(self.applications.insert(x.name.clone(), x)),
            Record::Machine(x) => drop(self.machines.insert(x.id, x)),
            Record::Unit(x) => self.put_unit(x),
            Record::Agent(unit, x) => drop(self.agents.insert(unit, x)),
            Record::CharmState(unit, x) => drop(self.charm_states.insert(unit, x)),
            Record::Relation(x) => {
                for end in &x.ends {
                    self.relations_of.entry(end.app.clone()).or_default().insert(x.id);
                }
                self.relations.insert(x.id, x);
            }
            Record::Member(id, unit, x) => {
                self.relation_data.entry(id).or_default().members.insert(unit, x);
            }
            Record::AppBag(id, app, x) => {
                self.relation_data.entry(id).or_default().apps.insert(app, x);
            }
            Record::Leadership(x) => drop(self.leaders.insert(x.app.clone(), x)),
            Record::LeaderSettings(app, x) => drop(self.leader_settings.insert(app, x)),
            Record::Operation(x) => drop(self.operations.insert(x.id, x)),
            Record::Task(x) => {
                if x.status.is_final() {
                    remove_from(&mut self.open_tasks, &x.host, &x.id);
                } else {
                    self.open_tasks.entry(x.host.clone()).or_default().insert(x.id);
                }
                self.tasks.insert(x.id, x);
            }
            Record::Secret(x) => {
                // A copy may come from another application of its model.
                if let Some(old) = self.secrets.get(&x.id).filter(|old| old.owner != x.owner) {
                    remove_from(&mut self.owned_secrets, &old.owner, &x.id);
                }
                self.owned_secrets.entry(x.owner.clone()).or_default().insert(x.id.clone());
                self.secrets.insert(x.id.clone(), x);
            }
            Record::SecretContent(id, revision, x) => drop(self.secret_contents.insert((id, revision), x)),
            Record::SecretConsumer(id, unit, x) => {
                self.consumed_secrets.entry(unit.clone()).or_default().insert(id.clone());
                self.secret_consumers.entry(id).or_default().insert(unit, x);
            }
            Record::Storage(x) => self.put_storage(x),
            Record::Offer(x) => drop(self.offers.insert(x.name.clone(), x)),
            Record::RemoteApp(x) => drop(self.remote_apps.insert(x.name.clone(), x)),
        }
    }

    /// Deletes one record, and keeps the derived indexes right.
    pub fn delete(&mut self, key: &Key) {
        match key {
            // The model itself goes when its keys go; there is nothing to forget inside it.
            Key::Info => {}
            Key::Charm(id) => drop(self.charms.remove(id)),
            Key::Application(app) => drop(self.applications.remove(app)),
            Key::Machine(id) => drop(self.machines.remove(id)),
            Key::Unit(unit) => self.delete_unit(unit),
            Key::Agent(unit) => drop(self.agents.remove(unit)),
            Key::CharmState(unit) => drop(self.charm_states.remove(unit)),
            Key::Relation(id) => {
                if let Some(relation) = self.relations.remove(id) {
                    for end in &relation.ends {
                        if let Some(ids) = self.relations_of.get_mut(&end.app) {
                            ids.remove(id);
                            if ids.is_empty() {
                                self.relations_of.remove(&end.app);
                            }
                        }
                    }
                }
            }
            Key::Member(id, unit) => self.edit_data(*id, |data| drop(data.members.remove(unit))),
            Key::AppBag(id, app) => self.edit_data(*id, |data| drop(data.apps.remove(app))),
            Key::Leadership(app) => drop(self.leaders.remove(app)),
            Key::LeaderSettings(app) => drop(self.leader_settings.remove(app)),
            Key::Operation(id) => drop(self.operations.remove(id)),
            Key::Task(id) => {
                if let Some(task) = self.tasks.remove(id) {
                    remove_from(&mut self.open_tasks, &task.host, id);
                }
            }
            Key::Secret(id) => {
                if let Some(secret) = self.secrets.remove(id) {
                    remove_from(&mut self.owned_secrets, &secret.owner, id);
                }
            }
            Key::SecretContent(id, revision) => {
                self.secret_contents.remove(&(id.clone(), *revision));
            }
            Key::SecretConsumer(id, unit) => {
                if let Some(consumers) = self.secret_consumers.get_mut(id) {
                    consumers.remove(unit);
                    if consumers.is_empty() {
                        self.secret_consumers.remove(id);
                    }
                }
                remove_from(&mut self.consumed_secrets, unit, id);
            }
            Key::Storage(id) => {
                self.disown_storage(id);
                self.storages.remove(id);
            }
            Key::Offer(offer) => drop(self.offers.remove(offer)),
            Key::RemoteApp(app) => drop(self.remote_apps.remove(app)),
        }
    }

    fn edit_data(&mut self, id: RelationId, edit: impl FnOnce(&mut RelationData)) {
        if let Some(data) = self.relation_data.get_mut(&id) {
            edit(data);
            if data.members.is_empty() && data.apps.is_empty() {
                self.relation_data.remove(&id);
            }
        }
    }

    /// Every record, in key order of kinds: what a store would hold.
    pub fn records(&self) -> Vec<Record> {
        let mut out = vec![Record::Info(self.info.clone())];
        out.extend(self.charms.values().cloned().map(Record::Charm));
        out.extend(self.applications.values().cloned().map(Record::Application));
        out.extend(self.machines.values().cloned().map(Record::Machine));
        out.extend(self.units.values().cloned().map(Record::Unit));
        out.extend(self.agents.iter().map(|(k, v)| Record::Agent(k.clone(), v.clone())));
        out.extend(self.charm_states.iter().map(|(k, v)| Record::CharmState(k.clone(), v.clone())));
        out.extend(self.relations.values().cloned().map(Record::Relation));
        for (id, data) in &self.relation_data {
            out.extend(data.members.iter().map(|(k, v)| Record::Member(*id, k.clone(), v.clone())));
            out.extend(data.apps.iter().map(|(k, v)| Record::AppBag(*id, k.clone(), v.clone())));
        }
        out.extend(self.leaders.values().cloned().map(Record::Leadership));
        out.extend(self.leader_settings.iter().map(|(k, v)| Record::LeaderSettings(k.clone(), v.clone())));
        out.extend(self.operations.values().cloned().map(Record::Operation));
        out.extend(self.tasks.values().cloned().map(Record::Task));
        out.extend(self.secrets.values().cloned().map(Record::Secret));
        out.extend(
            self.secret_contents
                .iter()
                .map(|((id, revision), x)| Record::SecretContent(id.clone(), *revision, x.clone())),
        );
        for (id, consumers) in &self.secret_consumers {
            out.extend(
                consumers.iter().map(|(unit, x)| Record::SecretConsumer(id.clone(), unit.clone(), x.clone())),
            );
        }
        out.extend(self.storages.values().cloned().map(Record::Storage));
        out.extend(self.offers.values().cloned().map(Record::Offer));
        out.extend(self.remote_apps.values().cloned().map(Record::RemoteApp));
        out
    }

    /// The units of `app`, by number.
    pub fn units_of<'a>(&'a self, app: &AppName) -> impl Iterator<Item = &'a Arc<Unit>> + use<'a> {
        let (first, last) = (UnitName::new(app.clone(), 0), UnitName::new(app.clone(), u32::MAX));
        self.units.range(first..=last).map(|(_, unit)| unit)
    }

    /// The relations of `app`, by id.
    pub fn relations_of<'a>(&'a self, app: &AppName) -> impl Iterator<Item = &'a Arc<Relation>> + use<'a> {
        self.relations_of.get(app).into_iter().flatten().filter_map(|id| self.relations.get(id))
    }

    /// The tasks of `host` that have not ended, oldest first.
    pub fn open_tasks<'a>(&'a self, host: &TaskHost) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        self.open_tasks.get(host).into_iter().flatten().filter_map(|id| self.tasks.get(id))
    }

    /// The tasks of machines that have not ended.
    pub fn open_machine_tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        // Units come first in the order of hosts.
        let machines = self.open_tasks.range(TaskHost::Machine(MachineId(0))..);
        machines.flat_map(|(_, ids)| ids).filter_map(|id| self.tasks.get(id))
    }

    /// A unit's place in a relation.
    pub fn member(&self, relation: RelationId, unit: &UnitName) -> Option<&Arc<Member>> {
        self.relation_data.get(&relation)?.members.get(unit)
    }

    /// An application's databag in a relation.
    pub fn app_bag(&self, relation: RelationId, app: &AppName) -> Option<&Arc<AppBag>> {
        self.relation_data.get(&relation)?.apps.get(app)
    }

    /// Whether `unit` holds its application's leadership.
    pub fn is_leader(&self, unit: &UnitName) -> bool {
        self.leaders.get(unit.app()).is_some_and(|l| &l.unit == unit)
    }

    /// The charm an application wants.
    pub fn charm_of(&self, app: &AppName) -> Option<&Arc<Charm>> {
        self.charms.get(&self.applications.get(app)?.charm.id)
    }
}

/// Takes one id out of an index, and the key with its last one.
fn remove_from<K: Ord + Clone, I: Ord + Clone>(index: &mut OrdMap<K, OrdSet<I>>, key: &K, id: &I) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
