//! Agents over a controller in memory: real processes of real charms written in bash, real hook programs.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails where something is missing; that holds for its helpers too"
)]

mod deferral;
mod hooks;
mod restarts;
mod subjects;
mod support;
mod tasks;
