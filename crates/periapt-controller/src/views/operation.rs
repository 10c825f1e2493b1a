//! Operations and tasks: the results of `run` and `exec`, `show-operation`, `show-task` and `operations` (reference
//! 7.4 and 8.3).

use std::collections::BTreeMap;

use periapt_model::entity::{Operation, Task, TaskHost, TaskKind, TaskStatus};
use periapt_model::model::Model;
use periapt_model::names::{MachineId, TaskId, UnitName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Zone;

/// When something was asked for, begun and ended; what has not happened yet is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timing {
    /// `2025-02-25 10:00:00 +0000 UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enqueued: Option<String>,
    /// As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<String>,
}

/// One task: the value of a unit in the results of `run` and `exec`, and what `show-task` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskResult {
    /// Its number, as text.
    pub id: String,
    /// `action-log`'s lines, each with its time in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// `action-fail`'s text, or why it could not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `action-set`'s values, `return-code`, `stdout` and `stderr`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = serde_json::Value)]
    pub results: Map<String, Value>,
    /// Where it stands.
    #[schema(value_type = String)]
    pub status: TaskStatus,
    /// It was ended because its time was over; Juju has no word for it.
    #[serde(default, rename = "timed-out", skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// When.
    pub timing: Timing,
    /// Who runs it, if that is a unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub unit: Option<UnitName>,
    /// Who runs it, if that is a machine.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "machine_text")]
    #[schema(value_type = Option<String>)]
    pub machine: Option<MachineId>,
}

/// A machine's number as text, as Juju shows it.
mod machine_text {
    use periapt_model::names::MachineId;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        machine: &Option<MachineId>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match machine {
            Some(machine) => serializer.collect_str(machine),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<MachineId>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

/// A task with what is around it: what a client that waits for it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TaskView {
    /// The task, as Juju shows it.
    pub task: TaskResult,
    /// The operation it belongs to.
    #[schema(value_type = u64)]
    pub operation: TaskId,
    /// What it runs: the action's name, `juju-exec`, or `replay HOOK`.
    pub name: String,
    /// For a task that waits: what its unit does first, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
}

/// The action of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionSummary {
    /// Its name.
    pub name: String,
    /// Its parameters, with defaults.
    #[schema(value_type = serde_json::Value)]
    pub parameters: Map<String, Value>,
}

/// One task of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationTask {
    /// Who runs it.
    #[schema(value_type = String)]
    pub host: TaskHost,
    /// Where it stands.
    #[schema(value_type = String)]
    pub status: TaskStatus,
    /// When.
    pub timing: Timing,
    /// `action-log`'s lines, each with its time in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// `action-fail`'s text, or why it could not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `action-set`'s values, `return-code`, `stdout` and `stderr`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = serde_json::Value)]
    pub results: Map<String, Value>,
}

/// One operation, as `show-operation` and `operations` show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShowOperation {
    /// In words.
    pub summary: String,
    /// Where it stands: the least advanced of its tasks while any is open, else the worst.
    #[schema(value_type = String)]
    pub status: TaskStatus,
    /// What it runs.
    pub action: ActionSummary,
    /// When.
    pub timing: Timing,
    /// By number.
    #[schema(value_type = BTreeMap<String, OperationTask>)]
    pub tasks: BTreeMap<TaskId, OperationTask>,
}

/// By number.
pub type OperationList = BTreeMap<TaskId, ShowOperation>;

/// The results of a whole operation, by unit or machine: what `run` and `exec` print.
pub type Results = BTreeMap<TaskHost, TaskResult>;

fn timing(task: &Task, zone: &Zone) -> Timing {
    Timing {
        enqueued: Some(zone.action_time(task.enqueued)),
        started: task.started.map(|at| zone.action_time(at)),
        completed: task.completed.map(|at| zone.action_time(at)),
    }
}

fn log(task: &Task, zone: &Zone) -> Vec<String> {
    task.log.iter().map(|(at, line)| format!("{} {line}", zone.action_time(*at))).collect()
}

fn message(task: &Task) -> Option<String> {
    Some(task.message.clone()).filter(|text| !text.is_empty())
}

/// One task, as Juju shows it.
pub fn task_result(task: &Task, zone: &Zone) -> TaskResult {
    TaskResult {
        id: task.id.to_string(),
        log: log(task, zone),
        message: message(task),
        results: task.results.clone(),
        status: task.status,
        timed_out: task.timed_out,
        timing: timing(task, zone),
        unit: task.host.unit().cloned(),
        machine: task.host.machine(),
    }
}

/// One task with what is around it, or None when it is not there.
pub fn show_task(model: &Model, id: TaskId, zone: &Zone) -> Option<TaskView> {
    let task = model.tasks.get(&id)?;
    Some(TaskView {
        task: task_result(task, zone),
        operation: task.operation,
        name: task.kind.name(),
        behind: behind(model, task),
    })
}

