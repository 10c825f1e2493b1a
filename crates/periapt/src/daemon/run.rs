//! The daemon's life, from the lock to the last agent.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_controller::api::{Api, CharmStore};
use periapt_controller::views::Host;
use periapt_controller::{Controller, OpenError, Options};
use periapt_model::names::{CharmId, ModelName};
use periapt_store::{HistoryLimits, Sqlite, SqliteOptions, StoreError};
use rustix::fs::{FlockOperation, Mode};
use rustix::process::{DumpableBehavior, Pid, set_dumpable_behavior};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::home::Home;

use super::log::{self, Line};
use super::{agents, clear};

/// The line that a daemon in the background says when it serves.
pub const READY: &str = "ready";

/// The model of a fresh home.
pub const FIRST_MODEL: &str = "default";

/// How long threads that block may take to end with the daemon.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(2);

/// Why the daemon ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another daemon has this home.
    #[error("a daemon already runs on {home} (process {pid}); stop it with `periapt daemon stop`")]
    Running {
        /// The home.
        home: String,
        /// Its process.
        pid: String,
    },
    /// It would see what a machine sees, and so would all that it starts.
    #[error(
        "this process is on a machine of the model in {model}, whose folders cover the host's: leave that machine (its \
         shell, its hook or its action), and run a command outside of it, which starts the daemon"
    )]
    OnMachine {
        /// The model's folder.
        model: String,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The models cannot be loaded.
    #[error("{path}: {source}")]
    Open {
        /// The store.
        path: String,
        /// Why.
        source: OpenError,
    },
    /// The store failed while running.
    #[error(
        "the store {path} failed: {reason}; nothing that was answered is lost. Mend it (is the disk full?) and run any command to start again"
    )]
    Failed {
        /// The store.
        path: String,
        /// Why.
        reason: String,
    },
    /// The home was removed, or another daemon was started on what came in its place.
    #[error("{home} is not the folder any more that this daemon was started on: it ends")]
    HomeLost {
        /// The home.
        home: String,
    },
    /// Something lies in the place of a file of the daemon's.
    #[error("{what} {}: {source}; nothing else may lie there: remove it", path.display())]
    InTheWay {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else of the system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DaemonError {
    let what = what.into();
    move |source| DaemonError::System { what, source }
}

/// The process that holds this home's lock, if one does.
pub(super) fn holder(home: &Home) -> std::io::Result<Option<Pid>> {
    // A pipe would make us wait for its writer.
    if std::fs::metadata(home.lock()).is_ok_and(|meta| !meta.is_file()) {
        return Ok(None);
    }
    let mut file = match File::open(home.lock()) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.trim().parse().ok().and_then(Pid::from_raw))
}

/// Returns when no daemon holds the lock.
pub(super) fn wait_for_lock(home: &Home) -> std::io::Result<()> {
    let file = File::open(home.lock())?;
    Ok(rustix::fs::flock(&file, FlockOperation::LockShared)?)
}

fn in_the_way(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DaemonError {
    let path = path.to_owned();
    move |source| DaemonError::InTheWay { what, path, source }
}

/// Which file it is, whatever it is called.
fn identity(meta: &std::fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Which file is at `path`.
fn identity_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|meta| identity(&meta))
}

fn take_lock(home: &Home) -> Result<File, DaemonError> {
    let path = home.lock();
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
    let mut file = open.map_err(in_the_way("cannot open", &path))?;
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err(in_the_way("cannot use", &path)(std::io::Error::other("it is no plain file")));
    }
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut pid = String::new();
        // Only for the message: a lock without a readable number is a lock all the same.
        file.read_to_string(&mut pid).ok();
        return Err(DaemonError::Running {
            home: home.path().display().to_string(),
            pid: pid.trim().to_owned(),
        });
    }
    let write = |file: &mut File| {
        file.rewind()?;
        file.set_len(0)?;
        write!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(system(format!("cannot write {}", path.display())))?;
    Ok(file)
}

/// The daemon's own log, on standard error: in the background that is a file. `PERIAPT_LOG` says what is kept, in the
/// words of `tracing_subscriber::EnvFilter`.
fn start_log() {
    let filter = EnvFilter::try_from_env("PERIAPT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Line);
    // One that is there already will do.
    log.try_init().ok();
}

/// Runs until a signal or a command ends it. In the `background` it says one line on standard output and closes it.
pub fn run(home: &Home, background: bool) -> Result<(), DaemonError> {
    start_log();
    // As a service of the system has it, and Juju's agents with it: what charms make does not depend on who came first.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    // The daemon holds contents of secrets: it leaves no core file, and no other process of its user may look into it.
    // What it runs is not concerned.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a core file of this process would hold secrets");
    }
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(system("cannot start the runtime"))
        .and_then(|runtime| {
            let result = runtime.block_on(serve(home, background));
            // Drops every task, and with the last of them the store, which folds what it wrote into one file. Whatever
            // still blocks in a thread (a log that is being read) is not waited for longer.
            runtime.shutdown_timeout(LAST_WORDS);
            result
        });
    if let (Err(error), true) = (&result, background) {
        say(&error.to_string());
    }
    result
}

/// One line on standard output, which is then closed: a command waits for it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever started us may be gone; the daemon does not need them.
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(null).ok();
    }
}

