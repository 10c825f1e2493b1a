//! What a hook may read and write: every hook command as one pure function, [`answer`].
//!
//! **Owns** the hook commands' grammar, output formats, error texts, exit codes, permissions and effects (Juju 3.6:
//! `internal/worker/uniter/runner/jujuc` and `.../runner/context`).
//!
//! **Must not know** any process, socket, file, clock or environment. What a command needs from outside (its standard
//! input, a file, a leadership claim) it asks for by name with [`Reply::Need`]; the agent fetches that and calls again.
//!
//! How an agent drives it:
//!
//! ```text
//! loop {
//!     match answer(&view, &mut effects, &call, &mut session) {
//!         Reply::Need(need) => fetch it into `supplied` and call again; nothing has been done yet
//!         Reply::Done(output) => carry out output.immediate, write output.write_file, print, exit
//!     }
//! }
//! ```
//!
//! Reads answer from the model the hook started at, with the hook's own writes on top (reference 4.3). Writes go into
//! the hook's [`Effects`](periapt_model::effects::Effects), which count only when it ends well; the few that Juju
//! applies at once come out as [`Immediate`].

mod arguments;
mod call;
mod commands;
mod context;
mod describe;
mod format;
mod fuzz;
mod help;
pub mod limits;
mod outcome;
mod relation;
mod secret;
mod session;
mod settings;
mod spec;
#[doc(hidden)]
pub mod testing;
mod time;
mod view;

pub use call::{Call, Immediate, Need, Output, Reply, Supplied, decode_arguments};
pub use commands::{command_help, command_purpose, is_known_command, known_commands};
pub use describe::{describe, describe_tell};
#[doc(hidden)]
pub use fuzz::fuzz_arguments;
pub use session::Session;
pub use view::{ContextKind, RelationContext, View};

use periapt_model::effects::Effects;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};

/// Runs one hook command.
///
/// Calling it again with the same arguments after a [`Reply::Need`] is safe: `effects` changes only when the reply is
/// [`Reply::Done`], and `session` before that only by learning that the unit does not lead.
///
/// Exit codes are Juju's: 0 well, 1 the command failed, 2 it was called wrongly (which includes an unknown relation id).
pub fn answer(view: &View, effects: &mut Effects, call: &Call<'_>, session: &mut Session) -> Reply {
    if call.supplied.leader == Some(false) {
        session.not_leader = true;
    }
    let Some(spec) = commands::find(call.command) else {
        return Reply::Done(Output::error(1, &format!("unknown command: {}", call.command)));
    };
    let outcome = arguments::parse(spec, call.args).and_then(|args| {
        let cx = Context { view, effects, session, call, args };
        let mut outcome = (spec.run)(&cx)?;
        if let Some(formats) = spec.output {
            outcome.print(&cx.args, formats)?;
        }
        Ok(outcome)
    });
    Reply::Done(match outcome {
        Ok(outcome) => finish(outcome, effects, session),
        Err(Stop::Need(need)) => return Reply::Need(need),
        Err(Stop::Help) => Output { stdout: help::text(spec, Some(view)).into_bytes(), ..Output::default() },
        Err(Stop::Usage(message)) => Output::error(2, &message),
        Err(Stop::Failed(message)) => Output::error(1, &message),
    })
}

fn finish(outcome: Outcome, effects: &mut Effects, session: &mut Session) -> Output {
    let mut immediate = Vec::new();
    for change in outcome.changes {
        immediate.extend(change.apply(effects, session));
    }
    let mut output = Output { immediate, ..Output::default() };
    for warning in outcome.warnings {
        output.stderr.extend_from_slice(warning.as_bytes());
        output.stderr.push(b'\n');
    }
    match outcome.file {
        Some(path) => output.write_file = Some((path, outcome.text.into_bytes())),
        None => output.stdout = outcome.text.into_bytes(),
    }
    output
}
