//! A view of the file system of a machine's own, for what runs on it: a mount namespace, where the daemon is asked for it
//! and may make one.
//!
//! Charms and their libraries hold for granted what a machine of Juju's has at fixed places. Units here share one
//! operating system, so that two of them would write to the same folder below `/var/lib`. In its namespace a machine has
//!
//! - `/var/lib` of its own: the folder `var-lib` of the machine's, with what the host has there in it. What a machine has
//!   made itself wins over what the host has under the same name;
//! - `/var/lib/juju`, which is the model's folder;
//! - `/usr/bin/python3` that runs what belongs to a charm with the charm's own interpreter, where that is another one.
//!
//! A namespace is made when the first process of its machine starts, and entered by a thread that starts processes for
//! nobody else: so a process that starts in it costs two system calls more than one that does not. It is gone with the
//! daemon and the last process in it; the next one shows the same folders, and processes in both see the same files. What a
//! process has mounted itself is in its own namespace alone.

mod kept;
mod view;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use periapt_model::names::MachineId;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::programs::{PYTHON, is_another, put_python};
use kept::{Kept, Namespace};
use view::{Failure, is_empty, make, view};

/// What machines have of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Nothing: everything runs in the host's view of the file system.
    #[default]
    Off,
    /// `/usr/bin/python3`, and `/var/lib/juju` where the host has such a folder.
    Programs,
    /// Also `/var/lib`.
    Full,
}

impl Isolation {
    /// Reads `off`, `programs` or `full`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "programs" => Some(Self::Programs),
            "full" => Some(Self::Full),
            _ => None,
        }
    }

    /// As [`named`](Self::named) reads it.
    fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Programs => "programs",
            Self::Full => "full",
        }
    }

    /// What the model's daemon does, or did last.
    fn of_model(model: &Path) -> Self {
        let said = fs::read_to_string(model.join(SAID)).unwrap_or_default();
        Self::named(said.trim()).unwrap_or_default()
    }

    /// Tells those who enter machines from outside of the daemon.
    fn say(self, model: &Path) -> io::Result<()> {
        let said = model.join(SAID);
        if self == Self::Off {
            return match fs::remove_file(said) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        fs::create_dir_all(model)?;
        fs::write(said, self.name())
    }
}

/// A file in the model's folder: what machines have of their own. Without it they have nothing.
const SAID: &str = ".namespaces";
const VAR_LIB: &str = "/var/lib";
const JUJU: &str = "juju";
/// In the folder `run` of a machine: what covers [`PYTHON`].
const PYTHON_NAME: &str = "python3";

/// The folders of one machine.
#[derive(Clone, Debug)]
struct Place {
    model: PathBuf,
    machine: PathBuf,
}

impl Place {
    fn new(model: &Path, machine: MachineId) -> Self {
        Self { model: model.to_owned(), machine: model.join("machines").join(machine.to_string()) }
    }

    fn own_lib(&self) -> PathBuf {
        self.machine.join("var-lib")
    }

    /// Says where the namespace is that processes of the machine are in: a process, one of its descriptors, an inode.
    fn note(&self) -> PathBuf {
        self.machine.join("run/namespace")
    }
}

/// A piece of work for the thread that enters namespaces.
type Job = Box<dyn FnOnce() + Send>;

/// The namespaces of a model's machines.
#[derive(Debug)]
pub(crate) struct Namespaces {
    model: PathBuf,
    isolation: Isolation,
    made: Mutex<Kept>,
    /// The thread that enters them, once one is needed; dropped, it ends.
    enterer: Mutex<Option<mpsc::Sender<Job>>>,
    /// They cannot be made here.
    refused: AtomicBool,
}

