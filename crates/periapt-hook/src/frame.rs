//! The messages between a hook command and the agent, and their encoding.
//!
//! A *frame* is an 8-byte header and a body:
//!
//! | bytes | content |
//! | --- | --- |
//! | 0..2 | `PH` |
//! | 2 | protocol version, [`VERSION`] |
//! | 3 | kind of message: 1 request, 2 need-stdin, 3 done |
//! | 4..8 | length of the body in bytes, big-endian; at most [`MAX_BODY`] |
//!
//! The header keeps this form in every version, so that two ends of different versions can tell each other so.
//! In a body, a byte string is its length (4 bytes, big-endian) and its bytes:
//!
//! - request: context id, directory, command, number of arguments (4 bytes), the arguments, then `0`, or `1` and stdin;
//! - need-stdin: nothing;
//! - done: exit code (1 byte), stdout, stderr.
//!
//! A message has exactly one encoding. A connection carries any number of requests, each answered before the next.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The version of the protocol that this library speaks.
pub const VERSION: u8 = 1;

/// Bytes in a frame's header.
pub const HEADER_LEN: usize = 8;

/// The most bytes that a frame's body may have (64 MiB).
pub const MAX_BODY: usize = 64 * 1024 * 1024;

/// The most arguments that a request may have. Linux gives a process fewer; the limit is there so that a hostile body
/// full of empty arguments cannot make the reader allocate many times the body's size.
pub const MAX_ARGS: usize = 1 << 20;

const MAGIC: [u8; 2] = *b"PH";

/// Reserved at once for a body that a peer announces; more is allocated only as the bytes arrive.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Request`].
    Request = 1,
    /// [`Response::NeedStdin`].
    NeedStdin = 2,
    /// [`Response::Done`].
    Done = 3,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::NeedStdin => "need-stdin",
            Self::Done => "done",
        })
    }
}

/// A frame's header, checked: its version is ours, its kind known and its body within [`MAX_BODY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    kind: Kind,
    body_len: usize,
}

impl Header {
    /// What the message is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// How many bytes follow the header.
    #[must_use]
    pub fn body_len(self) -> usize {
        self.body_len
    }
}

/// One call of a hook command. Everything but the directory is bytes as the process had them, UTF-8 or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The hook's context ([`crate::vars::CONTEXT_ID`]).
    pub context_id: Vec<u8>,
    /// The caller's working directory, against which the agent resolves relative paths in `args`.
    pub dir: PathBuf,
    /// The command's name, such as `config-get`.
    pub command: Vec<u8>,
    /// The arguments after the name.
    pub args: Vec<Vec<u8>>,
    /// All of the caller's standard input; `None` if it was not read. A command that wants it then answers
    /// [`Response::NeedStdin`].
    pub stdin: Option<Vec<u8>>,
}

/// The agent's answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The command reads standard input: call again with it. Nothing was done yet.
    NeedStdin,
    /// The command ran.
    Done {
        /// The process's exit code.
        code: u8,
        /// What to print on standard output.
        stdout: Vec<u8>,
        /// What to print on standard error.
        stderr: Vec<u8>,
    },
}

impl Response {
    /// The answer to a call that the agent does not serve (an unreadable frame, a context that is not the running hook's):
    /// exit code 1 and `ERROR message` on standard error.
    #[must_use]
    pub fn refusal(message: impl fmt::Display) -> Self {
        Self::Done { code: 1, stdout: Vec::new(), stderr: format!("ERROR {message}\n").into_bytes() }
    }
}

