//! Panics of a charm: they end its hook with a message that says where, and with the calls that led there where the program
//! knows their names.

use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// What the panic hook has seen last on any thread.
static PANIC: Mutex<Option<Panic>> = Mutex::new(None);

struct Panic {
    /// What was said, and where in the source.
    message: String,
    /// The calls that led there, the last first. None in a program without symbols, which those of releases commonly are.
    calls: Vec<String>,
}

impl Panic {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let said = info.payload_as_str().unwrap_or("(it does not say why)");
        let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let calls = calls(&Backtrace::force_capture().to_string());
        Self { message: format!("the charm panicked{place}: {said}"), calls }
    }
}

/// Makes an error of a panic, so that the log has it and the hook fails. The calls that led there are logged at once.
pub(crate) fn with_panics(work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(Panic::of(info));
    }));
    let ended = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(before);
    ended.unwrap_or_else(|_| {
        let seen = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Panic { message, calls }) = seen else { return Err(Error::bug("the charm panicked")) };
        if !calls.is_empty() {
            tracing::error!("The calls that led to the panic, the last first:\n{}", calls.join("\n"));
        }
        Err(Error::bug(message))
    })
}

/// The charm's own calls in a backtrace as the standard library writes it: neither how the panic was made, nor how the library
/// called the handler, nor what has no name.
fn calls(backtrace: &str) -> Vec<String> {
    let mut frames: Vec<(&str, Option<&str>)> = Vec::new();
    for line in backtrace.lines().map(str::trim) {
        let numbered = line.split_once(": ").filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        match (numbered, line.strip_prefix("at "), frames.last_mut()) {
            (Some((_, name)), ..) => frames.push((name, None)),
            (None, Some(place), Some(last)) => last.1 = Some(place),
            _ => {}
        }
    }
    // Neither what has no name nor what is no Rust.
    frames.retain(|(name, place)| name.contains("::") || place.is_some());
    // All before it is how the panic was made.
    if let Some(begun) = frames.iter().position(|(name, _)| name.contains("rust_begin_unwind")) {
        frames.drain(..=begun);
    }
    let is_of_rust = |(name, place): &(&str, Option<&str>)| {
        ["std::", "core::", "alloc::", "<alloc::"].iter().any(|start| name.starts_with(start))
            || place.is_some_and(|place| place.starts_with("/rustc/"))
    };
    let is_of_library = |(name, _): &(&str, Option<&str>)| {
        let own = ["dispatch", "observe", "panics", "run"];
        own.iter().any(|part| name.contains(&format!("periapt_charm::{part}::")))
    };
    // What follows is how the library called the handler.
    let own = frames.into_iter().skip_while(is_of_rust).take_while(|frame| !is_of_library(frame));
    let shown = own.map(|(name, place)| match place {
        Some(place) => format!("  {name} ({place})"),
        None => format!("  {name}"),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_the_charm_that_have_names_are_told() {
        let backtrace = "   0: std::backtrace::Backtrace::create\n             at /rustc/x/backtrace.rs:1:2\n   1: \
            periapt_charm::panics::Panic::of\n   2: std::panicking::panic_with_hook\n   3: __rustc::rust_begin_unwind\n   4: \
            panic_fmt\n             at /rustc/x/panicking.rs:80:14\n   5: read\n             at ./src/main.rs:31:9\n   6: \
            core::option::Option<T>::map\n   7: <unknown>\n   8: api::Api::reconcile\n   9: \
            <F as periapt_charm::observe::Handler<C,E,R,X>>::handle\n  10: deliver<Api>\n             at ./src/x.rs:1:1\n";
        let expected =
            ["  read (./src/main.rs:31:9)", "  core::option::Option<T>::map", "  api::Api::reconcile"];
        assert_eq!(calls(backtrace), expected);
        for nothing in ["   0: <unknown>\n   1: <unknown>\n   2: __libc_start_main\n", "disabled backtrace"] {
            assert!(calls(nothing).is_empty(), "{nothing}");
        }
    }
}
