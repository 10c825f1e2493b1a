//! Storages come with their units, by `storage-add` and by operators; they are detached, attached again, and removed.

mod commands;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use commands::{apply, attach_initial, check_attach};

use crate::charm::{CharmMeta, Storage, StorageKind};
use crate::command::Refusal;
use crate::entity::{DEFAULT_SIZE, StorageDirective, StorageFate, StorageInstance, StoragePool};
use crate::model::{Draft, Key, Model, Record};
use crate::names::{AppName, StorageId, StorageName, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

/// How many storages of one name a unit may have where its charm sets no bound.
const MOST_STORAGES: u32 = 1000;
/// How many storages one command may make: a slip of the finger should not fill the store.
const MOST_AT_ONCE: u64 = 20_000;

type Directives = BTreeMap<StorageName, StorageDirective>;

/// What stands against giving out a storage here.
fn unsupported(storage: &Storage) -> Option<&'static str> {
    match (storage.kind, storage.shared) {
        (StorageKind::Block, _) => Some("of type block"),
        (StorageKind::Filesystem, true) => Some("shared"),
        (StorageKind::Filesystem, false) => None,
    }
}

const SUPPORTED: &str =
    "only filesystem storage of a unit's own is supported: `type: filesystem` without `shared`";

/// Refuses a charm that needs what is not there. One that can do without it is taken.
pub(super) fn check(meta: &CharmMeta) -> Result<(), Refusal> {
    for (name, storage) in meta.storages.iter().filter(|(_, storage)| storage.count_min > 0) {
        let Some(why) = unsupported(storage) else { continue };
        return Err(Refusal::invalid(format!("charm {:?} has storage {name:?}, which is {why}", meta.name))
            .hint(SUPPORTED));
    }
    Ok(())
}

/// The storage of that name in the charm, if units can have it here.
fn declared<'a>(meta: &'a CharmMeta, name: &StorageName) -> Result<&'a Storage, Refusal> {
    let Some(storage) = meta.storages.get(name) else {
        let known: Vec<&str> = meta.storages.keys().map(StorageName::as_str).collect();
        let refusal =
            Refusal::not_found(format!("charm {:?} has no store called {:?}", meta.name, name.as_str()));
        return Err(match known.is_empty() {
            true => refusal.hint("it declares no storage"),
            false => refusal.hint(format!("it has: {}", known.join(", "))),
        });
    };
    match unsupported(storage) {
        Some(why) => Err(Refusal::invalid(format!(
            "charm {:?} store {:?} is {why}, which is not supported",
            meta.name,
            name.as_str()
        ))
        .hint(SUPPORTED)),
        None => Ok(storage),
    }
}

fn most(storage: &Storage) -> u32 {
    storage.count_max.unwrap_or(MOST_STORAGES).min(MOST_STORAGES)
}

/// Where storages come from when a directive names no pool. Where there is no directive at all it is `rootfs` (Juju 3.6:
/// `storageconfig.DefaultPool`); otherwise the model's setting says, and without one it is what the cloud has, `lxd`.
fn default_pool(model: &Model) -> Result<StoragePool, Refusal> {
    const SETTING: &str = "storage-default-filesystem-source";
    let text = model.info.settings.text(SETTING);
    match text.is_empty() {
        true => Ok(StoragePool::Lxd),
        false => {
            text.parse().map_err(|error| Refusal::invalid(format!("the model's {SETTING} is wrong: {error}")))
        }
    }
}

fn size_of(storage: &Storage) -> u64 {
    storage.minimum_size.filter(|size| *size > 0).unwrap_or(DEFAULT_SIZE)
}

/// Directives with nothing left open, as far as the charm has a say in them.
pub(super) fn read(model: &Model, meta: &CharmMeta, given: &Directives) -> Result<Directives, Refusal> {
    let mut read = Directives::new();
    for (name, directive) in given {
        let storage = declared(meta, name)?;
        let invalid = |text: String| {
            Refusal::invalid(format!("charm {:?} store {:?}: {text}", meta.name, name.as_str()))
        };
        let count = directive.count.unwrap_or(storage.count_min.max(1));
        if count < storage.count_min {
            let text = format!("at least {} instances required, {count} specified", storage.count_min);
            return Err(invalid(text));
        }
        if count > most(storage) {
            return Err(invalid(format!("at most {} instances supported, {count} specified", most(storage))));
        }
        let size = directive.size_mib.unwrap_or(size_of(storage));
        if let Some(least) = storage.minimum_size.filter(|least| size < *least) {
            return Err(invalid(format!("minimum storage size is {least}M, {size}M specified")));
        }
        let pool = directive.pool.map_or_else(|| default_pool(model), Ok)?;
        let directive = StorageDirective { pool: Some(pool), count: Some(count), size_mib: Some(size) };
        read.insert(name.clone(), directive);
    }
    Ok(read)
}