/// Why bytes are not a message, or a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The first bytes are not those of a frame.
    NotAFrame,
    /// The other end speaks this version of the protocol.
    Version(u8),
    /// The header names a kind of message that does not exist.
    UnknownKind(u8),
    /// A message of this kind is not what belongs here.
    UnexpectedKind(Kind),
    /// The body has, or would have, this many bytes, more than [`MAX_BODY`].
    TooLarge(usize),
    /// The request has this many arguments, more than [`MAX_ARGS`].
    TooManyArgs(usize),
    /// The bytes end before the message does.
    Truncated,
    /// This many bytes follow the message.
    TrailingBytes(usize),
    /// The byte that says whether stdin follows is neither 0 nor 1.
    StdinFlag(u8),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFrame => f.write_str("not a message of the hook protocol"),
            Self::Version(version) => write!(
                f,
                "the other end speaks version {version} of the hook protocol, this one version {VERSION}"
            ),
            Self::UnknownKind(kind) => write!(f, "unknown kind of hook message: {kind}"),
            Self::UnexpectedKind(kind) => write!(f, "unexpected hook message: {kind}"),
            Self::TooLarge(size) => {
                write!(f, "a hook message of {size} bytes is over the limit of {MAX_BODY} bytes")
            }
            Self::TooManyArgs(count) => {
                write!(f, "{count} arguments are over the limit of {MAX_ARGS}")
            }
            Self::Truncated => f.write_str("the hook message is cut short"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes follow the hook message"),
            Self::StdinFlag(flag) => write!(f, "the hook message's stdin flag is {flag}"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Reads a frame's header. The reader then takes [`Header::body_len`] more bytes, and gives header and body together to
/// [`decode_request`] or [`decode_response`].
///
/// # Errors
/// A header that is not of this protocol and version, of no known kind, or of a body over [`MAX_BODY`].
pub fn decode_header(header: &[u8; HEADER_LEN]) -> Result<Header, FrameError> {
    let [magic0, magic1, version, kind, length @ ..] = *header;
    if [magic0, magic1] != MAGIC {
        return Err(FrameError::NotAFrame);
    }
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let kind = match kind {
        1 => Kind::Request,
        2 => Kind::NeedStdin,
        3 => Kind::Done,
        other => return Err(FrameError::UnknownKind(other)),
    };
    let body_len = u32::from_be_bytes(length) as usize;
    if body_len > MAX_BODY {
        return Err(FrameError::TooLarge(body_len));
    }
    Ok(Header { kind, body_len })
}

/// Reads one whole frame (header and body) as a request.
///
/// # Errors
/// Bytes that are not exactly one request of this protocol and version.
pub fn decode_request(frame: &[u8]) -> Result<Request, FrameError> {
    let (kind, mut body) = open(frame)?;
    if kind != Kind::Request {
        return Err(FrameError::UnexpectedKind(kind));
    }
    let context_id = body.bytes()?.to_vec();
    let dir = PathBuf::from(OsStr::from_bytes(body.bytes()?));
    let command = body.bytes()?.to_vec();
    let count = body.length()?;
    if count > MAX_ARGS {
        return Err(FrameError::TooManyArgs(count));
    }
    // Each argument takes four bytes at least: a count that the body cannot hold reserves nothing.
    if count > body.rest.len() / 4 {
        return Err(FrameError::Truncated);
    }
    let mut args = Vec::with_capacity(count);
    for _ in 0..count {
        args.push(body.bytes()?.to_vec());
    }
    let stdin = match body.byte()? {
        0 => None,
        1 => Some(body.bytes()?.to_vec()),
        flag => return Err(FrameError::StdinFlag(flag)),
    };
    body.end()?;
    Ok(Request { context_id, dir, command, args, stdin })
}

/// Reads one whole frame (header and body) as a response.
///
/// # Errors
/// Bytes that are not exactly one response of this protocol and version.
pub fn decode_response(frame: &[u8]) -> Result<Response, FrameError> {
    let (kind, mut body) = open(frame)?;
    let response = match kind {
        Kind::NeedStdin => Response::NeedStdin,
        Kind::Done => Response::Done {
            code: body.byte()?,
            stdout: body.bytes()?.to_vec(),
            stderr: body.bytes()?.to_vec(),
        },
        Kind::Request => return Err(FrameError::UnexpectedKind(kind)),
    };
    body.end()?;
    Ok(response)
}

/// Writes a request as one whole frame.
///
/// # Errors
/// [`FrameError::TooLarge`] and [`FrameError::TooManyArgs`].
pub fn encode_request(request: &Request) -> Result<Vec<u8>, FrameError> {
    let Request { context_id, dir, command, args, stdin } = request;
    if args.len() > MAX_ARGS {
        return Err(FrameError::TooManyArgs(args.len()));
    }
    let dir = dir.as_os_str().as_bytes();
    let strings = [context_id.as_slice(), dir, command].into_iter();
    let strings = strings.chain(args.iter().map(Vec::as_slice));
    let body_len = size(strings.chain(stdin.as_deref())).saturating_add(4 + 1);

    let mut frame = start(Kind::Request, body_len)?;
    put_bytes(&mut frame, context_id);
    put_bytes(&mut frame, dir);
    put_bytes(&mut frame, command);
    put_length(&mut frame, args.len());
    for arg in args {
        put_bytes(&mut frame, arg);
    }
    match stdin {
        None => frame.push(0),
        Some(stdin) => {
            frame.push(1);
            put_bytes(&mut frame, stdin);
        }
    }
    Ok(frame)
}

/// Writes a response as one whole frame.
///
/// # Errors
/// [`FrameError::TooLarge`]; the sender can answer with a [`Response::refusal`] instead.
pub fn encode_response(response: &Response) -> Result<Vec<u8>, FrameError> {
    match response {
        Response::NeedStdin => start(Kind::NeedStdin, 0),
        Response::Done { code, stdout, stderr } => {
            let body_len = size([stdout.as_slice(), stderr].into_iter()).saturating_add(1);
            let mut frame = start(Kind::Done, body_len)?;
            frame.push(*code);
            put_bytes(&mut frame, stdout);
            put_bytes(&mut frame, stderr);
            Ok(frame)
        }
    }
}

/// Reads one whole frame from a blocking reader; `None` if the reader ends before its first byte. What a peer announces
/// is allocated only as it arrives.
///
/// # Errors
/// Those of the reader, [`io::ErrorKind::UnexpectedEof`] in the middle of a frame, and a [`FrameError`] as
/// [`io::ErrorKind::InvalidData`].
pub fn read_frame(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER_LEN];
    let mut filled = 0;
    while let Some(empty) = header.get_mut(filled..).filter(|empty| !empty.is_empty()) {
        match reader.read(empty) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let body_len = decode_header(&header)?.body_len();
    let mut frame = Vec::with_capacity(HEADER_LEN + body_len.min(FIRST_ALLOCATION));
    frame.extend_from_slice(&header);
    let read = reader.take(body_len as u64).read_to_end(&mut frame)?;
    if read < body_len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

/// What is left of a body that is being read.
struct Body<'a> {
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], FrameError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        let [byte] = *self.take::<1>()?;
        Ok(byte)
    }

    fn length(&mut self) -> Result<usize, FrameError> {
        Ok(u32::from_be_bytes(*self.take::<4>()?) as usize)
    }

    fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn end(&self) -> Result<(), FrameError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(FrameError::TrailingBytes(count)),
        }
    }
}

