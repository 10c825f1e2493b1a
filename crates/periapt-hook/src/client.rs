//! The calling end of the protocol.

use std::ffi::OsStr;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};

use crate::frame::{self, Request, Response};

/// Calls the agent at `address` ([`crate::vars::SOCKET_ADDRESS`]) once, over a connection of its own.
///
/// # Errors
/// Those of [`Connection::open`] and [`Connection::call`].
pub fn call(address: impl AsRef<OsStr>, request: &Request) -> io::Result<Response> {
    Connection::open(&Address::parse(address.as_ref()))?.call(request)
}

/// Where an agent listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Path(PathBuf),
    /// A socket in Linux's abstract name space, by its name without the `@`.
    Abstract(Vec<u8>),
}

impl Address {
    /// Reads the value of [`crate::vars::SOCKET_ADDRESS`].
    #[must_use]
    pub fn parse(value: &OsStr) -> Self {
        match value.as_bytes().strip_prefix(b"@") {
            Some(name) => Self::Abstract(name.to_vec()),
            None => Self::Path(value.into()),
        }
    }

    fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Path(path) => with_short_path(path, |path| UnixStream::connect(path)),
            Self::Abstract(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
        }
    }
}

/// A connection to an agent, for any number of calls one after another.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// Connects to an agent.
    ///
    /// # Errors
    /// Those of the operating system: [`io::ErrorKind::NotFound`] and [`io::ErrorKind::ConnectionRefused`] mean that no
    /// agent listens there (any more).
    pub fn open(address: &Address) -> io::Result<Self> {
        loop {
            match address.connect() {
                Ok(stream) => return Ok(Self { stream }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request and waits for its response, for as long as the agent takes.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::UnexpectedEof`] if the agent goes away without an answer; a
    /// [`frame::FrameError`] as [`io::ErrorKind::InvalidData`] if the request is too large or the answer unreadable.
    /// After an error the connection is of no more use.
    pub fn call(&mut self, request: &Request) -> io::Result<Response> {
        let sent = self.stream.write_all(&frame::encode_request(request)?);
        // An agent that refuses a request may answer and close before it has read all of it.
        let answer = match (sent, frame::read_frame(&mut self.stream)) {
            (Ok(()), answer) => answer?,
            (Err(_), Ok(Some(answer))) => Some(answer),
            (Err(error), _) => return Err(error),
        };
        let Some(answer) = answer else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Ok(frame::decode_response(&answer)?)
    }
}

/// The size of a socket address's path field on Linux (unix(7)); a path must be shorter by its closing zero byte.
const SUN_PATH_LEN: usize = 108;

/// Opens a file as a place in the file system only (open(2)): the folder need not be readable.
const O_PATH: i32 = 0o10_000_000;

/// Gives `use_path` a path to the socket `path` that is short enough to bind or to connect to. A path of 108 bytes or more
/// does not fit into a socket's address; such a path is reached through a descriptor of its folder instead.
///
/// # Errors
/// Those of opening the folder and those of `use_path`.
pub fn with_short_path<T>(path: &Path, use_path: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() < SUN_PATH_LEN {
        return use_path(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return use_path(path);
    };
    let folder = OpenOptions::new().read(true).custom_flags(O_PATH).open(folder)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    use_path(&short)
}
