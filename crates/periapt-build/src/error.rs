//! What can go wrong while a charm is made ready.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use periapt_model::charm::Diagnostic;

/// Why a charm could not be prepared or packed. The text says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The path is not a charm folder and not a charm archive.
    #[error("{} {problem}: give the folder of a charm, or a .charm file", shown(path))]
    NotACharm {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
    },
    /// The charm's own description (`metadata.yaml` and its kin) is wrong.
    #[error("{}", Diagnostics(.diagnostics))]
    Metadata {
        /// Every problem found, each with file, line and column.
        diagnostics: Vec<Diagnostic>,
    },
    /// A `.charm` archive that is damaged, or that must not be unpacked.
    #[error("{} cannot be used: {problem}", shown(path))]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of the charm (a lock file, `charmcraft.yaml`, …) that says something impossible.
    #[error("{}: {problem}", shown(path))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// No Python on this machine will do.
    #[error("this charm needs Python {needed}, and {found}\n{remedy}")]
    NoInterpreter {
        /// What the charm asks for, and where it says so.
        needed: String,
        /// What this machine has.
        found: String,
        /// What to do about it.
        remedy: String,
    },
    /// The packages that the charm depends on could not be installed.
    #[error(
        "the Python packages of {charm} could not be installed: {command} failed ({status})\n{tail}\n{remedy}"
    )]
    Packages {
        /// The charm's name.
        charm: String,
        /// The command, shortened.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines of what it printed, indented.
        tail: String,
        /// What to do about it.
        remedy: String,
    },
    /// A charm in Rust, and no cargo.
    #[error(
        "{charm} is written in Rust, and there is no `cargo` on PATH\ninstall Rust (https://rustup.rs), or give a .charm file that was packed where it is"
    )]
    NoCargo {
        /// The charm's name.
        charm: String,
    },
    /// A charm in Rust that does not compile.
    #[error("{charm} does not compile\n{said}\n{remedy}")]
    Compile {
        /// The charm's name.
        charm: String,
        /// What the compiler said, from its first error on.
        said: String,
        /// What to do about it.
        remedy: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", shown(path))]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl BuildError {
    /// A function for `map_err` that says what was being done to which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn invalid(path: &Path, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn archive(path: &Path, problem: impl Into<String>) -> Self {
        Self::Archive { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn not_a_charm(path: &Path, problem: impl Into<String>) -> Self {
        Self::NotACharm { path: path.to_owned(), problem: problem.into() }
    }
}

/// A path in one line: line ends and other control characters in its names are written as escapes.
pub(crate) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

struct Diagnostics<'a>(&'a [Diagnostic]);

impl fmt::Display for Diagnostics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}
