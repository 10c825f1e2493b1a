//! The store in one SQLite file: the default for one machine.
//!
//! The file is in WAL mode with `synchronous=FULL`: a commit is one append to the write-ahead log and one fsync, which
//! all transactions of a batch share. The log is folded back into the file between batches, never while a caller
//! waits. Readers have connections of their own and hold up nobody.
//!
//! The format version is SQLite's `user_version`, next to an `application_id` that marks the file as ours.

mod lock;
mod open;
mod read;
mod room;
mod write;

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::engine::{Engine, store_through_engine};
use crate::{Options, StoreError};

use lock::Lock;

/// A [`Store`](crate::Store) in a SQLite file.
pub struct Sqlite {
    engine: Engine,
    path: PathBuf,
    /// Given up last, when the engine has closed the database.
    _lock: Lock,
}

/// What a SQLite store is opened with.
#[derive(Clone, Debug, Default)]
pub struct SqliteOptions {
    /// The options of every embedded store.
    pub store: Options,
    /// The most bytes the file may grow to, rounded down to whole pages. A write that needs more fails with
    /// [`StoreError::DiskFull`].
    pub max_bytes: Option<u64>,
}

impl Sqlite {
    /// Opens the store in the file `path`, which is created (mode 0600) if it does not exist; its folder must. A
    /// second file beside it, with `.lock` added to the name, keeps other processes out; SQLite adds `-wal` and
    /// `-shm` while the store is open.
    ///
    /// The header, the schema and, up to 16 MiB, all pages are checked first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if the store is open elsewhere, [`StoreError::NewerFormat`], [`StoreError::NotAStore`]
    /// and [`StoreError::Corrupt`] for a file that cannot be used (which is then left as it was), and
    /// [`StoreError::Permission`], [`StoreError::DiskFull`] and [`StoreError::Io`] for what they say.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, &SqliteOptions::default())
    }

    /// Opens a store as [`Sqlite::open`] does, with its own clock and limits.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self, StoreError> {
        let path = open::resolve(path.as_ref())?;
        let lock = Lock::take(&path)?;
        let connection = open::database(&path, options.max_bytes)?;
        let found = open::contents(&connection).map_err(|error| failure(&path, &error))?;
        let reader = read::Readers::new(path.clone())?;
        let writer = write::Writer::new(path.clone(), connection, found.head);
        let engine = Engine::start(writer, reader, found, &options.store)
            .map_err(|error| io_failure(&path, &error))?;
        Ok(Self { engine, path, _lock: lock })
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

store_through_engine!(Sqlite);

/// What a failure of SQLite means to the user of the store.
fn failure(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt { path, reason },
        Some(ErrorCode::NotADatabase) => StoreError::NotAStore { path, reason },
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => StoreError::Permission { path },
        _ => match error {
            // A column of another type than we write.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::QueryReturnedNoRows => StoreError::Corrupt { path, reason },
            _ => StoreError::Io { path, reason },
        },
    }
}

/// What a failure of the file system means to the user of the store.
fn io_failure(path: &Path, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Permission { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull { path },
        _ => StoreError::Io { path, reason: error.to_string() },
    }
}

/// SQLite's integers are signed. Ours are counters, which do not reach the sign in the life of a machine.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The counter in a column.
fn from_sql(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
