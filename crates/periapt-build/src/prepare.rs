//! From a source folder or an archive to a charm tree in the store of trees.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use periapt_model::charm::CharmMeta;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::assemble::{self, Assembled, assemble};
use crate::tree;
use crate::{BuildError, Progress, metadata};

/// Where a build keeps what it makes.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Virtual environments, shared by all charms that need the same packages.
    pub cache: PathBuf,
    /// Charm trees, each under its id.
    pub charms: PathBuf,
    /// The program `uv`, if there is one; otherwise `pip` is used, which every Python has.
    pub uv: Option<PathBuf>,
    /// The profile with which cargo builds charms in Rust. Any but `release` is for trying out: the program is then not static.
    pub cargo_profile: String,
    /// Whether a charm in Rust is only to be tried out here: with the profile `release` it is then built without optimising over all
    /// crates at once, which takes most of the time after a change. The program is somewhat larger, and does the same.
    pub quick: bool,
}

impl BuildOptions {
    /// The usual places under `$PERIAPT_HOME`, the `uv` that `PATH` leads to, and the profile that `PERIAPT_CHARM_PROFILE` names.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        let profile = std::env::var("PERIAPT_CHARM_PROFILE").ok().filter(|name| !name.is_empty());
        Self {
            cache: home.join("cache"),
            charms: home.join("charms"),
            uv: crate::command::find("uv"),
            cargo_profile: profile.unwrap_or_else(|| "release".to_owned()),
            quick: false,
        }
    }
}

/// A charm that is ready to run.
#[derive(Debug, Clone)]
#[must_use]
pub struct Prepared {
    /// 32 hexadecimal digits that stand for the tree's whole content, its packages included.
    pub id: String,
    /// The tree: `metadata.yaml`, `dispatch`, `src`, `lib`, `venv`, … Nobody changes it after this.
    pub tree: PathBuf,
    /// What the charm says of itself.
    pub meta: CharmMeta,
    /// What the user should know, one line each.
    pub warnings: Vec<String>,
    /// The charm's version: a Git description, or its `version` file.
    pub version: Option<String>,
    /// The version of the Python that runs it, e.g. `3.12.1`.
    pub python: Option<String>,
}

