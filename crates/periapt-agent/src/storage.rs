//! The folders of storages. They lie beside the units', so that what is in one outlives its unit:
//!
//! ```text
//! <model>/storage/data/0/                       what is in it
//! <model>/agents/unit-app-0/storage/data/0      a link to it, while the unit has it
//! ```
//!
//! A folder goes only after the durable model has forgotten its storage, and numbers are never used twice. So a daemon may
//! be killed at any moment: whatever is left to remove or to put aside is found again by comparing folders with the model.
//! What cannot be done now is tried again after a pause.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::command::{Command, StorageCommand};
use periapt_model::model::Model;
use periapt_model::names::{StorageId, UnitName};
use periapt_model::status::Life;

use crate::shared::Shared;

/// What could not be removed or put aside is tried again after the first pause; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where what is in a storage lies.
pub(crate) fn data(model_dir: &Path, id: &StorageId) -> PathBuf {
    below(&root(model_dir), id)
}

fn root(model_dir: &Path) -> PathBuf {
    model_dir.join("storage")
}

pub(crate) fn below(folder: &Path, id: &StorageId) -> PathBuf {
    folder.join(id.name.as_str()).join(id.number.to_string())
}

/// Makes the folder of a storage if it is not there, and the link to it at `link`, a place below a unit's `storage`.
pub(crate) fn attach(model_dir: &Path, link: &Path, id: &StorageId) -> io::Result<()> {
    let data = data(model_dir, id);
    take_over(link, &data)?;
    fs::create_dir_all(&data)?;
    fs::set_permissions(root(model_dir), Permissions::from_mode(0o700))?;
    // From `agents/unit-app-0/storage/data/0`: relative, so that a home that was moved is whole.
    let target = below(Path::new("../../../../storage"), id);
    if fs::read_link(link).is_ok_and(|there| there == target) {
        return Ok(());
    }
    let folder = link.parent().unwrap_or(link);
    fs::create_dir_all(folder)?;
    let aside = folder.join(format!(".{}", id.number));
    let _ = fs::remove_file(&aside);
    symlink(target, &aside)?;
    fs::rename(&aside, link)
}

/// Older versions kept a unit's storages in the unit's own folder.
fn take_over(link: &Path, data: &Path) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(link).is_ok_and(|there| there.is_dir());
    if !is_folder {
        return Ok(());
    }
    fs::create_dir_all(data.parent().unwrap_or(data))?;
    // Onto an empty folder it is a rename as well; onto a full one it fails, and nothing is lost.
    fs::rename(link, data)
}

/// Moves what older versions kept in the units' folders to its place, before any of these is removed. Blocks.
pub(crate) fn take_over_all(model_dir: &Path) {
    for Link { path, id, .. } in links(model_dir) {
        if let Err(error) = take_over(&path, &data(model_dir, &id)) {
            tracing::warn!("storage {id} cannot be moved to its place: {error}");
        }
    }
}

/// A unit's link to a storage.
struct Link {
    path: PathBuf,
    unit: UnitName,
    id: StorageId,
}

fn names(folder: &Path) -> impl Iterator<Item = (PathBuf, String)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
}

/// What is named like a storage below `folder`. Nothing that somebody else may have put there.
fn storages(folder: &Path) -> Vec<(PathBuf, StorageId)> {
    let numbers = |(path, name): (PathBuf, String)| {
        names(&path).filter_map(move |(path, number)| Some((path, format!("{name}/{number}").parse().ok()?)))
    };
    names(folder).flat_map(numbers).collect()
}

fn links(model_dir: &Path) -> Vec<Link> {
    let units =
        names(&model_dir.join("agents")).filter_map(|(path, tag)| Some((path, UnitName::from_tag(&tag)?)));
    let of_unit = |(path, unit): (PathBuf, UnitName)| {
        let found = storages(&path.join("storage")).into_iter();
        found.map(move |(path, id)| Link { path, unit: unit.clone(), id })
    };
    units.flat_map(of_unit).collect()
}

