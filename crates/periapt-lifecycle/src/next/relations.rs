//! Relations: who is due which hook (Juju 3.6: `uniter/relation/{resolver,state,statetracker}.go`; reference 1.6).
//! Relations take their turns by id, so that the order is always the same; Juju's is arbitrary.

use std::collections::BTreeSet;

use periapt_model::hook::{Hook, RelationEvent, RelationHook};
use periapt_model::local::{Local, LocalRelation};
use periapt_model::names::{AppName, RelationId, UnitName};
use periapt_model::remote::{Remote, RemoteRelation};
use periapt_model::status::Life;

use super::run;
use crate::step::{RestReason, Step};

/// Whether a relation is coming to its end for this unit: its other side counts as empty then.
pub(crate) fn is_breaking(remote: &Remote, relation: &RemoteRelation) -> bool {
    remote.life != Life::Alive || relation.life != Life::Alive || relation.suspended
}

/// A relation that ends without a hook.
pub(super) fn forget(local: &Local, remote: &Remote) -> Option<Step> {
    let over = |(id, ours): (&RelationId, &LocalRelation)| {
        let forgotten = match remote.relations.get(id) {
            None => true,
            Some(theirs) if !is_breaking(remote, theirs) => false,
            Some(_) if !ours.created => true,
            // A peer relation is never broken. One that ends before its unit, which a refresh may do, goes silently; a
            // dying unit leaves its peer relations with its end.
            Some(_) => {
                ours.peer
                    && remote.life == Life::Alive
                    && ours.members.is_empty()
                    && ours.changed_pending.is_none()
            }
        };
        forgotten.then_some(*id)
    };
    local.relations.iter().find_map(over).map(Step::ForgetRelation)
}

/// A relation that is new to us.
pub(super) fn enter(local: &Local, remote: &Remote) -> Option<Step> {
    remote
        .relations
        .iter()
        .find(|(id, theirs)| !theirs.closed && may_enter(local, remote, **id, theirs))
        .map(|(id, _)| Step::EnterScope(*id))
}

fn may_enter(local: &Local, remote: &Remote, id: RelationId, theirs: &RemoteRelation) -> bool {
    theirs.implemented && !local.relations.contains_key(&id) && !is_breaking(remote, theirs)
}

/// The subordinates of earlier relations that must be gone before the unit enters those that wait for that.
pub(crate) fn waits_to_enter(local: &Local, remote: &Remote) -> Vec<UnitName> {
    let closed = remote
        .relations
        .iter()
        .filter(|(id, theirs)| theirs.closed && may_enter(local, remote, **id, theirs));
    let apps: BTreeSet<&AppName> = closed.map(|(_, theirs)| &theirs.remote_app).collect();
    remote.subordinates.iter().filter(|unit| apps.contains(unit.app())).cloned().collect()
}

/// Nothing wakes the unit but the end of its subordinates, and that does so for certain.
pub(super) fn subordinates_left(remote: &Remote) -> RestReason {
    RestReason::Subordinates { left: remote.subordinates.iter().cloned().collect() }
}

/// A relation whose `relation-created` is due.
pub(super) fn created(local: &Local, remote: &Remote) -> Option<Step> {
    let due = |(id, ours): (&RelationId, &LocalRelation)| {
        let theirs = remote.relations.get(id)?;
        let due = !ours.created && !ours.implicit && !is_breaking(remote, theirs);
        due.then(|| run(Hook::Relation(hook(RelationEvent::Created, *id, ours)), remote))
    };
    local.relations.iter().find_map(due)
}

/// The next joined, changed, departed or broken.
pub(super) fn next_hook(local: &Local, remote: &Remote) -> Option<Step> {
    let due = |(id, ours): (&RelationId, &LocalRelation)| {
        let theirs = remote.relations.get(id).filter(|_| ours.created && !ours.implicit)?;
        next_in(remote, *id, ours, theirs)
    };
    local.relations.iter().find_map(due).map(|hook| run(Hook::Relation(hook), remote))
}

fn hook(event: RelationEvent, relation: RelationId, ours: &LocalRelation) -> RelationHook {
    RelationHook {
        event,
        relation,
        endpoint: ours.endpoint.clone(),
        remote_app: ours.remote_app.clone(),
        remote_unit: None,
        departing: None,
        version: None,
    }
}

/// The order within one relation is the reference's, rule by rule.
fn next_in(
    remote: &Remote,
    id: RelationId,
    ours: &LocalRelation,
    theirs: &RemoteRelation,
) -> Option<RelationHook> {
    let unit_hook = |event, unit: &UnitName, version| RelationHook {
        remote_unit: Some(unit.clone()),
        version,
        ..hook(event, id, ours)
    };
    // 1: the change that belongs to a join, even if that unit is gone already.
    if let Some(unit) = &ours.changed_pending {
        let version = theirs.members.get(unit).or_else(|| ours.members.get(unit)).copied();
        return Some(unit_hook(RelationEvent::Changed, unit, version));
    }
    let breaking = is_breaking(remote, theirs);
    // 2: who is not there any more; everybody when we are leaving.
    if let Some(unit) = ours.members.keys().find(|unit| breaking || !theirs.members.contains_key(*unit)) {
        let departing = if remote.life == Life::Alive { unit } else { &remote.unit };
        return Some(RelationHook {
            departing: Some(departing.clone()),
            ..unit_hook(RelationEvent::Departed, unit, None)
        });
    }
    // 3: the end.
    if breaking {
        return (!ours.peer).then(|| hook(RelationEvent::Broken, id, ours));
    }
    // 4: application databags. One that was never written has no version here and gives no event.
    if let Some((app, version)) =
        theirs.apps.iter().find(|(app, version)| ours.apps.get(*app).copied().unwrap_or(0) != **version)
    {
        return Some(RelationHook {
            remote_app: app.clone(),
            version: Some(*version),
            ..hook(RelationEvent::Changed, id, ours)
        });
    }
    // 5: who is new.
    if let Some((unit, version)) = theirs.members.iter().find(|(unit, _)| !ours.members.contains_key(*unit)) {
        return Some(unit_hook(RelationEvent::Joined, unit, Some(*version)));
    }
    // 6: whose databag changed.
    let (unit, version) =
        theirs.members.iter().find(|(unit, version)| ours.members.get(*unit) != Some(version))?;
    Some(unit_hook(RelationEvent::Changed, unit, Some(*version)))
}
