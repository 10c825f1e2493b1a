//! What runs on machines themselves: command lines without a context (Juju 3.6: `internal/worker/machineactions`).

use crate::command::{Answer, MachineTask, Refusal};
use crate::entity::TaskStatus;
use crate::model::{Draft, Model};
use crate::names::{MachineId, TaskId};
use crate::time::Timestamp;

use super::tasks;

/// The machine, or the refusal that names it.
pub(super) fn find(model: &Model, id: MachineId) -> Result<(), Refusal> {
    match model.machines.contains_key(&id) {
        true => Ok(()),
        false => Err(Refusal::not_found(format!("machine {id} not found"))
            .hint("`periapt machines` lists them; `periapt add-machine` adds one")),
    }
}

/// A task of a machine has begun or ended. What has ended already stays as it is: its machine may have been removed, or
/// somebody have taken the task back a moment before it began.
pub(super) fn told(
    draft: &mut Draft,
    id: TaskId,
    what: MachineTask,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let task = draft.model.tasks.get(&id).filter(|task| task.host.machine().is_some());
    let Some(task) = task else {
        return Err(Refusal::not_found(format!("task {id} of a machine not found")));
    };
    if task.status.is_final() {
        return Ok(Answer::Task(task.status));
    }
    let status = match &what {
        MachineTask::Started if task.status == TaskStatus::Pending => TaskStatus::Running,
        MachineTask::Started => task.status,
        MachineTask::Ended { status, .. } => *status,
    };
    draft.task(id, |task| {
        task.status = status;
        match what {
            MachineTask::Started => task.started = Some(now),
            MachineTask::Ended { timed_out, message, results, .. } => {
                task.keep_results(timed_out, message, results, now);
            }
        }
    });
    Ok(Answer::Task(status))
}

/// The machine is gone, and what was asked of it.
pub(crate) fn machine_gone(draft: &mut Draft, machine: MachineId, now: Timestamp) {
    tasks::close(draft, &machine.into(), &format!("machine {machine} was removed"), now);
}
