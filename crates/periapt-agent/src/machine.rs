//! What runs on machines themselves: command lines without the context of a hook, in the machine's folder (Juju 3.6:
//! `internal/worker/machineactions`). The tasks of a machine run side by side, each once: one that a daemon's death cut
//! short has failed.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use periapt_model::command::{Answer, Command, MachineTask};
use periapt_model::effects::ActionOutcome;
use periapt_model::entity::{Task, TaskKind, TaskStatus};
use periapt_model::journal::Event;
use periapt_model::log::Level;
use periapt_model::model::Model;
use periapt_model::names::{MachineId, TaskId};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::control::ControlError;
use crate::dispatch::{lock_of, task_end};
use crate::execution::{End, Interruption, end_group, feed, not_started, start, terminate};
use crate::leftover::{Footprint, TASK_VARIABLE};
use crate::output::{Capture, Kept, Tail};
use crate::report::Report;
use crate::shared::{PLACE_HELD, Shared};
use crate::substrate::Program;

/// A change that the controller cannot store is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// The folder of a machine: where its command lines start.
#[derive(Clone, Debug)]
pub(crate) struct MachineFolder(PathBuf);

impl MachineFolder {
    pub(crate) fn new(model_dir: &Path, machine: MachineId) -> Self {
        Self(model_dir.join("machines").join(machine.to_string()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn footprint(&self, task: TaskId) -> PathBuf {
        self.0.join("run").join(format!("task-{task}"))
    }

    /// Makes the folders that are not there yet. Only the daemon's user may look into them. Blocks.
    fn prepare(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(self.0.join("run"))?;
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o700))
    }
}

/// The tasks of a model's machines that run.
pub(crate) struct MachineTasks {
    shared: Arc<Shared>,
    running: JoinSet<TaskId>,
    known: HashMap<TaskId, Id>,
}

impl MachineTasks {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, running: JoinSet::new(), known: HashMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Starts what the model has and nobody runs yet.
    pub(crate) fn start_missing(&mut self, model: &Model) {
        for task in model.open_machine_tasks() {
            if let (Some(machine), false) = (task.host.machine(), self.known.contains_key(&task.id)) {
                let runner = Runner::new(Arc::clone(&self.shared), Arc::clone(task), machine);
                let id = task.id;
                let running = self.running.spawn(async move {
                    runner.run().await;
                    id
                });
                self.known.insert(task.id, running.id());
            }
        }
    }

    /// Waits for one to end. Pending for ever while none runs.
    pub(crate) async fn one_ended(&mut self) {
        let ended: Result<TaskId, JoinError> = match self.running.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        };
        match ended {
            Ok(task) => drop(self.known.remove(&task)),
            // It panicked. Whoever starts it again finds it running, and calls it interrupted.
            Err(error) => self.known.retain(|_, id| *id != error.id()),
        }
    }
}

