//! A model with its agents in virtual time: what every driver without a clock does with the core's functions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use periapt_model::apply::apply_to;
use periapt_model::command::{Answer, Command, Refusal, Tell};
use periapt_model::commit::commit_to;
use periapt_model::effects::Effects;
use periapt_model::entity::ModelInfo;
use periapt_model::journal::{Entry, JournalRecord, Outcome};
use periapt_model::local::Local;
use periapt_model::model::{Draft, Key, Model, Record, Write};
use periapt_model::names::UnitName;
use periapt_model::observe::{concerned, observe};
use periapt_model::remote::Remote;
use periapt_model::step_commit::{Commit, CommitRefusal};
use periapt_model::time::{Moment, Timestamp};

use crate::checker::{Checker, TraceEvent};
use crate::{Step, StepEnd, Transition};

use super::Broken;

/// A process that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// What it runs.
    pub step: Step,
    /// What its agent had seen.
    pub decided_on: Arc<Remote>,
    /// The model that it sees.
    pub view: Arc<Model>,
    /// When it was begun.
    pub started: Timestamp,
}

/// What one agent holds in its memory; all else it has in the model.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub epoch: u64,
    started: Timestamp,
    /// What it saw last; none after its own commit.
    pub view: Option<Arc<Remote>>,
    /// What it would see now, until something concerns it: as a real agent, which is not woken before.
    seen: Option<Arc<Remote>>,
    /// The change that its last commit was: it may see nothing older.
    last_commit: u64,
    pub running: Option<Running>,
    /// Until when it rested when it was last checked.
    pub until: Option<Timestamp>,
    checker: Checker,
}

/// A model with its agents, in virtual time.
///
/// It goes the way of a step (see the crate's page) and holds every trace against the lifecycle table (I1). What runs in the
/// processes is its caller's: between [`Driver::decide`] and [`Driver::finish`].
#[derive(Clone, Debug)]
pub struct Driver {
    /// The model as it is now.
    pub model: Arc<Model>,
    /// The time.
    pub now: Timestamp,
    pub(super) agents: BTreeMap<UnitName, Agent>,
    pub(super) boots: BTreeMap<UnitName, u32>,
    /// The newest models, oldest first, with the number of the change that made each.
    history: VecDeque<(u64, Arc<Model>)>,
    changes: u64,
    /// The units about which something may have changed since they were checked.
    pub(super) unchecked: BTreeSet<UnitName>,
    /// Dispatches that were committed.
    pub(super) dispatches: u64,
    /// Whether it is checked that each change wakes whom it concerns: a look at every unit costs.
    pub(super) check_wakes: bool,
    /// A unit that a change concerned and that was not woken, or a change that would not be stored as it was made.
    pub(super) overlooked: Option<String>,
    /// What was written down, if anybody wants it.
    journal: Option<Vec<Arc<JournalRecord>>>,
}

const HISTORY: usize = 6;
/// Every so many changes it is checked that who was not woken sees nothing new.
const CHECK_WAKES_EVERY: u64 = 7;

impl Driver {
    /// An empty model, at this time.
    pub fn new(info: ModelInfo, now: Timestamp) -> Self {
        let model = Arc::new(Model::new(info));
        Self {
            history: VecDeque::from([(0, Arc::clone(&model))]),
            model,
            now,
            agents: BTreeMap::new(),
            boots: BTreeMap::new(),
            changes: 0,
            unchecked: BTreeSet::new(),
            dispatches: 0,
            check_wakes: false,
            overlooked: None,
            journal: None,
        }
    }

    /// Keeps the journal from now on.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// The journal, as far as it was kept.
    pub fn journal(&self) -> &[Arc<JournalRecord>] {
        self.journal.as_deref().unwrap_or_default()
    }

    /// A unit's agent's memory.
    pub fn local(&self, unit: &UnitName) -> Option<&Local> {
        self.model.agents.get(unit).map(|agent| &agent.local)
    }

    /// The present, as a unit's agent knows it.
    pub fn moment(&self, unit: &UnitName) -> Moment {
        Moment {
            now: self.now,
            agent_started: self.agents.get(unit).map_or(Timestamp(0), |a| a.started),
            boot: Some(format!("boot-{}", self.boots.get(unit).copied().unwrap_or(0))),
            stopping: false,
        }
    }

    /// The number of a unit's agent.
    pub fn epoch(&self, unit: &UnitName) -> u64 {
        self.agents.get(unit).map_or(0, |agent| agent.epoch)
    }

