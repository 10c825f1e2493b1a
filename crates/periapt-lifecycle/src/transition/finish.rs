//! What is committed when a process has ended, together with what it wrote.

use periapt_model::entity::TaskStatus;
use periapt_model::hook::{
    Hook, RelationEvent, RelationHook, SecretEvent, SecretHook, StorageEvent, StorageHook,
};
use periapt_model::journal::{Deferrals, Dispatch, Dropped, Entry, Event, Mark, Outcome};
use periapt_model::local::{CharmRef, DeferredQueue, FailedDeploy, Failure, HookStep, Local, Op};
use periapt_model::names::TaskId;
use periapt_model::remote::Remote;
use periapt_model::status::{AgentStatus, WorkloadStatus};
use periapt_model::step_commit::Act;
use periapt_model::time::Moment;
use periapt_model::wake::{MOST_WAKES, change_wakes};

use super::begin::queued;
use super::{StepEnd, TaskEnd, Transition};
use crate::deferral::{self, Ending};
use crate::step::{DeployKind, Step};
use crate::timers;

/// What is committed when the process of `step` has ended.
///
/// `local` is what [`begin`](crate::begin)'s commit stored, `remote` what `step` was decided on, `moment` is now. The
/// charm's own writes are the caller's to add, and only if `end.outcome` is a success.
///
/// A step without a process changes nothing here: it was complete with its beginning.
pub fn finish(local: &Local, remote: &Remote, step: &Step, end: &StepEnd, moment: &Moment) -> Transition {
    let mut t = Transition::of(local);
    match step {
        Step::Deploy { charm, kind } => {
            match &end.outcome {
                Outcome::Failed { reason, output } => {
                    deploy_failed(&mut t, remote, charm, reason, output, moment)
                }
                // It stays as it is and is done again.
                Outcome::Interrupted { .. } => {}
                _ => {
                    t.local.charm = Some(charm.clone());
                    t.acts.push(Act::CharmInstalled(charm.clone()));
                    t.mark(Mark::CharmInstalled {
                        charm: charm.clone(),
                        upgrade: *kind != DeployKind::Install,
                        forced: *kind == DeployKind::ForcedUpgrade,
                    });
                    t.local.deploy_failed = None;
                    t.local.op = take_interrupted(&mut t).unwrap_or_else(|| match kind {
                        DeployKind::Install => queued(Hook::Install),
                        DeployKind::Upgrade | DeployKind::ForcedUpgrade => queued(Hook::UpgradeCharm),
                    });
                    t.report_error();
                }
            }
        }
        Step::Hook { hook, attempt, .. } => finish_hook(&mut t, remote, hook, *attempt, end, moment),
        Step::Task(id) => finish_task(&mut t, remote, *id, end, moment),
        _ => {}
    }
    t
}

fn deploy_failed(
    t: &mut Transition,
    remote: &Remote,
    charm: &CharmRef,
    reason: &str,
    output: &[String],
    moment: &Moment,
) {
    let before = t.local.deploy_failed.take().filter(|failed| failed.charm == *charm);
    let attempts = before.map_or(0, |failed| failed.failure.attempts).saturating_add(1);
    let failure = Failure {
        at: moment.now,
        attempts,
        interrupted: 0,
        reason: reason.to_owned(),
        retry_at: Some(moment.now + timers::retry_delay(&remote.unit, attempts)),
        output: output.to_vec(),
    };
    t.local.deploy_failed = Some(FailedDeploy { charm: charm.clone(), failure });
    // A hook under which files were to be replaced by force can still be resolved without them.
    match take_interrupted(t) {
        Some(held) => {
            t.local.op = held;
            t.report_error();
        }
        None => t.agent(
            AgentStatus::Failed,
            format!("cannot put the charm in place: {reason}"),
            Default::default(),
        ),
    }
}

/// The failed hook that a forced upgrade set aside.
fn take_interrupted(t: &mut Transition) -> Option<Op> {
    let Op::Deploy { interrupted, .. } = &mut t.local.op else { return None };
    let held = interrupted.take()?;
    Some(Op::Hook { hook: held.hook, step: HookStep::Failed(held.failure), seen: held.seen })
}

