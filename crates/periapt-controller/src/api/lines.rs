//! Streams of newline-delimited JSON.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::{ApiError, ErrorKind};

/// The content type of such a stream.
pub const NDJSON: &str = "application/x-ndjson";

/// How many lines wait for a slow reader before the writer waits too.
const BUFFERED: usize = 64;

/// The reader is gone: there is nobody to write for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// Where the lines of a stream go in.
#[derive(Clone)]
pub(super) struct Lines(mpsc::Sender<Bytes>);

impl Lines {
    pub async fn send(&self, value: &impl Serialize) -> Result<(), Closed> {
        self.0.send(encode(value)).await.map_err(|_| Closed)
    }
}

/// So many bytes of lines are sent at once.
const BLOCK: usize = 32 << 10;

/// After this a block is sent that is not full.
const PATIENCE: Duration = Duration::from_millis(20);

/// Lines that come quickly, on a thread that may block: they are sent in blocks.
pub(super) struct Block<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
    sent: Instant,
}

impl<'a> Block<'a> {
    pub fn new(lines: &'a Lines) -> Self {
        Self { lines, bytes: Vec::new(), sent: Instant::now() }
    }

    /// Adds a line.
    pub fn push(&mut self, value: &impl Serialize) -> Result<(), Closed> {
        self.bytes.extend_from_slice(&encode(value));
        if self.bytes.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Sends what waits, if it has waited long. Whoever may find nothing to push for a while calls it.
    pub fn hurry(&mut self) -> Result<(), Closed> {
        if self.sent.elapsed() < PATIENCE {
            return Ok(());
        }
        // Also to learn that nobody reads any more.
        self.flush()
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> Result<(), Closed> {
        self.sent = Instant::now();
        if self.lines.0.is_closed() {
            return Err(Closed);
        }
        match self.bytes.is_empty() {
            true => Ok(()),
            false => self.lines.0.blocking_send(std::mem::take(&mut self.bytes).into()).map_err(|_| Closed),
        }
    }
}

fn encode(value: &impl Serialize) -> Bytes {
    let encoded = serde_json::to_vec(value).or_else(|e| {
        // Our own types always encode; should one not, the reader learns of it.
        serde_json::to_vec(&ApiError::new(ErrorKind::Internal, format!("a line cannot be written: {e}")))
    });
    let mut line = encoded.unwrap_or_default();
    line.push(b'\n');
    line.into()
}

struct LineBody(mpsc::Receiver<Bytes>);

impl hyper::body::Body for LineBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// A response whose lines `write` makes. It is dropped when the reader goes away or the daemon ends.
pub(super) fn stream<W, F>(ending: CancellationToken, write: W) -> Response
where
    W: FnOnce(Lines) -> F,
    F: Future<Output = Result<(), Closed>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let gone = sender.clone();
    let writing = write(Lines(sender));
    tokio::spawn(async move {
        tokio::select! {
            () = ending.cancelled() => {}
            () = gone.closed() => {}
            // A reader that went away in mid-line needs no report.
            _ = writing => {}
        }
    });
    ([(CONTENT_TYPE, NDJSON)], Body::new(LineBody(receiver))).into_response()
}