/// Checks a whole frame's header against its body.
fn open(frame: &[u8]) -> Result<(Kind, Body<'_>), FrameError> {
    let (header, rest) = frame.split_first_chunk().ok_or(FrameError::Truncated)?;
    let Header { kind, body_len } = decode_header(header)?;
    match rest.len().checked_sub(body_len) {
        None => Err(FrameError::Truncated),
        Some(0) => Ok((kind, Body { rest })),
        Some(count) => Err(FrameError::TrailingBytes(count)),
    }
}

/// Bytes that these byte strings take in a body.
fn size<'a>(strings: impl Iterator<Item = &'a [u8]>) -> usize {
    strings.fold(0, |sum, bytes| sum.saturating_add(4).saturating_add(bytes.len()))
}

/// A frame's header, with room for the body.
fn start(kind: Kind, body_len: usize) -> Result<Vec<u8>, FrameError> {
    if body_len > MAX_BODY {
        return Err(FrameError::TooLarge(body_len));
    }
    let mut frame = Vec::with_capacity(HEADER_LEN + body_len);
    frame.extend_from_slice(&MAGIC);
    frame.push(VERSION);
    frame.push(kind as u8);
    put_length(&mut frame, body_len);
    Ok(frame)
}

/// Appends a length. It fits: [`start`] has checked the body, and [`MAX_BODY`] is far below 2³².
fn put_length(frame: &mut Vec<u8>, length: usize) {
    frame.extend_from_slice(&(length as u32).to_be_bytes());
}

fn put_bytes(frame: &mut Vec<u8>, bytes: &[u8]) {
    put_length(frame, bytes.len());
    frame.extend_from_slice(bytes);
}
