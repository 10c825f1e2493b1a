//! What clients send: the bodies and queries of requests.

use std::collections::BTreeMap;

use periapt_model::command::ExecOptions;
use periapt_model::entity::Charm;
use periapt_model::log::Level;
use periapt_model::names::{
    ActionName, AppName, EndpointName, ModelName, ResourceName, StorageId, StorageName, UnitName,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::views::settled::Goal;

mod operations;
mod secrets;
pub use operations::OperationParams;
pub use secrets::{AddSecret, GrantSecret, RemoveSecretParams, SecretParams, SecretsParams, UpdateSecret};

pub use super::batch::{Batch, BatchStep, Batched, Change, Done};
pub use super::offers::{Consume, MakeOffer, Offered, SuspendRelations};
pub use super::storage::{
    AddStorage, AttachStorage, DestroyParams, DetachStorage, RemoveParams, RemoveStorage, Storages,
};

pub use super::machines::{
    AddMachines, ConstraintsParams, Machines, RemoveMachines, SetConstraints, ShowConstraints,
};

/// A new model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddModel {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ModelName,
    /// Its settings, as typed.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}

/// A file that was put into the daemon's home before, under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The hash of its content.
    pub hash: String,
    /// Bytes.
    pub size: u64,
    /// Its number in the store, where it comes from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<u32>,
}

fn one() -> u32 {
    1
}

/// A new application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// Its name; absent: the charm's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Option<AppName>,
    /// The charm, whose tree was put into the daemon's home before. Its url and revision are given by the daemon, except
    /// for a url `ch:…` of the store.
    #[schema(value_type = serde_json::Value)]
    pub charm: Charm,
    /// How many units.
    #[serde(default = "one")]
    pub units: u32,
    /// Options, as typed.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// `--trust`.
    #[serde(default)]
    pub trust: bool,
    /// Files for resources.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Upload>)]
    pub resources: BTreeMap<ResourceName, Upload>,
    /// `--constraints`.
    #[serde(default)]
    pub constraints: String,
    /// `--to`: the machines of the first of its units.
    #[serde(default)]
    pub placement: Vec<String>,
    /// `--channel`.
    #[serde(default)]
    pub channel: Option<String>,
    /// Although the charm's `assumes` is not met.
    #[serde(default)]
    pub force: bool,
    /// `--storage`: directives by the charm's names, as typed.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub storage: BTreeMap<StorageName, String>,
    /// `--attach-storage`: detached storages that its one unit starts with.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub attach_storage: Vec<StorageId>,
}

/// Another charm for an application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The charm, as in [`Deploy`]; absent: it keeps what it has.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub charm: Option<Charm>,
    /// Also under units in error, without `upgrade-charm`.
    #[serde(default)]
    pub force_units: bool,
    /// Options, as typed.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Files for resources.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Upload>)]
    pub resources: BTreeMap<ResourceName, Upload>,
    /// The channel to follow from now on; absent: as before; empty: none.
    #[serde(default)]
    pub channel: Option<String>,
    /// `--trust`; absent: as before.
    #[serde(default)]
    pub trust: Option<bool>,
    /// `--storage`: directives by the charm's names, as typed.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub storage: BTreeMap<StorageName, String>,
}

/// More units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUnits {
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
    /// `--to`: the machines of the first of them.
    #[serde(default)]
    pub placement: Vec<String>,
    /// `--attach-storage`: detached storages that the one new unit starts with.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub attach_storage: Vec<StorageId>,
}

/// Units that shall go away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveUnits {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub units: Vec<UnitName>,
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
    /// With all of their storages.
    #[serde(default)]
    pub destroy_storage: bool,
    /// Only say whether it would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Values to set and keys to take back to their defaults: of an application's options or of a model's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetConfig {
    /// New values, as typed.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Keys to take back.
    #[serde(default)]
    pub reset: Vec<String>,
}

/// Something that is on or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// On.
    pub on: bool,
}

/// A new relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Integrate {
    /// One end: `app` or `app:endpoint`.
    pub a: String,
    /// The other.
    pub b: String,
    /// The networks that the units' traffic comes from; none: their own addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// To whom an application is exposed from now on, beside what it is already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Expose {
    /// Its endpoints; empty: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub endpoints: Vec<EndpointName>,
    /// Network spaces.
    #[serde(default)]
    pub spaces: Vec<String>,
    /// Networks; without spaces and networks: everybody.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// Whose exposure is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unexpose {
    /// Its endpoints; empty: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub endpoints: Vec<EndpointName>,
}

/// A relation that shall go away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveRelation {
    /// Which.
    pub relation: WantedRelation,
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
}

/// Which relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WantedRelation {
    /// By its number.
    Id(u32),
    /// By its ends, each `app` or `app:endpoint`.
    Ends(String, String),
}

/// Units in error go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveUnits {
    /// Which; empty with `all`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub units: Vec<UnitName>,
    /// Every unit in error.
    #[serde(default)]
    pub all: bool,
    /// `--no-retry`: as if the hook had succeeded.
    #[serde(default)]
    pub no_retry: bool,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// `app/0`, `app/leader`, or `app` for all of its units.
    pub receivers: Vec<String>,
    /// Which.
    #[schema(value_type = String)]
    pub action: ActionName,
    /// Its parameters.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    pub params: Map<String, Value>,
}

/// A command line on units and machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// As in [`Run`], and machines by their numbers; empty with `all`.
    #[serde(default)]
    pub receivers: Vec<String>,
    /// Every machine of the model.
    #[serde(default)]
    pub all: bool,
    /// The script for `/bin/bash -s`.
    pub command: String,
    /// Killed after so many milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Without the machine lock.
    #[serde(default)]
    pub parallel: bool,
    /// The execution group, the context's relation, and whether it is asked for on the unit.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    pub with: ExecOptions,
}

/// A recorded event again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The number of its journal record.
    pub record: u64,
}

/// What to wait for: all of it at the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Empty: that everything is settled.
    #[serde(default)]
    pub goals: Vec<Goal>,
    /// Give up after so many milliseconds; absent: never.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// In which time zone moments are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ZoneParams {
    /// `utc`, a name such as `Europe/Berlin`, or an offset such as `+02:00`; absent: the daemon's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Which part of the status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusParams {
    /// Applications, units and machines, comma-separated; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// As in the other views.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// What of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UnitParams {
    /// Only the relations of this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Only the relations with this unit, and only it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_unit: Option<String>,
    /// Application databags only.
    #[serde(default)]
    pub app: bool,
}

/// Without hooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ForceParams {
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
}

/// A view of a task or operation, perhaps when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitParams {
    /// Answer when it has ended, or after this time: `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// As in the other views.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Which journal records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalParams {
    /// Units, or applications for all of their units; comma-separated; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// Not older than this, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// With a higher number than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// With this number only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Only the last so many of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
    /// Go on with what happens from now on.
    #[serde(default)]
    pub follow: bool,
}

/// Which log lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// Only these entities, comma-separated: `app/0`, `unit-app-0`, `app*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
    /// Not these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
    /// Only these modules and what is below them, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_module: Option<String>,
    /// Not these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_module: Option<String>,
    /// At least this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub level: Option<Level>,
    /// Only the last so many of those; absent: from the beginning (`--replay`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
    /// Go on with what happens from now on.
    #[serde(default)]
    pub follow: bool,
}

/// Which part of the history of statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusLogParams {
    /// The unit, application, machine or model.
    pub entity: String,
    /// `unit`, `workload`, `juju-unit`, `application`, `machine`, `juju-machine` or `model`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub kind: String,
    /// Not older than this, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Only the last so many of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
}
