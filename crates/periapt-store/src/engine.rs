//! What all embedded stores share: the queue, the thread that commits, leases and their expiry, watches.
//!
//! One thread owns the [`Backend`]. It takes whatever is queued, runs it as one batch, has the backend make the batch
//! durable, tells the watchers, and answers the callers. While it waits for the disk the queue fills again: the more
//! callers there are, the more of them share a commit.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::history::{History, RevisionEvents};
use crate::lease::Leases;
use crate::txn::{NormalTxn, Write};
use crate::{
    Clock, Committed, CompactError, Event, Key, KeyRange, KeyValue, LeaseError, LeaseId, Options, Pending,
    Query, RangeResult, Revision, StoreError, Txn, TxnError, Watch, WatchError,
};

/// A batch ends when it has this many requests,
const BATCH_REQUESTS: usize = 1024;
/// or when its keys and values have this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What an embedded store writes to. Used by the engine's thread only.
///
/// Between `begin` and `commit` it sees its own writes, and no reader does. After any error the engine never writes
/// to it again.
pub(crate) trait Backend: Send + 'static {
    /// Starts a batch.
    fn begin(&mut self) -> Result<(), StoreError>;
    /// The modification revision of a key, [`Revision::ABSENT`] if there is none.
    fn mod_revision(&mut self, key: &Key) -> Result<Revision, StoreError>;
    /// Writes a key and answers the entry.
    fn put(&mut self, key: &Key, write: &Write, revision: Revision) -> Result<KeyValue, StoreError>;
    /// Deletes a range and answers the keys that were there.
    fn delete(&mut self, range: &KeyRange) -> Result<Vec<Key>, StoreError>;
    /// Makes a lease with an identifier never used before.
    fn insert_lease(&mut self, ttl: Duration) -> Result<LeaseId, StoreError>;
    /// Removes a lease and the keys attached to it, and answers these.
    fn delete_lease(&mut self, lease: LeaseId) -> Result<Vec<Key>, StoreError>;
    /// Makes the batch durable and visible. `head` is the revision of its last change.
    fn commit(&mut self, head: Revision) -> Result<(), StoreError>;
    /// Does housekeeping for which no caller should wait.
    fn after_commit(&mut self) {}
    /// See [`Store::scrub`](crate::Store::scrub). Outside of a batch; a failure harms nothing.
    fn scrub(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What an embedded store reads from, in any thread.
pub(crate) trait Reader: Send + Sync + 'static {
    /// See [`Store::range`](crate::Store::range).
    fn range(&self, query: &Query) -> Result<RangeResult, StoreError>;
    /// See [`Store::get`](crate::Store::get).
    fn get(&self, key: &Key) -> Result<Option<KeyValue>, StoreError>;
}

/// What a backend was found to hold when it was opened.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) head: Revision,
    pub(crate) leases: Vec<(LeaseId, Duration)>,
}

enum Request {
    Txn(NormalTxn, oneshot::Sender<Result<Committed, TxnError>>),
    Grant(Duration, oneshot::Sender<Result<LeaseId, StoreError>>),
    Revoke(LeaseId, oneshot::Sender<Result<Committed, LeaseError>>),
    Scrub(oneshot::Sender<Result<(), StoreError>>),
    /// The clock was moved by hand.
    Tick,
    Close,
}

/// The answer to a request, held back until the batch is durable.
enum Answer {
    Txn(Result<Committed, TxnError>),
    Granted(LeaseId),
    Revoked(Result<Committed, LeaseError>),
    None,
}

/// What callers and the committing thread share.
struct Shared {
    clock: Arc<dyn Clock>,
    leases: Mutex<Leases>,
    history: Arc<History>,
    /// Why nothing can be written any more.
    failed: OnceLock<StoreError>,
}

