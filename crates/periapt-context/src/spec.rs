//! What a command is, as data: its name, its flags, its help and the function that runs it.

use crate::context::Context;
use crate::outcome::{Outcome, Stop};

/// Whether a flag takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or `=` and a boolean.
    Bool,
    /// A text.
    Text,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    /// What the command asks for it by; its first spelling.
    pub name: &'static str,
    /// Another spelling; empty where there is none. One letter is written with one dash, more with two.
    pub alias: &'static str,
    pub takes: Takes,
    pub about: &'static str,
}

impl Flag {
    pub const fn bool(name: &'static str, about: &'static str) -> Self {
        Self { name, alias: "", takes: Takes::Bool, about }
    }

    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, alias: "", takes: Takes::Text, about }
    }

    pub const fn alias(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }
}

/// `-r` of the relation commands.
pub(crate) const RELATION: Flag =
    Flag::text("r", "The relation, as N or ENDPOINT:N; in a relation hook that relation by default")
        .alias("relation");

/// `--file` of the commands that take settings.
pub(crate) const FILE: Flag = Flag::text(
    "file",
    "A file that holds a YAML or JSON map of settings; - is standard input. Arguments override it",
);

/// `--format` where Juju once had it and now ignores it.
pub(crate) const IGNORED_FORMAT: Flag = Flag::text("format", "Accepted and ignored");

/// The formats a reading command can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formats {
    /// smart (the default), json and yaml.
    Smart,
    /// yaml (the default) and json.
    Structured,
}

/// One command.
pub(crate) struct Spec {
    pub name: &'static str,
    /// Its positional arguments, for its help.
    pub synopsis: &'static str,
    /// One line about it.
    pub purpose: &'static str,
    /// More about it.
    pub doc: &'static str,
    pub flags: &'static [Flag],
    /// Whether it prints a value: then it has `--format` and `--output` too.
    pub output: Option<Formats>,
    pub run: fn(&Context<'_>) -> Result<Outcome, Stop>,
}
