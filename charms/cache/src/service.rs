//! The service as the charm sees it: files in a folder, a process, a port.
//!
//! The charm ends after each event and the service goes on, so whatever is known of it is found again by looking: the
//! service writes its number, its port and its settings into a file, and holds a lock on that file as long as it lives. A
//! number alone would not do, because the system gives it to another process one day.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How long it may take to go when it is asked to, and to answer.
const SOON: Duration = Duration::from_secs(2);

/// What the service is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// 0: any.
    pub port: u16,
    /// How many keys it holds.
    pub max_keys: usize,
}

/// A service that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: i32,
    /// Where it listens.
    pub port: u16,
    /// What it was started with.
    pub settings: Settings,
}

/// One unit's service.
#[derive(Debug)]
pub struct Service {
    folder: PathBuf,
}

impl Service {
    /// The service of the charm in this folder. What the charm writes there stays when it is upgraded.
    #[must_use]
    pub fn new(charm: &Path) -> Self {
        Self { folder: charm.join(".cache-service") }
    }

    /// Its program.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.folder.join("cache-server")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("running.json")
    }

    /// Puts the program in its place. One that runs is not disturbed: it keeps the old file.
    ///
    /// # Errors
    /// Those of the system.
    pub fn install(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let fresh = self.folder.join("cache-server.new");
        fs::copy(std::env::current_exe()?, &fresh)?;
        fs::rename(fresh, self.program())
    }

    /// The service, if it runs and has a port.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        let file = File::open(self.state()).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => serde_json::from_reader(file).ok(),
            _ => None,
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// It does not run, or does not answer.
    pub fn port(&self) -> io::Result<u16> {
        let running = self
            .running()
            .ok_or_else(|| io::Error::new(ErrorKind::NotConnected, "the service does not run"))?;
        ask(running.port, "PING")?;
        Ok(running.port)
    }

    /// Starts it, and returns when it has a port. It has a session of its own and none of the hook's pipes, so it outlives the hook; nor has it the hook's
    /// variables, which let a process speak to the agent.
    ///
    /// # Errors
    /// It has ended at once, with the last line it said.
    pub fn start(&self, settings: &Settings) -> io::Result<()> {
        let log = File::create(self.folder.join("log"))?;
        let mut child = Command::new(self.program())
            .arg("serve")
            .arg(self.state())
            .arg(serde_json::to_string(settings)?)
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let deadline = Instant::now() + SOON;
        while self.running().is_none() {
            let ended = child.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                // If it has not ended, nobody must find it later.
                let _ = child.kill();
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or("it said nothing");
                return Err(io::Error::other(format!("the service does not start: {last}")));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Ends it, and returns when it is gone.
    ///
    /// # Errors
    /// Those of the system.
    pub fn stop(&self) -> io::Result<()> {
        for signal in [Signal::TERM, Signal::KILL] {
            let Some(running) = self.running() else { return Ok(()) };
            if let Some(pid) = Pid::from_raw(running.pid) {
                // It may have ended by itself just now.
                let _ = kill_process(pid, signal);
            }
            let deadline = Instant::now() + SOON;
            while self.running().is_some() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        match self.running() {
            Some(running) => Err(io::Error::other(format!("process {} does not end", running.pid))),
            None => Ok(()),
        }
    }

    /// Stops it and deletes what it has written.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(&self) -> io::Result<()> {
        self.stop()?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Sends one line to the service on this machine, and gives what it answers. None: it has no such key.
///
/// # Errors
/// It does not answer, or does not understand.
pub fn ask(port: u16, line: &str) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SOON))?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim_end_matches('\n').split_once(' ') {
        Some(("OK", value)) => Ok(Some(value.to_owned())),
        Some(("ERROR", why)) => Err(io::Error::other(why.to_owned())),
        _ if answer == "NONE\n" => Ok(None),
        _ => Err(io::Error::new(ErrorKind::UnexpectedEof, "the service has ended")),
    }
}
