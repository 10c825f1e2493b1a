//! One request, one connection: over a unix socket that costs next to nothing, and there is nothing to go stale
//! between two hooks.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// Where Pebble is and how long it may stay silent.
pub(super) struct Transport {
    pub(super) socket: PathBuf,
    pub(super) timeout: Duration,
    /// Made with the first request: most hooks never speak to Pebble.
    runtime: Mutex<Option<Arc<Runtime>>>,
}

/// Counts what moves, so that a transfer that is slow but alive is not taken for a dead one.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<AtomicU64>);

impl Activity {
    pub(super) fn moved(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What every JSON answer has.
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) change: Option<String>,
    #[serde(default)]
    pub(super) result: Value,
}

impl Envelope {
    /// The result as what it should be.
    pub(super) fn result<T: DeserializeOwned>(self) -> Result<T> {
        serde_json::from_value(self.result).map_err(|e| Error::Protocol(e.to_string()))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) kind: Option<String>,
}

/// A query string: names are ours, values are escaped.
#[derive(Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b',' => {
                    self.0.push(char::from(byte));
                }
                _ => self.0.push_str(&format!("%{byte:02X}")),
            }
        }
    }

    pub(super) fn path(&self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

/// A segment of a path, escaped.
pub(super) fn segment(text: &str) -> String {
    let mut query = Query::default();
    query.add("", text);
    query.0.trim_start_matches("?=").replace('/', "%2F")
}

impl Transport {
    pub(super) fn new(socket: PathBuf, timeout: Duration) -> Self {
        Self { socket, timeout, runtime: Mutex::default() }
    }

    /// Runs a future to its end on this thread.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if Handle::try_current().is_ok() {
            let message =
                "the Pebble client blocks: call it from a blocking thread, not from asynchronous code";
            return Err(Error::Local(message.to_owned()));
        }
        let runtime = {
            let mut slot = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            match &*slot {
                Some(runtime) => Arc::clone(runtime),
                None => {
                    let runtime = Arc::new(new_runtime()?);
                    *slot = Some(Arc::clone(&runtime));
                    runtime
                }
            }
        };
        runtime.block_on(work)
    }

    /// Sends a request and has `read` take the answer. Ends when nothing has moved for the time-out and `patience`,
    /// which is for requests that Pebble answers late on purpose.
    pub(super) async fn exchange<B, T>(
        &self,
        request: Request<B>,
        activity: Activity,
        patience: Duration,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T>,
    ) -> Result<T>
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let what = format!("{} {}", request.method(), request.uri().path());
        let work = async {
            let stream = connect(&self.socket).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
            let work = async {
                let response = sender.send_request(request).await.map_err(broken)?;
                activity.moved();
                read(response).await
            };
            // The connection is driven from here instead of from a task: it is closed the moment that this is over,
            // and not when something runs next.
            let mut work = pin!(work);
            let mut connection = pin!(connection);
            tokio::select! {
                result = &mut work => return result,
                _ = &mut connection => {}
            }
            // It ended first, perhaps with all of the answer read; what is wrong the answer's reader says.
            work.await
        };
        let mut work = pin!(work);
        loop {
            let before = activity.count();
            match tokio::time::timeout(self.timeout + patience, &mut work).await {
                Ok(result) => return result,
                Err(_) if activity.count() != before => {}
                Err(_) => return Err(Error::Timeout(format!("Pebble did not answer {what}"))),
            }
        }
    }

    /// A request whose answer is JSON.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        patience: Duration,
    ) -> Result<Envelope> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        request = request.header(ACCEPT, "application/json");
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                serde_json::to_vec(&body).map_err(|e| Error::Local(e.to_string()))?
            }
            None => Vec::new(),
        };
        let request = build(request, Full::new(Bytes::from(body)))?;
        let activity = Activity::default();
        let moving = activity.clone();
        self.exchange(request, activity, patience, async move |response| read_json(response, &moving).await)
            .await
    }
}

pub(super) fn new_runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    runtime.map_err(|e| Error::Local(format!("cannot wait for input and output: {e}")))
}

pub(super) fn build<B>(request: hyper::http::request::Builder, body: B) -> Result<Request<B>> {
    request.body(body).map_err(|e| Error::Local(format!("cannot ask Pebble that: {e}")))
}

pub(super) async fn connect(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket).await.map_err(|e| {
        let path = socket.display();
        Error::Connection(match e.kind() {
            io::ErrorKind::NotFound => format!("no socket at {path}"),
            _ => format!("{path}: {e}"),
        })
    })
}

/// What hyper met. An answer that makes no sense is another thing than a connection that breaks: only the second is
/// worth another try.
pub(super) fn broken(error: hyper::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(next) = cause {
        // What the body of a request could not read is the caller's.
        if let Some(Error::Local(text)) = next.downcast_ref::<Error>() {
            return Error::Local(text.clone());
        }
        cause = next.source();
    }
    if error.is_parse() { Error::Protocol(error.to_string()) } else { Error::Connection(error.to_string()) }
}

/// The media type without its parameters.
pub(super) fn media_type(response: &Response<Incoming>) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) async fn read_all(body: &mut Incoming, activity: &Activity) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        activity.moved();
        if let Some(data) = frame.map_err(broken)?.data_ref() {
            all.extend_from_slice(data);
        }
    }
    Ok(all)
}

pub(super) async fn read_json(mut response: Response<Incoming>, activity: &Activity) -> Result<Envelope> {
    let status = response.status();
    let media = media_type(&response);
    let body = read_all(response.body_mut(), activity).await?;
    if !status.is_success() {
        return Err(refusal(status, &body));
    }
    if media != "application/json" {
        return Err(Error::Protocol(format!("expected application/json, got {media:?}")));
    }
    serde_json::from_slice(&body).map_err(|e| Error::Protocol(e.to_string()))
}

/// An answer that is not a success, whatever its body is.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let refusal = serde_json::from_slice::<Envelope>(body).ok();
    let refusal = refusal.and_then(|e| serde_json::from_value::<Refusal>(e.result).ok()).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default().to_owned();
    let message = match refusal.message {
        message if message.is_empty() => format!("{} {reason}", status.as_u16()).trim().to_owned(),
        message => message,
    };
    Error::Api { code: status.as_u16(), status: reason, message, kind: refusal.kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_segments_are_escaped() {
        let mut query = Query::default();
        query.add("path", "/a b/ü&c");
        query.add("names", "x,y");
        assert_eq!(query.path("/v1/files"), "/v1/files?path=/a%20b/%C3%BC%26c&names=x,y");
        assert_eq!(segment("1/../2?"), "1%2F..%2F2%3F");
    }

    #[test]
    fn a_refusal_without_sense_is_still_a_refusal() {
        let odd = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!((odd.code(), odd.to_string()), (Some(502), "502 Bad Gateway".to_owned()));
        assert!(odd.is_temporary());
    }
}
