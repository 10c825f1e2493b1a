//! How things leave the model: each takes with it what depends on it, and the last one out removes what it left.

use crate::entity::Relation;
use crate::model::{Draft, Key};
use crate::names::{AppName, CharmId, MachineId, RelationId, UnitName};
use crate::secrets::removal as secrets;
use crate::status::Life;
use crate::time::Timestamp;

use super::{machine_tasks, storage, tasks};

/// The unit leaves a relation. Its databag stays readable as long as the relation lives.
pub(crate) fn leave_scope(draft: &mut Draft, unit: &UnitName, id: RelationId) {
    if draft.model.member(id, unit).is_some_and(|m| m.in_scope) {
        draft.member(id, unit, |member| member.in_scope = false);
    }
    remove_relation_if_done(draft, id);
}

/// The unit goes away. Juju's `destroyOps`: one whose agent never reported goes at once, without hooks, and by force any
/// does. Its subordinates go with it.
pub(super) fn destroy_unit(draft: &mut Draft, unit: &UnitName, force: bool, now: Timestamp) {
    if force || !draft.model.agents.contains_key(unit) {
        remove_unit(draft, unit, now);
        return;
    }
    draft.unit(unit, |u| {
        if u.life == Life::Alive {
            u.life = Life::Dying;
        }
    });
    let subordinates: Vec<UnitName> = draft.model.subordinates_of(unit).cloned().collect();
    for subordinate in &subordinates {
        destroy_unit(draft, subordinate, false, now);
    }
}

/// The unit is gone, with its machine, its memory and any subordinates. Others see it leave every relation it was in.
pub(crate) fn remove_unit(draft: &mut Draft, unit: &UnitName, now: Timestamp) {
    let subordinates: Vec<UnitName> = draft.model.subordinates_of(unit).cloned().collect();
    for subordinate in &subordinates {
        remove_unit(draft, subordinate, now);
    }
    let Some(found) = draft.model.units.get(unit).cloned() else { return };
    let relations: Vec<RelationId> = draft.model.relations_of(unit.app()).map(|r| r.id).collect();
    for id in relations {
        leave_scope(draft, unit, id);
    }
    tasks::close(draft, &unit.clone().into(), &format!("unit {unit} was removed"), now);
    if draft.model.is_leader(unit) {
        draft.delete(Key::Leadership(unit.app().clone()));
    }
    secrets::unit_gone(draft, unit);
    storage::unit_gone(draft, unit, now);
    draft.delete(Key::Unit(unit.clone()));
    draft.delete(Key::Agent(unit.clone()));
    draft.delete(Key::CharmState(unit.clone()));
    release_machine(draft, found.machine, now);
    if let Some(charm) = &found.charm {
        remove_charm_if_unused(draft, &charm.id);
    }
    remove_application_if_done(draft, unit.app());
}

/// A machine goes with its last unit, unless it was added by hand.
pub(crate) fn release_machine(draft: &mut Draft, id: MachineId, now: Timestamp) {
    let Some(machine) = draft.model.machines.get(&id) else { return };
    if !machine.kept && !draft.model.units.values().any(|unit| unit.machine == id) {
        machine_tasks::machine_gone(draft, id, now);
        draft.delete(Key::Machine(id));
    }
}

/// A charm goes with the last application that wants it and the last unit that has its files.
pub(crate) fn remove_charm_if_unused(draft: &mut Draft, id: &CharmId) {
    let model = &draft.model;
    let used = !model.charms.contains_key(id)
        || model.applications.values().any(|a| a.charm.id == *id)
        || model.units.values().any(|u| u.charm.as_ref().is_some_and(|c| c.id == *id));
    if !used {
        draft.delete(Key::Charm(id.clone()));
    }
}

/// Starts a relation's end: at once when nobody is in it. The subordinates that it held to their principals go away with
/// it, and run their hooks even if it is removed by force.
pub(super) fn destroy_relation(draft: &mut Draft, id: RelationId, force: bool, now: Timestamp) {
    let Some(relation) = draft.model.relations.get(&id).cloned() else { return };
    if force {
        remove_relation(draft, id);
    } else {
        draft.relation(id, |r| r.life = Life::Dying);
        remove_relation_if_done(draft, id);
    }
    if relation.is_container() {
        release_subordinates(draft, &relation, now);
    }
}

/// A subordinate goes away when no living relation is left between its application and its principal's (Juju 3.6: the
/// subordinate's own agent decides this, `worker/uniter/relation/statetracker.go`; here the model does, in one change).
fn release_subordinates(draft: &mut Draft, relation: &Relation, now: Timestamp) {
    for own in &relation.ends {
        let Some(other) = relation.other_end(&own.app).map(|end| &end.app) else { continue };
        let holds = |r: &Relation| {
            r.life == Life::Alive
                && r.is_container()
                && r.other_end(&own.app).is_some_and(|end| &end.app == other)
        };
        if draft.model.relations_of(&own.app).any(|r| holds(r)) {
            continue;
        }
        let of_other = |principal: &UnitName| principal.app() == other;
        let units = draft.model.units_of(&own.app).filter(|u| u.principal.as_ref().is_some_and(of_other));
        let units: Vec<UnitName> = units.map(|u| u.name.clone()).collect();
        for unit in &units {
            destroy_unit(draft, unit, false, now);
        }
    }
}

pub(super) fn remove_relation_if_done(draft: &mut Draft, id: RelationId) {
    let dying = draft.model.relations.get(&id).is_some_and(|r| r.life != Life::Alive);
    let empty = draft.model.relation_data.get(&id).is_none_or(|d| d.members.values().all(|m| !m.in_scope));
    if dying && empty {
        remove_relation(draft, id);
    }
}

/// The relation and its databags are gone; an application that only waited for it is gone too.
fn remove_relation(draft: &mut Draft, id: RelationId) {
    let Some(relation) = draft.model.relations.get(&id).cloned() else { return };
    if let Some(data) = draft.model.relation_data.get(&id).cloned() {
        for unit in data.members.keys() {
            draft.delete(Key::Member(id, unit.clone()));
        }
        for app in data.apps.keys() {
            draft.delete(Key::AppBag(id, app.clone()));
        }
    }
    secrets::relation_gone(draft, id);
    draft.delete(Key::Relation(id));
    for end in &relation.ends {
        super::cross_model::remove_remote_app_if_done(draft, &end.app);
        remove_application_if_done(draft, &end.app);
    }
}

/// A dying application without units and relations is gone, with its peer relations.
pub(super) fn remove_application_if_done(draft: &mut Draft, app: &AppName) {
    let Some(found) = draft.model.applications.get(app).cloned() else { return };
    let waits = found.life == Life::Alive
        || draft.model.units_of(app).next().is_some()
        || draft.model.relations_of(app).any(|r| !r.is_peer());
    if waits {
        return;
    }
    // Taken out first: the removal of its peer relations comes back to here.
    draft.delete(Key::Application(app.clone()));
    let peers: Vec<RelationId> = draft.model.relations_of(app).map(|r| r.id).collect();
    for id in peers {
        remove_relation(draft, id);
    }
    secrets::application_gone(draft, app);
    draft.delete(Key::Leadership(app.clone()));
    draft.delete(Key::LeaderSettings(app.clone()));
    let counter = found.next_unit;
    draft.info(|info| {
        info.unit_counters.insert(app.clone(), counter);
    });
    remove_charm_if_unused(draft, &found.charm.id);
}
