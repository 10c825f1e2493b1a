//! Operations and tasks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::command::{Answer, AskedRelation, ExecOptions, Receiver, Refusal};
use crate::entity::{ExecRelation, Operation, Task, TaskHost, TaskKind, TaskStatus};
use crate::hook::Hook;
use crate::model::{Draft, Key, Model, Record};
use crate::names::{ActionName, TaskId, UnitName};
use crate::time::Timestamp;

/// How long a command line that was asked for on a unit is remembered after its end, so that whoever asked can read it.
const LOCAL_KEPT: Duration = Duration::from_secs(60);

/// A command line, and how it is to run.
pub(super) struct Script {
    pub(super) command: String,
    pub(super) timeout_ms: Option<u64>,
    pub(super) parallel: bool,
    pub(super) with: ExecOptions,
}

/// A task that is to be.
struct Work {
    host: TaskHost,
    kind: TaskKind,
    parallel: bool,
    group: String,
}

use super::{find_app, find_unit, machine_tasks};

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
            Receiver::Machine(id) => {
                return Err(Refusal::invalid(format!("machine {id} has no actions: units have"))
                    .hint("name a unit, or run a command line: exec --machine"));
            }
        }
    }
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

fn enqueue(draft: &mut Draft, what: &str, work: Vec<Work>, now: Timestamp) -> Answer {
    // Here and not by a timer, so that it needs nobody who remembers to.
    prune(draft, now - draft.model.info.settings.action_results_age());
    prune_to(draft, draft.model.info.settings.action_results_size());
    let operation = next_id(draft);
    let mut tasks = Vec::new();
    for Work { host, kind, parallel, group } in work {
        let id = next_id(draft);
        tasks.push((id, host.clone()));
        draft.put(Record::Task(Arc::new(Task {
            id,
            operation,
            host,
            kind,
            parallel,
            group,
            status: TaskStatus::Pending,
            timed_out: false,
            message: String::new(),
            results: serde_json::Map::new(),
            log: Vec::new(),
            enqueued: now,
            started: None,
            completed: None,
            size: 0,
        })));
    }
    let on: Vec<String> = tasks.iter().map(|(_, host)| host.tag()).collect();
    draft.put(Record::Operation(Arc::new(Operation {
        id: operation,
        summary: format!("{what} run on {}", on.join(",")),
        tasks: tasks.iter().map(|(id, _)| *id).collect(),
        enqueued: now,
    })));
    Answer::Operation { id: operation, tasks }
}

/// How deep the parameters of an action nest at most: a task is kept as JSON, whose readers stop at 128 levels.
const MOST_LEVELS: usize = 100;

/// Whether a value has at most so many levels.
fn is_flat(value: &serde_json::Value, levels: usize) -> bool {
    match value {
        serde_json::Value::Array(items) => levels > 0 && items.iter().all(|item| is_flat(item, levels - 1)),
        serde_json::Value::Object(map) => levels > 0 && map.values().all(|item| is_flat(item, levels - 1)),
        _ => true,
    }
}

pub(super) fn run(
    draft: &mut Draft,
    wanted: &[Receiver],
    action: &ActionName,
    params: &serde_json::Map<String, serde_json::Value>,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    if !params.values().all(|value| is_flat(value, MOST_LEVELS)) {
        return Err(Refusal::invalid(format!("parameters nest deeper than {MOST_LEVELS} levels")));
    }
    let mut work = Vec::new();
    // Each that is named gets a task of its own, also a unit that is named twice (Juju 3.6: `EnqueueOperation`).
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
        let (parallel, group) = (spec.parallel, spec.execution_group.clone());
        let checked = spec
            .validate(&serde_json::Value::Object(params.clone()))
            .map_err(|problems| Refusal::invalid(format!("validation failed: {}", problems.join("; "))))?;
        let params = match checked {
            serde_json::Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        let kind = TaskKind::Action { name: action.clone(), params };
        work.push(Work { host: unit.into(), kind, parallel, group });
    }
    Ok(enqueue(draft, action.as_str(), work, now))
}

pub(super) fn exec(
    draft: &mut Draft,
    wanted: &[Receiver],
    script: &Script,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let Script { command, timeout_ms, parallel, with } = script;
    if command.trim().is_empty() {
        return Err(Refusal::invalid("no commands specified")
            .hint("write them after --: exec --unit app/0 -- COMMAND"));
    }
    if with.local {
        prune_local(draft, now - LOCAL_KEPT);
    }
    let mut work = Vec::new();
    let mut seen = BTreeSet::new();
    for receiver in wanted {
        let Receiver::Machine(id) = receiver else { continue };
        machine_tasks::find(&draft.model, *id)?;
        if seen.insert(TaskHost::Machine(*id)) {
            let (command, local) = (command.clone(), with.local);
            let kind = TaskKind::Exec { command, timeout_ms: *timeout_ms, relation: None, local };
            work.push(Work { host: (*id).into(), kind, parallel: *parallel, group: with.group.clone() });
        }
    }
    let units: Vec<Receiver> =
        wanted.iter().filter(|one| !matches!(one, Receiver::Machine(_))).cloned().collect();
    let units =
        if units.is_empty() && !work.is_empty() { Vec::new() } else { receivers(&draft.model, &units)? };
    // A unit that is named in two ways runs it once (Juju 3.6: `getAllUnitNames`).
    for unit in units.into_iter().filter(|unit| seen.insert(unit.clone().into())) {
        let asked = with.relation.as_ref();
        let relation = asked.map(|asked| exec_relation(&draft.model, &unit, asked)).transpose()?;
        let kind =
            TaskKind::Exec { command: command.clone(), timeout_ms: *timeout_ms, relation, local: with.local };
        work.push(Work { host: unit.into(), kind, parallel: *parallel, group: with.group.clone() });
    }
    Ok(enqueue(draft, "juju-exec", work, now))
}

