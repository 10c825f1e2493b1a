//! The daemon: controller and agents in one process, and how commands find or start it.

mod agents;
mod clear;
mod link;
mod log;
mod run;
mod start;

pub use run::{DaemonError, FIRST_MODEL, run};
pub use start::{ALREADY_RUNS, StartError, deaf, ensure_running, running, stop};
