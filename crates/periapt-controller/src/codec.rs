//! How records become keys and values of the store, and back.
//!
//! | key | value |
//! | --- | --- |
//! | `controller/epoch` | the controller that owns the store; every transaction requires that it is still us |
//! | `model/UUID/…` | one [`Record`], as JSON; the rest of the key is [`Key::path`](periapt_model::model::Key::path) |
//! | `journal/UUID/ID` | one journal record, as JSON; the id has twenty digits, so that order is order |
//! | `lead/UUID/APP/N` | leased: gone, the unit `APP/N` leads no more |

use std::sync::Arc;

use periapt_model::journal::JournalRecord;
use periapt_model::model::{Record, Write};
use periapt_model::names::UnitName;
use periapt_store::{KeyRange, Txn};

/// A stored value that cannot be read: a damaged store, or a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("the record under {key} cannot be read: {reason}")]
pub struct Unreadable {
    /// Where.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

pub(crate) const EPOCH_KEY: &str = "controller/epoch";
pub(crate) const MODEL_PREFIX: &str = "model/";
/// The first key behind everything below [`MODEL_PREFIX`].
pub(crate) const MODEL_END: &str = "model0";

pub(crate) fn model_prefix(uuid: &str) -> String {
    format!("{MODEL_PREFIX}{uuid}/")
}

pub(crate) fn journal_prefix(uuid: &str) -> String {
    format!("journal/{uuid}/")
}

pub(crate) fn journal_key(uuid: &str, id: u64) -> String {
    format!("journal/{uuid}/{id:020}")
}

pub(crate) const LEAD_PREFIX: &str = "lead/";

pub(crate) fn lead_key(uuid: &str, unit: &UnitName) -> String {
    format!("{LEAD_PREFIX}{uuid}/{unit}")
}

/// Reads what [`lead_key`] wrote: the model's uuid and the unit.
pub(crate) fn read_lead_key(key: &[u8]) -> Option<(String, UnitName)> {
    let text = std::str::from_utf8(key).ok()?.strip_prefix(LEAD_PREFIX)?;
    let (uuid, unit) = text.split_once('/')?;
    Some((uuid.to_owned(), unit.parse().ok()?))
}

/// Adds one write to a transaction.
pub(crate) fn add_write(txn: Txn, uuid: &str, write: &Write) -> Result<Txn, serde_json::Error> {
    let prefix = model_prefix(uuid);
    Ok(match write {
        Write::Put(record) => {
            txn.put(format!("{prefix}{}", record.key().path()), serde_json::to_vec(record)?)
        }
        Write::Delete(key) => txn.delete(format!("{prefix}{}", key.path())),
        Write::Journal(record) => txn.put(journal_key(uuid, record.id), serde_json::to_vec(record.as_ref())?),
    })
}

/// Everything below a model's keys.
pub(crate) fn delete_model(txn: Txn, uuid: &str) -> Txn {
    txn.delete_prefix(model_prefix(uuid))
        .delete_prefix(journal_prefix(uuid))
        .delete_prefix(format!("{LEAD_PREFIX}{uuid}/"))
}

/// Journal records older than `id`.
pub(crate) fn journal_before(uuid: &str, id: u64) -> KeyRange {
    KeyRange::between(journal_prefix(uuid), journal_key(uuid, id))
}

pub(crate) fn read_record(key: &[u8], value: &[u8]) -> Result<Record, Unreadable> {
    serde_json::from_slice(value)
        .map_err(|e| Unreadable { key: String::from_utf8_lossy(key).into_owned(), reason: e.to_string() })
}

pub(crate) fn read_journal(key: &[u8], value: &[u8]) -> Result<Arc<JournalRecord>, Unreadable> {
    serde_json::from_slice(value)
        .map(Arc::new)
        .map_err(|e| Unreadable { key: String::from_utf8_lossy(key).into_owned(), reason: e.to_string() })
}

/// The uuid in a model key, and the rest.
pub(crate) fn split_model_key(key: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(key).ok()?.strip_prefix(MODEL_PREFIX)?;
    let (uuid, rest) = text.split_once('/')?;
    Some((uuid.to_owned(), rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lead_keys_read_back() {
        let unit: UnitName = "my-app/12".parse().unwrap();
        let key = lead_key("uuid", &unit);
        assert_eq!(read_lead_key(key.as_bytes()), Some(("uuid".to_owned(), unit)));
        assert_eq!(read_lead_key(b"lead/x"), None);
    }

    #[test]
    fn journal_keys_sort_by_id() {
        assert!(journal_key("u", 9) < journal_key("u", 10));
    }
}
