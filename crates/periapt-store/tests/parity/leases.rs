use std::sync::Arc;
use std::time::Duration;

use periapt_store::{KeyRange, LeaseError, LeaseId, ManualClock, Options, Revision, Txn, TxnError};

use crate::watches::{next, watch};
use crate::{Fixture, Opener};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn open(opener: &dyn Opener) -> (Fixture, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let options = Options { clock: clock.clone(), ..Options::default() };
    (opener.open(options), clock)
}

fn grant(fixture: &Fixture, ttl: u64) -> LeaseId {
    fixture.store.grant(seconds(ttl)).wait().unwrap()
}

fn keep_alive(fixture: &Fixture, lease: LeaseId) -> Result<Duration, LeaseError> {
    fixture.store.keep_alive(lease).wait()
}

/// Waits until everything that the clock has brought about is done.
fn settle(fixture: &Fixture) {
    fixture.commit(Txn::new());
}

pub(crate) fn keys_end_with_their_lease(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    fixture.commit(Txn::new().put_leased("b", *b"1", lease).put("free", *b"1"));
    fixture.commit(Txn::new().put_leased("a", *b"1", lease));
    assert_eq!(fixture.get("a").unwrap().lease, Some(lease));
    let mut watch = watch(&fixture, KeyRange::all(), 4);
    clock.advance(seconds(9));
    settle(&fixture);
    assert_eq!(fixture.all_keys(), ["a", "b", "free"]);
    clock.advance(seconds(1));
    assert_eq!(next(&mut watch), "4 -a -b");
    assert_eq!(fixture.all_keys(), ["free"]);
    assert_eq!(fixture.head(), Revision(4));
}

pub(crate) fn a_lease_kept_alive_lives_on(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    let head = fixture.commit(Txn::new().put_leased("a", *b"1", lease));
    for _ in 0..5 {
        clock.advance(seconds(9));
        assert_eq!(keep_alive(&fixture, lease).unwrap(), seconds(10));
    }
    settle(&fixture);
    assert_eq!((fixture.all_keys(), fixture.head()), (vec!["a".to_owned()], head));
    clock.advance(seconds(10));
    settle(&fixture);
    assert!(fixture.all_keys().is_empty());
}

pub(crate) fn time_that_is_up_stays_up(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    clock.advance(seconds(10));
    let kept = keep_alive(&fixture, lease);
    assert!(matches!(kept, Err(LeaseError::NotFound(id)) if id == lease), "{kept:?}");
    let put = fixture.try_commit(Txn::new().put_leased("a", *b"1", lease));
    assert!(matches!(put, Err(TxnError::LeaseNotFound(id)) if id == lease), "{put:?}");
    let revoked = fixture.store.revoke(lease).wait();
    assert!(matches!(revoked, Err(LeaseError::NotFound(_))), "{revoked:?}");
    assert_ne!(grant(&fixture, 10), lease, "identifiers do not come back");
}

pub(crate) fn revoking_deletes_at_once(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    let mut watch = watch(&fixture, KeyRange::all(), 3);
    // In order with the transactions around it, without waiting for any of them.
    let put = fixture.store.submit(Txn::new().put_leased("a", *b"1", lease));
    let revoked = fixture.store.revoke(lease);
    let late = fixture.store.submit(Txn::new().put_leased("b", *b"1", lease));
    assert_eq!(put.wait().unwrap().revision, Revision(2));
    assert_eq!(revoked.wait().unwrap().revision, Revision(3));
    let late = late.wait();
    assert!(matches!(late, Err(TxnError::LeaseNotFound(_))), "{late:?}");
    assert_eq!(next(&mut watch), "3 -a");
    assert!(matches!(fixture.store.revoke(lease).wait(), Err(LeaseError::NotFound(_))));
    clock.advance(seconds(100));
    settle(&fixture);
    assert_eq!(fixture.head(), Revision(3));
}

pub(crate) fn unknown_leases_are_refused(opener: &dyn Opener) {
    let (fixture, _clock) = open(opener);
    for lease in [LeaseId(0), LeaseId(7), LeaseId(u64::MAX)] {
        let put = fixture.try_commit(Txn::new().put("b", *b"1").put_leased("a", *b"1", lease));
        assert!(matches!(put, Err(TxnError::LeaseNotFound(id)) if id == lease), "{put:?}");
        assert!(matches!(keep_alive(&fixture, lease), Err(LeaseError::NotFound(_))));
        assert!(matches!(fixture.store.revoke(lease).wait(), Err(LeaseError::NotFound(_))));
    }
    assert!(fixture.all_keys().is_empty());
}

pub(crate) fn a_write_moves_a_key_to_its_own_lease(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let (short, long) = (grant(&fixture, 10), grant(&fixture, 20));
    let txn =
        ["freed", "moved", "left"].iter().fold(Txn::new(), |txn, key| txn.put_leased(*key, *b"1", short));
    fixture.commit(txn);
    fixture.commit(Txn::new().put("freed", *b"2").put_leased("moved", *b"2", long));
    assert_eq!(fixture.get("freed").unwrap().lease, None);
    clock.advance(seconds(10));
    settle(&fixture);
    assert_eq!(fixture.all_keys(), ["freed", "moved"]);
    clock.advance(seconds(10));
    settle(&fixture);
    assert_eq!(fixture.all_keys(), ["freed"]);
}

pub(crate) fn a_deleted_key_is_free_of_its_lease(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    fixture.commit(Txn::new().put_leased("a", *b"1", lease));
    fixture.commit(Txn::new().delete("a"));
    let head = fixture.put("a", "2");
    clock.advance(seconds(10));
    settle(&fixture);
    assert_eq!((fixture.all_keys(), fixture.head()), (vec!["a".to_owned()], head));
}

pub(crate) fn an_empty_lease_ends_without_a_revision(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let expired = grant(&fixture, 10);
    let revoked = grant(&fixture, 10);
    assert_eq!(fixture.store.revoke(revoked).wait().unwrap().revision, Revision::INITIAL);
    clock.advance(seconds(10));
    settle(&fixture);
    assert!(keep_alive(&fixture, expired).is_err());
    assert_eq!(fixture.head(), Revision::INITIAL);
}

pub(crate) fn expiry_comes_before_what_is_submitted_after_it(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    let lease = grant(&fixture, 10);
    fixture.commit(Txn::new().put_leased("leader", *b"1", lease));
    clock.advance(seconds(10));
    // The next holder need not look again: the key is gone as soon as the time is up.
    let taken = fixture.commit(Txn::new().require_absent("leader").put("leader", *b"2"));
    assert_eq!(taken, Revision(4));
}

pub(crate) fn leases_end_one_by_one(opener: &dyn Opener) {
    let (fixture, clock) = open(opener);
    for (key, ttl) in [("c", 30), ("a", 10), ("b", 20)] {
        let lease = grant(&fixture, ttl);
        fixture.commit(Txn::new().put_leased(key, *b"1", lease));
    }
    let mut watch = watch(&fixture, KeyRange::all(), 5);
    clock.advance(seconds(100));
    for expected in ["5 -a", "6 -b", "7 -c"] {
        assert_eq!(next(&mut watch), expected);
    }
}

pub(crate) fn real_time_ends_a_lease(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let lease = fixture.store.grant(Duration::from_secs(1)).wait().unwrap();
    fixture.commit(Txn::new().put_leased("a", *b"1", lease));
    assert_eq!(next(&mut watch(&fixture, KeyRange::all(), 3)), "3 -a");
}
