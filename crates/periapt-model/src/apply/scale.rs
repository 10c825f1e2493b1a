//! Units and applications come and go; units in error go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::command::{Answer, Refusal};
use crate::entity::{Machine, Unit};
use crate::local::{HookStep, Op};
use crate::model::{Draft, Model, Record};
use crate::names::{AppName, MachineId, RelationId, StorageId, UnitName};
use crate::remote::Resolve;
use crate::status::{AgentStatus, Life, Status, WorkloadStatus};
use crate::time::Timestamp;

use super::deploy::MOST_UNITS;
use super::{cross_model, find_app, find_living_app, find_unit, machines, removal, storage};

pub(super) fn add_units(
    draft: &mut Draft,
    app: &AppName,
    count: u32,
    placement: &[String],
    attach: &[StorageId],
    now: Timestamp,
) -> Result<Answer, Refusal> {
    check_principal(&draft.model, app)?;
    check_count(count)?;
    let places = machines::placed(&draft.model, count, placement)?;
    Ok(Answer::Units(add_placed(draft, app, &places, attach, now)?))
}

/// A unit for each place: on that machine, which is there, or on a new one of its own.
pub(super) fn add_placed(
    draft: &mut Draft,
    app: &AppName,
    places: &[Option<MachineId>],
    attach: &[StorageId],
    now: Timestamp,
) -> Result<Vec<UnitName>, Refusal> {
    check_principal(&draft.model, app)?;
    let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
    if let Some(charm) = draft.model.charm_of(app) {
        let given = draft.model.applications.get(app).map(|app| app.storage.clone()).unwrap_or_default();
        storage::check_amount(&charm.meta, &given, count)?;
        storage::check_attach(&draft.model, &charm.meta, attach, places.len())?;
    }
    Ok(make_units(draft, app, places, attach, now))
}

/// Only a principal gets units by itself.
pub(super) fn check_principal(model: &Model, app: &AppName) -> Result<(), Refusal> {
    find_living_app(model, app)?;
    if model.is_subordinate(app) {
        return Err(Refusal::invalid(format!("cannot add units: {app:?} is a subordinate application"))
            .hint("units of a subordinate come with the units of the application it is integrated with"));
    }
    Ok(())
}

pub(super) fn check_count(count: u32) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::invalid(format!("cannot add 0 units: ask for 1 to {MOST_UNITS}"))),
        1..=MOST_UNITS => Ok(()),
        _ => Err(Refusal::invalid(format!("cannot add {count} units: ask for 1 to {MOST_UNITS}"))),
    }
}

/// A unit for each place: on that machine, or on a new one of its own. They start with the storages to attach.
pub(super) fn make_units(
    draft: &mut Draft,
    app: &AppName,
    places: &[Option<MachineId>],
    attach: &[StorageId],
    now: Timestamp,
) -> Vec<UnitName> {
    let make = |place: &Option<MachineId>| {
        let machine = place.unwrap_or_else(|| machines::make_for(draft, app, now));
        make_unit(draft, app, machine, None, attach, now)
    };
    places.iter().map(make).collect()
}

/// The application's next unit, on a machine that is there.
fn make_unit(
    draft: &mut Draft,
    app: &AppName,
    machine: MachineId,
    principal: Option<UnitName>,
    attach: &[StorageId],
    now: Timestamp,
) -> UnitName {
    let number = draft.model.applications.get(app).map_or(0, |a| a.next_unit);
    draft.application(app, |a| a.next_unit = number + 1);
    let name = UnitName::new(app.clone(), number);
    draft.put(Record::Unit(Arc::new(Unit {
        name: name.clone(),
        life: Life::Alive,
        machine,
        principal,
        charm: None,
        resolved: None,
        workload: Status::new(WorkloadStatus::Waiting, "agent initialising", now),
        agent: Status::new(AgentStatus::Allocating, "", now),
        workload_version: None,
        ports: Default::default(),
        payloads: Default::default(),
    })));
    storage::attach_initial(draft, &name, attach, now);
    storage::make_initial(draft, &name, now);
    name
}

/// A principal has entered a relation of container scope: the other side's subordinate comes to its machine, unless the
/// unit has it from another relation (Juju 3.6: `subordinateOps`).
pub(crate) fn make_subordinate(draft: &mut Draft, principal: &UnitName, id: RelationId, now: Timestamp) {
    let model = &draft.model;
    let (Some(relation), Some(unit)) = (model.relations.get(&id), model.units.get(principal)) else { return };
    let Some(other) = relation.other_end(principal.app()).filter(|_| relation.is_container()) else { return };
    let (app, machine) = (other.app.clone(), unit.machine);
    // One that is going away by now decided on an older picture.
    let comes = unit.life == Life::Alive
        && unit.principal.is_none()
        && model.is_subordinate(&app)
        && !model.is_subordinate(principal.app())
        && !model.subordinates_of(principal).any(|name| name.app() == &app);
    if comes {
        make_unit(draft, &app, machine, Some(principal.clone()), &[], now);
    }
}