impl Namespaces {
    pub(crate) fn new(model: &Path, isolation: Isolation) -> Self {
        if let Err(error) = isolation.say(model) {
            tracing::warn!(
                "ssh and scp may see another /var/lib than hooks do: {SAID} cannot be written: {error}"
            );
        }
        Self {
            model: model.to_owned(),
            isolation,
            made: Mutex::default(),
            enterer: Mutex::default(),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether machines may have any.
    pub(crate) fn are_made(&self) -> bool {
        self.isolation != Isolation::Off
    }

    /// Does `start` in the namespace of `machine`, or here where there can be none. `own_python` is the interpreter of the
    /// charm that starts. Blocks until it is done.
    pub(crate) fn start_in<T: Send + 'static>(
        &self,
        machine: MachineId,
        own_python: Option<&Path>,
        start: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Some(namespace) = self.namespace(machine)? else { return start() };
        let wrapper = own_python
            .filter(|own| !namespace.python.load(Ordering::Relaxed) && is_another(own))
            .map(|_| Place::new(&self.model, machine).machine.join("run").join(PYTHON_NAME));
        let (done, doing) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            let started = enter(&namespace.file).and_then(|()| {
                if let Some(wrapper) = wrapper {
                    match put_python(&wrapper) {
                        Ok(()) => namespace.python.store(true, Ordering::Relaxed),
                        Err(error) => tracing::warn!("machine {machine} has no python3 of its own: {error}"),
                    }
                }
                start()
            });
            drop(done.send(started));
        });
        self.hand_over(job)?;
        doing
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("what starts processes in namespaces has failed")))
    }

    /// Forgets the namespace of a machine that is gone.
    pub(crate) fn forget(&self, machine: MachineId) {
        self.lock_made().forget(machine);
    }

    fn lock_made(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's namespace; None where there can be none.
    fn namespace(&self, machine: MachineId) -> io::Result<Option<Arc<Namespace>>> {
        if !self.are_made() {
            return Ok(None);
        }
        // Held while it is made, so that no machine gets two.
        let mut made = self.lock_made();
        if let Some(namespace) = made.get(machine) {
            return Ok(Some(namespace));
        }
        let had_one =
            self.isolation == Isolation::Full && Place::new(&self.model, machine).own_lib().is_dir();
        if !had_one && self.refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (place, isolation) = (Place::new(&self.model, machine), self.isolation);
        let making = std::thread::Builder::new().name("namespace".to_owned());
        // A thread that has made a namespace stays in it: so it does nothing else.
        let file = making.spawn(move || make(&place, isolation)).map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread that makes it panicked").into()))
        });
        match file.unwrap_or_else(|error| Err(error.into())) {
            Ok(file) => {
                let (namespace, gone) = made.keep(machine, file);
                // Their descriptors get other meanings.
                for machine in gone {
                    let _ = fs::remove_file(Place::new(&self.model, machine).note());
                }
                Ok(Some(namespace))
            }
            // Its files would not be where it has left them.
            Err(failure) if had_one => {
                let error = failure.into_inner();
                Err(io::Error::new(
                    error.kind(),
                    format!(
                        "machine {machine} has a /var/lib of its own, which cannot be mounted: {error}; give the daemon \
                         the right to mount, or start it with PERIAPT_NAMESPACES=off to use the host's"
                    ),
                ))
            }
            Err(Failure::Refused(error)) => {
                self.refused.store(true, Ordering::Relaxed);
                tracing::warn!("machines share the host's /var/lib: no mount namespace can be made: {error}");
                if let Err(error) = Isolation::Off.say(&self.model) {
                    tracing::warn!("{SAID} cannot be removed: {error}");
                }
                Ok(None)
            }
            // It may well pass; who starts something here tries again.
            Err(Failure::Other(error)) => Err(io::Error::new(
                error.kind(),
                format!("machine {machine} gets no namespace of its own: {error}"),
            )),
        }
    }

    fn hand_over(&self, job: Job) -> io::Result<()> {
        let mut enterer = self.enterer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = enterer.take() else {
            *enterer = Some(start_enterer(job)?);
            return Ok(());
        };
        *enterer = Some(match jobs.send(job) {
            Ok(()) => jobs,
            // It could not do its work, and may be able to now.
            Err(mpsc::SendError(job)) => start_enterer(job)?,
        });
        Ok(())
    }
}

