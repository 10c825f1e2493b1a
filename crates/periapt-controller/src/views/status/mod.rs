//! `status`: Juju's document (reference 8.2), and the rows of its tabular form that the document lacks.

mod build;
pub(crate) mod cross_model;
mod select;
mod subordinates;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use periapt_model::names::{AppName, MachineId, OfferName, RelationId, UnitName};
use periapt_model::status::WorkloadStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::host::BaseView;
use super::storage::StorageStatus;
pub(crate) use build::relation_word;
pub use build::{application_status, full_status, presented, relation_rows};
pub(crate) use build::{base_of, endpoint_bindings, open_ports, unit_status as build_unit_status};
pub use cross_model::{EndpointStatus, OfferStatus, RemoteAppStatus, remote_app_statuses};
pub use select::{InvalidSelector, Selector};

/// A status as readers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusInfo {
    /// The word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current: String,
    /// The text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when, as text in the reader's zone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// The agent's version; only in a `juju-status`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `dying` or `dead`; absent while alive.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub life: String,
}

/// The model's own part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ModelStatus {
    /// Its name.
    pub name: String,
    /// `iaas`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The controller's name.
    pub controller: String,
    /// The cloud's name.
    pub cloud: String,
    /// The cloud's one region.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The version of Juju whose behaviour this is.
    pub version: String,
    /// `unsupported`, as everywhere by now.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sla: String,
    /// `available` or `destroying`.
    pub model_status: StatusInfo,
}

/// A network interface of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkInterface {
    /// Its addresses.
    pub ip_addresses: Vec<String>,
    /// Its hardware address; empty for a loopback.
    pub mac_address: String,
    /// Whether it is in use.
    pub is_up: bool,
    /// Its network space.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub space: String,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MachineStatus {
    /// `started`.
    pub juju_status: StatusInfo,
    /// Its name on the network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Where its units are reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dns_name: String,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// Its name in the cloud.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance_id: String,
    /// `running`.
    pub machine_status: StatusInfo,
    /// `applied`.
    pub modification_status: StatusInfo,
    /// Its operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseView>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub network_interfaces: BTreeMap<String, NetworkInterface>,
    /// What it was made with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// In Juju's words: `arch=amd64 cores=2 mem=7966M`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hardware: String,
}

/// One relation of an application's endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ApplicationRelation {
    /// The application on the other side; its own for a peer relation.
    #[schema(value_type = String)]
    pub related_application: AppName,
    /// What both speak.
    pub interface: String,
    /// `global` or `container`.
    pub scope: String,
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UnitStatus {
    /// What the charm says, or `error` when a hook failed.
    pub workload_status: StatusInfo,
    /// What the agent does.
    pub juju_status: StatusInfo,
    /// Only there when true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leader: bool,
    /// The charm it still runs, when its application wants another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrading_from: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// `80/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_ports: Vec<String>,
    /// Where it is reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_address: String,
    /// Those that share its machine; a subordinate has none, and no machine of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, UnitStatus>, no_recursion)]
    pub subordinates: BTreeMap<UnitName, UnitStatus>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ApplicationStatus {
    /// Its charm's url, such as `local:name-0`; of a charm of the store its name.
    pub charm: String,
    /// What its charm was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseView>,
    /// `local` or `charmhub`, which means the store.
    pub charm_origin: String,
    /// The charm's name.
    pub charm_name: String,
    /// The charm's revision.
    pub charm_rev: u32,
    /// `--channel`, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm_channel: Option<String>,
    /// The charm's `version` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm_version: Option<String>,
    /// How many units it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub scale: usize,
    /// `expose`.
    pub exposed: bool,
    /// `dying` or `dead`; absent while alive.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub life: String,
    /// What a leader set, else the worst of its units.
    pub application_status: StatusInfo,
    /// By endpoint; peer relations too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<String, Vec<ApplicationRelation>>,
    /// The principals of a subordinate: its units are with theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub subordinate_to: Vec<AppName>,
    /// Its units; none of a subordinate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, UnitStatus>)]
    pub units: BTreeMap<UnitName, UnitStatus>,
    /// The workload's version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The network space of each endpoint; the empty name is the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoint_bindings: BTreeMap<String, String>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The controller's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControllerStatus {
    /// The time of day there.
    pub timestamp: String,
}

/// `juju status --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FullStatus {
    /// The model.
    pub model: ModelStatus,
    /// By number.
    #[schema(value_type = BTreeMap<String, MachineStatus>)]
    pub machines: BTreeMap<MachineId, MachineStatus>,
    /// By name.
    #[schema(value_type = BTreeMap<String, ApplicationStatus>)]
    pub applications: BTreeMap<AppName, ApplicationStatus>,
    /// The offers of other models that it consumes, by their names here.
    #[serde(default, rename = "application-endpoints", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, RemoteAppStatus>)]
    pub application_endpoints: BTreeMap<AppName, RemoteAppStatus>,
    /// What it offers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, OfferStatus>)]
    pub offers: BTreeMap<OfferName, OfferStatus>,
    /// The storages of its units; there even when it is empty.
    #[serde(default)]
    pub storage: StorageStatus,
    /// The controller.
    pub controller: ControllerStatus,
}

/// One row of `status --relations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelationRow {
    /// The relation's number.
    #[schema(value_type = u32)]
    pub id: RelationId,
    /// `app:endpoint`.
    pub provider: String,
    /// `app:endpoint`; the provider's again for a peer relation.
    pub requirer: String,
    /// What both speak.
    pub interface: String,
    /// `regular`, `peer` or `subordinate`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `joining`, `joined`, `suspended` or `broken` (going away).
    pub status: String,
    /// Empty when joined, as Juju's column shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What the `status` command needs for all of its formats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusReport {
    /// The document.
    pub status: FullStatus,
    /// For `--relations`; the document has no place for them.
    pub relations: Vec<RelationRow>,
}

/// Juju's order for an application's derived status: the worst unit decides.
pub(crate) fn worst(statuses: impl Iterator<Item = WorkloadStatus>) -> Option<WorkloadStatus> {
    statuses.min()
}
