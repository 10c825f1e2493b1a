//! The plain data of the store: keys, revisions, entries, ranges, events.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The bytes of a value. Shared, so that a value handed to the store, its event and its readers are one allocation.
pub type Value = Arc<[u8]>;

/// A key: any bytes but none at all, ordered bytewise. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the empty key, which ranges may start at but no entry can have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next key in the order of all possible keys: this one and a zero byte.
    #[must_use]
    pub fn successor(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1);
        bytes.extend_from_slice(&self.0);
        bytes.push(0);
        Self::from(bytes)
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

/// Printable ASCII as it is, other bytes escaped (`\xff`).
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A moment in the life of the store: the number of changes committed so far, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// No revision: the modification revision of a key that does not exist.
    pub const ABSENT: Self = Self(0);
    /// The revision of an empty store.
    pub const INITIAL: Self = Self(1);

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a lease. Never used again after the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The value; empty when the query asked for keys only.
    pub value: Value,
    /// The revision at which the key came into being (anew, if it had been deleted).
    pub create_revision: Revision,
    /// The revision of the last write.
    pub mod_revision: Revision,
    /// How many times the key was written since it came into being; 1 for a new key.
    pub version: u64,
    /// The lease at whose end the key is deleted. A write without a lease detaches the key.
    pub lease: Option<LeaseId>,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key was written.
    Put(KeyValue),
    /// The key was deleted: by a transaction, or because its lease ended.
    Delete {
        /// The key that is gone.
        key: Key,
        /// The revision of the deletion.
        revision: Revision,
    },
}

impl Event {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.mod_revision,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

/// The answer to a transaction that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The transaction's revision; the store's current one if the transaction changed nothing.
    pub revision: Revision,
}

/// The keys from `start` (included) to `end` (excluded, or without end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub(crate) start: Key,
    pub(crate) end: Option<Key>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::from_key("")
    }

    /// One key.
    #[must_use]
    pub fn key(key: impl Into<Key>) -> Self {
        let start = key.into();
        let end = Some(start.successor());
        Self { start, end }
    }

    /// The keys that begin with `prefix`; every key if it is empty.
    #[must_use]
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        let start = prefix.into();
        // The first key behind the prefix: its last byte that can grow, grown; what follows that byte dropped.
        let end = start.as_bytes().iter().rposition(|&byte| byte < u8::MAX).map(|at| {
            let mut bytes = start.as_bytes()[..=at].to_vec();
            bytes[at] += 1;
            Key::from(bytes)
        });
        Self { start, end }
    }

    /// The keys from `start` up to, not including, `end`; none if `end` is not greater.
    #[must_use]
    pub fn between(start: impl Into<Key>, end: impl Into<Key>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// The keys from `start` on.
    #[must_use]
    pub fn from_key(start: impl Into<Key>) -> Self {
        Self { start: start.into(), end: None }
    }

    /// The first key the range can hold.
    #[must_use]
    pub fn start(&self) -> &Key {
        &self.start
    }

    /// The first key behind the range, if it has an end.
    #[must_use]
    pub fn end(&self) -> Option<&Key> {
        self.end.as_ref()
    }

    /// Whether the range holds `key`.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        *key >= self.start && self.end.as_ref().is_none_or(|end| key < end)
    }

    /// Whether the range can hold no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// What to read from a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) range: KeyRange,
    pub(crate) limit: Option<usize>,
    pub(crate) reverse: bool,
    pub(crate) keys_only: bool,
}

impl Query {
    /// All entries of the range, in the order of the keys.
    #[must_use]
    pub fn new(range: KeyRange) -> Self {
        Self { range, limit: None, reverse: false, keys_only: false }
    }

    /// At most `limit` entries; [`RangeResult::more`] tells whether some were left out.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// From the last key to the first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Leaves the values out: they are empty in the answer, and are not read from disk.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }
}

impl From<KeyRange> for Query {
    fn from(range: KeyRange) -> Self {
        Self::new(range)
    }
}

/// What was read from a range, as of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResult {
    /// The revision the range was read at. Watch from the next one to miss nothing.
    pub revision: Revision,
    /// The entries, in the order asked for.
    pub entries: Vec<KeyValue>,
    /// Whether the limit left entries out.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_behind_its_last_key() {
        let range = KeyRange::prefix("model/");
        assert!(range.contains(&"model/".into()));
        assert!(range.contains(&Key::from(&b"model/\xff\xff"[..])));
        assert!(!range.contains(&"model0".into()));
        assert!(!range.contains(&"model".into()));
    }

    #[test]
    fn prefix_of_highest_bytes() {
        let carried = KeyRange::prefix(&b"a\xff"[..]);
        assert_eq!(carried.end(), Some(&"b".into()));
        let endless = KeyRange::prefix(&b"\xff\xff"[..]);
        assert_eq!(endless.end(), None);
        assert!(endless.contains(&Key::from(&b"\xff\xff\xff"[..])));
        assert!(!endless.contains(&Key::from(&b"\xff"[..])));
    }

    #[test]
    fn empty_prefix_is_everything() {
        assert_eq!(KeyRange::prefix(""), KeyRange::all());
    }

    #[test]
    fn keys_print_readably() {
        assert_eq!(Key::from(&b"a/\xff"[..]).to_string(), "a/\\xff");
    }
}
