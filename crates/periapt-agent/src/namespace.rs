//! A view of the file system of a machine's own, for what runs on it: a mount namespace, where the daemon may make one.
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
//! daemon and the last process in it; the next one shows the same folders, and processes in both see the same files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use periapt_model::names::MachineId;
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::programs::{is_another, put_python};

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
    /// What fits the host: nothing without root's rights. On a host that systemd runs, services are started outside of the
    /// machine's namespace and would not find what a charm has put into its `/var/lib`.
    #[must_use]
    pub fn of_host() -> Self {
        match (rustix::process::geteuid().is_root(), Path::new("/run/systemd/system").exists()) {
            (false, _) => Self::Off,
            (true, true) => Self::Programs,
            (true, false) => Self::Full,
        }
    }

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
}

const VAR_LIB: &str = "/var/lib";
const JUJU: &str = "juju";

/// So many namespaces are kept, each with a descriptor, of which a process may have a thousand.
const MOST_KEPT: usize = 256;

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

/// A machine's namespace. It lives as long as this or a process in it does.
#[derive(Debug)]
struct Namespace {
    file: File,
    /// Its `/usr/bin/python3` is in place.
    python: AtomicBool,
}

/// A piece of work for the thread that enters namespaces.
type Job = Box<dyn FnOnce() + Send>;

/// The namespaces of a model's machines.
#[derive(Debug)]
pub(crate) struct Namespaces {
    model: PathBuf,
    isolation: Isolation,
    made: Mutex<HashMap<MachineId, Arc<Namespace>>>,
    /// The thread that enters them, once one is needed; dropped, it ends.
    enterer: Mutex<Option<mpsc::Sender<Job>>>,
    /// They cannot be made here.
    refused: AtomicBool,
}

impl Namespaces {
    pub(crate) fn new(model: &Path, isolation: Isolation) -> Self {
        Self {
            model: model.to_owned(),
            isolation,
            made: Mutex::default(),
            enterer: Mutex::default(),
            refused: AtomicBool::new(isolation == Isolation::Off),
        }
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
            .map(|_| Place::new(&self.model, machine).machine.join("run/python3"));
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
        doing.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that starts processes has ended")))
    }

    /// Forgets the namespace of a machine that is gone.
    pub(crate) fn forget(&self, machine: MachineId) {
        self.lock_made().remove(&machine);
    }

    fn lock_made(&self) -> std::sync::MutexGuard<'_, HashMap<MachineId, Arc<Namespace>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's namespace; None where there can be none.
    fn namespace(&self, machine: MachineId) -> io::Result<Option<Arc<Namespace>>> {
        if self.refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Held while it is made, so that no machine gets two.
        let mut made = self.lock_made();
        if let Some(namespace) = made.get(&machine) {
            return Ok(Some(Arc::clone(namespace)));
        }
        let had_one = Place::new(&self.model, machine).own_lib().is_dir();
        let (place, isolation) = (Place::new(&self.model, machine), self.isolation);
        let making = std::thread::Builder::new().name("namespace".to_owned());
        // A thread that has made a namespace stays in it: so it does nothing else.
        let file = making.spawn(move || make(&place, isolation)).and_then(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that makes it panicked")))
        });
        match file {
            Ok(file) => {
                // One that is forgotten is made again from the same folders.
                if made.len() >= MOST_KEPT
                    && let Some(another) = made.keys().next().copied()
                {
                    made.remove(&another);
                }
                let namespace = Arc::new(Namespace { file, python: AtomicBool::new(false) });
                made.insert(machine, Arc::clone(&namespace));
                Ok(Some(namespace))
            }
            // Its files would not be where it has left them.
            Err(error) if had_one => Err(io::Error::new(
                error.kind(),
                format!("machine {machine} has a /var/lib of its own, which cannot be mounted: {error}"),
            )),
            Err(error) => {
                self.refused.store(true, Ordering::Relaxed);
                tracing::warn!("machines share the host's /var/lib: no mount namespace can be made: {error}");
                Ok(None)
            }
        }
    }

    fn hand_over(&self, job: Job) -> io::Result<()> {
        let mut enterer = self.enterer.lock().unwrap_or_else(PoisonError::into_inner);
        if enterer.is_none() {
            let (jobs, work) = mpsc::channel::<Job>();
            let thread = std::thread::Builder::new().name("enterer".to_owned());
            thread.spawn(move || {
                if let Err(error) = unshare(UnshareFlags::FS) {
                    tracing::error!("no namespace can be entered: {error}");
                    return;
                }
                work.into_iter().for_each(|job| job());
            })?;
            *enterer = Some(jobs);
        }
        let sent = enterer.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        sent.then_some(()).ok_or_else(|| io::Error::other("the thread that starts processes has ended"))
    }
}

