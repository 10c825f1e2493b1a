//! A process that writes is killed at a random moment, again and again. Afterwards every transaction that was answered
//! is there, whole; of the others, the first few may be there, whole, and no later one without those before it.
//!
//! The process is this test executable, started anew to run [`writer`] alone.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use periapt_store::{Key, KeyRange, Revision, Sqlite, Store, StoreError, Txn};

/// Tells the child process which store to write to.
const STORE: &str = "PERIAPT_TEST_CRASH_STORE";
/// How many transactions the child has under way at once.
const WINDOW: usize = 24;
/// How often it is killed.
const KILLS: u32 = 60;

fn payload(n: u64) -> Vec<u8> {
    let mut bytes = n.to_le_bytes().to_vec();
    let length = (n * 7919 % 3000) as usize;
    bytes.resize(8 + length, n as u8);
    bytes
}

/// Transaction `n` writes two records and the counter, and moves a key; it needs transaction `n - 1`.
fn transaction(n: u64, previous: Revision) -> Txn {
    Txn::new()
        .require("counter", previous)
        .put("counter", n.to_le_bytes())
        .put(format!("left/{n:08}"), payload(n))
        .put(format!("right/{n:08}"), payload(n))
        .delete_prefix("place/")
        .put(format!("place/{n}"), [])
}

/// How many transactions the store holds, after checking that it holds exactly the first so many.
fn check(store: &Sqlite) -> u64 {
    let all = store.range(KeyRange::all().into()).wait().unwrap();
    let counter = store.get(&Key::from("counter")).wait().unwrap();
    let count = counter.map_or(0, |entry| u64::from_le_bytes((*entry.value).try_into().unwrap()));
    assert_eq!(all.revision, Revision(count + 1));
    let records = if count == 0 { 0 } else { 2 * count as usize + 2 };
    assert_eq!(all.entries.len(), records, "of {count} transactions");
    for side in ["left", "right"] {
        let prefix = Key::from(format!("{side}/"));
        let found = all.entries.iter().filter(|entry| entry.key.as_bytes().starts_with(prefix.as_bytes()));
        for (n, entry) in (1..=count).zip(found) {
            assert_eq!(entry.key, format!("{side}/{n:08}").into());
            assert!(*entry.value == payload(n)[..], "{}", entry.key);
            assert_eq!((entry.mod_revision, entry.version), (Revision(n + 1), 1));
        }
    }
    if count > 0 {
        assert!(store.get(&format!("place/{count}").into()).wait().unwrap().is_some());
    }
    count
}

/// The child: writes without end, and prints the number of each transaction that was answered.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let store = Sqlite::open(path).unwrap();
    let mut next = store.head().wait().unwrap().0;
    let mut under_way = VecDeque::new();
    // Not through `println!`, which the test harness would keep for itself.
    let mut out = std::io::stdout();
    writeln!(out, "\nopen").unwrap();
    loop {
        while under_way.len() < WINDOW {
            let previous = if next == 1 { Revision::ABSENT } else { Revision(next) };
            under_way.push_back((next, store.submit(transaction(next, previous))));
            next += 1;
        }
        let Some((n, pending)) = under_way.pop_front() else { return };
        assert_eq!(pending.wait().unwrap().revision, Revision(n + 1));
        writeln!(out, "answered {n}").unwrap();
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The number of the last transaction of which the child said that it was answered.
fn last_answered(lines: impl Iterator<Item = String>) -> Option<u64> {
    lines.filter_map(|line| line.strip_prefix("answered ")?.parse().ok()).last()
}

/// A small generator of the same numbers every time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn store_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

#[test]
fn what_was_answered_survives_a_kill() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (_folder, path) = store_file();
    let mut count = 0;
    for _ in 0..KILLS {
        let mut child = start(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // To a random answer, and a random part of a millisecond on.
        let wanted = usize::try_from(random.below(40)).unwrap();
        let mut heard =
            last_answered(lines.by_ref().filter(|line| line.starts_with("answered ")).take(wanted));
        let (moment, since) = (Duration::from_micros(random.below(1500)), Instant::now());
        while since.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        heard = last_answered(lines).or(heard);

        let store = Sqlite::open(&path).unwrap();
        let found = check(&store);
        let least = heard.unwrap_or(count);
        assert!(found >= least, "{least} was answered, and {found} is the last there");
        assert!(found <= least + WINDOW as u64);
        count = found;
    }
    assert!(count > 100, "only {count} transactions in all: nothing was tested");
}

#[test]
fn a_store_killed_while_it_is_made_can_be_opened() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..25 {
        let (_folder, path) = store_file();
        let mut child = start(&path);
        // From the moment that the first file is there, or the child is done with everything.
        let lock = path.with_extension("db.lock");
        while !lock.exists() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let (moment, since) = (Duration::from_micros(random.below(6000)), Instant::now());
        while since.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        check(&Sqlite::open(&path).unwrap());
    }
}

#[test]
fn another_process_is_kept_out() {
    let (_folder, path) = store_file();
    let mut child = start(&path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "open"));
    let second = Sqlite::open(&path);
    assert!(
        matches!(&second, Err(StoreError::Locked { holder, .. }) if *holder == Some(child.id())),
        "{second:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    check(&Sqlite::open(&path).unwrap());
}