/// Starts the thread that enters namespaces, with its first work.
fn start_enterer(first: Job) -> io::Result<mpsc::Sender<Job>> {
    let (jobs, work) = mpsc::channel::<Job>();
    let thread = std::thread::Builder::new().name("enterer".to_owned());
    thread.spawn(move || {
        if let Err(error) = unshare(UnshareFlags::FS) {
            tracing::error!("no namespace can be entered: {error}");
            return;
        }
        for job in std::iter::once(first).chain(work) {
            // Who waits for a job that panics learns that it ended; the next is another machine's.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("what starts processes in namespaces panicked");
            }
        }
    })?;
    Ok(jobs)
}

#[expect(
    deprecated,
    reason = "what takes its place is unsafe for the sake of FILES, which is never asked for here"
)]
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    Ok(rustix::thread::unshare(flags)?)
}

fn enter(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?)
}

/// Where a machine has what it sees below `/var/lib`; None for what it shares with the host, and where it has nothing of
/// its own, as hooks see it: so says the model's daemon.
#[must_use]
pub fn own_path(model_dir: &Path, machine: MachineId, path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(VAR_LIB).ok()?;
    // Where `..` leads depends on links on the way: it is followed in the host's.
    if below.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let first: &OsStr = below.components().next()?.as_os_str();
    let own = Place::new(model_dir, machine).own_lib();
    if Isolation::of_model(model_dir) != Isolation::Full || !own.is_dir() || first == JUJU {
        return None;
    }
    let host = Path::new(VAR_LIB).join(first);
    let shared = host.symlink_metadata().is_ok_and(|metadata| {
        let mine = own.join(first);
        mine.symlink_metadata().is_err() || is_empty(&mine, metadata.is_dir())
    });
    (!shared).then(|| own.join(below))
}

/// Moves the calling thread into the namespace of a machine, or into one that shows the same, if the machine has any: true.
/// The thread should do nothing else afterwards but run a program.
///
/// # Errors
/// Those of setns(2), unshare(2) and mount(2): the caller may not.
pub fn enter_machine(model_dir: &Path, machine: MachineId) -> io::Result<bool> {
    let (place, isolation) = (Place::new(model_dir, machine), Isolation::of_model(model_dir));
    if isolation == Isolation::Off {
        return Ok(false);
    }
    if let Some(namespace) = noted(&place) {
        unshare(UnshareFlags::FS)?;
        return enter(&namespace).map(|()| true);
    }
    if isolation == Isolation::Full && !place.own_lib().is_dir() {
        return Ok(false);
    }
    view(&place, isolation).map(|()| true).map_err(Failure::into_inner)
}

/// The namespace that a daemon has noted, as long as it keeps it: it leaves its numbers to others.
fn noted(place: &Place) -> Option<File> {
    let note = fs::read_to_string(place.note()).ok()?;
    let numbers: Vec<u64> = note.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [pid, descriptor, inode] = numbers.as_slice() else { return None };
    let path = PathBuf::from(format!("/proc/{pid}/fd/{descriptor}"));
    // What is no namespace is not opened: to open another's pipe may take for ever.
    if fs::read_link(&path).ok()? != Path::new(&format!("mnt:[{inode}]")) {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(&path, flags, Mode::empty()).ok()?);
    (file.metadata().ok()?.ino() == *inode).then_some(file)
}

/// The machine's view of the file system that this process is in, of those of the models in `models`: the folder of its
/// model. What starts here stays here, and would be cut off from the host.
#[must_use]
pub fn view_of_model(models: &Path) -> Option<PathBuf> {
    let is_at = |source: &Path, target: &str| {
        let id = |path: &Path| path.symlink_metadata().map(|found| (found.dev(), found.ino())).ok();
        id(source).is_some_and(|source| id(Path::new(target)) == Some(source))
    };
    let folders = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    folders(models).into_iter().find(|model| {
        is_at(model, "/var/lib/juju")
            || folders(&model.join("machines"))
                .iter()
                .any(|machine| is_at(&machine.join("run").join(PYTHON_NAME), PYTHON))
    })
}

#[cfg(test)]
mod tests;
