//! What one unit's agent remembers: the persistent half of its decisions (Juju's `uniter/operation/state.go` and
//! `uniter/relation/state.go`, in one value that is committed with every step).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::hook::Hook;
use crate::names::{AppName, CharmId, EndpointName, RelationId, SecretId, StorageId, TaskId, UnitName};
use crate::time::Timestamp;
use crate::wake::{Alarm, Wake};

/// Which charm files: what the application wants, or what the unit has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CharmRef {
    /// The content.
    pub id: CharmId,
    /// `local:name-N`.
    pub url: String,
    /// Raised by every change that must run `upgrade-charm` without new files, such as `attach-resource`.
    #[serde(default)]
    pub modified: u64,
}

/// A fingerprint of inputs, compared for equality only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Fingerprint(pub u64);

/// The inputs of `config-changed` as one hook saw them, taken when the hook was *decided* so that a change while it
/// runs causes another one (reference 1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SeenInputs {
    /// Charm config with the charm's defaults.
    pub config: Fingerprint,
    /// The trust flag.
    pub trust: Fingerprint,
    /// The unit's addresses per endpoint.
    pub addresses: Fingerprint,
}

/// Why and when a hook failed, and when it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it failed last.
    pub at: Timestamp,
    /// How many times it has failed in a row; at least 1.
    pub attempts: u32,
    /// How many of its tries since the first were ended from outside: they count as tries, not for the delay.
    #[serde(default)]
    pub interrupted: u32,
    /// What went wrong, in words: `exit status 1`.
    pub reason: String,
    /// When the agent tries again by itself; None when `automatically-retry-hooks` was off at that time.
    pub retry_at: Option<Timestamp>,
    /// The last lines of its output, oldest first, at most a handful.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}

/// How far a hook has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookStep {
    /// Decided, not begun.
    Queued,
    /// Begun. Found at an agent's start, it was interrupted: its effects are not there and it runs again.
    Pending {
        /// When its process was about to start.
        since: Timestamp,
        /// How many tries since the last failure, or since the first try, were ended from outside.
        #[serde(default)]
        interrupted: u32,
        /// The failures before this attempt, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Failure>,
        /// When its process was ended from outside, or another agent took the unit. None: it runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<Timestamp>,
    },
    /// It failed and waits for its retry or for `resolved`.
    Failed(Failure),
}

/// The one operation a unit is in. There is no queue: at most one hook is remembered, and everything else is derived
/// from the difference between [`Remote`](crate::remote::Remote) and [`Local`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// At rest: the next step may be anything.
    #[default]
    Continue,
    /// Charm files are being put in place.
    Deploy {
        /// Which.
        charm: CharmRef,
        /// A forced upgrade out of an error: no `upgrade-charm` follows, this hook stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interrupted: Option<Box<FailedHook>>,
    },
    /// A hook.
    Hook {
        /// Which.
        hook: Hook,
        /// How far it has come.
        step: HookStep,
        /// For `config-changed`: the inputs it was decided on.
        #[serde(default)]
        seen: SeenInputs,
    },
}

/// A hook in error, kept while a forced upgrade replaces the files under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedHook {
    /// Which.
    pub hook: Hook,
    /// Why.
    pub failure: Failure,
    /// Its inputs.
    #[serde(default)]
    pub seen: SeenInputs,
}

/// Charm files that could not be put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedDeploy {
    /// Which: others are tried at once.
    pub charm: CharmRef,
    /// Why, and when the agent tries again.
    pub failure: Failure,
}

/// One relation as this unit's hooks have seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRelation {
    /// Our endpoint.
    pub endpoint: EndpointName,
    /// The other side's application; our own for a peer relation.
    pub remote_app: AppName,
    /// Whether it is a peer relation: those are never broken.
    pub peer: bool,
    /// The implicit `juju-info` provider: it has no hooks, `created` stays false.
    #[serde(default)]
    pub implicit: bool,
    /// Whether `relation-created` has run.
    pub created: bool,
    /// Units whose `joined` has run, with the databag version that was last told.
    #[serde(default)]
    pub members: BTreeMap<UnitName, u64>,
    /// Application databag versions that were last told; absent is 0.
    #[serde(default)]
    pub apps: BTreeMap<AppName, u64>,
    /// The unit whose `joined` has run and whose first `changed` must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_pending: Option<UnitName>,
}

/// One row of an `ops` charm's notice table: a handler that deferred an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// The row's place in the queue.
    pub sequence: i64,
    /// The event's handle path, such as `MyCharm/on/start[6]`.
    pub event: String,
    /// The observer's handle path.
    pub observer: String,
    /// The handler's name.
    pub method: String,
}

