//! The recent changes of an embedded store, and those who watch them.
//!
//! Watchers pull: each has a place in the shared history, and reads on from there. A watcher that nothing concerned
//! is carried along with the head, so that it never falls behind by being idle; one that does not read what concerns
//! it falls off the end of the history at some point, and is told so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{CompactError, Event, Key, KeyRange, Revision, StoreError, WatchError};

/// How much of the past is kept for watchers. The last revision is always kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The most events kept.
    pub events: usize,
    /// The most memory that keys and values of the events may take, in bytes, besides a fixed cost for each event.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { events: 16_384, bytes: 16 << 20 }
    }
}

/// The changes of one revision that a watch asked for: at least one, in the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The revision. To resume a watch after these changes, watch from the next one.
    pub revision: Revision,
    /// What changed.
    pub events: Vec<Event>,
}

/// A watch on a range of keys. It ends when dropped.
#[derive(Debug)]
pub struct Watch {
    history: Arc<History>,
    id: u64,
    news: Arc<Notify>,
}

impl Watch {
    /// The next changes, once there are some. Revisions come in order, each whole, none missing. Nothing is lost if
    /// the future is dropped.
    ///
    /// # Errors
    ///
    /// [`WatchError::Compacted`] if the changes that come next are not kept any more, [`WatchError::Store`] if the
    /// store failed or was closed and everything before that was delivered. The watch is over then.
    pub async fn next(&mut self) -> Result<Changes, WatchError> {
        loop {
            if let Some(changes) = self.try_next()? {
                return Ok(changes);
            }
            self.news.notified().await;
        }
    }

    /// The next changes if there are some already.
    ///
    /// # Errors
    ///
    /// As [`Watch::next`].
    pub fn try_next(&mut self) -> Result<Option<Changes>, WatchError> {
        self.history.read(self.id)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.history.lock().watchers.remove(&self.id);
    }
}

/// The events of one revision, in the order of their keys.
pub(crate) type RevisionEvents = Vec<Event>;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct History(Mutex<State>);

/// `oldest + revisions.len() == head + 1`, always.
#[derive(Debug)]
struct State {
    limits: HistoryLimits,
    head: Revision,
    oldest: Revision,
    revisions: VecDeque<RevisionEvents>,
    events: usize,
    bytes: usize,
    watchers: HashMap<u64, Watcher>,
    next_watcher: u64,
    /// Why there will be no more changes.
    ended: Option<StoreError>,
}

#[derive(Debug)]
struct Watcher {
    range: KeyRange,
    /// The first revision not read yet.
    next: Revision,
    /// Whether something between `next` and the head may concern the watcher.
    behind: bool,
    news: Arc<Notify>,
}

