//! What every store must do, run against each of them. A store that keeps its data elsewhere joins by one more
//! [`Opener`] and one more line at the end of this file.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod leases;
mod model;
mod ranges;
mod transactions;
mod watches;

use std::sync::Arc;

use periapt_store::{
    Committed, Key, KeyRange, KeyValue, Memory, Options, Query, Revision, Sqlite, SqliteOptions, Store, Txn,
    TxnError,
};

/// Makes empty stores of one kind.
pub(crate) trait Opener: std::panic::RefUnwindSafe {
    fn open(&self, options: Options) -> Fixture;
}

/// An open store. It goes before the folder that it is in.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) fn commit(&self, txn: Txn) -> Revision {
        self.try_commit(txn).unwrap().revision
    }

    pub(crate) fn try_commit(&self, txn: Txn) -> Result<Committed, TxnError> {
        self.store.submit(txn).wait()
    }

    pub(crate) fn put(&self, key: &str, value: &str) -> Revision {
        self.commit(Txn::new().put(key, value.as_bytes()))
    }

    pub(crate) fn get(&self, key: &str) -> Option<KeyValue> {
        self.store.get(&Key::from(key)).wait().unwrap()
    }

    pub(crate) fn head(&self) -> Revision {
        self.store.head().wait().unwrap()
    }

    /// The keys a query answers, and whether there are more.
    pub(crate) fn keys(&self, query: impl Into<Query>) -> (Vec<String>, bool) {
        let result = self.store.range(query.into()).wait().unwrap();
        (result.entries.iter().map(|entry| entry.key.to_string()).collect(), result.more)
    }

    pub(crate) fn all_keys(&self) -> Vec<String> {
        self.keys(KeyRange::all()).0
    }
}

pub(crate) struct InMemory;

impl Opener for InMemory {
    fn open(&self, options: Options) -> Fixture {
        Fixture { store: Arc::new(Memory::open(&options).unwrap()), _folder: None }
    }
}

pub(crate) struct InSqlite;

impl Opener for InSqlite {
    fn open(&self, options: Options) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions { store: options, max_bytes: None };
        let store = Sqlite::open_with(folder.path().join("store.db"), &options).unwrap();
        Fixture { store: Arc::new(store), _folder: Some(folder) }
    }
}

macro_rules! parity {
    ($($group:ident: $($case:ident)*;)*) => {
        parity!(@store memory, crate::InMemory, $($group: $($case)*;)*);
        parity!(@store sqlite, crate::InSqlite, $($group: $($case)*;)*);
    };
    (@store $name:ident, $opener:expr, $($group:ident: $($case:ident)*;)*) => {
        mod $name {
            $(mod $group {
                $(#[test]
                fn $case() {
                    crate::$group::$case(&$opener);
                })*
            })*
        }
    };
}

parity! {
    transactions:
        an_empty_store_is_at_revision_one
        entries_carry_their_revisions
        a_failed_compare_changes_nothing
        absence_can_be_required
        what_changes_nothing_makes_no_revision
        a_transaction_is_one_revision
        the_last_write_to_a_key_counts
        deletes_take_prefixes_and_ranges
        the_empty_key_is_refused
        any_bytes_are_keys_and_values
        large_values_come_back
        the_order_of_submit_is_the_order_of_commit
        concurrent_counters_lose_nothing
        an_answer_can_be_ignored;
    ranges:
        a_range_has_bounds
        a_range_can_be_read_page_by_page
        a_range_can_be_read_backwards
        keys_can_be_read_without_values
        a_range_tells_its_revision;
    watches:
        changes_come_in_order_from_a_revision
        a_watch_sees_its_range_only
        a_revision_comes_whole_and_in_the_order_of_keys
        a_watch_can_be_resumed
        a_watch_waits_for_what_comes
        a_watch_can_begin_in_the_future
        compacted_revisions_cannot_be_watched
        compaction_overtakes_a_slow_watch
        only_the_past_can_be_compacted
        a_bounded_history_forgets
        a_large_deletion_is_seen_whole
        range_then_watch_misses_nothing
        closing_ends_a_watch;
    leases:
        keys_end_with_their_lease
        a_lease_kept_alive_lives_on
        time_that_is_up_stays_up
        revoking_deletes_at_once
        unknown_leases_are_refused
        a_write_moves_a_key_to_its_own_lease
        a_deleted_key_is_free_of_its_lease
        an_empty_lease_ends_without_a_revision
        expiry_comes_before_what_is_submitted_after_it
        leases_end_one_by_one
        real_time_ends_a_lease;
    model:
        random_operations_match_the_model;
}
