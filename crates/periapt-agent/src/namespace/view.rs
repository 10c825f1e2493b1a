//! What a machine's namespace shows: made by mounts over what the host has.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change};
use rustix::thread::UnshareFlags;

use super::{Isolation, JUJU, Place, VAR_LIB, unshare};

/// Why there is no namespace.
#[derive(Debug)]
pub(super) enum Failure {
    /// The system gives none to this process, and will give none later.
    Refused(io::Error),
    /// Something stood in the way this time.
    Other(io::Error),
}

impl Failure {
    pub(super) fn into_inner(self) -> io::Error {
        match self {
            Self::Refused(error) | Self::Other(error) => error,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

/// What the system said to unshare(2) or mount(2).
pub(super) fn asked(said: io::Result<()>) -> Result<(), Failure> {
    use rustix::io::Errno;
    said.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::INVAL) => Failure::Refused(error),
        _ => Failure::Other(error),
    })
}

/// Makes a namespace, and leaves this thread in it.
pub(super) fn make(place: &Place, isolation: Isolation) -> Result<File, Failure> {
    fs::create_dir_all(place.machine.join("run"))?;
    fs::set_permissions(&place.machine, Permissions::from_mode(0o700))?;
    view(place, isolation)?;
    let file = File::open("/proc/thread-self/ns/mnt")?;
    let note = format!("{} {} {}\n", std::process::id(), file.as_raw_fd(), file.metadata()?.ino());
    fs::write(place.note(), note)?;
    Ok(file)
}

/// Moves this thread into a new namespace, and mounts in it what the machine has of its own.
pub(super) fn view(place: &Place, isolation: Isolation) -> Result<(), Failure> {
    asked(unshare(UnshareFlags::NEWNS))?;
    // What the host mounts comes in; nothing goes out.
    let inwards = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    asked(mount_change("/", inwards).map_err(io::Error::from))?;
    if isolation == Isolation::Full {
        own_lib(&place.own_lib())?;
    }
    let juju = Path::new(VAR_LIB).join(JUJU);
    if juju.is_dir() {
        asked(mount_bind_recursive(&place.model, &juju).map_err(io::Error::from))?;
    }
    Ok(())
}

/// Mounts `own` on `/var/lib`, and in it all that the host has there.
fn own_lib(own: &Path) -> Result<(), Failure> {
    let is_new = own.symlink_metadata().is_err();
    cover_lib(own).inspect_err(|_| {
        // Left behind, it would say that the machine has files there. What is not empty stays.
        if is_new {
            drop(fs::remove_dir(own.join(JUJU)));
            drop(fs::remove_dir(own));
        }
    })
}

fn cover_lib(own: &Path) -> Result<(), Failure> {
    fs::create_dir_all(own.join(JUJU))?;
    fs::set_permissions(own, Permissions::from_mode(0o755))?;
    // Keeps the host's in reach when it is covered.
    let host = rustix::fs::open(VAR_LIB, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)?;
    let host_path = PathBuf::from(format!("/proc/thread-self/fd/{}", host.as_raw_fd()));
    asked(mount_bind(own, VAR_LIB).map_err(io::Error::from))?;
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
pub(super) fn is_empty(path: &Path, is_dir: bool) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    match is_dir {
        true => metadata.is_dir() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
        false => metadata.is_file() && metadata.len() == 0,
    }
}
