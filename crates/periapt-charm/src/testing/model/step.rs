//! A unit's turn: its agent decides, and what it decides is run here.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use periapt_context::{ContextKind, View, describe};
use periapt_lifecycle::simulate::{Finished, Running};
use periapt_lifecycle::{DispatchFacts, Step, StepEnd, TaskEnd};
use periapt_model::charm::CharmMeta;
use periapt_model::command::{Command, Tell};
use periapt_model::effects::Effects;
use periapt_model::entity::{TaskKind, TaskStatus};
use periapt_model::hook::{Hook, RelationEvent, SecretEvent, StorageEvent};
use periapt_model::journal::{Event as Named, Outcome};
use periapt_model::names::{TaskId, UnitName};

use super::{Model, ModelError};
use crate::environment::{Dispatched, Environment};
use crate::event::{
    ConfigChanged, Event, Install, LeaderElected, LeaderSettingsChanged, RelationBroken, RelationChanged,
    RelationCreated, RelationDeparted, RelationJoined, RelationRef, Remove, SecretChanged, SecretExpired,
    SecretRef, SecretRemove, SecretRotate, Start, Stop, StorageAttached, StorageDetaching, StorageId,
    UpdateStatus, UpgradeCharm, Woken,
};
use crate::testing::caught::Ended;
use crate::testing::containers::Pebbles;
use crate::testing::hook;
use crate::testing::model::report::Logged;

/// What a process of a unit runs.
struct Work {
    named: Named,
    context: ContextKind,
    dispatched: Dispatched,
    task: Option<TaskId>,
}

impl Model {
    /// One step of a unit's agent. False: it had nothing to do.
    pub(super) fn take_turn(&mut self, unit: &UnitName) -> Result<bool, ModelError> {
        if !self.driver.look(unit) || !self.driver.decide(unit)? {
            return Ok(false);
        }
        if let Some(running) = self.driver.take_running(unit) {
            self.run(unit, &running)?;
        }
        let units = &self.driver.model.units;
        self.memories.retain(|unit, _| units.contains_key(unit));
        self.pebbles.retain(|unit, _| units.contains_key(unit));
        Ok(true)
    }

