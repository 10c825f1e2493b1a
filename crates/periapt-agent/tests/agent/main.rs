//! Agents over a controller in memory: real processes of real charms written in bash, real hook programs.

mod deferral;
mod hooks;
mod restarts;
mod support;
mod tasks;
