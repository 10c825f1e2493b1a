//! What only the store in a file does: it outlives the process, and meets files that it must not touch.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use periapt_store::{
    KeyRange, LeaseError, ManualClock, Options, Revision, Sqlite, SqliteOptions, Store, StoreError, Txn,
    TxnError, WatchError,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("store.db");
    (folder, path)
}

fn put(store: &Sqlite, key: &str, value: impl Into<Vec<u8>>) -> Revision {
    store.submit(Txn::new().put(key, value.into())).wait().unwrap().revision
}

fn keys(store: &Sqlite) -> Vec<String> {
    let result = store.range(KeyRange::all().into()).wait().unwrap();
    result.entries.iter().map(|entry| entry.key.to_string()).collect()
}

/// Makes a store with one entry, and closes it.
fn small_store(path: &Path) {
    put(&Sqlite::open(path).unwrap(), "a", "1");
}

/// Every file of the folder but the lock, with its size and a hash of its content.
fn contents(folder: &TempDir) -> Vec<(PathBuf, usize, u64)> {
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "lock"))
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            (path, bytes.len(), hasher.finish())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn everything_is_there_after_reopening() {
    let (_folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    put(&store, "a", "1");
    put(&store, "b", "1");
    put(&store, "a", "2");
    store.submit(Txn::new().delete("b")).wait().unwrap();
    let before = store.range(KeyRange::all().into()).wait().unwrap();
    drop(store);
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(store.range(KeyRange::all().into()).wait().unwrap(), before);
    assert_eq!(store.head().wait().unwrap(), Revision(5));
    // Compares and counters go on where they were.
    let txn = Txn::new().require("a", Revision(4)).require_absent("b").put("a", *b"3");
    assert_eq!(store.submit(txn).wait().unwrap().revision, Revision(6));
    assert_eq!(store.get(&"a".into()).wait().unwrap().unwrap().version, 3);
}

#[test]
fn history_begins_anew_after_reopening() {
    let (_folder, path) = folder();
    small_store(&path);
    let store = Sqlite::open(&path).unwrap();
    let old = store.watch(KeyRange::all(), Revision(2)).wait();
    assert!(matches!(old, Err(WatchError::Compacted { oldest: Revision(3) })), "{old:?}");
    let mut watch = store.watch(KeyRange::all(), Revision(3)).wait().unwrap();
    put(&store, "b", "1");
    assert_eq!(watch.try_next().unwrap().unwrap().revision, Revision(3));
}

#[test]
fn leases_have_their_full_time_after_reopening() {
    let (_folder, path) = folder();
    let clock = Arc::new(ManualClock::new());
    let options =
        SqliteOptions { store: Options { clock: clock.clone(), ..Options::default() }, max_bytes: None };
    let seconds = Duration::from_secs;
    let store = Sqlite::open_with(&path, &options).unwrap();
    let revoked = store.grant(seconds(10)).wait().unwrap();
    store.revoke(revoked).wait().unwrap();
    let lease = store.grant(Duration::from_millis(10_500)).wait().unwrap();
    store.submit(Txn::new().put_leased("a", *b"1", lease)).wait().unwrap();
    clock.advance(seconds(10));
    drop(store);
    clock.advance(seconds(1000));
    let store = Sqlite::open_with(&path, &options).unwrap();
    clock.advance(seconds(10));
    store.submit(Txn::new()).wait().unwrap();
    assert_eq!(keys(&store), ["a"]);
    assert!(matches!(store.keep_alive(revoked).wait(), Err(LeaseError::NotFound(_))));
    clock.advance(Duration::from_millis(500));
    store.submit(Txn::new()).wait().unwrap();
    assert!(keys(&store).is_empty());
    let next = store.grant(seconds(10)).wait().unwrap();
    assert!(next > lease, "identifiers do not come back");
    drop(store);
    let store = Sqlite::open_with(&path, &options).unwrap();
    assert!(matches!(store.keep_alive(lease).wait(), Err(LeaseError::NotFound(_))));
    assert_eq!(store.keep_alive(next).wait().unwrap(), seconds(10));
}

#[test]
fn files_are_private() {
    let (folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    put(&store, "a", "1");
    let mut names = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        names.push(name);
    }
    assert!(names.contains(&"store.db-wal".to_owned()), "{names:?}");
    drop(store);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(Sqlite::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_store_is_open_once() {
    let (folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    for other in [&path, &link] {
        let second = Sqlite::open(other);
        let Err(StoreError::Locked { path: locked, holder }) = &second else { panic!("{second:?}") };
        assert_eq!((locked, *holder), (&path, Some(std::process::id())));
    }
    put(&store, "a", "1");
    drop(store);
    assert_eq!(keys(&Sqlite::open(&link).unwrap()), ["a"]);
}

#[test]
fn a_newer_format_is_left_alone() {
    let (folder, path) = folder();
    small_store(&path);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    newer.execute_batch("ALTER TABLE entry RENAME TO something_new").unwrap();
    drop(newer);
    let before = contents(&folder);
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, known: 1, .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("store.db was written by a newer periapt: its format is 7"), "{said}");
    assert_eq!(contents(&folder), before);
}

/// A newer program was killed: what it wrote last is in the log only, and must stay there.
#[test]
fn the_log_of_a_newer_format_is_left_alone() {
    let (folder, path) = folder();
    small_store(&path);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let before = contents(&copy);
    let error = Sqlite::open(copy.path().join("store.db")).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, .. }), "{error:?}");
    let after = contents(&copy);
    for file in before {
        assert!(after.contains(&file), "{} was changed", file.0.display());
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let other_database = {
        let (_folder, path) = folder();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
        drop(other);
        fs::read(&path).unwrap()
    };
    let marked_database = {
        let (_folder, path) = folder();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("PRAGMA application_id = 7; CREATE TABLE theirs (a)").unwrap();
        drop(other);
        fs::read(&path).unwrap()
    };
    let text = b"a diary, not a database\n".repeat(400);
    let cases: [&[u8]; 5] = [b"short", b"SQLite format 3\0", &text, &other_database, &marked_database];
    for content in cases {
        let (folder, path) = folder();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let before = contents(&folder);
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(contents(&folder), before, "{error}");
    }
}

#[test]
fn damage_is_found_and_left_alone() {
    let (_origin, origin) = folder();
    let store = Sqlite::open(&origin).unwrap();
    for n in 0..200 {
        put(&store, &format!("key/{n:03}"), vec![7; 500]);
    }
    drop(store);
    let whole = fs::read(&origin).unwrap();
    let mut scribbled = whole.clone();
    for page in scribbled.chunks_mut(4096).skip(4) {
        page[..64].fill(0x5a);
    }
    let truncated = whole[..whole.len() / 2].to_vec();
    for content in [scribbled, truncated] {
        let (folder, path) = folder();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let before = contents(&folder);
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        assert_eq!(contents(&folder), before);
    }
}

#[test]
fn a_log_without_its_database_is_not_deleted() {
    let (folder, path) = folder();
    let log = folder.path().join("store.db-wal");
    fs::write(&log, b"the last of it").unwrap();
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(fs::read(&log).unwrap(), b"the last of it");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let (_folder, path) = folder();
    fs::write(&path, b"").unwrap();
    small_store(&path);
    assert_eq!(keys(&Sqlite::open(&path).unwrap()), ["a"]);
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _) = folder();
    let path = folder.path().join("missing/store.db");
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/store.db"), "{error}");
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. } | StoreError::NotAStore { .. }), "{error:?}");
}