    fn run(&mut self, unit: &UnitName, running: &Running) -> Result<(), ModelError> {
        let epoch = self.driver.epoch(unit);
        let work = match &running.step {
            Step::Hook { hook, .. } => of_hook(hook),
            Step::Task(id) => self.of_task(*id),
            _ => None,
        };
        let Some(work) = work else {
            // Files are in place at once; a task that is gone has nothing to run.
            let mut end = StepEnd::new(Outcome::Done, running.started, self.driver.now);
            end.task = match &running.step {
                Step::Task(id) => Some(self.not_run(*id)),
                _ => None,
            };
            self.driver.finish(unit, epoch, running, end, Effects::default())?;
            return Ok(());
        };
        self.dispatches += 1;
        let Some(local) = self.driver.local(unit).cloned() else { return Ok(()) };
        let charm = local
            .charm
            .as_ref()
            .or_else(|| running.view.units.get(unit).and_then(|unit| unit.charm.as_ref()));
        let Some(program) = charm.and_then(|charm| self.programs.get(&charm.id)).map(Rc::clone) else {
            return Ok(());
        };
        let leader = running.view.is_leader(unit);
        let hook = hook::Hook::new(hook::Start {
            view: View { model: Arc::clone(&running.view), unit: unit.clone(), context: work.context, local },
            epoch,
            now: self.driver.now,
            seed: self.seed ^ (self.dispatches as u64),
            periapt: true,
            resources: std::collections::BTreeMap::new(),
            storages: running.view.storages_of(unit).map(|id| (id.clone(), folder(unit, id))).collect(),
            pebbles: self.pebbles_of(unit, program.meta()),
        });
        let environment = Environment { dispatched: work.dispatched, ..self.environment(unit) };
        let memory = self.memories.get(unit).cloned().unwrap_or_default();
        let desk = Box::new(hook::Desk(Rc::clone(&hook)));
        let (ended, mut memory) = program.dispatch(environment, desk, memory);
        memory.queue.forget_places();
        let mut hook = hook.borrow_mut();
        self.driver.pass_to(hook.now);
        for tell in std::mem::take(&mut hook.tells) {
            let status = matches!(tell, Tell::UnitStatus { .. });
            // It was taken from the hook's own model a moment ago.
            let _ = self.driver.command(Command::Agent { unit: unit.clone(), epoch, tell });
            hook.status_set |= status;
        }
        let at = self.driver.now;
        self.logs.extend(hook.lines.drain(..).map(|line| Logged { at, unit: unit.clone(), line }));
        let outcome = match &ended {
            Ended::Well => Outcome::Done,
            Ended::Failed(error) => failed(error.to_string()),
            Ended::Panicked(message) => failed(message.clone()),
            Ended::Rebooted => Outcome::Interrupted { reason: "juju-reboot --now".to_owned() },
        };
        let action = hook.effects.action.clone();
        let mut effects = match ended {
            Ended::Well => std::mem::take(&mut hook.effects),
            _ => Effects::default(),
        };
        let mut end = StepEnd::new(outcome, running.started, at);
        end.facts = DispatchFacts {
            writes: describe(&hook.view, &effects),
            hook_commands: u32::try_from(hook.commands.len()).unwrap_or(u32::MAX),
            leader,
            ..end.facts
        };
        end.report = effects.deferrals.take();
        end.wakes = std::mem::take(&mut effects.wakes);
        end.status_set = hook.status_set;
        end.task = work.task.map(|_| task_end(work.named, &end.outcome, action));
        let well = end.outcome == Outcome::Done;
        let finished = self.driver.finish(unit, epoch, running, end, effects)?;
        if well && finished == Finished::Committed {
            self.memories.insert(unit.clone(), memory);
        }
        Ok(())
    }

    /// A Pebble that can be reached for each container, kept as long as the unit.
    fn pebbles_of(&mut self, unit: &UnitName, meta: &CharmMeta) -> Pebbles {
        let pebbles = self.pebbles.entry(unit.clone()).or_default();
        #[cfg(feature = "pebble")]
        meta.containers.keys().for_each(|name| drop(pebbles.make(name.as_str())));
        #[cfg(not(feature = "pebble"))]
        let _ = meta;
        pebbles.pass_to(self.driver.now);
        pebbles.clone()
    }

    fn environment(&self, unit: &UnitName) -> Environment {
        let model = &self.driver.model;
        Environment {
            unit: unit.clone(),
            model: model.info.name.to_string(),
            model_uuid: model.info.uuid.clone(),
            charm_dir: PathBuf::from("."),
            juju_version: "3.6.14".to_owned(),
            machine_id: model.units.get(unit).map(|unit| unit.machine.to_string()),
            availability_zone: None,
            principal_unit: model.principal_of(unit).map(UnitName::to_string),
            dispatched: Dispatched::Unknown(String::new()),
        }
    }

    fn of_task(&self, id: TaskId) -> Option<Work> {
        let task = self.driver.model.tasks.get(&id)?;
        match &task.kind {
            TaskKind::Action { name, params } => Some(Work {
                named: Named::of_task(task),
                context: ContextKind::Action { task: id, name: name.clone(), params: params.clone() },
                dispatched: Dispatched::Action { name: name.to_string(), id: id.to_string() },
                task: Some(id),
            }),
            TaskKind::Replay { hook, .. } => Some(Work { task: Some(id), ..of_hook(hook)? }),
            TaskKind::Exec { .. } => None,
        }
    }

    /// The end of a task that cannot be run here.
    fn not_run(&self, id: TaskId) -> TaskEnd {
        let task = self.driver.model.tasks.get(&id);
        TaskEnd {
            event: task.map_or(Named::Exec { task: id }, |task| Named::of_task(task)),
            status: TaskStatus::Error,
            timed_out: false,
            message: "a model under test runs no command lines".to_owned(),
            results: serde_json::Map::new(),
        }
    }
}

