//! Storages: the places for data that a unit has beside its charm's folder.

use serde::{Deserialize, Serialize};

use crate::names::{StorageId, UnitName};

/// One storage of a unit. In the `process` substrate it is a folder below the unit's own, whatever `location` its charm's
/// metadata asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageInstance {
    /// Its name and number.
    pub id: StorageId,
    /// Whose it is. It goes with its unit.
    pub owner: UnitName,
}
