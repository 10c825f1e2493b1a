//! The reading half of the SQLite store.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params_from_iter};

use super::open::connect;
use super::{failure, from_sql};
use crate::engine::Reader;
use crate::{Key, KeyValue, LeaseId, Query, RangeResult, Revision, StoreError};

/// How many connections are kept for the next reader.
const IDLE: usize = 4;

/// Connections that only read; each serves one caller at a time.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens the first connection.
    pub(super) fn new(path: PathBuf) -> Result<Self, StoreError> {
        let readers = Self { path, idle: Mutex::new(Vec::new()) };
        readers.run(|_| Ok(()))?;
        Ok(readers)
    }

    fn run<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let fail = |error| failure(&self.path, &error);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(fail)?,
        };
        // A connection that failed is not used again.
        let result = work(&mut connection).map_err(fail)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(result)
    }
}

impl Reader for Readers {
    fn range(&self, query: &Query) -> Result<RangeResult, StoreError> {
        let value = if query.keys_only { "x''" } else { "value" };
        let order = if query.reverse { "DESC" } else { "ASC" };
        let below = if query.range.end.is_some() { "AND key < ?3" } else { "" };
        let sql = format!(
            "SELECT key, create_revision, mod_revision, version, lease, {value} FROM entry
             WHERE key >= ?2 {below} ORDER BY key {order} LIMIT ?1"
        );
        // One more than asked for tells whether there are more; SQLite takes a negative limit for none.
        let page = query
            .limit
            .map_or(-1, |limit| i64::try_from(limit).map_or(-1, |limit| limit.checked_add(1).unwrap_or(-1)));
        let bounds = std::iter::once(&query.range.start).chain(&query.range.end);
        let parameters = std::iter::once(rusqlite::types::ToSqlOutput::from(page))
            .chain(bounds.map(|key| key.as_bytes().into()));
        let (revision, mut entries) = self.run(|connection| {
            // Both from one state of the store.
            let transaction = connection.transaction()?;
            let head = transaction
                .prepare_cached("SELECT revision FROM head")?
                .query_row([], |row| from_sql(row, 0))?;
            let entries = transaction
                .prepare_cached(&sql)?
                .query_map(params_from_iter(parameters), entry)?
                .collect::<rusqlite::Result<Vec<KeyValue>>>()?;
            Ok((Revision(head), entries))
        })?;
        let more = query.limit.is_some_and(|limit| entries.len() > limit);
        entries.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(RangeResult { revision, entries, more })
    }

    fn get(&self, key: &Key) -> Result<Option<KeyValue>, StoreError> {
        let sql = "SELECT key, create_revision, mod_revision, version, lease, value FROM entry
                   WHERE key = ?1";
        self.run(|connection| connection.prepare_cached(sql)?.query_row([key.as_bytes()], entry).optional())
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<KeyValue> {
    let lease: Option<i64> = row.get(4)?;
    Ok(KeyValue {
        key: Key::from(row.get_ref(0)?.as_blob()?),
        value: Arc::from(row.get_ref(5)?.as_blob()?),
        create_revision: Revision(from_sql(row, 1)?),
        mod_revision: Revision(from_sql(row, 2)?),
        version: from_sql(row, 3)?,
        lease: lease.map(|_| from_sql(row, 4)).transpose()?.map(LeaseId),
    })
}