    /// An operator's command, or what an agent tells.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn command(&mut self, command: Command) -> Result<Answer, Refusal> {
        let mut draft = Draft::new(&self.model);
        let answer = apply_to(&mut draft, command, self.now)?;
        self.store(draft);
        Ok(answer)
    }

    fn store(&mut self, draft: Draft) {
        let (model, writes) = draft.finish();
        let writes = writes.as_slice();
        let before = std::mem::replace(&mut self.model, Arc::new(model));
        if let Some(journal) = &mut self.journal {
            journal.extend(writes.iter().filter_map(|write| match write {
                Write::Journal(record) => Some(Arc::clone(record)),
                _ => None,
            }));
        }
        let mut woken = concerned(&before, &self.model, writes);
        // Who commits looks again by itself.
        let commits = |write: &Write| match write {
            Write::Put(Record::Agent(own, _)) => Some(own.clone()),
            _ => None,
        };
        for unit in writes.iter().filter_map(commits).chain(woken.iter().cloned()) {
            if let Some(agent) = self.agents.get_mut(&unit) {
                agent.seen = None;
            }
        }
        woken.extend(writes.iter().filter_map(owner).cloned());
        if self.check_wakes && self.overlooked.is_none() && self.changes.is_multiple_of(CHECK_WAKES_EVERY) {
            let unwoken = |unit| format!("{unit} is not woken by what concerns it: {writes:?}");
            self.overlooked = self.asleep().map(unwoken).or_else(|| self.unwritten(&before, writes));
        }
        self.unchecked.append(&mut woken);
        self.changes += 1;
        self.history.push_back((self.changes, Arc::clone(&self.model)));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.agents.retain(|unit, _| self.model.units.contains_key(unit));
    }

    /// What the writes do not make of the model before: a store that has only them would hold another model.
    fn unwritten(&self, before: &Model, writes: &[Write]) -> Option<String> {
        let mut stored = before.clone();
        writes.iter().for_each(|write| stored.write(write));
        (stored != *self.model)
            .then(|| format!("another model than the one decided on is stored: {writes:?}"))
    }

    /// An agent for the unit, as its supervisor starts one. False: there is no such unit.
    pub(super) fn agent(&mut self, unit: &UnitName) -> bool {
        if !self.model.units.contains_key(unit) {
            return false;
        }
        if !self.agents.contains_key(unit) {
            if self.command(Command::TakeUnit { unit: unit.clone() }).is_err() {
                return false;
            }
            let (epoch, checker) = match self.model.agents.get(unit) {
                Some(agent) => (agent.epoch, Checker::resume(&agent.local)),
                None => return false,
            };
            let agent = Agent {
                epoch,
                started: self.now,
                view: None,
                seen: None,
                last_commit: self.changes,
                running: None,
                until: None,
                checker,
            };
            self.agents.insert(unit.clone(), agent);
        }
        true
    }

    /// A unit's agent sees the model as it was so many changes ago, but nothing older than its own last commit.
    pub(super) fn observe(&mut self, unit: &UnitName, ago: usize) -> bool {
        if !self.agent(unit) {
            return false;
        }
        let Some(last_commit) = self.agents.get(unit).map(|agent| agent.last_commit) else { return false };
        let newest = self.history.len().saturating_sub(1);
        let seen = self.history.iter().skip(newest.saturating_sub(ago)).find(|(n, _)| *n >= last_commit);
        let view = match seen {
            Some((n, model)) if *n != self.changes => observe(model, unit).map(Arc::new),
            Some(_) => self.present(unit),
            None => None,
        };
        if let Some(agent) = self.agents.get_mut(unit) {
            agent.view = view;
        }
        true
    }

    /// What a unit's agent sees of the model as it is now.
    pub(super) fn present(&mut self, unit: &UnitName) -> Option<Arc<Remote>> {
        let agent = self.agents.get_mut(unit);
        if let Some(seen) = agent.as_ref().and_then(|agent| agent.seen.clone()) {
            return Some(seen);
        }
        let present = observe(&self.model, unit).map(Arc::new)?;
        if let Some(agent) = agent {
            agent.seen = Some(Arc::clone(&present));
        }
        Some(present)
    }

    /// An agent that nothing has woken, and that would see something new if it looked.
    pub(super) fn asleep(&self) -> Option<&UnitName> {
        let stale = |unit: &UnitName, seen: &Remote| observe(&self.model, unit).as_ref() != Some(seen);
        let mut agents = self.agents.iter();
        agents.find(|(unit, agent)| agent.seen.as_ref().is_some_and(|seen| stale(unit, seen))).map(|(u, _)| u)
    }

    /// How many changes there were.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// A unit's agent looks at the model as it is now.
    pub fn look(&mut self, unit: &UnitName) -> bool {
        self.observe(unit, 0)
    }

    /// A unit's agent decides, and begins what it has decided. False: it has nothing to do now, or is busy.
    ///
    /// # Errors
    /// A trace that breaks the order (I1).
    pub fn decide(&mut self, unit: &UnitName) -> Result<bool, Broken> {
        if !self.agent(unit) || self.agents.get(unit).is_none_or(|a| a.running.is_some()) {
            return Ok(false);
        }
        if self.agents.get(unit).is_some_and(|a| a.view.is_none()) {
            self.look(unit);
        }
        let (Some(remote), Some(local)) =
            (self.agents.get(unit).and_then(|a| a.view.clone()), self.local(unit))
        else {
            return Ok(false);
        };
        let moment = self.moment(unit);
        let step = crate::next(local, &remote, &moment);
        let epoch = self.epoch(unit);
        match &step {
            Step::Rest { .. } => return Ok(false),
            Step::ClaimLeadership => {
                let tell = Tell::ClaimLeadership;
                // Somebody may have been faster.
                let _ = self.command(Command::Agent { unit: unit.clone(), epoch, tell });
                self.forget_view(unit);
                return Ok(true);
            }
            _ => {}
        }
        let transition = crate::begin(local, &remote, &step, &moment);
        let view = Arc::clone(&self.model);
        if self.commit(unit, epoch, transition, Effects::default())?.is_err() {
            return Ok(false);
        }
        if let Some(agent) = self.agents.get_mut(unit).filter(|_| step.runs_a_process()) {
            agent.running = Some(Running { step, decided_on: remote, view, started: moment.now });
        }
        Ok(true)
    }

    fn forget_view(&mut self, unit: &UnitName) {
        if let Some(agent) = self.agents.get_mut(unit) {
            agent.view = None;
            agent.last_commit = self.changes;
        }
    }

    /// The process that a unit runs, if it runs one.
    pub fn running(&self, unit: &UnitName) -> Option<&Running> {
        self.agents.get(unit)?.running.as_ref()
    }

    /// The process that a unit ran has ended.
    pub fn take_running(&mut self, unit: &UnitName) -> Option<Running> {
        self.agents.get_mut(unit)?.running.take()
    }

    /// A unit's agent commits that a process has ended, with its effects. Effects that are refused make it a failure. True:
    /// the effects count.
    ///
    /// # Errors
    /// A trace that breaks the order (I1).
    pub fn finish(
        &mut self,
        unit: &UnitName,
        epoch: u64,
        running: &Running,
        mut end: StepEnd,
        effects: Effects,
    ) -> Result<Finished, Broken> {
        let Some(local) = self.local(unit).cloned() else { return Ok(Finished::Refused) };
        let moment = self.moment(unit);
        let transition = crate::finish(&local, &running.decided_on, &running.step, &end, &moment);
        match self.commit(unit, epoch, transition, effects)? {
            Ok(()) => Ok(Finished::Committed),
            Err(CommitRefusal::Effects(reason)) => {
                end.outcome = Outcome::Failed { reason, output: Vec::new() };
                let transition = crate::finish(&local, &running.decided_on, &running.step, &end, &moment);
                Ok(match self.commit(unit, epoch, transition, Effects::default())? {
                    Ok(()) => Finished::AsFailed,
                    Err(_) => Finished::Refused,
                })
            }
            Err(_) => Ok(Finished::Refused),
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
        let mut draft = Draft::new(&self.model);
        if let Err(refusal) = commit_to(&mut draft, step, self.now) {
            return Ok(Err(refusal));
        }
        self.trace(unit, &entries)?;
        self.store(draft);
        self.forget_view(unit);
        Ok(Ok(()))
    }

    fn trace(&mut self, unit: &UnitName, entries: &[Entry]) -> Result<(), Broken> {
        let Some(agent) = self.agents.get_mut(unit) else { return Ok(()) };
        for entry in entries {
            self.dispatches += u64::from(matches!(entry, Entry::Dispatch(_)));
            let event = TraceEvent::from_entry(entry);
            if let Err(violation) = agent.checker.feed(&event) {
                let text = format!("{unit}: {}: {} ({event:?})", violation.edge, violation.text);
                return Err(Broken { invariant: "I1", text });
            }
        }
        Ok(())
    }

    /// The first moment at which an agent that rests will do something.
    pub fn first_timer(&self) -> Option<Timestamp> {
        let resting = self.agents.iter().filter(|(_, agent)| agent.running.is_none());
        resting
            .filter_map(|(unit, agent)| {
                let remote = match &agent.seen {
                    Some(seen) => Arc::clone(seen),
                    None => Arc::new(observe(&self.model, unit)?),
                };
                match crate::next(self.local(unit)?, &remote, &self.moment(unit)) {
                    Step::Rest { until, .. } => until,
                    _ => Some(self.now),
                }
            })
            .min()
    }

    /// Lets time pass, which concerns those that rested until then.
    pub fn pass_to(&mut self, at: Timestamp) {
        self.now = at;
        let due = self.agents.iter().filter(|(_, agent)| agent.until.is_some_and(|until| until <= at));
        self.unchecked.extend(due.map(|(unit, _)| unit.clone()));
    }

    /// Lets time pass until an agent will do something. False: none ever will.
    pub fn pass_to_timer(&mut self) -> bool {
        match self.first_timer() {
            Some(at) if at > self.now => {
                self.pass_to(at);
                true
            }
            _ => false,
        }
    }
}

/// What became of the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is in the model, with its effects.
    Committed,
    /// Its effects were refused: it has failed.
    AsFailed,
    /// Nothing of it is in the model: the unit is gone, or another agent's.
    Refused,
}

/// Whose own record it is.
fn owner(write: &Write) -> Option<&UnitName> {
    match write {
        Write::Put(Record::Agent(unit, _) | Record::CharmState(unit, _) | Record::Member(_, unit, _))
        | Write::Delete(Key::Agent(unit) | Key::CharmState(unit) | Key::Member(_, unit)) => Some(unit),
        _ => None,
    }
}
