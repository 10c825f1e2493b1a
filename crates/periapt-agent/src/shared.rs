//! What all agents of a model share.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::names::MachineId;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::machine_lock::MachineLocks;
use crate::namespace::Isolation;
use crate::substrate::{ProcessSubstrate, Substrate};

/// A process that has run this long gives its place among those that run to another: it may be waiting for what that
/// one does, and a slow one must not hold up the quick.
pub(crate) const PLACE_HELD: Duration = Duration::from_secs(2);

/// Where the agents of one model find and put things.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The model's own folder. Below it `agents/unit-app-0/…` and `tools/` are made, as on a Juju machine.
    pub model_dir: PathBuf,
    /// The unpacked charms: `<id>/` holds the tree of the charm with that id.
    pub charms_dir: PathBuf,
    /// The uploaded resources: the file of hash `<hash>` has that name.
    pub resources_dir: PathBuf,
    /// The program that every hook command is a link to.
    pub hook_program: PathBuf,
    /// The program that `juju-exec` and `juju-run` beside the hook commands are links to; None: there are none.
    pub exec_program: Option<PathBuf>,
    /// `JUJU_API_ADDRESSES` of every hook; may be empty.
    pub api_addresses: String,
    /// `PATH` of every hook after the hook commands.
    pub system_path: OsString,
    /// How many processes are in their first two seconds at once; others wait for these to end or grow old.
    pub most_processes: usize,
    /// How long a process that is asked to end (SIGTERM) may take before it is killed.
    pub kill_grace: Duration,
    /// Where the data of released storages is put aside: `data/0` below it.
    pub released_dir: PathBuf,
    /// Keep the folders of units that are gone, to look into them.
    pub keep_folders: bool,
    /// What machines have of their own.
    pub isolation: Isolation,
}

impl AgentOptions {
    /// The usual: the daemon's own `PATH`, four processes for each processor, five seconds of grace, nothing kept, nothing isolated.
    pub fn new(
        model_dir: PathBuf,
        charms_dir: PathBuf,
        resources_dir: PathBuf,
        hook_program: PathBuf,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let system_path = std::env::var_os("PATH").filter(|path| !path.is_empty());
        Self {
            released_dir: model_dir.join("released-storage"),
            model_dir,
            charms_dir,
            resources_dir,
            hook_program,
            exec_program: None,
            api_addresses: String::new(),
            system_path: system_path
                .unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
            most_processes: 4 * processors,
            kill_grace: Duration::from_secs(5),
            keep_folders: false,
            isolation: Isolation::Off,
        }
    }

    /// The folder of the hook commands.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.model_dir.join("tools")
    }
}

/// What all agents of a model share.
pub(crate) struct Shared {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) options: AgentOptions,
    pub(crate) substrate: Arc<dyn Substrate>,
    pub(crate) machine_locks: MachineLocks,
    /// Raised when the agents are to stop.
    pub(crate) stop: CancellationToken,
    /// Raised when a machine has been restarted.
    pub(crate) restarts: watch::Sender<u64>,
    turns: Arc<Semaphore>,
}

/// The right to run a process now.
#[derive(Debug)]
pub(crate) struct Turn {
    _machine: Option<OwnedMutexGuard<()>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Lets another process start. The machine's lock stays.
    pub(crate) fn give_place(&mut self) {
        self.place = None;
    }
}

impl Shared {
    pub(crate) fn new(control: Arc<dyn Control>, options: AgentOptions) -> Self {
        let turns = Arc::new(Semaphore::new(options.most_processes.max(1)));
        let substrate = ProcessSubstrate::new(&options.model_dir, options.isolation);
        Self {
            control,
            options,
            substrate: Arc::new(substrate),
            machine_locks: MachineLocks::default(),
            stop: CancellationToken::new(),
            restarts: watch::Sender::default(),
            turns,
        }
    }

    /// Waits for a turn: for the machine's lock of an execution group, if one is named, and then for a place among the processes that run.
    pub(crate) async fn turn(&self, machine: Option<(MachineId, String)>) -> Turn {
        let machine = match machine {
            Some((id, group)) => Some(self.machine_locks.hold(id, group).await),
            None => None,
        };
        let place = Arc::clone(&self.turns).acquire_owned().await;
        Turn { _machine: machine, place: place.ok() }
    }
}
