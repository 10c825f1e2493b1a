//! A state as a model, and a model as a state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use periapt_context::ContextKind;
use periapt_model::charm::{CharmMeta, ConfigValue, OptionType, Role};
use periapt_model::entity::{
    AppBag, Application, Charm, LeaderSettings, Leadership, Machine, Member, ModelInfo, Relation,
    RelationEnd, ResourceFile, StorageInstance, Unit,
};
use periapt_model::hook::{
    Hook, RelationEvent, RelationHook, SecretEvent, SecretHook, StorageEvent, StorageHook,
};
use periapt_model::local::{CharmRef, Local, LocalRelation};
use periapt_model::model::{Model, Record};
use periapt_model::names::{AppName, CharmId, EndpointName, MachineId, ModelName, RelationId, UnitName};
use periapt_model::status::{AgentStatus, Life, Status as ModelStatus, WorkloadStatus};
use periapt_model::time::Timestamp;
use serde_json::Value;

use super::error::Inconsistent;
use super::relation::RelationState;
use super::secrets;
use super::state::State;
use crate::databag::RawBag;
use crate::event::{Event, RelationRef, SecretRef, StorageId};
use crate::memory::Memory;
use crate::status::Status;

/// Whose events a scenario runs.
#[derive(Clone, Debug)]
pub(super) struct Unit0 {
    pub(super) unit: UnitName,
    pub(super) charm: Arc<Charm>,
    pub(super) trust: bool,
    /// The first number of Juju's version.
    pub(super) juju_major: u32,
}

impl Unit0 {
    pub(super) fn new(unit: UnitName, meta: CharmMeta) -> Self {
        let id = CharmId(format!("{}-under-test", meta.name));
        let url = format!("local:{}-0", meta.name);
        let charm = Arc::new(Charm { id, url, revision: 0, version: None, meta });
        Self { unit, charm, trust: false, juju_major: 3 }
    }

    pub(super) fn meta(&self) -> &CharmMeta {
        &self.charm.meta
    }

    /// What of it a scenario can change.
    pub(super) fn whose(&self) -> (UnitName, bool, u32) {
        (self.unit.clone(), self.trust, self.juju_major)
    }

    fn charm_ref(&self) -> CharmRef {
        CharmRef { id: self.charm.id.clone(), url: self.charm.url.clone(), modified: 0 }
    }

    /// A state that is consistent as a model and an agent's memory.
    pub(super) fn draw(&self, state: &State) -> Result<(Model, Local), Inconsistent> {
        let model = self.model(state)?;
        let mut relations = BTreeMap::new();
        for relation in &state.relations {
            relations.insert(RelationId(relation.id), self.local(relation)?);
        }
        let mut local =
            Local { installed: true, started: true, leader: state.leader, relations, ..Local::default() };
        local.charm = Some(self.charm_ref());
        local.storages = state.storages.keys().cloned().collect();
        Ok((model, local))
    }

    fn is_peer(&self, endpoint: &str) -> bool {
        self.meta().endpoint(endpoint).is_some_and(|endpoint| endpoint.role == Role::Peer)
    }

    /// The application on the other side: our own in a peer relation.
    pub(super) fn remote_app(&self, relation: &RelationState) -> Result<AppName, Inconsistent> {
        match self.is_peer(&relation.endpoint) {
            true => Ok(self.unit.app().clone()),
            false => AppName::new(&relation.remote_app).map_err(|error| {
                Inconsistent::new(
                    format!("relation {}: remote_app", relation.id),
                    error.to_string(),
                    "give it the name of an application, such as \"postgresql\"",
                )
            }),
        }
    }

    fn local(&self, relation: &RelationState) -> Result<LocalRelation, Inconsistent> {
        let remote_app = self.remote_app(relation)?;
        let members = relation.remote_units.keys().map(|n| (UnitName::new(remote_app.clone(), *n), 1));
        Ok(LocalRelation {
            endpoint: endpoint_name(&relation.endpoint)?,
            members: members.collect(),
            remote_app,
            peer: self.is_peer(&relation.endpoint),
            implicit: false,
            created: true,
            apps: BTreeMap::new(),
            changed_pending: None,
        })
    }

