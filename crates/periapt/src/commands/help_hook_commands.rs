//! `help-hook-commands` and `help-action-commands`: what charms can call.

use clap::Args;
use periapt_context::{command_help, command_purpose, known_commands};
use periapt_model::entity::nearest;

use crate::error::{CliError, Result};
use crate::output::print;

/// Show the help of a hook command, or list the hook commands
#[derive(Args, Debug)]
#[command(visible_alias = "help-tool")]
pub struct HelpHookCommands {
    /// The command
    name: Option<String>,
}

/// Show the help of a command that actions call, or list those
#[derive(Args, Debug)]
pub struct HelpActionCommands {
    /// The command
    name: Option<String>,
}

/// Whether actions call it, and hooks do not.
fn is_of_actions(name: &str) -> bool {
    name.starts_with("action-")
}

impl HelpHookCommands {
    /// Prints it. Needs no daemon.
    pub fn run(self) -> Result {
        show(self.name.as_deref(), known_commands())
    }
}

impl HelpActionCommands {
    /// Prints it. Needs no daemon.
    pub fn run(self) -> Result {
        show(self.name.as_deref(), known_commands().into_iter().filter(|name| is_of_actions(name)).collect())
    }
}

fn show(wanted: Option<&str>, known: Vec<&'static str>) -> Result {
    let Some(wanted) = wanted else {
        let width = known.iter().map(|name| name.len()).max().unwrap_or(0);
        let line =
            |name: &&str| format!("    {name:width$}  {}\n", command_purpose(name).unwrap_or_default());
        return print(&known.iter().map(line).collect::<String>());
    };
    match command_help(wanted).filter(|_| known.contains(&wanted)) {
        Some(text) => print(&text),
        None => {
            let error = CliError::new(format!("unknown command: {wanted}"));
            Err(match nearest(wanted, known.into_iter()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error,
            })
        }
    }
}
