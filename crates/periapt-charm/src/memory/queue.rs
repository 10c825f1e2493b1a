//! The queue of deferred events: which stand in it, in which order, and which may run.
//!
//! Pure. The order is that of the first deferral (ops 3.9's `_reemit`: FIFO, kept in place when deferred again), unless a
//! handler has a lane or reconciles.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use super::{HandlerId, Notice};
use crate::event::Event;

/// What became of a new notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It stands in the queue under this number.
    Queued(u64),
    /// The same event already waits for the same handler, under this number.
    Duplicate(u64),
}

/// Deferred events, oldest first.
#[derive(Clone, Debug)]
pub struct Queue {
    notices: BTreeMap<u64, Notice>,
    /// The number after the highest that was ever used.
    next: u64,
    /// The next number to reserve in this dispatch.
    reserved: u64,
    /// Numbers by a hash of handler and event, so that an equal notice is found without a search. Made when it is first
    /// asked for: a dispatch that only runs again what is deferred never does.
    index: OnceCell<HashMap<u64, Vec<u64>>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { notices: BTreeMap::new(), next: 1, reserved: 1, index: OnceCell::new() }
    }
}

impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        self.notices == other.notices && self.next == other.next
    }
}

/// Hashes what is written into it.
struct HashWriter(DefaultHasher);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn key(handler: &HandlerId, event: &Event) -> u64 {
    let mut writer = HashWriter(DefaultHasher::new());
    handler.hash(&mut writer.0);
    // Values of an event can always be written; were one not, its notices would only share a hash.
    let _ = serde_json::to_writer(&mut writer, event);
    writer.0.finish()
}

fn key_of(notice: &Notice) -> u64 {
    key(&notice.handler, &notice.event)
}