    fn model(&self, state: &State) -> Result<Model, Inconsistent> {
        let name = ModelName::new(&state.model.name).map_err(|error| {
            Inconsistent::new(
                "model.name",
                error.to_string(),
                "give it lower-case letters, digits and dashes",
            )
        })?;
        let mut info = ModelInfo::new(state.model.uuid.clone(), name, state.time);
        info.next_relation = state.relations.iter().map(|relation| relation.id + 1).max().unwrap_or(0);
        let mut model = Model::new(info);
        model.put(Record::Charm(Arc::clone(&self.charm)));
        let mut application = application(self.unit.app().clone(), self.charm_ref());
        application.config = config(self.meta(), &state.config)?;
        application.trust = self.trust;
        application.status = state.app_status.as_ref().map(|status| shown(status, state.time));
        application.workload_version.clone_from(&state.workload_version);
        for name in state.resources.keys() {
            if let Ok(name) = name.parse() {
                let file = ResourceFile { hash: String::new(), size: 0, revision: 1, store: None };
                application.resources.insert(name, file);
            }
        }
        model.put(Record::Application(Arc::new(application)));
        let address = state.address.clone();
        let machine = Machine::new(MachineId(0), address, state.time);
        model.put(Record::Machine(Arc::new(machine)));
        for unit in self.units(state) {
            let mut unit = self.unit_record(unit, state);
            if unit.name == self.unit {
                unit.ports = state.opened_ports.clone();
                unit.workload_version.clone_from(&state.workload_version);
                if let Some(status) = &state.unit_status {
                    unit.workload = shown(status, state.time);
                }
            }
            model.put(Record::Unit(Arc::new(unit)));
        }
        if state.leader {
            let (app, unit) = (self.unit.app().clone(), self.unit.clone());
            model.put(Record::Leadership(Arc::new(Leadership { app, unit })));
        }
        if !state.juju_state.is_empty() {
            model.put(Record::CharmState(self.unit.clone(), Arc::new(state.juju_state.clone())));
        }
        if !state.leader_settings.is_empty() {
            let settings = LeaderSettings { settings: state.leader_settings.clone(), version: 1 };
            model.put(Record::LeaderSettings(self.unit.app().clone(), Arc::new(settings)));
        }
        for relation in &state.relations {
            self.put_relation(&mut model, state, relation)?;
        }
        for id in state.storages.keys() {
            let storage = StorageInstance::new(id.clone(), self.unit.clone());
            model.put(Record::Storage(Arc::new(storage)));
        }
        for secret in &state.secrets {
            secrets::put(&mut model, &self.unit, secret, state.time)?;
        }
        Ok(model)
    }

    /// Our unit, its peers, and as many more as are planned.
    fn units(&self, state: &State) -> BTreeSet<u32> {
        let peers = state.relations.iter().filter(|relation| self.is_peer(&relation.endpoint));
        let mut numbers: BTreeSet<u32> = peers.flat_map(|peer| peer.remote_units.keys().copied()).collect();
        numbers.insert(self.unit.number());
        let planned = usize::try_from(state.planned_units).unwrap_or(usize::MAX);
        let mut next = 0..;
        while numbers.len() < planned
            && let Some(number) = next.next()
        {
            numbers.insert(number);
        }
        numbers
    }

    fn unit_record(&self, number: u32, state: &State) -> Unit {
        unit(UnitName::new(self.unit.app().clone(), number), self.charm_ref(), state.time)
    }

    fn put_relation(
        &self,
        model: &mut Model,
        state: &State,
        relation: &RelationState,
    ) -> Result<(), Inconsistent> {
        let id = RelationId(relation.id);
        let spec = self.meta().endpoint(&relation.endpoint).ok_or_else(|| {
            Inconsistent::new(
                format!("relation {}: endpoint", relation.id),
                format!("the charm has no endpoint {:?}", relation.endpoint),
                "use one of the charm's own endpoints",
            )
        })?;
        let endpoint = endpoint_name(&relation.endpoint)?;
        let interface = spec.interface.clone();
        let end = |app: AppName, role| RelationEnd {
            app,
            endpoint: endpoint.clone(),
            role,
            interface: interface.clone(),
            scope: spec.scope,
        };
        let (app, remote_app) = (self.unit.app().clone(), self.remote_app(relation)?);
        let ends = match spec.role {
            Role::Peer => vec![end(app.clone(), Role::Peer)],
            Role::Provider => vec![end(app.clone(), spec.role), end(remote_app.clone(), Role::Requirer)],
            Role::Requirer => vec![end(remote_app.clone(), Role::Provider), end(app.clone(), spec.role)],
        };
        model.put(Record::Relation(Arc::new(Relation::new(id, ends))));
        let member = |bag: &RawBag| {
            let mut settings = addresses(&state.address);
            settings.extend(bag.clone());
            Arc::new(Member { in_scope: true, settings, version: 1 })
        };
        model.put(Record::Member(id, self.unit.clone(), member(&relation.local_unit)));
        for (number, bag) in &relation.remote_units {
            let name = UnitName::new(remote_app.clone(), *number);
            model.put(Record::Member(id, name.clone(), member(bag)));
            if !model.units.contains_key(&name) {
                model.put(Record::Unit(Arc::new(unit(name, foreign(&remote_app), state.time))));
            }
        }
        if !model.applications.contains_key(&remote_app) {
            let application = application(remote_app.clone(), foreign(&remote_app));
            model.put(Record::Application(Arc::new(application)));
        }
        let mut app_bag = |app: AppName, bag: &RawBag| {
            if !bag.is_empty() {
                let bag = AppBag { settings: bag.clone(), version: 1 };
                model.put(Record::AppBag(id, app, Arc::new(bag)));
            }
        };
        app_bag(app.clone(), &relation.local_app);
        if remote_app != app {
            app_bag(remote_app, &relation.remote_app_data);
        }
        Ok(())
    }

