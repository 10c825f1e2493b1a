//! How a command finds the daemon, and starts it when it is not there.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use periapt_controller::client::Client;

use crate::home::Home;

use super::run::{READY, holder};

/// The exit code of a daemon in the background that found another one on its home.
pub const ALREADY_RUNS: u8 = 3;
/// How long a daemon may take from its lock to its first answer, before it is held to be deaf.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one that stopped listening may take to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a daemon that another command has started is asked whether it answers.
const PACE: Duration = Duration::from_millis(10);

/// Why there is no daemon to talk to.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its log cannot be written.
    #[error("cannot start the daemon: cannot write its log {}: {reason}; it must be a file of yours that can be written: remove what is there", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// This program cannot be started again.
    #[error("cannot start the daemon: {0}")]
    Spawn(std::io::Error),
    /// The daemon ended before it was ready.
    #[error("the daemon did not start: {reason}")]
    Ended {
        /// Its own words.
        reason: String,
    },
    /// There is one, and it has no ear: its socket was removed, or it hangs.
    #[error(
        "the daemon (process {pid}) does not answer at {}; `periapt daemon stop` ends it, and the next command starts \
         another",
        socket.display()
    )]
    Deaf {
        /// Who holds the home.
        pid: i32,
        /// Where it should listen.
        socket: PathBuf,
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

/// The process that holds this home although it does not answer.
pub fn deaf(home: &Home) -> Option<i32> {
    let pid = holder(home).ok().flatten()?;
    (!running(home)).then(|| pid.as_raw_nonzero().get())
}

/// A client of this home's daemon, which is started in the background if it does not run.
///
/// # Errors
/// There is none, and none can be started; the one that is there does not answer.
pub fn ensure_running(home: &Home) -> Result<Client, StartError> {
    // Of several commands that come at once one starts the daemon. The others wait for it, and start one themselves
    // should it end.
    while !running(home) {
        if start(home)? {
            break;
        }
        wait_for_answer(home)?;
    }
    Ok(Client::new(home.socket()))
}

/// Returns when the daemon that holds this home answers, or has ended.
fn wait_for_answer(home: &Home) -> Result<(), StartError> {
    let asked = Instant::now();
    while let Some(pid) = deaf(home) {
        // The lock is written when a daemon starts.
        let started = std::fs::metadata(home.lock()).and_then(|lock| lock.modified());
        let age = started.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > PATIENCE) && asked.elapsed() > FAREWELL {
            return Err(StartError::Deaf { pid, socket: home.socket() });
        }
        std::thread::sleep(PACE);
    }
    Ok(())
}

/// Starts the daemon and waits until it serves. False: there was one already, which may not serve yet.
fn start(home: &Home) -> Result<bool, StartError> {
    let program = std::env::current_exe().map_err(StartError::Spawn)?;
    // Whoever starts a daemon does not see its log.
    if let Some(mistake) = super::agents::mistake() {
        eprintln!("note: {}", crate::error::presentable(&mistake));
    }
    let log = super::log::open(&home.daemon_log())
        .map_err(|reason| StartError::Log { path: home.daemon_log(), reason })?;
    // The daemon outlives whoever started it: it holds none of its files, locks and pipes, nor do its charms.
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
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
    if said.trim() == READY {
        return Ok(true);
    }
    let ended = child.wait().map_err(StartError::Spawn)?;
    if ended.code() == Some(i32::from(ALREADY_RUNS)) {
        return Ok(false);
    }
    match said.trim() {
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
