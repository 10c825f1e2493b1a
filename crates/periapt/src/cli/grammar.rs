//! Juju's grammar of command lines (Go's `gnuflag`), where it differs from clap's: one pass over the words before clap
//! sees them.
//!
//! - A flag takes a truth: `--force=true`, `--color=false`; of several the last counts.
//! - What follows an option that takes a value is its value, also when it begins with a hyphen.
//! - `--help VERB` is `VERB --help`.
//!
//! That an option which is given twice counts as given last is clap's own setting: see [`super::command`].

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use crate::args::boolean;
use crate::error::CliError;

/// Bytes of the longest word that may have been meant as a verb.
const LONGEST_VERB: usize = 200;

/// The words as clap takes them. What no option of `known` explains is left for clap to refuse.
///
/// # Errors
/// A flag whose truth is none; a word in the place of a verb that is much too long.
pub fn rewrite(known: &Command, args: Vec<OsString>) -> Result<Vec<OsString>, CliError> {
    let mut pass = Pass { known, verb: known, out: Vec::new(), flags: HashMap::new(), positionals: 0 };
    let mut words = VecDeque::from(args);
    pass.out.extend(words.pop_front().map(Some));
    if words.front().is_some_and(|word| word == "--help" || word == "-h")
        && words.get(1).is_some_and(|word| known.find_subcommand(word).is_some())
    {
        // Behind the verb, where nothing ends the options before it.
        words.swap(0, 1);
    }
    if words.front().is_some_and(|word| word == "help") {
        words.iter().try_for_each(check_verb)?;
    }
    while let Some(word) = words.pop_front() {
        let plain = word.to_str().map(str::to_owned);
        let more = match plain.as_deref() {
            Some("--") => {
                pass.push(word);
                false
            }
            Some(text) if text.starts_with("--") => pass.long(text, &mut words)?,
            Some(text) if text.starts_with('-') && text.len() > 1 => pass.short(text, &mut words)?,
            _ => pass.positional(word)?,
        };
        if !more {
            break;
        }
    }
    pass.out.extend(words.into_iter().map(Some));
    Ok(pass.out.into_iter().flatten().collect())
}

/// Where the pass stands. Each step says whether options may follow.
struct Pass<'a> {
    known: &'a Command,
    /// The verb so far, or the whole before there is one.
    verb: &'a Command,
    /// The words so far; None for what a later word took back.
    out: Vec<Option<OsString>>,
    /// Where each flag stands among them.
    flags: HashMap<&'a str, Vec<usize>>,
    positionals: usize,
}

/// Whether the option is on when it is there.
fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count)
}

/// Whether the option cannot do without a value, which may be a word of its own.
fn needs_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
        && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
        && !arg.is_require_equals_set()
}

fn begins_with_hyphen(word: &OsString) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

impl<'a> Pass<'a> {
    fn push(&mut self, word: impl Into<OsString>) {
        self.out.push(Some(word.into()));
    }

    /// The option that `test` means: the verb's, or one of all verbs.
    fn option(&self, test: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        let global = self.known.get_arguments();
        self.verb.get_arguments().chain(global).filter(|arg| !arg.is_positional()).find(|arg| test(arg))
    }

    /// A flag with or without its truth, written as clap takes it.
    fn flag(&mut self, arg: &'a Arg, written: String, truth: Option<&str>) -> Result<bool, CliError> {
        let id = arg.get_id().as_str();
        let on = truth.map_or(Ok(true), boolean).map_err(|_| {
            let value = truth.unwrap_or_default();
            CliError::usage(format!("invalid boolean value {value:?} for {written}"))
                .hint(format!("{written}, {written}=true or {written}=false"))
        })?;
        if on {
            self.flags.entry(id).or_default().push(self.out.len());
            self.push(written);
        } else {
            for at in self.flags.remove(id).unwrap_or_default() {
                self.out[at] = None;
            }
        }
        Ok(true)
    }