impl History {
    /// An empty history of a store that is at `head`.
    pub(crate) fn new(head: Revision, limits: HistoryLimits) -> Self {
        Self(Mutex::new(State {
            limits,
            head,
            oldest: head.next(),
            revisions: VecDeque::new(),
            events: 0,
            bytes: 0,
            watchers: HashMap::new(),
            next_watcher: 0,
            ended: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last revision that watchers were told of.
    pub(crate) fn head(&self) -> Revision {
        self.lock().head
    }

    /// Appends revisions, which follow the head one by one, and wakes whom they concern.
    pub(crate) fn publish(&self, batch: Vec<RevisionEvents>) {
        if batch.is_empty() {
            return;
        }
        let mut state = self.lock();
        let mut keys: Vec<Key> = Vec::new();
        if !state.watchers.is_empty() {
            // Sorted once, so that each watcher costs one binary search however large the batch is.
            keys.extend(batch.iter().flatten().map(|event| event.key().clone()));
            keys.sort_unstable();
        }
        for revision in batch {
            state.push(revision);
        }
        let head = state.head;
        for watcher in state.watchers.values_mut().filter(|watcher| !watcher.behind) {
            if head < watcher.next {
                continue;
            }
            let first = keys.partition_point(|key| *key < watcher.range.start);
            if keys.get(first).is_some_and(|key| watcher.range.contains(key)) {
                watcher.behind = true;
                watcher.news.notify_one();
            } else {
                watcher.next = head.next();
            }
        }
        state.trim();
    }

    /// Tells all watchers that nothing more will come. Only the first reason counts.
    pub(crate) fn end(&self, reason: StoreError) {
        let mut state = self.lock();
        state.ended.get_or_insert(reason);
        for watcher in state.watchers.values() {
            watcher.news.notify_one();
        }
    }

    /// See [`Store::compact`](crate::Store::compact).
    pub(crate) fn compact(&self, revision: Revision) -> Result<(), CompactError> {
        let mut state = self.lock();
        if revision > state.head {
            return Err(CompactError::Future { head: state.head });
        }
        while state.oldest <= revision {
            state.pop();
        }
        Ok(())
    }

    /// See [`Store::watch`](crate::Store::watch).
    pub(crate) fn watch(self: &Arc<Self>, range: KeyRange, from: Revision) -> Result<Watch, WatchError> {
        let mut state = self.lock();
        if from < state.oldest {
            return Err(WatchError::Compacted { oldest: state.oldest });
        }
        let news = Arc::new(Notify::new());
        let id = state.next_watcher;
        state.next_watcher += 1;
        let behind = from <= state.head;
        let watcher = Watcher { range, next: from, behind, news: Arc::clone(&news) };
        state.watchers.insert(id, watcher);
        Ok(Watch { history: Arc::clone(self), id, news })
    }

    /// Moves a watcher on to the next changes that concern it, or to the head if there are none.
    fn read(&self, id: u64) -> Result<Option<Changes>, WatchError> {
        let mut state = self.lock();
        let State { head, oldest, revisions, watchers, ended, .. } = &mut *state;
        let Some(watcher) = watchers.get_mut(&id) else {
            return Err(StoreError::Closed.into());
        };
        if watcher.behind {
            let Some(skip) = watcher.next.0.checked_sub(oldest.0) else {
                return Err(WatchError::Compacted { oldest: *oldest });
            };
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            for revision in revisions.iter().skip(skip) {
                let at = watcher.next;
                watcher.next = at.next();
                let events: Vec<Event> =
                    revision.iter().filter(|event| watcher.range.contains(event.key())).cloned().collect();
                if !events.is_empty() {
                    return Ok(Some(Changes { revision: at, events }));
                }
            }
            watcher.next = watcher.next.max(head.next());
            watcher.behind = false;
        }
        ended.clone().map_or(Ok(None), |reason| Err(reason.into()))
    }
}

impl State {
    fn push(&mut self, revision: RevisionEvents) {
        self.head = self.head.next();
        self.events += revision.len();
        self.bytes += weight(&revision);
        self.revisions.push_back(revision);
    }

    fn pop(&mut self) {
        let Some(revision) = self.revisions.pop_front() else { return };
        self.events -= revision.len();
        self.bytes -= weight(&revision);
        self.oldest = self.oldest.next();
    }

    fn trim(&mut self) {
        while self.revisions.len() > 1 && (self.events > self.limits.events || self.bytes > self.limits.bytes)
        {
            self.pop();
        }
    }
}

/// The bytes of the events' keys and values.
fn weight(events: &[Event]) -> usize {
    events
        .iter()
        .map(|event| match event {
            Event::Put(entry) => entry.key.as_bytes().len() + entry.value.len(),
            Event::Delete { key, .. } => key.as_bytes().len(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(events: usize, bytes: usize) -> Arc<History> {
        Arc::new(History::new(Revision::INITIAL, HistoryLimits { events, bytes }))
    }

    /// Publishes one revision that deletes `key`.
    fn delete(history: &History, key: &str) {
        let revision = history.head().next();
        history.publish(vec![vec![Event::Delete { key: key.into(), revision }]]);
    }

    fn oldest(history: &Arc<History>) -> Revision {
        match history.watch(KeyRange::all(), Revision::ABSENT) {
            Err(WatchError::Compacted { oldest }) => oldest,
            other => panic!("watching from the beginning of time gave {other:?}"),
        }
    }

    #[test]
    fn an_idle_watcher_does_not_fall_behind() {
        let history = history(2, usize::MAX);
        let mut watch = history.watch(KeyRange::key("quiet"), Revision(2)).unwrap();
        for _ in 0..10 {
            delete(&history, "busy");
        }
        assert_eq!(watch.try_next().unwrap(), None);
        delete(&history, "quiet");
        assert_eq!(watch.try_next().unwrap().unwrap().revision, Revision(12));
    }

    #[test]
    fn a_watcher_that_does_not_read_is_told_what_it_lost() {
        let history = history(2, usize::MAX);
        let mut watch = history.watch(KeyRange::all(), Revision(2)).unwrap();
        for _ in 0..3 {
            delete(&history, "a");
        }
        assert_eq!(oldest(&history), Revision(3));
        let lost = watch.try_next();
        assert!(matches!(lost, Err(WatchError::Compacted { oldest: Revision(3) })), "{lost:?}");
        let again = watch.try_next();
        assert!(matches!(again, Err(WatchError::Compacted { .. })), "{again:?}");
    }

    #[test]
    fn bytes_bound_the_history_but_never_the_last_revision() {
        let history = history(usize::MAX, 10);
        delete(&history, "1234");
        delete(&history, "1234");
        assert_eq!(oldest(&history), Revision(2));
        delete(&history, "1234");
        assert_eq!(oldest(&history), Revision(3));
        delete(&history, "a key that is longer than the limit");
        assert_eq!(oldest(&history), Revision(5));
    }

    #[test]
    fn a_watcher_may_be_ahead_of_the_head() {
        let history = history(100, usize::MAX);
        let mut watch = history.watch(KeyRange::all(), Revision(4)).unwrap();
        delete(&history, "a");
        delete(&history, "a");
        assert_eq!(watch.try_next().unwrap(), None);
        delete(&history, "a");
        assert_eq!(watch.try_next().unwrap().unwrap().revision, Revision(4));
    }

    #[test]
    fn the_end_comes_after_the_last_change() {
        let history = history(100, usize::MAX);
        let mut watch = history.watch(KeyRange::all(), Revision(2)).unwrap();
        delete(&history, "a");
        history.end(StoreError::Closed);
        assert!(watch.try_next().unwrap().is_some());
        assert!(matches!(watch.try_next(), Err(WatchError::Store(StoreError::Closed))));
    }

    #[test]
    fn a_dropped_watch_is_forgotten() {
        let history = history(100, usize::MAX);
        let watch = history.watch(KeyRange::all(), Revision(2)).unwrap();
        assert_eq!(history.lock().watchers.len(), 1);
        drop(watch);
        assert!(history.lock().watchers.is_empty());
    }
}
