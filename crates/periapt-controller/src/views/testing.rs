//! A small model for the tests of views: `db` with two units, related to `web` with one.

use std::sync::Arc;

use periapt_lifecycle::{Step, StepEnd, TaskEnd, Transition, begin, finish, next};
use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Tell};
use periapt_model::commit::commit;
use periapt_model::entity::{Charm, ModelInfo, TaskStatus};
use periapt_model::hook::Hook;
use periapt_model::journal::{Event, Outcome};
use periapt_model::model::{Model, Record};
use periapt_model::names::{CharmId, UnitName};
use periapt_model::observe::observe;
use periapt_model::status::{AgentStatus, Status, WorkloadStatus};
use periapt_model::step_commit::Commit;
use periapt_model::time::{Moment, Timestamp};

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

/// What an agent without a charm does next.
pub(crate) enum AgentStep {
    Rest,
    Claim(Command),
    Commits(Vec<Commit>),
}

/// One step of `unit`'s agent, whose hooks end as `outcome` says and whose actions succeed.
pub(crate) fn agent_step(
    model: &Model,
    unit: &UnitName,
    now: Timestamp,
    outcome: &dyn Fn(&Hook) -> Outcome,
) -> AgentStep {
    let (Some(agent), Some(remote)) = (model.agents.get(unit), observe(model, unit)) else {
        return AgentStep::Rest;
    };
    let moment = Moment { agent_started: now, ..Moment::at(now) };
    let step = next(&agent.local, &remote, &moment);
    let commit = |Transition { local, acts, journal }| Commit {
        unit: unit.clone(),
        epoch: agent.epoch,
        local,
        acts,
        effects: Default::default(),
        journal,
    };
    if step.is_rest() {
        return AgentStep::Rest;
    }
    if step == Step::ClaimLeadership {
        let (unit, epoch) = (unit.clone(), agent.epoch);
        return AgentStep::Claim(Command::Agent { unit, epoch, tell: Tell::ClaimLeadership });
    }
    let begun = begin(&agent.local, &remote, &step, &moment);
    if !step.runs_a_process() {
        return AgentStep::Commits(vec![commit(begun)]);
    }
    let ends = match &step {
        Step::Hook { hook, .. } => outcome(hook),
        _ => Outcome::Done,
    };
    let mut end = StepEnd::new(ends, now, now);
    if let Step::Task(id) = step {
        let results = serde_json::Map::from_iter([("return-code".to_owned(), 0.into())]);
        let event = Event::Exec { task: id };
        end.task = Some(TaskEnd {
            event,
            status: TaskStatus::Completed,
            timed_out: false,
            message: String::new(),
            results,
        });
    }
    let ended = finish(&begun.local, &remote, &step, &end, &moment);
    AgentStep::Commits(vec![commit(begun), commit(ended)])
}

/// The outcome of a hook that fails.
pub(crate) fn failed() -> Outcome {
    Outcome::Failed { reason: "exit status 1".to_owned(), output: vec!["Traceback".to_owned()] }
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
        self.write(writes);
        answer
    }

    fn write(&mut self, writes: Vec<periapt_model::model::Write>) {
        writes.iter().for_each(|write| self.0.write(write));
    }

    /// Every unit gets an agent, and they run until none has anything to do. Hooks end as `outcome` says.
    pub fn run_agents(&mut self, outcome: &dyn Fn(&UnitName, &Hook) -> Outcome) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for unit in self.0.units.keys().cloned().collect::<Vec<_>>() {
                if !self.0.agents.contains_key(&unit) {
                    self.apply(Command::TakeUnit { unit: unit.clone() });
                }
                match agent_step(&self.0, &unit, NOW, &|hook| outcome(&unit, hook)) {
                    AgentStep::Rest => continue,
                    AgentStep::Claim(command) => drop(self.apply(command)),
                    AgentStep::Commits(commits) => commits.into_iter().for_each(|step| {
                        let writes = commit(&self.0, step, NOW).unwrap();
                        self.write(writes);
                    }),
                }
                moved = true;
            }
        }
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
    tested.run_agents(&|_, _| Outcome::Done);
    tested
}

pub(crate) fn host() -> Host {
    Host {
        base: Some(BaseView { name: "ubuntu".to_owned(), channel: "24.04".to_owned() }),
        hardware: "arch=amd64 cores=2 mem=4096M".to_owned(),
        cores: 2,
        hostname: "here".to_owned(),
        models: Default::default(),
    }
}

/// Looks from `host` in UTC.
pub(crate) fn view(host: &Host) -> Viewpoint<'_> {
    Viewpoint { now: NOW, zone: &Zone::Utc, host }
}
