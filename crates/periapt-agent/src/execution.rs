//! One process of a charm, from its start to its end: which file, with what around it, and how it ended.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use periapt_context::{ContextKind, View};
use periapt_model::hook::Hook;
use periapt_model::journal::Event;
use periapt_model::log::Level;
use periapt_model::names::UnitName;
use periapt_model::time::Timestamp;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;

use crate::environment::{self, Surroundings};
use crate::fault;
use crate::folder::UnitFolder;
use crate::leftover::Footprint;
use crate::output::{Capture, Kept, Tail};
use crate::report::{Report, moment, now};
use crate::serve::{Outside, Served, Serving};
use crate::shared::Shared;
use crate::socket::Server;
use crate::substrate::{Process, Program};

/// Why a process is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// The daemon is going down.
    Stopping,
    /// Somebody cancelled the task.
    Cancelled,
    /// The time that `exec` was given is over.
    TimedOut(Duration),
    /// The unit is gone or belongs to another agent: nothing of it will be committed.
    Gone,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The charm has no such file.
    Missing,
    /// It could not be started; why, in words.
    NotStarted(String),
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it that nobody here sent.
    Signalled(i32),
    /// It was ended from here.
    Interrupted(Interruption),
    /// It asked to be ended for a restart of its machine.
    Rebooting,
}

/// A process that has ended, and all that is known of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) end: End,
    /// In Juju's words, by which way it ran: `hook dispatching script: dispatch`.
    pub(crate) via: &'static str,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) served: Served,
    pub(crate) kept: Kept,
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) unit: &'a UnitName,
    pub(crate) folder: &'a UnitFolder,
    pub(crate) report: &'a Report,
    /// The agent's number.
    pub(crate) epoch: u64,
    pub(crate) event: &'a Event,
    pub(crate) view: View,
    /// The script of an `exec`.
    pub(crate) script: Option<String>,
}

/// The charm's file for an event (reference 3.2).
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Dispatch(PathBuf),
    Own(PathBuf),
    Shell,
    Missing,
}

impl Route {
    fn find(charm_dir: &Path, event: &Event) -> Self {
        let own = match event {
            Event::Exec { .. } => return Self::Shell,
            Event::Action { name, .. } => charm_dir.join("actions").join(name.as_str()),
            Event::Hook(hook) | Event::Replay { hook, .. } => charm_dir.join("hooks").join(hook.name()),
        };
        let dispatch = charm_dir.join("dispatch");
        match () {
            () if is_executable(&dispatch) => Self::Dispatch(dispatch),
            () if is_executable(&own) => Self::Own(own),
            () => Self::Missing,
        }
    }

    fn via(&self) -> &'static str {
        match self {
            Self::Dispatch(_) => "hook dispatching script: dispatch",
            Self::Own(_) | Self::Missing => "explicit, bespoke hook script",
            Self::Shell => "/bin/bash -s",
        }
    }
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Runs `job` to its end, or until `interruption` comes.
pub(crate) async fn run(
    shared: &Shared,
    job: Job<'_>,
    interruption: impl Future<Output = Interruption>,
) -> Ran {
    let route = Route::find(&job.folder.charm(), job.event);
    let via = route.via();
    let at = now();
    let not_run =
        |end| Ran { end, via, started: at, ended: at, served: Served::default(), kept: Kept::default() };
    // It is there whether or not the charm has a hook for it.
    if let Some(storage) = hook_of(job.event).and_then(Hook::storage)
        && let Err(error) = job.folder.make_storage(&storage.storage)
    {
        return not_run(End::NotStarted(format!("cannot make storage {}: {error}", storage.storage)));
    }
    if route == Route::Missing {
        return not_run(End::Missing);
    }
    // What fails here keeps the agent from running anything: a full disk, say. The hook's retry comes back to it.
    let ran = run_file(shared, job, route, interruption).await;
    ran.unwrap_or_else(|error| not_run(End::NotStarted(format!("cannot run it: {error}"))))
}

