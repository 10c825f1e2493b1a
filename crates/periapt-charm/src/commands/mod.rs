//! How the library reaches its unit's agent: by the hook commands, and by nothing else.
//!
//! There are three ways to run one: a process for each, as every charm does on Juju; one connection to the agent's socket,
//! where the agent is Periapt's; and a call of a function, in tests.

mod agent;
mod process;
mod timer;

use std::fmt;
use std::io;
use std::time::Duration;

use periapt_model::time::Timestamp;

pub(crate) use agent::AgentSocket;
pub(crate) use process::Processes;
pub use timer::Timer;

use crate::error::Kind;

/// The end of a hook command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// What a dispatch reaches of the world: hook commands, time and chance.
pub trait Commands {
    /// Runs a hook command.
    ///
    /// # Errors
    /// The command cannot be run at all; [`io::ErrorKind::NotFound`] if there is none of that name.
    fn run(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output>;

    /// Writes a line into the log (`juju-log`). It may still be under way when this returns; lines keep their order. A log
    /// that cannot be written fails nothing.
    fn log(&mut self, level: &str, message: String) {
        let args = ["--log-level".to_owned(), level.to_owned(), "--".to_owned(), message];
        let _ = self.run("juju-log", &args, None);
    }

    /// Waits until the log has its last line.
    fn finish_log(&mut self) {}

    /// Whether lines are written while the caller goes on.
    fn logs_aside(&self) -> bool {
        false
    }

    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&mut self, pause: Duration);

    /// A number evenly drawn from 0.0 to 1.0.
    fn chance(&mut self) -> f64;

    /// Whether Periapt's own hook commands are there (`periapt-wake`, `periapt-deferred`, `periapt-log`).
    fn is_periapt(&self) -> bool;

    /// The Pebble of a container. By default there are no containers.
    ///
    /// # Errors
    /// There is no such container.
    #[cfg(feature = "pebble")]
    fn pebble(&mut self, container: &str) -> Result<Box<dyn periapt_pebble::Pebble>, crate::Error> {
        Err(crate::Error::bug(format!("there is no container {container} here")))
    }

    /// Sets the machine's timer to dispatch the unit again, in place of an older one. By default there is no machine.
    ///
    /// # Errors
    /// The timer cannot be set.
    fn set_timer(&mut self, timer: &Timer) -> io::Result<()> {
        let _ = timer;
        Ok(())
    }
}

/// What a failed hook command was about, as far as its words tell (the rules of ops 3.9's `model.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failed {
    /// The relation is gone, or never was.
    RelationGone,
    /// The secret is gone, never was, or is not ours to see.
    SecretNotFound,
    /// The unit may not do that: it is not the leader, or the databag is not its own.
    Denied,
    /// There is no such hook command.
    NoSuchCommand,
    /// The agent could not be reached.
    Unreachable,
    /// What the command printed could not be read.
    Unreadable,
    /// Anything else.
    Other,
}

/// A hook command that failed.
#[derive(Debug)]
pub struct CommandError {
    /// What it was about.
    pub failed: Failed,
    /// The command with the arguments that may be shown.
    pub command: String,
    /// Its exit code, if it ran.
    pub code: Option<i32>,
    /// What it said.
    pub message: String,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.message)
    }
}

impl std::error::Error for CommandError {}

impl CommandError {
    pub(crate) fn of_output(command: &str, args: &[String], output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        let message = said.trim().trim_start_matches("ERROR ").to_owned();
        let message = match message.is_empty() {
            true => format!("exit status {}", output.code),
            false => message,
        };
        Self {
            failed: classify(command, &message),
            command: shown(command, args),
            code: Some(output.code),
            message,
        }
    }

    pub(crate) fn of_io(command: &str, args: &[String], error: &io::Error) -> Self {
        let (failed, message) = match error.kind() {
            io::ErrorKind::NotFound => {
                (Failed::NoSuchCommand, "there is no such hook command here".to_owned())
            }
            _ => (Failed::Unreachable, error.to_string()),
        };
        Self { failed, command: shown(command, args), code: None, message }
    }

    pub(crate) fn unreadable(command: &str, args: &[String], why: impl fmt::Display) -> Self {
        let message = format!("its output could not be read: {why}");
        Self { failed: Failed::Unreadable, command: shown(command, args), code: Some(0), message }
    }

    /// Who can do something about it. What concerns a relation or secret that is gone is temporary: the event is deferred
    /// and dropped when its subject is seen to be gone.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.failed {
            Failed::RelationGone | Failed::SecretNotFound => Kind::Temporary,
            Failed::Denied
            | Failed::NoSuchCommand
            | Failed::Unreachable
            | Failed::Unreadable
            | Failed::Other => Kind::Bug,
        }
    }
}

fn classify(command: &str, message: &str) -> Failed {
    let said = message.to_ascii_lowercase();
    let about_relation = command.starts_with("relation-") || command.starts_with("network-");
    if about_relation && said.contains("relation") && said.contains("not found") {
        Failed::RelationGone
    } else if command.starts_with("secret-") && said.contains("not found") {
        Failed::SecretNotFound
    } else if ["permission denied", "access denied", "not the leader", "cannot write relation settings"]
        .iter()
        .any(|words| said.contains(words))
    {
        Failed::Denied
    } else {
        Failed::Other
    }
}

/// A command line for messages: never the content of a secret, of an action's results or of a databag.
fn shown(command: &str, args: &[String]) -> String {
    let secretive =
        command.starts_with("secret-") || command.starts_with("action-") || command.starts_with("state-");
    let visible = args.iter().filter(|arg| !secretive || !arg.contains('='));
    let words = visible.map(String::as_str).take(8);
    std::iter::once(command).chain(words).collect::<Vec<_>>().join(" ")
}

/// Where Juju puts the socket of a container's Pebble.
#[cfg(feature = "pebble")]
fn pebble_of(container: &str) -> Box<dyn periapt_pebble::Pebble> {
    Box::new(periapt_pebble::Client::new(format!("/charm/containers/{container}/pebble.socket")))
}

/// The wall clock, for the two that run in a charm's process.
fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// A number that is good enough to spread retries: it comes from the clock and the process's number.
fn some_chance() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // Each `RandomState` has keys of its own, drawn by the system.
    let drawn = RandomState::new().build_hasher().finish();
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_what_a_failure_is_about() {
        let failed = |command: &str, stderr: &str| {
            let output = Output { code: 1, stderr: stderr.into(), ..Output::default() };
            CommandError::of_output(command, &[], &output).failed
        };
        assert_eq!(failed("relation-get", "ERROR relation not found\n"), Failed::RelationGone);
        assert_eq!(failed("network-get", "ERROR relation 7 not found"), Failed::RelationGone);
        assert_eq!(failed("secret-get", "ERROR secret \"x\" not found"), Failed::SecretNotFound);
        assert_eq!(failed("relation-get", "ERROR permission denied"), Failed::Denied);
        assert_eq!(failed("config-get", "ERROR relation not found"), Failed::Other);
        assert_eq!(failed("config-get", ""), Failed::Other);
    }

    #[test]
    fn messages_do_not_tell_secrets() {
        let args = ["secret:abc".to_owned(), "password=hunter2".to_owned()];
        let error = CommandError::of_output("secret-set", &args, &Output { code: 1, ..Output::default() });
        assert_eq!(error.to_string(), "secret-set secret:abc: exit status 1");
    }

    #[test]
    fn chance_lies_between_nothing_and_one() {
        let drawn: Vec<f64> = (0..100).map(|_| some_chance()).collect();
        assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(drawn.iter().any(|chance| *chance != drawn[0]));
    }
}
