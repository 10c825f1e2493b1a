//! Operations and tasks.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::command::{Answer, Receiver, Refusal};
use crate::entity::{Operation, Task, TaskKind, TaskStatus};
use crate::hook::Hook;
use crate::model::{Draft, Key, Model, Record};
use crate::names::{ActionName, TaskId, UnitName};
use crate::time::Timestamp;

use super::{find_app, find_unit};

fn receivers(model: &Model, wanted: &[Receiver]) -> Result<Vec<UnitName>, Refusal> {
    let mut units = Vec::new();
    for receiver in wanted {
        match receiver {
            Receiver::Unit(unit) => {
                find_unit(model, unit)?;
                units.push(unit.clone());
            }
            Receiver::Leader(app) => {
                find_app(model, app)?;
                let leader = model.leaders.get(app).ok_or_else(|| {
                    Refusal::conflict(format!("could not determine leader for {:?}", app.as_str()))
                        .hint("its units have not started yet; try again after `periapt wait`")
                })?;
                units.push(leader.unit.clone());
            }
            Receiver::Application(app) => {
                find_app(model, app)?;
                units.extend(model.units_of(app).map(|u| u.name.clone()));
            }
        }
    }
    let mut seen = BTreeSet::new();
    units.retain(|unit| seen.insert(unit.clone()));
    match units.is_empty() {
        true => Err(Refusal::invalid("no units to run on")),
        false => Ok(units),
    }
}

fn next_id(draft: &mut Draft) -> TaskId {
    let id = TaskId(draft.model.info.next_task);
    draft.info(|info| info.next_task += 1);
    id
}

fn enqueue(
    draft: &mut Draft,
    what: &str,
    work: Vec<(UnitName, TaskKind)>,
    parallel: bool,
    now: Timestamp,
) -> Answer {
    // Here and not by a timer, so that it needs nobody who remembers to.
    prune(draft, now - draft.model.info.settings.action_results_age());
    let operation = next_id(draft);
    let mut tasks = Vec::new();
    for (unit, kind) in work {
        let id = next_id(draft);
        tasks.push((id, unit.clone()));
        draft.put(Record::Task(Arc::new(Task {
            id,
            operation,
            unit,
            kind,
            parallel,
            status: TaskStatus::Pending,
            message: String::new(),
            results: serde_json::Map::new(),
            log: Vec::new(),
            enqueued: now,
            started: None,
            completed: None,
        })));
    }
    let on: Vec<String> = tasks.iter().map(|(_, unit)| unit.tag()).collect();
    draft.put(Record::Operation(Arc::new(Operation {
        id: operation,
        summary: format!("{what} run on {}", on.join(",")),
        tasks: tasks.iter().map(|(id, _)| *id).collect(),
        enqueued: now,
    })));
    Answer::Operation { id: operation, tasks }
}

pub(super) fn run(
    draft: &mut Draft,
    wanted: &[Receiver],
    action: &ActionName,
    params: &serde_json::Map<String, serde_json::Value>,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let mut work = Vec::new();
    let mut parallel = false;
    for unit in receivers(&draft.model, wanted)? {
        let charm = draft.model.charm_of(unit.app());
        let spec = charm.and_then(|c| c.meta.actions.get(action)).ok_or_else(|| {
            let names: Vec<String> =
                charm.map(|c| c.meta.actions.keys().map(ToString::to_string).collect()).unwrap_or_default();
            Refusal::not_found(format!("action {:?} not defined on unit \"{unit}\"", action.as_str())).hint(
                match names.is_empty() {
                    true => "its charm has no actions".to_owned(),
                    false => format!("its actions are: {}", names.join(", ")),
                },
            )
        })?;
        parallel = spec.parallel;
        let checked = spec
            .validate(&serde_json::Value::Object(params.clone()))
            .map_err(|problems| Refusal::invalid(format!("validation failed: {}", problems.join("; "))))?;
        let params = match checked {
            serde_json::Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        work.push((unit, TaskKind::Action { name: action.clone(), params }));
    }
    Ok(enqueue(draft, action.as_str(), work, parallel, now))
}

pub(super) fn exec(
    draft: &mut Draft,
    wanted: &[Receiver],
    command: &str,
    timeout_ms: Option<u64>,
    parallel: bool,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    if command.trim().is_empty() {
        return Err(
            Refusal::invalid("no command to run").hint("write it after --: exec --unit app/0 -- COMMAND")
        );
    }
    let work = receivers(&draft.model, wanted)?
        .into_iter()
        .map(|unit| (unit, TaskKind::Exec { command: command.to_owned(), timeout_ms }))
        .collect();
    Ok(enqueue(draft, "juju-exec", work, parallel, now))
}

pub(super) fn replay(
    draft: &mut Draft,
    unit: &UnitName,
    record: u64,
    hook: Hook,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    find_unit(&draft.model, unit)?;
    if let Some(relation) = hook.relation().filter(|r| !draft.model.relations.contains_key(&r.relation)) {
        return Err(Refusal::conflict(format!(
            "cannot replay {hook} of {unit}: relation {} is gone",
            relation.relation
        )));
    }
    if matches!(hook, Hook::Install | Hook::Stop | Hook::Remove) {
        return Err(Refusal::invalid(format!(
            "cannot replay {hook}: it belongs to the unit's setup or teardown"
        )));
    }
    let what = format!("replay {hook}");
    Ok(enqueue(draft, &what, vec![(unit.clone(), TaskKind::Replay { record, hook })], false, now))
}

pub(super) fn cancel(draft: &mut Draft, id: TaskId, now: Timestamp) -> Result<Answer, Refusal> {
    let task =
        draft.model.tasks.get(&id).ok_or_else(|| Refusal::not_found(format!("task {id} not found")))?.clone();
    let status = match task.status {
        TaskStatus::Pending => TaskStatus::Cancelled,
        TaskStatus::Running => TaskStatus::Aborting,
        other => {
            return Ok(Answer::Unchanged(format!("task {id} is {other} already")));
        }
    };
    draft.task(id, |t| {
        t.status = status;
        if status.is_final() {
            t.message = "task cancelled before it ran".to_owned();
            t.completed = Some(now);
        }
    });
    Ok(Answer::Task(status))
}

/// Forgets the operations that were asked for before this and have ended.
pub(super) fn prune(draft: &mut Draft, before: Timestamp) {
    let old: Vec<Arc<Operation>> = draft
        .model
        .operations
        .values()
        // Their numbers count up as time goes on.
        .take_while(|operation| operation.enqueued < before)
        .filter(|operation| {
            operation.tasks.iter().all(|id| {
                draft
                    .model
                    .tasks
                    .get(id)
                    .is_none_or(|t| t.status.is_final() && t.completed.is_none_or(|c| c < before))
            })
        })
        .cloned()
        .collect();
    for operation in old {
        for task in &operation.tasks {
            draft.delete(Key::Task(*task));
        }
        draft.delete(Key::Operation(operation.id));
    }
}
