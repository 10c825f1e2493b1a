//! How a handler ends: done, deferred, or with an error.

use std::fmt;
use std::time::Duration;

use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::event::On;
use crate::patience::Exhausted;

/// The handler has done its work. Made by [`done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done(());

/// What a handler of an event that can be deferred returns.
pub type Flow = Result<Done, DeferralOrError>;

/// What a handler of an event that cannot be deferred returns: there is no deferral in it.
pub type Finish = Result<Done, Error>;

/// The work is done.
///
/// # Errors
/// Never.
pub fn done<E>() -> Result<Done, E> {
    Ok(Done(()))
}

/// The work cannot be done yet: this handler gets this event again, with the unit's next event or, on Periapt, as soon as
/// what it waits for has come.
///
/// `reason` is read by people, in the unit's status and in `periapt why`: say what is missing.
///
/// # Errors
/// Always: that is how the handler ends.
#[must_use = "a deferral counts only if the handler returns it: write `return` in front of it"]
pub fn defer(reason: impl Into<String>) -> Flow {
    Err(DeferralOrError::defer(Deferral { reason: reason.into(), wakes: Vec::new() }))
}

/// Says when a deferred event is worth another try. On what is not a deferral it has no effect.
pub trait DeferExt: Sized {
    /// After so long.
    #[must_use = "a deferral counts only if the handler returns it: write `return` in front of it"]
    fn wake_after(self, delay: Duration) -> Self;

    /// At that time.
    #[must_use = "a deferral counts only if the handler returns it: write `return` in front of it"]
    fn wake_at(self, at: Timestamp) -> Self;

    /// As soon as such an event has been handled.
    #[must_use = "a deferral counts only if the handler returns it: write `return` in front of it"]
    fn wake_on<E>(self, event: On<E>) -> Self;
}

impl DeferExt for Flow {
    fn wake_after(self, delay: Duration) -> Self {
        self.with(Wake::After { after_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) })
    }

    fn wake_at(self, at: Timestamp) -> Self {
        self.with(Wake::At { at })
    }

    fn wake_on<E>(self, event: On<E>) -> Self {
        self.with(Wake::On { on: event.name() })
    }
}

trait With {
    fn with(self, wake: Wake) -> Self;
}

impl With for Flow {
    fn with(mut self, wake: Wake) -> Self {
        if let Err(DeferralOrError(inner)) = &mut self
            && let StopKind::Defer(deferral) = inner.as_mut()
        {
            deferral.wakes.push(wake);
        }
        self
    }
}

/// When a deferred event is worth another try.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wake {
    /// So long after the dispatch's end.
    After {
        /// Milliseconds.
        after_ms: u64,
    },
    /// At that time.
    At {
        /// Milliseconds since 1970.
        at: Timestamp,
    },
    /// When such an event has been handled.
    On {
        /// The hook's name.
        on: String,
    },
}

impl Wake {
    /// The same as a moment, where it is one: delays count from `now`.
    pub(crate) fn from(self, now: Timestamp) -> Self {
        match self {
            Self::After { after_ms } => Self::At { at: now + Duration::from_millis(after_ms) },
            other => other,
        }
    }
}

/// Why, and until when, a handler put its event off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// For people.
    pub reason: String,
    /// The moments that are worth another try; the first that comes counts. None: with any next event.
    pub wakes: Vec<Wake>,
}

/// How a handler ends that has not done its work: it defers, waits, blocks, or fails.
///
/// Its name is what the compiler says where a deferral stands in a handler that has none: it found a `DeferralOrError`, and
/// expected an `Error`.
pub struct DeferralOrError(Box<StopKind>);

/// What a [`DeferralOrError`] is.
#[derive(Debug)]
pub enum StopKind {
    /// The event is kept, and this handler gets it again.
    Defer(Deferral),
    /// The event is done with; the unit waits, with this status, until the handler has run again and ended well.
    Wait(String),
    /// The event is done with; the unit is blocked, with this status, until the handler has run again and ended well.
    Block(String),
    /// By the error's kind.
    Error(Error),
}

impl DeferralOrError {
    pub(crate) fn new(kind: StopKind) -> Self {
        Self(Box::new(kind))
    }

    fn defer(deferral: Deferral) -> Self {
        Self::new(StopKind::Defer(deferral))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> &StopKind {
        &self.0
    }

    pub(crate) fn into_kind(self) -> StopKind {
        *self.0
    }
}

impl fmt::Debug for DeferralOrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Into<Error> + NotStop> From<E> for DeferralOrError {
    fn from(error: E) -> Self {
        Self::new(StopKind::Error(error.into()))
    }
}

/// What `?` turns into an error in a handler: every standard error, and [`Error`] itself.
#[doc(hidden)]
pub trait NotStop {}
impl NotStop for Error {}
impl<E: std::error::Error> NotStop for E {}

impl From<Exhausted> for DeferralOrError {
    fn from(exhausted: Exhausted) -> Self {
        Self::new(exhausted.into_stop())
    }
}

/// What handlers may return: [`Flow`] or [`Finish`].
pub trait Outcome {
    /// As a flow.
    ///
    /// # Errors
    /// What the handler returned.
    fn into_flow(self) -> Flow;
}

impl Outcome for Flow {
    fn into_flow(self) -> Flow {
        self
    }
}

impl Outcome for Finish {
    fn into_flow(self) -> Flow {
        self.map_err(|error| DeferralOrError::new(StopKind::Error(error)))
    }
}

/// So many milliseconds.
#[must_use]
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
#[must_use]
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
#[must_use]
pub const fn mins(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
