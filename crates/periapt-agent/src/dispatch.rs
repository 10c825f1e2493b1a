//! A step that runs something: its turn, its beginning, its process, and the commit of what came of it.

use std::sync::Arc;
use std::time::Duration;

use periapt_context::{ContextKind, RelationContext, View};
use periapt_lifecycle::{DispatchFacts, Step, StepEnd, TaskEnd, finish, next};
use periapt_model::effects::{Effects, Reboot};
use periapt_model::entity::{Task, TaskKind, TaskStatus};
use periapt_model::journal::{Event, Outcome};
use periapt_model::local::{CharmRef, Local, Notice};
use periapt_model::log::Level;
use periapt_model::model::Model;
use periapt_model::names::{TaskId, UnitName};
use periapt_model::remote::Remote;
use periapt_model::time::format_duration;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::deferred;
use crate::execution::{self, End, Interruption, Job, Ran, is_from_outside, log_end, signal_name};
use crate::fault;
use crate::output::Kept;
use crate::report::{moment, now};
use crate::serve::Served;
use crate::shared::{PLACE_HELD, Shared};
use crate::unit::{Committed, Ended, Picture, UnitAgent};

/// What a step runs in a process, and in which context.
struct Work {
    event: Event,
    context: ContextKind,
    /// The script of an `exec`.
    script: Option<String>,
    /// It is ended after this.
    limit: Option<Duration>,
    /// The machine's lock that it takes, by its execution group.
    lock: Option<String>,
}

/// The machine's lock that a task takes, by its execution group. What is parallel takes none, unless it has a group to take
/// turns with (Juju 3.6: `machineactions`).
pub(crate) fn lock_of(task: &Task) -> Option<String> {
    (!task.parallel || !task.group.is_empty()).then(|| task.group.clone())
}

impl Work {
    fn of(step: &Step, model: &Model) -> Option<Self> {
        match step {
            Step::Hook { hook, .. } => Some(Self {
                event: Event::Hook(hook.clone()),
                context: ContextKind::Hook(hook.clone()),
                script: None,
                limit: None,
                lock: Some(String::new()),
            }),
            Step::Task(id) => model.tasks.get(id).map(|task| Self::of_task(task)),
            _ => None,
        }
    }

    fn of_task(task: &Task) -> Self {
        let id = task.id;
        let (event, context) = match &task.kind {
            TaskKind::Action { name, params } => (
                Event::Action { task: id, name: name.clone() },
                ContextKind::Action { task: id, name: name.clone(), params: params.clone() },
            ),
            TaskKind::Exec { relation, .. } => {
                let relation = relation.as_ref().map(|r| RelationContext {
                    id: r.id,
                    remote_app: r.remote_app.clone(),
                    remote_unit: r.remote_unit.clone(),
                });
                (Event::Exec { task: id }, ContextKind::Exec { relation })
            }
            TaskKind::Replay { record, hook } => (
                Event::Replay { task: id, record: *record, hook: hook.clone() },
                ContextKind::Hook(hook.clone()),
            ),
        };
        let (script, limit) = match &task.kind {
            TaskKind::Exec { command, timeout_ms, .. } => {
                (Some(command.clone()), timeout_ms.map(Duration::from_millis))
            }
            _ => (None, None),
        };
        Self { event, context, script, limit, lock: lock_of(task) }
    }

    fn task(&self) -> Option<TaskId> {
        match self.event {
            Event::Hook(_) => None,
            Event::Action { task, .. } | Event::Exec { task } | Event::Replay { task, .. } => Some(task),
        }
    }
}

