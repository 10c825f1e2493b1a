//! What a command says when it fails: `ERROR message`, a `hint:` line, an exit code.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use periapt_context::limits::{without_control, without_middle};

/// The exit code of a command that could not do what it was asked.
pub const FAILED: u8 = 1;
/// The exit code of a command that was called wrongly.
pub const USAGE: u8 = 2;
/// The exit code of a process that a shell saw killed by SIGPIPE: nobody reads our output any more.
const BROKEN_PIPE: u8 = 128 + 13;

/// Bytes of one line of an error; what is longer loses its middle.
const LONGEST_LINE: usize = 2048;
/// Bytes of an error as a whole: a charm's metadata may have many mistakes.
const LONGEST_MESSAGE: usize = 12 * 1024;

/// A command that failed.
#[derive(Debug, PartialEq, Eq)]
pub struct CliError {
    /// What was wrong, and where. Empty: nothing is printed.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// What the process ends with.
    pub code: u8,
}

/// What commands return.
pub type Result<T = ()> = std::result::Result<T, CliError>;

impl CliError {
    /// A failure without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: FAILED }
    }

    /// A command line that makes no sense although each of its parts does.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: USAGE }
    }

    /// Ends the process with `code` without a word: everything has been said.
    pub fn silent(code: u8) -> Self {
        Self { message: String::new(), hint: None, code }
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Output that could not be written. A reader who went away is no failure worth a word.
    pub fn output(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::silent(BROKEN_PIPE),
            _ => Self::new(format!("cannot write the output: {error}")),
        }
    }

    /// Prints it, and gives the process's exit code.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let style = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            let dim = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
            let mut stderr = anstream::stderr().lock();
            // There is nowhere left to report a failure of this.
            let _ = writeln!(stderr, "{style}ERROR{style:#} {}", presentable(&self.message));
            if let Some(hint) = &self.hint {
                let _ = writeln!(stderr, "{dim}hint:{dim:#} {}", presentable(hint));
            }
        }
        ExitCode::from(self.code)
    }
}

/// A text for people: an argument of a megabyte that it repeats is cut, and what would steer the terminal is escaped.
pub fn presentable(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| without_middle(line, LONGEST_LINE)).collect();
    without_middle(&without_control(&lines.join("\n")), LONGEST_MESSAGE).into_owned()
}

/// A file that could not be read, with the words for it.
pub fn reading(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CliError {
    let path = path.display().to_string();
    move |error| CliError::new(format!("cannot read {path}: {error}"))
}

/// A file that could not be written, with the words for it.
pub fn writing(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CliError {
    let path = path.display().to_string();
    move |error| CliError::new(format!("cannot write {path}: {error}"))
}

macro_rules! from_display {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

impl From<periapt_controller::client::ClientError> for CliError {
    fn from(error: periapt_controller::client::ClientError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::new(error.to_string()) }
    }
}

from_display!(
    crate::home::HomeError,
    crate::daemon::StartError,
    crate::daemon::DaemonError,
    periapt_build::BuildError,
    periapt_model::names::InvalidName,
    periapt_model::offer_url::InvalidOfferUrl,
);
