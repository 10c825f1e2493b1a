//! The storage part of the status document (reference 8.2).

use std::collections::BTreeMap;

use periapt_model::model::Model;
use periapt_model::names::{MachineId, UnitName};
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Viewpoint;

/// Where a storage stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntityStatus {
    /// `attached`.
    pub current: String,
    /// Since when, as text in the reader's zone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
}

/// A unit that a storage is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitAttachment {
    /// The unit's machine.
    #[schema(value_type = String)]
    pub machine: String,
    /// `alive`, `dying` or `dead`.
    pub life: String,
}

/// Whom a storage is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attachments {
    /// By unit.
    #[schema(value_type = BTreeMap<String, UnitAttachment>)]
    pub units: BTreeMap<UnitName, UnitAttachment>,
}

/// One storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageView {
    /// `filesystem`: there are no others.
    pub kind: String,
    /// `alive`, `dying` or `dead`.
    pub life: String,
    /// Where it stands.
    pub status: EntityStatus,
    /// Whether it outlives its unit.
    pub persistent: bool,
    /// Whom it is attached to.
    pub attachments: Attachments,
}

/// The storages of a model. Empty: `{}`, as Juju prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// By name and number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<String, StorageView>,
}

/// The storages of the units that `shown` lets through. Each goes with its unit, so it is as alive and as old as that.
pub fn storage_status(
    model: &Model,
    shown: impl Fn(&UnitName) -> bool,
    view: Viewpoint<'_>,
) -> StorageStatus {
    let storage = model.storages.values().filter(|storage| shown(&storage.owner)).filter_map(|storage| {
        let unit = model.units.get(&storage.owner)?;
        let machine: MachineId = unit.machine;
        let life = unit.life.to_string();
        let since = model.machines.get(&machine).map(|found| view.zone.since(found.since));
        let attachment = UnitAttachment { machine: machine.to_string(), life: life.clone() };
        let current = if unit.life == Life::Alive { "attached" } else { "detaching" };
        let view = StorageView {
            kind: "filesystem".to_owned(),
            life,
            status: EntityStatus { current: current.to_owned(), since: since.unwrap_or_default() },
            persistent: false,
            attachments: Attachments { units: BTreeMap::from([(storage.owner.clone(), attachment)]) },
        };
        Some((storage.id.to_string(), view))
    });
    StorageStatus { storage: storage.collect() }
}
