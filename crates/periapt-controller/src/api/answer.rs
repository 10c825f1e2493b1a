//! Answers that may be too large to be one.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::error::{ApiError, ErrorKind};

/// The longest answer that is no stream. The client refuses more than this too.
pub(crate) const ANSWER_LIMIT: usize = 256 << 20;

/// Text up to a limit. It fails instead of growing beyond.
struct Bounded {
    text: Vec<u8>,
    limit: usize,
    full: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() > self.limit - self.text.len() {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `value` as JSON of at most `limit` bytes; None if it has more.
fn bounded(value: &impl Serialize, limit: usize) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let mut out = Bounded { text: Vec::new(), limit, full: false };
    match serde_json::to_writer(&mut out, value) {
        Ok(()) => Ok(Some(out.text)),
        Err(_) if out.full => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer of JSON. One that would be longer than [`ANSWER_LIMIT`] is refused by `what` it is, with `remedy` as the hint.
pub(super) fn answer(value: &impl Serialize, what: &str, remedy: &str) -> Result<Response, ApiError> {
    match bounded(value, ANSWER_LIMIT) {
        Ok(Some(text)) => Ok(([(CONTENT_TYPE, super::JSON)], text).into_response()),
        Ok(None) => Err(ApiError::new(
            ErrorKind::TooLarge,
            format!("{what} would be an answer of more than {} MiB", ANSWER_LIMIT >> 20),
        )
        .hint(remedy)),
        Err(error) => Err(ApiError::new(ErrorKind::Internal, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_at_its_limit() {
        let value = ["one", "two"];
        assert_eq!(bounded(&value, 13).unwrap().as_deref(), Some(br#"["one","two"]"#.as_slice()));
        assert_eq!(bounded(&value, 12).unwrap(), None);
    }
}
