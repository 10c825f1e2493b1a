//! A small model and a stand-in for the agent, for tests of this crate and of those above it.
//!
//! The model: `web` with the units `web/0` (the leader), `web/1` and `web/3` (dying) on the machines 0, 1 and 3,
//! related to itself by `cluster` (relation 0), to `db` (units `db/2` and `db/10`) by `db` (relation 2) and to `spare`
//! (unit `spare/0`) by `db` too (relation 10).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use periapt_model::charm::{CharmMeta, ConfigValue, Role, Scope};
use periapt_model::effects::Effects;
use periapt_model::entity::{
    AppBag, Application, Charm, CharmState, LeaderSettings, Leadership, Machine, Member, ModelInfo, Relation,
    RelationEnd, ResourceFile, Unit,
};
use periapt_model::hook::{Hook, RelationEvent, RelationHook};
use periapt_model::local::{CharmRef, Local, LocalRelation};
use periapt_model::model::{Model, Record};
use periapt_model::names::{
    ActionName, AppName, CharmId, EndpointName, MachineId, ModelName, RelationId, ResourceName, TaskId,
    UnitName,
};
use periapt_model::status::{AgentStatus, Life, Status, WorkloadStatus};
use periapt_model::time::Timestamp;
use serde_json::{Value, json};

use crate::{Call, ContextKind, Immediate, Need, Output, Reply, Session, Supplied, View, answer};

/// 2026-01-02 03:04:05 UTC: when everything in the model happened.
pub const THEN: Timestamp = Timestamp(1_767_323_045_000);

const LITERAL: &str = "the fixture's names are valid";

/// An application's name.
pub fn app(name: &str) -> AppName {
    AppName::new(name).expect(LITERAL)
}

/// A unit's name.
pub fn unit(name: &str) -> UnitName {
    name.parse().expect(LITERAL)
}

fn endpoint(name: &str) -> EndpointName {
    EndpointName::new(name).expect(LITERAL)
}

fn charm(name: &str, meta: Value) -> (CharmRef, Record) {
    let id = CharmId(format!("{name}-hash"));
    let url = format!("local:{name}-0");
    let meta: CharmMeta = serde_json::from_value(meta).expect(LITERAL);
    let charm = Charm { id: id.clone(), url: url.clone(), revision: 0, version: None, meta };
    (CharmRef { id, url, modified: 0 }, Record::Charm(Arc::new(charm)))
}

