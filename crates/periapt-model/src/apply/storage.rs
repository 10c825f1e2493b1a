//! Storages come with their units, and by `storage-add`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::charm::{CharmMeta, Storage, StorageKind};
use crate::command::Refusal;
use crate::entity::StorageInstance;
use crate::model::{Draft, Record};
use crate::names::{StorageId, StorageName, UnitName};

/// How many storages of one name a unit may have where its charm sets no bound.
const MOST_STORAGES: u32 = 1000;

/// What stands against giving out a storage here.
fn unsupported(storage: &Storage) -> Option<&'static str> {
    match (storage.kind, storage.shared) {
        (StorageKind::Block, _) => Some("of type block"),
        (StorageKind::Filesystem, true) => Some("shared"),
        (StorageKind::Filesystem, false) => None,
    }
}

/// Refuses a charm that needs what is not there. One that can do without it is taken.
pub(super) fn check(meta: &CharmMeta) -> Result<(), Refusal> {
    for (name, storage) in meta.storages.iter().filter(|(_, storage)| storage.count_min > 0) {
        let Some(why) = unsupported(storage) else { continue };
        return Err(Refusal::invalid(format!("charm {:?} has storage {name:?}, which is {why}", meta.name))
            .hint(
                "only filesystem storage of a unit's own is supported: `type: filesystem` without `shared`",
            ));
    }
    Ok(())
}

/// Gives a unit what its application's charm says it has at least.
pub(super) fn make_minimum(draft: &mut Draft, unit: &UnitName) {
    let Some(charm) = draft.model.charm_of(unit.app()).cloned() else { return };
    for (name, storage) in &charm.meta.storages {
        let has = count(draft, unit, name);
        for _ in has..storage.count_min.min(MOST_STORAGES) {
            make(draft, unit, name);
        }
    }
}

/// `storage-add`. The error is what the hook fails with.
pub(crate) fn add(
    draft: &mut Draft,
    unit: &UnitName,
    wanted: &BTreeMap<StorageName, u32>,
) -> Result<(), String> {
    for (name, more) in wanted {
        let charm = draft.model.charm_of(unit.app());
        let declared = charm.and_then(|charm| charm.meta.storages.get(name));
        if let Some(why) = declared.and_then(unsupported) {
            return Err(format!(
                "cannot add storage {name:?} to {unit}: it is {why}, which is not supported"
            ));
        }
        let most = declared
            .map(|storage| storage.count_max.unwrap_or(MOST_STORAGES).min(MOST_STORAGES))
            .ok_or_else(|| format!("charm storage {name:?} not found"))?;
        let has = count(draft, unit, name);
        if has.saturating_add(*more) > most {
            return Err(format!(
                "cannot add {more} of storage {name:?} to {unit}: it has {has} and may have {most}"
            ));
        }
        for _ in 0..*more {
            make(draft, unit, name);
        }
    }
    Ok(())
}

fn count(draft: &Draft, unit: &UnitName, name: &StorageName) -> u32 {
    let has = draft.model.storages_of(unit).filter(|id| id.name == *name).count();
    u32::try_from(has).unwrap_or(u32::MAX)
}

fn make(draft: &mut Draft, unit: &UnitName, name: &StorageName) {
    let number = draft.model.info.next_storage;
    draft.info(|info| info.next_storage = number.saturating_add(1));
    let id = StorageId { name: name.clone(), number };
    draft.put(Record::Storage(Arc::new(StorageInstance { id, owner: unit.clone() })));
}
