//! What an agent does next.

use periapt_model::hook::Hook;
use periapt_model::local::{CharmRef, SeenInputs};
use periapt_model::names::{RelationId, StorageId, TaskId, UnitName};
use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Why charm files are put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployKind {
    /// The unit has none; `install` follows.
    Install,
    /// The application has others now; `upgrade-charm` follows.
    Upgrade,
    /// Under a failed hook, by force: that hook is tried again, no `upgrade-charm` follows (Juju 3.6: `--force-units`).
    ForcedUpgrade,
}

/// Why an agent does nothing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestReason {
    /// All is done and nothing is deferred.
    Settled,
    /// All is done, but the charm has deferred events.
    Deferred {
        /// How many.
        events: usize,
    },
    /// A hook has failed and waits for its retry or for `resolved`.
    HookFailed {
        /// Which.
        hook: Hook,
        /// How many times in a row.
        attempts: u32,
    },
    /// A hook's process was ended from outside several times in a row: the next try waits a little.
    HookInterrupted {
        /// Which.
        hook: Hook,
    },
    /// Charm files could not be put in place.
    DeployFailed {
        /// Why.
        reason: String,
    },
    /// The daemon is going down.
    Stopping,
    /// The unit's subordinates must go away first: before it is dead, or before it may enter a relation that brings others.
    Subordinates {
        /// Those that are left.
        left: Vec<UnitName>,
    },
    /// The unit is dead.
    Gone,
}

/// What an agent does next.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nobody leads the application: ask the controller to lead it, then look again. Nothing is committed.
    ClaimLeadership,
    /// Enter a relation: remember it, and let the other side see us.
    EnterScope(RelationId),
    /// A relation that we had entered is over without any hook of ours: removed by force, or before `created` ran, or
    /// one that has no hooks.
    ForgetRelation(RelationId),
    /// A storage of ours goes without a hook: it was taken by force, or is wanted back before its `attached` ran.
    ForgetStorage(StorageId),
    /// A predecessor died while it ran this task: it is marked failed, never run again (Juju 3.6: uniter actions).
    FailInterruptedTask(TaskId),
    /// Put charm files in place.
    Deploy {
        /// Which.
        charm: CharmRef,
        /// Why.
        kind: DeployKind,
    },
    /// Run a hook.
    Hook {
        /// Which.
        hook: Hook,
        /// 1 for its first try.
        attempt: u32,
        /// The inputs of `config-changed` now, at the decision.
        seen: SeenInputs,
    },
    /// Run a task.
    Task(TaskId),
    /// A task was cancelled before it ran.
    CancelTask(TaskId),
    /// The operator said to go on as if this failed hook had succeeded.
    SkipHook {
        /// Which.
        hook: Hook,
    },
    /// A hook that was decided has lost its subject, or is not due any more.
    DropHook {
        /// Which.
        hook: Hook,
        /// Why, in words.
        reason: String,
    },
    /// We lead: `leader-elected` is queued.
    AcceptLeadership,
    /// We do not lead any more. No hook tells the charm.
    ResignLeadership,
    /// The unit is to go away, and nothing that was decided before is left: the hooks of the end follow.
    BeginTeardown,
    /// Everything is done: say so.
    ReportIdle,
    /// The unit's end.
    Dead,
    /// Nothing to do.
    Rest {
        /// Look again then, even if nothing changes.
        until: Option<Timestamp>,
        /// Why.
        why: RestReason,
    },
}

impl Step {
    /// Whether something runs between [`begin`](crate::begin) and [`finish`](crate::finish). The other steps are complete
    /// with `begin`'s commit; [`Step::ClaimLeadership`] and [`Step::Rest`] commit nothing at all.
    pub fn runs_a_process(&self) -> bool {
        matches!(self, Self::Deploy { .. } | Self::Hook { .. } | Self::Task(_))
    }

    /// Whether there is nothing to do now.
    pub fn is_rest(&self) -> bool {
        matches!(self, Self::Rest { .. })
    }
}