fn application(name: &str, charm: CharmRef) -> Application {
    Application {
        name: app(name),
        life: Life::Alive,
        charm,
        charm_forced: false,
        config: BTreeMap::new(),
        trust: false,
        exposed: false,
        exposure: Default::default(),
        next_unit: 11,
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

fn machine(id: u32) -> Record {
    let address = Machine::loopback_address(0, MachineId(id));
    Record::Machine(Arc::new(Machine::new(MachineId(id), address, THEN)))
}

fn new_unit(name: &str, machine: u32, charm: &CharmRef, status: WorkloadStatus, message: &str) -> Unit {
    Unit {
        name: unit(name),
        life: Life::Alive,
        machine: MachineId(machine),
        principal: None,
        charm: Some(charm.clone()),
        resolved: None,
        workload: Status::new(status, message, THEN),
        agent: Status::new(AgentStatus::Idle, "", THEN),
        workload_version: None,
        ports: BTreeMap::new(),
        payloads: BTreeMap::new(),
    }
}

fn end(app_name: &str, name: &str, role: Role) -> RelationEnd {
    RelationEnd {
        app: app(app_name),
        endpoint: endpoint(name),
        role,
        interface: name.to_owned(),
        scope: Scope::Global,
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn relation(
    model: &mut Model,
    id: u32,
    ends: Vec<RelationEnd>,
    members: &[(&str, u32)],
    apps: &[(&str, &str)],
) {
    let id = RelationId(id);
    model.put(Record::Relation(Arc::new(Relation::new(id, ends))));
    for (name, machine) in members {
        let address = Machine::loopback_address(0, MachineId(*machine));
        let settings = texts(&[("ingress-address", &address), ("name", name), ("private-address", &address)]);
        let member = Member { in_scope: true, settings, version: 1 };
        model.put(Record::Member(id, unit(name), Arc::new(member)));
    }
    for (name, value) in apps {
        let bag = AppBag { settings: texts(&[("from", value)]), version: 1 };
        model.put(Record::AppBag(id, app(name), Arc::new(bag)));
    }
}

/// The model described in the module's documentation. Made once: a copy costs nothing.
pub fn model() -> Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(build).clone()
}

fn build() -> Model {
    let name = ModelName::new("test").expect(LITERAL);
    let uuid = "d0a1f6b2-0000-4000-8000-000000000001".to_owned();
    let mut model = Model::new(ModelInfo::new(uuid, name, THEN));
    let side = |role: &str, interface: &str| json!({"role": role, "interface": interface});
    let (web, web_record) = charm(
        "web",
        json!({
            "name": "web", "summary": "", "description": "", "format": "v2",
            "endpoints": {"cluster": side("peer", "cluster"), "db": side("requirer", "server")},
            "extra_bindings": ["admin"],
            "storages": {
                "data": {"type": "filesystem", "count_min": 0, "count_max": 2},
                "logs": {"type": "filesystem", "count_min": 0, "count_max": null},
            },
            "payloads": {"monitor": "docker"},
            "resources": {
                "site": {"type": "file", "filename": "site.tar"},
                "logo": {"type": "file", "filename": "logo.png"},
                "image": {"type": "oci-image"},
            },
            "config": {
                "debug": {"type": "boolean", "default": false},
                "name": {"type": "string"},
                "port": {"type": "int", "default": 80},
                "ratio": {"type": "float", "default": 2.0},
                "title": {"type": "string", "default": "a <b> & c"},
            },
        }),
    );
    let (db, db_record) = charm(
        "db",
        json!({
            "name": "db", "summary": "", "description": "", "format": "v2",
            "endpoints": {"server": side("provider", "server")},
        }),
    );
    model.put(web_record);
    model.put(db_record);
    let mut web_app = application("web", web.clone());
    web_app.config.insert("port".to_owned(), ConfigValue::Int(8080));
    let site = ResourceFile { hash: "site-hash".to_owned(), size: 5, revision: 1, store: None };
    web_app.resources.insert(ResourceName::new("site").expect(LITERAL), site);
    model.put(Record::Application(Arc::new(web_app)));
    for name in ["db", "spare"] {
        model.put(Record::Application(Arc::new(application(name, db.clone()))));
    }
    for id in [0, 1, 2, 3, 5, 10] {
        model.put(machine(id));
    }
    let mut leaving = new_unit("web/3", 3, &web, WorkloadStatus::Active, "");
    leaving.life = Life::Dying;
    for unit in [
        new_unit("web/0", 0, &web, WorkloadStatus::Active, "ready"),
        new_unit("web/1", 1, &web, WorkloadStatus::Waiting, "for <db>"),
        leaving,
        new_unit("db/2", 2, &db, WorkloadStatus::Active, ""),
        new_unit("db/10", 10, &db, WorkloadStatus::Active, ""),
        new_unit("spare/0", 5, &db, WorkloadStatus::Unknown, ""),
    ] {
        model.put(Record::Unit(Arc::new(unit)));
    }
    for (name, number) in [("web", 0), ("db", 2), ("spare", 0)] {
        let leader = UnitName::new(app(name), number);
        model.put(Record::Leadership(Arc::new(Leadership { app: app(name), unit: leader })));
    }
    let kept = LeaderSettings { settings: texts(&[("secret", "x"), ("size", "3")]), version: 1 };
    model.put(Record::LeaderSettings(app("web"), Arc::new(kept)));
    let state: CharmState = texts(&[("color", "blue")]);
    model.put(Record::CharmState(unit("web/0"), Arc::new(state)));
    let peer = vec![end("web", "cluster", Role::Peer)];
    relation(&mut model, 0, peer, &[("web/0", 0), ("web/1", 1), ("web/3", 3)], &[("web", "web")]);
    let ends = |provider| vec![end(provider, "server", Role::Provider), end("web", "db", Role::Requirer)];
    let webs = [("web/0", 0), ("web/1", 1)];
    relation(
        &mut model,
        2,
        ends("db"),
        &[webs[0], webs[1], ("db/2", 2), ("db/10", 10)],
        &[("db", "db"), ("web", "us")],
    );
    relation(&mut model, 10, ends("spare"), &[webs[0], ("spare/0", 5)], &[]);
    model
}

/// What the agent of a `web` unit remembers when everything has settled.
pub fn local() -> Local {
    let known = |endpoint_name: &str, remote: &str, peer: bool, members: &[&str]| LocalRelation {
        endpoint: endpoint(endpoint_name),
        remote_app: app(remote),
        peer,
        implicit: false,
        created: true,
        members: members.iter().map(|name| (unit(name), 1)).collect(),
        apps: BTreeMap::new(),
        changed_pending: None,
    };
    Local {
        installed: true,
        started: true,
        relations: BTreeMap::from([
            (RelationId(0), known("cluster", "web", true, &["web/1", "web/3"])),
            (RelationId(2), known("db", "db", false, &["db/2", "db/10"])),
            (RelationId(10), known("db", "spare", false, &["spare/0"])),
        ]),
        ..Local::default()
    }
}

/// A hook of relation 2 (`db:2`, with `db`).
pub fn db_hook(event: RelationEvent, remote_unit: Option<&str>) -> ContextKind {
    ContextKind::Hook(Hook::Relation(RelationHook {
        event,
        relation: RelationId(2),
        endpoint: endpoint("db"),
        remote_app: app("db"),
        remote_unit: remote_unit.map(unit),
        departing: remote_unit.filter(|_| event == RelationEvent::Departed).map(unit),
        version: None,
    }))
}

/// Task 7, the action `backup`, with these parameters.
pub fn action(params: Value) -> ContextKind {
    let params = params.as_object().cloned().unwrap_or_default();
    ContextKind::Action { task: TaskId(7), name: ActionName::new("backup").expect(LITERAL), params }
}

/// One hook context of `web/0`, with all that its commands may need.
#[derive(Debug)]
pub struct Stage {
    /// What the hook can see.
    pub view: View,
    /// What it has done.
    pub effects: Effects,
    /// What it remembers.
    pub session: Session,
    /// The answer to a claim of leadership.
    pub leader: bool,
    /// The standard input of its commands.
    pub stdin: Vec<u8>,
    /// The files that there are.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What counted at once, in order.
    pub immediate: Vec<Immediate>,
    /// What its commands needed, in order.
    pub needs: Vec<Need>,
}

impl Stage {
    /// A context of `web/0`, which leads.
    pub fn new(context: ContextKind) -> Self {
        Self {
            view: View { model: std::sync::Arc::new(model()), unit: unit("web/0"), context, local: local() },
            effects: Effects::default(),
            session: Session::default(),
            leader: true,
            stdin: Vec::new(),
            files: BTreeMap::new(),
            immediate: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// A `config-changed` hook of `web/0`.
    pub fn config_changed() -> Self {
        Self::new(ContextKind::Hook(Hook::ConfigChanged))
    }

    /// Runs a command as an agent does.
    ///
    /// # Panics
    /// When the command asks for the same thing twice, or has changed something before it was done.
    pub fn run(&mut self, command: &str, args: &[&str]) -> Output {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.run_args(command, &args)
    }

    /// The same, with arguments of the right type.
    ///
    /// # Panics
    /// As [`Stage::run`].
    pub fn run_args(&mut self, command: &str, args: &[String]) -> Output {
        let mut supplied = Supplied::default();
        let mut stdin = None;
        let mut asked: Vec<Need> = Vec::new();
        loop {
            let before = self.effects.clone();
            let call = Call { command, args, stdin, supplied: &supplied };
            let need = match answer(&self.view, &mut self.effects, &call, &mut self.session) {
                Reply::Done(output) => {
                    self.immediate.extend(output.immediate.iter().cloned());
                    return output;
                }
                Reply::Need(need) => need,
            };
            assert_eq!(
                before, self.effects,
                "{command} {args:?} changed something and then asked for {need:?}"
            );
            assert!(!asked.contains(&need), "{command} {args:?} asks for {need:?} again");
            match &need {
                Need::Stdin => stdin = Some(self.stdin.as_slice()),
                Need::File(path) => {
                    let missing = || format!("open {path}: no such file or directory");
                    let content = self.files.get(path).cloned().ok_or_else(missing);
                    supplied.files.insert(path.clone(), content);
                }
                Need::Leadership => supplied.leader = Some(self.leader),
                Need::FreshModel => supplied.model = Some((*self.view.model).clone()),
                Need::Storage(id) => {
                    supplied.storages.insert(id.clone(), Ok(format!("/unit/storage/{id}")));
                }
                Need::Resource(name) => {
                    supplied.resources.insert(name.clone(), Ok(format!("/unit/resources/{name}/file")));
                }
            }
            asked.push(need.clone());
            self.needs.push(need);
        }
    }

    /// Exit code, standard output and standard error of a command line, split at blanks.
    pub fn line(&mut self, line: &str) -> (u8, String, String) {
        let mut words = line.split(' ');
        let command = words.next().unwrap_or_default();
        let args: Vec<&str> = words.collect();
        let output = self.run(command, &args);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.code, text(output.stdout), text(output.stderr))
    }
}
