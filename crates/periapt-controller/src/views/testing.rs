//! A small model for the tests of views: `db` with two units, related to `web` with one.

use std::sync::Arc;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Tell};
use periapt_model::entity::{Charm, ModelInfo};
use periapt_model::model::{Model, Record};
use periapt_model::names::{CharmId, UnitName};
use periapt_model::status::{AgentStatus, Status, WorkloadStatus};
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;

use super::{Host, Viewpoint, Zone, host::BaseView};

/// 2025-02-25 10:00:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_740_477_600_000);

const DB: &str = "
name: db
summary: A database.
description: For tests.
provides: {db: {interface: sql}}
peers: {cluster: {interface: cluster}}
resources: {schema: {type: file, filename: schema.sql}}
";
const DB_CONFIG: &str = "
options:
  size: {type: int, default: 1, description: How large.}
  name: {type: string}
";
const DB_ACTIONS: &str = "
backup:
  description: Save it.
  params: {target: {type: string, default: disk}}
";
const WEB: &str = "
name: web
summary: A site.
description: For tests.
requires: {database: {interface: sql}, cache: {interface: redis}, proxy: {interface: http, optional: true}}
";

fn source(name: &str, text: &str) -> Option<SourceText> {
    Some(SourceText::new(name, text))
}

/// A charm made of these files, under a made-up id.
pub(crate) fn charm(id: &str, files: CharmFiles) -> Charm {
    let parsed = parse(&files).unwrap_or_else(|e| panic!("{e:?}"));
    Charm { id: CharmId(id.to_owned()), url: String::new(), revision: 0, version: None, meta: parsed.meta }
}

pub(crate) fn db_charm() -> Charm {
    let manifest = "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]";
    let mut charm = charm(
        "db-1",
        CharmFiles {
            metadata: source("metadata.yaml", DB),
            config: source("config.yaml", DB_CONFIG),
            actions: source("actions.yaml", DB_ACTIONS),
            manifest: source("manifest.yaml", manifest),
            ..CharmFiles::default()
        },
    );
    charm.version = Some("abc123".to_owned());
    charm
}

pub(crate) fn web_charm() -> Charm {
    charm("web-1", CharmFiles { metadata: source("metadata.yaml", WEB), ..CharmFiles::default() })
}

/// A deployment of `charm` with nothing special.
pub(crate) fn deploy(charm: Charm, units: u32) -> Command {
    Command::Deploy(Box::new(Deploy {
        name: None,
        charm,
        units,
        config: Default::default(),
        trust: false,
        resources: Default::default(),
        constraints: String::new(),
        channel: None,
        force: false,
    }))
}

/// A model that changes by commands, as the controller's do.
pub(crate) struct Tested(pub Model);

impl Tested {
    pub fn empty() -> Self {
        let uuid = "5e8f2a4c-0000-4000-8000-000000000000".to_owned();
        Self(Model::new(ModelInfo::new(uuid, "test".parse().unwrap(), NOW)))
    }

    pub fn apply(&mut self, command: Command) -> Answer {
        let (writes, answer) = apply(&self.0, command, NOW).unwrap_or_else(|e| panic!("{e:?}"));
        writes.iter().for_each(|write| self.0.write(write));
        answer
    }

    /// An agent takes the unit, its charm in place, and says that it is well.
    pub fn start(&mut self, unit: &UnitName) {
        let Answer::Epoch(epoch) = self.apply(Command::TakeUnit { unit: unit.clone() }) else { panic!("no epoch") };
        let charm = self.0.applications[unit.app()].charm.clone();
        let mut local = self.0.agents[unit].local.clone();
        local.charm = Some(charm.clone());
        let relations = self.0.relations_of(unit.app()).map(|r| Act::EnterScope(r.id));
        let acts = relations
            .chain([
                Act::CharmInstalled(charm),
                Act::AgentStatus { status: AgentStatus::Idle, message: String::new(), data: Default::default() },
                Act::WorkloadStatus { status: WorkloadStatus::Active, message: "ready".to_owned() },
            ])
            .collect();
        let commit =
            Commit { unit: unit.clone(), epoch, local, acts, effects: Default::default(), journal: Vec::new() };
        let writes = periapt_model::commit::commit(&self.0, commit, NOW).unwrap();
        writes.iter().for_each(|write| self.0.write(write));
        self.apply(Command::Agent { unit: unit.clone(), epoch, tell: Tell::ClaimLeadership });
    }

    /// Sets a unit's statuses, as its agent would.
    pub fn say(&mut self, unit: &str, workload: WorkloadStatus, message: &str, agent: Status<AgentStatus>) {
        let mut changed = (*self.0.units[&unit.parse::<UnitName>().unwrap()]).clone();
        changed.workload = Status::new(workload, message, NOW);
        changed.agent = agent;
        self.0.put(Record::Unit(Arc::new(changed)));
    }
}

/// `db` with two units, the first of which leads, related to `web` with one.
pub(crate) fn related() -> Tested {
    let mut tested = Tested::empty();
    tested.apply(deploy(db_charm(), 2));
    tested.apply(deploy(web_charm(), 1));
    let end = |app: &str| EndpointRef { app: app.parse().unwrap(), endpoint: None };
    tested.apply(Command::Integrate { a: end("db"), b: end("web") });
    for unit in ["db/0", "db/1", "web/0"] {
        tested.start(&unit.parse().unwrap());
    }
    tested
}

pub(crate) fn host() -> Host {
    Host {
        base: Some(BaseView { name: "ubuntu".to_owned(), channel: "24.04".to_owned() }),
        hardware: "arch=amd64 cores=2 mem=4096M".to_owned(),
        cores: 2,
        hostname: "here".to_owned(),
    }
}

/// Looks from `host` in UTC.
pub(crate) fn view(host: &Host) -> Viewpoint<'_> {
    Viewpoint { now: NOW, zone: &Zone::Utc, host }
}
