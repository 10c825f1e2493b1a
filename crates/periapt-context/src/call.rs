//! One call of a hook command, and the answer to it.

use std::collections::BTreeMap;

use periapt_model::command::Tell;
use periapt_model::log::Level;
use periapt_model::model::Model;
use periapt_model::names::{ResourceName, StorageId};

use crate::limits::{LONGEST_ERROR, without_control, without_middle};

/// One call of a hook command.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The command's name, such as `config-get`.
    pub command: &'a str,
    /// The arguments after the name; see [`decode_arguments`].
    pub args: &'a [String],
    /// All of the caller's standard input, if it was read.
    pub stdin: Option<&'a [u8]>,
    /// What the agent has fetched for this call.
    pub supplied: &'a Supplied,
}

/// What the agent has fetched for one call, answering each [`Need`]. Empty at first; never kept for another call.
#[derive(Clone, Debug, Default)]
pub struct Supplied {
    /// By path as given: the content, or why it cannot be read.
    pub files: BTreeMap<String, Result<Vec<u8>, String>>,
    /// Whether the unit leads its application, and will for at least 30 s.
    pub leader: Option<bool>,
    /// The model as it is now.
    pub model: Option<Model>,
    /// By resource: the absolute path of its file on the unit, or why there is none.
    pub resources: BTreeMap<ResourceName, Result<String, String>>,
    /// By storage: the absolute path of its folder, or why there is none.
    pub storages: BTreeMap<StorageId, Result<String, String>>,
}

/// What a command needs before it can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The caller's standard input: [`Call::stdin`].
    Stdin,
    /// A file, by the path as given: relative to the caller's directory, a leading `~/` being its home.
    /// [`Supplied::files`].
    File(String),
    /// A claim (or renewal) of leadership made now: [`Supplied::leader`].
    Leadership,
    /// The model as it is now, not as the hook found it: [`Supplied::model`].
    FreshModel,
    /// A resource's file, brought to the unit if it is not there: [`Supplied::resources`].
    Resource(ResourceName),
    /// A storage's folder, made if it is not there: [`Supplied::storages`].
    Storage(StorageId),
}

/// What [`answer`](crate::answer) says.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Reply {
    /// Nothing was done: fetch this and call again.
    Need(Need),
    /// The command has run.
    Done(Output),
}

/// The end of a hook command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The process's exit code.
    pub code: u8,
    /// What to print on standard output.
    pub stdout: Vec<u8>,
    /// What to print on standard error.
    pub stderr: Vec<u8>,
    /// `-o`: write this to that path (relative to the caller's directory). Where that fails, the command fails:
    /// [`Output::error`].
    pub write_file: Option<(String, Vec<u8>)>,
    /// What counts at once, in order, whatever becomes of the hook. Where the controller refuses one, the command fails.
    pub immediate: Vec<Immediate>,
}

impl Output {
    /// A failure as Juju prints it: `ERROR message` on standard error. An argument of a megabyte is not said again.
    #[must_use]
    pub fn error(code: u8, message: &str) -> Self {
        let message = without_control(&without_middle(message, LONGEST_ERROR));
        Self { code, stderr: format!("ERROR {message}\n").into_bytes(), ..Self::default() }
    }
}

/// What does not wait for the hook's end (reference 4.1, "immediate").
#[derive(Clone, Debug, PartialEq)]
pub enum Immediate {
    /// For the controller.
    Tell(Tell),
    /// A line of `juju-log`, with the relation it is about in front: module `unit.<unit>.juju-log`.
    Log {
        /// How much it matters.
        level: Level,
        /// The text; may hold several lines.
        message: String,
    },
    /// `juju-reboot --now`: end the hook's process; nothing of it counts and it runs again after the restart.
    RebootNow,
}

/// Arguments as a process had them, as text.
///
/// A log line must never cost a charm its hook, so `juju-log` and `action-log` take what is not UTF-8 with replacement
/// characters.
///
/// # Errors
/// What to answer where another command's argument is not UTF-8: exit code 2.
#[expect(clippy::result_large_err, reason = "the error is the answer itself, made once and at the end")]
pub fn decode_arguments(command: &str, args: &[impl AsRef<[u8]>]) -> Result<Vec<String>, Output> {
    let lossy = matches!(command, "juju-log" | "action-log");
    let decode = |(place, bytes): (usize, &[u8])| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if lossy => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Err(_) => Err(Output::error(2, &format!("argument {} of {command} is not valid UTF-8", place + 1))),
    };
    args.iter().map(AsRef::as_ref).enumerate().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_log_lines_are_taken_when_they_are_not_utf8() {
        let args: [&[u8]; 2] = [b"-l", b"caf\xe9"];
        assert_eq!(decode_arguments("juju-log", &args).unwrap(), ["-l", "caf\u{fffd}"]);
        let refused = decode_arguments("config-get", &args).unwrap_err();
        assert_eq!(refused.code, 2);
        assert_eq!(refused.stderr, b"ERROR argument 2 of config-get is not valid UTF-8\n");
    }
}
