//! A home of its own with a daemon, used through the built program as a user does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A fresh home. The daemon ends with it.
pub struct Daemon {
    folder: TempDir,
    log: Option<&'static str>,
}

/// What the dispatches of a model came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    pub dispatches: u64,
    /// Those that ran a process.
    pub processes: u64,
    pub hook_commands: u64,
}

/// What the daemon's process has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kib: u64,
    pub processor: Duration,
}

impl Daemon {
    pub fn new() -> Self {
        Self::with_log(None)
    }

    /// With this filter for the daemon's own log.
    pub fn with_log(log: Option<&'static str>) -> Self {
        // On a real disk, not one in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let daemon = Self { folder, log };
        daemon.ok(&["daemon", "start"]);
        // An event that comes every five minutes is no idleness.
        daemon.ok(&["model-config", "update-status-hook-interval=60m"]);
        daemon
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_periapt"));
        command.args(arguments).env("PERIAPT_HOME", self.path()).stdin(Stdio::null());
        // Nothing of the machine's is changed, and no namespace is measured.
        command.env("PERIAPT_NAMESPACES", "off");
        if let Some(log) = self.log {
            command.env("PERIAPT_LOG", log);
        }
        command
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "periapt {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).spawn().expect("the program starts")
    }

    /// Deploys the bench charm.
    pub fn deploy(&self, application: &str, units: usize) {
        self.ok(&["deploy", &charm("bench"), application, "-n", &units.to_string()]);
    }

    /// Deploys the charm that does next to nothing.
    pub fn deploy_still(&self, application: &str, units: usize) {
        self.ok(&["deploy", &charm("still"), application, "-n", &units.to_string()]);
    }

    pub fn wait(&self) {
        let output = self.command(&["wait", "--timeout", "15m"]).output().expect("the program starts");
        assert!(output.status.success(), "it does not settle: {output:?}");
    }

    /// Reads the whole journal.
    pub fn work(&self) -> Work {
        let mut work = Work::default();
        for line in self.ok(&["tail", "--all", "--no-follow", "--format", "json"]).lines() {
            let record: Value = serde_json::from_str(line).expect("a record is JSON");
            let Some(dispatch) = record.pointer("/entry/dispatch") else { continue };
            work.dispatches += 1;
            work.processes += u64::from(dispatch.get("outcome") != Some(&Value::from("missing")));
            work.hook_commands += dispatch.get("hook_commands").and_then(Value::as_u64).unwrap_or(0);
        }
        work
    }

    fn pid(&self) -> String {
        std::fs::read_to_string(self.path().join("daemon.lock")).expect("a daemon runs").trim().to_owned()
    }

    pub fn usage(&self) -> Usage {
        let process = PathBuf::from("/proc").join(self.pid());
        let status = std::fs::read_to_string(process.join("status")).expect("the daemon lives");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        // Nanoseconds on a processor, exact where `stat` counts in hundredths of a second.
        let threads = std::fs::read_dir(process.join("task")).expect("its threads").flatten();
        let nanos: u64 = threads
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
            .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Usage {
            resident_kib: resident.trim().trim_end_matches(" kB").parse().expect("a number"),
            processor: Duration::from_nanos(nanos),
        }
    }

    /// The processor time of the whole process, of threads that have ended too, in hundredths of a second.
    pub fn processor(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("the daemon lives");
        let after_name = stat.rsplit_once(") ").expect("a name in brackets").1;
        let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.path().join("daemon.log")).expect("the daemon's log")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A benchmark that failed has said why; the daemon must not stay.
        let _ = self.command(&["daemon", "stop"]).output();
    }
}

/// `bench` does the least that a real charm does; `still` only says that it is there.
fn charm(name: &str) -> String {
    format!("{}/../../benches/charms/{name}", env!("CARGO_MANIFEST_DIR"))
}
