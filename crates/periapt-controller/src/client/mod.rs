//! A client of the [API](crate::api): typed calls over the daemon's Unix socket.
//!
//! Each call is a connection of its own, so that a [`Client`] needs no care: it is a path.

mod applications;
mod batch;
mod connection;
mod daemon;
mod machines;
mod models;
mod offers;
mod operations;
mod secrets;
mod storage;
mod streams;

use std::path::{Path, PathBuf};

use crate::api::{ApiError, ErrorKind};
use crate::views::Zone;

pub use connection::LineReader;

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon refused it. Nothing was changed.
    #[error("{message}")]
    Refused {
        /// Of what kind.
        kind: ErrorKind,
        /// What was wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// No daemon answers at this socket.
    #[error("no daemon answers at {}: {reason}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// The system's reason.
        #[source]
        reason: std::io::Error,
    },
    /// The daemon ended while it was asked. What was asked for may have been done, or may not.
    #[error("the daemon ended before it had answered")]
    Lost,
    /// The daemon's answer is longer than any that it gives in one piece.
    #[error("the daemon's answer is longer than {} MiB", crate::api::ANSWER_LIMIT >> 20)]
    TooLong,
    /// The daemon's answer makes no sense.
    #[error("the daemon's answer cannot be understood: {0}")]
    Protocol(String),
}

impl ClientError {
    /// What to do about it, where anybody knows.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { hint, .. } => hint.as_deref(),
            Self::Lost => Some("what was asked for may have been done: look first, then try again"),
            Self::TooLong => Some("ask for less of it: one thing by its name, or fewer with --limit"),
            Self::Unreachable { .. } | Self::Protocol(_) => None,
        }
    }

    /// Whether what the call was planned from has changed since.
    pub fn has_changed(&self) -> bool {
        matches!(self, Self::Refused { kind: ErrorKind::Changed, .. })
    }

    /// Whether what the call named is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { kind: ErrorKind::NotFound, .. })
    }
}

impl From<ApiError> for ClientError {
    fn from(ApiError { error, hint, kind }: ApiError) -> Self {
        Self::Refused { kind, message: error, hint }
    }
}

/// A client of the daemon that listens at a socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// A client of one model.
#[derive(Clone, Debug)]
pub struct ModelClient {
    client: Client,
    model: String,
}

impl Client {
    /// Nothing is connected yet: a daemon that is not there shows with the first call.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The calls about one model, by its name or uuid. A model that is not there shows with the first of them.
    pub fn model(&self, model: impl Into<String>) -> ModelClient {
        ModelClient { client: self.clone(), model: model.into() }
    }
}

impl ModelClient {
    /// The model's name or uuid, as it was given.
    pub fn name(&self) -> &str {
        &self.model
    }

    /// The path of something in the model.
    fn path(&self, rest: &[&str]) -> String {
        connection::path(["v1", "models", &self.model].into_iter().chain(rest.iter().copied()))
    }
}

/// A query with the zone only.
fn zoned(zone: &Zone) -> crate::api::requests::ZoneParams {
    crate::api::requests::ZoneParams { zone: Some(zone.to_string()) }
}
