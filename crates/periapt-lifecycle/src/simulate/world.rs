//! A simulated model with its agents, and what an action does to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::command::Command;
use periapt_model::effects::Effects;
use periapt_model::entity::ModelInfo;
use periapt_model::hook::Hook;
use periapt_model::journal::Outcome;
use periapt_model::names::{ModelName, RelationId, UnitName};
use periapt_model::time::Timestamp;

use crate::{Step, StepEnd};

use super::action::{Action, Ending};
use super::charm::{self, Disk};
use super::charms::Charms;
use super::driver::{Driver, Finished, Running};
use super::rng::Rng;
use super::scopes::{self, Leaves};
use super::secrets;
use super::storages::Watch;
use super::{Broken, Done};

/// A simulated model.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) charms: Charms,
    pub(super) driver: Driver,
    disks: BTreeMap<UnitName, Disk>,
    /// What databags and state must count, by what was committed.
    pub(super) expected: BTreeMap<(UnitName, Option<RelationId>), u64>,
    /// Handlers finish and processes end well from now on.
    pub(super) giving_up: bool,
    pub(super) storages: Watch,
    /// The change after which the whole model was checked.
    pub(super) checked: u64,
    pub(super) steps: u64,
    pub(super) faults: u64,
}

impl World {
    /// An empty model.
    pub fn new(charms: &Charms) -> Self {
        Self::of(charms, "sim")
    }

    /// The same, with a model of this identity.
    pub(super) fn of(charms: &Charms, uuid: &str) -> Self {
        let name = ModelName::new("sim").unwrap_or_else(|_| unreachable!("a constant name is well formed"));
        let info = ModelInfo::new(uuid.to_owned(), name, Timestamp(0));
        let mut driver = Driver::new(info, Timestamp(1_000_000));
        driver.check_wakes = true;
        Self {
            charms: charms.clone(),
            driver,
            disks: BTreeMap::new(),
            expected: BTreeMap::new(),
            giving_up: false,
            storages: Watch::default(),
            checked: 0,
            steps: 0,
            faults: 0,
        }
    }

    pub(super) fn charm_count(&self) -> usize {
        self.charms.count()
    }

    pub(super) fn done(&self) -> Done {
        Done { steps: self.steps, dispatches: self.driver.dispatches, faults: self.faults }
    }

    /// Makes `action` happen. False: it made no sense here, and nothing happened.
    ///
    /// # Errors
    ///
    /// The invariant that it broke.
    pub fn act(&mut self, action: &Action) -> Result<bool, Broken> {
        let (changes, before) = (self.driver.changes(), Arc::clone(&self.driver.model));
        let happened = self.perform(action)?;
        if self.driver.changes() != changes {
            scopes::check(&before, &self.driver.model, &scopes::leaves(&before, action))?;
        }
        self.acted(happened)
    }

    /// The same for a command that there is no action for, of which `leaves` says who may leave relations by it.
    pub(super) fn order(&mut self, command: Command, leaves: &Leaves<'_>) -> Result<bool, Broken> {
        let before = Arc::clone(&self.driver.model);
        let happened = self.command(command)?;
        scopes::check(&before, &self.driver.model, leaves)?;
        self.acted(happened)
    }

    fn acted(&mut self, happened: bool) -> Result<bool, Broken> {
        let (disks, units) = (&mut self.disks, &self.driver.model.units);
        disks.retain(|unit, _| units.contains_key(unit));
        if happened {
            self.steps += 1;
            self.check()?;
        }
        Ok(happened)
    }

    pub(super) fn command(&mut self, command: Command) -> Result<bool, Broken> {
        Ok(self.driver.command(command).is_ok())
    }

