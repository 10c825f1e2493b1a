//! Hostile input: every verb and every hook command with arguments that are missing, too many, huge, not text, or lead out of
//! where they should stay. A clear error of at most some kilobytes, nothing changed, nothing crashed.

#[path = "../common/mod.rs"]
mod common;

mod archives;
mod arguments;
mod bundles;
mod hook_commands;
mod sizes;
mod verbs;
