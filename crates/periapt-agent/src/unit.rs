//! The life of one unit's agent: look, decide, do, commit, and again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use periapt_lifecycle::checker::{Checker, TraceEvent};
use periapt_lifecycle::{RestReason, Step, Transition, begin, next};
use periapt_model::command::{Answer, Command, Tell};
use periapt_model::effects::Effects;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Mark};
use periapt_model::local::{Local, Op};
use periapt_model::log::Level;
use periapt_model::model::Model;
use periapt_model::names::{MachineId, UnitName};
use periapt_model::observe::observe;
use periapt_model::remote::Remote;
use periapt_model::step_commit::{Act, Commit, CommitRefusal};
use periapt_model::time::{Moment, Timestamp};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::control::ControlError;
use crate::fault;
use crate::folder::UnitFolder;
use crate::leftover::Footprint;
use crate::report::{Report, now};
use crate::shared::Shared;

/// Half of the lease: a leader that renews this often always has 30 s left (reference 6).
const RENEW_EVERY: Duration = Duration::from_secs(30);
/// An agent at rest looks at the clock this often, since the machine may have slept or its clock been set.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// An agent that nobody tells of changes looks for them this often.
const LONGEST_BLIND_REST: Duration = Duration::from_secs(1);
/// A claim of leadership that was not granted is made again after this.
const CLAIM_PAUSE: Duration = Duration::from_secs(1);
/// A commit that the controller cannot store is tried again after this, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries of a commit.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How an agent's life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to stop.
    Stopped,
    /// Its unit is gone.
    Gone,
    /// Another agent has the unit.
    Fenced,
    /// It cannot go on; why, in words. Another one may be luckier.
    Failed(String),
}

/// One unit's agent.
pub(crate) struct UnitAgent {
    pub(crate) shared: Arc<Shared>,
    pub(crate) unit: UnitName,
    pub(crate) folder: UnitFolder,
    pub(crate) report: Report,
    /// Raised when what the unit sees may have changed.
    pub(crate) changes: watch::Receiver<u64>,
    /// Raised when a machine was restarted, perhaps the unit's.
    pub(crate) restarts: watch::Receiver<u64>,
    /// The unit's machine, and its boot at the last look.
    machine: Option<MachineId>,
    boot: Option<String>,
    /// The agent's number.
    pub(crate) epoch: u64,
    started: Timestamp,
    checker: Checker,
    renewal: Renewal,
    /// The failed hook that was last reported.
    awaited: Option<(Hook, u32)>,
}

/// What an agent sees at one moment.
pub(crate) struct Picture {
    pub(crate) model: Model,
    pub(crate) local: Local,
    pub(crate) remote: Remote,
    pub(crate) moment: Moment,
}

impl UnitAgent {
    pub(crate) fn new(shared: Arc<Shared>, unit: UnitName) -> Self {
        Self {
            folder: UnitFolder::new(&shared.options.model_dir, &unit),
            report: Report::new(Arc::clone(&shared.control), &unit),
            changes: shared.control.watch_unit(&unit),
            restarts: shared.restarts.subscribe(),
            machine: None,
            boot: None,
            epoch: 0,
            started: now(),
            checker: Checker::default(),
            renewal: Renewal::default(),
            awaited: None,
            shared,
            unit,
        }
    }

    /// Lives until the unit is gone, another agent has it, or everything stops.
    pub(crate) async fn run(mut self) -> Ended {
        let Err(ended) = self.live().await;
        ended
    }

    async fn live(&mut self) -> Result<Infallible, Ended> {
        self.take().await?;
        self.clean_up().await?;
        loop {
            let picture = self.look()?;
            self.follow_boot(&picture);
            self.renewal.follow(&self.shared, &self.unit, picture.remote.leader);
            self.checker.set_update_status_interval(picture.remote.update_status_interval);
            match next(&picture.local, &picture.remote, &picture.moment) {
                Step::Rest { until, why } => self.rest(until, why).await?,
                Step::ClaimLeadership => self.claim().await?,
                // Boxed, so that an agent at rest is small.
                step if step.runs_a_process() => Box::pin(self.perform(picture, step)).await?,
                step => Box::pin(self.note(&picture, &step)).await.map(drop)?,
            }
        }
    }

