//! A small agent for tests and the benchmark: it serves requests on a socket with a function.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use periapt_hook::frame::{self, Request, Response};

/// Listens in a folder of its own; the threads end with the process.
pub struct Agent {
    _folder: tempfile::TempDir,
    pub socket: PathBuf,
}

impl Agent {
    pub fn start(answer: impl Fn(Request) -> Response + Clone + Send + 'static) -> Self {
        Self::start_raw(move |stream| serve(stream, &answer))
    }

    /// Gives each connection to `serve`.
    pub fn start_raw(serve: impl Fn(UnixStream) + Clone + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let socket = folder.path().join("agent.socket");
        spawn(UnixListener::bind(&socket).expect("bind"), serve);
        Self { _folder: folder, socket }
    }
}

pub fn spawn(listener: UnixListener, serve: impl Fn(UnixStream) + Clone + Send + 'static) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream);
        }
    });
}

/// Answers every request on a connection until the other end closes it.
pub fn serve(mut stream: UnixStream, answer: &impl Fn(Request) -> Response) {
    while let Ok(Some(frame)) = frame::read_frame(&mut stream) {
        let request = frame::decode_request(&frame).expect("a request");
        let response = frame::encode_response(&answer(request)).expect("a response");
        if stream.write_all(&response).is_err() {
            return;
        }
    }
}

pub fn done(code: u8, stdout: impl Into<Vec<u8>>, stderr: impl Into<Vec<u8>>) -> Response {
    Response::Done { code, stdout: stdout.into(), stderr: stderr.into() }
}