/// The hook that runs, for the first time or again.
fn hook_of(event: &Event) -> Option<&Hook> {
    match event {
        Event::Hook(hook) | Event::Replay { hook, .. } => Some(hook),
        Event::Action { .. } | Event::Exec { .. } => None,
    }
}

async fn run_file(
    shared: &Shared,
    job: Job<'_>,
    route: Route,
    interruption: impl Future<Output = Interruption>,
) -> io::Result<Ran> {
    let via = route.via();
    let (file, args): (PathBuf, Vec<OsString>) = match route {
        Route::Dispatch(file) | Route::Own(file) => (file, Vec::new()),
        Route::Shell | Route::Missing => ("/bin/bash".into(), vec!["-s".into()]),
    };
    let name = job.event.name();
    let context_id = format!("{}-{name}-{}", job.unit, uuid::Uuid::new_v4().simple());
    let env = environment::build(&Surroundings {
        model: &job.view.model,
        unit: job.unit,
        event: job.event,
        relation: match &job.view.context {
            ContextKind::Exec { relation } => relation.as_ref(),
            _ => None,
        },
        context_id: &context_id,
        folder: job.folder,
        tools: &shared.options.tools_dir(),
        system_path: &shared.options.system_path,
        api_addresses: &shared.options.api_addresses,
    });
    let machine = job.view.model.units.get(job.unit).map(|unit| unit.machine);
    let program = Program {
        file,
        args,
        env,
        dir: job.folder.charm(),
        stdin: job.script.is_some(),
        machine,
        own_python: periapt_build::path_entry(&job.folder.charm()).map(|bin| bin.join("python")),
    };

    let footprint_path = job.folder.footprint();
    let mut footprint = Footprint { context: context_id.clone(), boot: shared.substrate.boot(), group: None };
    let mut footprint_file = footprint.write(&footprint_path)?;
    let tail = Tail::default();
    let outside = Outside {
        control: shared.control.clone(),
        report: job.report.clone(),
        tail: tail.clone(),
        epoch: job.epoch,
        folder: job.folder.clone(),
        resources: shared.options.resources_dir.clone(),
    };
    let server = Server::open(job.folder.socket(), context_id, Serving::new(outside, job.view))?;

    let started = now();
    let (end, kept) = match start(shared, &program).await {
        Err(error) => {
            let _ = std::fs::remove_file(&footprint_path);
            (End::NotStarted(not_started(&program.file, &error)), Kept::default())
        }
        Ok(mut process) => {
            moment(job.unit, "started");
            // Without the group the process is still found by its context.
            let _ = footprint.started(&mut footprint_file, process.group());
            fault::point("after-spawn");
            feed(&mut process, job.script);
            let whole = !matches!(job.event, Event::Hook(_));
            let module = format!("unit.{}.{name}", job.unit);
            let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
            let private = matches!(job.event, Event::Exec { .. });
            let report = job.report.clone();
            let capture = Capture::start(stdout, stderr, report, module, tail, whole, private);
            let end = attend(shared, &mut process, &server, interruption).await?;
            moment(job.unit, "ended");
            fault::point("after-exit");
            if matches!(end, End::Interrupted(_) | End::Rebooting) {
                end_group(shared, footprint).await;
            }
            // What else is left of the group lives on, as it does when no daemon dies.
            let _ = std::fs::remove_file(&footprint_path);
            (end, capture.finish().await)
        }
    };
    let ended = now();
    let served = server.close().await;
    Ok(Ran { end, via, started, ended, served, kept })
}

/// Starts the process. A file that is being written elsewhere in this process is retried: a process that starts at the
/// same moment holds a copy of the descriptor until its own program is loaded.
pub(crate) async fn start(shared: &Shared, program: &Program) -> io::Result<Process> {
    let mut tries = 0;
    loop {
        match shared.substrate.start(program) {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 100 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            result => return result,
        }
    }
}