/// Refuses a command that would make more storages at once than anybody means.
pub(super) fn check_amount(meta: &CharmMeta, given: &Directives, units: u32) -> Result<(), Refusal> {
    let of_unit = meta.storages.iter().filter(|(_, s)| unsupported(s).is_none()).map(|(name, storage)| {
        let asked = given.get(name).and_then(|directive| directive.count).unwrap_or(0);
        u64::from(asked.max(storage.count_min).min(most(storage)))
    });
    let all = of_unit.sum::<u64>() * u64::from(units);
    match all > MOST_AT_ONCE {
        true => Err(Refusal::invalid(format!(
            "cannot make {all} storages for {units} units: one command makes at most {MOST_AT_ONCE}"
        ))
        .hint("ask for fewer units at once, or for fewer storages of each: --storage NAME=COUNT")),
        false => Ok(()),
    }
}

/// Gives a new unit what its application's directives and its charm say, counting what it has.
pub(super) fn make_initial(draft: &mut Draft, unit: &UnitName, now: Timestamp) {
    fill_up(draft, unit, now, |directive| directive.count.unwrap_or(0));
}

/// Gives a unit what its application's charm says it has at least.
pub(super) fn make_minimum(draft: &mut Draft, unit: &UnitName, now: Timestamp) {
    fill_up(draft, unit, now, |_| 0);
}

fn fill_up(draft: &mut Draft, unit: &UnitName, now: Timestamp, asked: impl Fn(&StorageDirective) -> u32) {
    let Some(charm) = draft.model.charm_of(unit.app()).cloned() else { return };
    for (name, storage) in charm.meta.storages.iter().filter(|(_, s)| unsupported(s).is_none()) {
        let directive = directive(&draft.model, unit.app(), name, storage);
        let wanted = asked(&directive).max(storage.count_min).min(most(storage));
        for _ in count(draft, unit, name)..wanted {
            make(draft, unit, name, &directive, now);
        }
    }
}

/// How the application's units come by a storage. The count is open where nobody said it.
fn directive(model: &Model, app: &AppName, name: &StorageName, storage: &Storage) -> StorageDirective {
    let given = model.applications.get(app).and_then(|app| app.storage.get(name)).cloned();
    let given = given.unwrap_or_default();
    StorageDirective {
        pool: given.pool.or(Some(StoragePool::Rootfs)),
        count: given.count,
        size_mib: given.size_mib.or(Some(size_of(storage))),
    }
}

/// `storage-add`. The error is what the hook fails with.
pub(crate) fn add(
    draft: &mut Draft,
    unit: &UnitName,
    wanted: &BTreeMap<StorageName, u32>,
    now: Timestamp,
) -> Result<(), String> {
    for (name, more) in wanted {
        let charm = draft.model.charm_of(unit.app()).cloned();
        let declared = charm.as_ref().and_then(|charm| charm.meta.storages.get(name));
        if let Some(why) = declared.and_then(unsupported) {
            return Err(format!(
                "cannot add storage {name:?} to {unit}: it is {why}, which is not supported"
            ));
        }
        let storage = declared.ok_or_else(|| format!("charm storage {name:?} not found"))?;
        check_room(draft, unit, name, *more, storage)?;
        let directive = directive(&draft.model, unit.app(), name, storage);
        for _ in 0..*more {
            make(draft, unit, name, &directive, now);
        }
    }
    Ok(())
}

fn check_room(
    draft: &Draft,
    unit: &UnitName,
    name: &StorageName,
    more: u32,
    storage: &Storage,
) -> Result<(), String> {
    let (has, most) = (count(draft, unit, name), most(storage));
    if has.saturating_add(more) > most {
        return Err(format!(
            "cannot add {more} of storage {name:?} to {unit}: it has {has} and may have {most}"
        ));
    }
    Ok(())
}

