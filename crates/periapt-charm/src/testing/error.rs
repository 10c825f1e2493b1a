//! What can be wrong with a test, and with the charm in it.

use std::fmt;

use super::output::{CommandRun, LogLine};

/// A state, or an event with it, that Juju cannot bring about, and how to mend it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; {remedy}")]
pub struct Inconsistent {
    /// Which part: `relations[1].endpoint`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Inconsistent {
    pub(super) fn new(
        field: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// The hook failed: the charm has a bug, it panicked, or Juju refused what it did. Nothing that waits for a hook's end counts.
#[derive(Clone, PartialEq)]
pub struct HookFailed {
    /// The hook, or the action.
    pub event: String,
    /// Why.
    pub message: String,
    /// Whether the charm panicked.
    pub panicked: bool,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// The hook commands that it ran.
    pub commands: Vec<CommandRun>,
}

impl fmt::Display for HookFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.event, self.message)
    }
}

impl std::error::Error for HookFailed {}

/// Why there is no state after an event.
#[derive(Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// The test asks for something that cannot be.
    #[error("{0}")]
    Inconsistent(#[from] Inconsistent),
    /// The charm failed.
    #[error(transparent)]
    HookFailed(Box<HookFailed>),
}

impl ScenarioError {
    /// The failed hook, if it is one.
    #[must_use]
    pub fn hook_failed(&self) -> Option<&HookFailed> {
        match self {
            Self::HookFailed(failed) => Some(failed),
            Self::Inconsistent(_) => None,
        }
    }
}

/// A test that fails prints its error with `Debug`: people are to read what it says.
macro_rules! debug_as_display {
    ($($name:ty),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

debug_as_display!(Inconsistent, HookFailed, ScenarioError, super::model::ModelError);
