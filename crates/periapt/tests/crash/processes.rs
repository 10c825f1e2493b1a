//! The processes of a home, found by what their environment names.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Daemon,
    /// The process that an agent started for a hook or action.
    Charm,
    /// A hook command.
    HookProgram,
    /// Something else that a charm started.
    Other,
}

/// A live process, held so that its number cannot become somebody else's.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    pub kind: Kind,
    /// The unit that it is a part of; empty for the daemon.
    pub unit: String,
    handle: OwnedFd,
}

impl Process {
    /// Ends it at once. False: it had ended before.
    pub fn kill(&self) -> bool {
        is_alive(self.pid) && pidfd_send_signal(&self.handle, Signal::KILL).is_ok()
    }
}

/// All live processes of the home at `home`, in no order.
pub fn of_home(home: &Path) -> Vec<Process> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| process(pid, home))
        .collect()
}

/// The process `pid`, if it lives and is one of the home's.
pub fn process(pid: i32, home: &Path) -> Option<Process> {
    let number = Pid::from_raw(pid)?;
    if number == rustix::process::getpid() {
        return None;
    }
    // First the handle, then the looks: so they are of the same process.
    let handle = pidfd_open(number, PidfdFlags::empty()).ok()?;
    let environment = match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) => environment,
        // A daemon lets nobody but root look into it: it is known by its lock.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let lock = fs::read_to_string(home.join("daemon.lock")).unwrap_or_default();
            let is_daemon = lock.trim() == pid.to_string() && is_alive(pid);
            return is_daemon.then(|| Process { pid, kind: Kind::Daemon, unit: String::new(), handle });
        }
        Err(_) => return None,
    };
    let home = home.as_os_str().as_bytes();
    if !environment.windows(home.len()).any(|part| part == home) {
        return None;
    }
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let unit = environment.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(b"JUJU_UNIT_NAME="));
    let unit = unit.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    let kind = match program.file_name()?.to_str()? {
        "periapt-hook" => Kind::HookProgram,
        "periapt" => Kind::Daemon,
        _ if !unit.is_empty() && leads_its_group(pid) => Kind::Charm,
        _ => Kind::Other,
    };
    Some(Process { pid, kind, unit, handle })
}

fn leads_its_group(pid: i32) -> bool {
    match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // After the name in parentheses: the state.
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
        }
        Err(_) => false,
    }
}

/// Whether it has not ended. One that has and was not waited for yet has no program any more.
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in parentheses: the state.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
