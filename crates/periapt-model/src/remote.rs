//! What one unit's agent can see of the model: a whole picture each time, never a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::charm::Role;
use crate::journal::Event;
use crate::local::{CharmRef, SeenInputs};
use crate::names::{AppName, EndpointName, RelationId, SecretId, StorageId, TaskId, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

/// What an operator said about a failed hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolve {
    /// Run it again now.
    Retry,
    /// Go on as if it had succeeded (its effects are lost).
    NoRetry,
}

/// A task that waits for this unit or was begun by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteTask {
    /// Its id; tasks run in this order.
    pub id: TaskId,
    /// What it runs, for people: the action's name, or `juju-exec`.
    #[serde(default)]
    pub name: String,
    /// What the journal calls it.
    pub event: Event,
    /// When it was begun, if it was.
    pub started: Option<Timestamp>,
    /// Whether it may run without the machine lock.
    pub parallel: bool,
    /// Whether somebody asked to cancel it.
    pub cancelled: bool,
}

/// One relation of this unit's application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRelation {
    /// Our endpoint.
    pub endpoint: EndpointName,
    /// Our role.
    pub role: Role,
    /// The other side's application; our own for a peer relation.
    pub remote_app: AppName,
    /// Whether it is going away.
    pub life: Life,
    /// Suspended relations look empty.
    pub suspended: bool,
    /// The implicit `juju-info` provider has no hooks.
    pub implicit: bool,
    /// Whether the charm files that the unit has know the endpoint: one that only a newer charm has is entered after
    /// the upgrade.
    #[serde(default)]
    pub implemented: bool,
    /// Whether our unit has entered scope.
    pub in_scope: bool,
    /// The units on the other side that are in scope, with their databags' versions. Never ourselves.
    pub members: BTreeMap<UnitName, u64>,
    /// The versions of the application databags that we are told of: the other side's, or our own for a peer relation.
    pub apps: BTreeMap<AppName, u64>,
    /// The whole other application (or, for a peer relation, our own) is going away.
    pub remote_app_dying: bool,
    /// It cannot be entered yet: our subordinate of an earlier relation to that application is still going away (Juju 3.6:
    /// `ErrCannotEnterScopeYet`).
    #[serde(default)]
    pub closed: bool,
}

/// A secret that our unit has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRead {
    /// Our unit's name for it.
    pub label: Option<String>,
    /// The revision it reads.
    pub tracked: u32,
    /// The newest.
    pub latest: u32,
    /// Whether our unit may read it still.
    pub readable: bool,
}

/// A secret that our unit manages: its own, and its application's while it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteOwned {
    /// The owner's name for it.
    pub label: Option<String>,
    /// The newest revision.
    pub latest: u32,
    /// When it is to be rotated.
    pub rotates: Option<Timestamp>,
    /// When revisions expire.
    pub expires: BTreeMap<u32, Timestamp>,
    /// The revisions that nobody reads any more.
    pub obsolete: BTreeSet<u32>,
}

/// The picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Whose.
    pub unit: UnitName,
    /// The unit's own life.
    pub life: Life,
    /// What the operator said about the failed hook.
    pub resolved: Option<Resolve>,
    /// The charm the application wants.
    pub charm: CharmRef,
    /// The operator forces the new charm on units in error.
    pub charm_forced: bool,
    /// The inputs of `config-changed` as they are now.
    pub inputs: SeenInputs,
    /// By relation id.
    pub relations: BTreeMap<RelationId, RemoteRelation>,
    /// Whether this unit holds its application's leadership.
    pub leader: bool,
    /// Whether anybody does: before that no leadership decision is made.
    pub leadership_known: bool,
    /// The version of the leader settings; 0 if never written.
    pub leader_settings: u64,
    /// The secrets our unit has read.
    #[serde(default)]
    pub secrets_read: BTreeMap<SecretId, RemoteRead>,
    /// The secrets our unit manages.
    #[serde(default)]
    pub secrets_owned: BTreeMap<SecretId, RemoteOwned>,
    /// The unit's storages, those that its charm's files know. One that is not alive is to be detached.
    #[serde(default)]
    pub storages: BTreeMap<StorageId, Life>,
    /// The subordinates of our unit: it is not dead before they are gone.
    #[serde(default)]
    pub subordinates: BTreeSet<UnitName>,
    /// Oldest first.
    pub tasks: Vec<RemoteTask>,
    /// `update-status-hook-interval`.
    pub update_status_interval: Duration,
    /// `automatically-retry-hooks`.
    pub retry_hooks: bool,
    /// `deferred-wake`: the first delay before deferred events are woken; None turns it off.
    pub deferred_wake: Option<Duration>,
}