/// The machine's own address; where the numbers have gone round and somebody still has it, the next that is free.
pub(super) fn free_address(model: &Model, id: MachineId) -> String {
    let address = |number: u32| Machine::loopback_address(model.info.network, MachineId(number));
    if id.0 < Machine::ADDRESSES {
        return address(id.0);
    }
    let taken: BTreeSet<&str> = model.machines.values().map(|m| m.address.as_str()).collect();
    let mut candidates = (0..Machine::ADDRESSES).map(|step| address(id.0.wrapping_add(step)));
    candidates.find(|a| !taken.contains(a.as_str())).unwrap_or_else(|| address(id.0))
}

pub(super) fn remove_units(
    draft: &mut Draft,
    units: &[UnitName],
    force: bool,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    for unit in units {
        if find_unit(&draft.model, unit)?.principal.is_some() {
            return Err(Refusal::conflict(format!(
                "unit \"{unit}\" is a subordinate, to remove use remove-relation. Note: this will remove all units of \"{}\"",
                unit.app()
            )));
        }
    }
    for unit in units {
        removal::destroy_unit(draft, unit, force, now);
    }
    Ok(Answer::Units(units.to_vec()))
}

pub(super) fn remove_application(
    draft: &mut Draft,
    app: &AppName,
    force: bool,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let found = find_app(&draft.model, app)?.clone();
    cross_model::application_goes(draft, app, force, now)?;
    let units: Vec<UnitName> = draft.model.units_of(app).map(|u| u.name.clone()).collect();
    // What the first force leaves is the hooks of others.
    let waits_for_others = found.life != Life::Alive && (found.forced_removal || units.is_empty());
    draft.application(app, |a| {
        a.life = Life::Dying;
        a.forced_removal |= force;
    });
    let relations: Vec<(RelationId, bool)> = draft
        .model
        .relations_of(app)
        .filter(|relation| !relation.is_peer())
        .map(|relation| (relation.id, draft.model.remote_app_of(relation).is_some()))
        .collect();
    for (id, links) in relations {
        // Within the model the other side sees our units leave and its relation end, by its hooks (Juju 3.6). A half of a
        // relation between models goes at once: the other half tells its side.
        removal::destroy_relation(draft, id, force && (links || waits_for_others), now);
    }
    for unit in &units {
        removal::destroy_unit(draft, unit, force, now);
    }
    removal::remove_application_if_done(draft, app);
    Ok(Answer::Units(units))
}

pub(super) fn destroy_model(draft: &mut Draft, force: bool, now: Timestamp) -> Result<Answer, Refusal> {
    draft.info(|info| info.life = Life::Dying);
    cross_model::model_goes(draft, force, now)?;
    let machines: Vec<MachineId> = draft.model.machines.keys().copied().collect();
    for id in machines {
        draft.machine(id, |machine| machine.kept = false);
        removal::release_machine(draft, id, now);
    }
    let apps: Vec<AppName> = draft.model.applications.keys().cloned().collect();
    for app in apps {
        // An earlier one's removal may have taken this one along.
        if draft.model.applications.contains_key(&app) {
            remove_application(draft, &app, force, now)?;
        }
    }
    Ok(Answer::Done)
}

/// Whether the unit's hook has failed and waits.
fn in_error(model: &Model, unit: &UnitName) -> bool {
    model
        .agents
        .get(unit)
        .is_some_and(|agent| matches!(agent.local.op, Op::Hook { step: HookStep::Failed(_), .. }))
}

pub(super) fn resolve(
    draft: &mut Draft,
    units: Vec<UnitName>,
    all: bool,
    how: Resolve,
) -> Result<Answer, Refusal> {
    let units = if all {
        draft.model.units.keys().filter(|u| in_error(&draft.model, u)).cloned().collect()
    } else {
        units
    };
    for unit in &units {
        find_unit(&draft.model, unit)?;
        if !in_error(&draft.model, unit) {
            return Err(Refusal::conflict(format!("unit \"{unit}\" is not in an error state")));
        }
    }
    for unit in &units {
        draft.unit(unit, |u| u.resolved = Some(how));
    }
    Ok(Answer::Units(units))
}
