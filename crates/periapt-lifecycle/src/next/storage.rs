//! Storages: which is attached or detached next (Juju 3.6: `uniter/storage/resolver.go`; reference 1.9). A comparison of
//! what is with what the unit was told, never a queue.

use periapt_model::hook::{Hook, StorageEvent, StorageHook};
use periapt_model::local::Local;
use periapt_model::names::StorageId;
use periapt_model::remote::Remote;
use periapt_model::status::Life;

use super::run;
use crate::step::Step;

fn hook(event: StorageEvent, id: &StorageId, remote: &Remote) -> Step {
    run(Hook::Storage(StorageHook { event, storage: id.clone() }), remote)
}

/// What a living unit does about its storages.
pub(super) fn next_hook(local: &Local, remote: &Remote) -> Option<Step> {
    forget(local, remote).or_else(|| detaching(local, remote)).or_else(|| attached(local, remote))
}

/// Before `install`: there is nothing yet that a charm could let go of (reference 2.2).
pub(super) fn before_install(local: &Local, remote: &Remote) -> Option<Step> {
    forget(local, remote).or_else(|| attached(local, remote))
}

/// A storage that goes without a hook: taken away by force, or before its `attached` ran.
fn forget(local: &Local, remote: &Remote) -> Option<Step> {
    let taken = local.storages.iter().find(|id| !remote.storages.contains_key(id));
    let unseen = |(id, life): (&StorageId, &Life)| *life != Life::Alive && !local.storages.contains(id);
    let never = || remote.storages.iter().find(|(id, life)| unseen((id, life))).map(|(id, _)| id);
    taken.or_else(never).cloned().map(Step::ForgetStorage)
}

/// A storage that the charm has not seen yet.
fn attached(local: &Local, remote: &Remote) -> Option<Step> {
    let mut alive = remote.storages.iter().filter(|(_, life)| **life == Life::Alive);
    let (new, _) = alive.find(|(id, _)| !local.storages.contains(id))?;
    Some(hook(StorageEvent::Attached, new, remote))
}

/// A storage that somebody wants back, once the unit has started.
fn detaching(local: &Local, remote: &Remote) -> Option<Step> {
    let mut wanted = remote.storages.iter().filter(|(_, life)| **life != Life::Alive);
    let (old, _) = wanted.find(|(id, _)| local.started && local.storages.contains(id))?;
    Some(hook(StorageEvent::Detaching, old, remote))
}

/// A storage that a dying unit still has. One whose `attached` never ran goes with the unit.
pub(super) fn teardown(local: &Local, remote: &Remote) -> Option<Step> {
    let taken = local.storages.iter().find(|id| !remote.storages.contains_key(id));
    if let Some(taken) = taken {
        return Some(Step::ForgetStorage(taken.clone()));
    }
    let old = remote.storages.keys().find(|id| local.storages.contains(id))?;
    Some(hook(StorageEvent::Detaching, old, remote))
}
