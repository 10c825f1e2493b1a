//! The writing half of the SQLite store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::lock::beside;
use super::{failure, from_sql, room, to_sql};
use crate::engine::Backend;
use crate::txn::Write;
use crate::{Key, KeyRange, KeyValue, LeaseId, Revision, StoreError};

/// The log is folded into the file when it has this many pages (of 4 KiB).
const CHECKPOINT_PAGES: i64 = 1000;

/// The only connection that writes.
pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    /// The revision of the last commit.
    head: Revision,
    /// Whether the log has been given room, as far as that was possible.
    roomy: bool,
}

impl Writer {
    pub(super) fn new(path: PathBuf, connection: Connection, head: Revision) -> Self {
        Self { path, connection, head, roomy: false }
    }

    fn run<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.connection).map_err(|error| failure(&self.path, &error))
    }

    /// Gives the log room, while nobody writes to it. Without it commits are slower, and no more than that.
    fn make_room(&mut self) -> Result<(), StoreError> {
        self.roomy = true;
        self.begin()?;
        if let Err(error) = room::make(&beside(&self.path, "-wal")) {
            tracing::info!(path = %self.path.display(), %error, "no room for the write-ahead log");
        }
        self.run(|connection| connection.prepare_cached("ROLLBACK")?.execute([]).map(drop))
    }
}

/// The keys that a statement returns in its first column.
fn keys(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<Vec<Key>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, |row| Ok(Key::from(row.get_ref(0)?.as_blob()?)))?;
    rows.collect()
}

impl Backend for Writer {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.run(|connection| connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop))
    }

    fn mod_revision(&mut self, key: &Key) -> Result<Revision, StoreError> {
        self.run(|connection| {
            let found = connection
                .prepare_cached("SELECT mod_revision FROM entry WHERE key = ?1")?
                .query_row([key.as_bytes()], |row| from_sql(row, 0))
                .optional()?;
            Ok(found.map_or(Revision::ABSENT, Revision))
        })
    }

    fn put(&mut self, key: &Key, write: &Write, revision: Revision) -> Result<KeyValue, StoreError> {
        let sql = "INSERT INTO entry (key, create_revision, mod_revision, version, lease, value)
                   VALUES (?1, ?2, ?2, 1, ?3, ?4)
                   ON CONFLICT (key) DO UPDATE SET mod_revision = excluded.mod_revision,
                       version = version + 1, lease = excluded.lease, value = excluded.value
                   RETURNING create_revision, version";
        self.run(|connection| {
            let lease = write.lease.map(|lease| to_sql(lease.0));
            let (create_revision, version) = connection
                .prepare_cached(sql)?
                .query_row(params![key.as_bytes(), to_sql(revision.0), lease, &write.value[..]], |row| {
                    Ok((Revision(from_sql(row, 0)?), from_sql(row, 1)?))
                })?;
            Ok(KeyValue {
                key: key.clone(),
                value: Arc::clone(&write.value),
                create_revision,
                mod_revision: revision,
                version,
                lease: write.lease,
            })
        })
    }

    fn delete(&mut self, range: &KeyRange) -> Result<Vec<Key>, StoreError> {
        let start = range.start.as_bytes();
        self.run(|connection| match &range.end {
            Some(end) => keys(
                connection,
                "DELETE FROM entry WHERE key >= ?1 AND key < ?2 RETURNING key",
                [start, end.as_bytes()],
            ),
            None => keys(connection, "DELETE FROM entry WHERE key >= ?1 RETURNING key", [start]),
        })
    }

    fn insert_lease(&mut self, ttl: Duration) -> Result<LeaseId, StoreError> {
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        self.run(|connection| {
            connection
                .prepare_cached("INSERT INTO lease (ttl_ms) VALUES (?1) RETURNING id")?
                .query_row([ttl], |row| from_sql(row, 0))
                .map(LeaseId)
        })
    }

    fn delete_lease(&mut self, lease: LeaseId) -> Result<Vec<Key>, StoreError> {
        self.run(|connection| {
            let lease = [to_sql(lease.0)];
            connection.prepare_cached("DELETE FROM lease WHERE id = ?1")?.execute(lease)?;
            keys(connection, "DELETE FROM entry WHERE lease = ?1 RETURNING key", lease)
        })
    }

    fn commit(&mut self, head: Revision) -> Result<(), StoreError> {
        let changed = self.head != head;
        self.run(|connection| {
            if changed {
                connection.prepare_cached("UPDATE head SET revision = ?1")?.execute([to_sql(head.0)])?;
            }
            connection.prepare_cached("COMMIT")?.execute([]).map(drop)
        })?;
        self.head = head;
        Ok(())
    }

    fn after_commit(&mut self) {
        if !self.roomy
            && let Err(error) = self.make_room()
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot give the write-ahead log room");
        }
        let folded = checkpoint(&self.connection);
        // Nothing is lost by it: the log goes on growing, and the next batch tries again.
        if let Err(error) = folded {
            tracing::warn!(path = %self.path.display(), %error, "cannot fold the write-ahead log into the store");
        }
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        // Every page is written anew, without what it held before; then the log that did so goes, with its own past.
        let busy: i64 = self.run(|connection| {
            connection.execute_batch("VACUUM")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        })?;
        self.roomy = false;
        match busy {
            0 => Ok(()),
            _ => Err(StoreError::Io {
                path: beside(&self.path, "-wal"),
                reason: "somebody reads it, so it cannot be emptied".to_owned(),
            }),
        }
    }
}

/// Folds the log into the file if it has grown long. The next write then starts the log anew.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let pages = |sql: &str| -> rusqlite::Result<(i64, i64)> {
        connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
    };
    let (logged, folded) = pages("PRAGMA wal_checkpoint(NOOP)")?;
    if logged - folded >= CHECKPOINT_PAGES {
        pages("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}
