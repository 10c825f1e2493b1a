//! A simulated model with its agents, and what an action does to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use periapt_model::apply::apply;
use periapt_model::command::{Command, Tell};
use periapt_model::commit::commit;
use periapt_model::effects::Effects;
use periapt_model::entity::ModelInfo;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Outcome};
use periapt_model::local::Local;
use periapt_model::model::{Key, Model, Record, Write};
use periapt_model::names::{ModelName, RelationId, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::remote::Remote;
use periapt_model::step_commit::{Commit, CommitRefusal};
use periapt_model::time::{Moment, Timestamp};

use crate::checker::{Checker, TraceEvent};
use crate::{Step, StepEnd, Transition};

use super::action::{Action, Ending};
use super::charm::{self, Disk};
use super::charms::Charms;
use super::rng::Rng;
use super::secrets;
use super::{Broken, Done};

/// A process that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub step: Step,
    decided_on: Remote,
    view: Model,
    started: Timestamp,
}

/// What one agent holds in its memory; all else it has in the model.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub epoch: u64,
    started: Timestamp,
    /// What it saw last; none after its own commit.
    pub view: Option<Remote>,
    /// The change that its last commit was: it may see nothing older.
    last_commit: u64,
    pub running: Option<Running>,
    /// Until when it rested when it was last checked.
    pub until: Option<Timestamp>,
    checker: Checker,
}

/// A simulated model.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) charms: Charms,
    pub(super) model: Model,
    pub(super) now: Timestamp,
    pub(super) agents: BTreeMap<UnitName, Agent>,
    disks: BTreeMap<UnitName, Disk>,
    pub(super) boots: BTreeMap<UnitName, u32>,
    /// The newest models, oldest first, with the number of the change that made each.
    history: VecDeque<(u64, Model)>,
    changes: u64,
    /// What databags and state must count, by what was committed.
    pub(super) expected: BTreeMap<(UnitName, Option<RelationId>), u64>,
    /// The units about which something may have changed since they were checked.
    pub(super) unchecked: BTreeSet<UnitName>,
    /// Handlers finish and processes end well from now on.
    pub(super) giving_up: bool,
    pub(super) done: Done,
}

const HISTORY: usize = 6;

impl World {
    /// An empty model.
    pub fn new(charms: &Charms) -> Self {
        let name = ModelName::new("sim").unwrap_or_else(|_| unreachable!("a constant name is well formed"));
        let model = Model::new(ModelInfo::new("sim".to_owned(), name, Timestamp(0)));
        Self {
            charms: charms.clone(),
            history: VecDeque::from([(0, model.clone())]),
            model,
            now: Timestamp(1_000_000),
            agents: BTreeMap::new(),
            disks: BTreeMap::new(),
            boots: BTreeMap::new(),
            changes: 0,
            expected: BTreeMap::new(),
            unchecked: BTreeSet::new(),
            giving_up: false,
            done: Done::default(),
        }
    }

    pub(super) fn charm_count(&self) -> usize {
        self.charms.count()
    }

    pub(super) fn local(&self, unit: &UnitName) -> Option<&Local> {
        self.model.agents.get(unit).map(|agent| &agent.local)
    }

    pub(super) fn moment(&self, unit: &UnitName) -> Moment {
        Moment {
            now: self.now,
            agent_started: self.agents.get(unit).map_or(Timestamp(0), |a| a.started),
            boot: Some(format!("boot-{}", self.boots.get(unit).copied().unwrap_or(0))),
            stopping: false,
        }
    }

    /// Makes `action` happen. False: it made no sense here, and nothing happened.
    ///
    /// # Errors
    ///
    /// The invariant that it broke.
    pub fn act(&mut self, action: &Action) -> Result<bool, Broken> {
        let happened = self.perform(action)?;
        if happened {
            self.done.steps += 1;
            self.check()?;
        }
        Ok(happened)
    }