#[expect(
    deprecated,
    reason = "what takes its place is unsafe for the sake of FILES, which is never asked for here"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    Ok(rustix::thread::unshare(flags)?)
}

fn enter(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?)
}

/// Makes a namespace, and leaves this thread in it.
fn make(place: &Place, isolation: Isolation) -> io::Result<File> {
    fs::create_dir_all(place.machine.join("run"))?;
    fs::set_permissions(&place.machine, Permissions::from_mode(0o700))?;
    view(place, isolation)?;
    let file = File::open("/proc/thread-self/ns/mnt")?;
    let note = format!("{} {} {}\n", std::process::id(), file.as_raw_fd(), file.metadata()?.ino());
    fs::write(place.note(), note)?;
    Ok(file)
}

/// Moves this thread into a new namespace, and mounts in it what the machine has of its own.
fn view(place: &Place, isolation: Isolation) -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    // What the host mounts comes in; nothing goes out.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    if isolation == Isolation::Full {
        own_lib(&place.own_lib())?;
    }
    let juju = Path::new(VAR_LIB).join(JUJU);
    if juju.is_dir() {
        mount_bind_recursive(&place.model, &juju)?;
    }
    Ok(())
}

/// Mounts `own` on `/var/lib`, and in it all that the host has there.
fn own_lib(own: &Path) -> io::Result<()> {
    fs::create_dir_all(own.join(JUJU))?;
    fs::set_permissions(own, Permissions::from_mode(0o755))?;
    // Keeps the host's in reach when it is covered.
    let host =
        rustix::fs::open(VAR_LIB, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let host_path = PathBuf::from(format!("/proc/thread-self/fd/{}", host.as_raw_fd()));
    mount_bind(own, VAR_LIB)?;
    for entry in fs::read_dir(&host_path)? {
        let entry = entry?;
        if entry.file_name() == JUJU {
            continue;
        }
        if let Err(error) = show(&entry, &host_path.join(entry.file_name())) {
            tracing::debug!("{}/{} is not shown: {error}", VAR_LIB, entry.file_name().display());
        }
    }
    Ok(())
}

/// Shows one entry of the host's `/var/lib`, unless the machine has something of its own there.
fn show(entry: &fs::DirEntry, host: &Path) -> io::Result<()> {
    let (kind, target) = (entry.file_type()?, Path::new(VAR_LIB).join(entry.file_name()));
    let there = target.symlink_metadata().ok();
    if kind.is_symlink() {
        return if there.is_none() { symlink(fs::read_link(host)?, &target) } else { Ok(()) };
    }
    if there.is_some() && !is_empty(&target, kind.is_dir()) {
        return Ok(());
    }
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => fs::create_dir_all(&target)?,
        (_, true) => drop(File::options().create(true).append(true).open(&target)?),
        // Sockets and the like belong to whoever made them.
        _ => return Ok(()),
    }
    Ok(mount_bind_recursive(host, &target)?)
}

/// Whether a path is an empty folder, or an empty file: what a mount was on, and not what a machine has put there.
fn is_empty(path: &Path, is_dir: bool) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    match is_dir {
        true => metadata.is_dir() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
        false => metadata.is_file() && metadata.len() == 0,
    }
}