impl UnitAgent {
    /// Does a step that runs something, from waiting for its turn to the commit.
    pub(crate) async fn perform(&mut self, picture: Picture, step: Step) -> Result<(), Ended> {
        moment(&self.unit, "decided");
        let work = Work::of(&step, &picture.model);
        let machine = picture.model.units.get(&self.unit).map(|unit| unit.machine);
        let group = work.as_ref().and_then(|work| work.lock.clone());
        let locked = machine.zip(group);
        let shared = Arc::clone(&self.shared);
        let mut turn = tokio::select! {
            turn = shared.turn(locked) => turn,
            // The next look says so.
            () = shared.stop.cancelled() => return Ok(()),
        };
        // Somebody may have restarted the machine meanwhile: `start` comes first then.
        let picture =
            if self.changes.has_changed().unwrap_or(true) || self.restarts.has_changed().unwrap_or(true) {
                let fresh = self.look()?;
                if next(&fresh.local, &fresh.remote, &fresh.moment) != step {
                    return Ok(());
                }
                fresh
            } else {
                picture
            };
        let local = self.note(&picture, &step).await?;
        fault::point("after-begin-commit");
        let mut doing = std::pin::pin!(async {
            match (&step, work) {
                // Somebody took it back while it was being begun: it ends as what it was, begun and not finished.
                (Step::Task(id), _) if self.is_over(*id) => Ok(()),
                (Step::Deploy { charm, .. }, _) => self.deploy(&picture, &step, local, charm).await,
                (_, Some(work)) => self.dispatch(&picture, &step, local, work).await,
                // A task that is gone: it ends as what it was, begun and not finished.
                (_, None) => Ok(()),
            }
        });
        tokio::select! {
            done = &mut doing => return done,
            () = tokio::time::sleep(PLACE_HELD) => turn.give_place(),
        }
        doing.await
    }

    fn is_over(&self, task: TaskId) -> bool {
        self.shared.control.snapshot().tasks.get(&task).is_none_or(|task| task.status.is_final())
    }

