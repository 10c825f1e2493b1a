//! Options that are taken for Juju's sake and do nothing here: one note on standard error says which and why.
//!
//! An option is one of these when its help text begins with "Without effect", or when it stands under [`HEADING`] in the
//! help of its verb. Nothing else has to be done for it.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use periapt_model::entity::SETTINGS;

/// The heading in a verb's help for options that do nothing on one machine.
pub const HEADING: &str = "Accepted for Juju's sake, without effect";

/// What a help text begins with.
const WORDS: &str = "Without effect";

/// What is said where the help text gives no reason.
const REASON: &str = "everything runs on this machine";

/// Why an option does nothing; None: it does something.
pub fn reason(arg: &Arg) -> Option<String> {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match help.strip_prefix(WORDS) {
        Some(rest) => {
            let rest = rest.trim_start_matches(':').trim();
            Some(if rest.is_empty() { REASON } else { rest }.to_owned())
        }
        None => (arg.get_help_heading() == Some(HEADING)).then(|| REASON.to_owned()),
    }
}

/// What is said of the options in `matches`: a line for each reason. `command` is what parsed them.
pub fn without_effect(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut command, mut matches) = (command, matches);
    loop {
        let given =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        // A global option is told of with the innermost verb only.
        let innermost = matches.subcommand().is_none();
        for arg in command.get_arguments().filter(|arg| innermost || !arg.is_global_set()).filter(given) {
            if let Some(reason) = reason(arg) {
                by_reason.entry(reason).or_default().push(name(arg));
            }
        }
        let Some((verb, inner)) = matches.subcommand() else { break };
        let Some(found) = command.find_subcommand(verb) else { break };
        (command, matches) = (found, inner);
    }
    by_reason
        .into_iter()
        .map(|(reason, options)| {
            let verb = if options.len() == 1 { "has" } else { "have" };
            format!("note: {} {verb} no effect here: {reason}", options.join(", "))
        })
        .collect()
}

/// What is said of settings of Juju that do nothing here, when they are set.
pub fn inert_settings<'a>(keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let inert = |key: &&str| SETTINGS.iter().any(|setting| setting.inert && setting.key == *key);
    let given: Vec<&str> = keys.filter(inert).collect();
    let verb = if given.len() == 1 { "has" } else { "have" };
    (!given.is_empty()).then(|| format!("note: {} {verb} no effect here: kept and shown", given.join(", ")))
}

/// What is said of each setting that nothing here knows, in Juju 3.6's words (`verifyKnownKeys`).
pub fn unknown_settings<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<String> {
    keys.filter(|key| SETTINGS.iter().all(|setting| setting.key != *key))
        .map(|key| {
            format!(
                "WARNING key {key:?} is not defined in the current model configuration: possible misspelling"
            )
        })
        .collect()
}

fn name(arg: &Arg) -> String {
    match (arg.get_long(), arg.get_value_names()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some([value, ..])) => value.to_string(),
        (None, _) => arg.get_id().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Vec<String> {
        let mut command = crate::cli::command("juju");
        let matches = command.try_get_matches_from_mut(line.split(' ')).unwrap();
        without_effect(&command, &matches)
    }

    #[test]
    fn what_does_nothing_says_so_once() {
        assert_eq!(said("juju integrate a b"), Vec::<String>::new());
        assert_eq!(said("juju integrate a b --via 10.0.0.0/8"), Vec::<String>::new());
        let expected =
            "note: CLOUD[/REGION], --credential have no effect here: everything runs on this machine";
        assert_eq!(said("juju add-model m aws/x --credential y"), [expected]);
        let global = said("juju --debug status");
        assert_eq!(global.len(), 1, "{global:?}");
        assert!(global[0].starts_with("note: --debug has no effect here"));
    }

    /// A definition's names live as long as the program.
    fn leaked(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }

    /// Each option of each verb that is marked is told of when it is given.
    #[test]
    fn every_marked_option_of_every_verb_is_told_of() {
        let mut whole = crate::cli::command("juju");
        whole.build();
        let mut told = 0;
        for verb in whole.get_subcommands() {
            for arg in verb.get_arguments().filter(|arg| reason(arg).is_some() && arg.get_long().is_some()) {
                let option = format!("--{}", arg.get_long().unwrap_or_default());
                // The verb's own rules on other arguments are no matter here.
                let takes = arg.get_action().takes_values();
                let plain = Arg::new(arg.get_id().clone())
                    .long(leaked(arg.get_long().unwrap_or_default()))
                    .help(arg.get_help().map(ToString::to_string).unwrap_or_default())
                    .help_heading(arg.get_help_heading().map(leaked))
                    .action(if takes { clap::ArgAction::Append } else { clap::ArgAction::SetTrue });
                let mut alone =
                    Command::new("juju").subcommand(Command::new(leaked(verb.get_name())).arg(plain));
                let words = ["juju".to_owned(), verb.get_name().to_owned(), option.clone()];
                let value = takes.then(|| "x".to_owned());
                let matches = alone.try_get_matches_from_mut(words.into_iter().chain(value)).unwrap();
                let notes = without_effect(&alone, &matches);
                assert!(
                    notes.len() == 1 && notes[0].contains(&option),
                    "{} {option}: {notes:?}",
                    verb.get_name()
                );
                told += 1;
            }
        }
        assert!(told > 20, "{told}");
    }
}
