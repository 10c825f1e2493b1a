//! A command's input and output: up to three websockets, driven by a thread of the process's own, so that reading,
//! writing, signals and waiting can go on at once without asking anything of the caller.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::json;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::Client;
use super::http::{connect, new_runtime, segment};
use crate::error::{Error, Result};
use crate::info::{ChangeId, TaskId};
use crate::pebble::Pebble;
use crate::process::{Control, ExecRequest, Process, Stdin};

type Socket = WebSocketStream<UnixStream>;

/// Messages under way in one direction. Pebble's are up to 128 KiB.
const QUEUE: usize = 16;
/// How much is sent as one message.
const CHUNK: usize = 32 * 1024;
const END: &str = r#"{"command":"end"}"#;

/// How much longer than its time-out a command is waited for, so that Pebble's word on it comes first.
const GRACE: Duration = Duration::from_secs(1);

/// The three sockets of one task.
struct Sockets {
    control: Socket,
    stdio: Socket,
    stderr: Option<Socket>,
}

async fn open(socket: &Path, task: &TaskId, name: &str) -> Result<Socket> {
    let stream = connect(socket).await?;
    let url = format!("ws://localhost/v1/tasks/{}/websocket/{name}", segment(task.as_str()));
    let (socket, _) =
        tokio_tungstenite::client_async(url, stream).await.map_err(|e| Error::Connection(e.to_string()))?;
    Ok(socket)
}

impl Sockets {
    async fn open(path: &Path, task: &TaskId, split: bool, limit: Duration) -> Result<Self> {
        // Pebble starts the command when stdio and stderr are there; control comes first so that no signal is lost.
        let work = async {
            let control = open(path, task, "control").await?;
            let stdio = open(path, task, "stdio").await?;
            let stderr = if split { Some(open(path, task, "stderr").await?) } else { None };
            Ok(Self { control, stdio, stderr })
        };
        let late = || Error::Timeout("Pebble did not take the connections of a command".to_owned());
        tokio::time::timeout(limit, work).await.map_err(|_| late())?
    }
}

/// Passes on what comes until its end. Goes on without passing it on when nobody wants it any more: Pebble would wait
/// with a full pipe for ever.
async fn receive(mut from: impl Stream<Item = Result<Message, WsError>> + Unpin, to: mpsc::Sender<Vec<u8>>) {
    while let Some(Ok(message)) = from.next().await {
        match message {
            Message::Binary(data) => {
                let _ = to.send(data.to_vec()).await;
            }
            Message::Text(text) if is_end(text.as_str()) => return,
            Message::Close(_) => return,
            _ => {}
        }
    }
}

fn is_end(text: &str) -> bool {
    let command = serde_json::from_str::<serde_json::Value>(text).ok();
    command.is_some_and(|message| message["command"] == "end")
}

/// Sends what is written until the writer is dropped, and then says so. Gives the half back: dropped, it could take
/// the other with it.
async fn send<S: Sink<Message, Error = WsError> + Unpin>(mut to: S, mut from: mpsc::Receiver<Vec<u8>>) -> S {
    while let Some(data) = from.recv().await {
        if to.send(Message::binary(data)).await.is_err() {
            // The command has ended; the wait tells how. The writer sees the closed channel.
            return to;
        }
    }
    let _ = to.send(Message::text(END)).await;
    to
}

/// Passes signals on until the process is waited for or given up.
async fn signals(mut control: Socket, mut signals: mpsc::UnboundedReceiver<String>) {
    loop {
        tokio::select! {
            name = signals.recv() => {
                let Some(name) = name else { return };
                let message = json!({"command": "signal", "signal": {"name": name}}).to_string();
                if control.send(Message::text(message)).await.is_err() {
                    return;
                }
            }
            // Pebble closes it when the command ends.
            message = control.next() => if !matches!(message, Some(Ok(_))) { return },
        }
    }
}

struct Pipes {
    stdin: mpsc::Receiver<Vec<u8>>,
    stdout: mpsc::Sender<Vec<u8>>,
    stderr: mpsc::Sender<Vec<u8>>,
    signals: mpsc::UnboundedReceiver<String>,
    /// Its sender dropped: stop, whatever is under way. A word from it: stop by itself, when the output is read.
    abandoned: oneshot::Receiver<()>,
}

async fn drive(sockets: Sockets, pipes: Pipes) {
    let (to_stdin, from_stdout) = sockets.stdio.split();
    let outputs = async {
        let stderr = async {
            match sockets.stderr {
                Some(socket) => receive(socket, pipes.stderr).await,
                None => drop(pipes.stderr),
            }
        };
        tokio::join!(receive(from_stdout, pipes.stdout), stderr);
    };
    // Only the output's end ends this: input may be left when a command does not want it.
    let input = async {
        let _half = send(to_stdin, pipes.stdin).await;
        std::future::pending::<()>().await;
    };
    let control = async {
        signals(sockets.control, pipes.signals).await;
        std::future::pending::<()>().await;
    };
    let abandoned = async {
        if pipes.abandoned.await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = outputs => {}
        () = input => {}
        () = control => {}
        () = abandoned => {}
    }
}