pub(crate) fn not_started(file: &Path, error: &io::Error) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // The file itself was found and may be executed.
    let hint = match error.kind() {
        io::ErrorKind::NotFound => ": the interpreter that its first line names is not there",
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            ": it has no first line that names an interpreter, such as #!/bin/bash"
        }
        _ => "",
    };
    format!("cannot execute {name}: {error}{hint}")
}

/// Writes the script to the process's standard input, while it runs.
pub(crate) fn feed(process: &mut Process, script: Option<String>) {
    if let (Some(mut stdin), Some(script)) = (process.stdin.take(), script) {
        tokio::spawn(async move {
            // A shell that ends before it has read everything is no error.
            let _ = stdin.write_all(script.as_bytes()).await;
        });
    }
}

/// Waits for the end of the process; ends it when it must not go on.
async fn attend(
    shared: &Shared,
    process: &mut Process,
    server: &Server,
    interruption: impl Future<Output = Interruption>,
) -> io::Result<End> {
    let why = tokio::select! {
        biased;
        status = process.wait() => return Ok(End::of(status?)),
        () = server.reboot_asked() => None,
        why = interruption => Some(why),
    };
    // Nobody waits for what nobody will commit, and a restart gives no grace either.
    terminate(shared, process, !matches!(why, None | Some(Interruption::Gone))).await?;
    Ok(why.map_or(End::Rebooting, End::Interrupted))
}

/// Ends a process: asks first if it is to have time for that.
pub(crate) async fn terminate(shared: &Shared, process: &mut Process, ask: bool) -> io::Result<()> {
    if ask {
        process.signal(Signal::TERM);
        if tokio::time::timeout(shared.options.kill_grace, process.wait()).await.is_err() {
            process.signal(Signal::KILL);
        }
    } else {
        process.signal(Signal::KILL);
    }
    process.wait().await.map(drop)
}

/// Kills what is left of the group of a process that was ended.
pub(crate) async fn end_group(shared: &Shared, footprint: Footprint) {
    let group = footprint.group.and_then(rustix::process::Pid::from_raw);
    if group.is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok()) {
        let substrate = Arc::clone(&shared.substrate);
        let _ = tokio::task::spawn_blocking(move || substrate.end_leftover(&footprint)).await;
    }
}

impl End {
    pub(crate) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Signalled(signal),
            (None, None) => Self::Exited(-1),
        }
    }
}

/// A signal's name in words, as far as hooks die of it.
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::TERM) => "terminated",
        Some(Signal::KILL) => "killed",
        Some(Signal::SEGV) => "segmentation fault",
        Some(Signal::ABORT) => "aborted",
        Some(Signal::INT) => "interrupt",
        Some(Signal::HUP) => "hangup",
        Some(Signal::PIPE) => "broken pipe",
        _ => return format!("signal {signal}"),
    };
    format!("signal: {name}")
}

/// Whether a signal ends processes from outside, so that the hook runs again (Juju 3.6: `runhook.go`).
pub(crate) fn is_from_outside(signal: i32) -> bool {
    [Signal::TERM, Signal::KILL].iter().any(|s| s.as_raw() == signal)
}

/// Logs how a hook ended, in the lines that tools look for.
pub(crate) fn log_end(report: &Report, name: &str, end: &End, via: &str) {
    match end {
        End::Missing => report.operation(Level::Info, format!("skipped {name:?} hook (missing)")),
        End::Exited(0) => report.operation(Level::Info, format!("ran {name:?} hook (via {via})")),
        End::Exited(code) => {
            report.operation(Level::Error, format!("hook {name:?} (via {via}) failed: exit status {code}"));
        }
        End::NotStarted(why) => {
            report.operation(Level::Error, format!("hook {name:?} (via {via}) failed: {why}"));
        }
        End::Signalled(signal) if !is_from_outside(*signal) => {
            report.operation(
                Level::Error,
                format!("hook {name:?} (via {via}) failed: {}", signal_name(*signal)),
            );
        }
        End::Signalled(_) | End::Interrupted(_) | End::Rebooting => {
            report.operation(Level::Warning, format!("hook {name:?} (via {via}) interrupted"));
        }
    }
}
