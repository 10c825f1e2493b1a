//! What can go wrong between a charm and Pebble.

use std::fmt::Write;

use crate::info::Change;
use crate::text::open_enum;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

open_enum! {
    /// What is wrong with a path.
    PathErrorKind {
        NotFound = "not-found",
        PermissionDenied = "permission-denied",
        /// Anything else: a path that is not absolute, of the wrong type, a bad mode, an unknown user.
        Generic = "generic-file-error",
    }
}

/// What went wrong. Texts that came from Pebble are shown as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Pebble cannot be reached, or the connection was lost. Normal in the first seconds of a container's life.
    Connection(String),
    /// Pebble refused.
    Api {
        /// The HTTP status, such as 400.
        code: u16,
        /// The status in words.
        status: String,
        /// Why, in Pebble's words.
        message: String,
        /// Pebble's own word for it, such as `no-default-services`.
        kind: Option<String>,
    },
    /// Something is wrong with a path.
    Path {
        /// What kind of thing.
        kind: PathErrorKind,
        /// In Pebble's words.
        message: String,
    },
    /// The work was begun and went wrong.
    Change {
        /// In Pebble's words.
        err: String,
        /// The change, whose tasks have logs.
        change: Box<Change>,
    },
    /// A command ended with something else than 0.
    Exec {
        /// The command.
        command: Vec<String>,
        /// Its exit code; 128 and the signal's number if it was killed, -1 if Pebble does not tell.
        exit_code: i32,
        /// What it wrote, if that was collected.
        stdout: Option<Vec<u8>>,
        /// What it wrote to its standard error, if that was collected and apart.
        stderr: Option<Vec<u8>>,
    },
    /// It took too long. What was begun may still go on.
    Timeout(String),
    /// The answer makes no sense.
    Protocol(String),
    /// What was written here, read from here or asked for here is not right: the reason, in words.
    Local(String),
}

impl Error {
    /// Whether the same may well work in a moment: Pebble is not there yet, is about to restart, or is slow.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Timeout(_) => true,
            Self::Api { code, kind, .. } => {
                matches!(code, 429 | 502 | 503 | 504)
                    || matches!(kind.as_deref(), Some("system-restart" | "daemon-restart"))
            }
            _ => false,
        }
    }

    /// Whether a file or folder is missing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Path { kind: PathErrorKind::NotFound, .. })
    }

    /// The HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Api { code, .. } => Some(*code),
            _ => None,
        }
    }

    #[cfg(any(feature = "client", feature = "fake"))]
    pub(crate) fn path(kind: PathErrorKind, message: impl Into<String>) -> Self {
        Self::Path { kind, message: message.into() }
    }
}

/// More output than this is not shown in an error, in characters.
const SHOWN: usize = 1024;

fn shown(name: &str, output: Option<&Vec<u8>>, to: &mut String) {
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(output);
    let start: String = text.chars().take(SHOWN).collect();
    let cut = if start.len() < text.len() { " [cut]" } else { "" };
    let _ = write!(to, ", {name}={start:?}{cut}");
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(message) => write!(f, "no connection to Pebble: {message}"),
            Self::Api { message, .. } => f.write_str(message),
            Self::Path { kind, message } => write!(f, "{kind} - {message}"),
            Self::Change { err, change } => {
                f.write_str(err)?;
                let logs = change.tasks.iter().filter(|task| !task.log.is_empty());
                for task in logs {
                    write!(f, "\n--- log of: {} ---\n{}", task.summary, task.log.join("\n"))?;
                }
                Ok(())
            }
            Self::Exec { command, exit_code, stdout, stderr } => {
                let mut text = String::new();
                shown("stdout", stdout.as_ref(), &mut text);
                shown("stderr", stderr.as_ref(), &mut text);
                let program = command.first().map_or("", String::as_str);
                write!(f, "command {program:?} ended with exit code {exit_code}{text}")
            }
            Self::Timeout(what) => write!(f, "timed out: {what}"),
            Self::Protocol(what) => write!(f, "unexpected answer from Pebble: {what}"),
            Self::Local(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

impl From<crate::combine::LayerError> for Error {
    fn from(error: crate::combine::LayerError) -> Self {
        Self::Local(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_temporary() {
        let api = |code, kind: Option<&str>| Error::Api {
            code,
            status: String::new(),
            message: String::new(),
            kind: kind.map(str::to_owned),
        };
        assert!(Error::Connection(String::new()).is_temporary());
        assert!(Error::Timeout(String::new()).is_temporary());
        assert!(api(503, None).is_temporary());
        assert!(api(400, Some("daemon-restart")).is_temporary());
        assert!(!api(400, None).is_temporary());
        assert!(!api(401, Some("login-required")).is_temporary());
        assert!(!Error::path(PathErrorKind::NotFound, "x").is_temporary());
        assert!(!Error::Protocol(String::new()).is_temporary());
    }

    #[test]
    fn pebbles_words_are_shown_as_they_came_and_output_is_cut() {
        let message = "cannot find service \"x\"";
        let api = Error::Api { code: 400, status: "Bad Request".into(), message: message.into(), kind: None };
        assert_eq!(api.to_string(), message);
        let error = Error::Exec {
            command: vec!["ls".into(), "-l".into()],
            exit_code: 2,
            stdout: Some(vec![b'a'; 2000]),
            stderr: None,
        };
        let text = error.to_string();
        assert!(text.starts_with("command \"ls\" ended with exit code 2, stdout=\"aaa"), "{text}");
        assert!(text.ends_with("\" [cut]") && text.len() < 1100, "{text}");
    }
}