    /// The state that a model shows, where it can differ from the one the model was made of.
    pub(super) fn read_back(&self, before: State, model: &Model, memory: Memory, now: Timestamp) -> State {
        let mut state = before;
        state.memory = memory;
        state.time = now;
        if let Some(unit) = model.units.get(&self.unit) {
            state.opened_ports = unit.ports.clone();
            state.workload_version = unit.workload_version.clone();
            state.unit_status = Status::of(unit.workload.status.as_str(), unit.workload.message.clone());
        }
        if let Some(application) = model.applications.get(self.unit.app()) {
            let status = application.status.as_ref();
            state.app_status = status.and_then(|s| Status::of(s.status.as_str(), s.message.clone()));
        }
        state.juju_state =
            model.charm_states.get(&self.unit).map(|kept| (**kept).clone()).unwrap_or_default();
        let settings = model.leader_settings.get(self.unit.app());
        state.leader_settings = settings.map(|kept| kept.settings.clone()).unwrap_or_default();
        for relation in &mut state.relations {
            let id = RelationId(relation.id);
            let app = model.app_bag(id, self.unit.app());
            relation.local_app = app.map(|bag| bag.settings.clone()).unwrap_or_default();
            let mut own =
                model.member(id, &self.unit).map(|member| member.settings.clone()).unwrap_or_default();
            for (key, value) in addresses(&state.address) {
                if own.get(&key) == Some(&value) && !relation.local_unit.contains_key(&key) {
                    own.remove(&key);
                }
            }
            relation.local_unit = own;
        }
        state.secrets = secrets::read_back(&state.secrets, model, &self.unit);
        state
    }
}

fn endpoint_name(name: &str) -> Result<EndpointName, Inconsistent> {
    EndpointName::new(name).map_err(|error| {
        Inconsistent::new(
            format!("endpoint {name:?}"),
            error.to_string(),
            "use one of the charm's own endpoints",
        )
    })
}

/// What Juju writes into a unit's databag.
fn addresses(address: &str) -> RawBag {
    let egress = format!("{address}/32");
    super::relation::bag([
        ("egress-subnets", egress.as_str()),
        ("ingress-address", address),
        ("private-address", address),
    ])
}

fn foreign(app: &AppName) -> CharmRef {
    CharmRef { id: CharmId(format!("{app}-elsewhere")), url: format!("local:{app}-0"), modified: 0 }
}

fn shown(status: &Status, since: Timestamp) -> ModelStatus<WorkloadStatus> {
    let word = status.word().parse().unwrap_or(WorkloadStatus::Unknown);
    ModelStatus::new(word, status.message(), since)
}

fn application(name: AppName, charm: CharmRef) -> Application {
    Application {
        name,
        life: Life::Alive,
        charm,
        charm_forced: false,
        config: BTreeMap::new(),
        trust: false,
        exposed: false,
        exposure: Default::default(),
        next_unit: 0,
        status: None,
        workload_version: None,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        base: None,
        forced_removal: false,
        storage: Default::default(),
    }
}

fn unit(name: UnitName, charm: CharmRef, since: Timestamp) -> Unit {
    Unit {
        name,
        life: Life::Alive,
        machine: MachineId(0),
        principal: None,
        charm: Some(charm),
        resolved: None,
        workload: ModelStatus::new(WorkloadStatus::Unknown, "", since),
        agent: ModelStatus::new(AgentStatus::Executing, "", since),
        workload_version: None,
        ports: BTreeMap::new(),
        payloads: BTreeMap::new(),
    }
}

