//! The parts of a request, with our errors instead of axum's.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use periapt_model::command::{EndpointRef, Receiver};
use periapt_model::names::{AppName, EndpointName, TaskId, UnitName};
use serde::de::DeserializeOwned;

use super::error::{ApiError, ErrorKind};

/// The variable segments of a request's path.
pub(super) struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(segments) =
            Path::from_request_parts(parts, state).await.map_err(|e| ApiError::invalid(e.body_text()))?;
        Ok(Self(segments))
    }
}

/// The query of a request's URI.
pub(super) struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(params) =
            Query::from_request_parts(parts, state).await.map_err(|e| ApiError::invalid(e.body_text()))?;
        Ok(Self(params))
    }
}

/// A JSON body, whatever its content type says.
pub(super) struct Input<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(unreadable)?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|e| ApiError::invalid(format!("the request's body does not fit: {e}")))
    }
}

/// As [`Input`], for bodies with what must not be repeated: what does not fit is not quoted.
pub(super) struct Sensitive<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sensitive<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(unreadable)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            ApiError::invalid(format!(
                "the request's body does not fit at line {line}, column {column}; what is there is not repeated, it may be secret"
            ))
            .hint("GET /v1/openapi.json describes it; the values of a secret's content are texts in base64")
        })
    }
}

fn unreadable(rejection: BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            ErrorKind::TooLarge,
            format!("the request's body is larger than {} MiB", super::BODY_LIMIT >> 20),
        ),
        _ => ApiError::invalid(rejection.body_text()),
    }
}

/// A comma-separated list; empty elements are not there.
pub(super) fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// As [`list`], each element read.
pub(super) fn parsed_list<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: Option<&str>,
) -> Result<Vec<T>, ApiError> {
    list(text).map(|part| part.parse().map_err(ApiError::invalid)).collect()
}

pub(super) fn app_name(text: &str) -> Result<AppName, ApiError> {
    text.parse().map_err(ApiError::invalid)
}

pub(super) fn unit_name(app: &str, number: &str) -> Result<UnitName, ApiError> {
    format!("{app}/{number}").parse().map_err(ApiError::invalid)
}

pub(super) fn task_id(text: &str) -> Result<TaskId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(format!("{text:?} is not the number of a task or an operation")))
}

/// `app` or `app:endpoint`.
pub(super) fn endpoint_ref(text: &str) -> Result<EndpointRef, ApiError> {
    let (app, endpoint) = match text.split_once(':') {
        Some((app, endpoint)) => (app, Some(endpoint)),
        None => (text, None),
    };
    let endpoint = endpoint.map(str::parse::<EndpointName>).transpose().map_err(ApiError::invalid)?;
    Ok(EndpointRef { app: app_name(app)?, endpoint })
}

/// `app/0`, `app/leader`, `app` for all of its units, or the number of a machine.
pub(super) fn receiver(text: &str) -> Result<Receiver, ApiError> {
    match text.split_once('/') {
        Some((app, "leader")) => Ok(Receiver::Leader(app_name(app)?)),
        Some(_) => text.parse().map(Receiver::Unit).map_err(ApiError::invalid),
        // No application's name begins with a digit.
        None => match text.parse() {
            Ok(machine) => Ok(Receiver::Machine(machine)),
            Err(_) => Ok(Receiver::Application(app_name(text)?)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_units_leaders_and_applications() {
        assert_eq!(receiver("db/0").unwrap(), Receiver::Unit("db/0".parse().unwrap()));
        assert_eq!(receiver("db/leader").unwrap(), Receiver::Leader("db".parse().unwrap()));
        assert_eq!(receiver("7").unwrap(), Receiver::Machine(periapt_model::names::MachineId(7)));
        assert_eq!(receiver("db").unwrap(), Receiver::Application("db".parse().unwrap()));
        for bad in ["", "db/", "db/x", "/leader", "DB"] {
            assert!(receiver(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ends_of_relations_may_name_an_endpoint() {
        assert_eq!(endpoint_ref("db:admin").unwrap().endpoint.unwrap().as_str(), "admin");
        assert!(endpoint_ref("db").unwrap().endpoint.is_none());
        for bad in ["", ":x", "db:", "db:a:b"] {
            assert!(endpoint_ref(bad).is_err(), "{bad}");
        }
    }
}
