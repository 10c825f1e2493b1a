//! Commands run in the container.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;

use crate::error::{Error, Result};

/// What a command reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stdin {
    /// Nothing: its input ends at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is written to [`Process::stdin`], until that is dropped.
    Piped,
}

/// A command to run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The service whose environment, user and folder it takes. What is given here goes first. Needs Juju 3.1.
    pub service_context: Option<String>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; the user's home if not given.
    pub working_dir: Option<String>,
    /// When Pebble kills it. Never if not given.
    pub timeout: Option<Duration>,
    /// The user it runs as.
    pub user_id: Option<u32>,
    /// The user it runs as; must agree with `user_id` if both are given.
    pub user: Option<String>,
    /// The group it runs as.
    pub group_id: Option<u32>,
    /// The group it runs as; must agree with `group_id` if both are given.
    pub group: Option<String>,
    /// What it reads.
    pub stdin: Stdin,
    /// Whether its standard error goes where its standard output goes.
    pub combine_stderr: bool,
}

impl ExecRequest {
    /// A command, with the defaults.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// With this input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Bytes(bytes.into());
        self
    }

    /// With this variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Killed after this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// What a command wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// To its standard output.
    pub stdout: Vec<u8>,
    /// To its standard error, if that was kept apart.
    pub stderr: Option<Vec<u8>>,
}

impl Output {
    /// The standard output as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The end of a process that is not its input or output.
pub(crate) trait Control: Send {
    fn signal(&mut self, name: &str) -> Result<()>;
    /// Blocks until it is over and returns the exit code.
    fn wait(&mut self) -> Result<i32>;
}

/// A command that runs in the container. Dropped without a wait, the command is killed.
///
/// What it writes must be read, or it waits when the pipes are full: take [`stdout`](Self::stdout) and
/// [`stderr`](Self::stderr) and read both at once, or use [`wait_output`](Self::wait_output). [`wait`](Self::wait)
/// throws away what was not taken.
#[must_use = "a process that is dropped is killed"]
pub struct Process {
    /// Where it reads from, if the request said [`Stdin::Piped`]. Dropped, the command's input ends.
    pub stdin: Option<Box<dyn Write + Send>>,
    /// What it writes, as it comes.
    pub stdout: Option<Box<dyn Read + Send>>,
    /// What it writes to its standard error, as it comes, if that is apart.
    pub stderr: Option<Box<dyn Read + Send>>,
    pub(crate) command: Vec<String>,
    pub(crate) control: Box<dyn Control>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("command", &self.command).finish_non_exhaustive()
    }
}

impl Process {
    /// Sends a signal, such as `SIGTERM`, to the command itself.
    ///
    /// # Errors
    /// [`Error::Connection`] if the connection is gone. That the command has ended is no error.
    pub fn send_signal(&mut self, name: &str) -> Result<()> {
        self.control.signal(name)
    }

    /// Waits for the command. Ends its input, if that was not taken.
    ///
    /// # Errors
    /// [`Error::Exec`] if it ends with something else than 0; [`Error::Change`] if it was killed at its time-out or
    /// something went wrong around it; [`Error::Timeout`] if it is still not over a second after its time-out, as
    /// when what it started keeps its output open.
    pub fn wait(mut self) -> Result<()> {
        self.stdin = None;
        self.stdout = None;
        self.stderr = None;
        match self.control.wait()? {
            0 => Ok(()),
            exit_code => Err(Error::Exec { command: self.command, exit_code, stdout: None, stderr: None }),
        }
    }

    /// Waits for the command and collects what it writes. What was taken before is not in it.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and [`Error::Exec`] has the output.
    pub fn wait_output(mut self) -> Result<Output> {
        self.stdin = None;
        let stdout = self.stdout.take();
        let stderr = self.stderr.take();
        let control = &mut self.control;
        // Threads, for a command may fill one pipe while it waits for the other, and stay without an end while what
        // it started holds them open.
        let (code, stdout, stderr) = std::thread::scope(|scope| {
            let stdout = stdout.map(|from| scope.spawn(|| read_all(from)));
            let stderr = stderr.map(|from| scope.spawn(|| read_all(from)));
            let code = control.wait();
            let join = |reader: std::thread::ScopedJoinHandle<'_, Vec<u8>>| reader.join().unwrap_or_default();
            (code, stdout.map(join), stderr.map(join))
        });
        match code? {
            0 => Ok(Output { stdout: stdout.unwrap_or_default(), stderr }),
            exit_code => Err(Error::Exec { command: self.command, exit_code, stdout, stderr }),
        }
    }
}

/// To the end, or to where the connection broke: the wait tells what happened.
fn read_all(mut from: Box<dyn Read + Send>) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = from.read_to_end(&mut all);
    all
}
