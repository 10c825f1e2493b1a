//! From a source folder or an archive to a charm tree in the store of trees.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use periapt_model::charm::CharmMeta;
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
    sweep(&charms);
    let work = workspace(&charms)?;
    let mut assembled = assemble(source, work.path(), options, progress)?;
    assemble::make_runnable(work.path(), &assembled)?;
    let id = tree::id(work.path(), &assembled.venv_identity)?;
    let place = charms.join(&id);
    if place.is_dir() {
        // The environment may have been thrown away and made anew since.
        refresh_venv(work.path(), &place)?;
    } else {
        let made = work.keep();
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

pub(crate) fn workspace(parent: &Path) -> Result<TempDir, BuildError> {
    let dir = tempfile::Builder::new()
        .prefix(WORK)
        .tempdir_in(parent)
        .map_err(BuildError::io("create a directory in", parent))?;
    tree::set_mode(dir.path(), true)?;
    Ok(dir)
}

/// Removes what builds that were killed have left behind, long enough ago that they cannot be running.
fn sweep(charms: &Path) {
    for entry in fs::read_dir(charms).into_iter().flatten().flatten() {
        let is_old = || {
            entry
                .metadata()
                .ok()?
                .modified()
                .ok()?
                .elapsed()
                .ok()
                .map(|age| age > Duration::from_secs(86_400))
        };
        if entry.file_name().to_string_lossy().starts_with(WORK) && is_old().unwrap_or(false) {
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
