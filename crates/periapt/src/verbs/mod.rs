//! What became of each verb of Juju 3.6: the one table behind refusals, the nearest match of a mistyped verb, and
//! `docs/juju-verbs.md`.

mod table;
#[cfg(test)]
mod tests;

use periapt_model::entity::nearest;

use crate::error::{CliError, USAGE};

pub use table::VERBS;

/// How far a verb does what Juju's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it that makes sense with one user on one machine.
    Same,
    /// It is there, less what the text says.
    Partly(&'static str),
    /// It is refused, and the text says why.
    No(&'static str),
}

/// One verb of Juju.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Other names for it, older ones too.
    pub aliases: &'static [&'static str],
    /// How far it goes.
    pub state: State,
}

/// The verb that goes by this name or alias.
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name || verb.aliases.contains(&name))
}

/// What is said of a word that is no subcommand of `known`: why Juju's verb is not there, or which verb was meant.
///
/// Juju 3.6 refuses an unknown verb with `juju: "x" is not a juju command. See "juju --help".` and exit code 2; a verb
/// that is refused here for a reason is a failure like any other, exit code 1.
pub fn refusal(program: &str, word: &str, known: &clap::Command) -> CliError {
    if let Some(Verb { name, state, .. }) = find(word) {
        let reason = match state {
            State::No(reason) => reason,
            // The table is ahead of the command line.
            State::Same | State::Partly(_) => "it is not built yet",
        };
        return CliError::new(format!("{program} {name} is not possible here: {reason}"))
            .hint(format!("{program} --help lists what there is"));
    }
    let message = format!("{program}: {word:?} is not a {program} command. See \"{program} --help\".");
    let error = CliError { code: USAGE, ..CliError::new(message) };
    let visible = known.get_subcommands().filter(|command| !command.is_hide_set());
    let there =
        visible.flat_map(|command| std::iter::once(command.get_name()).chain(command.get_all_aliases()));
    match nearest(word, there.chain(VERBS.iter().map(|verb| verb.name))) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("{program} --help lists what there is")),
    }
}