    fn long(&mut self, text: &str, words: &mut VecDeque<OsString>) -> Result<bool, CliError> {
        let (name, value) = match text[2..].split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (&text[2..], None),
        };
        let named = |arg: &Arg| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
        };
        match (self.option(named), value) {
            (Some(arg), _) if is_flag(arg) => return self.flag(arg, format!("--{name}"), value),
            (Some(arg), None) if needs_value(arg) => match words.pop_front() {
                Some(value) if begins_with_hyphen(&value) => {
                    let mut joined = OsString::from(format!("--{name}="));
                    joined.push(value);
                    self.push(joined);
                }
                Some(value) => {
                    self.push(text);
                    self.push(value);
                }
                None => self.push(text),
            },
            _ => self.push(text),
        }
        Ok(true)
    }

    /// One letter, or several in one word: flags, and at last perhaps an option with its value.
    fn short(&mut self, text: &str, words: &mut VecDeque<OsString>) -> Result<bool, CliError> {
        let mut rest = &text[1..];
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            match self.option(|arg| arg.get_short() == Some(letter)) {
                Some(arg) if is_flag(arg) => {
                    let truth = after.strip_prefix('=');
                    self.flag(arg, format!("-{letter}"), truth)?;
                    if truth.is_some() {
                        return Ok(true);
                    }
                }
                Some(arg) if needs_value(arg) && after.is_empty() => {
                    match words.pop_front() {
                        Some(value) if begins_with_hyphen(&value) => {
                            let mut joined = OsString::from(format!("-{letter}"));
                            joined.push(value);
                            self.push(joined);
                        }
                        Some(value) => {
                            self.push(format!("-{letter}"));
                            self.push(value);
                        }
                        None => self.push(format!("-{letter}")),
                    }
                    return Ok(true);
                }
                _ => {
                    self.push(format!("-{rest}"));
                    return Ok(true);
                }
            }
            rest = after;
        }
        Ok(true)
    }

    fn positional(&mut self, word: OsString) -> Result<bool, CliError> {
        let verb = word.to_str().and_then(|word| self.verb.find_subcommand(word));
        if verb.is_none() && self.verb.has_subcommands() {
            check_verb(&word)?;
        }
        self.push(word);
        match verb {
            Some(verb) => {
                self.verb = verb;
                return Ok(true);
            }
            // A verb that nobody knows: its options are nobody's either.
            None if self.verb.has_subcommands() => return Ok(false),
            None => {}
        }
        // `ssh` and the like hand over everything behind their first words as it is.
        let taken = self.verb.get_positionals().nth(self.positionals).or(self.verb.get_positionals().last());
        self.positionals += 1;
        Ok(!taken.is_some_and(Arg::is_trailing_var_arg_set))
    }
}

/// Refuses a word that cannot be a verb. The verb nearest to it would be looked for without end.
fn check_verb(word: &OsString) -> Result<(), CliError> {
    match word.len() {
        length if length > LONGEST_VERB => {
            Err(CliError::usage(format!("{word:?} is no command")).hint("--help lists what there is"))
        }
        _ => Ok(()),
    }
}

/// `help commands`: each verb and what it is for, in two columns as Juju prints them, with the other names of verbs.
pub fn list(known: &Command) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for verb in known.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let name = verb.get_name();
        rows.push((name.to_owned(), format!("{about}.")));
        let others = verb.get_visible_aliases();
        rows.extend(others.map(|other| (other.to_owned(), format!("Alias for '{name}'."))));
    }
    rows.sort();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, about)| format!("{name:width$}  {about}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> Result<String, CliError> {
        let words = std::iter::once("juju").chain(line.split(' ')).map(OsString::from).collect();
        let out = rewrite(&super::super::command("juju"), words)?;
        Ok(out[1..].iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn jujus_forms_become_ours() {
        for (line, expected) in [
            ("status --format json", "status --format json"),
            ("destroy-model m --no-prompt=true --force=false", "destroy-model m --no-prompt"),
            ("destroy-model m --force --force=false", "destroy-model m"),
            ("destroy-model m --force=false --force", "destroy-model m --force"),
            ("destroy-model m --force=0 --force=T", "destroy-model m --force"),
            ("status --color=false --watch 1s", "status --watch 1s"),
            ("exec --parallel=false -u a/0 ls", "exec --parallel=false -u a/0 ls"),
            ("exec --all -- ls --all=maybe", "exec --all -- ls --all=maybe"),
            ("exec ls --unit a/0 --all=false", "exec ls --unit a/0"),
            ("add-unit a --num-units -1", "add-unit a --num-units=-1"),
            ("add-unit a -n -1", "add-unit a -n-1"),
            ("add-unit a -n 2 --to 1", "add-unit a -n 2 --to 1"),
            ("config a x=-1 --file -", "config a x=-1 --file=-"),
            ("-q=false status", "status"),
            ("-qv status", "-q -v status"),
            ("--help status", "status --help"),
            ("-h run x", "run -h x"),
            ("deploy ./x --trust=false --trust", "deploy ./x --trust"),
            ("daemon run --background=true", "daemon run --background"),
            ("nosuch --force=maybe", "nosuch --force=maybe"),
            ("status --nosuch=1", "status --nosuch=1"),
            ("tail a/0 --last", "tail a/0 --last"),
        ] {
            assert_eq!(rewritten(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_follows_the_target_of_ssh_is_left_alone() {
        for line in ["ssh a/0 -i key ls --pty=maybe", "scp -r a b --proxy=x"] {
            assert_eq!(rewritten(line).unwrap(), line);
        }
        assert_eq!(
            rewritten("ssh --pty=true -m m a/0 --force=false").unwrap(),
            "ssh --pty=true -m m a/0 --force=false"
        );
    }

    #[test]
    fn a_truth_that_is_none_is_refused() {
        let error = rewritten("destroy-model m --force=maybe").unwrap_err();
        assert_eq!(error.message, "invalid boolean value \"maybe\" for --force");
        assert_eq!(error.code, crate::error::USAGE);
    }

    #[test]
    fn the_list_of_commands_has_a_purpose_for_each() {
        let text = list(&super::super::command("juju"));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.is_sorted() && lines.len() > 30, "{text}");
        assert!(
            lines.iter().all(|line| line.split_once("  ").is_some_and(|(_, about)| about.trim().len() > 5))
        );
        assert!(text.contains("\nstatus "), "{text}");
    }
}
