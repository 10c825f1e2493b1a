//! What a request that was not done answers: `{"error": …, "hint": …, "kind": …}` with a fitting HTTP status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use periapt_model::command::{Refusal, RefusalKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::handle::ApplyError;

/// Of what kind an error is. Clients choose exit codes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// What the request names is not there.
    NotFound,
    /// What it would make is there already.
    AlreadyExists,
    /// It is malformed, or does not fit the charm.
    Invalid,
    /// It does not fit the present state.
    Conflict,
    /// Whoever asks may not.
    NotAllowed,
    /// It was planned from what has changed since.
    Changed,
    /// Its body is too large.
    TooLarge,
    /// The daemon cannot store anything at present, or is ending.
    Unavailable,
    /// A fault of the daemon's.
    Internal,
}

impl ErrorKind {
    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists | Self::Conflict | Self::Changed => StatusCode::CONFLICT,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<RefusalKind> for ErrorKind {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::AlreadyExists => Self::AlreadyExists,
            RefusalKind::Invalid => Self::Invalid,
            RefusalKind::Conflict => Self::Conflict,
            RefusalKind::NotAllowed => Self::NotAllowed,
            RefusalKind::Changed => Self::Changed,
        }
    }
}

/// An error's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{error}")]
pub struct ApiError {
    /// What was wrong, naming the thing.
    pub error: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Of what kind.
    pub kind: ErrorKind,
}

impl ApiError {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, error: impl Into<String>) -> Self {
        Self { error: error.into(), hint: None, kind }
    }

    /// Something that is not there.
    pub fn not_found(error: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, error)
    }

    /// Malformed input.
    pub fn invalid(error: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self { error: refusal.message, hint: refusal.hint, kind: refusal.kind.into() }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Refused(refusal) => refusal.into(),
            error @ ApplyError::Unavailable(_) => Self::new(ErrorKind::Unavailable, error.to_string())
                .hint("look at the daemon's log; it needs free space and a writable home"),
        }
    }
}

/// For conversions that cannot fail, where others can.
impl From<std::convert::Infallible> for ApiError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.kind.status(), Json(self)).into_response()
    }
}
