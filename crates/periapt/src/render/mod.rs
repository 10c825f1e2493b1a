//! From views to text for people: pure functions, without a clock.

pub mod actions;
pub mod config;
pub mod debug_log;
pub mod models;
pub mod offers;
pub mod operations;
pub mod secrets;
pub mod status;
pub mod storage;
pub mod style;
pub mod table;
pub mod tail;
pub mod task;
pub mod time;
pub mod why;