impl Notice {
    /// The event's name without its path and key: `start`.
    pub fn event_name(&self) -> &str {
        let last = self.event.rsplit('/').next().unwrap_or(&self.event);
        last.split('[').next().unwrap_or(last)
    }
}

/// A deferred event, and how often it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Which event and handler.
    pub notice: Notice,
    /// When it was deferred first.
    pub first: Timestamp,
    /// When it was tried last.
    pub last: Timestamp,
    /// How many times its handler has run and deferred it; at least 1.
    pub tries: u32,
    /// Why, in the charm's words; empty where it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The lane it keeps the order of; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lane: String,
    /// When the charm wants it to be run again; None: the agent decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Alarm>,
}

impl Deferred {
    /// One that was deferred `now` for the first time, without a reason.
    pub fn new(notice: Notice, now: Timestamp) -> Self {
        Self {
            notice,
            first: now,
            last: now,
            tries: 1,
            reason: String::new(),
            lane: String::new(),
            wake: None,
        }
    }
}

/// What is deferred in this unit, and when the agent wakes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DeferredQueue {
    /// Oldest first.
    #[serde(default)]
    pub events: Vec<Deferred>,
    /// How many wakes have passed without progress: the delay doubles with each.
    #[serde(default)]
    pub fruitless: u32,
    /// When the last dispatch that could re-emit them ended: delays count from here.
    #[serde(default)]
    pub since: Timestamp,
    /// What the charm keeps and never runs, since it no longer knows the event or its handler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<Deferred>,
    /// The charm that told what is deferred by `periapt-deferred`: as long as its files are in place, a dispatch that
    /// tells nothing leaves the queue as it was. None: the agent looks into the charm's own store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_by: Option<CharmId>,
}

/// What a unit has been told of secrets. Entries go when the unit has nothing to do with the secret any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LocalSecrets {
    /// `secret-changed`: the newest revision it was told of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<SecretId, u32>,
    /// `secret-expired`: when it was told last, by revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expired: BTreeMap<SecretId, BTreeMap<u32, Timestamp>>,
    /// `secret-rotate`: when it was told last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rotated: BTreeMap<SecretId, Timestamp>,
    /// `secret-remove`: of which revisions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<SecretId, BTreeSet<u32>>,
}

impl LocalSecrets {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The whole memory of one unit's agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Local {
    /// `install` has run.
    pub installed: bool,
    /// `start` has run, and `stop` has not since.
    pub started: bool,
    /// `stop` has run.
    pub stopped: bool,
    /// `remove` has run.
    pub removed: bool,
    /// Leadership is accepted (not the same as holding the lease).
    pub leader: bool,
    /// The agent has seen that its unit is to go away: from here on only the hooks of the end run.
    #[serde(default)]
    pub dying: bool,
    /// The agent has reported itself idle and has begun nothing reportable since.
    #[serde(default)]
    pub idle: bool,
    /// The charm has set a workload status (decides `unknown` after the first start).
    pub status_set: bool,
    /// What it is in the middle of.
    pub op: Op,
    /// A task that was begun; found at an agent's start, it was interrupted and is marked failed, never run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The files in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm: Option<CharmRef>,
    /// The files that could not be put in place, if that was the last that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_failed: Option<FailedDeploy>,
    /// The inputs the last committed `config-changed` saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenInputs>,
    /// By relation id.
    #[serde(default)]
    pub relations: BTreeMap<RelationId, LocalRelation>,
    /// The leader settings version that was last told; None before the first time, which is due even if nothing was
    /// ever written. Persisted, unlike Juju's: a restart tells nothing new.
    #[serde(default)]
    pub leader_settings: Option<u64>,
    /// When the update-status timer was last set off.
    #[serde(default)]
    pub update_status_armed: Timestamp,
    /// How many update-status periods have begun: the jitter's seed moves with it.
    #[serde(default)]
    pub update_status_period: u32,
    /// The boot identity at the last `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// What it has been told of secrets.
    #[serde(default, skip_serializing_if = "LocalSecrets::is_empty")]
    pub secrets: LocalSecrets,
    /// The storages whose `attached` has run, and whose `detaching` has not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub storages: BTreeSet<StorageId>,
    /// What the charm has deferred.
    #[serde(default)]
    pub deferred: DeferredQueue,
    /// The wakes that the charm asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wakes: Vec<Wake>,
}
