//! The vocabulary of Periapt and the pure functions over it.
//!
//! **Owns** what an application, a unit, a relation, an event, a status and a charm's metadata *are*, and three of the
//! core's five functions: [`apply`](apply::apply) (what an operator's command does to the model),
//! [`observe`](observe::observe) (what one unit's agent can see of it) and [`commit`](commit::commit) (what a hook that
//! ended well does to it).
//!
//! **Must not know** any clock, file, network, thread, environment or source of randomness: time is an argument.

pub mod apply;
mod calendar;
pub mod channel;
pub mod charm;
pub mod charm_url;
pub mod command;
pub mod commit;
pub mod constraints;
pub mod deferral;
pub mod effects;
pub mod entity;
pub mod hook;
pub mod journal;
pub mod local;
pub mod log;
pub mod mirror;
pub mod model;
pub mod names;
pub mod observe;
pub mod offer_url;
pub mod published;
pub mod remote;
pub mod secrets;
pub mod shape;
pub mod status;
pub mod step_commit;
pub mod time;
pub mod wake;
pub mod yaml;
