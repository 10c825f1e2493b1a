//! What is committed before a process starts, and the whole of a step without one.

use periapt_model::charm::Role;
use periapt_model::entity::TaskStatus;
use periapt_model::hook::{Hook, SecretEvent};
use periapt_model::journal::{Deferrals, Dispatch, Entry, Event, Mark, Outcome};
use periapt_model::local::{FailedHook, HookStep, Local, LocalRelation, Op, SeenInputs};
use periapt_model::names::{RelationId, TaskId};
use periapt_model::remote::Remote;
use periapt_model::status::WorkloadStatus;
use periapt_model::step_commit::Act;
use periapt_model::time::Moment;

use super::{Transition, finish};
use crate::deferral;
use crate::next::tries;
use crate::step::{DeployKind, Step};

/// What is committed when `step` begins, before any process starts. A step that runs none is complete with it.
///
/// `local` and `remote` are those that [`next`](crate::next()) decided on, `moment` is when it begins.
pub fn begin(local: &Local, remote: &Remote, step: &Step, moment: &Moment) -> Transition {
    let mut t = Transition::of(local);
    match step {
        Step::ClaimLeadership | Step::Rest { .. } => {}
        Step::EnterScope(id) => enter(&mut t, remote, *id),
        Step::ForgetRelation(id) => {
            t.local.relations.remove(id);
            if remote.relations.contains_key(id) {
                t.acts.push(Act::LeaveScope(*id));
            }
            t.mark(Mark::RelationForgotten { relation: *id });
        }
        Step::ForgetStorage(id) => {
            t.local.storages.remove(id);
            t.acts.push(Act::DetachStorage(id.clone()));
            t.mark(Mark::StorageForgotten { storage: id.clone() });
        }
        Step::FailInterruptedTask(id) => interrupted_task(&mut t, remote, *id, moment),
        Step::CancelTask(id) => t.acts.push(Act::TaskEnded {
            task: *id,
            status: TaskStatus::Cancelled,
            timed_out: false,
            message: "action cancelled".to_owned(),
            results: serde_json::Map::new(),
        }),
        Step::Deploy { charm, kind } => {
            let interrupted = match &local.op {
                Op::Hook { hook, step: HookStep::Failed(failure), seen }
                    if *kind == DeployKind::ForcedUpgrade =>
                {
                    Some(Box::new(FailedHook { hook: hook.clone(), failure: failure.clone(), seen: *seen }))
                }
                Op::Deploy { interrupted, .. } => interrupted.clone(),
                _ => None,
            };
            t.local.op = Op::Deploy { charm: charm.clone(), interrupted };
            t.executing(match kind {
                DeployKind::Install => "installing charm".to_owned(),
                DeployKind::Upgrade | DeployKind::ForcedUpgrade => "upgrading charm".to_owned(),
            });
        }
        Step::Hook { hook, seen, .. } => begin_hook(&mut t, remote, hook, *seen, moment),
        Step::Task(id) => {
            t.local.task = Some(*id);
            t.acts.push(Act::TaskStarted(*id));
            let name = remote.tasks.iter().find(|task| task.id == *id).map_or("", |task| task.name.as_str());
            t.executing(format!("running action {name}"));
        }
        Step::SkipHook { hook } => skip(&mut t, remote, hook, moment),
        Step::DropHook { hook, reason } => {
            t.local.op = Op::Continue;
            clear_resolved(&mut t, remote);
            t.mark(Mark::HookDropped { hook: hook.clone(), reason: reason.clone() });
        }
        Step::AcceptLeadership => {
            t.local.leader = true;
            t.local.op = queued(Hook::LeaderElected);
            t.mark(Mark::LeaderAccepted);
        }
        Step::ResignLeadership => {
            t.local.leader = false;
            t.mark(Mark::LeaderResigned);
        }
        Step::BeginTeardown => {
            t.local.dying = true;
            // Only a deploy that failed can be left: the unit goes away with the files it has.
            t.local.op = Op::Continue;
            t.mark(Mark::DyingSeen);
        }
        Step::ReportIdle => t.idle(),
        Step::Dead => {
            t.local.op = Op::Continue;
            t.acts.push(Act::Dead);
            t.mark(Mark::Dead);
        }
    }
    t
}

/// A hook that runs as soon as the slot is free.
pub(super) fn queued(hook: Hook) -> Op {
    Op::Hook { hook, step: HookStep::Queued, seen: SeenInputs::default() }
}

fn clear_resolved(t: &mut Transition, remote: &Remote) {
    if remote.resolved.is_some() {
        t.acts.push(Act::ClearResolved);
    }
}

