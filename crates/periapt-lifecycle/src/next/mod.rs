//! The resolver: what the agent of one unit does next (Juju 3.6: `uniter/resolver.go`; reference 1.4).

mod held;
mod relations;
mod secrets;
mod storage;

pub(crate) use held::{retry_at, tries};
pub(crate) use relations::waits_to_enter;

use periapt_model::hook::Hook;
use periapt_model::local::{HookStep, Local, Op, SeenInputs};
use periapt_model::remote::Remote;
use periapt_model::status::Life;
use periapt_model::time::Moment;

use crate::step::{DeployKind, RestReason, Step};
use crate::timers;

/// What the agent that remembers `local` and sees `remote` does next. Equal inputs give equal steps (I7).
///
/// `local` is what the unit's last commit stored and `remote` a picture at least as new as that commit. It is called
/// between steps only: a hook or task that `local` says is running was interrupted.
pub fn next(local: &Local, remote: &Remote, moment: &Moment) -> Step {
    if moment.stopping {
        return Step::Rest { until: None, why: RestReason::Stopping };
    }
    if remote.life == Life::Dead {
        return Step::Rest { until: None, why: RestReason::Gone };
    }
    if let Some(task) = local.task {
        return Step::FailInterruptedTask(task);
    }
    let dying = remote.life != Life::Alive;
    if local.removed || (dying && !local.installed) {
        return match remote.subordinates.is_empty() {
            true => Step::Dead,
            false => Step::Rest { until: None, why: relations::subordinates_left(remote) },
        };
    }
    // Leadership is asked for in every state, a failed hook included: the lease and the hook are separate (reference 1.7).
    if !dying && !remote.leadership_known {
        return Step::ClaimLeadership;
    }
    if local.leader && (dying || !remote.leader) {
        return Step::ResignLeadership;
    }
    match &local.op {
        // The storages that a unit starts with are there before anything else (E2).
        Op::Hook { hook: Hook::Install, step: HookStep::Queued, .. }
            if !dying && storage::before_install(local, remote).is_some() =>
        {
            living_unit(local, remote, moment)
        }
        Op::Hook { hook, step, .. } => held::hook(local, remote, moment, hook, step),
        // Files that cannot be put in place do not keep a unit from going away.
        Op::Deploy { interrupted: None, .. } if dying && local.deploy_failed.is_some() => {
            dying_unit(local, remote, moment)
        }
        Op::Deploy { interrupted, .. } => {
            if let Some(failed) = held::deploy_waits(local, remote, moment) {
                let why = RestReason::DeployFailed { reason: failed.reason.clone() };
                return Step::Rest { until: failed.retry_at, why };
            }
            // The files that the application wants now: those of an interrupted deploy may not exist any more.
            let kind = match (&local.charm, interrupted) {
                (_, Some(_)) => DeployKind::ForcedUpgrade,
                (None, None) => DeployKind::Install,
                (Some(_), None) => DeployKind::Upgrade,
            };
            Step::Deploy { charm: remote.charm.clone(), kind }
        }
        Op::Continue if dying => dying_unit(local, remote, moment),
        Op::Continue => living_unit(local, remote, moment),
    }
}

/// Runs `hook` for the first time.
fn run(hook: Hook, remote: &Remote) -> Step {
    Step::Hook { hook, attempt: 1, seen: seen_by(remote) }
}

/// The inputs as they are at the decision: a change while the hook runs causes another one (reference 1.12).
fn seen_by(remote: &Remote) -> SeenInputs {
    remote.inputs
}

/// The oldest task. Actions run between hooks, never before `install` (E4), and while any hook is in error: `install` and
/// what comes before it as well, for its failure to be looked into (Juju 3.6: `actions/resolver.go`; reference 1.4).
fn task(remote: &Remote) -> Option<Step> {
    let first = remote.tasks.first()?;
    Some(if first.cancelled { Step::CancelTask(first.id) } else { Step::Task(first.id) })
}

/// The boot identity differs from the one at the last `start`.
fn rebooted(local: &Local, moment: &Moment) -> bool {
    matches!((&local.boot, &moment.boot), (Some(then), Some(now)) if then != now)
}

fn living_unit(local: &Local, remote: &Remote, moment: &Moment) -> Step {
    if local.started && rebooted(local, moment) {
        return run(Hook::Start, remote);
    }
    if !local.installed {
        return match &local.charm {
            None => Step::Deploy { charm: remote.charm.clone(), kind: DeployKind::Install },
            Some(_) => storage::before_install(local, remote).unwrap_or_else(|| run(Hook::Install, remote)),
        };
    }
    relations::forget(local, remote)
        .or_else(|| relations::enter(local, remote))
        .or_else(|| relations::created(local, remote))
        .or_else(|| leadership(local, remote))
        .or_else(|| secrets::next_hook(local, remote, moment))
        .or_else(|| task(remote))
        .or_else(|| storage::next_hook(local, remote))
        .or_else(|| upgrade(local, remote))
        .or_else(|| (local.seen != Some(remote.inputs)).then(|| run(Hook::ConfigChanged, remote)))
        .or_else(|| relations::next_hook(local, remote))
        .unwrap_or_else(|| at_rest(local, remote, moment))
}

fn leadership(local: &Local, remote: &Remote) -> Option<Step> {
    match (remote.leader, local.leader) {
        (true, false) => Some(Step::AcceptLeadership),
        (true, true) => None,
        // A leader that lost its place has resigned before this is asked.
        (false, _) => (local.leader_settings != Some(remote.leader_settings))
            .then(|| run(Hook::LeaderSettingsChanged, remote)),
    }
}

/// New charm files wait until `start` has run, so that setup is never mixed with an upgrade (reference 2.2).
fn upgrade(local: &Local, remote: &Remote) -> Option<Step> {
    let differs = local.started && local.charm.as_ref() != Some(&remote.charm);
    differs.then(|| Step::Deploy { charm: remote.charm.clone(), kind: DeployKind::Upgrade })
}

/// Nothing is due but perhaps a timer.
fn at_rest(local: &Local, remote: &Remote, moment: &Moment) -> Step {
    let tick = local.started.then(|| timers::update_status_due(local, remote, moment));
    if tick.is_some_and(|at| at <= moment.now) {
        // It re-emits what is deferred as well: a wake that is due at the same time is served by it.
        return run(Hook::UpdateStatus, remote);
    }
    let wake = timers::wake_due(local, remote);
    if timers::wake_is_due(local, remote, moment.now) {
        return run(Hook::DeferredWake, remote);
    }
    if !local.idle {
        return Step::ReportIdle;
    }
    let why = match local.deferred.events.len() {
        0 => match relations::waits_to_enter(local, remote) {
            left if left.is_empty() => RestReason::Settled,
            left => RestReason::Subordinates { left },
        },
        events => RestReason::Deferred { events },
    };
    let secrets = timers::secrets_due(local, remote);
    Step::Rest { until: tick.into_iter().chain(wake).chain(secrets).min(), why }
}

/// Reference 1.14: `detaching` of each storage, departed and broken of each relation, `stop`, `remove`, and the end; tasks in between.
fn dying_unit(local: &Local, remote: &Remote, _: &Moment) -> Step {
    if !local.dying {
        return Step::BeginTeardown;
    }
    relations::forget(local, remote)
        .or_else(|| task(remote))
        .or_else(|| storage::teardown(local, remote))
        .or_else(|| relations::next_hook(local, remote))
        .unwrap_or_else(|| run(if local.started { Hook::Stop } else { Hook::Remove }, remote))
}
