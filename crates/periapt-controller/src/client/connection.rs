//! HTTP/1 over a Unix socket.

use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{Client, ClientError};
use crate::api::{ANSWER_LIMIT, ApiError, ErrorKind};

/// Joins segments into a path, with whatever a path may not hold encoded.
pub(super) fn path<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    path.push(char::from(byte))
                }
                other => path.push_str(&format!("%{other:02X}")),
            }
        }
    }
    path
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Protocol(error.to_string())
}

/// A connection that broke: the daemon has ended, if nothing else is wrong with what came.
fn cut(error: &(dyn std::error::Error + 'static)) -> ClientError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let by_http = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed() || error.is_canceled());
        let by_system = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
            matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
        });
        if by_http || by_system {
            return ClientError::Lost;
        }
        if error.is::<LengthLimitError>() {
            return ClientError::TooLong;
        }
        cause = error.source();
    }
    broken(error)
}

/// The longest path that a socket's address holds, with its end.
const ADDRESS_LIMIT: usize = 108;

/// Connects to a socket whose path may be longer than an address holds: through its folder, which the kernel then names.
async fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    match (socket.parent(), socket.file_name()) {
        (Some(folder), Some(name)) if socket.as_os_str().len() >= ADDRESS_LIMIT => {
            let folder = std::fs::File::open(folder)?;
            UnixStream::connect(Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name)).await
        }
        _ => UnixStream::connect(socket).await,
    }
}

impl Client {
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let stream = connect(&self.socket)
            .await
            .map_err(|reason| ClientError::Unreachable { socket: self.socket.clone(), reason })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| cut(&e))?;
        // The connection moves bytes until the answer is read or dropped; its error shows in the answer too.
        tokio::spawn(async move { drop(connection.await) });
        let response = sender.send_request(request).await.map_err(|e| cut(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = read(response).await?;
        Err(match serde_json::from_slice::<ApiError>(&body) {
            Ok(error) => error.into(),
            Err(_) => unexplained(status, &body),
        })
    }

    fn request(method: Method, uri: &str, body: Vec<u8>) -> Result<Request<Full<Bytes>>, ClientError> {
        let request =
            Request::builder().method(method).uri(uri).header(HOST, "localhost").header(ACCEPT, "*/*");
        let request =
            if body.is_empty() { request } else { request.header(CONTENT_TYPE, "application/json") };
        request.body(Full::from(body)).map_err(broken)
    }

    /// A call with neither query nor body.
    pub(crate) async fn call<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<R, ClientError> {
        decode(read(self.send(Self::request(method, path, Vec::new())?).await?).await?)
    }

    /// A call with a query.
    pub(super) async fn query<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
    ) -> Result<R, ClientError> {
        self.call(method, &with_query(path, query)?).await
    }

    /// A call with a body.
    pub(crate) async fn submit<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<R, ClientError> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        decode(read(self.send(Self::request(method, path, body)?).await?).await?)
    }

    /// A call whose answer is a stream.
    pub(super) async fn follow<R>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<LineReader<R>, ClientError> {
        let request = Self::request(Method::GET, &with_query(path, query)?, Vec::new())?;
        Ok(LineReader::new(self.send(request).await?))
    }

    /// As [`Client::follow`], with a body.
    pub(super) async fn follow_submit<R>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<LineReader<R>, ClientError> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        Ok(LineReader::new(self.send(Self::request(Method::POST, path, body)?).await?))
    }
}

fn unexplained(status: StatusCode, body: &[u8]) -> ClientError {
    let text = String::from_utf8_lossy(body);
    ClientError::Protocol(
        format!("{status} {}", text.chars().take(200).collect::<String>()).trim_end().to_owned(),
    )
}

fn with_query(path: &str, query: &impl Serialize) -> Result<String, ClientError> {
    let fields = serde_json::to_value(query).map_err(broken)?;
    let mut uri = path.to_owned();
    let mut separator = '?';
    for (key, value) in fields.as_object().into_iter().flatten() {
        let text = match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => continue,
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        uri.push(separator);
        uri.push_str(key);
        uri.push('=');
        // A query's value may hold fewer bytes than a path's segment, and is encoded alike.
        uri.push_str(&self::path(std::iter::once(text.as_str()))[1..]);
        separator = '&';
    }
    Ok(uri)
}

async fn read(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| cut(error.as_ref()))?;
    Ok(body.to_bytes())
}

fn decode<R: DeserializeOwned>(body: Bytes) -> Result<R, ClientError> {
    serde_json::from_slice(&body).map_err(broken)
}

/// A stream of JSON values, one a line. Dropping it ends the stream at the daemon too.
#[derive(Debug)]
pub struct LineReader<R> {
    body: Incoming,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    begin: usize,
    /// Up to where there is no line end behind that.
    searched: usize,
    item: PhantomData<fn() -> R>,
}

impl<R> LineReader<R> {
    fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), buffer: Vec::new(), begin: 0, searched: 0, item: PhantomData }
    }

    /// The next whole line, as a part of the buffer.
    fn line(&mut self) -> Option<std::ops::Range<usize>> {
        match self.buffer[self.searched..].iter().position(|b| *b == b'\n') {
            Some(at) => {
                let line = self.begin..self.searched + at;
                self.begin = line.end + 1;
                self.searched = self.begin;
                Some(line)
            }
            None => {
                // What was read goes away before more comes.
                self.buffer.drain(..self.begin);
                self.begin = 0;
                self.searched = self.buffer.len();
                None
            }
        }
    }
}

impl<R: DeserializeOwned> LineReader<R> {
    /// The next value; None at the end. Safe to cancel: nothing is lost then.
    ///
    /// # Errors
    ///
    /// What the daemon could not go on with, or a broken connection.
    pub async fn next(&mut self) -> Result<Option<R>, ClientError> {
        loop {
            while let Some(line) = self.line() {
                if line.is_empty() {
                    continue;
                }
                let line = &self.buffer[line];
                return match serde_json::from_slice(line) {
                    Ok(value) => Ok(Some(value)),
                    Err(reason) => match serde_json::from_slice::<ApiError>(line) {
                        Ok(error) => Err(error.into()),
                        Err(_) => Err(broken(reason)),
                    },
                };
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(cut(&error)),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(ClientError::Lost),
            }
        }
    }

    /// Every value to the end.
    ///
    /// # Errors
    ///
    /// As [`LineReader::next`].
    pub async fn collect(mut self) -> Result<Vec<R>, ClientError> {
        let mut all = Vec::new();
        while let Some(value) = self.next().await? {
            all.push(value);
        }
        Ok(all)
    }
}

impl ClientError {
    /// Whether the daemon is ending or cannot store anything.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Refused { kind: ErrorKind::Unavailable, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_stays_one_segment() {
        let made = path(["v1", "models", "a/b?c d"].into_iter());
        assert_eq!(made, "/v1/models/a%2Fb%3Fc%20d");
    }

    #[test]
    fn queries_leave_out_what_is_not_there() {
        let query = crate::api::requests::JournalParams {
            units: Some("a/0,b&c".to_owned()),
            last: Some(3),
            ..Default::default()
        };
        assert_eq!(with_query("/x", &query).unwrap(), "/x?units=a%2F0%2Cb%26c&last=3");
        assert_eq!(with_query("/x", &crate::api::requests::ForceParams::default()).unwrap(), "/x");
    }
}
