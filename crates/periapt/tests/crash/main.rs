//! `kill -9` of the daemon, of charms' processes and of hook programs, at every step of a hook: nothing is lost, nothing
//! counts twice, and every trace satisfies the lifecycle table (I1, I2).

#[path = "../common/mod.rs"]
mod common;

mod arena;
mod audit;
mod chaos;
mod faults;
mod killed;
mod leftover;
mod processes;
mod recorder;