    /// A process ends, and its agent commits that.
    pub(super) fn end(&mut self, unit: &UnitName, ending: Ending, choice: u64) -> Result<bool, Broken> {
        let Some(running) = self.driver.take_running(unit) else { return Ok(false) };
        let epoch = self.driver.epoch(unit);
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
        let (effects, status_set) = self.run_charm(unit, running, ending, choice);
        let outcome = match ending {
            Ending::Done => Outcome::Done,
            Ending::Missing if matches!(running.step, Step::Hook { .. }) => Outcome::Missing,
            Ending::Missing => Outcome::Done,
            Ending::Failed => Outcome::Failed { reason: "exit status 1".to_owned(), output: Vec::new() },
            Ending::Killed | Ending::KilledLate => Outcome::Interrupted { reason: "killed".to_owned() },
        };
        let mut end = StepEnd::new(outcome, running.started, self.driver.now);
        if !charm::reports(unit) {
            end.notices = Some(self.disks.get(unit).map(|d| d.notices.clone()).unwrap_or_default());
        }
        end.report.clone_from(&effects.deferrals);
        end.wakes.clone_from(&effects.wakes);
        end.status_set = status_set;
        let counted = effects.clone();
        let finished = self.driver.finish(unit, epoch, running, end, effects)?;
        if finished == Finished::Committed {
            self.count(unit, &counted);
        }
        Ok(finished != Finished::Refused)
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
        if let Some(epoch) = self.driver.agents.get(unit).map(|agent| agent.epoch) {
            let mut rng = Rng::new(choice);
            for tell in secrets::read(&running.view, unit, hook, &mut rng, self.giving_up) {
                // One that is refused is a command that fails: the secret may be gone by now.
                let _ = self.driver.command(Command::Agent { unit: unit.clone(), epoch, tell });
            }
        }
        let disk = self.disks.entry(unit.clone()).or_default();
        let (after, effects, status) = charm::run(&running.view, unit, hook, disk, choice, self.giving_up);
        *disk = after;
        if ending == Ending::Done { (effects, status) } else { (Effects::default(), false) }
    }

    fn count(&mut self, unit: &UnitName, effects: &Effects) {
        for id in effects.relations.keys().filter(|id| self.driver.model.relations.contains_key(*id)) {
            *self.expected.entry((unit.clone(), Some(*id))).or_default() += 1;
        }
        if !effects.state.is_empty() {
            *self.expected.entry((unit.clone(), None)).or_default() += 1;
        }
    }

    pub(super) fn kill_agent(
        &mut self,
        unit: &UnitName,
        ending: Ending,
        choice: u64,
    ) -> Result<bool, Broken> {
        let Some(agent) = self.driver.agents.remove(unit) else { return Ok(false) };
        self.faults += 1;
        if let Some(running) = &agent.running {
            self.run_charm(unit, running, ending, choice);
        }
        Ok(self.driver.agent(unit))
    }

    /// The unit gets another agent while the old one is about to commit: it must be refused (I5).
    pub(super) fn usurp(&mut self, unit: &UnitName, choice: u64) -> Result<bool, Broken> {
        let Some(old) = self.driver.agents.remove(unit) else { return Ok(false) };
        self.faults += 1;
        if !self.driver.agent(unit) {
            return Ok(false);
        }
        let Some(running) = old.running else { return Ok(true) };
        if self.finish(unit, old.epoch, &running, Ending::Done, choice)? {
            let text = format!("{unit}: agent {} committed after another took the unit", old.epoch);
            return Err(Broken { invariant: "I5", text });
        }
        Ok(true)
    }

    /// Whether the charm's own queue of deferred events is empty.
    pub(super) fn disk_is_empty(&self, unit: &UnitName) -> bool {
        self.disks.get(unit).is_none_or(|disk| disk.notices.is_empty())
    }

    /// Whether a task waits or runs.
    pub(super) fn tasks_open(&self) -> bool {
        self.driver.model.tasks.values().any(|t| !t.status.is_final())
    }

    /// How long the settling may take in virtual time.
    /// Two days and more: an event that waits for one that does not come is run with `update-status`, which comes once a day
    /// in the settling.
    pub(super) const PATIENCE: Duration = Duration::from_secs(60 * 3600);

    /// The hook that a unit runs.
    pub(super) fn running_hook(&self, unit: &UnitName) -> Option<&Hook> {
        match &self.driver.running(unit)?.step {
            Step::Hook { hook, .. } => Some(hook),
            _ => None,
        }
    }
}
