//! A unit's folder, laid out as on a Juju machine (reference 3.1), and the folder of the hook commands.
//!
//! ```text
//! <model>/agents/unit-app-0/charm/      the charm's files; where its hooks run
//! <model>/agents/unit-app-0/resources/  files of resources that the charm asked for
//! <model>/agents/unit-app-0/storage/    links to the unit's storages, by name and number
//! <model>/agents/unit-app-0/state/      the agent's own
//! <model>/agents/unit-app-0/run/        what runs at present
//! <model>/agents/unit-app-0/agent.socket
//! <model>/tools/                        the hook commands, shared by all units of the model
//! ```
//!
//! Juju has a folder of hook commands for each unit; here one serves them all, since a command learns whose it is from
//! its environment.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_model::local::CharmRef;
use periapt_model::model::Model;
use periapt_model::names::{ResourceName, StorageId, UnitName};

use crate::storage;

/// One unit's folder.
#[derive(Clone, Debug)]
pub(crate) struct UnitFolder {
    root: Arc<Path>,
}

/// A folder that cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("cannot make {path}: {source}")]
    Make { path: String, source: io::Error },
    #[error("cannot put the charm's files in place: {0}")]
    Charm(#[from] periapt_build::BuildError),
    #[error("the files of charm {0} are not in {1}")]
    CharmMissing(String, String),
}

fn make(path: &Path, action: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), FolderError> {
    action(path).map_err(|source| FolderError::Make { path: path.display().to_string(), source })
}

impl UnitFolder {
    pub(crate) fn new(model_dir: &Path, unit: &UnitName) -> Self {
        Self { root: model_dir.join("agents").join(unit.tag()).into() }
    }

    /// The folder itself: the unit's machine, in the `process` substrate.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// The charm's folder.
    pub(crate) fn charm(&self) -> PathBuf {
        self.root.join("charm")
    }

    /// Where the unit sees a storage. The charm's metadata has no say in it: it is always below the unit's folder.
    pub(crate) fn storage(&self, id: &StorageId) -> PathBuf {
        storage::below(&self.root.join("storage"), id)
    }

    /// Makes the folder of a storage if it is not there, and the unit's link to it. Blocks.
    pub(crate) fn make_storage(&self, id: &StorageId) -> io::Result<PathBuf> {
        let path = self.storage(id);
        let model_dir = self.root.ancestors().nth(2).unwrap_or(&self.root);
        storage::attach(model_dir, &path, id)?;
        Ok(path)
    }

    /// The socket of the hook commands.
    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("agent.socket")
    }

    /// A file that is there while the hook that asks for a restart of the machine ends, and until the restart is done.
    pub(crate) fn restart_wanted(&self) -> PathBuf {
        self.root.join("run/restart-wanted")
    }

    /// The footprint of the process that runs.
    pub(crate) fn footprint(&self) -> PathBuf {
        self.root.join("run/process")
    }

    /// Makes the folders that are not there yet. Only the daemon's user may look into them.
    pub(crate) fn prepare(&self) -> Result<(), FolderError> {
        make(&self.root, |path| {
            fs::create_dir_all(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o700))
        })?;
        for name in ["resources", "state", "run"] {
            make(&self.root.join(name), |path| fs::create_dir_all(path))?;
        }
        Ok(())
    }

    /// Whether charm files are in place.
    pub(crate) fn has_charm(&self) -> bool {
        self.charm().join(MARKER).exists()
    }

    /// Puts a charm's files in place of those of `old`; what the charm made itself stays. May be done again after it was
    /// interrupted. Blocks.
    pub(crate) fn put_charm(
        &self,
        charms_dir: &Path,
        charm: &CharmRef,
        old: Option<&CharmRef>,
    ) -> Result<(), FolderError> {
        let tree = charms_dir.join(&charm.id.0);
        if !tree.is_dir() {
            return Err(FolderError::CharmMissing(charm.url.clone(), tree.display().to_string()));
        }
        let target = self.charm();
        match old.map(|old| charms_dir.join(&old.id.0)).filter(|old| old.is_dir() && target.is_dir()) {
            Some(old) => periapt_build::upgrade_unit(&old, &tree, &target)?,
            None => periapt_build::create_unit(&tree, &target)?,
        }
        // Written last: it says that the files are whole.
        make(&target.join(MARKER), |path| fs::write(path, format!("{}\n", charm.url)))
    }

    /// Brings the file of a resource to the unit, unless it is there already, and gives its absolute path. The error is
    /// what `resource-get` prints.
    pub(crate) async fn bring_resource(
        &self,
        model: &Model,
        unit: &UnitName,
        name: &ResourceName,
        store: &Path,
    ) -> Result<String, String> {
        let charm = model.charm_of(unit.app());
        let declared = charm.and_then(|charm| charm.meta.resources.get(name));
        let declared = declared.ok_or_else(|| format!("the charm has no resource {:?}", name.as_str()))?;
        let file = model.applications.get(unit.app()).and_then(|app| app.resources.get(name));
        let Some(file) = file else {
            return Err(format!("resource {:?} has no file: attach one with attach-resource", name.as_str()));
        };
        // The file's name comes from the charm; it may not lead out of the resource's folder.
        let file_name = Path::new(&declared.filename).file_name().unwrap_or(name.as_str().as_ref());
        let folder = self.root.join("resources").join(name.as_str());
        let (source, target) = (store.join(&file.hash), folder.join(file_name));
        let (marker, hash) = (self.root.join("state").join(format!("resource-{name}")), file.hash.clone());
        let copied = tokio::task::spawn_blocking(move || {
            if target.is_file() && fs::read_to_string(&marker).is_ok_and(|have| have == hash) {
                return Ok(target);
            }
            fs::create_dir_all(&folder)?;
            // A copy, since the charm may write to it; the system shares the blocks where it can.
            let partial = folder.join(".partial");
            fs::copy(source, &partial)?;
            fs::rename(partial, &target)?;
            fs::write(marker, hash)?;
            Ok(target)
        });
        match copied.await {
            Ok(Ok(path)) => Ok(path.display().to_string()),
            Ok(Err(error)) => Err(io::Error::to_string(&error)),
            Err(_) => Err("interrupted".to_owned()),
        }
    }

    /// Removes the whole folder. Blocks.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Says which charm's files are in place (Juju's name for it).
const MARKER: &str = ".juju-charm";

/// Makes the folder of the hook commands: a link to `program` for each that `names` names.
pub(crate) fn make_tools<'a>(
    dir: &Path,
    program: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), FolderError> {
    make(dir, |dir| fs::create_dir_all(dir))?;
    for name in names {
        let link = dir.join(name);
        if fs::read_link(&link).is_ok_and(|target| target == program) {
            continue;
        }
        make(&link, |link| {
            // Made aside and renamed: a hook that runs always finds one or the other.
            let aside = dir.join(format!(".{name}"));
            let _ = fs::remove_file(&aside);
            symlink(program, &aside)?;
            fs::rename(&aside, link)
        })?;
    }
    Ok(())
}
