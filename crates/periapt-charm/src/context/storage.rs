//! The unit's storages.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use serde::Deserialize;

use super::Context;
use crate::error::Error;
use crate::event::StorageId;
use crate::handle::Storage;

/// What a storage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// A folder.
    Filesystem,
    /// A device.
    Block,
}

/// Where a storage is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StorageLocation {
    /// What it is.
    pub kind: StorageKind,
    /// The folder it is mounted at, or the device.
    pub location: PathBuf,
}

/// One storage of the unit, such as `data/0`.
#[derive(Clone)]
pub struct StorageInstance<'a> {
    cx: &'a Context,
    id: StorageId,
}

impl fmt::Debug for StorageInstance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageInstance({})", self.id)
    }
}

impl StorageInstance<'_> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &StorageId {
        &self.id
    }

    /// Where it is (`storage-get -s data/0`). Asked once in a dispatch.
    ///
    /// # Errors
    /// Those of `storage-get`: it is not attached yet, or gone.
    pub fn location(&self) -> Result<Rc<StorageLocation>, Error> {
        if let Some(found) = self.cx.cache.borrow().model.locations.get(&self.id) {
            return Ok(Rc::clone(found));
        }
        let found: Rc<StorageLocation> = Rc::new(self.cx.json("storage-get", &["-s", &self.id.to_string()])?);
        self.cx.cache.borrow_mut().model.locations.insert(self.id.clone(), Rc::clone(&found));
        Ok(found)
    }
}

impl Context {
    /// The unit's storages of that name (`storage-list DATA`). Asked once in a dispatch.
    ///
    /// # Errors
    /// Those of `storage-list`.
    pub fn storages(&self, storage: Storage) -> Result<Vec<StorageInstance<'_>>, Error> {
        let known = self.cache.borrow().model.storages.get(storage.name()).cloned();
        let ids = match known {
            Some(ids) => ids,
            None => {
                let ids: Rc<Vec<StorageId>> = Rc::new(self.json("storage-list", &[storage.name()])?);
                self.cache.borrow_mut().model.storages.insert(storage.name().to_owned(), Rc::clone(&ids));
                ids
            }
        };
        Ok(ids.iter().map(|id| StorageInstance { cx: self, id: id.clone() }).collect())
    }

    /// The storage that an event is about.
    #[must_use]
    pub fn storage(&self, id: &StorageId) -> StorageInstance<'_> {
        StorageInstance { cx: self, id: id.clone() }
    }

    /// Asks for more storages of that name (`storage-add DATA=2`). They come when the hook has ended well, each with its
    /// `storage-attached`.
    ///
    /// # Errors
    /// `count` is 0; those of `storage-add`: there would be more than the metadata allows.
    pub fn request_storage(&self, storage: Storage, count: u32) -> Result<(), Error> {
        let name = storage.name();
        if count == 0 {
            return Err(Error::bug(format!("no storage {name} was asked for: the count is 0")));
        }
        self.run("storage-add", &[format!("{name}={count}")], None)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;

    const DATA: Storage = Storage::new("data");

    #[test]
    fn storages_are_listed_and_found() {
        let agent = FakeAgent::new()
            .says("storage-list --format=json data", r#"["data/0","data/3"]"#)
            .says("storage-get --format=json -s data/3", r#"{"kind":"filesystem","location":"/srv/data/3"}"#);
        let cx = agent.context();
        let all = cx.storages(DATA).unwrap();
        assert_eq!(all.iter().map(|s| s.id().to_string()).collect::<Vec<_>>(), ["data/0", "data/3"]);
        let location = all[1].location().unwrap();
        assert_eq!(
            (location.kind, location.location.as_path()),
            (StorageKind::Filesystem, "/srv/data/3".as_ref())
        );
        cx.storage(all[1].id()).location().unwrap();
        cx.storages(DATA).unwrap();
        assert_eq!(agent.calls(), ["storage-list --format=json data", "storage-get --format=json -s data/3"]);
    }

    #[test]
    fn more_storage_is_asked_for() {
        let agent = FakeAgent::new();
        let cx = agent.context();
        cx.request_storage(DATA, 2).unwrap();
        assert!(cx.request_storage(DATA, 0).is_err());
        assert_eq!(agent.calls(), ["storage-add data=2"]);
    }

    #[test]
    fn what_is_missing_in_an_answer_is_told() {
        let agent = FakeAgent::new().says("storage-get --format=json -s data/0", r#"{"kind":"filesystem"}"#);
        let cx = agent.context();
        let id: StorageId = "data/0".parse().unwrap();
        let error = cx.storage(&id).location().unwrap_err();
        assert!(error.to_string().contains("missing field `location`"), "{error}");
    }
}
