//! Log lines, as `debug-log` shows them (reference 8.4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much a line matters. Juju has no CRITICAL of its own: Python's is accepted and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The finest.
    Trace,
    /// For authors.
    Debug,
    /// For operators.
    Info,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
    /// Nothing works.
    Critical,
}

impl Level {
    /// In capitals, as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a log level: use TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL")]
pub struct UnknownLevel(pub String);

impl FromStr for Level {
    type Err = UnknownLevel;
    /// Any case; `WARN` is WARNING.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.to_ascii_uppercase().as_str() {
            "TRACE" => Ok(Self::Trace),
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARN" | "WARNING" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            "CRITICAL" => Ok(Self::Critical),
            _ => Err(UnknownLevel(text.to_owned())),
        }
    }
}

/// What `logging-config` says: levels by module, the root's under an empty name. Parts are divided by `;` or `:`; a level alone is
/// the root's (Juju 3.6: `loggo.ParseConfigString`).
///
/// # Errors
/// The first part that makes no sense, in Juju's words.
pub fn parse_levels(text: &str) -> Result<Vec<(String, Level)>, String> {
    if let Ok(level) = text.trim().parse() {
        return Ok(vec![(String::new(), level)]);
    }
    let parts = text.split([';', ':']).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (module, level) = part
                .split_once('=')
                .ok_or_else(|| format!("config value expected '=', found {:?}", part.trim()))?;
            let module = match module.trim() {
                "" => return Err(format!("config value {part:?} has missing module name")),
                "<root>" => String::new(),
                module => module.to_lowercase(),
            };
            let level = level.trim();
            let level = level.parse().map_err(|_| format!("unknown severity level {level:?}"))?;
            Ok((module, level))
        })
        .collect()
}

/// One line; its message may hold several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Who: `unit-app-0` or `controller-0`.
    pub entity: String,
    /// How much it matters.
    pub level: Level,
    /// Which part: `unit.app/0.juju-log`, `juju.worker.uniter.operation`.
    pub module: String,
    /// What.
    pub message: String,
}