/// The one watch on the daemon's store is that of the controller on leases, which change twice a minute: a history of
/// more would be memory that nobody reads.
fn store_options() -> SqliteOptions {
    let mut options = SqliteOptions::default();
    options.store.history = HistoryLimits { events: 1024, bytes: 1 << 20 };
    options
}

async fn serve(home: &Home, background: bool) -> Result<(), DaemonError> {
    // Given back by the system when the process has ended, not before: whoever waits for it may rely on that.
    let lock = std::mem::ManuallyDrop::new(take_lock(home)?);
    if background {
        log::bound(home.daemon_log());
    }
    if let Some(model) = periapt_agent::view_of_model(&home.models()) {
        return Err(DaemonError::OnMachine { model: model.display().to_string() });
    }
    let store = Arc::new(Sqlite::open_with(home.store(), &store_options())?);
    let path = home.store().display().to_string();
    let controller = Controller::open(store, Options::new(home.logs()).sealed_by(home.secrets_key()))
        .await
        .map_err(|source| DaemonError::Open { path: path.clone(), source })?;
    if controller.models().is_empty() {
        add_first_model(&controller, &path).await?;
    }
    let stopping = CancellationToken::new();
    let listener = listen(home)?;
    let socket = identity_of(&home.socket());
    let files = Arc::new(Files(home.clone()));
    let api = Api::new(
        controller.clone(),
        files,
        Host { models: home.models(), ..Host::detect() },
        stopping.clone(),
    );
    let router = periapt_controller::api::router(api);
    let agents = tokio::spawn(agents::run(controller.clone(), home.clone(), stopping.clone()));
    let clearing = tokio::spawn(clear::run(controller.clone(), home.clone(), stopping.clone()));
    let server = tokio::spawn(periapt_controller::api::serve(listener, router, stopping.clone()));
    tracing::info!("serving on {}", home.socket().display());
    if background {
        say(READY);
    }
    let outcome = tokio::select! {
        outcome = until_stopped(&controller, &stopping, &path) => outcome,
        () = until_lost(home, &lock) => Err(DaemonError::HomeLost { home: home.path().display().to_string() }),
    };
    if let Err(error) = &outcome {
        tracing::error!("{error}");
    }
    stopping.cancel();
    // It watches the same token; what it removes just now it may finish, or leave to the next daemon.
    clearing.abort();
    if let Err(error) = agents.await {
        tracing::error!("the agents ended badly: {error}");
    }
    match server.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the API ended badly: {error}"),
        Err(error) => tracing::error!("the API ended badly: {error}"),
    }
    // Another daemon's may be there by now, if the home was removed under this one.
    if socket.is_some() && identity_of(&home.socket()) == socket {
        std::fs::remove_file(home.socket()).map_err(system("cannot remove the socket"))?;
    }
    tracing::info!("stopped");
    outcome
}

/// How often the daemon looks whether its home is still there.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// Returns when the lock that is held is no longer the one of the home: what this daemon does then is in files that nobody
/// finds, and the next command starts another daemon.
async fn until_lost(home: &Home, lock: &File) {
    let Ok(ours) = lock.metadata().map(|meta| identity(&meta)) else { return std::future::pending().await };
    loop {
        tokio::time::sleep(LOOK).await;
        match std::fs::symlink_metadata(home.lock()) {
            Ok(meta) if identity(&meta) == ours => {}
            // Any other error may pass: too many open files, a disk that does not answer.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// What the API must know of the home's files.
struct Files(Home);

impl CharmStore for Files {
    fn has_charm(&self, id: &CharmId) -> bool {
        self.0.charms().join(&id.0).is_dir()
    }

    fn has_resource(&self, hash: &str) -> bool {
        self.0.resources().join(hash).is_file()
    }
}

async fn add_first_model(controller: &Controller, path: &str) -> Result<(), DaemonError> {
    let failed = |reason: String| DaemonError::Failed { path: path.to_owned(), reason };
    let name = ModelName::new(FIRST_MODEL).map_err(|e| failed(e.to_string()))?;
    controller.add_model(name, &Default::default()).await.map_err(|e| failed(e.to_string()))?;
    Ok(())
}

/// The socket, for its owner alone. The lock is ours, so a socket that is there is a dead daemon's.
fn listen(home: &Home) -> Result<UnixListener, DaemonError> {
    let path = home.socket();
    let what = || format!("cannot listen on {}", path.display());
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(in_the_way("cannot listen on", &path)(e));
        }
        _ => {}
    }
    let listener =
        periapt_hook::client::with_short_path(&path, |short| std::os::unix::net::UnixListener::bind(short))
            .map_err(system(what()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(system(what()))?;
    listener.set_nonblocking(true).map_err(system(what()))?;
    UnixListener::from_std(listener).map_err(system(what()))
}

async fn until_stopped(
    controller: &Controller,
    stopping: &CancellationToken,
    path: &str,
) -> Result<(), DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(system("cannot listen for signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("cannot listen for signals"))?;
    let mut failure = controller.watch_failure();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stopping.cancelled() => {}
        failed = failure.wait_for(Option::is_some) => {
            let reason = failed.ok().and_then(|f| f.clone()).unwrap_or_default();
            return Err(DaemonError::Failed { path: path.to_owned(), reason });
        }
    }
    Ok(())
}
