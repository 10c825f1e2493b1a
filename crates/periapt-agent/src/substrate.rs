//! Where a unit's charm and workload run. The agent knows no other way to start a process.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use periapt_model::names::{MachineId, UnitName};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::leftover::{self, Footprint};
use crate::namespace::{Isolation, Namespaces};

/// A process to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file; also its `argv[0]`.
    pub file: PathBuf,
    /// Arguments after `argv[0]`.
    pub args: Vec<OsString>,
    /// The whole environment; nothing else is inherited.
    pub env: Vec<(String, OsString)>,
    /// The working directory.
    pub dir: PathBuf,
    /// Whether standard input is a pipe; otherwise it is empty.
    pub stdin: bool,
    /// The machine that it runs on; None: the host itself.
    pub machine: Option<MachineId>,
    /// The interpreter of the charm that it belongs to, which `/usr/bin/python3` is to be for it.
    pub own_python: Option<PathBuf>,
}

/// A place in which processes can be started.
pub trait Substrate: Send + Sync + 'static {
    /// Starts a process as the leader of a process group of its own, with pipes for its output.
    ///
    /// # Errors
    /// What the operating system says: the file or its interpreter is not there, or may not be executed.
    fn start(&self, program: &Program) -> io::Result<Process>;

    /// The identity of the place's present boot; None where there is no such thing. It changes when the place is
    /// restarted, and with it all its processes are gone.
    fn boot(&self) -> Option<String>;

    /// Kills what is left of a process that an agent before this one started, and returns when it is gone.
    fn end_leftover(&self, footprint: &Footprint);

    /// Forgets what it keeps of a machine that is gone.
    fn forget_machine(&self, machine: MachineId);

    /// Kills what still runs on a unit's machine when the unit is gone, and returns when it is gone. The machine is the
    /// unit's folder here: Juju would take the whole machine away.
    fn end_machine(&self, folder: &Path);

    /// As [`Substrate::end_machine`], but only what the hooks of `unit` have started: the folder is others' as well.
    fn end_unit_in(&self, unit: &UnitName, folder: &Path);
}

/// A directory and child processes as the daemon's own user. Needs no rights; where it has root's, each machine has some
/// folders of its own, see [`Isolation`].
#[derive(Debug)]
pub struct ProcessSubstrate {
    boot: Option<String>,
    namespaces: Namespaces,
}

impl ProcessSubstrate {
    /// Reads the machine's boot identity. `model_dir` is the folder of the model whose machines these are.
    pub fn new(model_dir: &Path, isolation: Isolation) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self {
            boot: boot.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            namespaces: Namespaces::new(model_dir, isolation),
        }
    }
}

impl Substrate for ProcessSubstrate {
    fn start(&self, program: &Program) -> io::Result<Process> {
        // Nothing here may need code between fork and exec: so the standard library uses posix_spawn, whose cost does
        // not grow with the daemon's memory.
        let mut command = Command::new(&program.file);
        command
            .args(&program.args)
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&program.dir)
            .process_group(0)
            .stdin(if program.stdin { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let Some(machine) = program.machine else { return Process::new(command.spawn()?) };
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let start = move || {
            let _within = runtime.enter();
            Process::new(command.spawn()?)
        };
        self.namespaces.start_in(machine, program.own_python.as_deref(), start)
    }

    fn boot(&self) -> Option<String> {
        self.boot.clone()
    }

    fn end_leftover(&self, footprint: &Footprint) {
        if footprint.boot == self.boot {
            leftover::kill(footprint, Path::new("/proc"));
        }
    }

    fn forget_machine(&self, machine: MachineId) {
        self.namespaces.forget(machine);
    }

    fn end_machine(&self, folder: &Path) {
        leftover::kill_in(folder, Path::new("/proc"));
    }

    fn end_unit_in(&self, unit: &UnitName, folder: &Path) {
        leftover::kill_of_unit_in(unit, folder, Path::new("/proc"));
    }
}

/// A running process, the leader of its group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    /// Its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// Its standard output.
    pub stdout: Option<ChildStdout>,
    /// Its standard error.
    pub stderr: Option<ChildStderr>,
}

impl Process {
    fn new(mut child: Child) -> io::Result<Self> {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = id.ok_or_else(|| io::Error::other("a process without an id"))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Self { child, group, stdin, stdout, stderr })
    }

    /// The number of its process group.
    pub fn group(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Waits for its end. May be called again after it was cancelled.
    ///
    /// # Errors
    /// Those of waitpid(2).
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends a signal to its whole group, as long as the process itself has not been waited for: after that the number
    /// of the group may be somebody else's.
    pub fn signal(&self, signal: Signal) {
        if self.child.id().is_some() {
            let _ = kill_process_group(self.group, signal);
        }
    }
}