fn count(draft: &Draft, unit: &UnitName, name: &StorageName) -> u32 {
    let has = draft.model.storages_of(unit).filter(|id| id.name == *name).count();
    u32::try_from(has).unwrap_or(u32::MAX)
}

fn make(
    draft: &mut Draft,
    unit: &UnitName,
    name: &StorageName,
    directive: &StorageDirective,
    now: Timestamp,
) -> StorageId {
    let number = draft.model.info.next_storage;
    draft.info(|info| info.next_storage = number.saturating_add(1));
    let id = StorageId { name: name.clone(), number };
    draft.put(Record::Storage(Arc::new(StorageInstance {
        pool: directive.pool.unwrap_or_default(),
        size_mib: directive.size_mib.unwrap_or(DEFAULT_SIZE),
        since: Some(now),
        ..StorageInstance::new(id.clone(), unit.clone())
    })));
    id
}

fn change(draft: &mut Draft, id: &StorageId, edit: impl FnOnce(&mut StorageInstance)) {
    if let Some(found) = draft.model.storages.get(id) {
        let mut found = StorageInstance::clone(found);
        edit(&mut found);
        draft.put(Record::Storage(Arc::new(found)));
    }
}

/// From now on it only goes.
fn doom(draft: &mut Draft, id: &StorageId, fate: StorageFate) {
    change(draft, id, |storage| {
        if storage.life != Life::Dead {
            storage.life = Life::Dying;
            storage.fate = Some(fate);
        }
    });
}

/// Its unit has let go of it, or nobody has it: it stays detached, or goes.
fn let_go(draft: &mut Draft, id: &StorageId, now: Timestamp) {
    let Some(storage) = draft.model.storages.get(id).cloned() else { return };
    let released = storage.life != Life::Alive && storage.fate == Some(StorageFate::Release);
    // Nothing stays in a model that goes away itself.
    let stays = storage.outlives_unit() && draft.model.info.life == Life::Alive;
    if !released && !stays {
        draft.delete(Key::Storage(id.clone()));
        return;
    }
    change(draft, id, |storage| {
        storage.owner = None;
        storage.detaching = false;
        storage.since = Some(now);
        if released {
            storage.life = Life::Dead;
        }
    });
}

/// The unit's agent has let go of a storage. Another's is none of its business; one that was taken by force and given
/// back before the agent looked stays, and is attached again.
pub(crate) fn detached_by(draft: &mut Draft, unit: &UnitName, id: &StorageId, now: Timestamp) {
    let dying = draft.model.units.get(unit).is_some_and(|unit| unit.life != Life::Alive);
    let wanted = |storage: &StorageInstance| dying || storage.detaching || storage.life != Life::Alive;
    let storage = draft.model.storages.get(id).filter(|storage| storage.owner.as_ref() == Some(unit));
    if storage.is_some_and(|storage| wanted(storage)) {
        let_go(draft, id, now);
    }
}

/// The unit is gone.
pub(crate) fn unit_gone(draft: &mut Draft, unit: &UnitName, now: Timestamp) {
    let ids: Vec<StorageId> = draft.model.storages_of(unit).cloned().collect();
    for id in &ids {
        let_go(draft, id, now);
    }
}

/// What a model holds does not outlive it, unless an operator says what becomes of it. Called before anything in it goes
/// (Juju 3.6: `destroy-model` is refused while there is persistent storage).
pub(super) fn model_ends(
    draft: &mut Draft,
    fate: Option<StorageFate>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let alive = draft.model.storages.values().filter(|storage| storage.outlives_unit());
    let stays: Vec<StorageId> = alive.map(|storage| storage.id.clone()).collect();
    let Some(fate) = fate else {
        if stays.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = stays.iter().map(StorageId::to_string).collect();
        return Err(Refusal::conflict(format!(
            "cannot destroy model {:?}: the model has persistent storage remaining: {}",
            draft.model.info.name.as_str(),
            names.join(", ")
        ))
        .hint("--destroy-storage destroys it; --release-storage keeps its data, aside of any model"));
    };
    for id in &stays {
        doom(draft, id, fate);
        if draft.model.storages.get(id).is_some_and(|storage| storage.owner.is_none()) {
            let_go(draft, id, now);
        }
    }
    Ok(())
}