/// Removes the folders of machines that the model does not have, with what still runs in them. Blocks.
pub(crate) fn remove_strays(shared: &Shared) {
    let entries = std::fs::read_dir(shared.options.model_dir.join("machines")).into_iter().flatten();
    let found: HashSet<MachineId> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // After the folders: a machine that has one and is not in the model is gone, and not about to come.
    let model = shared.control.snapshot();
    for machine in found.into_iter().filter(|id| !model.machines.contains_key(id)) {
        let folder = MachineFolder::new(&shared.options.model_dir, machine);
        shared.substrate.end_machine(folder.path());
        shared.substrate.forget_machine(machine);
        if !shared.options.keep_folders {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// One task of a machine.
struct Runner {
    shared: Arc<Shared>,
    task: Arc<Task>,
    machine: MachineId,
    folder: MachineFolder,
    /// Raised when a task of a machine may have been taken back.
    changes: watch::Receiver<u64>,
}

impl Runner {
    fn new(shared: Arc<Shared>, task: Arc<Task>, machine: MachineId) -> Self {
        let folder = MachineFolder::new(&shared.options.model_dir, machine);
        let changes = shared.control.watch_units();
        Self { shared, task, machine, folder, changes }
    }

    async fn run(mut self) {
        if self.task.status != TaskStatus::Pending {
            self.end_leftover().await;
            let why = match self.task.status {
                TaskStatus::Aborting => Interruption::Cancelled,
                _ => Interruption::Stopping,
            };
            return self.conclude(&End::Interrupted(why), Kept::default()).await;
        }
        let shared = Arc::clone(&self.shared);
        let lock = lock_of(&self.task).map(|group| (self.machine, group));
        let mut turn = tokio::select! {
            turn = shared.turn(lock) => turn,
            // What has not begun is begun by the next daemon, or was taken back.
            _ = self.must_not_go_on() => return,
        };
        if self.tell(MachineTask::Started).await != Some(TaskStatus::Running) {
            return;
        }
        let mut doing = std::pin::pin!(async {
            let (end, kept) = self.execute().await;
            self.conclude(&end, kept).await;
        });
        tokio::select! {
            () = &mut doing => return,
            () = tokio::time::sleep(PLACE_HELD) => turn.give_place(),
        }
        doing.await;
    }

    async fn end_leftover(&self) {
        let (path, substrate) = (self.folder.footprint(self.task.id), Arc::clone(&self.shared.substrate));
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(footprint) = Footprint::read(&path) {
                substrate.end_leftover(&footprint);
            }
            let _ = std::fs::remove_file(path);
        });
        let _ = ended.await;
    }

    /// Says what has become of the task, until the controller can store it. None: it is gone, or everything stops.
    async fn tell(&self, what: MachineTask) -> Option<TaskStatus> {
        loop {
            let command = Command::MachineTask { task: self.task.id, what: what.clone() };
            match self.shared.control.apply(command).await {
                Ok(Answer::Task(status)) => return Some(status),
                Err(ControlError::Unavailable(_)) if !self.shared.stop.is_cancelled() => {
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = self.shared.stop.cancelled() => {}
                    }
                }
                Ok(_) | Err(_) => return None,
            }
        }
    }

    async fn conclude(&self, end: &End, kept: Kept) {
        let event = Event::Exec { task: self.task.id };
        let ended = task_end(&event, end, kept, ActionOutcome::default(), &self.machine);
        let (status, timed_out) = (ended.status, ended.timed_out);
        let (message, results) = (ended.message, ended.results);
        // What is not stored is found running by the next daemon.
        let _ = self.tell(MachineTask::Ended { status, timed_out, message, results }).await;
    }

    /// Returns when the command may not go on.
    async fn must_not_go_on(&mut self) -> Interruption {
        let (control, id) = (Arc::clone(&self.shared.control), self.task.id);
        let changes = &mut self.changes;
        let model_says = async {
            loop {
                changes.borrow_and_update();
                match control.snapshot().tasks.get(&id).map(|task| task.status) {
                    Some(TaskStatus::Aborting) => return Interruption::Cancelled,
                    Some(status) if !status.is_final() => {}
                    _ => return Interruption::Gone,
                }
                if changes.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::select! {
            why = model_says => why,
            () = self.shared.stop.cancelled() => Interruption::Stopping,
        }
    }

    async fn execute(&mut self) -> (End, Kept) {
        let TaskKind::Exec { command, timeout_ms, .. } = &self.task.kind else {
            return (
                End::NotStarted(format!("a machine runs no {}", self.task.kind.name())),
                Kept::default(),
            );
        };
        let (script, limit) = (command.clone(), timeout_ms.map(Duration::from_millis));
        let mark = format!("machine-{}-{}", self.machine, uuid::Uuid::new_v4().simple());
        match self.execute_script(script, limit, mark).await {
            Ok(ran) => ran,
            Err(error) => (End::NotStarted(format!("cannot run it: {error}")), Kept::default()),
        }
    }

    async fn execute_script(
        &mut self,
        script: String,
        limit: Option<Duration>,
        mark: String,
    ) -> io::Result<(End, Kept)> {
        self.folder.prepare()?;
        let program = Program {
            file: "/bin/bash".into(),
            args: vec!["-s".into()],
            env: self.environment(&mark),
            dir: self.folder.path().to_owned(),
            stdin: true,
            machine: Some(self.machine),
            own_python: None,
        };
        let path = self.folder.footprint(self.task.id);
        let mut footprint = Footprint { context: mark, boot: self.shared.substrate.boot(), group: None };
        let mut file = footprint.write(&path)?;
        let mut process = match start(&self.shared, &program).await {
            Ok(process) => process,
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                return Ok((End::NotStarted(not_started(&program.file, &error)), Kept::default()));
            }
        };
        let _ = footprint.started(&mut file, process.group());
        feed(&mut process, Some(script));
        let report = Report::of_machine(Arc::clone(&self.shared.control), self.machine);
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let module = format!("machine-{}", self.machine);
        let capture = Capture::start(stdout, stderr, report.clone(), module, Tail::default(), true, true);
        let timed_out = async {
            match limit {
                Some(limit) => {
                    tokio::time::sleep(limit).await;
                    Interruption::TimedOut(limit)
                }
                None => std::future::pending().await,
            }
        };
        let shared = Arc::clone(&self.shared);
        let why = tokio::select! {
            biased;
            status = process.wait() => Err(status),
            why = timed_out => Ok(why),
            why = self.must_not_go_on() => Ok(why),
        };
        let end = match why {
            Err(status) => End::of(status?),
            Ok(why) => {
                terminate(&shared, &mut process, why != Interruption::Gone).await?;
                end_group(&shared, footprint).await;
                report.uniter(Level::Debug, format!("task {} was ended", self.task.id));
                End::Interrupted(why)
            }
        };
        let _ = std::fs::remove_file(&path);
        Ok((end, capture.finish().await))
    }

    /// The environment of a command line: what a shell of the system has, and nothing of a hook.
    fn environment(&self, mark: &str) -> Vec<(String, OsString)> {
        let mut path = self.shared.options.system_path.clone();
        // For `juju-exec`; no hook command can be used without a context.
        path.push(":");
        path.push(self.shared.options.tools_dir());
        let folder = self.folder.path().as_os_str().to_owned();
        [
            ("PATH", path),
            ("HOME", folder),
            ("LANG", "C.UTF-8".into()),
            ("JUJU_MACHINE_ID", self.machine.to_string().into()),
            (TASK_VARIABLE, mark.into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}