    pub(super) fn command(&mut self, command: Command) -> Result<bool, Broken> {
        match apply(&self.model, command, self.now) {
            Ok((writes, _)) => {
                self.store(&writes);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn store(&mut self, writes: &[Write]) {
        let before = self.model.clone();
        writes.iter().for_each(|write| self.model.write(write));
        self.unchecked.append(&mut concerned(&before, &self.model, writes));
        self.unchecked.extend(writes.iter().filter_map(owner).cloned());
        self.changes += 1;
        self.history.push_back((self.changes, self.model.clone()));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.agents.retain(|unit, _| self.model.units.contains_key(unit));
        self.disks.retain(|unit, _| self.model.units.contains_key(unit));
    }

    /// An agent for the unit, as its supervisor starts one.
    fn agent(&mut self, unit: &UnitName) -> bool {
        if !self.model.units.contains_key(unit) {
            return false;
        }
        if !self.agents.contains_key(unit) {
            let Ok((writes, _)) = apply(&self.model, Command::TakeUnit { unit: unit.clone() }, self.now)
            else {
                return false;
            };
            self.store(&writes);
            let (epoch, checker) = match self.model.agents.get(unit) {
                Some(agent) => (agent.epoch, Checker::resume(&agent.local)),
                None => return false,
            };
            let agent = Agent {
                epoch,
                started: self.now,
                view: None,
                last_commit: self.changes,
                running: None,
                until: None,
                checker,
            };
            self.agents.insert(unit.clone(), agent);
        }
        true
    }

    pub(super) fn observe(&mut self, unit: &UnitName, ago: usize) -> bool {
        if !self.agent(unit) {
            return false;
        }
        let Some(agent) = self.agents.get_mut(unit) else { return false };
        let newest = self.history.len().saturating_sub(1);
        let seen =
            self.history.iter().skip(newest.saturating_sub(ago)).find(|(n, _)| *n >= agent.last_commit);
        agent.view = seen.and_then(|(_, model)| observe(model, unit));
        true
    }

    pub(super) fn decide(&mut self, unit: &UnitName) -> Result<bool, Broken> {
        if !self.agent(unit) || self.agents.get(unit).is_none_or(|a| a.running.is_some()) {
            return Ok(false);
        }
        if self.agents.get(unit).is_some_and(|a| a.view.is_none()) {
            self.observe(unit, 0);
        }
        let (Some(remote), Some(local)) =
            (self.agents.get(unit).and_then(|a| a.view.clone()), self.local(unit))
        else {
            return Ok(false);
        };
        let moment = self.moment(unit);
        let step = crate::next(local, &remote, &moment);
        match &step {
            Step::Rest { .. } => return Ok(false),
            Step::ClaimLeadership => {
                let epoch = self.agents.get(unit).map_or(0, |a| a.epoch);
                let tell = Tell::ClaimLeadership;
                self.command(Command::Agent { unit: unit.clone(), epoch, tell })?;
                if let Some(agent) = self.agents.get_mut(unit) {
                    agent.view = None;
                    agent.last_commit = self.changes;
                }
                return Ok(true);
            }
            _ => {}
        }
        let transition = crate::begin(local, &remote, &step, &moment);
        let view = self.model.clone();
        let epoch = self.agents.get(unit).map_or(0, |a| a.epoch);
        if self.commit(unit, epoch, transition, Effects::default())?.is_err() {
            return Ok(false);
        }
        if let Some(agent) = self.agents.get_mut(unit).filter(|_| step.runs_a_process()) {
            agent.running = Some(Running { step, decided_on: remote, view, started: moment.now });
        }
        Ok(true)
    }

    /// A process ends, and its agent commits that.
    pub(super) fn end(&mut self, unit: &UnitName, ending: Ending, choice: u64) -> Result<bool, Broken> {
        let Some(running) = self.agents.get_mut(unit).and_then(|a| a.running.take()) else {
            return Ok(false);
        };
        let epoch = self.agents.get(unit).map_or(0, |a| a.epoch);
        self.finish(unit, epoch, &running, ending, choice)?;
        Ok(true)
    }

    fn finish(
        &mut self,
        unit: &UnitName,
        epoch: u64,
        running: &Running,
        ending: Ending,
        choice: u64,
    ) -> Result<bool, Broken> {
        let Some(local) = self.local(unit).cloned() else { return Ok(false) };
        let effects = self.run_charm(unit, running, ending, choice);
        let outcome = match ending {
            Ending::Done => Outcome::Done,
            Ending::Missing if matches!(running.step, Step::Hook { .. }) => Outcome::Missing,
            Ending::Missing => Outcome::Done,
            Ending::Failed => Outcome::Failed { reason: "exit status 1".to_owned(), output: Vec::new() },
            Ending::Killed | Ending::KilledLate => Outcome::Interrupted { reason: "killed".to_owned() },
        };
        let moment = self.moment(unit);
        let mut end = StepEnd::new(outcome, running.started, moment.now);
        if !charm::reports(unit) {
            end.notices = Some(self.disks.get(unit).map(|d| d.notices.clone()).unwrap_or_default());
        }
        end.report.clone_from(&effects.0.deferrals);
        end.wakes.clone_from(&effects.0.wakes);
        end.status_set = effects.1;
        let transition = crate::finish(&local, &running.decided_on, &running.step, &end, &moment);
        let counted = effects.0.clone();
        match self.commit(unit, epoch, transition, effects.0)? {
            Ok(()) => {
                self.count(unit, &counted);
                Ok(true)
            }
            Err(CommitRefusal::Effects(reason)) => {
                end.outcome = Outcome::Failed { reason, output: Vec::new() };
                let transition = crate::finish(&local, &running.decided_on, &running.step, &end, &moment);
                Ok(self.commit(unit, epoch, transition, Effects::default())?.is_ok())
            }
            Err(_) => Ok(false),
        }
    }

    /// What the process did: to its own file at once, and to the model if it ended well.
    fn run_charm(
        &mut self,
        unit: &UnitName,
        running: &Running,
        ending: Ending,
        choice: u64,
    ) -> (Effects, bool) {
        let stores = matches!(ending, Ending::Done | Ending::KilledLate);
        if !stores || matches!(running.step, Step::Deploy { .. }) {
            return (Effects::default(), false);
        }
        let hook = match &running.step {
            Step::Hook { hook, .. } => Some(hook),
            _ => None,
        };
        if let Some(epoch) = self.agents.get(unit).map(|agent| agent.epoch) {
            let mut rng = Rng::new(choice);
            for tell in secrets::read(&running.view, unit, hook, &mut rng, self.giving_up) {
                // One that is refused is a command that fails: the secret may be gone by now.
                if let Ok((writes, _)) =
                    apply(&self.model, Command::Agent { unit: unit.clone(), epoch, tell }, self.now)
                {
                    self.store(&writes);
                }
            }
        }
        let disk = self.disks.entry(unit.clone()).or_default();
        let (after, effects, status) = charm::run(&running.view, unit, hook, disk, choice, self.giving_up);
        *disk = after;
        if ending == Ending::Done { (effects, status) } else { (Effects::default(), false) }
    }

    fn count(&mut self, unit: &UnitName, effects: &Effects) {
        for id in effects.relations.keys().filter(|id| self.model.relations.contains_key(*id)) {
            *self.expected.entry((unit.clone(), Some(*id))).or_default() += 1;
        }
        if !effects.state.is_empty() {
            *self.expected.entry((unit.clone(), None)).or_default() += 1;
        }
    }

    fn commit(
        &mut self,
        unit: &UnitName,
        epoch: u64,
        transition: Transition,
        effects: Effects,
    ) -> Result<Result<(), CommitRefusal>, Broken> {
        let Transition { local, acts, journal } = transition;
        let entries = journal.clone();
        let step = Commit { unit: unit.clone(), epoch, local, acts, effects, journal };
        match commit(&self.model, step, self.now) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(writes) => {
                self.trace(unit, &entries)?;
                self.store(&writes);
                if let Some(agent) = self.agents.get_mut(unit) {
                    agent.view = None;
                    agent.last_commit = self.changes;
                }
                Ok(Ok(()))
            }
        }
    }

    fn trace(&mut self, unit: &UnitName, entries: &[Entry]) -> Result<(), Broken> {
        let Some(agent) = self.agents.get_mut(unit) else { return Ok(()) };
        for entry in entries {
            self.done.dispatches += u64::from(matches!(entry, Entry::Dispatch(_)));
            let event = TraceEvent::from_entry(entry);
            if let Err(violation) = agent.checker.feed(&event) {
                let text = format!("{unit}: {}: {} ({event:?})", violation.edge, violation.text);
                return Err(Broken { invariant: "I1", text });
            }
        }
        Ok(())
    }

    pub(super) fn kill_agent(
        &mut self,
        unit: &UnitName,
        ending: Ending,
        choice: u64,
    ) -> Result<bool, Broken> {
        let Some(agent) = self.agents.remove(unit) else { return Ok(false) };
        self.done.faults += 1;
        if let Some(running) = &agent.running {
            self.run_charm(unit, running, ending, choice);
        }
        Ok(self.agent(unit))
    }

    /// The unit gets another agent while the old one is about to commit: it must be refused (I5).
    pub(super) fn usurp(&mut self, unit: &UnitName, choice: u64) -> Result<bool, Broken> {
        let Some(old) = self.agents.remove(unit) else { return Ok(false) };
        self.done.faults += 1;
        if !self.agent(unit) {
            return Ok(false);
        }
        let Some(running) = old.running else { return Ok(true) };
        if self.finish(unit, old.epoch, &running, Ending::Done, choice)? {
            let text = format!("{unit}: agent {} committed after another took the unit", old.epoch);
            return Err(Broken { invariant: "I5", text });
        }
        Ok(true)
    }

    /// The first moment at which an agent that rests will do something.
    pub(super) fn first_timer(&self) -> Option<Timestamp> {
        let resting = self.agents.iter().filter(|(_, agent)| agent.running.is_none());
        resting
            .filter_map(|(unit, _)| {
                let remote = observe(&self.model, unit)?;
                match crate::next(self.local(unit)?, &remote, &self.moment(unit)) {
                    Step::Rest { until, .. } => until,
                    _ => Some(self.now),
                }
            })
            .min()
    }

    /// Lets time pass, which concerns those that rested until then.
    pub(super) fn pass_to(&mut self, at: Timestamp) {
        self.now = at;
        let due = self.agents.iter().filter(|(_, agent)| agent.until.is_some_and(|until| until <= at));
        self.unchecked.extend(due.map(|(unit, _)| unit.clone()));
    }

    pub(super) fn pass_to_timer(&mut self) -> bool {
        match self.first_timer() {
            Some(at) if at > self.now => {
                self.pass_to(at);
                true
            }
            _ => false,
        }
    }

    /// Whether the charm's own queue of deferred events is empty.
    pub(super) fn disk_is_empty(&self, unit: &UnitName) -> bool {
        self.disks.get(unit).is_none_or(|disk| disk.notices.is_empty())
    }

    /// Whether a task waits or runs.
    pub(super) fn tasks_open(&self) -> bool {
        self.model.tasks.values().any(|t| !t.status.is_final())
    }

    /// How long the settling may take in virtual time.
    /// Two days and more: an event that waits for one that does not come is run with `update-status`, which comes once a day
    /// in the settling.
    pub(super) const PATIENCE: Duration = Duration::from_secs(60 * 3600);

    /// The hook that a unit runs.
    pub(super) fn running_hook(&self, unit: &UnitName) -> Option<&Hook> {
        match &self.agents.get(unit)?.running.as_ref()?.step {
            Step::Hook { hook, .. } => Some(hook),
            _ => None,
        }
    }
}

/// Whose own record it is.
fn owner(write: &Write) -> Option<&UnitName> {
    match write {
        Write::Put(Record::Agent(unit, _) | Record::CharmState(unit, _) | Record::Member(_, unit, _))
        | Write::Delete(Key::Agent(unit) | Key::CharmState(unit) | Key::Member(_, unit)) => Some(unit),
        _ => None,
    }
}
