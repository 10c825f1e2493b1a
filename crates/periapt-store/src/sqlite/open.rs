//! Opening: nothing is written to a file before it is known to be a store that this program understands.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::lock::beside;
use super::{failure, from_sql, io_failure};
use crate::engine::Found;
use crate::{LeaseId, Revision, StoreError};

/// Marks a SQLite file as a store of ours: "Peri".
pub(super) const APPLICATION_ID: i32 = 0x5065_7269;
/// The format this program writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

/// Every SQLite file begins with this.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Checking every page takes about a millisecond for each MiB; larger files are checked page by page as they are used.
const QUICK_CHECK_BYTES: u64 = 16 << 20;

/// How long to wait for a foreign program (the `sqlite3` shell, say) to let go of the file.
const BUSY: Duration = Duration::from_secs(5);

/// Entries are rows in order of creation with an index on the key: a value of some kilobytes shares its page with
/// others, and overwriting an entry leaves the index alone. `AUTOINCREMENT` keeps lease identifiers from coming back.
const SCHEMA: &str = "
    CREATE TABLE head (revision INTEGER NOT NULL) STRICT;
    CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        create_revision INTEGER NOT NULL,
        mod_revision INTEGER NOT NULL,
        version INTEGER NOT NULL,
        lease INTEGER,
        value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
    INSERT INTO head (revision) VALUES (1);
";

/// The one path of the file, whatever links lead to it, so that it has one lock.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = path.file_name().ok_or_else(|| io_failure(path, &error))?;
            Ok(folder.canonicalize().map_err(|error| io_failure(path, &error))?.join(name))
        }
        Err(error) => Err(io_failure(path, &error)),
    }
}

/// Opens the database for writing, and makes it a store if it is new.
pub(super) fn database(path: &Path, max_bytes: Option<u64>) -> Result<Connection, StoreError> {
    let bytes = prepare_file(path)?;
    let sql = |error: rusqlite::Error| failure(path, &error);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sql)?;
    // Should we turn the file down, closing it must not fold its log into it.
    let spare_log = |spare: bool| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, spare).map_err(sql)
    };
    spare_log(has_log(path))?;
    let is_new = inspect(path, &connection)?;
    if bytes <= QUICK_CHECK_BYTES {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sql)?;
        if verdict != "ok" {
            // SQLite's words begin with a heading on a line of its own.
            let reason =
                verdict.lines().filter(|line| !line.starts_with("***")).collect::<Vec<_>>().join("; ");
            return Err(StoreError::Corrupt { path: path.to_owned(), reason });
        }
    }
    spare_log(false)?;
    let journal = configure(&connection, max_bytes).map_err(sql)?;
    if journal != "wal" {
        let reason = "its file system cannot hold a write-ahead log".to_owned();
        return Err(StoreError::Io { path: path.to_owned(), reason });
    }
    if is_new {
        create(&mut connection).map_err(sql)?;
        sync_folder(path)?;
    }
    Ok(connection)
}

/// Makes sure that the file is there, is ours alone, and is a SQLite file if it is anything. Answers its size.
fn prepare_file(path: &Path) -> Result<u64, StoreError> {
    let io = |error: std::io::Error| io_failure(path, &error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let not_a_store =
        |reason: &str| StoreError::NotAStore { path: path.to_owned(), reason: reason.to_owned() };
    if !metadata.is_file() {
        return Err(not_a_store("not a regular file"));
    }
    if metadata.len() > 0 {
        let mut magic = [0; 16];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) => return Err(not_a_store("not a SQLite database")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(not_a_store("too short for a SQLite database"));
            }
            Err(error) => return Err(io(error)),
        }
    } else if has_log(path) {
        // SQLite would delete the log. It may be all that is left of a store.
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            reason: "it is empty, but its write-ahead log is not".to_owned(),
        });
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(io)?;
    }
    Ok(metadata.len())
}

/// Whether there is a write-ahead log with something in it.
fn has_log(path: &Path) -> bool {
    beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0)
}

/// Opens a connection with the settings that readers and the writer have in common.
pub(super) fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Whether the file is empty (true), or a store that we can read (false). An error if neither.
fn inspect(path: &Path, connection: &Connection) -> Result<bool, StoreError> {
    let pragma = |name: &str| -> Result<i64, StoreError> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| failure(path, &error))
    };
    let not_a_store =
        |reason: &str| Err(StoreError::NotAStore { path: path.to_owned(), reason: reason.to_owned() });
    let application = pragma("application_id")?;
    let format = pragma("user_version")?;
    if application == 0 && format == 0 {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(|error| failure(path, &error))?;
        return if tables == 0 { Ok(true) } else { not_a_store("another SQLite database") };
    }
    if application != i64::from(APPLICATION_ID) {
        return not_a_store("another program's SQLite database");
    }
    match u32::try_from(format) {
        Ok(FORMAT) => Ok(false),
        Ok(found) if found > FORMAT => {
            Err(StoreError::NewerFormat { path: path.to_owned(), found, known: FORMAT })
        }
        _ => {
            Err(StoreError::Corrupt { path: path.to_owned(), reason: format!("there is no format {format}") })
        }
    }
}

/// Settings of the writing connection. Answers the journal mode, which SQLite does not insist on.
fn configure(connection: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<String> {
    let journal = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The writer does this itself, between batches.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What a burst leaves of the log on disk.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    // What is deleted is overwritten where that costs no further page.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    if let Some(bytes) = max_bytes {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        connection.pragma_update(None, "max_page_count", pages.clamp(1, u32::MAX.into()))?;
    }
    Ok(journal)
}

/// Makes an empty database a store, in one transaction.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Makes the names of new files durable, which SQLite leaves to whoever creates them.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io_failure(folder, &error))
}

/// What the store holds, besides its entries.
pub(super) fn contents(connection: &Connection) -> rusqlite::Result<Found> {
    let head = connection.query_row("SELECT revision FROM head", [], |row| from_sql(row, 0)).map(Revision)?;
    let mut statement = connection.prepare("SELECT id, ttl_ms FROM lease")?;
    let leases = statement
        .query_map([], |row| Ok((LeaseId(from_sql(row, 0)?), Duration::from_millis(from_sql(row, 1)?))))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Found { head, leases })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kill cannot show: that a commit also survives a loss of power.
    #[test]
    fn a_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database(&folder.path().join("store.db"), None).unwrap();
        let setting =
            |name: &str| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(setting("synchronous"), 2, "FULL");
        assert_eq!(setting("wal_autocheckpoint"), 0);
    }
}