/// What a sweep has done.
#[derive(Debug, PartialEq, Eq)]
struct Swept {
    /// The released storages whose data are aside for good.
    aside: Vec<StorageId>,
    /// Something could not be removed or put aside.
    unfinished: bool,
}

/// Removes the folders of storages that the model does not know, and links of units to what is not theirs; puts released
/// ones aside, and says which those are. The model is asked for after the folders were listed: what was made by then is in it.
/// Blocks.
fn sweep(model_dir: &Path, released: &Path, ask: impl Fn() -> Model) -> Swept {
    let (folders, links) = (storages(&root(model_dir)), links(model_dir));
    let model = ask();
    let is_of = |model: &Model, Link { unit, id, .. }: &Link| {
        model.storages.get(id).is_some_and(|storage| storage.owner.as_ref() == Some(unit))
    };
    // The links of a unit that is gone go with its folder, after whatever still lives in what they lead to.
    let there = links.iter().filter(|link| model.units.contains_key(&link.unit));
    for link in there.filter(|link| !is_of(&model, link)) {
        let is_link = fs::symlink_metadata(&link.path).is_ok_and(|there| there.is_symlink());
        // It may have been attached again meanwhile.
        if is_link && !is_of(&ask(), link) {
            let _ = fs::remove_file(&link.path);
        }
    }
    let mut unfinished = false;
    for (path, id) in folders.into_iter().filter(|(_, id)| !model.storages.contains_key(id)) {
        if let Err(error) = fs::remove_dir_all(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("the folder of storage {id} cannot be removed yet: {error}");
            unfinished = true;
        }
    }
    let mut aside = Vec::new();
    for storage in model.storages.values().filter(|storage| storage.life == Life::Dead) {
        let (data, target) = (data(model_dir, &storage.id), below(released, &storage.id));
        match put_aside(&data, &target) {
            Ok(moved) => {
                if moved {
                    tracing::info!("the data of released storage {} is in {}", storage.id, target.display());
                }
                aside.push(storage.id.clone());
            }
            Err(error) => {
                let target = target.display();
                tracing::warn!("the data of storage {} cannot be moved to {target} yet: {error}", storage.id);
                unfinished = true;
            }
        }
    }
    Swept { aside, unfinished }
}

/// A folder in which processes of a unit that is gone may still live.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeftBehind {
    pub(crate) data: PathBuf,
    /// Its storage is there still, for another unit or for nobody: only what the unit itself started is to end there.
    pub(crate) kept: bool,
}

/// Where processes of a unit that is gone may still live: in the storages it had.
pub(crate) fn left_behind(model_dir: &Path, unit: &UnitName, model: &Model) -> Vec<LeftBehind> {
    let kept = |id: &StorageId| model.storages.get(id).is_some_and(|storage| storage.life == Life::Alive);
    let found = storages(&model_dir.join("agents").join(unit.tag()).join("storage")).into_iter();
    found.map(|(_, id)| LeftBehind { data: data(model_dir, &id), kept: kept(&id) }).collect()
}

/// Moves `data` to `aside`, so that it is there after a loss of power too. False: it was not there, because a daemon that
/// was killed has moved it before, or because no charm ever used it.
fn put_aside(data: &Path, aside: &Path) -> io::Result<bool> {
    let (from, to) = (data.parent().unwrap_or(data), aside.parent().unwrap_or(aside));
    make_lasting(to)?;
    let moved = match fs::rename(data, aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy(data, aside)?;
            sync_folder(to)?;
            fs::remove_dir_all(data)?;
            true
        }
        renamed => renamed.map(|()| true)?,
    };
    // The model forgets the storage after this: then the data must not be found at their old place again, nor nowhere.
    sync_folder(to)?;
    match sync_folder(from) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(moved),
    }
}