impl Shared {
    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open embedded store. Dropping it commits what is queued, and waits for that.
pub(crate) struct Engine {
    queue: Sender<Request>,
    shared: Arc<Shared>,
    /// None only while the engine is dropped.
    reader: Option<Box<dyn Reader>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread that commits.
    pub(crate) fn start(
        backend: impl Backend,
        reader: impl Reader,
        found: Found,
        options: &Options,
    ) -> std::io::Result<Self> {
        let now = options.clock.now();
        let mut leases = Leases::default();
        for (id, ttl) in found.leases {
            leases.insert(id, ttl, now);
        }
        let shared = Arc::new(Shared {
            clock: Arc::clone(&options.clock),
            leases: Mutex::new(leases),
            history: Arc::new(History::new(found.head, options.history)),
            failed: OnceLock::new(),
        });
        let (queue, requests) = mpsc::channel();
        let tick = queue.clone();
        options.clock.on_change(Box::new(move || tick.send(Request::Tick).is_ok()));
        let committer = Committer { backend, requests, shared: Arc::clone(&shared), head: found.head };
        let thread =
            std::thread::Builder::new().name("periapt-store".to_owned()).spawn(move || committer.run())?;
        Ok(Self { queue, shared, reader: Some(Box::new(reader)), thread: Some(thread) })
    }

    fn enqueue<T, E: From<StoreError>>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Request,
    ) -> Pending<T, E> {
        let (answer, pending) = Pending::channel();
        // If the thread is gone, the answer's sender is dropped with the request, which tells the caller.
        let _ = self.queue.send(request(answer));
        pending
    }

    pub(crate) fn submit(&self, txn: Txn) -> Pending<Committed, TxnError> {
        match NormalTxn::try_from(txn) {
            Ok(txn) => self.enqueue(|answer| Request::Txn(txn, answer)),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    pub(crate) fn range(&self, query: &Query) -> Pending<RangeResult, StoreError> {
        Pending::ready(self.reader.as_ref().ok_or(StoreError::Closed).and_then(|reader| reader.range(query)))
    }

    pub(crate) fn get(&self, key: &Key) -> Pending<Option<KeyValue>, StoreError> {
        Pending::ready(self.reader.as_ref().ok_or(StoreError::Closed).and_then(|reader| reader.get(key)))
    }

    pub(crate) fn head(&self) -> Pending<Revision, StoreError> {
        Pending::ready(Ok(self.shared.history.head()))
    }

    pub(crate) fn watch(&self, range: KeyRange, from: Revision) -> Pending<Watch, WatchError> {
        Pending::ready(self.shared.history.watch(range, from))
    }

    pub(crate) fn compact(&self, revision: Revision) -> Pending<(), CompactError> {
        Pending::ready(self.shared.history.compact(revision))
    }

    pub(crate) fn grant(&self, ttl: Duration) -> Pending<LeaseId, StoreError> {
        self.enqueue(|answer| Request::Grant(ttl, answer))
    }

    pub(crate) fn keep_alive(&self, lease: LeaseId) -> Pending<Duration, LeaseError> {
        // A store that cannot delete the keys of a lease cannot promise that it is alive either.
        if let Some(cause) = self.shared.failed.get() {
            return Pending::ready(Err(refusal(cause).into()));
        }
        let now = self.shared.clock.now();
        let kept = self.shared.leases().keep_alive(lease, now);
        Pending::ready(kept.ok_or(LeaseError::NotFound(lease)))
    }

    pub(crate) fn revoke(&self, lease: LeaseId) -> Pending<Committed, LeaseError> {
        self.enqueue(|answer| Request::Revoke(lease, answer))
    }

    pub(crate) fn scrub(&self) -> Pending<(), StoreError> {
        self.enqueue(Request::Scrub)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // First: the last connection of a SQLite store to close folds its log into its file, and one that only reads
        // cannot.
        self.reader = None;
        let _ = self.queue.send(Request::Close);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's thread panicked");
        }
    }
}

/// Implements [`Store`](crate::Store) for a type with a field `engine`.
macro_rules! store_through_engine {
    ($store:ty) => {
        impl $crate::Store for $store {
            fn submit(&self, txn: $crate::Txn) -> $crate::Pending<$crate::Committed, $crate::TxnError> {
                self.engine.submit(txn)
            }
            fn range(
                &self,
                query: $crate::Query,
            ) -> $crate::Pending<$crate::RangeResult, $crate::StoreError> {
                self.engine.range(&query)
            }
            fn get(
                &self,
                key: &$crate::Key,
            ) -> $crate::Pending<Option<$crate::KeyValue>, $crate::StoreError> {
                self.engine.get(key)
            }
            fn head(&self) -> $crate::Pending<$crate::Revision, $crate::StoreError> {
                self.engine.head()
            }
            fn watch(
                &self,
                range: $crate::KeyRange,
                from: $crate::Revision,
            ) -> $crate::Pending<$crate::Watch, $crate::WatchError> {
                self.engine.watch(range, from)
            }
            fn compact(&self, revision: $crate::Revision) -> $crate::Pending<(), $crate::CompactError> {
                self.engine.compact(revision)
            }
            fn grant(
                &self,
                ttl: std::time::Duration,
            ) -> $crate::Pending<$crate::LeaseId, $crate::StoreError> {
                self.engine.grant(ttl)
            }
            fn keep_alive(
                &self,
                lease: $crate::LeaseId,
            ) -> $crate::Pending<std::time::Duration, $crate::LeaseError> {
                self.engine.keep_alive(lease)
            }
            fn revoke(
                &self,
                lease: $crate::LeaseId,
            ) -> $crate::Pending<$crate::Committed, $crate::LeaseError> {
                self.engine.revoke(lease)
            }
            fn scrub(&self) -> $crate::Pending<(), $crate::StoreError> {
                self.engine.scrub()
            }
        }
    };
}
pub(crate) use store_through_engine;

/// What later callers are told after a failure.
fn refusal(cause: &StoreError) -> StoreError {
    StoreError::Failed { cause: Arc::new(cause.clone()) }
}

/// The thread that commits.
struct Committer<B> {
    backend: B,
    requests: Receiver<Request>,
    shared: Arc<Shared>,
    head: Revision,
}

/// Tells the watchers when the thread ends, however it does.
struct EndOfHistory(Arc<History>);

impl Drop for EndOfHistory {
    fn drop(&mut self) {
        self.0.end(StoreError::Closed);
    }
}

impl<B: Backend> Committer<B> {
    fn run(mut self) {
        let _end = EndOfHistory(Arc::clone(&self.shared.history));
        loop {
            let mut batch = Vec::new();
            let open = self.collect(&mut batch);
            if let Some(cause) = self.shared.failed.get() {
                refuse(batch, &refusal(cause));
            } else {
                self.run_batch(batch);
            }
            if !open {
                return;
            }
        }
    }