/// Where a storage lies. Nothing is made there.
fn folder(unit: &UnitName, id: &periapt_model::names::StorageId) -> PathBuf {
    PathBuf::from(format!("/testing/{unit}/storage/{id}"))
}

fn failed(message: String) -> Outcome {
    Outcome::Failed { reason: "exit status 1".to_owned(), output: vec![message] }
}

/// What a task says of its end, as the agent has it (Juju 3.6: `finalizeAction`).
fn task_end(event: Named, outcome: &Outcome, action: periapt_model::effects::ActionOutcome) -> TaskEnd {
    let mut results = action.results;
    let (status, message) = match (outcome, action.failed) {
        (Outcome::Done, None) => (TaskStatus::Completed, String::new()),
        (_, Some(message)) => (TaskStatus::Failed, message),
        (Outcome::Failed { reason, output }, None) => {
            results.insert("stderr".to_owned(), output.join("\n").into());
            (TaskStatus::Failed, reason.clone())
        }
        (_, None) => (TaskStatus::Failed, "action terminated".to_owned()),
    };
    let code = i32::from(*outcome != Outcome::Done);
    results.insert("return-code".to_owned(), code.into());
    TaskEnd { event, status, timed_out: false, message, results }
}

fn of_hook(hook: &Hook) -> Option<Work> {
    let event = event_of(hook)?;
    Some(Work {
        named: Named::Hook(hook.clone()),
        context: ContextKind::Hook(hook.clone()),
        dispatched: Dispatched::Event(event),
        task: None,
    })
}

fn event_of(hook: &Hook) -> Option<Event> {
    Some(match hook {
        Hook::Install => Install {}.into(),
        Hook::Start => Start {}.into(),
        Hook::ConfigChanged => ConfigChanged {}.into(),
        Hook::UpgradeCharm => UpgradeCharm {}.into(),
        Hook::Stop => Stop {}.into(),
        Hook::Remove => Remove {}.into(),
        Hook::UpdateStatus => UpdateStatus {}.into(),
        Hook::LeaderElected => LeaderElected {}.into(),
        Hook::LeaderSettingsChanged => LeaderSettingsChanged {}.into(),
        Hook::DeferredWake => Woken {}.into(),
        Hook::Relation(hook) => {
            let relation = RelationRef { endpoint: hook.endpoint.clone(), id: hook.relation };
            let (app, unit) = (hook.remote_app.clone(), hook.remote_unit.clone());
            match hook.event {
                RelationEvent::Created => RelationCreated { relation, app }.into(),
                RelationEvent::Joined => RelationJoined { relation, app, unit: unit? }.into(),
                RelationEvent::Changed => RelationChanged { relation, app, unit }.into(),
                RelationEvent::Departed => {
                    let departing = hook.departing.clone();
                    RelationDeparted { relation, app, unit: unit?, departing }.into()
                }
                RelationEvent::Broken => RelationBroken { relation, app }.into(),
            }
        }
        Hook::Secret(hook) => {
            let secret = SecretRef { id: format!("secret:{}", hook.secret), label: hook.label.clone() };
            let revision = u64::from(hook.revision);
            match hook.event {
                SecretEvent::Changed => SecretChanged { secret }.into(),
                SecretEvent::Rotate => SecretRotate { secret }.into(),
                SecretEvent::Expired => SecretExpired { secret, revision }.into(),
                SecretEvent::Remove => SecretRemove { secret, revision }.into(),
            }
        }
        Hook::Storage(hook) => {
            let (name, index) = (hook.storage.name.to_string(), hook.storage.number);
            let storage = StorageId { name, index };
            match hook.event {
                StorageEvent::Attached => StorageAttached { storage }.into(),
                StorageEvent::Detaching => StorageDetaching { storage }.into(),
            }
        }
    })
}
