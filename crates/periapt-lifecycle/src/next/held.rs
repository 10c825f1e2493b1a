//! A hook that is remembered: queued, interrupted or failed (Juju 3.6: `nextOpHookError`; reference 1.5).

use periapt_model::hook::{Hook, SecretEvent, StorageEvent};
use periapt_model::local::{Failure, HookStep, Local};
use periapt_model::remote::{Remote, Resolve};
use periapt_model::status::Life;
use periapt_model::time::Moment;

use super::{seen_by, task};
use crate::step::{DeployKind, RestReason, Step};
use crate::timers;

pub(super) fn hook(local: &Local, remote: &Remote, moment: &Moment, hook: &Hook, step: &HookStep) -> Step {
    if let Some(reason) = obsolete(local, remote, moment, hook, step) {
        return Step::DropHook { hook: hook.clone(), reason };
    }
    let try_number = |attempt| Step::Hook { hook: hook.clone(), attempt, seen: seen_by(remote) };
    match step {
        HookStep::Queued => try_number(1),
        HookStep::Pending { since, interrupted, after, .. } => {
            let interrupted = interrupted.saturating_add(1);
            let until = timers::interrupted_until(&remote.unit, *since, interrupted);
            // A clock that was set back must not make the wait longer than it is meant to be.
            match until.filter(|at| *since <= moment.now && moment.now < *at) {
                Some(_) => Step::Rest { until, why: RestReason::HookInterrupted { hook: hook.clone() } },
                None => {
                    let before = after.as_ref().map_or(0, tries);
                    try_number(before.saturating_add(interrupted).saturating_add(1))
                }
            }
        }
        HookStep::Failed(failure) => failed(local, remote, moment, hook, failure),
    }
}

/// How many times the hook has been tried up to this failure.
pub(crate) fn tries(failure: &Failure) -> u32 {
    failure.attempts.saturating_add(failure.interrupted)
}

fn failed(local: &Local, remote: &Remote, moment: &Moment, hook: &Hook, failure: &Failure) -> Step {
    if let Some(task) = task(remote) {
        return task;
    }
    let forced = remote.charm_forced && local.charm.as_ref() != Some(&remote.charm);
    let deploy_waits = deploy_waits(local, remote, moment).filter(|_| forced);
    if forced && deploy_waits.is_none() {
        return Step::Deploy { charm: remote.charm.clone(), kind: DeployKind::ForcedUpgrade };
    }
    let retry_at = retry_at(remote, failure);
    let retry = match remote.resolved {
        Some(Resolve::NoRetry) => return Step::SkipHook { hook: hook.clone() },
        Some(Resolve::Retry) => true,
        // A clock that was set back must not make the wait longer than it is meant to be.
        None => retry_at.is_some_and(|at| at <= moment.now || moment.now < failure.at),
    };
    if retry {
        return Step::Hook {
            hook: hook.clone(),
            attempt: tries(failure).saturating_add(1),
            seen: seen_by(remote),
        };
    }
    let until = retry_at.into_iter().chain(deploy_waits.and_then(|failure| failure.retry_at)).min();
    Step::Rest { until, why: RestReason::HookFailed { hook: hook.clone(), attempts: failure.attempts } }
}

/// Why the files that the application wants are not tried again just now.
pub(super) fn deploy_waits<'a>(local: &'a Local, remote: &Remote, moment: &Moment) -> Option<&'a Failure> {
    let failed = local.deploy_failed.as_ref().filter(|failed| failed.charm == remote.charm)?;
    let failure = &failed.failure;
    let waits = failure.retry_at.is_some_and(|at| failure.at <= moment.now && moment.now < at);
    waits.then_some(failure)
}

/// When the hook is tried again by itself: `automatically-retry-hooks` counts as it is now, not as it was then.
pub(crate) fn retry_at(remote: &Remote, failure: &Failure) -> Option<periapt_model::time::Timestamp> {
    remote.retry_hooks.then(|| {
        failure.retry_at.unwrap_or_else(|| failure.at + timers::retry_delay(&remote.unit, failure.attempts))
    })
}

/// Why a remembered hook should not run any more. A hook whose subject is gone would otherwise keep a unit in error that
/// nothing can bring out of it.
fn obsolete(local: &Local, remote: &Remote, moment: &Moment, hook: &Hook, step: &HookStep) -> Option<String> {
    let asked = timers::asked_is_due(local, moment.now);
    match hook {
        Hook::Relation(relation) if !remote.relations.contains_key(&relation.relation) => {
            Some(format!("relation {}:{} is gone", relation.endpoint, relation.relation))
        }
        Hook::Secret(secret) if remote.life != Life::Alive => {
            Some(format!("the unit is going away, and {} with it", secret.secret))
        }
        Hook::Secret(secret) if secret.event == SecretEvent::Changed => {
            let gone = remote.secrets_read.get(&secret.secret).is_none_or(|read| !read.readable);
            gone.then(|| format!("secret {} is gone or not readable any more", secret.secret))
        }
        Hook::Secret(secret) => {
            let gone = !remote.secrets_owned.contains_key(&secret.secret);
            gone.then(|| format!("secret {} is gone or not the unit's to manage any more", secret.secret))
        }
        Hook::Storage(storage) => {
            let id = &storage.storage;
            let Some(life) = remote.storages.get(id) else { return Some(format!("storage {id} is gone")) };
            match (storage.event, *life == Life::Alive) {
                _ if remote.life != Life::Alive => None,
                // It goes without ever having been there for the charm.
                (StorageEvent::Attached, false) => Some(format!("storage {id} is to be detached")),
                (StorageEvent::Detaching, true) => Some(format!("storage {id} was attached again")),
                _ => None,
            }
        }
        Hook::LeaderElected if !(local.leader && remote.leader) => {
            Some("the unit does not lead any more".to_owned())
        }
        // A wake is our own doing: it gives way to everything that it would hold up.
        Hook::DeferredWake if remote.life != Life::Alive => Some("the unit is going away".to_owned()),
        // An action may have served the wake meanwhile.
        Hook::DeferredWake if local.deferred.events.is_empty() && !asked => {
            Some("nothing is deferred any more".to_owned())
        }
        Hook::DeferredWake
            if matches!(step, HookStep::Failed(_)) && remote.deferred_wake.is_none() && !asked =>
        {
            Some("deferred-wake is off".to_owned())
        }
        Hook::DeferredWake
            if matches!(step, HookStep::Failed(_)) && local.charm.as_ref() != Some(&remote.charm) =>
        {
            Some("a new charm is there".to_owned())
        }
        _ => None,
    }
}