/// The options as the operator's command would keep them.
fn config(
    meta: &CharmMeta,
    set: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, ConfigValue>, Inconsistent> {
    let mut config = BTreeMap::new();
    for (name, value) in set {
        let field = || format!("config.{name}");
        let Some(option) = meta.config.get(name) else {
            let known: Vec<&str> = meta.config.keys().map(String::as_str).collect();
            let remedy = match known.is_empty() {
                true => "take it out: the charm has no options".to_owned(),
                false => format!("use one of {}", known.join(", ")),
            };
            return Err(Inconsistent::new(field(), "the charm has no such option", remedy));
        };
        let value = match (option.kind, value) {
            (OptionType::Boolean, Value::Bool(value)) => Some(ConfigValue::Bool(*value)),
            (OptionType::Int, Value::Number(value)) => value.as_i64().map(ConfigValue::Int),
            (OptionType::Float, Value::Number(value)) => value.as_f64().map(ConfigValue::Float),
            (OptionType::String, Value::String(text)) => Some(ConfigValue::String(text.clone())),
            (OptionType::Secret, Value::String(text)) => option.parse_cli(text).ok(),
            _ => None,
        };
        let value = value.ok_or_else(|| {
            let kind = option.kind;
            let remedy = match kind {
                OptionType::Secret => {
                    "give it a secret's URI: secret: and twenty letters and digits".to_owned()
                }
                _ => format!("give it a value of type {kind}"),
            };
            Inconsistent::new(
                field(),
                format!("{} is no value of an option of type {kind}", set[name]),
                remedy,
            )
        })?;
        config.insert(name.clone(), value);
    }
    Ok(config)
}

/// What the hook's context is about.
pub(super) fn context_of(event: &Event) -> ContextKind {
    let relation =
        |event, about: &RelationRef, app: &AppName, unit: Option<&UnitName>, departing: Option<&UnitName>| {
            Hook::Relation(RelationHook {
                event,
                relation: about.id,
                endpoint: about.endpoint.clone(),
                remote_app: app.clone(),
                remote_unit: unit.cloned(),
                departing: departing.cloned(),
                version: None,
            })
        };
    let hook = match event {
        Event::Install(_) => Hook::Install,
        Event::Start(_) => Hook::Start,
        Event::ConfigChanged(_) => Hook::ConfigChanged,
        Event::UpgradeCharm(_) => Hook::UpgradeCharm,
        Event::Stop(_) => Hook::Stop,
        Event::Remove(_) => Hook::Remove,
        Event::UpdateStatus(_) => Hook::UpdateStatus,
        Event::LeaderElected(_) => Hook::LeaderElected,
        Event::LeaderSettingsChanged(_) => Hook::LeaderSettingsChanged,
        Event::Woken(_) => Hook::DeferredWake,
        Event::RelationCreated(e) => relation(RelationEvent::Created, &e.relation, &e.app, None, None),
        Event::RelationJoined(e) => relation(RelationEvent::Joined, &e.relation, &e.app, Some(&e.unit), None),
        Event::RelationChanged(e) => {
            relation(RelationEvent::Changed, &e.relation, &e.app, e.unit.as_ref(), None)
        }
        Event::RelationDeparted(e) => {
            let (unit, departing) = (Some(&e.unit), e.departing.as_ref());
            relation(RelationEvent::Departed, &e.relation, &e.app, unit, departing)
        }
        Event::RelationBroken(e) => relation(RelationEvent::Broken, &e.relation, &e.app, None, None),
        Event::SecretChanged(e) => return secret(SecretEvent::Changed, &e.secret, 0),
        Event::SecretRotate(e) => return secret(SecretEvent::Rotate, &e.secret, 0),
        Event::SecretExpired(e) => return secret(SecretEvent::Expired, &e.secret, e.revision),
        Event::SecretRemove(e) => return secret(SecretEvent::Remove, &e.secret, e.revision),
        Event::StorageAttached(e) => return storage(StorageEvent::Attached, &e.storage),
        Event::StorageDetaching(e) => return storage(StorageEvent::Detaching, &e.storage),
        // The commands look at no more of these contexts than that they are about none of these.
        _ => return ContextKind::Exec { relation: None },
    };
    ContextKind::Hook(hook)
}

fn secret(event: SecretEvent, about: &SecretRef, revision: u64) -> ContextKind {
    let id = about.id.rsplit(['/', ':']).next().unwrap_or(&about.id);
    match id.parse() {
        Ok(secret) => {
            let revision = u32::try_from(revision).unwrap_or(u32::MAX);
            let label = about.label.clone();
            ContextKind::Hook(Hook::Secret(SecretHook { event, secret, label, revision }))
        }
        Err(_) => ContextKind::Exec { relation: None },
    }
}

fn storage(event: StorageEvent, about: &StorageId) -> ContextKind {
    match about.to_string().parse() {
        Ok(storage) => ContextKind::Hook(Hook::Storage(StorageHook { event, storage })),
        Err(_) => ContextKind::Exec { relation: None },
    }
}
