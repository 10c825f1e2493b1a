//! A charm's memory in a SQLite file in the charm's folder.
//!
//! One dispatch holds the write lock from reading to saving, so that a second one of the same unit is refused at once and
//! never works on what is about to change. Saving is one transaction, synced to the disk.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::{Entries, EntryKind, Keep, KeepError};

type Key = (EntryKind, String);

/// The file's name in the charm's folder. It stays there over upgrades of a machine charm.
pub(crate) const FILE: &str = ".charm-state.db";

/// The form of the tables (`user_version`).
const FORMAT: i64 = 1;

/// A memory in a file.
#[derive(Debug)]
pub(crate) struct SqliteKeep {
    path: PathBuf,
    /// Open, with a transaction begun, once loaded; none while there is no file.
    open: Option<Connection>,
    /// What lies in the file: only what has changed is written.
    loaded: Entries,
}

/// What has to be written for `new` to take the place of `old`: what goes, and what is new or has changed.
fn changes<'a>(old: &'a Entries, new: &'a Entries) -> (Vec<&'a Key>, Vec<(&'a Key, &'a str)>) {
    let (mut gone, mut put) = (Vec::new(), Vec::new());
    let mut before = old.iter().peekable();
    for (key, data) in new {
        while let Some((passed, _)) = before.next_if(|(kept, _)| *kept < key) {
            gone.push(passed);
        }
        let was = before.next_if(|(kept, _)| *kept == key).map(|(_, data)| data);
        if was != Some(data) {
            put.push((key, data.as_str()));
        }
    }
    gone.extend(before.map(|(key, _)| key));
    (gone, put)
}

impl SqliteKeep {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: None, loaded: Entries::new() }
    }

    fn error(&self, source: rusqlite::Error) -> KeepError {
        let path = self.path.display().to_string();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => KeepError::InUse { path },
            _ => KeepError::Database { path, source },
        }
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        db.busy_timeout(Duration::ZERO)?;
        // Of a new file: fewer and larger writes for a long queue.
        db.pragma_update(None, "page_size", 16_384)?;
        db.pragma_update(None, "synchronous", "full")?;
        // In KiB: a long queue is changed within the cache, and written once.
        db.pragma_update(None, "cache_size", -65_536)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        Ok(db)
    }

    fn create(&mut self) -> Result<(), KeepError> {
        let db = self.connect().map_err(|error| self.error(error))?;
        // What a charm stores is its own business.
        let _ = std::fs::set_permissions(&self.path, Permissions::from_mode(0o600));
        self.prepare(&db)?;
        self.open = Some(db);
        Ok(())
    }

    /// Makes the tables of a new file; refuses those of a newer library.
    fn prepare(&self, db: &Connection) -> Result<(), KeepError> {
        let error = |error| self.error(error);
        let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
        if found > FORMAT {
            return Err(KeepError::Newer { path: self.path.display().to_string(), found, known: FORMAT });
        }
        if found == 0 {
            db.execute_batch(
                "CREATE TABLE IF NOT EXISTS entry (kind TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
                 PRAGMA user_version = 1;",
            )
            .map_err(error)?;
        }
        Ok(())
    }
}

impl Keep for SqliteKeep {
    fn load(&mut self) -> Result<&Entries, KeepError> {
        if !self.path.metadata().is_ok_and(|meta| meta.len() > 0) {
            return Ok(&self.loaded);
        }
        self.create()?;
        let Some(db) = &self.open else { return Ok(&self.loaded) };
        let read = || {
            // In the order of the map, which is then made in one go.
            let mut rows = db.prepare("SELECT kind, key, data FROM entry ORDER BY kind, key")?;
            let entries = rows.query_map([], |row| {
                let kind = row.get_ref(0)?.as_str().ok().and_then(EntryKind::parse);
                Ok(((kind, row.get::<_, String>(1)?), row.get::<_, String>(2)?))
            })?;
            entries.collect::<Result<Vec<_>, _>>()
        };
        let rows = read().map_err(|error| self.error(error))?;
        // Entries of a kind that this version does not know stay in the file.
        let known = rows.into_iter().filter_map(|((kind, key), data)| Some(((kind?, key), data)));
        self.loaded = known.collect();
        Ok(&self.loaded)
    }

    fn save(&mut self, entries: Entries) -> Result<(), KeepError> {
        if entries == self.loaded {
            return Ok(());
        }
        if self.open.is_none() {
            self.create()?;
        }
        let Some(db) = &self.open else { return Ok(()) };
        let (gone, put) = changes(&self.loaded, &entries);
        let write = || -> Result<(), rusqlite::Error> {
            let mut delete = db.prepare("DELETE FROM entry WHERE kind = ?1 AND key = ?2")?;
            for (kind, key) in gone {
                delete.execute(params![kind.as_str(), key])?;
            }
            let mut upsert = db.prepare(
                "INSERT INTO entry (kind, key, data) VALUES (?1, ?2, ?3) ON CONFLICT (kind, key) DO UPDATE SET data = ?3",
            )?;
            for ((kind, key), data) in put {
                upsert.execute(params![kind.as_str(), key, data])?;
            }
            db.execute_batch("COMMIT; BEGIN IMMEDIATE")
        };
        write().map_err(|error| self.error(error))?;
        self.loaded = entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, data: &str) -> ((EntryKind, String), String) {
        ((EntryKind::State, key.to_owned()), data.to_owned())
    }

    #[test]
    fn entries_are_kept_and_a_second_dispatch_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut first = SqliteKeep::new(path.clone());
        assert_eq!(*first.load().unwrap(), Entries::new());
        first.save(Entries::new()).unwrap();
        assert!(!path.exists(), "nothing to keep makes no file");
        let entries = Entries::from([entry("a", "1"), entry("b", "2")]);
        first.save(entries.clone()).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(SqliteKeep::new(path.clone()).load(), Err(KeepError::InUse { .. })));
        drop(first);

        let mut second = SqliteKeep::new(path.clone());
        assert_eq!(*second.load().unwrap(), entries);
        let changed = Entries::from([entry("b", "3"), entry("c", "4")]);
        second.save(changed.clone()).unwrap();
        drop(second);
        assert_eq!(*SqliteKeep::new(path).load().unwrap(), changed);
    }

    #[test]
    fn a_newer_file_and_one_that_is_none_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA user_version = 9; CREATE TABLE other (x)").unwrap();
        drop(db);
        assert!(matches!(SqliteKeep::new(path.clone()).load(), Err(KeepError::Newer { found: 9, .. })));
        std::fs::write(&path, [b'x'; 5000]).unwrap();
        assert!(matches!(SqliteKeep::new(path.clone()).load(), Err(KeepError::Database { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 5000]);
    }
}
