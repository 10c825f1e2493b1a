//! Relations between models: what commands do, and that the halves converge whatever happens in between.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod commands;
mod converge;
mod pair;
mod secrets;
mod two_names;