    async fn deploy(
        &mut self,
        picture: &Picture,
        step: &Step,
        local: Local,
        charm: &CharmRef,
    ) -> Result<(), Ended> {
        let started = now();
        let (folder, charms_dir) = (self.folder.clone(), self.shared.options.charms_dir.clone());
        let (charm, old) = (charm.clone(), local.charm.clone());
        let put = tokio::task::spawn_blocking(move || folder.put_charm(&charms_dir, &charm, old.as_ref()));
        let outcome = match put.await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(error)) => {
                self.report.operation(Level::Error, error.to_string());
                Outcome::Failed { reason: error.to_string(), output: Vec::new() }
            }
            Err(error) => Outcome::Interrupted { reason: error.to_string() },
        };
        let end = StepEnd::new(outcome, started, now());
        self.conclude(&local, &picture.remote, step, end, Effects::default()).await.map(drop)
    }

    async fn dispatch(
        &mut self,
        picture: &Picture,
        step: &Step,
        local: Local,
        work: Work,
    ) -> Result<(), Ended> {
        let view = View {
            model: Arc::new(self.shared.control.snapshot()),
            unit: self.unit.clone(),
            context: work.context.clone(),
            local: local.clone(),
        };
        let model = Arc::clone(&view.model);
        let job = Job {
            unit: &self.unit,
            folder: &self.folder,
            report: &self.report,
            epoch: self.epoch,
            event: &work.event,
            view,
            script: work.script.clone(),
        };
        let interrupted = interruption(&self.shared, &self.unit, self.epoch, &mut self.changes, &work);
        let Ran { end, via, started, ended, served, kept } =
            execution::run(&self.shared, job, interrupted).await;
        if end == End::Interrupted(Interruption::Gone) {
            // Whose it is now, the model says.
            return self.look().map(drop);
        }
        if work.task().is_none() {
            log_end(&self.report, &work.event.name(), &end, via);
        }
        let outcome = self.outcome(&work.event, &end, &kept);
        let Served { effects, commands, writes, status_set, custom_events, .. } = served;
        let (action, mut effects) =
            (effects.action.clone(), if outcome.is_success() { effects } else { Effects::default() });
        // These are the agent's to remember, not the model's.
        let (report, wakes) = (effects.deferrals.take(), std::mem::take(&mut effects.wakes));
        let reboots = end == End::Rebooting || effects.reboot == Some(Reboot::AfterHook);
        let step_end = StepEnd {
            notices: match &outcome {
                Outcome::Interrupted { .. } => None,
                _ if report.is_some() || tells_itself(&local, &outcome) => None,
                _ => self.notices(&model, &effects).await,
            },
            report,
            wakes,
            task: work.task().map(|_| task_end(&work.event, &end, kept, action, &self.unit)),
            outcome,
            facts: DispatchFacts {
                started,
                ended,
                writes,
                custom_events,
                hook_commands: commands,
                leader: picture.remote.leader,
            },
            status_set,
        };
        if reboots {
            self.want_restart(true);
        }
        let ended_well = self.conclude(&local, &picture.remote, step, step_end, effects).await?;
        if reboots && (ended_well || end == End::Rebooting) {
            self.restart_machine().await;
        }
        if reboots {
            self.want_restart(false);
        }
        Ok(())
    }

    /// Commits a step's end. Effects that are refused make it a failure: false.
    async fn conclude(
        &mut self,
        local: &Local,
        remote: &Remote,
        step: &Step,
        mut end: StepEnd,
        effects: Effects,
    ) -> Result<bool, Ended> {
        fault::point("before-finish-commit");
        let transition = finish(local, remote, step, &end, &self.moment());
        let mut stood = true;
        if let Committed::EffectsRefused(why) = self.commit(transition, effects).await? {
            stood = false;
            let reason = format!("cannot apply changes: {why}");
            self.report.operation(Level::Error, format!("committing requested changes failed: {reason}"));
            if let Some(task) = &mut end.task {
                task.status = TaskStatus::Failed;
                "committing requested changes failed".clone_into(&mut task.message);
                task.results.insert("return-code".to_owned(), 1.into());
                task.results.insert("stderr".to_owned(), reason.clone().into());
            }
            end.outcome = Outcome::Failed { reason, output: Vec::new() };
            let transition = finish(local, remote, step, &end, &self.moment());
            if let Committed::EffectsRefused(why) = self.commit(transition, Effects::default()).await? {
                return Err(Ended::Failed(why));
            }
        }
        moment(&self.unit, "committed");
        fault::point("after-finish-commit");
        Ok(stood)
    }

    fn outcome(&self, event: &Event, end: &End, kept: &Kept) -> Outcome {
        let failed = |reason: String| Outcome::Failed { reason, output: kept.tail.clone() };
        match end {
            End::Exited(0) => Outcome::Done,
            End::Exited(code) => failed(format!("exit status {code}")),
            End::Missing => match event {
                Event::Action { .. } => failed(not_implemented(&self.unit)),
                _ => Outcome::Missing,
            },
            End::NotStarted(why) => failed(why.clone()),
            End::Signalled(signal) if is_from_outside(*signal) => {
                Outcome::Interrupted { reason: signal_name(*signal) }
            }
            End::Signalled(signal) => failed(signal_name(*signal)),
            End::Interrupted(Interruption::TimedOut(limit)) => failed(timed_out(*limit)),
            End::Interrupted(Interruption::Cancelled) => failed("cancelled".to_owned()),
            End::Interrupted(_) => Outcome::Interrupted { reason: "the agent is stopping".to_owned() },
            End::Rebooting => Outcome::Interrupted { reason: "juju-reboot --now".to_owned() },
        }
    }

    /// What the charm has deferred by now; None if nobody knows.
    async fn notices(&self, model: &Model, effects: &Effects) -> Option<Vec<Notice>> {
        let stored = match effects.state.get(deferred::STATE_KEY) {
            Some(changed) => changed.clone(),
            None => {
                model.charm_states.get(&self.unit).and_then(|state| state.get(deferred::STATE_KEY)).cloned()
            }
        };
        let read = match stored {
            Some(value) => deferred::in_state(&value),
            None => {
                let charm_dir = self.folder.charm();
                if !deferred::has_file(&charm_dir) {
                    return Some(Vec::new());
                }
                tokio::task::spawn_blocking(move || deferred::in_file(&charm_dir)).await.ok()?
            }
        };
        read.inspect_err(|error| self.report.uniter(Level::Warning, error.to_string())).ok()
    }
}

