//! Panics of a charm under test: they end its hook and not the test.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::hook::EndedByReboot;
use crate::error::Error;

/// How a hook ended.
pub(super) enum Ended {
    Well,
    Failed(Error),
    Panicked(String),
    /// By `juju-reboot --now`.
    Rebooted,
}

impl Ended {
    pub(super) fn of(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => Self::Well,
            Err(error) => Self::Failed(error),
        }
    }
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and catches its panic, with the place of it. Other threads' panics are theirs.
pub(super) fn caught(work: impl FnOnce() -> Result<(), Error>) -> Ended {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match WATCHED.get() {
            true => SEEN.with(|seen| *seen.borrow_mut() = Some(info.to_string())),
            false => before(info),
        }));
    });
    let outer = WATCHED.replace(true);
    let ended = catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(outer);
    match ended {
        Ok(result) => Ended::of(result),
        Err(thrown) if thrown.is::<EndedByReboot>() => Ended::Rebooted,
        Err(_) => {
            let seen = SEEN.with(|seen| seen.borrow_mut().take());
            Ended::Panicked(seen.unwrap_or_else(|| "the charm panicked".to_owned()))
        }
    }
}