fn finish_hook(
    t: &mut Transition,
    remote: &Remote,
    hook: &Hook,
    attempt: u32,
    end: &StepEnd,
    moment: &Moment,
) {
    t.local.status_set |= end.status_set;
    let mut deferrals = defer(t, end, Some(hook), true, moment);
    if *hook == Hook::UpdateStatus {
        // Its process may have waited for the machine's lock: the next one keeps its distance from when it ran.
        t.local.update_status_armed = t.local.update_status_armed.max(end.facts.started);
    }
    match &end.outcome {
        Outcome::Done | Outcome::Missing | Outcome::Skipped => succeed(t, remote, hook, moment),
        Outcome::Failed { reason, output } => fail(t, remote, hook, reason, output, moment),
        // It stays pending: a killed process is no error, the hook runs again (reference 3.6).
        Outcome::Interrupted { .. } => {
            if let Op::Hook { step: HookStep::Pending { ended, .. }, .. } = &mut t.local.op {
                *ended = Some(moment.now);
            }
        }
    }
    drop_with_unit(t, &mut deferrals);
    t.journal.push(dispatch(Event::Hook(hook.clone()), attempt, end, deferrals));
    report(t, remote, moment, None);
}

fn finish_task(t: &mut Transition, remote: &Remote, id: TaskId, end: &StepEnd, moment: &Moment) {
    t.local.task = None;
    t.local.status_set |= end.status_set;
    let TaskEnd { event, status, timed_out, message, results } =
        end.task.clone().unwrap_or_else(|| TaskEnd {
            event: Event::Exec { task: id },
            status: match &end.outcome {
                Outcome::Done | Outcome::Missing | Outcome::Skipped => TaskStatus::Completed,
                Outcome::Failed { .. } => TaskStatus::Failed,
                Outcome::Interrupted { .. } => TaskStatus::Aborted,
            },
            timed_out: false,
            message: String::new(),
            results: Default::default(),
        });
    // A command line does not run the charm's framework, unless it says so by what it leaves behind.
    let framework = !matches!(event, Event::Exec { .. });
    let deferrals = defer(t, end, None, framework, moment);
    t.acts.push(Act::TaskEnded { task: id, status, timed_out, message, results });
    t.journal.push(dispatch(event, 1, end, deferrals));
    t.report_error();
    report(t, remote, moment, Some(id));
}

fn dispatch(event: Event, attempt: u32, end: &StepEnd, deferrals: Deferrals) -> Entry {
    let facts = end.facts.clone();
    let told = end.report.as_ref().filter(|_| end.outcome.is_success());
    let custom_events = told.map_or(facts.custom_events, |report| report.emitted.clone());
    Entry::Dispatch(Box::new(Dispatch {
        event,
        attempt,
        started: facts.started,
        ended: facts.ended,
        outcome: end.outcome.clone(),
        deferrals,
        custom_events,
        writes: facts.writes,
        hook_commands: facts.hook_commands,
        leader: facts.leader,
    }))
}

/// Takes over what the charm's queue holds now, and which wakes it wants. `framework` tells whether the process was one
/// that re-emits the queue.
fn defer(
    t: &mut Transition,
    end: &StepEnd,
    hook: Option<&Hook>,
    framework: bool,
    moment: &Moment,
) -> Deferrals {
    if !end.outcome.is_success() {
        return looked_up(t, end, hook, framework, moment);
    }
    if framework {
        deferral::wakes_after(&mut t.local.wakes, hook, end.facts.started, moment.now);
    }
    change_wakes(&mut t.local.wakes, &end.wakes, moment.now);
    t.local.wakes.truncate(MOST_WAKES);
    match &end.report {
        Some(report) => {
            let ending = Ending { hook, begun: end.facts.started, now: moment.now };
            let (queue, deferrals) = deferral::reported(&t.local.deferred, report, &ending);
            let reported_by = t.local.charm.as_ref().map(|charm| charm.id.clone());
            t.local.deferred = DeferredQueue { reported_by, ..queue };
            deferrals
        }
        None => looked_up(t, end, hook, framework, moment),
    }
}