fn enter(t: &mut Transition, remote: &Remote, id: RelationId) {
    let Some(theirs) = remote.relations.get(&id) else { return };
    let peer = theirs.role == Role::Peer;
    t.local.relations.insert(
        id,
        LocalRelation {
            endpoint: theirs.endpoint.clone(),
            remote_app: theirs.remote_app.clone(),
            peer,
            implicit: theirs.implicit,
            created: false,
            members: Default::default(),
            apps: Default::default(),
            changed_pending: None,
        },
    );
    t.acts.push(Act::EnterScope(id));
    t.mark(Mark::EnteredScope {
        relation: id,
        endpoint: theirs.endpoint.clone(),
        peer,
        implicit: theirs.implicit,
    });
}

fn interrupted_task(t: &mut Transition, remote: &Remote, id: TaskId, moment: &Moment) {
    let task = remote.tasks.iter().find(|task| task.id == id);
    let cancelled = task.is_some_and(|task| task.cancelled);
    if let Some(task) = task {
        let started = task.started.unwrap_or(moment.now);
        t.journal.push(Entry::Dispatch(Box::new(Dispatch {
            event: task.event.clone(),
            attempt: 1,
            started,
            // When it ended, nobody saw; by now it has.
            ended: moment.now.max(started),
            outcome: Outcome::Interrupted { reason: "the agent ended while it ran".to_owned() },
            deferrals: Deferrals::default(),
            custom_events: Vec::new(),
            writes: Vec::new(),
            hook_commands: 0,
            leader: t.local.leader,
        })));
    }
    t.local.task = None;
    t.acts.push(Act::TaskEnded {
        task: id,
        status: if cancelled { TaskStatus::Aborted } else { TaskStatus::Failed },
        timed_out: false,
        message: "action terminated".to_owned(),
        results: serde_json::Map::new(),
    });
    t.report_error();
}

fn begin_hook(t: &mut Transition, remote: &Remote, hook: &Hook, seen: SeenInputs, moment: &Moment) {
    let (interrupted, after) = match &t.local.op {
        Op::Hook { hook: held, step: HookStep::Pending { interrupted, after, .. }, .. } if held == hook => {
            (interrupted.saturating_add(1), after.clone())
        }
        Op::Hook { hook: held, step: HookStep::Failed(failure), .. } if held == hook => {
            (0, Some(failure.clone()))
        }
        _ => (0, None),
    };
    t.local.op = Op::Hook {
        hook: hook.clone(),
        step: HookStep::Pending { since: moment.now, interrupted, after, ended: None },
        seen,
    };
    clear_resolved(t, remote);
    match hook {
        // Not reported, as in Juju: they would make a quiet model look busy.
        Hook::UpdateStatus => {
            t.local.update_status_armed = moment.now;
            t.local.update_status_period = t.local.update_status_period.wrapping_add(1);
        }
        Hook::DeferredWake => {}
        Hook::Secret(secret) => {
            let revision = match secret.event {
                SecretEvent::Expired | SecretEvent::Remove => format!("/{}", secret.revision),
                SecretEvent::Changed | SecretEvent::Rotate => String::new(),
            };
            t.executing(format!("running {hook} hook for secret:{}{revision}", secret.secret));
        }
        _ => t.executing(match hook.relation().and_then(|relation| relation.remote_unit.as_ref()) {
            Some(unit) => format!("running {hook} hook for {unit}"),
            None => format!("running {hook} hook"),
        }),
    }
    match hook {
        Hook::Install if !t.local.status_set => {
            t.workload(WorkloadStatus::Maintenance, "installing charm software")
        }
        Hook::Stop => t.workload(WorkloadStatus::Maintenance, "stopping charm software"),
        Hook::Remove => t.workload(WorkloadStatus::Maintenance, "cleaning up prior to charm deletion"),
        _ => {}
    }
}

/// The hook counts as done without having run: everything follows but what it would have written.
fn skip(t: &mut Transition, remote: &Remote, hook: &Hook, moment: &Moment) {
    let attempt = match &t.local.op {
        Op::Hook { step: HookStep::Failed(failure), .. } => tries(failure).saturating_add(1),
        _ => 1,
    };
    finish::succeed(t, remote, hook, moment);
    // What the hook was to serve would bring it back at once.
    deferral::wakes_after(&mut t.local.wakes, Some(hook), moment.now, moment.now);
    deferral::queue_after(&mut t.local.deferred, Some(hook), moment.now, moment.now);
    if *hook == Hook::UpdateStatus {
        // It counts as having run now: the next one keeps its distance.
        t.local.update_status_armed = moment.now;
    }
    clear_resolved(t, remote);
    let mut deferrals = Deferrals::default();
    finish::drop_with_unit(t, &mut deferrals);
    t.journal.push(Entry::Dispatch(Box::new(Dispatch {
        event: Event::Hook(hook.clone()),
        attempt,
        started: moment.now,
        ended: moment.now,
        outcome: Outcome::Skipped,
        deferrals,
        custom_events: Vec::new(),
        writes: Vec::new(),
        hook_commands: 0,
        leader: t.local.leader,
    })));
    finish::report(t, remote, moment, None);
}
