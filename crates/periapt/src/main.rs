//! Periapt: the command line, and the daemon behind it.
//!
//! **Owns** the commands, their arguments and output formats, and how controller and agents are put together in one
//! process. **Must not know** how anything is decided.
//!
//! The program goes by four kinds of names: `periapt`, `juju` (for scripts and test suites written for it), `juju-exec` and
//! `juju-run` (on units), and that of any hook command, as which it does what `periapt-hook` does.

mod args;
mod bundle;
mod charm_store;
mod cli;
mod commands;
mod daemon;
mod error;
mod home;
mod juju_exec;
mod notes;
mod output;
mod plugin;
mod register;
mod render;
mod scaffold;
mod session;
mod verbs;

use std::path::Path;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default().to_string_lossy();
    match name.as_ref() {
        "juju" => operator("juju"),
        "juju-exec" => juju_exec::run("juju-exec", std::env::args_os()),
        "juju-run" => juju_exec::run("juju-run", std::env::args_os()),
        name if periapt_context::known_commands().contains(&name) => periapt_hook::program::main(),
        _ => operator("periapt"),
    }
}

/// What an operator types, asks for or is shown may hold a secret: no such command leaves a core file. Those of charms do: the
/// agent has to look into them, to see whose they are.
fn operator(name: &'static str) -> ExitCode {
    // A system that cannot do so has no core files of ours. What a command starts is not concerned.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    cli::run(name, std::env::args_os())
}
