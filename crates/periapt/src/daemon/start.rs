//! How a command finds the daemon, and starts it when it is not there.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use periapt_controller::client::Client;

use crate::home::Home;

use super::run::READY;

/// Why there is no daemon to talk to.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This program cannot be started again.
    #[error("cannot start the daemon: {0}")]
    Spawn(std::io::Error),
    /// The daemon ended before it was ready.
    #[error("the daemon did not start: {reason}")]
    Ended {
        /// Its own words.
        reason: String,
    },
}

/// Whether a daemon answers on this home's socket.
pub fn running(home: &Home) -> bool {
    connect(home).is_ok()
}

/// Opens and drops a connection: a socket file without a daemon refuses it.
pub fn connect(home: &Home) -> std::io::Result<std::os::unix::net::UnixStream> {
    periapt_hook::client::with_short_path(&home.socket(), |path| {
        std::os::unix::net::UnixStream::connect(path)
    })
}

/// A client of this home's daemon, which is started in the background if it does not run.
pub fn ensure_running(home: &Home) -> Result<Client, StartError> {
    if !running(home) {
        start(home)?;
    }
    Ok(Client::new(home.socket()))
}

/// Starts the daemon and waits until it serves. Another command may have started one at the same time: that one will do.
fn start(home: &Home) -> Result<(), StartError> {
    let program = std::env::current_exe().map_err(StartError::Spawn)?;
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.daemon_log())
        .map_err(StartError::Spawn)?;
    let mut command = Command::new(program);
    command
        .arg0("periapt")
        .args(["daemon", "run", "--background"])
        .env("PERIAPT_HOME", home.path())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0);
    let mut child = command.spawn().map_err(StartError::Spawn)?;
    // The daemon says one line on its standard output and closes it: `ready`, or what went wrong.
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut said).map_err(StartError::Spawn)?;
    }
    match said.trim() {
        READY => Ok(()),
        _ if running(home) => Ok(()),
        "" => Err(StartError::Ended { reason: format!("see {}", home.daemon_log().display()) }),
        reason => Err(StartError::Ended { reason: reason.to_owned() }),
    }
}

/// Asks the daemon to end, and waits until it has. False: none was running.
pub fn stop(home: &Home) -> std::io::Result<bool> {
    let Some(pid) = super::run::holder(home)? else { return Ok(false) };
    match rustix::process::kill_process(pid, rustix::process::Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => return Err(error.into()),
    }
    // It holds the lock as long as it lives.
    super::run::wait_for_lock(home)?;
    Ok(true)
}