impl Queue {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notices.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.notices.values()
    }

    /// The numbers, oldest first.
    #[must_use]
    pub fn sequences(&self) -> Vec<u64> {
        self.notices.keys().copied().collect()
    }

    /// One by its number.
    #[must_use]
    pub fn get(&self, sequence: u64) -> Option<&Notice> {
        self.notices.get(&sequence)
    }

    /// The number that the next one gets. Numbers are never used twice.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    pub(crate) fn continue_at(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Puts one back under its own number.
    pub(crate) fn restore(&mut self, notice: Notice) {
        self.next = self.next.max(notice.sequence.saturating_add(1));
        if let Some(index) = self.index.get_mut() {
            index.entry(key_of(&notice)).or_default().push(notice.sequence);
        }
        self.notices.insert(notice.sequence, notice);
    }

    fn index(&self) -> &HashMap<u64, Vec<u64>> {
        self.index.get_or_init(|| {
            let mut index: HashMap<u64, Vec<u64>> = HashMap::new();
            for notice in self.notices.values() {
                index.entry(key_of(notice)).or_default().push(notice.sequence);
            }
            index
        })
    }

    /// The number under which an equal event waits for the handler.
    #[must_use]
    pub fn find(&self, handler: &HandlerId, event: &Event) -> Option<u64> {
        if self.notices.is_empty() {
            return None;
        }
        let is_equal = |sequence: &&u64| {
            self.notices.get(sequence).is_some_and(|n| n.handler == *handler && n.event == *event)
        };
        self.index().get(&key(handler, event))?.iter().find(is_equal).copied()
    }

    /// The number of the first event that waits for the handler, whichever it is.
    #[must_use]
    pub fn first_of(&self, handler: &HandlerId) -> Option<u64> {
        self.notices.values().find(|notice| notice.handler == *handler).map(|notice| notice.sequence)
    }

    /// The place that an event has if its handler defers it: that of its emission, as with `ops`, so that an event stands in
    /// front of those that its own handler emits. A place that is not used costs nothing.
    pub fn reserve(&mut self) -> u64 {
        let place = self.reserved.max(self.next);
        self.reserved = place + 1;
        place
    }

    /// The places that were reserved and not used are free again, as in a queue that was read anew.
    #[cfg(feature = "testing")]
    pub(crate) fn forget_places(&mut self) {
        self.reserved = self.next;
    }

    /// Adds one at a place of its own, unless an equal one is there.
    pub fn push(&mut self, notice: Notice) -> Pushed {
        match self.find(&notice.handler, &notice.event) {
            Some(sequence) => Pushed::Duplicate(sequence),
            None => {
                let place = self.reserve();
                self.push_at(place, notice)
            }
        }
    }

    /// Adds one at a [reserved](Self::reserve) place, unless an equal one is there.
    pub fn push_at(&mut self, sequence: u64, mut notice: Notice) -> Pushed {
        if let Some(sequence) = self.find(&notice.handler, &notice.event) {
            return Pushed::Duplicate(sequence);
        }
        notice.sequence = sequence;
        self.restore(notice);
        Pushed::Queued(sequence)
    }

    /// Changes one in its place. Its handler and its event must stay the same: see [`Queue::replace`].
    pub fn update(&mut self, sequence: u64, change: impl FnOnce(&mut Notice)) {
        if let Some(notice) = self.notices.get_mut(&sequence) {
            change(notice);
        }
    }

    /// Gives one another event or another handler, in its place.
    pub fn replace(&mut self, sequence: u64, change: impl FnOnce(&mut Notice)) {
        if let Some(mut notice) = self.remove(sequence) {
            change(&mut notice);
            notice.sequence = sequence;
            self.restore(notice);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, sequence: u64) -> Option<Notice> {
        let notice = self.notices.remove(&sequence)?;
        if let Some(index) = self.index.get_mut() {
            let key = key_of(&notice);
            if let Some(numbers) = index.get_mut(&key) {
                numbers.retain(|number| *number != sequence);
                if numbers.is_empty() {
                    index.remove(&key);
                }
            }
        }
        Some(notice)
    }

    /// The event in front of which nothing of the lane may run: the oldest one of the lane that is older than `before`.
    #[must_use]
    pub fn ahead_in_lane(&self, lane: &str, before: u64) -> Option<&Notice> {
        self.notices
            .range(..before)
            .map(|(_, notice)| notice)
            .find(|notice| notice.lane.as_deref() == Some(lane))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use periapt_model::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{ConfigChanged, Start};

    fn notice(handler: &str, event: Event, lane: Option<&str>) -> Notice {
        Notice {
            sequence: 0,
            event,
            handler: HandlerId { observer: "Api".into(), handler: handler.into() },
            lane: lane.map(str::to_owned),
            reason: "not yet".into(),
            attempts: 1,
            first: Timestamp(1),
            last: Timestamp(1),
            wakes: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    #[test]
    fn an_equal_event_waits_once_for_a_handler() {
        let mut queue = Queue::default();
        let start = || Event::from(Start {});
        assert_eq!(queue.push(notice("a", start(), None)), Pushed::Queued(1));
        assert_eq!(queue.push(notice("a", start(), None)), Pushed::Duplicate(1));
        assert_eq!(queue.push(notice("b", start(), None)), Pushed::Queued(2));
        assert_eq!(queue.push(notice("a", ConfigChanged {}.into(), None)), Pushed::Queued(3));
        queue.remove(1);
        assert_eq!(queue.push(notice("a", start(), None)), Pushed::Queued(4), "numbers are not used again");
        assert_eq!(queue.sequences(), [2, 3, 4]);
    }

    #[test]
    fn a_lane_is_held_up_by_its_oldest_event() {
        let mut queue = Queue::default();
        queue.push(notice("a", Start {}.into(), Some("db")));
        queue.push(notice("b", Start {}.into(), None));
        queue.push(notice("c", Start {}.into(), Some("db")));
        assert_eq!(queue.ahead_in_lane("db", 3).map(|n| n.sequence), Some(1));
        assert_eq!(queue.ahead_in_lane("db", 1), None);
        assert_eq!(queue.ahead_in_lane("web", 3), None);
    }

    proptest! {
        /// The index says what a search would say, whatever was done.
        #[test]
        fn the_index_agrees_with_the_queue(steps in prop::collection::vec((0..3_u8, 0..4_u8, 0..2_u8), 0..60)) {
            let mut queue = Queue::default();
            let event = |n: u8| match n { 0 => Event::from(Start {}), _ => Event::from(ConfigChanged {}) };
            for (what, handler, which) in steps {
                let new = notice(&handler.to_string(), event(which), None);
                match what {
                    0 => drop(queue.push(new)),
                    1 => drop(queue.find(&new.handler, &new.event).map(|n| queue.remove(n))),
                    _ => if let Some(first) = queue.first_of(&new.handler)
                        && queue.find(&new.handler, &new.event).is_none() {
                        queue.replace(first, |old| old.event = new.event.clone());
                    },
                }
                for found in queue.iter() {
                    prop_assert_eq!(queue.find(&found.handler, &found.event), Some(found.sequence));
                }
                let count: usize = queue.index().values().map(Vec::len).sum();
                prop_assert_eq!(count, queue.len());
            }
        }
    }
}