/// Turns a charm's source folder or a `.charm` archive into a charm tree that is ready to run.
///
/// Work that was done before is not done again: a tree with the same content, and a virtual environment for the same
/// packages, are taken as they are, without the network.
///
/// # Errors
/// See [`BuildError`]. Nothing half-done is left where it could be taken for a tree.
pub fn prepare(
    source: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Prepared, BuildError> {
    tree::create_dir(&options.charms)?;
    let charms = std::path::absolute(&options.charms).map_err(BuildError::io("read", &options.charms))?;
    let work = workspace(&charms)?;
    let mut assembled = assemble(source, work.path(), options, progress)?;
    assemble::make_runnable(work.path(), &assembled)?;
    let id = tree::id(work.path(), &assembled.venv_identity)?;
    let place = charms.join(&id);
    if place.is_dir() {
        // The environment may have been thrown away and made anew since.
        refresh_venv(work.path(), &place)?;
    } else {
        let (made, _lock) = work.keep();
        if let Err(error) = fs::rename(&made, &place) {
            let _ = fs::remove_dir_all(&made);
            // Another build of the same charm was faster.
            if !place.is_dir() {
                return Err(BuildError::io("write", &place)(error));
            }
        }
    }
    let Assembled { parsed, warnings, interpreter, version, .. } = &mut assembled;
    Ok(Prepared {
        id,
        tree: place,
        meta: parsed.meta.clone(),
        warnings: std::mem::take(warnings),
        version: version.take(),
        python: interpreter.as_ref().map(|interpreter| interpreter.version.to_string()),
    })
}

/// Reads the metadata of a tree that was prepared before.
///
/// # Errors
/// A tree that is gone or was tampered with.
pub fn load_meta(tree: &Path) -> Result<CharmMeta, BuildError> {
    metadata::read_packed(tree).map(|parsed| parsed.meta)
}

/// The directory to put before the system's on a hook's `PATH` (after that of the hook commands): that of the charm's own
/// Python, so that `#!/usr/bin/env python3` means it. `None` if the charm has no Python.
#[must_use]
pub fn path_entry(unit_or_tree: &Path) -> Option<PathBuf> {
    let bin = unit_or_tree.join(tree::VENV).join("bin");
    crate::command::is_executable(&bin.join("python")).then_some(bin)
}

const WORK: &str = ".making-";

/// A folder for what is being made. It goes away with the value, and what killed builds have left goes when it is made.
pub(crate) struct Workspace {
    dir: TempDir,
    /// Held as long as the folder is in use: the lock of a process that was killed is gone.
    lock: Option<File>,
}

impl Workspace {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Gives the folder away, which stays.
    fn keep(self) -> (PathBuf, Option<File>) {
        (self.dir.keep(), self.lock)
    }
}

pub(crate) fn workspace(parent: &Path) -> Result<Workspace, BuildError> {
    sweep(parent);
    loop {
        let dir = tempfile::Builder::new()
            .prefix(WORK)
            .tempdir_in(parent)
            .map_err(BuildError::io("create a directory in", parent))?;
        tree::set_mode(dir.path(), true)?;
        if let Some(lock) = claim(dir.path()) {
            return Ok(Workspace { dir, lock });
        }
    }
}

/// Locks a folder that was just made. `None`: a sweep was faster, because this process was held up for so long in between; the
/// folder goes. Without locks there is no sweep either, and nothing to hold.
fn claim(folder: &Path) -> Option<Option<File>> {
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(_) => return Some(None),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // The lock may be that of a folder which the sweep has removed by now.
        Ok(()) => folder.is_dir().then_some(Some(file)),
        Err(Errno::WOULDBLOCK) => None,
        Err(_) => Some(None),
    }
}

/// The lock of a folder, unless somebody has it or the file system has none.
fn lock(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Removes what builds that were killed have left behind: nobody holds its lock.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(WORK) {
            continue;
        }
        let made = entry.metadata().and_then(|meta| meta.modified()).ok();
        let age = made.and_then(|made| made.elapsed().ok()).unwrap_or_default();
        // Who has just made it may not hold its lock yet.
        if age > Duration::from_secs(60) && lock(&entry.path()).is_some() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn refresh_venv(made: &Path, place: &Path) -> Result<(), BuildError> {
    let (fresh, old) = (made.join(tree::VENV), place.join(tree::VENV));
    if fresh.is_symlink() && fs::read_link(&fresh).ok() != fs::read_link(&old).ok() {
        tree::remove_any(&old)?;
        fs::rename(&fresh, &old).map_err(BuildError::io("write", &old))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_folder_that_a_sweep_has_taken_is_not_worked_in() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join(".making-held-up");
        fs::create_dir(&place).unwrap();
        // The sweep has its lock, then has removed it.
        let sweeping = lock(&place).unwrap();
        assert!(claim(&place).is_none());
        fs::remove_dir(&place).unwrap();
        drop(sweeping);
        assert!(claim(&place).is_none());
        fs::create_dir(&place).unwrap();
        assert!(claim(&place).is_some_and(|lock| lock.is_some()));
    }

    #[test]
    fn what_killed_builds_left_goes_and_what_is_being_made_stays() {
        let charms = tempfile::tempdir().unwrap();
        let running = workspace(charms.path()).unwrap();
        let left = charms.path().join(".making-left");
        let (fresh, tree) = (charms.path().join(".making-fresh"), charms.path().join("0123"));
        for folder in [&left, &fresh, &tree] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(left.join("big"), "x").unwrap();
        let earlier = SystemTime::now() - Duration::from_secs(120);
        for folder in [running.path(), &left, &tree] {
            File::open(folder).unwrap().set_modified(earlier).unwrap();
        }
        drop(workspace(charms.path()).unwrap());
        assert!(!left.exists());
        assert!(running.path().is_dir() && fresh.is_dir() && tree.is_dir());
    }
}
