//! The command line as a whole: its name, its usage errors, its completion.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::{COMPLETION_VARIABLE, Command};
use crate::error::{CliError, USAGE};
use crate::output::{be_quiet, print};

/// Run Juju charms on this machine, without Juju
///
/// The first command starts a daemon that runs the charms; `periapt daemon stop` ends it.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 120
)]
#[command(after_help = "A first charm:
  periapt deploy ./my-charm
  periapt status --watch 1s
  periapt tail")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// What Juju takes with every command.
#[derive(Args, Debug)]
struct Global {
    /// Print data and errors only
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Without effect: what the daemon does is in its own log
    #[arg(long, global = true, hide = true)]
    debug: bool,
    /// Without effect: what the daemon does is in its own log
    #[arg(long, global = true, hide = true)]
    show_log: bool,
    /// Without effect: this is what it says anyway
    #[arg(short, long, global = true, hide = true)]
    verbose: bool,
}

/// The definition under the name that the program was called by.
pub fn command(program: &'static str) -> clap::Command {
    Cli::command().name(program).bin_name(program)
}

/// Verbs of Juju that are not there yet. Whoever types one should not be told that there is no such thing.
const NOT_YET: &[&str] = &[
    "add-cloud",
    "add-credential",
    "add-machine",
    "add-secret",
    "add-ssh-key",
    "add-storage",
    "add-user",
    "attach-storage",
    "bind",
    "bootstrap",
    "constraints",
    "consume",
    "controllers",
    "create-storage-pool",
    "credentials",
    "debug-code",
    "debug-hooks",
    "destroy-controller",
    "detach-storage",
    "diff-bundle",
    "download",
    "export-bundle",
    "find",
    "find-offers",
    "grant",
    "grant-secret",
    "info",
    "kill-controller",
    "list-machines",
    "login",
    "logout",
    "machines",
    "migrate",
    "model-constraints",
    "model-defaults",
    "offer",
    "offers",
    "register",
    "remove-machine",
    "remove-offer",
    "remove-saas",
    "remove-secret",
    "remove-ssh-key",
    "remove-storage",
    "resources",
    "resume-relation",
    "revoke",
    "revoke-secret",
    "scale-application",
    "scp",
    "secrets",
    "set-constraints",
    "set-model-constraints",
    "show-controller",
    "show-machine",
    "show-offer",
    "show-secret",
    "show-status-log",
    "show-storage",
    "ssh",
    "storage",
    "suspend-relation",
    "sync-agent-binary",
    "update-cloud",
    "update-secret",
    "upgrade-controller",
    "upgrade-model",
    "users",
    "wait-for",
    "whoami",
];

/// Parses and runs a command line.
pub fn run(program: &'static str, args: impl Iterator<Item = OsString>) -> ExitCode {
    if std::env::var_os(COMPLETION_VARIABLE).is_some() {
        clap_complete::CompleteEnv::with_factory(move || command(program))
            .var(COMPLETION_VARIABLE)
            .complete();
    }
    let args: Vec<OsString> = args.collect();
    let verb = verb_of(&args);
    let matches = command(program).try_get_matches_from(args);
    match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => {
            if cli.global.quiet {
                be_quiet();
            }
            match cli.command.execute(program) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => error.report(),
            }
        }
        Err(error) => refuse(program, verb.as_deref(), &error),
    }
}

/// The verb of a command line, so that a hint can point to its help.
fn verb_of(args: &[OsString]) -> Option<String> {
    let known = Cli::command();
    let words = args.iter().skip(1).filter_map(|word| word.to_str());
    let verb = words.skip_while(|word| word.starts_with('-')).find_map(|word| known.find_subcommand(word))?;
    Some(verb.get_name().to_owned())
}

/// `--help` and `--version` are data; everything else is a misuse.
fn refuse(program: &'static str, verb: Option<&str>, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match print(&error.render().ansi().to_string()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => error.report(),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{}", error.render());
            ExitCode::from(USAGE)
        }
        _ => usage(program, verb, error).report(),
    }
}

/// clap's words in our form: the message, and its tips as the hint.
fn usage(program: &'static str, verb: Option<&str>, error: &clap::Error) -> CliError {
    if let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand)
        && NOT_YET.contains(&verb.as_str())
    {
        return CliError::usage(format!("{verb} is a command of Juju that Periapt does not have yet"))
            .hint(format!("{program} --help lists those it has"));
    }
    let help = match verb {
        Some(verb) => format!("{program} {verb} --help"),
        None => format!("{program} --help"),
    };
    if let Some(message) = own_words(error) {
        return CliError::usage(message).hint(help);
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (mut message, mut hints) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        match line.trim_start() {
            tip if tip.starts_with("tip: ") => hints.push(tip.trim_start_matches("tip: ").to_owned()),
            help if help.starts_with("For more information") => {}
            usage if usage.starts_with("Usage: ") => hints.push(usage.replacen("Usage: ", "usage: ", 1)),
            _ => message.push(line),
        }
    }
    let error = CliError::usage(message.join("\n"));
    match hints.is_empty() {
        true => error.hint(help),
        false => error.hint(hints.join("\n      ")),
    }
}

/// What our own parser says of a value, if it repeats the value: clap would say it twice.
fn own_words(error: &clap::Error) -> Option<String> {
    let (
        ErrorKind::ValueValidation,
        Some(ContextValue::String(value)),
        Some(ContextValue::String(argument)),
        Some(source),
    ) = (
        error.kind(),
        error.get(ContextKind::InvalidValue),
        error.get(ContextKind::InvalidArg),
        std::error::Error::source(error),
    )
    else {
        return None;
    };
    let words = source.to_string();
    words.starts_with(&format!("{value:?} ")).then(|| format!("{argument}: {words}"))
}

#[cfg(test)]
mod tests;
