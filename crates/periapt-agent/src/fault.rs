//! Fault points: places at which a crash test lets the whole daemon die.
//!
//! `PERIAPT_FAULT=name` kills the process with SIGKILL when it passes the point `name` for the first time,
//! `PERIAPT_FAULT=name:3` at the third time. The variable is read once. Unset, a point costs one atomic read.
//!
//! | name | where |
//! | --- | --- |
//! | `before-take` | before an agent takes its unit |
//! | `before-begin-commit` | a step is decided, nothing is written of it |
//! | `after-begin-commit` | the step is recorded as begun, its process has not started |
//! | `after-spawn` | the process runs |
//! | `in-hook-command` | a hook command has arrived and is not answered |
//! | `after-exit` | the process has ended, nothing is written of it |
//! | `before-finish-commit` | what it did is about to be committed |
//! | `after-finish-commit` | it is committed |

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "PERIAPT_FAULT";

/// Every point there is.
pub const POINTS: [&str; 8] = [
    "before-take",
    "before-begin-commit",
    "after-begin-commit",
    "after-spawn",
    "in-hook-command",
    "after-exit",
    "before-finish-commit",
    "after-finish-commit",
];

/// A point that kills when it is passed often enough.
#[derive(Debug)]
struct Armed {
    name: String,
    /// How many passings are left, this one included.
    left: AtomicU64,
}

impl Armed {
    /// Reads `name` or `name:N`. A count that is no number above zero is taken for 1.
    fn parse(text: &str) -> Option<Self> {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let count = count.parse().ok().filter(|n| *n > 0).unwrap_or(1);
        (!name.is_empty()).then(|| Self { name: name.to_owned(), left: AtomicU64::new(count) })
    }

    /// Whether this passing is the fatal one.
    fn strikes(&self, name: &str) -> bool {
        self.name == name && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// Passes the point `name`.
pub fn point(name: &'static str) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| std::env::var(VARIABLE).ok().as_deref().and_then(Armed::parse));
    if armed.as_ref().is_some_and(|armed| armed.strikes(name)) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_passing_of_its_own_point_strikes_once() {
        let armed = Armed::parse("after-exit:2").unwrap();
        assert!(!armed.strikes("after-spawn"));
        assert!(!armed.strikes("after-exit"));
        assert!(armed.strikes("after-exit"));
        assert!(!armed.strikes("after-exit"));
        assert!(Armed::parse("after-exit").unwrap().strikes("after-exit"));
        assert!(Armed::parse("").is_none());
    }
}
