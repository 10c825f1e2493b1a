//! A charm's process: from its environment to its exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use crate::Charm;
use crate::commands::{AgentSocket, Commands, Processes};
use crate::context::Context;
use crate::dispatch;
use crate::environment::{Dispatched, Environment};
use crate::error::Error;
use crate::log::{Collector, Lines, least_level};
use crate::memory::{Keep, Memory, SqliteKeep};
use crate::panics::with_panics;
use crate::report;

/// Set by a dispatch for its children: a charm that is called again by its own hook must not run a second time (ops: the same
/// variable).
const RECURSION_GUARD: &str = "OPERATOR_DISPATCH";

/// Runs one dispatch of the charm in this process: what `fn main` of a charm is.
///
/// ```no_run
/// # use periapt_charm::prelude::*;
/// # #[derive(Default)] struct Api;
/// # static META: Metadata = Metadata { name: "api", json: "{}", files: &[] };
/// # impl Charm for Api { const META: &'static Metadata = &META; fn observe(_on: &mut Observe<Self>) {} }
/// fn main() -> std::process::ExitCode {
///     periapt_charm::main::<Api>()
/// }
/// ```
#[must_use]
pub fn main<C: Charm>() -> ExitCode {
    if std::env::var_os(RECURSION_GUARD).is_some() {
        return ExitCode::SUCCESS;
    }
    let environment = match Environment::read(&|name| std::env::var(name).ok()) {
        Ok(environment) => environment,
        Err(error) => {
            eprintln!("{}: {error}", C::META.name);
            return ExitCode::FAILURE;
        }
    };
    let is_action = matches!(environment.dispatched, Dispatched::Action { .. });
    let lines = Arc::new(Lines::new(least_level(std::env::var("PERIAPT_CHARM_LOG").ok().as_deref())));
    // A charm that has a subscriber of its own keeps it.
    let _ = tracing::subscriber::set_global_default(Collector(Arc::clone(&lines)));
    let mut keep = SqliteKeep::new(environment.charm_dir.join(crate::memory::FILE));
    let outcome = catch(|| run_once::<C>(environment, commands(), &mut keep, lines));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // An action's operator reads standard error; a hook's log has it already.
            if is_action {
                eprintln!("Uncaught error in charm code: {message}");
            } else {
                eprintln!("{message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs a dispatch and saves what it leaves, if it ends well.
pub(crate) fn run_once<C: Charm>(
    environment: Environment,
    commands: Box<dyn Commands>,
    keep: &mut dyn Keep,
    lines: Arc<Lines>,
) -> Result<(), Error> {
    let memory = Memory::from_entries(keep.load()?);
    let mut cx = Context::new(environment, C::META.parse(), commands, memory, lines);
    cx.was_ops = cx.is_periapt() && cx.environment().charm_dir.join(report::STATE_OF_OPS).exists();
    let name = cx.environment().dispatched.name();
    tracing::trace!("periapt-charm {} up and running.", env!("CARGO_PKG_VERSION"));
    let ended = with_panics(|| dispatch::dispatch::<C>(&mut cx));
    conclude(&cx, &name, ended)?;
    keep.save(cx.memory.borrow().to_entries())?;
    Ok(())
}

/// What is said at a dispatch's end, before it is saved.
pub(crate) fn conclude(cx: &Context, name: &str, ended: Result<(), Error>) -> Result<(), Error> {
    match &ended {
        Ok(()) => {
            report::send(cx);
            cx.set_timer();
        }
        Err(error) => tracing::error!("Uncaught error in charm code ({name}): {error}"),
    }
    cx.flush_log();
    // All hook commands come before the memory is saved.
    cx.finish_log();
    ended
}

/// One connection where the agent is Periapt's, otherwise a process for each hook command.
fn commands() -> Box<dyn Commands> {
    let periapt = std::env::var_os("PERIAPT_VERSION").is_some();
    if periapt
        && let (Some(address), Some(context)) =
            (std::env::var_os("JUJU_AGENT_SOCKET_ADDRESS"), std::env::var_os("JUJU_CONTEXT_ID"))
        && let Ok(socket) = AgentSocket::open(&address, &context)
    {
        return Box::new(socket);
    }
    Box::new(Processes::new(periapt))
}

fn catch(work: impl FnOnce() -> Result<(), Error>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(_) => Err("the charm panicked".to_owned()),
    }
}
