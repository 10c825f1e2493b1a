//! What operators say about storages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Command;
use crate::entity::{StorageDirective, StorageFate};
use crate::names::{StorageId, StorageName, UnitName};

/// What new units get of storages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageOptions {
    /// `--storage`, by the names that the charm gives them.
    #[serde(default)]
    pub directives: BTreeMap<StorageName, StorageDirective>,
    /// `--attach-storage`: detached storages that the one new unit starts with.
    #[serde(default)]
    pub attach: Vec<StorageId>,
}

/// Commands about storages. Each changes all that it names, or nothing when refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageCommand {
    /// `add-storage`: more of what the charm declares, beyond what the unit has.
    Add {
        /// For which unit.
        unit: UnitName,
        /// Which, and how many; one where nothing is said.
        storages: BTreeMap<StorageName, StorageDirective>,
    },
    /// `attach-storage`: detached storages go to a unit.
    Attach {
        /// Which unit.
        unit: UnitName,
        /// Which storages.
        ids: Vec<StorageId>,
    },
    /// `detach-storage`: their units let go of them after a hook; they stay.
    Detach {
        /// Which storages.
        ids: Vec<StorageId>,
        /// At once, without hooks.
        force: bool,
    },
    /// `remove-storage`.
    Remove {
        /// Which storages.
        ids: Vec<StorageId>,
        /// Also those that units have: these let go of them first.
        force: bool,
        /// What becomes of their data.
        fate: StorageFate,
    },
    /// Units or an application are removed with all of their storages: `--destroy-storage`.
    DestroyWith(Box<Command>),
    /// A refresh that also changes how units come by storages: `refresh --storage`.
    Refresh {
        /// The refresh.
        refresh: Box<Command>,
        /// The new directives.
        directives: BTreeMap<StorageName, StorageDirective>,
    },
    /// The data of released storages was put aside: the model forgets them.
    PutAside {
        /// Which; others than released ones stay as they are.
        ids: Vec<StorageId>,
    },
}
