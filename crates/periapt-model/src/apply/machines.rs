//! Machines come and go by hand, units are placed on them, and constraints are set (reference 7.1, 7.5).

use std::str::FromStr;
use std::sync::Arc;

use crate::command::{Answer, Refusal};
use crate::constraints::Constraints;
use crate::entity::Machine;
use crate::model::{Draft, Model, Record};
use crate::names::{AppName, MachineId, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

use super::scale::free_address;
use super::{find_living_app, removal};

/// How many machines one command may ask for.
const MOST_MACHINES: u32 = 1_000;

/// Constraints as typed, or the refusal that names the wrong one.
pub(super) fn read_constraints(text: &str) -> Result<Constraints, Refusal> {
    Constraints::from_str(text).map_err(|error| Refusal::invalid(error.to_string()))
}

/// Replaces the constraints of an application, or of the model. Machines that are there keep theirs, as in Juju.
pub(super) fn set_constraints(
    draft: &mut Draft,
    app: Option<&AppName>,
    constraints: &str,
) -> Result<Answer, Refusal> {
    let text = read_constraints(constraints)?.to_string();
    match app {
        None => draft.info(|info| info.constraints = text),
        Some(app) => {
            find_living_app(&draft.model, app)?;
            if draft.model.charm_of(app).is_some_and(|charm| charm.meta.subordinate) {
                return Err(Refusal::invalid(format!(
                    "cannot set constraints of {app}: it is a subordinate application and has no machines"
                )));
            }
            draft.application(app, |a| a.constraints = text);
        }
    }
    Ok(Answer::Done)
}

/// Machines without units, which stay until they are removed by hand.
pub(super) fn add(
    draft: &mut Draft,
    count: u32,
    constraints: &str,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    if count == 0 || count > MOST_MACHINES {
        return Err(Refusal::invalid(format!("cannot add {count} machines: ask for 1 to {MOST_MACHINES}")));
    }
    let constraints = read_constraints(constraints)?.or(of_model(&draft.model));
    let machines = (0..count)
        .map(|_| {
            let id = make(draft, &constraints, now);
            draft.machine(id, |machine| machine.kept = true);
            id
        })
        .collect();
    Ok(Answer::Machines(machines))
}

/// A machine for units that follow in the same change. It goes with its last unit.
pub(super) fn add_released(draft: &mut Draft, constraints: &str, now: Timestamp) -> Result<Answer, Refusal> {
    let constraints = read_constraints(constraints)?.or(of_model(&draft.model));
    Ok(Answer::Machines(vec![make(draft, &constraints, now)]))
}

/// The model's constraints. Text that an older version stored unchecked counts as none.
fn of_model(model: &Model) -> Constraints {
    model.info.constraints.parse().unwrap_or_default()
}

/// A new machine for a unit of `app`.
pub(super) fn make_for(draft: &mut Draft, app: &AppName, now: Timestamp) -> MachineId {
    let own: Constraints =
        draft.model.applications.get(app).and_then(|a| a.constraints.parse().ok()).unwrap_or_default();
    let constraints = own.or(of_model(&draft.model));
    make(draft, &constraints, now)
}

fn make(draft: &mut Draft, constraints: &Constraints, now: Timestamp) -> MachineId {
    let id = MachineId(draft.model.info.next_machine);
    draft.info(|info| info.next_machine += 1);
    let address = free_address(&draft.model, id);
    draft.put(Record::Machine(Arc::new(Machine {
        constraints: constraints.to_string(),
        ..Machine::new(id, address, now)
    })));
    id
}

/// Machines go away. One with units is refused unless `force`, which removes the units without their hooks. A machine
/// here is a folder.
pub(super) fn remove(
    draft: &mut Draft,
    ids: &[MachineId],
    force: bool,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    for id in ids {
        if !draft.model.machines.contains_key(id) {
            return Err(Refusal::not_found(format!("machine {id} not found")));
        }
        let units = units_on(&draft.model, *id);
        if !force && let Some(first) = units.first() {
            return Err(Refusal::conflict(format!("machine {id} has unit {:?} assigned", first.to_string()))
                .hint(format!(
                    "remove its units first, or take them along with remove-machine {id} --force"
                )));
        }
    }
    for id in ids {
        draft.machine(*id, |machine| {
            machine.kept = false;
            machine.life = Life::Dying;
        });
        for unit in units_on(&draft.model, *id) {
            removal::remove_unit(draft, &unit, now);
        }
        removal::release_machine(draft, *id, now);
    }
    Ok(Answer::Machines(ids.to_vec()))
}

/// The units that run on a machine.
fn units_on(model: &Model, id: MachineId) -> Vec<UnitName> {
    model.units.values().filter(|unit| unit.machine == id).map(|unit| unit.name.clone()).collect()
}

/// Where each of `count` new units goes, in order: the machines that `--to` names; None: a new one of its own.
pub(super) fn placed(
    model: &Model,
    count: u32,
    placement: &[String],
) -> Result<Vec<Option<MachineId>>, Refusal> {
    if placement.len() > usize::try_from(count).unwrap_or(usize::MAX) {
        return Err(Refusal::invalid(format!(
            "{} places are named for {count} units: name at most one for each unit",
            placement.len()
        )));
    }
    let mut places = placement.iter().map(|text| place(model, text)).collect::<Result<Vec<_>, _>>()?;
    places.resize(usize::try_from(count).unwrap_or(usize::MAX), None);
    Ok(places)
}

fn place(model: &Model, text: &str) -> Result<Option<MachineId>, Refusal> {
    let Ok(number) = text.parse::<u32>() else {
        let reason = match text.split_once([':', '=']).map_or(text, |(word, _)| word) {
            "lxd" | "kvm" => "there are no containers of machines here",
            "ssh" => "other hosts are not reached from here",
            "zone" => "this machine has no zones",
            _ => "expected the number of a machine of this model",
        };
        return Err(Refusal::invalid(format!("cannot place a unit on {text:?}: {reason}"))
            .hint("give the number of a machine, or nothing for a new one"));
    };
    living(model, MachineId(number)).map(Some)
}

/// The machine, where it is there and not going away.
pub(super) fn living(model: &Model, id: MachineId) -> Result<MachineId, Refusal> {
    match model.machines.get(&id) {
        None => Err(Refusal::not_found(format!("machine {id} not found"))
            .hint("`periapt machines` lists them; `periapt add-machine` adds one")),
        Some(machine) if machine.life != Life::Alive => {
            Err(Refusal::conflict(format!("cannot place a unit on machine {id}: it is being removed")))
        }
        Some(machine) => Ok(machine.id),
    }
}