/// Where a machine has what it sees below `/var/lib`; None for what it shares with the host, and where it has nothing of
/// its own.
#[must_use]
pub fn own_path(model_dir: &Path, machine: MachineId, path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(VAR_LIB).ok()?;
    let first: &OsStr = below.components().next()?.as_os_str();
    let own = Place::new(model_dir, machine).own_lib();
    if !own.is_dir() || first == JUJU {
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
    let place = Place::new(model_dir, machine);
    if let Some(namespace) = noted(&place) {
        unshare(UnshareFlags::FS)?;
        return enter(&namespace).map(|()| true);
    }
    if place.own_lib().is_dir() {
        return view(&place, Isolation::Full).map(|()| true);
    }
    Ok(false)
}

/// The namespace that a daemon has noted, as long as it keeps it: it leaves its numbers to others.
fn noted(place: &Place) -> Option<File> {
    let note = fs::read_to_string(place.note()).ok()?;
    let numbers: Vec<u64> = note.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [pid, descriptor, inode] = numbers.as_slice() else { return None };
    let file = File::open(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    (link == Path::new(&format!("mnt:[{inode}]"))).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolation_is_named() {
        for (text, expected) in [
            ("off", Some(Isolation::Off)),
            ("programs", Some(Isolation::Programs)),
            ("full", Some(Isolation::Full)),
            ("", None),
            ("on", None),
        ] {
            assert_eq!(Isolation::named(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_machine_has_itself_is_its_own_and_what_it_only_shows_is_the_hosts() {
        let model = tempfile::tempdir().unwrap();
        let machine = MachineId(3);
        let own = Place::new(model.path(), machine).own_lib();
        let path = |text: &str| own_path(model.path(), machine, Path::new(text));
        assert_eq!(path("/var/lib/periapt-test/x"), None, "without a namespace there is nothing");
        fs::create_dir_all(&own).unwrap();
        assert_eq!(path("/var/lib/periapt-test/x"), Some(own.join("periapt-test/x")));
        for shared in ["/var/lib", "/var/lib/juju/x", "/etc/passwd", "relative"] {
            assert_eq!(path(shared), None, "{shared}");
        }
        let of_host = fs::read_dir(VAR_LIB).unwrap().flatten().find(|e| e.path().is_dir()).unwrap();
        let name = of_host.file_name();
        assert_eq!(path(&format!("/var/lib/{}/x", name.display())), None);
        fs::create_dir_all(own.join(&name)).unwrap();
        assert_eq!(path(&format!("/var/lib/{}/x", name.display())), None, "an empty folder is a mount's");
        fs::write(own.join(&name).join("mine"), "").unwrap();
        assert_eq!(path(&format!("/var/lib/{}/x", name.display())), Some(own.join(&name).join("x")));
    }

    #[test]
    fn where_nothing_may_be_made_a_process_starts_all_the_same() {
        let model = tempfile::tempdir().unwrap();
        let off = Namespaces::new(model.path(), Isolation::Off);
        assert_eq!(off.start_in(MachineId(0), None, || Ok(7)).unwrap(), 7);
        // A folder that cannot be made stands for a right that is missing.
        let refused = Namespaces::new(Path::new("/proc/nowhere"), Isolation::Full);
        assert_eq!(refused.start_in(MachineId(0), None, || Ok(8)).unwrap(), 8);
        assert!(refused.refused.load(Ordering::Relaxed));
        // A machine that has had its own is not sent to the host's: a hook that fails is run again.
        let own = Place::new(model.path(), MachineId(4)).own_lib();
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("../run"), "in the way").unwrap();
        let once = Namespaces::new(model.path(), Isolation::Full);
        let error = once.start_in(MachineId(4), None, || Ok(9)).unwrap_err();
        assert!(error.to_string().contains("cannot be mounted"), "{error}");
    }
}