#[test]
fn a_forbidden_file_is_named() {
    let (_folder, path) = folder();
    small_store(&path);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        // Nothing is forbidden to this user.
        return;
    }
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Permission { .. }), "{error:?}");
}

#[test]
fn a_full_disk_stops_all_writes_until_reopened() {
    let (_folder, path) = folder();
    let limited = SqliteOptions { store: Options::default(), max_bytes: Some(256 << 10) };
    let store = Sqlite::open_with(&path, &limited).unwrap();
    let mut pending: Vec<_> =
        (0..200).map(|n| store.submit(Txn::new().put(format!("{n:03}"), vec![1; 4000]))).collect();
    // Small enough to fit, and last: what comes after a loss is lost as well.
    pending.push(store.submit(Txn::new().put("small", *b"1")));
    let answers: Vec<_> = pending.into_iter().map(|pending| pending.wait()).collect();
    let done = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert!(done < 200, "everything fitted");
    let refused = &answers[done..];
    assert!(
        matches!(&refused[0], Err(TxnError::Store(StoreError::DiskFull { path: p })) if *p == path),
        "{:?}",
        refused[0]
    );
    let odd = refused.iter().position(|answer| !matches!(answer, Err(TxnError::Store(_))));
    assert!(odd.is_none(), "{done} were done, and {odd:?} after that: {:?}", odd.map(|at| &refused[at]));
    let later = store.submit(Txn::new().put("small", *b"1")).wait();
    let Err(TxnError::Store(StoreError::Failed { cause })) = &later else { panic!("{later:?}") };
    assert!(matches!(**cause, StoreError::DiskFull { .. }));
    // What was answered is there, and can still be read; what was not is lost from some point on.
    let expected: Vec<String> = (0..done).map(|n| format!("{n:03}")).collect();
    assert_eq!(keys(&store), expected);
    drop(store);
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(keys(&store), expected);
    put(&store, "small", "1");
}

#[test]
fn the_log_does_not_grow_without_end() {
    let (folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    for n in 0..200 {
        put(&store, &format!("{}", n % 10), vec![n as u8; 200_000]);
    }
    let log = fs::metadata(folder.path().join("store.db-wal")).unwrap().len();
    assert!(log < 16 << 20, "40 MB were written, and the log has {log} bytes");
}

#[test]
fn scrubbing_leaves_nothing_of_what_was_replaced_or_deleted() {
    let (folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    let secret = |number: usize| format!("kohlrabi-{number}-{}", "x".repeat(number * 700));
    for number in 0..40 {
        put(&store, &format!("replaced/{number}"), secret(number));
        put(&store, &format!("deleted/{number}"), secret(number));
    }
    // Some of it has reached the file, some is in the log only.
    for number in 0..40 {
        put(&store, &format!("replaced/{number}"), "sealed");
    }
    store.submit(Txn::new().delete_prefix("deleted/")).wait().unwrap();
    let found = || {
        let files = fs::read_dir(folder.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        files.filter(|bytes| bytes.windows(9).any(|part| part == b"kohlrabi-")).count()
    };
    assert!(found() > 0, "the test would show nothing otherwise");
    store.scrub().wait().unwrap();
    assert_eq!(found(), 0);
    assert_eq!(keys(&store).len(), 40);
    put(&store, "more", "1");
    drop(store);
    assert_eq!(keys(&Sqlite::open(&path).unwrap()).len(), 41);
    assert_eq!(found(), 0);
}