/// Whom a command line's context has on the other side (Juju 3.6: `InferRemoteUnit`).
fn exec_relation(model: &Model, unit: &UnitName, asked: &AskedRelation) -> Result<ExecRelation, Refusal> {
    let id = asked.id;
    let relation = model.relations.get(&id);
    let ends = relation.and_then(|r| Some((r, r.end_of(unit.app())?, r.other_end(unit.app())?)));
    let Some((relation, ours, other)) = ends else {
        return Err(Refusal::not_found(format!("unknown relation id: {id}"))
            .hint(format!("`periapt show-unit {unit}` lists the relations of the unit")));
    };
    let there: Vec<&UnitName> = model.seen_in(relation, unit).into_iter().map(|(name, _)| name).collect();
    let remote_unit = match (&asked.remote_unit, there.as_slice()) {
        (Some(name), _) if asked.force || there.contains(&name) => Some(name.clone()),
        (Some(name), _) => {
            return Err(Refusal::invalid(format!(
                "unknown remote unit {name}, use --force-remote-unit to override"
            )));
        }
        (None, [only]) => Some((*only).clone()),
        (None, _) if asked.force => None,
        (None, []) => {
            return Err(Refusal::invalid(format!(
                "no remote unit found for relation id: {id}, override to execute commands"
            )));
        }
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return Err(Refusal::invalid(format!(
                "unable to determine remote-unit, please disambiguate: {}",
                names.join(", ")
            ))
            .hint("name one with --remote-unit"));
        }
    };
    let remote_app = asked.remote_app.clone().unwrap_or_else(|| other.app.clone());
    if remote_app != other.app {
        return Err(Refusal::invalid(format!(
            "application {:?} is not the other side of relation {id}: {:?} is",
            remote_app.as_str(),
            other.app.as_str()
        )));
    }
    Ok(ExecRelation { id, endpoint: ours.endpoint.clone(), remote_app, remote_unit })
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
    let kind = TaskKind::Replay { record, hook };
    let work = Work { host: unit.clone().into(), kind, parallel: false, group: String::new() };
    Ok(enqueue(draft, &what, vec![work], now))
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

/// Ends what is open of a host that is gone, and says why.
pub(super) fn close(draft: &mut Draft, host: &TaskHost, why: &str, now: Timestamp) {
    let open: Vec<TaskId> = draft.model.open_tasks(host).map(|task| task.id).collect();
    for id in open {
        draft.task(id, |task| {
            task.status = match task.status {
                TaskStatus::Pending => TaskStatus::Cancelled,
                _ => TaskStatus::Aborted,
            };
            why.clone_into(&mut task.message);
            task.completed = Some(now);
        });
    }
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
        forget(draft, &operation);
    }
}

/// Forgets the oldest operations that have ended until the results of all have at most so many bytes (Juju 3.6:
/// `max-action-results-size`, whose pruner runs beside; here as [`prune`]). Those that have not ended count, and stay.
fn prune_to(draft: &mut Draft, most: u64) {
    let model = &draft.model;
    let mut total = model.tasks.values().fold(0_u64, |sum, task| sum.saturating_add(task.size));
    let mut oldest = model.operations.values();
    let mut old: Vec<Arc<Operation>> = Vec::new();
    while total > most
        && let Some(operation) = oldest.next()
    {
        let tasks = || operation.tasks.iter().filter_map(|id| model.tasks.get(id));
        let size = tasks().fold(0_u64, |sum, task| sum.saturating_add(task.size));
        // One without results would make no room.
        if size > 0 && tasks().all(|task| task.status.is_final()) {
            total = total.saturating_sub(size);
            old.push(operation.clone());
        }
    }
    for operation in old {
        forget(draft, &operation);
    }
}

/// Forgets what was asked for on units and has ended before this.
fn prune_local(draft: &mut Draft, before: Timestamp) {
    let over = |task: &Arc<Task>| {
        task.kind.is_local() && task.status.is_final() && task.completed.is_some_and(|at| at < before)
    };
    let old: Vec<Arc<Operation>> = draft
        .model
        .operations
        .values()
        .filter(|operation| operation.tasks.iter().all(|id| draft.model.tasks.get(id).is_some_and(over)))
        .cloned()
        .collect();
    for operation in old {
        forget(draft, &operation);
    }
}

fn forget(draft: &mut Draft, operation: &Operation) {
    for task in &operation.tasks {
        draft.delete(Key::Task(*task));
    }
    draft.delete(Key::Operation(operation.id));
}

#[cfg(test)]
mod tests;
