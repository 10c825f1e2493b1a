//! The queue and the batches, on a backend whose commits the test holds back and breaks.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::memory;

/// A memory backend that asks before each commit, and fails if told to.
struct Gated {
    inner: memory::Writer,
    at_commit: Sender<()>,
    go: Receiver<bool>,
}

impl Backend for Gated {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.inner.begin()
    }
    fn mod_revision(&mut self, key: &Key) -> Result<Revision, StoreError> {
        self.inner.mod_revision(key)
    }
    fn put(&mut self, key: &Key, write: &Write, revision: Revision) -> Result<KeyValue, StoreError> {
        self.inner.put(key, write, revision)
    }
    fn delete(&mut self, range: &KeyRange) -> Result<Vec<Key>, StoreError> {
        self.inner.delete(range)
    }
    fn insert_lease(&mut self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.inner.insert_lease(ttl)
    }
    fn delete_lease(&mut self, lease: LeaseId) -> Result<Vec<Key>, StoreError> {
        self.inner.delete_lease(lease)
    }
    fn commit(&mut self, head: Revision) -> Result<(), StoreError> {
        let _ = self.at_commit.send(());
        match self.go.recv() {
            Ok(true) => self.inner.commit(head),
            _ => Err(StoreError::DiskFull { path: PathBuf::from("test.db") }),
        }
    }
}

/// An engine on a [`Gated`] backend, and the two ends of its gate.
fn gated() -> (Engine, Receiver<()>, Sender<bool>) {
    let (writer, reader) = memory::backend();
    let (at_commit, arrived) = channel();
    let (go, gate) = channel();
    let found = Found { head: Revision::INITIAL, leases: Vec::new() };
    let backend = Gated { inner: writer, at_commit, go: gate };
    let engine = Engine::start(backend, reader, found, &Options::default()).unwrap();
    (engine, arrived, go)
}

fn put(key: &str) -> Txn {
    Txn::new().put(key, *b"v")
}

#[test]
fn what_queues_during_a_commit_shares_the_next_one() {
    let (engine, arrived, go) = gated();
    let first = engine.submit(put("first"));
    arrived.recv().unwrap();
    let rest: Vec<_> = (0..100).map(|n| engine.submit(put(&format!("rest/{n:03}")))).collect();
    assert!(engine.range(&KeyRange::all().into()).wait().unwrap().entries.is_empty());
    go.send(true).unwrap();
    assert_eq!(first.wait().unwrap().revision, Revision(2));
    arrived.recv().unwrap();
    assert_eq!(engine.head().wait().unwrap(), Revision(2), "visible before durable");
    go.send(true).unwrap();
    for (n, pending) in rest.into_iter().enumerate() {
        assert_eq!(pending.wait().unwrap().revision, Revision(3 + n as u64));
    }
    assert!(arrived.try_recv().is_err(), "more than two commits");
}

#[test]
fn a_conflict_in_a_batch_fails_alone_and_sees_what_was_queued_before() {
    let (engine, arrived, go) = gated();
    let blocker = engine.submit(put("blocker"));
    arrived.recv().unwrap();
    let create = engine.submit(put("key").require_absent("key"));
    let again = engine.submit(put("key").require_absent("key"));
    let update = engine.submit(put("key").require("key", Revision(3)));
    go.send(true).unwrap();
    go.send(true).unwrap();
    blocker.wait().unwrap();
    assert_eq!(create.wait().unwrap().revision, Revision(3));
    let conflict = again.wait();
    assert!(
        matches!(&conflict, Err(TxnError::Conflict { key, expected: Revision(0), actual: Revision(3) })
            if *key == "key".into()),
        "{conflict:?}"
    );
    assert_eq!(update.wait().unwrap().revision, Revision(4));
}

#[test]
fn after_a_lost_commit_nothing_is_committed() {
    let (engine, arrived, go) = gated();
    let mut watch = engine.watch(KeyRange::all(), Revision(2)).wait().unwrap();
    let lost = engine.submit(put("lost"));
    arrived.recv().unwrap();
    let queued = engine.submit(put("queued"));
    let lease = engine.grant(Duration::from_secs(1));
    go.send(false).unwrap();
    let lost = lost.wait();
    assert!(matches!(lost, Err(TxnError::Store(StoreError::DiskFull { .. }))), "{lost:?}");
    let queued = queued.wait();
    assert!(matches!(queued, Err(TxnError::Store(StoreError::Failed { .. }))), "{queued:?}");
    assert!(matches!(lease.wait(), Err(StoreError::Failed { .. })));
    let later = engine.submit(put("later")).wait();
    assert!(matches!(later, Err(TxnError::Store(StoreError::Failed { .. }))), "{later:?}");
    let kept = engine.keep_alive(LeaseId(1)).wait();
    assert!(matches!(kept, Err(LeaseError::Store(StoreError::Failed { .. }))), "{kept:?}");
    let ended = watch.try_next();
    assert!(matches!(ended, Err(WatchError::Store(StoreError::Failed { .. }))), "{ended:?}");
    assert!(engine.range(&KeyRange::all().into()).wait().unwrap().entries.is_empty());
}

#[test]
fn a_conflict_is_not_told_from_a_batch_that_is_lost() {
    let (engine, arrived, go) = gated();
    let blocker = engine.submit(put("blocker"));
    arrived.recv().unwrap();
    let create = engine.submit(put("key").require_absent("key"));
    let conflict = engine.submit(put("key").require_absent("key"));
    go.send(true).unwrap();
    go.send(false).unwrap();
    blocker.wait().unwrap();
    assert!(matches!(create.wait(), Err(TxnError::Store(_))));
    let conflict = conflict.wait();
    assert!(matches!(conflict, Err(TxnError::Store(_))), "{conflict:?}");
}

#[test]
fn closing_commits_what_is_queued() {
    let (engine, arrived, go) = gated();
    let mut watch = engine.watch(KeyRange::all(), Revision(2)).wait().unwrap();
    let first = engine.submit(put("first"));
    arrived.recv().unwrap();
    let second = engine.submit(put("second"));
    go.send(true).unwrap();
    go.send(true).unwrap();
    drop(engine);
    assert_eq!(first.wait().unwrap().revision, Revision(2));
    assert_eq!(second.wait().unwrap().revision, Revision(3));
    assert_eq!(watch.try_next().unwrap().unwrap().revision, Revision(2));
    assert_eq!(watch.try_next().unwrap().unwrap().revision, Revision(3));
    assert!(matches!(watch.try_next(), Err(WatchError::Store(StoreError::Closed))));
}