/// Whether a dispatch that told nothing says nothing of what is deferred either: it was one of a charm that tells it by
/// `periapt-deferred`. Of a charm that has replaced such a one, that is not known before a dispatch has ended well.
fn tells_itself(local: &Local, outcome: &Outcome) -> bool {
    let told = local.deferred.reported_by.as_ref();
    told.is_some_and(|by| local.charm.as_ref().map(|charm| &charm.id) == Some(by) || !outcome.is_success())
}

fn not_implemented(unit: &dyn std::fmt::Display) -> String {
    format!("action not implemented on unit \"{unit}\"")
}

fn timed_out(limit: Duration) -> String {
    format!("timed out after {}", format_duration(limit))
}

/// What a task says of its end (Juju 3.6: `finalizeAction`). A command line that fails has completed, with its code.
pub(crate) fn task_end(
    event: &Event,
    end: &End,
    kept: Kept,
    action: periapt_model::effects::ActionOutcome,
    host: &dyn std::fmt::Display,
) -> TaskEnd {
    let is_exec = matches!(event, Event::Exec { .. });
    let is_action = matches!(event, Event::Action { .. });
    let (status, message, code) = match end {
        End::Exited(0) => (TaskStatus::Completed, String::new(), Some(0)),
        End::Exited(code) if is_exec => (TaskStatus::Completed, String::new(), Some(*code)),
        End::Exited(code) => (TaskStatus::Failed, format!("exit status {code}"), Some(*code)),
        End::Missing if is_action => (TaskStatus::Failed, not_implemented(host), None),
        End::Missing => (TaskStatus::Completed, "the charm has no such hook".to_owned(), None),
        End::NotStarted(why) => (TaskStatus::Error, why.clone(), None),
        End::Signalled(signal) => (TaskStatus::Failed, signal_name(*signal), Some(128 + *signal)),
        End::Interrupted(Interruption::Cancelled) => {
            (TaskStatus::Aborted, "action cancelled".to_owned(), None)
        }
        End::Interrupted(Interruption::TimedOut(limit)) => (TaskStatus::Failed, timed_out(*limit), None),
        End::Interrupted(_) | End::Rebooting => (TaskStatus::Failed, "action terminated".to_owned(), None),
    };
    let (status, message) = match action.failed {
        Some(message) if matches!(status, TaskStatus::Completed | TaskStatus::Failed) => {
            (TaskStatus::Failed, message)
        }
        _ => (status, message),
    };
    let mut results: Map<String, Value> = action.results;
    if let Some(code) = code {
        results.insert("return-code".to_owned(), code.into());
    }
    for (name, stream) in [("stdout", kept.stdout), ("stderr", kept.stderr)] {
        let text = stream.map(crate::output::Stream::into_text).unwrap_or_default();
        if !text.is_empty() {
            results.insert(name.to_owned(), text.into());
        }
    }
    let timed_out = matches!(end, End::Interrupted(Interruption::TimedOut(_)));
    TaskEnd { event: event.clone(), status, timed_out, message, results }
}

/// Returns when the process must not go on.
async fn interruption(
    shared: &Shared,
    unit: &UnitName,
    epoch: u64,
    changes: &mut watch::Receiver<u64>,
    work: &Work,
) -> Interruption {
    let limit = async {
        match work.limit {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                Interruption::TimedOut(limit)
            }
            None => std::future::pending().await,
        }
    };
    let model_says = async {
        loop {
            let model = shared.control.snapshot();
            if model.agents.get(unit).is_none_or(|agent| agent.epoch != epoch) {
                return Interruption::Gone;
            }
            let task = work.task().and_then(|id| model.tasks.get(&id));
            if task.is_some_and(|task| task.status == TaskStatus::Aborting) {
                return Interruption::Cancelled;
            }
            drop(model);
            if changes.changed().await.is_err() {
                // Nobody will tell of changes any more; the commit decides.
                return std::future::pending().await;
            }
        }
    };
    tokio::select! {
        why = limit => why,
        why = model_says => why,
        () = shared.stop.cancelled() => Interruption::Stopping,
    }
}
