//! One unit, its agent and as much of a controller as one unit can tell from a real one.

use std::time::Duration;

use periapt_model::charm::Role;
use periapt_model::deferral::DeferralReport;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Event, Mark, Outcome};
use periapt_model::local::{CharmRef, Fingerprint, Local, Notice, SeenInputs};
use periapt_model::names::{CharmId, RelationId, TaskId, UnitName};
use periapt_model::remote::{Remote, RemoteRelation, RemoteTask};
use periapt_model::status::{AgentStatus, Life, WorkloadStatus};
use periapt_model::step_commit::Act;
use periapt_model::time::{Moment, Timestamp};
use periapt_model::wake::WakeChange;

use crate::checker::{Checker, TraceEvent, Violation};
use crate::{RestReason, Step, StepEnd, Transition, begin, finish, next};

pub fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

pub fn charm(revision: u32) -> CharmRef {
    CharmRef { id: CharmId(format!("hash-{revision}")), url: format!("local:app-{revision}"), modified: 0 }
}

pub fn relation(role: Role, endpoint: &str, remote_app: &str) -> RemoteRelation {
    RemoteRelation {
        endpoint: endpoint.parse().unwrap(),
        role,
        remote_app: remote_app.parse().unwrap(),
        life: Life::Alive,
        suspended: false,
        implicit: false,
        implemented: true,
        in_scope: false,
        members: Default::default(),
        apps: Default::default(),
        remote_app_dying: false,
        closed: false,
    }
}

pub fn notice(sequence: i64) -> Notice {
    Notice {
        sequence,
        event: format!("MyCharm/on/start[{sequence}]"),
        observer: "MyCharm".into(),
        method: "_on_start".into(),
    }
}

pub struct World {
    pub local: Local,
    pub remote: Remote,
    pub moment: Moment,
    /// How the next processes end; `Done` when there are no more.
    pub ends: Vec<Outcome>,
    /// What every process leaves in the charm's queue.
    pub notices: Option<Vec<Notice>>,
    /// What every process reports.
    pub report: Option<DeferralReport>,
    /// What the next process asks to be woken for.
    pub wakes: Vec<WakeChange>,
    pub status_set: bool,
    pub checker: Checker,
    /// Hooks that succeeded, as `name` or `name(unit)`; failures end in `!`; marks in brackets; tasks as `task N`.
    pub trace: Vec<String>,
    pub agent_status: Option<(AgentStatus, String)>,
    pub workload: Option<(WorkloadStatus, String)>,
    pub acts: Vec<Act>,
    pub journal: Vec<Entry>,
    pub dead: bool,
    pub violations: Vec<Violation>,
    /// Whether somebody else leads.
    pub follower: bool,
}

impl World {
    pub fn new(name: &str) -> Self {
        Self {
            local: Local::default(),
            remote: Remote {
                unit: unit(name),
                life: Life::Alive,
                resolved: None,
                charm: charm(0),
                charm_forced: false,
                inputs: SeenInputs::default(),
                relations: Default::default(),
                leader: false,
                leadership_known: false,
                leader_settings: 0,
                secrets_read: Default::default(),
                secrets_owned: Default::default(),
                storages: Default::default(),
                subordinates: Default::default(),
                tasks: Vec::new(),
                update_status_interval: Duration::from_secs(300),
                retry_hooks: true,
                deferred_wake: Some(Duration::from_secs(1)),
            },
            moment: Moment::at(Timestamp(1_000_000)),
            ends: Vec::new(),
            notices: None,
            report: None,
            wakes: Vec::new(),
            status_set: false,
            checker: Checker::new(),
            trace: Vec::new(),
            agent_status: None,
            workload: None,
            acts: Vec::new(),
            journal: Vec::new(),
            dead: false,
            violations: Vec::new(),
            follower: false,
        }
    }

    pub fn follower(name: &str) -> Self {
        let mut world = Self::new(name);
        world.follower = true;
        world.remote.leadership_known = true;
        world
    }

    /// A unit that is set up and at rest, its trace forgotten.
    pub fn settled(name: &str) -> Self {
        let mut world = Self::new(name);
        world.settle();
        world.trace.clear();
        world
    }

    pub fn relate(&mut self, id: u32, role: Role, endpoint: &str, remote_app: &str, members: &[&str]) {
        let mut relation = relation(role, endpoint, remote_app);
        relation.members = members.iter().map(|name| (unit(name), 1)).collect();
        self.remote.relations.insert(RelationId(id), relation);
    }

    pub fn related(&mut self, id: u32) -> &mut RemoteRelation {
        self.remote.relations.get_mut(&RelationId(id)).unwrap()
    }

    pub fn add_task(&mut self, id: u64) {
        self.remote.tasks.push(RemoteTask {
            id: TaskId(id),
            name: "go".into(),
            event: Event::Exec { task: TaskId(id) },
            started: None,
            parallel: false,
            cancelled: false,
        });
    }

    pub fn configure(&mut self, config: u64) {
        self.remote.inputs.config = Fingerprint(config);
    }

    pub fn decide(&self) -> Step {
        next(&self.local, &self.remote, &self.moment)
    }

    pub fn pass(&mut self, span: Duration) {
        self.moment.now = self.moment.now + span;
    }