/// Copies a tree to another file system, with everything that `cp -a` keeps: owners, times, links, attributes. It is at
/// its place only when it is whole and on the disk.
fn copy(data: &Path, aside: &Path) -> io::Result<()> {
    if fs::symlink_metadata(aside).is_ok() {
        // A daemon that was killed while it removed the old place.
        return Ok(());
    }
    let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let partial = aside.with_file_name(format!(".{name}-partial"));
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let done = Program::new("cp").args(["-a", "-T", "--"]).arg(data).arg(&partial).output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).trim().replace('\n', "; ");
        return Err(io::Error::other(format!("cp: {said}")));
    }
    rustix::fs::syncfs(File::open(&partial)?)?;
    fs::rename(&partial, aside)
}

/// Makes a folder and those it lies in, so that they are there after a loss of power.
fn make_lasting(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return fs::create_dir(folder) };
    make_lasting(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(parent)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Keeps the folders in step with the model, until the agents stop.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut changes = shared.control.watch_units();
    let mut last = None;
    let mut pause = FIRST_PAUSE;
    loop {
        changes.borrow_and_update();
        let now = shared.control.snapshot().storages;
        if last.as_ref().is_none_or(|last| !now.ptr_eq(last)) {
            last = sweep_once(&shared).await.then_some(now);
            pause = if last.is_some() { FIRST_PAUSE } else { pause };
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause), if last.is_none() => pause = (pause * 2).min(LONGEST_PAUSE),
            () = shared.stop.cancelled() => return,
        }
    }
}

