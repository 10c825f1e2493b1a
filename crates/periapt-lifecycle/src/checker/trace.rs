//! What a checker sees of a unit: its journal, without what has no part in the order of things.

use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Event, Mark, Outcome};
use periapt_model::names::{RelationId, StorageId};
use periapt_model::time::Timestamp;

/// How a hook's run ended, as far as the order of hooks is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It counts as done: it ran well, was not there, or was skipped by an operator.
    Done,
    /// It failed or was interrupted: it is due again.
    Again,
}

/// When something ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub started: Timestamp,
    /// To.
    pub ended: Timestamp,
}

/// One thing that happened to a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// The agent ran a hook, or a wake, which is not one ([`Hook::DeferredWake`]).
    Hook {
        /// Which.
        hook: Hook,
        /// 1 for the first try.
        attempt: u32,
        /// When.
        span: Span,
        /// How it ended.
        end: End,
    },
    /// An action or a command line.
    Task(Span),
    /// A recorded hook was run again by hand: it takes time like any other, but has no place in the order.
    Replay(Span),
    /// An agent took the unit.
    AgentStarted,
    /// Charm files were put in place.
    CharmInstalled {
        /// They replaced others.
        upgrade: bool,
        /// Under a failed hook.
        forced: bool,
    },
    /// The unit entered a relation.
    EnteredScope {
        /// Which.
        relation: RelationId,
        /// Whether it is a peer relation.
        peer: bool,
        /// Whether it has no hooks.
        implicit: bool,
    },
    /// A relation ended without hooks.
    RelationForgotten(RelationId),
    /// A storage went without a hook.
    StorageForgotten(StorageId),
    /// Leadership was accepted.
    LeaderAccepted,
    /// Leadership was given up.
    LeaderResigned,
    /// The agent saw that its unit is to go away.
    DyingSeen,
    /// A hook that was decided does not run any more.
    HookDropped(Hook),
    /// The unit is dead.
    Dead,
    /// Something without a place in the order.
    Other,
}

impl TraceEvent {
    /// What a journal entry means for the order. What a framework re-emitted within a dispatch is no hook, and does not
    /// show here.
    pub fn from_entry(entry: &Entry) -> Self {
        match entry {
            Entry::Dispatch(dispatch) => {
                let span = Span { started: dispatch.started, ended: dispatch.ended };
                match &dispatch.event {
                    Event::Hook(hook) => Self::Hook {
                        hook: hook.clone(),
                        attempt: dispatch.attempt,
                        span,
                        end: match dispatch.outcome {
                            Outcome::Done | Outcome::Missing | Outcome::Skipped => End::Done,
                            Outcome::Failed { .. } | Outcome::Interrupted { .. } => End::Again,
                        },
                    },
                    Event::Action { .. } | Event::Exec { .. } => Self::Task(span),
                    Event::Replay { .. } => Self::Replay(span),
                }
            }
            Entry::Mark(mark) => match mark {
                Mark::AgentStarted { .. } => Self::AgentStarted,
                Mark::CharmInstalled { upgrade, forced, .. } => {
                    Self::CharmInstalled { upgrade: *upgrade, forced: *forced }
                }
                Mark::EnteredScope { relation, peer, implicit, .. } => {
                    Self::EnteredScope { relation: *relation, peer: *peer, implicit: *implicit }
                }
                Mark::RelationForgotten { relation } => Self::RelationForgotten(*relation),
                Mark::StorageForgotten { storage } => Self::StorageForgotten(storage.clone()),
                Mark::LeaderAccepted => Self::LeaderAccepted,
                Mark::LeaderResigned => Self::LeaderResigned,
                Mark::DyingSeen => Self::DyingSeen,
                Mark::HookDropped { hook, .. } => Self::HookDropped(hook.clone()),
                Mark::Dead => Self::Dead,
                Mark::Violation { .. } => Self::Other,
            },
        }
    }
}
