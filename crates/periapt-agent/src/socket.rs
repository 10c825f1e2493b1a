//! The unit's hook-command socket: it listens only while something of the unit runs (Juju 3.6: `jujuc/server.go`).
//!
//! The socket is `agent.socket` in the unit's own folder, as on a Juju machine, so that a folder that is mounted
//! elsewhere brings it along. A path too long for a socket's address is reached through a descriptor of its folder, by
//! the agent and by the hook program alike. Only the daemon's user may connect (mode 0600 in a folder of mode 0700), and
//! only calls with the context id of the dispatch that runs are answered. Commands are answered one at a time.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_hook::client::with_short_path;
use periapt_hook::frame::{self, HEADER_LEN, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::caller::Caller;
use crate::fault;
use crate::serve::{Served, Serving};

/// The listening end for one dispatch.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    context_id: String,
    serving: tokio::sync::Mutex<Serving>,
    /// `juju-reboot --now` was called.
    reboot: Notify,
}

impl Server {
    /// Listens at `path` for the hook commands of `context_id`.
    ///
    /// # Errors
    /// Those of making the socket.
    pub(crate) fn open(path: PathBuf, context_id: String, serving: Serving) -> io::Result<Self> {
        remove(&path);
        let listener = with_short_path(&path, |path| UnixListener::bind(path))?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let state =
            Arc::new(State { context_id, serving: tokio::sync::Mutex::new(serving), reboot: Notify::new() });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { path, state, task })
    }

    /// Returns when the charm has asked for a restart without waiting for its hook's end.
    pub(crate) async fn reboot_asked(&self) {
        self.state.reboot.notified().await;
    }

    /// Stops listening, drops calls that are not answered yet, and returns what the dispatch did. A process that
    /// outlives its hook has lost its access from here on.
    pub(crate) async fn close(mut self) -> Served {
        self.task.abort();
        let _ = (&mut self.task).await;
        // The connections' tasks are aborted with their set; one that is in the middle of a step gives the lock back.
        let mut serving = self.state.serving.lock().await;
        serving.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    // It is normally not there; where it cannot be removed, binding says why.
    let _ = std::fs::remove_file(path);
}

async fn accept(listener: UnixListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&state)))),
                // Out of file descriptors, most likely: some will be given back.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection, each before the next.
async fn connection(mut stream: UnixStream, state: Arc<State>) {
    let caller = Caller { pid: stream.peer_cred().ok().and_then(|peer| peer.pid()) };
    loop {
        let request = match read_frame(&mut stream).await {
            Ok(Some(frame)) => frame::decode_request(&frame).map_err(io::Error::from),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let readable = request.is_ok();
        let response = match request {
            Ok(request) => answer(request, caller, &state).await,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Response::refusal(error),
            Err(_) => return,
        };
        let bytes = frame::encode_response(&response)
            .or_else(|error| frame::encode_response(&Response::refusal(error)))
            .unwrap_or_default();
        if stream.write_all(&bytes).await.is_err() || !readable {
            return;
        }
    }
}

async fn answer(request: Request, caller: Caller, state: &State) -> Response {
    let expected = state.context_id.as_str();
    if request.context_id != expected.as_bytes() {
        let got = String::from_utf8_lossy(&request.context_id);
        return Response::refusal(format_args!("expected context id {expected:?}, got {got:?}"));
    }
    fault::point("in-hook-command");
    let mut serving = state.serving.lock().await;
    let response = serving.run(&request, caller).await;
    if serving.reboots_now() {
        state.reboot.notify_one();
        // The process is killed now: the command never returns (Juju 3.6: `context.killCharmHook`).
        drop(serving);
        std::future::pending::<()>().await;
    }
    response
}

async fn read_frame(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER_LEN];
    match stream.read_exact(&mut header).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = frame::decode_header(&header)?.body_len();
    let mut frame = header.to_vec();
    // Grows as the bytes arrive: what a peer announces is not allocated.
    stream.take(length as u64).read_to_end(&mut frame).await?;
    match frame.len() == HEADER_LEN + length {
        true => Ok(Some(frame)),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