/// Whether there is nothing left to do.
async fn sweep_once(shared: &Arc<Shared>) -> bool {
    let outside = Arc::clone(shared);
    let swept = tokio::task::spawn_blocking(move || {
        let options = &outside.options;
        sweep(&options.model_dir, &options.released_dir, || outside.control.snapshot())
    });
    let Ok(Swept { aside: ids, unfinished }) = swept.await else { return false };
    if ids.is_empty() {
        return !unfinished;
    }
    let command = Command::Storage(StorageCommand::PutAside { ids });
    match shared.control.apply(command).await {
        Ok(_) => !unfinished,
        Err(error) => {
            tracing::warn!("released storages cannot be forgotten yet: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periapt_model::entity::{ModelInfo, StorageInstance};
    use periapt_model::model::Record;
    use periapt_model::names::ModelName;
    use periapt_model::time::Timestamp;

    fn id(text: &str) -> StorageId {
        text.parse().unwrap()
    }

    fn model(storages: &[(&str, Option<&str>, Life)]) -> Model {
        let name = ModelName::new("m").unwrap();
        let mut model = Model::new(ModelInfo::new("uuid".to_owned(), name, Timestamp(0)));
        let unit = r#"{"name": "app/0", "life": "alive", "machine": 0,
            "workload": {"status": "active", "message": "", "since": 0},
            "agent": {"status": "idle", "message": "", "since": 0}}"#;
        model.put(Record::Unit(Arc::new(serde_json::from_str(unit).unwrap())));
        for (storage, owner, life) in storages {
            let owned = StorageInstance::new(id(storage), "app/0".parse().unwrap());
            let owner = owner.map(|owner| owner.parse().unwrap());
            model.put(Record::Storage(Arc::new(StorageInstance { owner, life: *life, ..owned })));
        }
        model
    }

    fn link(dir: &Path, unit: &str, storage: &str) -> PathBuf {
        below(&dir.join("agents").join(unit).join("storage"), &id(storage))
    }

    #[test]
    fn data_outlives_links_and_goes_with_its_record() {
        let home = tempfile::tempdir().unwrap();
        let (dir, aside) = (home.path().join("model"), home.path().join("aside"));
        for (unit, storage) in [("unit-app-0", "data/0"), ("unit-app-0", "data/1"), ("unit-app-1", "data/2")]
        {
            let link = link(&dir, unit, storage);
            attach(&dir, &link, &id(storage)).unwrap();
            fs::write(link.join("file"), storage).unwrap();
            attach(&dir, &link, &id(storage)).unwrap();
        }
        fs::create_dir_all(dir.join("storage/notes/of-somebody")).unwrap();
        let alive = Life::Alive;
        let known = [("data/0", Some("app/0"), alive), ("data/1", None, alive), ("data/2", None, Life::Dead)];
        // In the way of what is put aside: it is tried again, and nothing is lost.
        fs::write(&aside, "").unwrap();
        assert_eq!(sweep(&dir, &aside, || model(&known)), Swept { aside: Vec::new(), unfinished: true });
        fs::remove_file(&aside).unwrap();
        let moved = || Swept { aside: vec![id("data/2")], unfinished: false };
        assert_eq!(sweep(&dir, &aside, || model(&known)), moved());
        assert_eq!(fs::read_to_string(link(&dir, "unit-app-0", "data/0").join("file")).unwrap(), "data/0");
        assert!(fs::symlink_metadata(link(&dir, "unit-app-0", "data/1")).is_err(), "it is not the unit's");
        assert_eq!(fs::read_to_string(data(&dir, &id("data/1")).join("file")).unwrap(), "data/1");
        assert_eq!(fs::read_to_string(below(&aside, &id("data/2")).join("file")).unwrap(), "data/2");
        assert!(fs::symlink_metadata(link(&dir, "unit-app-1", "data/2")).is_ok(), "it goes with its unit");
        let left = left_behind(&dir, &"app/1".parse().unwrap(), &model(&known));
        assert_eq!(left, [LeftBehind { data: data(&dir, &id("data/2")), kept: false }]);
        // A daemon that was killed before it could say so says it again.
        assert_eq!(sweep(&dir, &aside, || model(&known)), moved());
        assert_eq!(sweep(&dir, &aside, || model(&[])), Swept { aside: Vec::new(), unfinished: false });
        assert!(!data(&dir, &id("data/0")).exists() && !data(&dir, &id("data/1")).exists());
        assert!(below(&aside, &id("data/2")).exists() && dir.join("storage/notes/of-somebody").exists());
    }

    #[test]
    fn data_that_another_file_system_takes_is_copied_whole() {
        let home = tempfile::tempdir().unwrap();
        let (data, aside) = (home.path().join("data"), home.path().join("aside/data/0"));
        fs::create_dir_all(data.join("below")).unwrap();
        fs::write(data.join("below/file"), "precious").unwrap();
        fs::set_permissions(data.join("below/file"), Permissions::from_mode(0o640)).unwrap();
        symlink("below/file", data.join("link")).unwrap();
        make_lasting(aside.parent().unwrap()).unwrap();
        // What a copy that was cut short has left is not taken for the whole.
        fs::create_dir_all(home.path().join("aside/data/.0-partial/stale")).unwrap();
        copy(&data, &aside).unwrap();
        assert_eq!(fs::read_to_string(aside.join("link")).unwrap(), "precious");
        assert_eq!(fs::read_link(aside.join("link")).unwrap(), Path::new("below/file"));
        let mode = fs::metadata(aside.join("below/file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(!aside.join("stale").exists());
        // A kill while the old place was being removed: the copy stands.
        fs::remove_file(data.join("below/file")).unwrap();
        copy(&data, &aside).unwrap();
        assert_eq!(fs::read_to_string(aside.join("below/file")).unwrap(), "precious");
    }

    #[test]
    fn what_an_older_version_kept_in_the_units_folder_is_moved() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        for (unit, storage) in [("unit-app-0", "data/0"), ("unit-gone-3", "data/7")] {
            let old = link(dir, unit, storage);
            fs::create_dir_all(&old).unwrap();
            fs::write(old.join("file"), storage).unwrap();
        }
        take_over_all(dir);
        take_over_all(dir);
        assert_eq!(fs::read_to_string(data(dir, &id("data/7")).join("file")).unwrap(), "data/7");
        let now = link(dir, "unit-app-0", "data/0");
        assert!(!now.exists(), "a kill between the move and the link leaves this");
        attach(dir, &now, &id("data/0")).unwrap();
        assert_eq!(fs::read_to_string(now.join("file")).unwrap(), "data/0");
    }
}
