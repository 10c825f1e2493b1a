//! The store in memory: for tests, simulations and models that need not outlive the process.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use imbl::OrdMap;

use crate::engine::{Backend, Engine, Found, Reader, store_through_engine};
use crate::txn::Write;
use crate::{Key, KeyRange, KeyValue, LeaseId, Options, Query, RangeResult, Revision, StoreError};

/// A [`Store`](crate::Store) in memory. It behaves as [`Sqlite`](crate::Sqlite) does, but is gone when dropped.
pub struct Memory {
    engine: Engine,
}

impl Memory {
    /// An empty store with its own clock and history limits.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when no thread can be started.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let (writer, reader) = backend();
        let found = Found { head: Revision::INITIAL, leases: Vec::new() };
        let engine = Engine::start(writer, reader, found, options)
            .map_err(|error| StoreError::Io { path: "memory".into(), reason: error.to_string() })?;
        Ok(Self { engine })
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

store_through_engine!(Memory);

/// One state of the store. Cheap to clone: the map shares its structure.
#[derive(Clone)]
struct Snapshot {
    head: Revision,
    entries: OrdMap<Key, KeyValue>,
}

/// The two halves of an empty store.
pub(crate) fn backend() -> (Writer, MemoryReader) {
    let snapshot = Snapshot { head: Revision::INITIAL, entries: OrdMap::new() };
    let shared = Arc::new(RwLock::new(snapshot.clone()));
    let writer = Writer { working: snapshot.entries, committed: Arc::clone(&shared), last_lease: 0 };
    (writer, MemoryReader(shared))
}

/// Works on a snapshot of its own, which each commit shows to the readers.
pub(crate) struct Writer {
    working: OrdMap<Key, KeyValue>,
    committed: Arc<RwLock<Snapshot>>,
    last_lease: u64,
}

impl Writer {
    fn remove(&mut self, keys: Vec<Key>) -> Vec<Key> {
        for key in &keys {
            self.working.remove(key);
        }
        keys
    }
}

impl Backend for Writer {
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn mod_revision(&mut self, key: &Key) -> Result<Revision, StoreError> {
        Ok(self.working.get(key).map_or(Revision::ABSENT, |entry| entry.mod_revision))
    }

    fn put(&mut self, key: &Key, write: &Write, revision: Revision) -> Result<KeyValue, StoreError> {
        let (create_revision, version) =
            self.working.get(key).map_or((revision, 1), |old| (old.create_revision, old.version + 1));
        let entry = KeyValue {
            key: key.clone(),
            value: Arc::clone(&write.value),
            create_revision,
            mod_revision: revision,
            version,
            lease: write.lease,
        };
        self.working.insert(key.clone(), entry.clone());
        Ok(entry)
    }

    fn delete(&mut self, range: &KeyRange) -> Result<Vec<Key>, StoreError> {
        let keys = within(&self.working, range).map(|(key, _)| key.clone()).collect();
        Ok(self.remove(keys))
    }

    fn insert_lease(&mut self, _ttl: Duration) -> Result<LeaseId, StoreError> {
        self.last_lease += 1;
        Ok(LeaseId(self.last_lease))
    }

    fn delete_lease(&mut self, lease: LeaseId) -> Result<Vec<Key>, StoreError> {
        // Leases end rarely enough for a look at every entry.
        let attached = self.working.iter().filter(|(_, entry)| entry.lease == Some(lease));
        let keys = attached.map(|(key, _)| key.clone()).collect();
        Ok(self.remove(keys))
    }

    fn commit(&mut self, head: Revision) -> Result<(), StoreError> {
        let snapshot = Snapshot { head, entries: self.working.clone() };
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }
}

/// Reads the last snapshot committed.
pub(crate) struct MemoryReader(Arc<RwLock<Snapshot>>);

impl MemoryReader {
    fn snapshot(&self) -> Snapshot {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Reader for MemoryReader {
    fn range(&self, query: &Query) -> Result<RangeResult, StoreError> {
        let snapshot = self.snapshot();
        let found = within(&snapshot.entries, &query.range).map(|(_, entry)| entry);
        let limit = query.limit.unwrap_or(usize::MAX);
        // One more than asked for tells whether there are more.
        let page = limit.saturating_add(1);
        let mut entries: Vec<KeyValue> = if query.reverse {
            found.rev().take(page).cloned().collect()
        } else {
            found.take(page).cloned().collect()
        };
        if query.keys_only {
            for entry in &mut entries {
                entry.value = Arc::from([]);
            }
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(RangeResult { revision: snapshot.head, entries, more })
    }

    fn get(&self, key: &Key) -> Result<Option<KeyValue>, StoreError> {
        Ok(self.snapshot().entries.get(key).cloned())
    }
}

/// The entries of a range. (A range that ends before it starts would make the map panic.)
fn within<'a>(
    entries: &'a OrdMap<Key, KeyValue>,
    range: &KeyRange,
) -> impl DoubleEndedIterator<Item = (&'a Key, &'a KeyValue)> + use<'a> {
    use std::ops::Bound;
    let start = range.start.clone();
    let end = match &range.end {
        Some(end) if range.is_empty() => Bound::Excluded(start.clone().max(end.clone())),
        Some(end) => Bound::Excluded(end.clone()),
        None => Bound::Unbounded,
    };
    entries.range((Bound::Included(start), end))
}