/// What a task that has not begun waits for, in words.
fn behind(model: &Model, task: &Task) -> Option<String> {
    if task.status != TaskStatus::Pending {
        return None;
    }
    // Tasks of machines run side by side.
    let name = task.host.unit()?;
    if let Some(first) = model.open_tasks(&task.host).next().filter(|first| first.id != task.id) {
        return Some(format!("task {} ({}) of {name} comes first", first.id, first.kind.name()));
    }
    let unit = model.units.get(name)?;
    let (workload, agent) = super::status::presented(unit);
    Some(match (workload.status, agent.message.as_str()) {
        (periapt_model::status::WorkloadStatus::Error, _) => {
            format!("{name} is in error: {}", workload.message)
        }
        (_, "") => format!("the agent of {name} is {}", agent.status),
        (_, message) => format!("the agent of {name} is {}: {message}", agent.status),
    })
}

/// The results of all tasks of an operation, or None when it is not there.
pub fn results(model: &Model, id: TaskId, zone: &Zone) -> Option<Results> {
    let operation = model.operations.get(&id)?;
    let mut results = Results::new();
    for task in operation.tasks.iter().filter_map(|id| model.tasks.get(id)) {
        // A unit that was named twice has two tasks and one place here: the one that decides the operation's status.
        let decides = |kept: &TaskResult| place(task.status) < place(kept.status);
        if results.get(&task.host).is_none_or(decides) {
            results.insert(task.host.clone(), task_result(task, zone));
        }
    }
    Some(results)
}

/// Whether nothing more will happen to an operation, or None when it is not there.
pub fn is_done(model: &Model, id: TaskId) -> Option<bool> {
    let operation = model.operations.get(&id)?;
    Some(operation.tasks.iter().filter_map(|id| model.tasks.get(id)).all(|task| task.status.is_final()))
}

/// One operation, or None when it is not there.
pub fn show_operation(model: &Model, id: TaskId, zone: &Zone) -> Option<ShowOperation> {
    Some(shown(model, model.operations.get(&id)?, zone, false))
}

/// Juju's order for an operation's status: the first of these that any of its tasks has.
const DECISIVE: [TaskStatus; 8] = [
    TaskStatus::Running,
    TaskStatus::Aborting,
    TaskStatus::Pending,
    TaskStatus::Error,
    TaskStatus::Failed,
    TaskStatus::Aborted,
    TaskStatus::Cancelled,
    TaskStatus::Completed,
];

fn place(status: TaskStatus) -> usize {
    DECISIVE.iter().position(|one| *one == status).unwrap_or(DECISIVE.len())
}

/// The status of an operation with tasks of these.
pub(super) fn status_of(tasks: impl Iterator<Item = TaskStatus>) -> TaskStatus {
    tasks.min_by_key(|status| place(*status)).unwrap_or(TaskStatus::Completed)
}

/// One operation; with `brief` without parameters, logs, messages and results.
pub(super) fn shown(model: &Model, operation: &Operation, zone: &Zone, brief: bool) -> ShowOperation {
    let tasks: Vec<&Task> =
        operation.tasks.iter().filter_map(|id| model.tasks.get(id)).map(AsRef::as_ref).collect();
    let status = status_of(tasks.iter().map(|task| task.status));
    let started = tasks.iter().filter_map(|t| t.started).min();
    let completed = tasks.iter().filter_map(|t| t.completed).max().filter(|_| status.is_final());
    let parameters = match tasks.first().map(|t| &t.kind).filter(|_| !brief) {
        Some(TaskKind::Action { params, .. }) => params.clone(),
        Some(TaskKind::Exec { command, .. }) => {
            Map::from_iter([("command".to_owned(), command.as_str().into())])
        }
        Some(TaskKind::Replay { record, .. }) => Map::from_iter([("record".to_owned(), (*record).into())]),
        None => Map::new(),
    };
    ShowOperation {
        summary: operation.summary.clone(),
        status,
        action: ActionSummary { name: tasks.first().map(|t| t.kind.name()).unwrap_or_default(), parameters },
        timing: Timing {
            enqueued: Some(zone.action_time(operation.enqueued)),
            started: started.map(|at| zone.action_time(at)),
            completed: completed.map(|at| zone.action_time(at)),
        },
        tasks: tasks.into_iter().map(|task| (task.id, operation_task(task, zone, brief))).collect(),
    }
}

fn operation_task(task: &Task, zone: &Zone, brief: bool) -> OperationTask {
    let (host, status, timing) = (task.host.clone(), task.status, timing(task, zone));
    match brief {
        true => OperationTask { host, status, timing, log: Vec::new(), message: None, results: Map::new() },
        false => OperationTask {
            host,
            status,
            timing,
            log: log(task, zone),
            message: message(task),
            results: task.results.clone(),
        },
    }
}