/// What comes from one websocket.
struct Output {
    from: mpsc::Receiver<Vec<u8>>,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.rest.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            match self.from.blocking_recv() {
                Some(data) => self.rest = io::Cursor::new(data),
                None => return Ok(0),
            }
        }
    }
}

struct Input(mpsc::Sender<Vec<u8>>);

impl Write for Input {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = &data[..data.len().min(CHUNK)];
        if data.is_empty() {
            return Ok(0);
        }
        self.0.blocking_send(data.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Running {
    client: Client,
    change: ChangeId,
    limit: Option<Duration>,
    signals: mpsc::UnboundedSender<String>,
    /// Dropped, the thread stops.
    alive: Option<oneshot::Sender<()>>,
}

impl Control for Running {
    fn signal(&mut self, name: &str) -> Result<()> {
        // The receiver is gone when the command has ended.
        let _ = self.signals.send(name.to_owned());
        Ok(())
    }

    fn wait(&mut self) -> Result<i32> {
        let change = match self.client.wait_change(&self.change, self.limit) {
            Ok(change) => change,
            Err(error) => {
                // Nobody may come back for the output, and its readers must not wait for ever.
                drop(self.alive.take());
                return Err(error);
            }
        };
        // The change is over only after all output was sent: the thread ends by itself once that is read, by whoever
        // has taken it.
        if let Some(alive) = self.alive.take() {
            let _ = alive.send(());
        }
        if let Some(err) = change.err.clone() {
            return Err(Error::Change { err, change: Box::new(change) });
        }
        Ok(change.tasks.first().and_then(crate::info::Task::exit_code).unwrap_or(-1))
    }
}

impl Client {
    pub(super) fn start_command(&self, request: ExecRequest) -> Result<Process> {
        let body = json!({
            "command": request.command,
            "service-context": request.service_context,
            "environment": request.environment,
            "working-dir": request.working_dir,
            "timeout": request.timeout.map(|limit| crate::duration::Span(limit).to_string()),
            "user-id": request.user_id,
            "user": request.user,
            "group-id": request.group_id,
            "group": request.group,
            "split-stderr": !request.combine_stderr,
        });
        let answer = self.post("/v1/exec", body)?;
        let id = answer.change.clone().map(ChangeId);
        let change = id.ok_or_else(|| Error::Protocol("a command has no change".to_owned()))?;
        let task = answer.result.get("task-id").and_then(serde_json::Value::as_str).map(TaskId::from);
        let task = task.ok_or_else(|| Error::Protocol("a command has no task".to_owned()))?;

        let (stdin_sender, stdin) = mpsc::channel(QUEUE);
        let (stdout, stdout_receiver) = mpsc::channel(QUEUE);
        let (stderr, stderr_receiver) = mpsc::channel(QUEUE);
        let (signals, signal_receiver) = mpsc::unbounded_channel();
        let (alive, abandoned) = oneshot::channel();
        let (report, opened) = std::sync::mpsc::channel();
        let pipes = Pipes { stdin, stdout, stderr, signals: signal_receiver, abandoned };
        let (socket, timeout, split) = (self.socket().to_path_buf(), self.timeout(), !request.combine_stderr);
        let thread = std::thread::Builder::new().name("pebble-exec".to_owned()).spawn(move || {
            let runtime = match new_runtime() {
                Ok(runtime) => runtime,
                Err(error) => return drop(report.send(Err(error))),
            };
            runtime.block_on(async move {
                match Sockets::open(&socket, &task, split, timeout).await {
                    Ok(sockets) => {
                        let _ = report.send(Ok(()));
                        drive(sockets, pipes).await;
                    }
                    Err(error) => drop(report.send(Err(error))),
                }
            });
        });
        thread.map_err(|e| Error::Local(format!("cannot start a thread for a command: {e}")))?;
        let opened =
            opened.recv().unwrap_or_else(|_| Err(Error::Connection("a command's thread ended".to_owned())));
        if let Err(error) = opened {
            // Most likely the command could not be started: then the change says why.
            return Err(match self.wait_change(&change, Some(self.timeout())) {
                Ok(over) if over.err.is_some() => {
                    Error::Change { err: over.err.clone().unwrap_or_default(), change: Box::new(over) }
                }
                _ => error,
            });
        }

        let output =
            |from| -> Box<dyn Read + Send> { Box::new(Output { from, rest: io::Cursor::default() }) };
        let mut input = Input(stdin_sender);
        let stdin: Option<Box<dyn Write + Send>> = match request.stdin {
            Stdin::Empty => None,
            Stdin::Piped => Some(Box::new(input)),
            Stdin::Bytes(bytes) => {
                // From a thread: the command may not read before someone reads what it writes.
                let writer = std::thread::Builder::new().name("pebble-stdin".to_owned());
                let writer = writer.spawn(move || drop(input.write_all(&bytes)));
                writer.map_err(|e| Error::Local(format!("cannot start a thread for a command: {e}")))?;
                None
            }
        };
        let control = Running {
            client: self.clone(),
            change,
            limit: request.timeout.map(|limit| limit.saturating_add(GRACE)),
            signals,
            alive: Some(alive),
        };
        Ok(Process {
            stdin,
            stdout: Some(output(stdout_receiver)),
            stderr: split.then(|| output(stderr_receiver)),
            command: request.command,
            control: Box::new(control),
        })
    }
}
