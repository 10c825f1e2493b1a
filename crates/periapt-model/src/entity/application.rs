//! Applications and the charms they run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::charm::{Base, CharmMeta, ConfigValue};
use crate::entity::StorageDirective;
use crate::local::CharmRef;
use crate::names::{AppName, CharmId, ResourceName, StorageName};
use crate::status::{Life, Status, WorkloadStatus};

/// A charm's content, as `deploy` and `refresh` brought it. Never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Charm {
    /// The hash of its tree; also its folder's name.
    pub id: CharmId,
    /// Where it came from: `local:name-N` or `ch:amd64/name-N`, see [`CharmUrl`](crate::charm_url::CharmUrl).
    pub url: String,
    /// N.
    pub revision: u32,
    /// The text of the charm's `version` file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What its metadata files say.
    pub meta: CharmMeta,
}

/// A file for a resource of type file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceFile {
    /// Hash of the content; the file lies under this name in the daemon's home.
    pub hash: String,
    /// Bytes.
    pub size: u64,
    /// Counts up with each upload.
    pub revision: u32,
    /// Its number in the store, where it came from there and not from an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<u32>,
}

/// Who may reach an endpoint that is exposed. Kept and shown: there is no firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// The spaces, by their names.
    #[serde(default)]
    pub spaces: Vec<String>,
    /// The networks.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// An application: a charm, its settings and a number of units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: AppName,
    /// Whether it is going away.
    pub life: Life,
    /// What its units should run.
    pub charm: CharmRef,
    /// The last refresh was forced on units in error.
    #[serde(default)]
    pub charm_forced: bool,
    /// What the operator set; the charm's defaults are not in here.
    #[serde(default)]
    pub config: BTreeMap<String, ConfigValue>,
    /// `juju trust`.
    #[serde(default)]
    pub trust: bool,
    /// `juju expose`.
    #[serde(default)]
    pub exposed: bool,
    /// To whom it is exposed, by endpoint; the empty name stands for all endpoints. Nothing in it: to everybody, if at all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exposure: BTreeMap<String, Exposure>,
    /// The next unit's number; never lowered.
    pub next_unit: u32,
    /// What a leader set with `status-set --application`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status<WorkloadStatus>>,
    /// What `application-version-set` set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_version: Option<String>,
    /// Uploaded resources.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, ResourceFile>,
    /// `--constraints`, kept and shown, without effect in the `process` substrate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// `--channel`, kept and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The base that it was deployed for, where its charm names any; it stays at a refresh. None: its charm's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// A destroyed application is removed without waiting for its units' hooks.
    #[serde(default)]
    pub forced_removal: bool,
    /// `--storage`: how its units come by storages, where an operator said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<StorageName, StorageDirective>,
}
