//! Storages: the storage part of the status document (reference 8.2), and what `storage` and `show-storage` print.

use std::collections::BTreeMap;
use std::path::Path;

use periapt_model::entity::StorageInstance;
use periapt_model::model::Model;
use periapt_model::names::UnitName;
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Viewpoint;

/// Where a storage stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntityStatus {
    /// `attached`, `detaching` or `detached`.
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
    /// The folder, as the unit sees it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// `alive`, `dying` or `dead`.
    pub life: String,
}

/// A machine that a filesystem is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineAttachment {
    /// The folder, as the unit sees it.
    #[serde(rename = "mount-point")]
    pub mount_point: String,
    /// Whether it can only be read. None is kept from being written to here.
    #[serde(rename = "read-only")]
    pub read_only: bool,
    /// `alive`, `dying` or `dead`.
    pub life: String,
}

/// Whom a storage is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attachments {
    /// By unit.
    #[schema(value_type = BTreeMap<String, UnitAttachment>)]
    pub units: BTreeMap<UnitName, UnitAttachment>,
}

/// Whom a filesystem is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilesystemAttachments {
    /// By machine.
    pub machines: BTreeMap<String, MachineAttachment>,
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
    /// Whom it is attached to; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Attachments>,
}

/// The filesystem of a storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilesystemView {
    /// Its folder's name below the model's storages.
    #[serde(rename = "provider-id")]
    pub provider_id: String,
    /// Its storage.
    pub storage: String,
    /// Whom it is attached to; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<FilesystemAttachments>,
    /// Where it comes from.
    pub pool: String,
    /// How large it was asked to be, in MiB.
    pub size: u64,
    /// `alive`, `dying` or `dead`.
    pub life: String,
    /// Where it stands.
    pub status: EntityStatus,
}

/// The storages of a model. Empty: `{}`, as Juju prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// By name and number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<String, StorageView>,
    /// By number; after the machine's, where it goes with that (`0/1`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filesystems: BTreeMap<String, FilesystemView>,
}

/// The storages that `shown` lets through by whose they are.
pub fn storage_status(
    model: &Model,
    shown: impl Fn(Option<&UnitName>) -> bool,
    view: Viewpoint<'_>,
) -> StorageStatus {
    let mut status = StorageStatus::default();
    // A released one is the model's no more, only not out of its folder yet.
    let storages = model.storages.values().filter(|storage| storage.life != Life::Dead);
    for storage in storages.filter(|storage| shown(storage.owner.as_ref())) {
        let (id, seen, filesystem) = one(model, storage, view);
        status.storage.insert(storage.id.to_string(), seen);
        status.filesystems.insert(id, filesystem);
    }
    status
}

fn one(
    model: &Model,
    storage: &StorageInstance,
    view: Viewpoint<'_>,
) -> (String, StorageView, FilesystemView) {
    let unit = storage.owner.as_ref().and_then(|owner| model.units.get(owner));
    let unit_dies = unit.is_some_and(|unit| unit.life != Life::Alive);
    let machine = unit.map(|unit| unit.machine);
    let current = match unit {
        None => "detached",
        Some(_) if storage.detaching || unit_dies || storage.life != Life::Alive => "detaching",
        Some(_) => "attached",
    };
    // One that goes with its unit goes when that goes.
    let goes = storage.life != Life::Alive || (unit_dies && !storage.outlives_unit());
    let life = if goes { Life::Dying } else { Life::Alive }.to_string();
    let attachment_life = if current == "detaching" { Life::Dying } else { Life::Alive }.to_string();
    let since = storage.since.or_else(|| Some(model.machines.get(&machine?)?.since));
    let since = since.map(|since| view.zone.since(since)).unwrap_or_default();
    let status = EntityStatus { current: current.to_owned(), since };
    let units = unit.map(|unit| {
        let attachment = UnitAttachment {
            machine: unit.machine.to_string(),
            location: location(&view.host.models, model, &unit.name, storage),
            life: attachment_life.clone(),
        };
        BTreeMap::from([(unit.name.clone(), attachment)])
    });
    let of_machine = |attachment: &UnitAttachment| MachineAttachment {
        mount_point: attachment.location.clone(),
        read_only: false,
        life: attachment_life.clone(),
    };
    let filesystem = FilesystemView {
        provider_id: storage.id.to_string(),
        storage: storage.id.to_string(),
        attachments: units.clone().map(|units| FilesystemAttachments {
            machines: units.values().map(|unit| (unit.machine.clone(), of_machine(unit))).collect(),
            units,
        }),
        pool: storage.pool.to_string(),
        size: storage.size_mib,
        life: life.clone(),
        status: status.clone(),
    };
    let seen = StorageView {
        kind: "filesystem".to_owned(),
        life,
        status,
        persistent: storage.owner.is_none() || storage.pool.outlives_units(),
        attachments: units.map(|units| Attachments { units }),
    };
    let id = match machine.filter(|_| !storage.pool.outlives_units()) {
        Some(machine) => format!("{machine}/{}", storage.id.number),
        None => storage.id.number.to_string(),
    };
    (id, seen, filesystem)
}

/// Where a unit sees a storage; empty where the models' folder is not known.
fn location(models: &Path, model: &Model, unit: &UnitName, storage: &StorageInstance) -> String {
    if models.as_os_str().is_empty() {
        return String::new();
    }
    let folder = models.join(&model.info.uuid).join("agents").join(unit.tag()).join("storage");
    folder.join(storage.id.to_string()).display().to_string()
}