/// Takes over what the agent itself has found in the charm's store.
fn looked_up(
    t: &mut Transition,
    end: &StepEnd,
    hook: Option<&Hook>,
    framework: bool,
    moment: &Moment,
) -> Deferrals {
    let ran = framework && end.outcome.is_success();
    let wake = hook == Some(&Hook::DeferredWake);
    let (queue, report) = match &end.notices {
        // A process that failed before its framework's commit leaves its queue as it was: nothing is known to have been
        // tried.
        Some(after) if !ran && deferral::is_unchanged(&t.local.deferred, after) => {
            if !framework {
                return Deferrals::default();
            }
            (deferral::unknown(&t.local.deferred, false, moment.now), Deferrals::default())
        }
        Some(after) => deferral::deferrals(&t.local.deferred, after, wake, moment.now),
        None if !framework => return Deferrals::default(),
        None => {
            let mut queue = deferral::unknown(&t.local.deferred, wake, moment.now);
            if ran {
                deferral::queue_after(&mut queue, hook, end.facts.started, moment.now);
            }
            (queue, Deferrals::default())
        }
    };
    t.local.deferred = queue;
    report
}

/// What is still deferred after the unit's last hook will never run; the journal says so (I3).
pub(super) fn drop_with_unit(t: &mut Transition, report: &mut Deferrals) {
    if t.local.removed {
        t.local.wakes.clear();
        t.local.deferred.dead.clear();
        let left = std::mem::take(&mut t.local.deferred.events);
        let dropped = left
            .into_iter()
            .map(|event| Dropped { notice: event.notice, reason: "the unit is removed".into() });
        report.dropped.extend(dropped);
    }
}

fn fail(t: &mut Transition, remote: &Remote, hook: &Hook, reason: &str, output: &[String], moment: &Moment) {
    let (before, interrupted) = match &t.local.op {
        Op::Hook { step: HookStep::Pending { interrupted, after, .. }, .. } => (after.clone(), *interrupted),
        _ => (None, 0),
    };
    let attempts = before.as_ref().map_or(0, |f| f.attempts).saturating_add(1);
    let failure = Failure {
        at: moment.now,
        attempts,
        interrupted: before.map_or(0, |f| f.interrupted).saturating_add(interrupted),
        reason: reason.to_owned(),
        retry_at: remote.retry_hooks.then(|| moment.now + timers::retry_delay(&remote.unit, attempts)),
        output: output.to_vec(),
    };
    let seen = match &t.local.op {
        Op::Hook { seen, .. } => *seen,
        _ => remote.inputs,
    };
    t.local.op = Op::Hook { hook: hook.clone(), step: HookStep::Failed(failure), seen };
    t.report_error();
}

/// What follows from a hook that counts as done (Juju 3.6: `runhook.go`, `Commit`).
pub(super) fn succeed(t: &mut Transition, remote: &Remote, hook: &Hook, moment: &Moment) {
    let seen = match &t.local.op {
        Op::Hook { seen, .. } => *seen,
        _ => remote.inputs,
    };
    swallow_tick(t, remote, hook, moment);
    t.local.op = Op::Continue;
    if t.local.started && t.local.boot.is_none() {
        t.local.boot.clone_from(&moment.boot);
    }
    match hook {
        Hook::Install => t.local.installed = true,
        Hook::ConfigChanged => {
            t.local.seen = Some(seen);
            t.acts.push(Act::RefreshAddresses);
            if !t.local.started {
                t.local.op = queued(Hook::Start);
            }
        }
        Hook::Start => {
            if !t.local.started && !t.local.status_set {
                t.workload(WorkloadStatus::Unknown, "");
            }
            t.local.started = true;
            t.local.stopped = false;
            t.local.boot.clone_from(&moment.boot);
            arm(t, moment);
        }
        Hook::UpgradeCharm => t.local.op = queued(Hook::ConfigChanged),
        Hook::Stop => {
            t.local.started = false;
            t.local.stopped = true;
        }
        Hook::Remove => {
            t.local.removed = true;
            t.workload(WorkloadStatus::Terminated, "");
        }
        Hook::LeaderSettingsChanged => t.local.leader_settings = Some(remote.leader_settings),
        Hook::Relation(relation) => relation_done(t, relation),
        Hook::Secret(secret) => secret_done(t, remote, secret, moment),
        Hook::Storage(StorageHook { event: StorageEvent::Attached, storage }) => {
            t.local.storages.insert(storage.clone());
            // The unit's first storages come before its first hook.
            if !t.local.installed {
                t.local.op = queued(Hook::Install);
            }
        }
        Hook::Storage(StorageHook { event: StorageEvent::Detaching, storage }) => {
            t.local.storages.remove(storage);
            t.acts.push(Act::DetachStorage(storage.clone()));
        }
        Hook::LeaderElected | Hook::UpdateStatus | Hook::DeferredWake => {}
    }
}

