//! Transactions: what must hold, and what is then written.

use std::collections::BTreeMap;

use crate::{Key, KeyRange, LeaseId, Revision, TxnError, Value};

/// A condition of a transaction: the key was last written at this revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: Key,
    /// The modification revision it must have; [`Revision::ABSENT`] if it must not exist.
    pub mod_revision: Revision,
}

/// One write of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a key.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Value,
        /// The lease the key is attached to from now on, if any.
        lease: Option<LeaseId>,
    },
    /// Deletes the keys of a range.
    Delete(KeyRange),
}

/// A transaction: if every compare holds, all writes are made, in one revision; otherwise none.
///
/// Where writes touch the same key, the last one counts, and the others might as well not be there: a key has at most
/// one event per revision, and a put after a delete is an overwrite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a transaction does nothing until it is submitted"]
pub struct Txn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) ops: Vec<Op>,
}

impl Txn {
    /// A transaction that requires nothing and writes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that `key` was last written at `mod_revision` ([`Revision::ABSENT`]: that it does not exist).
    pub fn require(mut self, key: impl Into<Key>, mod_revision: Revision) -> Self {
        self.compares.push(Compare { key: key.into(), mod_revision });
        self
    }

    /// Requires that `key` does not exist.
    pub fn require_absent(self, key: impl Into<Key>) -> Self {
        self.require(key, Revision::ABSENT)
    }

    /// Writes `key`, and detaches it from its lease if it has one.
    pub fn put(self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.op(Op::Put { key: key.into(), value: value.into(), lease: None })
    }

    /// Writes `key` and attaches it to `lease`.
    pub fn put_leased(self, key: impl Into<Key>, value: impl Into<Value>, lease: LeaseId) -> Self {
        self.op(Op::Put { key: key.into(), value: value.into(), lease: Some(lease) })
    }

    /// Deletes `key` if it exists.
    pub fn delete(self, key: impl Into<Key>) -> Self {
        self.op(Op::Delete(KeyRange::key(key)))
    }

    /// Deletes every key that begins with `prefix`.
    pub fn delete_prefix(self, prefix: impl Into<Key>) -> Self {
        self.op(Op::Delete(KeyRange::prefix(prefix)))
    }

    /// Deletes every key of `range`. Each deleted key is an event, and all of them are kept in the history together:
    /// delete very large ranges piece by piece.
    pub fn delete_range(self, range: KeyRange) -> Self {
        self.op(Op::Delete(range))
    }

    /// Adds a write.
    pub fn op(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Whether the transaction writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

/// A put of a normalised transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) value: Value,
    pub(crate) lease: Option<LeaseId>,
}

/// A transaction whose writes do not touch each other: each key is put at most once, and no deleted range holds a key
/// that is put. This is the only form etcd accepts, and it spares the embedded stores any question of order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NormalTxn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) deletes: Vec<KeyRange>,
    pub(crate) puts: BTreeMap<Key, Write>,
}

impl NormalTxn {
    /// A rough size in bytes, to bound a batch.
    pub(crate) fn weight(&self) -> usize {
        self.puts.iter().map(|(key, put)| key.as_bytes().len() + put.value.len()).sum()
    }
}

impl TryFrom<Txn> for NormalTxn {
    type Error = TxnError;

    fn try_from(txn: Txn) -> Result<Self, TxnError> {
        let mut puts = BTreeMap::new();
        let mut deletes: Vec<KeyRange> = Vec::new();
        // From the last write to the first: an earlier put counts only if nothing later touches its key.
        for op in txn.ops.into_iter().rev() {
            match op {
                Op::Put { key, .. } if key.is_empty() => return Err(TxnError::EmptyKey),
                Op::Put { key, value, lease } => {
                    if !puts.contains_key(&key) && !deletes.iter().any(|range| range.contains(&key)) {
                        puts.insert(key, Write { value, lease });
                    }
                }
                Op::Delete(range) => deletes.push(range),
            }
        }
        // Every put that is left comes after every delete that covers it.
        let deletes = deletes.into_iter().flat_map(|range| without_keys(range, &puts)).collect();
        Ok(Self { compares: txn.compares, deletes, puts })
    }
}

/// The parts of `range` between the keys of `puts` that lie in it.
fn without_keys(range: KeyRange, puts: &BTreeMap<Key, Write>) -> Vec<KeyRange> {
    if range.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = range.start.clone();
    for key in puts.range(range.start.clone()..).map(|(key, _)| key) {
        if !range.contains(key) {
            break;
        }
        parts.push(KeyRange::between(start, key.clone()));
        start = key.successor();
    }
    parts.push(KeyRange { start, end: range.end });
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(txn: Txn) -> NormalTxn {
        NormalTxn::try_from(txn).unwrap()
    }

    fn put_keys(txn: &NormalTxn) -> Vec<String> {
        txn.puts.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn last_put_of_a_key_counts() {
        let txn = normal(Txn::new().put("a", *b"1").put("a", *b"2"));
        assert_eq!(&*txn.puts[&Key::from("a")].value, b"2");
    }

    #[test]
    fn put_then_delete_is_a_delete() {
        let txn = normal(Txn::new().put("a/1", *b"1").put("b", *b"1").delete_prefix("a/"));
        assert_eq!(put_keys(&txn), ["b"]);
        assert_eq!(txn.deletes, [KeyRange::prefix("a/")]);
    }

    #[test]
    fn delete_then_put_splits_the_range() {
        let txn = normal(Txn::new().delete_prefix("a").put("ab", *b"1").put("ad", *b"1"));
        assert_eq!(put_keys(&txn), ["ab", "ad"]);
        assert_eq!(
            txn.deletes,
            [KeyRange::between("a", "ab"), KeyRange::between("ab\0", "ad"), KeyRange::between("ad\0", "b")]
        );
    }

    #[test]
    fn delete_of_a_key_that_is_put_again_vanishes() {
        let txn = normal(Txn::new().delete("a").put("a", *b"1"));
        assert_eq!(put_keys(&txn), ["a"]);
        assert!(txn.deletes.is_empty());
    }

    #[test]
    fn empty_ranges_vanish() {
        let txn = normal(Txn::new().delete_range(KeyRange::between("b", "a")));
        assert!(txn.deletes.is_empty());
    }

    #[test]
    fn the_empty_key_cannot_be_put() {
        assert!(matches!(NormalTxn::try_from(Txn::new().put("", *b"1")), Err(TxnError::EmptyKey)));
    }
}
