//! Running the steps that the pure core decides.
//!
//! **Owns** the agents of one model's units ([`Agents`]): what a step needs of the machine (a unit's folder, the charm's
//! process with its environment and its output, the socket of its hook commands, the machine lock), and the loop around
//! [`next`](periapt_lifecycle::next) that a unit lives in.
//!
//! **Must not know** the store, or how anything is decided: it sees the model through [`control::Control`], asks the core
//! what to do, does it, and commits what came of it in one transaction.
//!
//! Start with `unit.rs`, the loop; a process is run by `execution.rs`, and its hook commands are answered in `serve.rs`.

mod boot;
mod caller;
pub mod control;
mod deferred;
mod dispatch;
mod environment;
mod execution;
pub mod fault;
mod folder;
mod leftover;
mod machine;
mod machine_lock;
mod namespace;
mod output;
mod programs;
mod report;
mod serve;
mod shared;
mod socket;
mod storage;
mod stray;
mod substrate;
mod supervisor;
mod unit;

pub use namespace::{Isolation, enter_machine, own_path, view_of_model};
pub use programs::offer_programs;
pub use shared::AgentOptions;
pub use stray::remove_model;
pub use supervisor::{Agents, StartError};