fn arm(t: &mut Transition, moment: &Moment) {
    t.local.update_status_armed = moment.now;
    t.local.update_status_period = t.local.update_status_period.wrapping_add(1);
}

/// A tick of `update-status` that came while another hook ran is served by that hook (reference 1.12). A wake serves
/// none: the charm saw no event.
fn swallow_tick(t: &mut Transition, remote: &Remote, hook: &Hook, moment: &Moment) {
    let serves = hook.is_event() && *hook != Hook::UpdateStatus && t.local.started;
    if serves && timers::update_status_due(&t.local, remote, moment) <= moment.now {
        arm(t, moment);
    }
}

/// Remembers what the charm was told of a secret, and forgets what it was told of secrets it has nothing to do with.
fn secret_done(t: &mut Transition, remote: &Remote, hook: &SecretHook, moment: &Moment) {
    let told = &mut t.local.secrets;
    told.changed.retain(|id, _| remote.secrets_read.contains_key(id));
    told.expired.retain(|id, _| remote.secrets_owned.contains_key(id));
    told.rotated.retain(|id, _| remote.secrets_owned.contains_key(id));
    told.removed.retain(|id, _| remote.secrets_owned.contains_key(id));
    let id = hook.secret.clone();
    match hook.event {
        SecretEvent::Changed => drop(told.changed.insert(id, hook.revision)),
        SecretEvent::Expired => drop(told.expired.entry(id).or_default().insert(hook.revision, moment.now)),
        SecretEvent::Rotate => drop(told.rotated.insert(id, moment.now)),
        SecretEvent::Remove => drop(told.removed.entry(id).or_default().insert(hook.revision)),
    }
}

/// Reference 1.6, "Commit of …".
fn relation_done(t: &mut Transition, hook: &RelationHook) {
    if hook.event == RelationEvent::Broken {
        t.local.relations.remove(&hook.relation);
        t.acts.push(Act::LeaveScope(hook.relation));
        return;
    }
    let Some(ours) = t.local.relations.get_mut(&hook.relation) else { return };
    match (hook.event, &hook.remote_unit) {
        (RelationEvent::Created, _) => ours.created = true,
        (RelationEvent::Joined, Some(unit)) => {
            ours.members.insert(unit.clone(), hook.version.unwrap_or(0));
            ours.changed_pending = Some(unit.clone());
        }
        (RelationEvent::Changed, Some(unit)) => {
            if let (Some(told), Some(version)) = (ours.members.get_mut(unit), hook.version) {
                *told = version;
            }
            ours.changed_pending = None;
        }
        (RelationEvent::Changed, None) => {
            ours.apps.insert(hook.remote_app.clone(), hook.version.unwrap_or(0));
        }
        (RelationEvent::Departed, Some(unit)) => {
            ours.members.remove(unit);
        }
        (RelationEvent::Joined | RelationEvent::Departed, None) | (RelationEvent::Broken, _) => {}
    }
}

/// Says `idle` in the same transaction if nothing more seems to be due. When that is wrong, because of what the hook
/// itself changed, [`Step::ReportIdle`] says it later: the status never flaps between two hooks.
pub(super) fn report(t: &mut Transition, remote: &Remote, moment: &Moment, ended: Option<TaskId>) {
    if t.local.idle || t.local.op != Op::Continue {
        return;
    }
    let tasks = remote.tasks.iter().filter(|task| Some(task.id) != ended).cloned().collect();
    let remote = Remote { tasks, resolved: None, ..remote.clone() };
    if crate::next(&t.local, &remote, moment) == Step::ReportIdle {
        t.idle();
    }
}
