//! Where a unit's charm and workload run. The agent knows no other way to start a process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use periapt_model::names::{MachineId, UnitName};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::RuntimeFlavor;

use crate::boot::Restart;
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

    /// The identity of a machine's present boot: that of the place, until the machine is restarted.
    fn machine_boot(&self, machine: MachineId) -> Option<String>;

    /// Restarts a machine: kills what runs in its folder and in those of its units, `folders`, and returns when it is gone
    /// and the machine has another boot identity.
    ///
    /// # Errors
    /// It cannot be kept that it was restarted; then it was not.
    fn restart_machine(&self, machine: MachineId, folders: &[PathBuf]) -> io::Result<()>;

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
    machines_dir: PathBuf,
    /// The last restarts of machines, as far as they were looked for.
    restarts: Mutex<HashMap<MachineId, Option<Restart>>>,
}

impl ProcessSubstrate {
    /// Reads the machine's boot identity. `model_dir` is the folder of the model whose machines these are.
    pub fn new(model_dir: &Path, isolation: Isolation) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self {
            boot: boot.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            namespaces: Namespaces::new(model_dir, isolation),
            machines_dir: model_dir.join("machines"),
            restarts: Mutex::default(),
        }
    }

    fn folder(&self, machine: MachineId) -> PathBuf {
        self.machines_dir.join(machine.to_string())
    }

    fn last_restart(&self, machine: MachineId) -> Option<Restart> {
        let mut restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_for = || Restart::read(&self.folder(machine), self.boot.as_deref()?);
        restarts.entry(machine).or_insert_with(looked_for).clone()
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
        let restart = self.last_restart(machine);
        let command = Mutex::new(command);
        let start = move || {
            let spawn = || {
                let _within = runtime.enter();
                Process::new(command.lock().unwrap_or_else(PoisonError::into_inner).spawn()?)
            };
            restart.as_ref().map_or_else(spawn, |restart| restart.within(spawn))
        };
        let in_place = || self.namespaces.start_in(machine, program.own_python.as_deref(), start);
        // To make a namespace takes some dozens of mounts: this thread's other work goes to another one meanwhile.
        let may_move = tokio::runtime::Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        if may_move && self.namespaces.are_made() {
            tokio::task::block_in_place(in_place)
        } else {
            in_place()
        }
    }

    fn boot(&self) -> Option<String> {
        self.boot.clone()
    }

    fn machine_boot(&self, machine: MachineId) -> Option<String> {
        self.last_restart(machine).map(|restart| restart.identity()).or_else(|| self.boot.clone())
    }

    fn restart_machine(&self, machine: MachineId, folders: &[PathBuf]) -> io::Result<()> {
        let Some(host) = &self.boot else { return Err(io::ErrorKind::Unsupported.into()) };
        let restart = Restart::next(host, self.last_restart(machine).as_ref());
        let own = self.folder(machine);
        restart.write(&own)?;
        for folder in folders.iter().chain([&own]) {
            leftover::kill_in(folder, Path::new("/proc"));
        }
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner).insert(machine, Some(restart));
        Ok(())
    }

    fn end_leftover(&self, footprint: &Footprint) {
        if footprint.boot == self.boot {
            leftover::kill(footprint, Path::new("/proc"));
        }
    }

    fn forget_machine(&self, machine: MachineId) {
        self.namespaces.forget(machine);
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner).remove(&machine);
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
