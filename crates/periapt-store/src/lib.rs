//! A small transactional key-value store: an ordered map from byte keys to byte values with a global revision.
//!
//! This crate owns the [`Store`] contract and the embedded stores that keep it, [`Memory`] and [`Sqlite`]. It must
//! not know what the keys mean.
//!
//! The model is etcd's, so that an etcd client can stand behind the same trait:
//!
//! - **Revisions.** Each transaction that changes something gets the next [`Revision`], one number for the whole
//!   store. A transaction that changes nothing (it only deletes what is not there) reports the current revision. An
//!   empty store is at revision 1.
//! - **Transactions** are optimistic: [`Txn`] names the modification revision that each key it read must still have
//!   (0: the key must not exist), then what to write. All of it happens, or none.
//! - **Order.** [`Store::submit`] enqueues at once; the order of the calls is the order of the commits. A caller may
//!   change its own copy of the data under a lock, submit, release the lock, and only then wait for durability.
//! - **Prefix durability.** When a commit fails for a reason other than the transaction's own (full disk, I/O error),
//!   every transaction queued behind it fails too, and so does every later one until the store is opened again: a
//!   later transaction is never committed after an earlier one was lost. The outcome of the transactions that failed
//!   so is known only after reopening. A [conflict](TxnError::Conflict) fails alone.
//! - **Watches** ([`Store::watch`]) see every change of a key range, in order, from a given revision. Events are kept
//!   in memory only, in a ring bounded by [`HistoryLimits`]; values are shared with the writer, not copied. Older
//!   revisions, revisions given to [`Store::compact`], and everything before the last opening of an embedded store
//!   cannot be watched any more: [`WatchError::Compacted`] then names the oldest revision that can. The cure is
//!   always the same: read the range again, and watch from the revision after the one it was read at.
//! - **Leases** delete the keys attached to them when their time is up, as ordinary delete events. Time comes from the
//!   [`Clock`] given at opening. Keeping a lease alive costs no disk write; after an embedded store is reopened, its
//!   leases have their full time to live again, as after a change of etcd's leader.
//!
//! # Limits to keep for etcd's sake
//!
//! etcd by default refuses a transaction with more than 128 operations or 1.5 MiB, and counts time to live in whole
//! seconds. The embedded stores have no such limits.

mod clock;
mod engine;
mod error;
mod history;
mod lease;
mod memory;
mod pending;
mod sqlite;
mod txn;
mod types;

use std::sync::Arc;
use std::time::Duration;

pub use clock::{Clock, ManualClock, SystemClock, Wake};
pub use error::{CompactError, LeaseError, StoreError, TxnError, WatchError};
pub use history::{Changes, HistoryLimits, Watch};
pub use memory::Memory;
pub use pending::Pending;
pub use sqlite::{Sqlite, SqliteOptions};
pub use txn::{Compare, Op, Txn};
pub use types::{Committed, Event, Key, KeyRange, KeyValue, LeaseId, Query, RangeResult, Revision, Value};

/// A transactional key-value store. The crate's page describes the contract that every implementation keeps.
///
/// Nothing here is an `async fn`: each call does its part at once and returns a [`Pending`], which is a future and can
/// also be waited for from synchronous code. Dropping a `Pending` cancels nothing.
///
/// The embedded stores write on a thread of their own and read within the call, on the caller's thread: a lookup takes
/// microseconds. Page through large ranges with [`Query::limit`] rather than read them whole from an async task.
pub trait Store: Send + Sync + 'static {
    /// Enqueues a transaction. The order of the calls is the order of the commits; the answer comes when the
    /// transaction is durable. The queue is not bounded: whoever submits without waiting bounds it himself.
    fn submit(&self, txn: Txn) -> Pending<Committed, TxnError>;

    /// Reads the keys of a range at the head. Only what is durable is seen, a whole transaction at a time.
    fn range(&self, query: Query) -> Pending<RangeResult, StoreError>;

    /// Reads one key at the head.
    fn get(&self, key: &Key) -> Pending<Option<KeyValue>, StoreError>;

    /// The revision of the last durable change.
    fn head(&self) -> Pending<Revision, StoreError>;

    /// Watches a range for changes, beginning with those of revision `from` (which may lie in the future).
    ///
    /// # Errors
    ///
    /// [`WatchError::Compacted`] when `from` is older than the history that is kept.
    fn watch(&self, range: KeyRange, from: Revision) -> Pending<Watch, WatchError>;

    /// Forgets the history up to and including `revision`; the oldest revision that can be watched is then the next
    /// one. Current values are untouched. Compacting what is compacted already does nothing.
    ///
    /// # Errors
    ///
    /// [`CompactError::Future`] when `revision` has not been reached.
    fn compact(&self, revision: Revision) -> Pending<(), CompactError>;

    /// Grants a lease that ends `ttl` from now unless it is kept alive. The lease is durable when the answer comes.
    /// Leases are not part of the revisioned data: granting one makes no revision.
    fn grant(&self, ttl: Duration) -> Pending<LeaseId, StoreError>;

    /// Starts the lease's time to live anew, and answers it.
    ///
    /// # Errors
    ///
    /// [`LeaseError::NotFound`] when the lease was revoked or its time is up, even if its keys are not deleted yet.
    fn keep_alive(&self, lease: LeaseId) -> Pending<Duration, LeaseError>;

    /// Ends a lease now and deletes its keys, all in one revision, in order with the transactions submitted before.
    ///
    /// # Errors
    ///
    /// [`LeaseError::NotFound`] when the lease was revoked or its time is up.
    fn revoke(&self, lease: LeaseId) -> Pending<Committed, LeaseError>;

    /// Takes off the disk what values that were replaced or deleted before have left there: a value that was stored in
    /// the clear by mistake cannot be found in the store's files afterwards. May take as long as copying the store;
    /// what is submitted meanwhile waits. A store without files of its own has nothing to do.
    ///
    /// # Errors
    ///
    /// Those of writing; the store is then as it was, and goes on.
    fn scrub(&self) -> Pending<(), StoreError>;
}

/// What every embedded store is opened with.
#[derive(Clone)]
pub struct Options {
    /// Where the time of leases comes from.
    pub clock: Arc<dyn Clock>,
    /// How much of the past watchers can be served.
    pub history: HistoryLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), history: HistoryLimits::default() }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("history", &self.history).finish_non_exhaustive()
    }
}
