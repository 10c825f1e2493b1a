//! The command line as a whole: its name, its usage errors, its completion.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};

use periapt_controller::views::version::version;

use crate::commands::{COMPLETION_VARIABLE, Command};
use crate::error::{CliError, USAGE};
use crate::output::{be_quiet, print, say};
use crate::{notes, plugin, verbs};

mod grammar;

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
    /// Without effect: nobody logs in
    #[arg(short = 'B', long, global = true, hide = true)]
    no_browser_login: bool,
    /// Without effect: what the daemon does is in its own log
    #[arg(long, global = true, hide = true, value_name = "CONFIG")]
    logging_config: Option<String>,
    /// Without effect: what the daemon does is in its own log
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    log_file: Option<String>,
    /// Without effect: there are no aliases of your own
    #[arg(long, global = true, hide = true)]
    no_alias: bool,
}

/// The definition under the name that the program was called by.
pub fn command(program: &'static str) -> clap::Command {
    // Of an option that is given twice the last counts, as in Juju.
    Cli::command().name(program).bin_name(program).args_override_self(true)
}

/// Parses and runs a command line.
pub fn run(program: &'static str, args: impl Iterator<Item = OsString>) -> ExitCode {
    if std::env::var_os(COMPLETION_VARIABLE).is_some() {
        clap_complete::CompleteEnv::with_factory(move || command(program))
            .var(COMPLETION_VARIABLE)
            .complete();
    }
    let mut definition = command(program);
    let args = match grammar::rewrite(&definition, args.collect()) {
        Ok(args) => args,
        Err(error) => return error.report(),
    };
    if args.get(1).is_some_and(|word| word == "help") && args.get(2).is_some_and(|word| word == "commands") {
        return print(&grammar::list(&definition))
            .map_or_else(|error| error.report(), |()| ExitCode::SUCCESS);
    }
    let verb = verb_of(&args);
    let matches = definition.try_get_matches_from_mut(args.clone());
    let notes = matches.as_ref().map(|found| notes::without_effect(&definition, found)).unwrap_or_default();
    match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => {
            if cli.global.quiet {
                be_quiet();
            }
            notes.iter().for_each(say);
            match cli.command.execute(program) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => error.report(),
            }
        }
        Err(error) => match unknown_verb(&error)
            .filter(|word| verbs::find(word).is_none())
            .and_then(|w| plugin::run(w, &args))
        {
            Some(code) => code,
            None => refuse(program, verb.as_deref(), &error),
        },
    }
}

/// The word in the place of a verb, where it is none.
fn unknown_verb(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => Some(word),
        _ => None,
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
pub fn refuse(program: &'static str, verb: Option<&str>, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = match (program, error.kind()) {
                // Scripts read it as Juju's own.
                ("juju", ErrorKind::DisplayVersion) => format!("{}\n", version().version),
                ("juju", _) => error.render().ansi().to_string().replace("periapt ", "juju "),
                _ => error.render().ansi().to_string(),
            };
            match print(&text) {
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
    if let Some(word) = unknown_verb(error) {
        return verbs::refusal(program, word, &command(program));
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
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) if error.kind() == ErrorKind::UnknownArgument => Some(option),
        _ => None,
    };
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        match line.trim_start() {
            tip if tip.starts_with("tip: ") => hints.push(tip.trim_start_matches("tip: ").to_owned()),
            help if help.starts_with("For more information") => {}
            usage if usage.starts_with("Usage: ") => hints.push(usage.replacen("Usage: ", "usage: ", 1)),
            _ => message.push(line),
        }
    }
    let error = CliError::usage(match unknown.filter(|option| option.starts_with('-')) {
        // In Juju's words.
        Some(option) => format!("option provided but not defined: {option}"),
        None => message.join("\n"),
    });
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
    if words.starts_with(&format!("level value {value:?} ")) {
        return Some(words);
    }
    words.starts_with(&format!("{value:?} ")).then(|| format!("{argument}: {words}"))
}

#[cfg(test)]
mod tests;
