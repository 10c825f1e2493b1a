//! What operators do to storages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::charm::CharmMeta;
use crate::command::{Answer, Command, Refusal, StorageCommand};
use crate::entity::{Charm, StorageDirective, StorageFate, StorageInstance};
use crate::model::{Draft, Key, Model};
use crate::names::{StorageId, StorageName, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

use super::{Directives, change, check_room, declared, directive, doom, let_go, make, most, read};
use crate::apply::{alive, apply_to, find_app, find_unit};

pub(in crate::apply) fn apply(
    draft: &mut Draft,
    command: StorageCommand,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    match command {
        StorageCommand::Add { unit, storages } => {
            alive(&draft.model)?;
            add_by_hand(draft, &unit, &storages, now)
        }
        StorageCommand::Attach { unit, ids } => {
            alive(&draft.model)?;
            attach(draft, &unit, &ids, now)
        }
        StorageCommand::Detach { ids, force } => {
            alive(&draft.model)?;
            detach(draft, &ids, force, now)
        }
        StorageCommand::Remove { ids, force, fate } => remove(draft, &ids, force, fate, now),
        StorageCommand::DestroyWith(removal) => {
            let units: Vec<UnitName> = match &*removal {
                Command::RemoveUnits { units, .. } => units.clone(),
                Command::RemoveApplication { app, .. } => {
                    draft.model.units_of(app).map(|unit| unit.name.clone()).collect()
                }
                _ => return Err(Refusal::invalid("storage goes with units and applications only")),
            };
            // Its subordinates go with a unit, and so do theirs.
            let with_subordinates: Vec<UnitName> = units
                .into_iter()
                .flat_map(|unit| {
                    let subordinates: Vec<UnitName> = draft.model.subordinates_of(&unit).cloned().collect();
                    std::iter::once(unit).chain(subordinates)
                })
                .collect();
            for unit in with_subordinates {
                let ids: Vec<StorageId> = draft.model.storages_of(&unit).cloned().collect();
                ids.iter().for_each(|id| doom(draft, id, StorageFate::Destroy));
            }
            apply_to(draft, *removal, now)
        }
        StorageCommand::Refresh { refresh, directives } => {
            let Command::Refresh { app, charm, .. } = &*refresh else {
                return Err(Refusal::invalid("directives come with a refresh"));
            };
            find_app(&draft.model, app)?;
            let present = draft.model.charm_of(app).cloned();
            let meta = charm.as_deref().or(present.as_deref()).map(|charm| &charm.meta);
            let read = meta.map_or(Ok(Directives::new()), |meta| read(&draft.model, meta, &directives))?;
            draft.application(app, |app| app.storage.extend(read));
            apply_to(draft, *refresh, now)
        }
        StorageCommand::PutAside { ids } => {
            for id in ids {
                if draft.model.storages.get(&id).is_some_and(|storage| storage.life == Life::Dead) {
                    draft.delete(Key::Storage(id));
                }
            }
            Ok(Answer::Done)
        }
    }
}

fn find<'a>(model: &'a Model, id: &StorageId) -> Result<&'a Arc<StorageInstance>, Refusal> {
    let found = model.storages.get(id).filter(|storage| storage.life != Life::Dead);
    found.ok_or_else(|| Refusal::not_found(format!("storage {id} not found")))
}

/// The unit, and the charm that its application wants.
fn living_unit(draft: &Draft, unit: &UnitName) -> Result<Arc<Charm>, Refusal> {
    if find_unit(&draft.model, unit)?.life != Life::Alive {
        return Err(Refusal::conflict(format!("unit \"{unit}\" is being removed")));
    }
    let charm = draft.model.charm_of(unit.app()).cloned();
    charm.ok_or_else(|| Refusal::not_found(format!("unit \"{unit}\" has no charm")))
}

fn add_by_hand(
    draft: &mut Draft,
    unit: &UnitName,
    wanted: &Directives,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let charm = living_unit(draft, unit)?;
    let mut made = Vec::new();
    for (name, given) in wanted {
        let storage = declared(&charm.meta, name)?;
        let more = given.count.unwrap_or(1);
        check_room(draft, unit, name, more, storage).map_err(Refusal::conflict)?;
        let of_app = draft.model.applications.get(unit.app()).and_then(|app| app.storage.get(name));
        let of_app = of_app.cloned().unwrap_or_default();
        // A pool or size that nobody has said counts as none, and the rest is filled in as for a new application.
        let open = StorageDirective {
            pool: given.pool.or(of_app.pool),
            count: None,
            size_mib: given.size_mib.or(of_app.size_mib),
        };
        let full = match open == StorageDirective::default() {
            true => directive(&draft.model, unit.app(), name, storage),
            false => read(&draft.model, &charm.meta, &Directives::from([(name.clone(), open)]))?
                .remove(name)
                .unwrap_or_default(),
        };
        for _ in 0..more {
            made.push(make(draft, unit, name, &full, now));
        }
    }
    Ok(Answer::Storages(made))
}

