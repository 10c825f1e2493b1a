//! What a command line may be asked for beyond the command itself.

use serde::{Deserialize, Serialize};

use crate::names::{AppName, RelationId, UnitName};

/// What few command lines ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOptions {
    /// The execution group: see [`Task::group`](crate::entity::Task::group).
    #[serde(default)]
    pub group: String,
    /// The relation that the command's context is about.
    #[serde(default)]
    pub relation: Option<AskedRelation>,
    /// Asked for on the unit itself (`juju-exec`): it is no operation that anybody lists, and soon forgotten.
    #[serde(default)]
    pub local: bool,
}

/// The relation that a command's context shall be about (Juju 3.6: `InferRemoteUnit`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRelation {
    /// Which.
    pub id: RelationId,
    /// The unit that it is to stand for on the other side; absent: the only one there.
    #[serde(default)]
    pub remote_unit: Option<UnitName>,
    /// The application on the other side; absent: the relation's.
    #[serde(default)]
    pub remote_app: Option<AppName>,
    /// Although the unit is not there, or none is.
    #[serde(default)]
    pub force: bool,
}