    /// Waits for requests or the end of a lease, and takes what is queued. False when the store is being closed.
    fn collect(&self, batch: &mut Vec<Request>) -> bool {
        let first = match self.patience() {
            None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.requests.recv_timeout(patience),
        };
        let mut next = match first {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let mut bytes = 0;
        while let Some(request) = next {
            match &request {
                Request::Close => return false,
                Request::Txn(txn, _) => bytes += txn.weight(),
                Request::Grant(..) | Request::Revoke(..) | Request::Scrub(_) | Request::Tick => {}
            }
            batch.push(request);
            if batch.len() >= BATCH_REQUESTS || bytes >= BATCH_BYTES {
                break;
            }
            next = self.requests.try_recv().ok();
        }
        true
    }

    /// How long to wait for a request before a lease must be looked after.
    fn patience(&self) -> Option<Duration> {
        if self.shared.failed.get().is_some() {
            return None;
        }
        let deadline = self.shared.leases().next_deadline()?;
        self.shared.clock.sleep_until(deadline)
    }

    fn run_batch(&mut self, batch: Vec<Request>) {
        let now = self.shared.clock.now();
        let mut due = Vec::new();
        {
            let mut leases = self.shared.leases();
            while let Some(lease) = leases.pop_due(now) {
                due.push(lease);
            }
        }
        let idle = batch.iter().all(|request| matches!(request, Request::Tick));
        if due.is_empty() && idle {
            return;
        }
        match self.commit_batch(&due, &batch) {
            Ok((revisions, answers)) => {
                // Watchers first: whoever has an answer can already watch from its revision.
                self.shared.history.publish(revisions);
                let mut scrubs = Vec::new();
                for (request, answer) in batch.into_iter().zip(answers) {
                    match request {
                        Request::Scrub(sender) => scrubs.push(sender),
                        request => reply(request, answer),
                    }
                }
                self.backend.after_commit();
                for sender in scrubs {
                    drop(sender.send(self.backend.scrub()));
                }
            }
            Err(cause) => {
                tracing::error!(%cause, "the store failed and takes no more writes");
                self.shared.history.end(refusal(&cause));
                let _ = self.shared.failed.set(cause.clone());
                refuse(batch, &cause);
            }
        }
    }

    /// Ends the leases that are due, runs the requests, and makes it all durable.
    fn commit_batch(
        &mut self,
        due: &[LeaseId],
        batch: &[Request],
    ) -> Result<(Vec<RevisionEvents>, Vec<Answer>), StoreError> {
        let mut revisions = Vec::new();
        self.backend.begin()?;
        for &lease in due {
            self.end_lease(lease, &mut revisions)?;
        }
        let mut answers = Vec::with_capacity(batch.len());
        for request in batch {
            answers.push(match request {
                Request::Txn(txn, _) => Answer::Txn(self.run_txn(txn, &mut revisions)?),
                Request::Grant(ttl, _) => Answer::Granted(self.grant(*ttl)?),
                Request::Revoke(lease, _) => {
                    let live = self.shared.leases().remove(*lease);
                    Answer::Revoked(if live {
                        Ok(self.end_lease(*lease, &mut revisions)?)
                    } else {
                        Err(LeaseError::NotFound(*lease))
                    })
                }
                Request::Scrub(_) | Request::Tick | Request::Close => Answer::None,
            });
        }
        self.backend.commit(self.head)?;
        Ok((revisions, answers))
    }

    fn run_txn(
        &mut self,
        txn: &NormalTxn,
        revisions: &mut Vec<RevisionEvents>,
    ) -> Result<Result<Committed, TxnError>, StoreError> {
        for compare in &txn.compares {
            let (expected, actual) = (compare.mod_revision, self.backend.mod_revision(&compare.key)?);
            if actual != expected {
                return Ok(Err(TxnError::Conflict { key: compare.key.clone(), expected, actual }));
            }
        }
        let now = self.shared.clock.now();
        for lease in txn.puts.values().filter_map(|put| put.lease) {
            if !self.shared.leases().is_live(lease, now) {
                return Ok(Err(TxnError::LeaseNotFound(lease)));
            }
        }
        let revision = self.head.next();
        let mut events = BTreeMap::new();
        for range in &txn.deletes {
            for key in self.backend.delete(range)? {
                events.insert(key.clone(), Event::Delete { key, revision });
            }
        }
        for (key, put) in &txn.puts {
            events.insert(key.clone(), Event::Put(self.backend.put(key, put, revision)?));
        }
        Ok(Ok(self.record(events.into_values().collect(), revisions)))
    }

    fn grant(&mut self, ttl: Duration) -> Result<LeaseId, StoreError> {
        let lease = self.backend.insert_lease(ttl)?;
        let now = self.shared.clock.now();
        // Nobody knows of the lease before the batch is durable.
        self.shared.leases().insert(lease, ttl, now);
        Ok(lease)
    }

    fn end_lease(
        &mut self,
        lease: LeaseId,
        revisions: &mut Vec<RevisionEvents>,
    ) -> Result<Committed, StoreError> {
        let revision = self.head.next();
        let mut keys = self.backend.delete_lease(lease)?;
        keys.sort_unstable();
        let events = keys.into_iter().map(|key| Event::Delete { key, revision }).collect();
        Ok(self.record(events, revisions))
    }

    /// Makes a revision of the events, if there are any.
    fn record(&mut self, events: Vec<Event>, revisions: &mut Vec<RevisionEvents>) -> Committed {
        if !events.is_empty() {
            self.head = self.head.next();
            revisions.push(events);
        }
        Committed { revision: self.head }
    }
}

/// Sends an answer; that nobody waits for it is none of our business.
fn reply(request: Request, answer: Answer) {
    match (request, answer) {
        (Request::Txn(_, sender), Answer::Txn(result)) => drop(sender.send(result)),
        (Request::Grant(_, sender), Answer::Granted(lease)) => drop(sender.send(Ok(lease))),
        (Request::Revoke(_, sender), Answer::Revoked(result)) => drop(sender.send(result)),
        _ => {}
    }
}

/// Fails all requests.
fn refuse(batch: Vec<Request>, error: &StoreError) {
    for request in batch {
        match request {
            Request::Txn(_, sender) => drop(sender.send(Err(error.clone().into()))),
            Request::Grant(_, sender) => drop(sender.send(Err(error.clone()))),
            Request::Revoke(_, sender) => drop(sender.send(Err(error.clone().into()))),
            Request::Scrub(sender) => drop(sender.send(Err(error.clone()))),
            Request::Tick | Request::Close => {}
        }
    }
}

#[cfg(test)]
mod tests;
