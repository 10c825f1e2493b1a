//! Reading and pruning the journal.

use std::sync::Arc;

use periapt_model::journal::JournalRecord;
use periapt_model::names::UnitName;
use periapt_model::time::Timestamp;
use periapt_store::{Key, KeyRange, Query, Store, Txn};

use crate::codec;

/// Which journal records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// Of these units; empty: of all.
    pub units: Vec<UnitName>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// With a higher id than this.
    pub after: Option<u64>,
    /// With this id only.
    pub id: Option<u64>,
    /// Only the last so many of those.
    pub last: Option<usize>,
}

impl JournalQuery {
    /// Whether a record is asked for, `last` aside.
    pub fn matches(&self, record: &JournalRecord) -> bool {
        (self.units.is_empty() || self.units.contains(&record.unit))
            && self.since.is_none_or(|since| record.at >= since)
            && self.after.is_none_or(|after| record.id > after)
            && self.id.is_none_or(|id| record.id == id)
    }
}

const PAGE: usize = 512;

/// Reads backwards from the newest, so that `last` and `since` cost what they return and not what is there.
pub(crate) async fn read(
    store: &dyn Store,
    uuid: &str,
    query: &JournalQuery,
) -> Result<Vec<Arc<JournalRecord>>, String> {
    let start: Key = match (query.id, query.after) {
        (Some(id), _) => codec::journal_key(uuid, id).into(),
        (None, Some(after)) => codec::journal_key(uuid, after.saturating_add(1)).into(),
        (None, None) => codec::journal_prefix(uuid).into(),
    };
    let mut end: Key = match query.id {
        Some(id) => codec::journal_key(uuid, id.saturating_add(1)).into(),
        None => codec::journal_key(uuid, u64::MAX).into(),
    };
    let mut found = Vec::new();
    loop {
        let range = KeyRange::between(start.clone(), end.clone());
        let page = store.range(Query::new(range).reverse().limit(PAGE)).await.map_err(|e| e.to_string())?;
        let full = page.entries.len() == PAGE;
        for entry in &page.entries {
            let record =
                codec::read_journal(entry.key.as_bytes(), &entry.value).map_err(|e| e.to_string())?;
            if query.since.is_some_and(|since| record.at < since) {
                found.reverse();
                return Ok(found);
            }
            if query.matches(&record) {
                found.push(record);
                if query.last.is_some_and(|last| found.len() >= last) {
                    found.reverse();
                    return Ok(found);
                }
            }
            end = entry.key.clone();
        }
        if !full {
            found.reverse();
            return Ok(found);
        }
    }
}

/// How often old records are looked for: every so many new ones.
const PRUNE_EVERY: u64 = 256;

/// Adds the removal of old records to the transaction that writes record `id`, now and then.
pub(crate) fn prune(txn: Txn, uuid: &str, id: u64, keep: u64) -> Txn {
    match id.checked_sub(keep) {
        Some(oldest) if id.is_multiple_of(PRUNE_EVERY) => {
            txn.delete_range(codec::journal_before(uuid, oldest))
        }
        _ => txn,
    }
}
