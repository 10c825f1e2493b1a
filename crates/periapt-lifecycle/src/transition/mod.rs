//! What a step changes: before a process starts, and after it has ended.

mod begin;
mod finish;

use std::collections::BTreeMap;

use periapt_model::deferral::DeferralReport;
use periapt_model::entity::TaskStatus;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Event, Mark, Outcome};
use periapt_model::local::{HookStep, Local, Notice, Op};
use periapt_model::status::{AgentStatus, WorkloadStatus};
use periapt_model::step_commit::Act;
use periapt_model::time::Timestamp;
use periapt_model::wake::WakeChange;
use serde_json::Value;

pub use begin::begin;
pub use finish::finish;

/// One transaction's worth of change, without what the charm itself wrote.
#[must_use]
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Transition {
    /// The agent's new memory.
    pub local: Local,
    /// What follows for the model, in order.
    pub acts: Vec<Act>,
    /// What to write down, in order.
    pub journal: Vec<Entry>,
}

impl Transition {
    fn of(local: &Local) -> Self {
        Self { local: local.clone(), acts: Vec::new(), journal: Vec::new() }
    }

    fn mark(&mut self, mark: Mark) {
        self.journal.push(Entry::Mark(mark));
    }

    fn workload(&mut self, status: WorkloadStatus, message: &str) {
        self.acts.push(Act::WorkloadStatus { status, message: message.to_owned() });
    }

    fn agent(&mut self, status: AgentStatus, message: String, data: BTreeMap<String, Value>) {
        self.local.idle = status == AgentStatus::Idle;
        self.acts.push(Act::AgentStatus { status, message, data });
    }

    fn executing(&mut self, message: String) {
        self.agent(AgentStatus::Executing, message, BTreeMap::new());
    }

    fn idle(&mut self) {
        self.agent(AgentStatus::Idle, String::new(), BTreeMap::new());
    }

    /// Says that the remembered hook has failed, if it has (reference 1.5).
    fn report_error(&mut self) {
        let Op::Hook { hook, step: HookStep::Failed(_), .. } = &self.local.op else { return };
        let name = hook.name();
        let mut data = BTreeMap::from([("hook".to_owned(), Value::from(name.clone()))]);
        if let Hook::Relation(relation) = hook {
            data.insert("relation-id".to_owned(), relation.relation.0.into());
            if let Some(unit) = &relation.remote_unit {
                data.insert("remote-unit".to_owned(), unit.to_string().into());
            }
        }
        self.agent(AgentStatus::Error, format!("hook failed: \"{name}\""), data);
    }
}

/// What the agent saw of a dispatch, for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DispatchFacts {
    /// When its process was about to start.
    pub started: Timestamp,
    /// When its process had ended.
    pub ended: Timestamp,
    /// What it wrote, one line each: `relation-set db:3 host port`.
    pub writes: Vec<String>,
    /// Custom events that the charm's framework reported, in order.
    pub custom_events: Vec<String>,
    /// How many hook commands it ran.
    pub hook_commands: u32,
    /// Whether it ran as the unit's leader.
    pub leader: bool,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEnd {
    /// What it was, for the journal: an action, a command line, or a hook run again.
    pub event: Event,
    /// A final status.
    pub status: TaskStatus,
    /// Because its time was over.
    pub timed_out: bool,
    /// `action-fail`'s text, or why it could not run.
    pub message: String,
    /// `action-set`'s values, and `return-code`, `stdout`, `stderr`.
    pub results: serde_json::Map<String, Value>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepEnd {
    /// In one word.
    pub outcome: Outcome,
    /// For the journal. Not used for [`Step::Deploy`](crate::Step::Deploy).
    pub facts: DispatchFacts,
    /// What the charm's queue of deferred events holds now. None if that is unknown, or the charm has no such queue.
    pub notices: Option<Vec<Notice>>,
    /// What the charm's framework told of that queue itself: it counts instead of `notices`, and only if the process ended
    /// well.
    pub report: Option<Box<DeferralReport>>,
    /// The wakes that the charm asked for, in order. They count only if the process ended well.
    pub wakes: Vec<WakeChange>,
    /// Whether the charm set a workload status during it.
    pub status_set: bool,
    /// For [`Step::Task`](crate::Step::Task).
    pub task: Option<TaskEnd>,
}

impl StepEnd {
    /// An end with this outcome, of which nothing else is known.
    pub fn new(outcome: Outcome, started: Timestamp, ended: Timestamp) -> Self {
        let facts = DispatchFacts { started, ended, ..DispatchFacts::default() };
        Self { outcome, facts, notices: None, report: None, wakes: Vec::new(), status_set: false, task: None }
    }
}