    /// Takes the unit over: what a predecessor may still want to commit is refused from here on.
    async fn take(&mut self) -> Result<(), Ended> {
        fault::point("before-take");
        let command = Command::TakeUnit { unit: self.unit.clone() };
        match self.apply(command).await? {
            Answer::Epoch(epoch) => self.epoch = epoch,
            other => return Err(Ended::Failed(format!("taking the unit was answered with {other:?}"))),
        }
        Ok(())
    }

    /// Ends what a predecessor left running, and sees to it that the unit's folder is whole.
    async fn clean_up(&mut self) -> Result<(), Ended> {
        let picture = self.look()?;
        // When hundreds of agents start at once, they do this a few at a time.
        let turn = self.shared.turn(None).await;
        let (folder, substrate) = (self.folder.clone(), Arc::clone(&self.shared.substrate));
        let charms_dir = self.shared.options.charms_dir.clone();
        // What the predecessor did before is in the memory that it left.
        self.checker = Checker::resume(&picture.local);
        let _ = self.checker.feed(&TraceEvent::AgentStarted);
        // The hook that asked for a restart has ended well, and the restart was not done: its daemon died before.
        let restart_due =
            !matches!(picture.local.op, Op::Hook { .. }) && self.folder.restart_wanted().exists();
        let charm = picture.local.charm;
        let cleaned = tokio::task::spawn_blocking(move || {
            folder.prepare()?;
            if let Some(footprint) = Footprint::read(&folder.footprint()) {
                substrate.end_leftover(&footprint);
            }
            let _ = std::fs::remove_file(folder.footprint());
            // Juju 3.6: `checkCharmInstallUpgrade` (lp:1895040).
            match charm.filter(|_| !folder.has_charm()) {
                Some(charm) => folder.put_charm(&charms_dir, &charm, None).map(|()| true),
                None => Ok(false),
            }
        });
        match cleaned.await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                self.report.uniter(Level::Warning, "the charm's files were gone: put in place again")
            }
            Ok(Err(error)) => return Err(Ended::Failed(error.to_string())),
            Err(error) => return Err(Ended::Failed(error.to_string())),
        }
        drop(turn);
        if restart_due {
            // No hook of another unit may run on the machine meanwhile.
            let machine = self.machine.map(|machine| (machine, String::new()));
            let _turn = Arc::clone(&self.shared).turn(machine).await;
            self.restart_machine().await;
        }
        self.want_restart(false);
        self.report.uniter(Level::Info, format!("unit {:?} started", self.unit.to_string()));
        self.report.uniter(Level::Info, format!("hooks are retried {}", picture.remote.retry_hooks));
        Ok(())
    }

    /// After a restart of its machine an agent begins anew, as one of Juju's does, which goes down with the machine.
    fn follow_boot(&mut self, picture: &Picture) {
        let now_booted = picture.moment.boot.clone();
        if self.boot.is_some() && self.boot != now_booted {
            self.checker = Checker::resume(&picture.local);
            let _ = self.checker.feed(&TraceEvent::AgentStarted);
        }
        self.boot = now_booted;
    }

    /// Keeps, beyond a death of the daemon, that a restart of the machine is to follow; or that none is.
    pub(crate) fn want_restart(&self, wanted: bool) {
        let mark = self.folder.restart_wanted();
        let done = match wanted {
            true => std::fs::write(&mark, ""),
            false => std::fs::remove_file(&mark),
        };
        if let Err(error) = done
            && error.kind() != std::io::ErrorKind::NotFound
        {
            self.report.uniter(Level::Warning, format!("{}: {error}", mark.display()));
        }
    }

    /// Restarts the unit's machine, which no other hook runs on.
    pub(crate) async fn restart_machine(&mut self) {
        let model = self.shared.control.snapshot();
        let Some(machine) = model.units.get(&self.unit).map(|unit| unit.machine) else { return };
        self.report.uniter(Level::Info, format!("rebooting machine {machine}: what runs on it is ended"));
        let there = model.units.iter().filter(|(_, unit)| unit.machine == machine);
        let folders: Vec<_> = there
            .map(|(name, _)| UnitFolder::new(&self.shared.options.model_dir, name).path().to_owned())
            .collect();
        let substrate = Arc::clone(&self.shared.substrate);
        let done = tokio::task::spawn_blocking(move || substrate.restart_machine(machine, &folders)).await;
        if let Ok(Err(error)) = done {
            self.report.uniter(Level::Warning, format!("machine {machine} is not restarted: {error}"));
        }
        self.shared.restarts.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The whole picture, as it is now.
    pub(crate) fn look(&mut self) -> Result<Picture, Ended> {
        // Before the snapshot: a change after it raises the watch again.
        self.changes.borrow_and_update();
        self.restarts.borrow_and_update();
        let model = self.shared.control.snapshot();
        self.machine = model.units.get(&self.unit).map(|unit| unit.machine);
        let remote = observe(&model, &self.unit).ok_or(Ended::Gone)?;
        let agent = model.agents.get(&self.unit).ok_or(Ended::Gone)?;
        if self.epoch != 0 && agent.epoch != self.epoch {
            return Err(Ended::Fenced);
        }
        Ok(Picture { local: agent.local.clone(), remote, moment: self.moment(), model })
    }

    /// The present, as the core sees it.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            now: now(),
            agent_started: self.started,
            boot: match self.machine {
                Some(machine) => self.shared.substrate.machine_boot(machine),
                None => self.shared.substrate.boot(),
            },
            stopping: self.shared.stop.is_cancelled(),
        }
    }

    /// Sleeps until there may be something to do.
    async fn rest(&mut self, until: Option<Timestamp>, why: RestReason) -> Result<(), Ended> {
        match why {
            RestReason::Stopping => return Err(Ended::Stopped),
            RestReason::Gone => return Err(Ended::Gone),
            RestReason::HookFailed { hook, attempts } => {
                let awaited = Some((hook, attempts));
                if let Some((hook, _)) = awaited.as_ref().filter(|_| awaited != self.awaited) {
                    let line = format!("awaiting error resolution for {:?} hook", hook.name());
                    self.report.uniter(Level::Info, line);
                }
                self.awaited = awaited;
            }
            _ => self.awaited = None,
        }
        // A deadline in whole milliseconds may be a fraction of one away still: never wake before it.
        let left = until.map(|at| at.since(now()) + Duration::from_millis(1));
        let sleep = left.map_or(LONGEST_REST, |left| left.min(LONGEST_REST));
        tokio::select! {
            changed = self.changes.changed() => if changed.is_err() {
                // Nobody will tell of changes any more, most likely since the unit is gone; the next look says so.
                tokio::time::sleep(sleep.min(LONGEST_BLIND_REST)).await;
            },
            // Its sender lives as long as this.
            Ok(()) = self.restarts.changed() => {}
            () = self.shared.stop.cancelled() => {}
            () = tokio::time::sleep(sleep) => {}
        }
        Ok(())
    }

    /// Asks to lead the application.
    async fn claim(&mut self) -> Result<(), Ended> {
        let command =
            Command::Agent { unit: self.unit.clone(), epoch: self.epoch, tell: Tell::ClaimLeadership };
        if self.apply(command).await? != Answer::Leader(true) {
            // Somebody else was quicker, which the next look shows; if it does not, nobody is asked without pause.
            tokio::select! {
                _ = self.changes.changed() => {}
                () = self.shared.stop.cancelled() => {}
                () = tokio::time::sleep(CLAIM_PAUSE) => {}
            }
        }
        Ok(())
    }

    /// A command of the agent's own, until the controller can do it.
    async fn apply(&self, command: Command) -> Result<Answer, Ended> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.shared.control.apply(command.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(ControlError::Unavailable(why)) => self.wait_for_store(&why, &mut pause).await?,
                Err(error) => {
                    // What is refused is refused because the unit is gone or somebody else's; the model says which.
                    let model = self.shared.control.snapshot();
                    return Err(match model.agents.get(&self.unit) {
                        _ if !model.units.contains_key(&self.unit) => Ended::Gone,
                        Some(agent) if self.epoch != 0 && agent.epoch != self.epoch => Ended::Fenced,
                        _ => Ended::Failed(error.to_string()),
                    });
                }
            }
        }
    }

    /// Commits what a step says before anything happens; for a step without a process that is all. Returns the memory.
    pub(crate) async fn note(&mut self, picture: &Picture, step: &Step) -> Result<Local, Ended> {
        fault::point("before-begin-commit");
        let transition = begin(&picture.local, &picture.remote, step, &self.moment());
        let local = transition.local.clone();
        match self.commit(transition, Effects::default()).await? {
            Committed::Yes => Ok(local),
            // There were none.
            Committed::EffectsRefused(why) => Err(Ended::Failed(why)),
        }
    }

    /// Commits a transition with a process's effects: all of it or nothing. A controller that cannot store is asked
    /// again and again, so that a process never runs twice for that.
    pub(crate) async fn commit(
        &mut self,
        transition: Transition,
        effects: Effects,
    ) -> Result<Committed, Ended> {
        let Transition { local, acts, mut journal } = transition;
        let mut checker = self.checker.clone();
        let fed = journal.iter().filter_map(|entry| checker.feed(&TraceEvent::from_entry(entry)).err());
        let violations: Vec<String> = fed.map(|violation| violation.to_string()).collect();
        for text in violations {
            let line = format!("lifecycle violation: {text}; this is a bug in periapt");
            self.report.uniter(Level::Error, line);
            journal.push(Entry::Mark(Mark::Violation { text }));
        }
        let statuses = acts.iter().filter_map(|act| match act {
            Act::AgentStatus { status, message, .. } => Some(format!("[AGENT-STATUS] {status}: {message}")),
            _ => None,
        });
        let statuses: Vec<String> = statuses.collect();
        let commit = Commit { unit: self.unit.clone(), epoch: self.epoch, local, acts, effects, journal };
        let mut pause = FIRST_PAUSE;
        loop {
            match self.shared.control.commit(commit.clone()).await {
                Ok(()) => break,
                Err(ControlError::Commit(CommitRefusal::Effects(why))) => {
                    return Ok(Committed::EffectsRefused(why));
                }
                Err(ControlError::Commit(CommitRefusal::Fenced { .. })) => return Err(Ended::Fenced),
                Err(ControlError::Commit(CommitRefusal::UnitGone(_))) => return Err(Ended::Gone),
                Err(ControlError::Refused(refusal)) => return Err(Ended::Failed(refusal.to_string())),
                Err(ControlError::Unavailable(why)) => self.wait_for_store(&why, &mut pause).await?,
            }
        }
        self.checker = checker;
        for line in statuses {
            self.report.uniter(Level::Debug, line);
        }
        Ok(Committed::Yes)
    }

    async fn wait_for_store(&self, why: &str, pause: &mut Duration) -> Result<(), Ended> {
        if self.shared.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        let line =
            format!("cannot commit, trying again in {}: {why}", periapt_model::time::format_duration(*pause));
        self.report.uniter(Level::Warning, line);
        tokio::select! {
            () = tokio::time::sleep(*pause) => {}
            () = self.shared.stop.cancelled() => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// What became of a commit that was not refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Committed {
    /// It is durable.
    Yes,
    /// The hook's effects may not be applied; nothing was committed.
    EffectsRefused(String),
}

/// The renewal of a leader's lease, for as long as the unit leads.
#[derive(Debug, Default)]
struct Renewal(Option<AbortHandle>);

impl Renewal {
    fn follow(&mut self, shared: &Arc<Shared>, unit: &UnitName, leads: bool) {
        match (&self.0, leads) {
            (None, true) => {
                let (control, unit) = (Arc::clone(&shared.control), unit.clone());
                let renewing = tokio::spawn(async move {
                    // The first at once: after a restart of the daemon the lease has not long to live.
                    loop {
                        control.renew_leadership(&unit).await;
                        tokio::time::sleep(RENEW_EVERY).await;
                    }
                });
                self.0 = Some(renewing.abort_handle());
            }
            (Some(_), false) => *self = Self::default(),
            _ => {}
        }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if let Some(renewing) = &self.0 {
            renewing.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a unit costs at rest, beside its part of the model: hundreds of them sleep in one daemon.
    #[test]
    fn an_agent_at_rest_is_small() {
        fn size_of_future<F: Future>(_: fn(UnitAgent) -> F) -> usize {
            size_of::<F>()
        }
        let size = size_of_future(UnitAgent::run);
        assert!(size < 10_000, "{size} bytes");
    }
}
