//! A server over a unix socket that answers as a test says, in as little HTTP as the client needs.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use periapt_pebble::Client;
use tempfile::TempDir;
pub use tokio_tungstenite::tungstenite::{Message, WebSocket};

pub mod around_fake;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// In small letters, one a line.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The values of a parameter of the query.
    pub fn query(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| unescape(value)).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if let (b'%', Some(code)) = (first, after.get(..2)) {
            let code = std::str::from_utf8(code).expect("digits");
            bytes.push(u8::from_str_radix(code, 16).expect("hexadecimal"));
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// What a server does with a request.
pub enum Reply {
    /// An answer in JSON.
    Json(u16, String),
    /// An answer of another kind.
    Raw(u16, &'static str, Vec<u8>),
    /// Exactly these bytes, and then the connection ends.
    Bytes(Vec<u8>),
    /// Nothing: the connection stays, silent, until the client has enough.
    Silence,
}

type Socket = WebSocket<Prefixed>;
type Handler = dyn Fn(&Request) -> Reply + Send + Sync;
type Sockets = dyn Fn(&str, Socket) + Send + Sync;

pub struct Server {
    pub client: Client,
    pub requests: Arc<Mutex<Vec<Request>>>,
    _folder: TempDir,
}

impl Server {
    pub fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_sockets(handler, |_, _| {})
    }

    /// Also answers websockets, by their path.
    pub fn with_sockets(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        sockets: impl Fn(&str, Socket) + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket: PathBuf = folder.path().join("pebble.socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (handler, sockets): (Arc<Handler>, Arc<Sockets>) = (Arc::new(handler), Arc::new(sockets));
        let seen = Arc::clone(&requests);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, sockets, seen) =
                    (Arc::clone(&handler), Arc::clone(&sockets), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream, &*handler, &*sockets, &seen));
            }
        });
        let client = Client::with_timeout(socket, Duration::from_secs(2));
        Self { client, requests, _folder: folder }
    }

    /// The same server for a client with another patience.
    pub fn client(&self, timeout: Duration) -> Client {
        Client::with_timeout(self.client.socket(), timeout)
    }

    pub fn last_request(&self) -> Request {
        self.requests.lock().expect("requests").last().cloned().expect("a request")
    }
}

fn serve(mut stream: UnixStream, handler: &Handler, sockets: &Sockets, seen: &Mutex<Vec<Request>>) {
    let mut data = Vec::new();
    let head = loop {
        if let Some(at) = data.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if !more(&mut stream, &mut data) {
            return;
        }
    };
    let text = String::from_utf8_lossy(&data[..head]).into_owned();
    let (line, headers) = text.split_once("\r\n").unwrap_or((&text, ""));
    let mut words = line.split(' ');
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    if target.contains("/websocket/") {
        let rest = Prefixed { prefix: std::io::Cursor::new(data), stream };
        if let Ok(socket) = tokio_tungstenite::tungstenite::accept(rest) {
            sockets(&target, socket);
        }
        return;
    }
    let headers = headers.to_ascii_lowercase();
    let mut body = data.split_off(head + 4);
    let length =
        headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if headers.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            if !more(&mut stream, &mut body) {
                return;
            }
        }
        body = unchunk(&body);
    }
    while body.len() < length.unwrap_or(0) {
        if !more(&mut stream, &mut body) {
            return;
        }
    }
    let request = Request { method, target, headers, body };
    seen.lock().expect("requests").push(request.clone());
    let (code, media, body) = match handler(&request) {
        Reply::Json(code, body) => (code, "application/json", body.into_bytes()),
        Reply::Raw(code, media, body) => (code, media, body),
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
            return;
        }
        Reply::Silence => {
            while more(&mut stream, &mut Vec::new()) {}
            return;
        }
    };
    let head =
        format!("HTTP/1.1 {code} X\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.into_bytes(), body].concat());
}

fn more(stream: &mut UnixStream, data: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 65536];
    let length = stream.read(&mut buffer).unwrap_or(0);
    data.extend_from_slice(&buffer[..length]);
    length > 0
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(at) = body.windows(2).position(|window| window == b"\r\n") {
        let size =
            std::str::from_utf8(&body[..at]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk's size");
        if size == 0 {
            break;
        }
        all.extend_from_slice(&body[at + 2..at + 2 + size]);
        body = &body[at + 4 + size..];
    }
    all
}

/// A stream of which something was read already.
pub struct Prefixed {
    prefix: std::io::Cursor<Vec<u8>>,
    stream: UnixStream,
}

impl Read for Prefixed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.prefix.read(buffer)? {
            0 => self.stream.read(buffer),
            length => Ok(length),
        }
    }
}

impl Write for Prefixed {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.stream.write(data)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

pub fn sync(result: &str) -> Reply {
    Reply::Json(200, format!(r#"{{"type":"sync","status-code":200,"status":"OK","result":{result}}}"#))
}

/// Work under way; `result` is null for services.
pub fn accepted(change: &str, result: &str) -> Reply {
    let text = format!(
        r#"{{"type":"async","status-code":202,"status":"Accepted","change":"{change}","result":{result}}}"#
    );
    Reply::Json(202, text)
}

pub fn error(code: u16, status: &str, result: &str) -> Reply {
    Reply::Json(
        code,
        format!(r#"{{"type":"error","status-code":{code},"status":"{status}","result":{result}}}"#),
    )
}
