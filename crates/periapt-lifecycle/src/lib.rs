//! The lifecycle of a unit: which hook its agent runs next, what that changes, and whether a trace keeps the order.
//!
//! **Owns** [`next()`] (the resolver of Juju 3.6 as one pure function), the two transitions around a process
//! ([`begin`], [`finish`]), what [`why()`] says of a unit that waits, the lifecycle [`table`] with its [`graph`], and
//! the [`checker`] that holds a trace against the table.
//!
//! **Must not know** any clock, file, network, process, thread, environment or source of randomness: time is an
//! argument, and what looks random (the jitter of timers) is a hash of names and counters.
//!
//! The way of one step, as every driver goes it:
//!
//! 1. `next(local, remote, moment)` says what to do.
//! 2. [`begin`] gives what is committed before anything happens. If [`Step::runs_a_process`] is false, that was all.
//! 3. The process runs.
//! 4. [`finish`] gives what is committed with the process's effects, in one transaction with its journal entry.
//!
//! The `Remote` given to `next` must be at least as new as the unit's own last commit, and the `Local` must be the one
//! that commit stored; otherwise a task that has ended or a relation that was left would be seen again.

pub mod checker;
mod deferral;
pub mod graph;
mod next;
pub mod simulate;
mod step;
pub mod table;
pub mod timers;
mod transition;
mod why;

pub use deferral::deferrals;
pub use next::next;
pub use step::{DeployKind, RestReason, Step};
pub use transition::{DispatchFacts, StepEnd, TaskEnd, Transition, begin, finish};
pub use why::{NextMoment, Wait, Waits, is_idle, is_settled, why};

#[cfg(test)]
mod tests;
