//! The folders of storages. They lie beside the units', so that what is in one outlives its unit:
//!
//! ```text
//! <model>/storage/data/0/                       what is in it
//! <model>/agents/unit-app-0/storage/data/0      a link to it, while the unit has it
//! ```
//!
//! A folder goes only after the durable model has forgotten its storage, and numbers are never used twice. So a daemon may
//! be killed at any moment: whatever is left to remove or to put aside is found again by comparing folders with the model.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_model::command::{Command, StorageCommand};
use periapt_model::model::Model;
use periapt_model::names::{StorageId, UnitName};
use periapt_model::status::Life;

use crate::shared::Shared;

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

/// Removes the folders of storages that the model does not know, and links of units to what is not theirs; puts released
/// ones aside, and says which those are. The model is asked for after the folders were listed: what was made by then is in it.
/// Blocks.
fn sweep(model_dir: &Path, released: &Path, ask: impl Fn() -> Model) -> Vec<StorageId> {
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
    for (path, id) in folders.into_iter().filter(|(_, id)| !model.storages.contains_key(id)) {
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!("the folder of storage {id} cannot be removed: {error}");
        }
    }
    let dead = model.storages.values().filter(|storage| storage.life == Life::Dead);
    dead.map(|storage| storage.id.clone()).filter(|id| put_aside(model_dir, released, id)).collect()
}

/// Where processes of a unit that is gone may still live: what it had, and nobody has now.
pub(crate) fn left_behind(model_dir: &Path, unit: &UnitName, model: &Model) -> Vec<PathBuf> {
    let left = |id: &StorageId| model.storages.get(id).is_none_or(|storage| storage.owner.is_none());
    let found = storages(&model_dir.join("agents").join(unit.tag()).join("storage")).into_iter();
    found.filter(|(_, id)| left(id)).map(|(_, id)| data(model_dir, &id)).collect()
}

fn put_aside(model_dir: &Path, released: &Path, id: &StorageId) -> bool {
    let (data, aside) = (data(model_dir, id), below(released, id));
    let moved = fs::create_dir_all(aside.parent().unwrap_or(&aside)).and_then(|()| fs::rename(&data, &aside));
    match moved {
        // A daemon that was killed has moved it before, or no charm ever used it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::warn!("the data of storage {id} cannot be put aside: {error}");
            false
        }
        Ok(()) => {
            tracing::info!("the data of released storage {id} is in {}", aside.display());
            true
        }
    }
}

/// Keeps the folders in step with the model, until the agents stop.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut changes = shared.control.watch_units();
    let mut last = None;
    loop {
        changes.borrow_and_update();
        let now = shared.control.snapshot().storages;
        if last.as_ref().is_none_or(|last| !now.ptr_eq(last)) {
            let outside = Arc::clone(&shared);
            let swept = tokio::task::spawn_blocking(move || {
                let options = &outside.options;
                sweep(&options.model_dir, &options.released_dir, || outside.control.snapshot())
            });
            let ids = swept.await.unwrap_or_default();
            last = Some(now);
            if !ids.is_empty() {
                let command = Command::Storage(StorageCommand::PutAside { ids });
                if let Err(error) = shared.control.apply(command).await {
                    tracing::warn!("released storages cannot be forgotten: {error}");
                }
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = shared.stop.cancelled() => return,
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
        assert_eq!(sweep(&dir, &aside, || model(&known)), [id("data/2")]);
        assert_eq!(fs::read_to_string(link(&dir, "unit-app-0", "data/0").join("file")).unwrap(), "data/0");
        assert!(fs::symlink_metadata(link(&dir, "unit-app-0", "data/1")).is_err(), "it is not the unit's");
        assert_eq!(fs::read_to_string(data(&dir, &id("data/1")).join("file")).unwrap(), "data/1");
        assert_eq!(fs::read_to_string(below(&aside, &id("data/2")).join("file")).unwrap(), "data/2");
        assert!(fs::symlink_metadata(link(&dir, "unit-app-1", "data/2")).is_ok(), "it goes with its unit");
        let left = left_behind(&dir, &"app/1".parse().unwrap(), &model(&known));
        assert_eq!(left, [data(&dir, &id("data/2"))]);
        // A daemon that was killed before it could say so says it again.
        assert_eq!(sweep(&dir, &aside, || model(&known)), [id("data/2")]);
        assert!(sweep(&dir, &aside, || model(&[])).is_empty());
        assert!(!data(&dir, &id("data/0")).exists() && !data(&dir, &id("data/1")).exists());
        assert!(below(&aside, &id("data/2")).exists() && dir.join("storage/notes/of-somebody").exists());
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