/// Refuses storages that a unit with this charm cannot start with.
pub(in crate::apply) fn check_attach(
    model: &Model,
    meta: &CharmMeta,
    ids: &[StorageId],
    units: usize,
) -> Result<(), Refusal> {
    if ids.is_empty() {
        return Ok(());
    }
    if units != 1 {
        return Err(Refusal::invalid(format!(
            "cannot attach storage to {units} new units: --attach-storage goes with exactly one"
        )));
    }
    let mut counts: BTreeMap<&StorageName, u32> = BTreeMap::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let storage = declared(meta, &id.name)?;
        detached(model, id)?;
        let count = counts.entry(&id.name).or_default();
        *count += 1;
        if *count > most(storage) {
            return Err(Refusal::conflict(format!(
                "cannot attach {count} of storage {:?}: charm {:?} may have {}",
                id.name.as_str(),
                meta.name,
                most(storage)
            )));
        }
    }
    Ok(())
}

/// The storage, if it can be attached to a unit.
fn detached(model: &Model, id: &StorageId) -> Result<(), Refusal> {
    let storage = find(model, id)?;
    let refusal = match (&storage.owner, storage.life) {
        (None, Life::Alive) => return Ok(()),
        (Some(owner), Life::Alive) if storage.detaching => {
            Refusal::conflict(format!("storage {id} is still being detached from {owner}"))
                .hint(format!("wait until {owner} has run its hook; `periapt why {owner}` says what it does"))
        }
        (Some(owner), Life::Alive) => {
            Refusal::conflict(format!("storage {id} is already attached to {owner}"))
                .hint(format!("detach it first: periapt detach-storage {id}"))
        }
        _ => Refusal::conflict(format!("storage {id} is being removed")),
    };
    Err(refusal)
}

/// A new unit starts with these, which [`check_attach`] has let through.
pub(in crate::apply) fn attach_initial(
    draft: &mut Draft,
    unit: &UnitName,
    ids: &[StorageId],
    now: Timestamp,
) {
    for id in ids {
        give(draft, unit, id, now);
    }
}

fn give(draft: &mut Draft, unit: &UnitName, id: &StorageId, now: Timestamp) {
    change(draft, id, |storage| {
        storage.owner = Some(unit.clone());
        storage.since = Some(now);
    });
}

fn attach(draft: &mut Draft, unit: &UnitName, ids: &[StorageId], now: Timestamp) -> Result<Answer, Refusal> {
    let charm = living_unit(draft, unit)?;
    for id in ids {
        find(&draft.model, id)?;
        let storage = declared(&charm.meta, &id.name)?;
        detached(&draft.model, id)?;
        check_room(draft, unit, &id.name, 1, storage).map_err(Refusal::conflict)?;
        give(draft, unit, id, now);
    }
    Ok(Answer::Storages(ids.to_vec()))
}

fn detach(draft: &mut Draft, ids: &[StorageId], force: bool, now: Timestamp) -> Result<Answer, Refusal> {
    for id in ids {
        let storage = find(&draft.model, id)?;
        let Some(owner) = storage.owner.clone() else {
            return Err(Refusal::conflict(format!("storage {id} is not attached")));
        };
        if !force {
            check_left(&draft.model, id, &owner)?;
        }
        change(draft, id, |storage| storage.detaching = true);
        // An agent that never reported has nothing to let go of.
        if force || !draft.model.agents.contains_key(&owner) {
            let_go(draft, id, now);
        }
    }
    Ok(Answer::Storages(ids.to_vec()))
}

/// Refuses to take from a unit that stays what its charm cannot do without (Juju 3.6: `state/storage.go`,
/// `validateCharmStorageCountChange`).
fn check_left(model: &Model, id: &StorageId, owner: &UnitName) -> Result<(), Refusal> {
    let stays = |unit: &UnitName| model.units.get(unit).is_some_and(|unit| unit.life == Life::Alive);
    let storage = model.charm_of(owner.app()).and_then(|charm| charm.meta.storages.get(&id.name));
    let Some(storage) = storage.filter(|_| stays(owner)) else { return Ok(()) };
    let kept = |other: &&StorageId| {
        other.name == id.name
            && *other != id
            && model.storages.get(*other).is_some_and(|storage| !storage.detaching)
    };
    let left = model.storages_of(owner).filter(kept).count();
    let least = storage.count_min;
    if left >= least as usize {
        return Ok(());
    }
    let why = match (least, most(storage)) {
        (1, 1) => "cannot detach, storage is singular".to_owned(),
        _ => format!(
            "detaching 1 storage instance brings the total to {left}, which is less than the minimum of {least}"
        ),
    };
    Err(Refusal::conflict(format!("cannot detach storage {id} from {owner}: {why}"))
        .hint("remove the unit, which leaves its storages; or detach it with --force"))
}

fn remove(
    draft: &mut Draft,
    ids: &[StorageId],
    force: bool,
    fate: StorageFate,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    for id in ids {
        let owner = find(&draft.model, id)?.owner.clone();
        if let Some(owner) = owner.as_ref().filter(|_| !force) {
            return Err(Refusal::conflict(format!("storage {id} is attached to {owner}")).hint(format!(
                "detach it first: periapt detach-storage {id}; or use --force, which detaches it too"
            )));
        }
        doom(draft, id, fate);
        match owner {
            Some(owner) if draft.model.agents.contains_key(&owner) => {
                change(draft, id, |storage| storage.detaching = true);
            }
            _ => let_go(draft, id, now),
        }
    }
    Ok(Answer::Storages(ids.to_vec()))
}
