//! A charm's metadata as types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::actions::ActionSpec;
use super::assumes::Assumes;
use super::config::ConfigOption;
use super::version::Version;
use crate::names::{ActionName, ContainerName, EndpointName, ResourceName, StorageName};

/// Which generation of metadata a charm is written in. It decides which keys may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With `series`; no containers, no `assumes`, no `charm-user`.
    V1,
    /// With bases; a charm from a source folder counts as one unless it has keys that only V1 has.
    #[default]
    V2,
}

/// A charm's side of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Under `provides`.
    Provider,
    /// Under `requires`.
    Requirer,
    /// Under `peers`: between the units of one application.
    Peer,
}

impl Role {
    /// The key of `metadata.yaml` that holds endpoints of this role.
    pub fn key(self) -> &'static str {
        match self {
            Self::Provider => "provides",
            Self::Requirer => "requires",
            Self::Peer => "peers",
        }
    }

    /// The role that the other end must have.
    #[must_use]
    pub fn counterpart(self) -> Self {
        match self {
            Self::Provider => Self::Requirer,
            Self::Requirer => Self::Provider,
            Self::Peer => Self::Peer,
        }
    }
}

/// Which units of the two applications a relation joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All of them.
    #[default]
    Global,
    /// Only a principal and the subordinate on the same machine.
    Container,
}

/// An endpoint: a place where a relation can be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The charm's side.
    pub role: Role,
    /// The protocol spoken; both ends must name the same.
    pub interface: String,
    /// How many relations it may have at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether the charm works without it. Informative: nothing enforces it.
    #[serde(default)]
    pub optional: bool,
    /// Which units it joins.
    #[serde(default)]
    pub scope: Scope,
}

/// How a storage is presented to the charm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A mounted folder.
    Filesystem,
    /// A block device.
    Block,
}

/// A storage that each unit may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// How it is presented.
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether all units of the application share it.
    #[serde(default)]
    pub shared: bool,
    /// Whether it can only be read.
    #[serde(default)]
    pub read_only: bool,
    /// How many instances a unit has at least; 0 makes it optional.
    pub count_min: u32,
    /// How many instances a unit has at most; `None` means any number.
    pub count_max: Option<u32>,
    /// The least size of an instance, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_size: Option<u64>,
    /// Where it is mounted; filesystems only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether it is lost when the machine is (`properties: [transient]`).
    #[serde(default)]
    pub transient: bool,
}

/// A device that each unit needs, such as a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its type, such as `nvidia.com/gpu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// How many are needed at least.
    pub count_min: u32,
    /// How many can be used at most.
    pub count_max: u32,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A file that an operator uploads.
    File,
    /// A container image.
    OciImage,
}

/// A file or an image that comes with the charm and can be replaced without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// The name that the file has on the unit; empty for an image.
    #[serde(default)]
    pub filename: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where the author says the image can be found. Informative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_source: Option<String>,
}

/// A workload container beside the charm.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Container {
    /// The image resource it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceName>,
    /// The storages it sees.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// The user that its Pebble runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The group that its Pebble runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// A storage in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Which storage.
    pub storage: StorageName,
    /// The folder in the container.
    #[serde(default)]
    pub location: String,
}

/// Who the charm's code runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharmUser {
    /// The superuser.
    #[default]
    Root,
    /// A user who may become root.
    Sudoer,
    /// A user who may not.
    NonRoot,
}

/// An operating system that a charm runs on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// The system's name, such as `ubuntu`.
    pub name: String,
    /// Its version, such as `22.04`, perhaps with a risk: `22.04/stable`.
    #[serde(default)]
    pub channel: String,
    /// The architectures, in Debian's names; empty means any.
    #[serde(default)]
    pub architectures: Vec<String>,
}

/// What only people read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    /// Who maintains the charm.
    pub maintainers: Vec<String>,
    /// Home pages.
    pub website: Vec<String>,
    /// Where the source is.
    pub source: Vec<String>,
    /// Where to report mistakes.
    pub issues: Vec<String>,
    /// The documentation.
    pub docs: Option<String>,
}

/// Everything that a charm's files say about it, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CharmMeta {
    /// The charm's name, in the shape of an application's, which is called so unless the operator says otherwise.
    pub name: String,
    /// The title for people (`display-name`, or `title` in `charmcraft.yaml`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// One line about it.
    pub summary: String,
    /// More about it.
    pub description: String,
    /// Which generation of metadata it is.
    pub format: Format,
    /// Whether its units live on the machines of other applications' units.
    #[serde(default)]
    pub subordinate: bool,
    /// The endpoints of all roles. The implicit `juju-info` is not among them: see [`CharmMeta::endpoint`].
    #[serde(default)]
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// Names beside the endpoints that can be bound to a network space.
    #[serde(default)]
    pub extra_bindings: Vec<String>,
    /// The storages.
    #[serde(default)]
    pub storages: BTreeMap<StorageName, Storage>,
    /// The devices.
    #[serde(default)]
    pub devices: BTreeMap<String, Device>,
    /// The resources.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, Resource>,
    /// The workload containers.
    #[serde(default)]
    pub containers: BTreeMap<ContainerName, Container>,
    /// The payloads and their types (gone in Juju 4).
    #[serde(default)]
    pub payloads: BTreeMap<String, String>,
    /// What it needs from the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumes: Option<Assumes>,
    /// Who its code runs as.
    #[serde(default)]
    pub charm_user: CharmUser,
    /// The Ubuntu series it supports, the preferred one first (V1).
    #[serde(default)]
    pub series: Vec<String>,
    /// The least version of Juju (V1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_juju_version: Option<Version>,
    /// Where it runs: from `manifest.yaml`, or for a source folder what a packer would write there.
    #[serde(default)]
    pub bases: Vec<Base>,
    /// Its options.
    #[serde(default)]
    pub config: BTreeMap<String, ConfigOption>,
    /// Its actions.
    #[serde(default)]
    pub actions: BTreeMap<ActionName, ActionSpec>,
    /// Words to find it by, and the terms that its users must agree to.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Terms of use by name.
    #[serde(default)]
    pub terms: Vec<String>,
    /// What only people read.
    #[serde(default)]
    pub links: Links,
}

/// The name, and the interface, of the endpoint that every application provides without saying so.
pub const JUJU_INFO: &str = "juju-info";

impl CharmMeta {
    /// The endpoint of that name, the implicit `juju-info` among them.
    pub fn endpoint(&self, name: &str) -> Option<Endpoint> {
        let implicit = || (name == JUJU_INFO).then(Self::juju_info);
        self.endpoints.get(name).cloned().or_else(implicit)
    }

    /// The endpoint that every application provides without saying so.
    pub fn juju_info() -> Endpoint {
        Endpoint {
            role: Role::Provider,
            interface: JUJU_INFO.to_owned(),
            limit: None,
            optional: false,
            scope: Scope::Global,
        }
    }

    /// The endpoints of one role, without the implicit one.
    pub fn endpoints_of(&self, role: Role) -> impl Iterator<Item = (&EndpointName, &Endpoint)> {
        self.endpoints.iter().filter(move |(_, endpoint)| endpoint.role == role)
    }

    /// The defaults of the options that have one.
    pub fn config_defaults(&self) -> impl Iterator<Item = (&str, &super::config::ConfigValue)> {
        self.config.iter().filter_map(|(name, option)| Some((name.as_str(), option.default.as_ref()?)))
    }
}