    /// One step; false if there was nothing to do.
    pub fn step(&mut self) -> bool {
        let step = self.decide();
        if step.is_rest() || self.dead {
            return false;
        }
        self.perform(&step);
        true
    }

    pub fn perform(&mut self, step: &Step) {
        if *step == Step::ClaimLeadership {
            self.remote.leadership_known = true;
            self.remote.leader = !self.follower;
            return;
        }
        let seen = self.remote.clone();
        let transition = begin(&self.local, &seen, step, &self.moment);
        self.commit(transition, false);
        if !step.runs_a_process() || self.dead {
            return;
        }
        let end = self.run();
        self.end(step, &seen, &end);
    }

    /// The process runs for 100 ms.
    pub fn run(&mut self) -> StepEnd {
        let started = self.moment.now;
        self.pass(Duration::from_millis(100));
        let outcome = if self.ends.is_empty() { Outcome::Done } else { self.ends.remove(0) };
        StepEnd {
            notices: self.notices.clone(),
            report: self.report.clone().map(Box::new),
            wakes: std::mem::take(&mut self.wakes),
            status_set: self.status_set,
            ..StepEnd::new(outcome, started, self.moment.now)
        }
    }

    pub fn end(&mut self, step: &Step, seen: &Remote, end: &StepEnd) {
        let transition = finish(&self.local, seen, step, end, &self.moment);
        self.commit(transition, end.outcome.is_success());
    }

    /// Does what the controller would.
    pub fn commit(&mut self, transition: Transition, _success: bool) {
        self.local = transition.local;
        for entry in transition.journal {
            self.write_down(&entry);
            self.checker.set_update_status_interval(self.remote.update_status_interval);
            if let Err(violation) = self.checker.feed(&TraceEvent::from_entry(&entry)) {
                self.violations.push(violation);
            }
            self.journal.push(entry);
        }
        for act in &transition.acts {
            match act {
                Act::EnterScope(id) => {
                    self.remote.relations.get_mut(id).into_iter().for_each(|r| r.in_scope = true)
                }
                Act::LeaveScope(id) => {
                    if let Some(theirs) = self.remote.relations.get_mut(id) {
                        theirs.in_scope = false;
                        if theirs.life != Life::Alive {
                            self.remote.relations.remove(id);
                        }
                    }
                }
                Act::AgentStatus { status, message, .. } => {
                    self.agent_status = Some((*status, message.clone()))
                }
                Act::WorkloadStatus { status, message } => self.workload = Some((*status, message.clone())),
                Act::ClearResolved => self.remote.resolved = None,
                Act::TaskEnded { task, .. } => self.remote.tasks.retain(|known| known.id != *task),
                Act::DetachStorage(id) => drop(self.remote.storages.remove(id)),
                Act::Dead => self.dead = true,
                _ => {}
            }
        }
        self.acts.extend(transition.acts);
    }

    fn write_down(&mut self, entry: &Entry) {
        let name = |hook: &Hook| match hook.relation().and_then(|relation| relation.remote_unit.as_ref()) {
            Some(unit) => format!("{hook}({unit})"),
            None => hook.name(),
        };
        let line = match entry {
            Entry::Dispatch(dispatch) => {
                let failed = if dispatch.outcome.is_success() { "" } else { "!" };
                match &dispatch.event {
                    Event::Hook(hook) => format!("{}{failed}", name(hook)),
                    Event::Action { task, .. } | Event::Exec { task } | Event::Replay { task, .. } => {
                        format!("task {task}{failed}")
                    }
                }
            }
            Entry::Mark(mark) => match mark {
                Mark::CharmInstalled { upgrade: true, .. } => "[upgraded]".into(),
                Mark::RelationForgotten { relation } => format!("[forgotten {relation}]"),
                Mark::StorageForgotten { storage } => format!("[forgotten {storage}]"),
                Mark::LeaderResigned => "[resigned]".into(),
                Mark::HookDropped { hook, .. } => format!("[dropped {}]", name(hook)),
                Mark::DyingSeen => "[dying]".into(),
                Mark::Dead => "[dead]".into(),
                _ => return,
            },
        };
        self.trace.push(line);
    }

    /// Steps until there is nothing to do now, and checks that the trace is in order.
    pub fn settle(&mut self) -> RestReason {
        for _ in 0..1_000 {
            if self.dead {
                return RestReason::Gone;
            }
            let step = self.decide();
            if let Step::Rest { why, .. } = step {
                assert_eq!(self.violations, [], "{:?}", self.trace);
                return why;
            }
            self.perform(&step);
        }
        panic!("does not settle: {:?}", self.trace);
    }

    /// Lets time pass to the moment at which the unit is due again.
    pub fn wait(&mut self) {
        let Step::Rest { until: Some(until), .. } = self.decide() else { panic!("nothing to wait for") };
        assert!(until > self.moment.now);
        self.moment.now = until;
    }

    /// The trace since the last call.
    pub fn ran(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }
}

pub fn failed() -> Outcome {
    Outcome::Failed { reason: "exit status 1".into(), output: vec!["boom".into()] }
}

pub fn interrupted() -> Outcome {
    Outcome::Interrupted { reason: "killed by SIGKILL".into() }
}
