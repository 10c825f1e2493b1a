//! An event that is prepared, run and kept: the three parts of a scenario's transition.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use periapt_context::describe;
use periapt_model::command::Tell;
use periapt_model::commit::commit_to;
use periapt_model::effects::Effects;
use periapt_model::model::Draft;
use periapt_model::secrets::SecretRemoval;
use periapt_model::step_commit::{Commit, CommitRefusal};

use super::caught::{Ended, caught};
use super::error::{HookFailed, ScenarioError};
use super::hook::Hook;
use super::output::{Dropped, Handled, Output};
use super::scenario::Scenario;
use super::state::State;
use crate::context::Context;
use crate::event::Event;
use crate::{Charm, dispatch, run};

pub(super) fn failed(event: &str, ended: Ended, hook: &Hook) -> ScenarioError {
    let (message, panicked) = match ended {
        Ended::Failed(error) => (error.to_string(), false),
        Ended::Panicked(message) => (message, true),
        Ended::Well => ("it did not run".to_owned(), false),
        Ended::Rebooted => ("ended by juju-reboot --now; it runs again after the restart".to_owned(), false),
    };
    let (logs, commands) = (hook.lines.clone(), hook.commands.clone());
    let event = event.to_owned();
    ScenarioError::HookFailed(Box::new(HookFailed { event, message, panicked, logs, commands }))
}

/// An event that is prepared, and has run once [`Paused::run`] has.
pub struct Paused<'a, C> {
    pub(super) scenario: &'a Scenario<C>,
    /// The charm's value.
    pub charm: C,
    /// What its handlers get.
    pub cx: Context,
    pub(super) hook: Rc<RefCell<Hook>>,
    /// The state it began at, without the memory, which the context has.
    pub(super) before: State,
    pub(super) name: String,
    pub(super) ran: bool,
}

impl<C: fmt::Debug> fmt::Debug for Paused<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paused")
            .field("charm", &self.charm)
            .field("event", &self.name)
            .finish_non_exhaustive()
    }
}

impl<C: Charm> Paused<'_, C> {
    /// Runs the dispatch: what is deferred, the event, the statuses. Once; a second time does nothing.
    ///
    /// # Errors
    /// The hook failed.
    pub fn run(&mut self) -> Result<(), ScenarioError> {
        if std::mem::replace(&mut self.ran, true) {
            return Ok(());
        }
        let registry = self.scenario.registry();
        let (charm, cx, name) = (&mut self.charm, &mut self.cx, &self.name);
        let ended = tracing::dispatcher::with_default(&self.scenario.collector, || {
            match caught(|| dispatch::dispatch_to(registry, charm, cx)) {
                Ended::Well => Ended::of(run::conclude(cx, name, Ok(()))),
                Ended::Failed(error) => Ended::of(run::conclude(cx, name, Err(error))),
                other => {
                    cx.flush_log();
                    other
                }
            }
        });
        match ended {
            Ended::Well => Ok(()),
            ended => Err(failed(&self.name, ended, &self.hook.borrow())),
        }
    }

    /// Keeps what the hook did, and gives the state after it.
    ///
    /// # Errors
    /// Juju refuses it: the unit wrote what only a leader may. The hook has not run yet and fails now.
    pub fn end(mut self) -> Result<Output, ScenarioError> {
        self.run()?;
        let Self { scenario, cx, hook, before, name, .. } = self;
        let mut hook = hook.borrow_mut();
        let mut effects = std::mem::take(&mut hook.effects);
        let writes = describe(&hook.view, &effects);
        let action = std::mem::take(&mut effects.action);
        let wakes = std::mem::take(&mut effects.wakes);
        let requested_storages = effects.storages.iter().map(|(name, n)| (name.to_string(), *n)).collect();
        let removed_secret_revisions = removed(&effects);
        let reboot = effects.reboot;
        let step = Commit {
            unit: scenario.us.unit.clone(),
            epoch: 0,
            local: std::mem::take(&mut hook.view.local),
            acts: Vec::new(),
            effects,
            journal: Vec::new(),
        };
        let found = Arc::clone(&hook.view.model);
        let hooks_own = std::mem::replace(&mut hook.model, found);
        let mut draft = Draft::of(Arc::unwrap_or_clone(hooks_own));
        if let Err(refusal) = commit_to(&mut draft, step, hook.now) {
            let reason = match refusal {
                CommitRefusal::Effects(reason) => reason,
                other => other.to_string(),
            };
            return Err(failed(&name, Ended::Failed(crate::Error::bug(reason)), &hook));
        }
        let mut memory = cx.memory.take();
        memory.queue.forget_places();
        let begun = before.time;
        let mut state = scenario.us.read_back(before, &draft.model, memory, hook.now);
        hook.pebbles.read_back(&mut state);
        let told = cx.told.borrow();
        let handled = cx.handled.borrow();
        let dropped = told.dropped.iter().map(|(_, event, handler, reason)| Dropped {
            event: event.clone(),
            handler: handler.clone(),
            reason: reason.clone(),
        });
        let handled = handled.iter().map(|(event, handler, attempt)| Handled {
            event: Event::clone(event),
            handler: handler.clone(),
            attempt: *attempt,
        });
        Ok(Output {
            slept: state.time.since(begun),
            state,
            logs: std::mem::take(&mut hook.lines),
            action_results: action.results,
            action_failure: action.failed,
            action_log: told_lines(&hook.tells),
            status_history: hook.statuses(false),
            app_status_history: hook.statuses(true),
            workload_version_history: versions(&hook.tells),
            handled: handled.collect(),
            emitted: told.emitted.clone(),
            dropped: dropped.collect(),
            writes,
            commands: std::mem::take(&mut hook.commands),
            requested_storages,
            removed_secret_revisions,
            wakes,
            timers: std::mem::take(&mut hook.timers),
            reboot,
        })
    }
}

fn told_lines(tells: &[Tell]) -> Vec<String> {
    let lines = tells.iter().filter_map(|tell| match tell {
        Tell::TaskLog { line, .. } => Some(line.clone()),
        _ => None,
    });
    lines.collect()
}

fn versions(tells: &[Tell]) -> Vec<String> {
    let versions = tells.iter().filter_map(|tell| match tell {
        Tell::WorkloadVersion(version) => Some(version.clone()),
        _ => None,
    });
    versions.collect()
}

fn removed(effects: &Effects) -> Vec<(String, Option<u32>)> {
    let mut removed = Vec::new();
    for (id, change) in &effects.secrets {
        let uri = format!("secret:{id}");
        match &change.remove {
            Some(SecretRemoval::Whole) => removed.push((uri, None)),
            Some(SecretRemoval::Revisions(revisions)) => {
                removed.extend(revisions.iter().map(|revision| (uri.clone(), Some(*revision))));
            }
            None => {}
        }
    }
    removed
}
