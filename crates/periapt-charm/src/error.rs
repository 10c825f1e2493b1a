//! Errors, and who can do something about them.
//!
//! Each error has a [`Kind`], and `?` in a handler makes of it what that kind deserves: a *temporary* one defers the event
//! with a waiting status, one that *needs a human* sets a blocked status, and a *bug* fails the hook, which Juju tries again.
//! One that needs a human whose deed no event tells of is [kept](Error::retried) besides.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It may go away by itself: a service that does not answer yet.
    Temporary,
    /// Somebody must act: a missing option, a missing permission.
    NeedsHuman,
    /// Neither: the charm, or what it runs on, is wrong.
    Bug,
}

/// An error in a charm.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    retried: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), retried: false, source: None }))
    }

    /// It may go away by itself.
    #[must_use]
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(Kind::Temporary, message)
    }

    /// Somebody must act. The message is what they read in the status: say what to do.
    #[must_use]
    pub fn needs_human(message: impl Into<String>) -> Self {
        Self::new(Kind::NeedsHuman, message)
    }

    /// The hook fails.
    #[must_use]
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
    }

    /// The same error, where no event tells that somebody has acted: the event is kept and tried again as a deferred one is,
    /// with a blocked status. An error that is temporary or a bug stays what it is.
    ///
    /// ```
    /// # use periapt_charm::prelude::*;
    /// fn licence(_cx: &Context) -> Result<String, Error> {
    ///     Err(Error::needs_human("put the licence into /etc/api/licence").retried())
    /// }
    /// ```
    #[must_use]
    pub fn retried(mut self) -> Self {
        self.0.retried = true;
        self
    }

    /// Whether the event is to be kept though a human is needed: see [`retried`](Self::retried).
    #[must_use]
    pub fn is_retried(&self) -> bool {
        self.0.retried && self.0.kind == Kind::NeedsHuman
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The same error as one of another kind.
    #[must_use]
    pub fn as_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same error with `what` in front: what was being done.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// The message, without its causes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error it was made of, if it is one of that type.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut cause = self.0.source.as_deref().and_then(StdError::source);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

/// What `?` makes an [`Error`] of: every standard error. It has a name of its own so that the compiler says what is wrong with a
/// deferral where there can be none.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`?` makes no `Error` of `{Self}`",
    label = "only standard errors become an `Error`: make one of a text with `.map_err(Error::bug)`. A deferral needs a function that may defer: one that returns `Flow`, or `Result<T, DeferralOrError>`"
)]
pub trait IntoError: StdError + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<E: StdError + Send + Sync + 'static> IntoError for E {}

/// Any standard error, by what is known of its type: errors of the network and of time are temporary, others bugs.
impl<E: IntoError> From<E> for Error {
    fn from(error: E) -> Self {
        let kind = classify(&error);
        let message = error.to_string();
        Self(Box::new(Inner { kind, message, retried: false, source: Some(Box::new(error)) }))
    }
}

fn classify(error: &(dyn StdError + 'static)) -> Kind {
    if let Some(error) = error.downcast_ref::<crate::commands::CommandError>() {
        return error.kind();
    }
    #[cfg(feature = "pebble")]
    if let Some(error) = error.downcast_ref::<periapt_pebble::Error>() {
        return crate::context::kind_of_pebble(error);
    }
    #[cfg(feature = "kube")]
    if let Some(error) = error.downcast_ref::<kube::Error>() {
        return crate::context::kind_of_kube(error);
    }
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return kind_of_io(error.kind());
        }
        cause = error.source();
    }
    Kind::Bug
}

fn kind_of_io(kind: io::ErrorKind) -> Kind {
    use io::ErrorKind as Io;
    match kind {
        Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::NotConnected
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown
        | Io::AddrNotAvailable
        | Io::BrokenPipe
        | Io::WouldBlock
        | Io::TimedOut
        | Io::Interrupted
        | Io::UnexpectedEof
        | Io::ResourceBusy
        | Io::ExecutableFileBusy => Kind::Temporary,
        Io::StorageFull | Io::QuotaExceeded | Io::ReadOnlyFilesystem => Kind::NeedsHuman,
        _ => Kind::Bug,
    }
}

/// Says what was being done when a result is an error, or of which kind the error is.
pub trait ResultExt<T> {
    /// Puts `what` in front of the error.
    ///
    /// # Errors
    /// Those of the result.
    fn context(self, what: impl fmt::Display) -> Result<T, Error>;

    /// The error may go away by itself.
    ///
    /// # Errors
    /// Those of the result.
    fn temporary(self) -> Result<T, Error>;

    /// Somebody must act.
    ///
    /// # Errors
    /// Those of the result.
    fn needs_human(self) -> Result<T, Error>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| error.into().context(what))
    }

    fn temporary(self) -> Result<T, Error> {
        self.map_err(|error| error.into().as_kind(Kind::Temporary))
    }

    fn needs_human(self) -> Result<T, Error> {
        self.map_err(|error| error.into().as_kind(Kind::NeedsHuman))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_network_are_temporary_and_unknown_ones_bugs() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(Error::from(refused()).kind(), Kind::Temporary);
        assert_eq!(Error::from(io::Error::from(io::ErrorKind::StorageFull)).kind(), Kind::NeedsHuman);
        assert_eq!(Error::from("x".parse::<u8>().unwrap_err()).kind(), Kind::Bug);
        let result: Result<(), _> = Err(refused());
        let error = result.context("asking the API").unwrap_err();
        assert!(error.to_string().starts_with("asking the API: "), "{error}");
        assert_eq!(error.kind(), Kind::Temporary);
        assert!(error.downcast_ref::<io::Error>().is_some());
    }
}
