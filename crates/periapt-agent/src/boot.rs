//! Restarts of machines, which charms ask for with `juju-reboot`.
//!
//! A machine here is the folders of its units and what runs in them. To restart it is to end all of that, and to give the
//! machine another boot identity, by which its agents know that `start` is to run. What starts on it from then on sees an
//! uptime that counts from the restart, where the daemon may make time namespaces (root's right): as in a container, and
//! unlike there a process's `/proc/stat` still tells when the operating system was booted.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use crate::namespace::unshare;

/// Below the folder of a machine: its last restart. Without it, it has run since the operating system was booted.
const FILE: &str = "run/boot";

/// A restart of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restart {
    /// The boot identity of the operating system at that time. After another boot of that, the restart counts no more.
    host: String,
    /// How many there were since then.
    count: u64,
    /// When: the time since the operating system was booted.
    uptime: Duration,
}

impl Restart {
    /// The one after `last`, now.
    pub(crate) fn next(host: &str, last: Option<&Self>) -> Self {
        let count = last.map_or(0, |last| last.count).saturating_add(1);
        Self { host: host.to_owned(), count, uptime: uptime() }
    }

    /// The machine's last, if it counts still.
    pub(crate) fn read(machine: &Path, host: &str) -> Option<Self> {
        let restart: Self = serde_json::from_slice(&fs::read(machine.join(FILE)).ok()?).ok()?;
        (restart.host == host).then_some(restart)
    }

    /// Keeps it: agents of the next daemon are to know that `start` has run since.
    ///
    /// # Errors
    /// Those of writing a file.
    pub(crate) fn write(&self, machine: &Path) -> io::Result<()> {
        fs::create_dir_all(machine.join("run"))?;
        // Half of it would be no restart at all.
        let (new, file) = (machine.join("run/boot.new"), machine.join(FILE));
        fs::write(&new, serde_json::to_vec(self).map_err(io::Error::other)?)?;
        fs::rename(new, file)
    }

    /// The machine's boot identity since then.
    pub(crate) fn identity(&self) -> String {
        format!("{}+{}", self.host, self.count)
    }

    /// Does `start`, so that the uptime of the process that it starts counts from the restart; as it is where that cannot be.
    pub(crate) fn within<T: Send>(&self, start: impl Fn() -> io::Result<T> + Sync) -> io::Result<T> {
        // A thread of its own: what it starts from now on is in the time namespace that it makes.
        let started = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("boot".to_owned());
            let started = thread.spawn_scoped(scope, || self.shift_uptime().ok().map(|()| start())).ok()?;
            started.join().ok()?
        });
        match started {
            // Kernels before 6.3 or so start nothing that shares memory, for a moment, into a new time namespace.
            None => start(),
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => start(),
            Some(done) => done,
        }
    }

    /// Makes a time namespace for what this thread starts (`time_namespaces(7)`).
    fn shift_uptime(&self) -> io::Result<()> {
        unshare(UnshareFlags::NEWTIME)?;
        let own = rustix::thread::gettid().as_raw_nonzero();
        // The nanoseconds of an offset are never negative.
        let (seconds, nanos) = match self.uptime.subsec_nanos() {
            0 => (self.uptime.as_secs(), 0),
            nanos => (self.uptime.as_secs() + 1, 1_000_000_000 - nanos),
        };
        fs::write(format!("/proc/{own}/timens_offsets"), format!("boottime -{seconds} {nanos}\n"))
    }
}

/// How long the operating system runs; nothing where it does not say.
fn uptime() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_ascii_whitespace().next().and_then(|seconds| seconds.parse().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_kept_until_the_operating_system_is_booted() {
        let machine = tempfile::tempdir().unwrap();
        assert_eq!(Restart::read(machine.path(), "a"), None);
        let first = Restart::next("a", None);
        first.write(machine.path()).unwrap();
        assert_eq!(Restart::read(machine.path(), "a"), Some(first.clone()));
        assert_eq!(Restart::read(machine.path(), "b"), None);
        let second = Restart::next("a", Some(&first));
        assert_ne!(second.identity(), first.identity());
        assert!(second.uptime >= first.uptime);
    }

    #[test]
    fn the_uptime_of_what_starts_counts_from_the_restart() {
        let restart = Restart { host: "a".to_owned(), count: 1, uptime: uptime() };
        let show = || std::process::Command::new("cat").arg("/proc/uptime").output();
        let seen: f64 = String::from_utf8(restart.within(show).unwrap().stdout)
            .unwrap()
            .split_once(' ')
            .and_then(|(seconds, _)| seconds.parse().ok())
            .unwrap();
        let may =
            move || restart.shift_uptime().and_then(|()| std::process::Command::new("true").status()).is_ok();
        let makes_namespaces = std::thread::spawn(may).join().unwrap();
        if makes_namespaces {
            assert!(seen < 60.0, "{seen}");
        } else {
            assert!((seen - uptime().as_secs_f64()).abs() < 60.0, "{seen}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_of() {
        let restart = Restart::next("a", None);
        let error = restart.within(|| std::process::Command::new("/no/such/program").output()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
