//! How records become keys and values of the store, and back.
//!
//! | key | value |
//! | --- | --- |
//! | `controller/epoch` | the controller that owns the store; every transaction requires that it is still us |
//! | `controller/scrubbed` | there once nothing that belongs sealed is left in the clear, not even in freed pages |
//! | `model/UUID/…` | one [`Record`], as JSON; the rest of the key is [`Key::path`](periapt_model::model::Key::path) |
//! | `model/UUID/secret-content/…`, `model/UUID/task/…` | the same, [sealed](crate::seal): contents of secrets, and what actions and `exec` were given and answered |
//! | `journal/UUID/ID` | one journal record, as JSON; the id has twenty digits, so that order is order |
//! | `lead/UUID/APP/N` | leased: gone, the unit `APP/N` leads no more |

use std::path::Path;
use std::sync::Arc;

use periapt_model::journal::JournalRecord;
use periapt_model::model::{Key, Record, Write};
use periapt_model::names::UnitName;
use periapt_store::{KeyRange, Txn};

use crate::seal::{SealError, SealFailure, Sealer, is_sealed};

/// A stored value that cannot be read: a damaged store, or a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("the record under {key} cannot be read: {reason}")]
pub struct Unreadable {
    /// Where.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

/// A record that cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritable {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Seal(#[from] SealFailure),
}

/// A stored value that cannot be read, or not with the key at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Seal(#[from] SealError),
}

pub(crate) const SCRUBBED_KEY: &str = "controller/scrubbed";
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

/// Whether a record may hold a secret: contents of secrets, and tasks. People pass secrets to actions and read them
/// with `exec`.
fn belongs_sealed(key: &Key) -> bool {
    matches!(key, Key::SecretContent(..) | Key::Task(_))
}

/// The same of a stored key, without its model's prefix.
fn path_belongs_sealed(path: &str) -> bool {
    path.starts_with("secret-content/") || path.starts_with("task/")
}

/// Adds one write to a transaction.
pub(crate) fn add_write(
    txn: Txn,
    uuid: &str,
    write: &Write,
    sealer: Option<&Sealer>,
) -> Result<Txn, Unwritable> {
    let prefix = model_prefix(uuid);
    Ok(match write {
        Write::Put(record) => {
            let key = record.key();
            let row = format!("{prefix}{}", key.path());
            let plain = serde_json::to_vec(record)?;
            let value = match sealer.filter(|_| belongs_sealed(&key)) {
                Some(sealer) => sealer.seal(&row, &plain)?,
                None => plain,
            };
            txn.put(row, value)
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

/// A record, and whether it is stored in the clear although it belongs sealed.
pub(crate) fn read_record(
    row: &str,
    path: &str,
    value: &[u8],
    sealer: Option<&Sealer>,
    key_file: Option<&Path>,
) -> Result<(Record, bool), ReadError> {
    let unreadable = |reason: String| Unreadable { key: row.to_owned(), reason };
    if !path_belongs_sealed(path) {
        let record = serde_json::from_slice(value).map_err(|e| unreadable(e.to_string()))?;
        return Ok((record, false));
    }
    // What is wrong with it is not said: the words might quote it.
    let read = |plain: &[u8]| {
        serde_json::from_slice(plain).map_err(|_| unreadable("it is not what belongs there".to_owned()))
    };
    if !is_sealed(value) {
        return Ok((read(value)?, true));
    }
    let Some(sealer) = sealer else {
        return Err(match key_file {
            Some(path) => SealError::Missing { path: path.to_owned() }.into(),
            None => SealError::NoKey.into(),
        });
    };
    match sealer.open(row, value) {
        Ok(plain) => Ok((read(&plain)?, false)),
        Err(SealFailure::OtherKey) => Err(SealError::OtherKey { path: sealer.path().to_owned() }.into()),
        Err(failure) => Err(unreadable(failure.to_string()).into()),
    }
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
    fn what_may_hold_a_secret_is_known_by_its_record_and_by_its_key() {
        let id: periapt_model::names::SecretId = "9m4e2mr0ui3e8a215n4g".parse().unwrap();
        for (key, sealed) in [
            (Key::SecretContent(id.clone(), 3), true),
            (Key::Task(periapt_model::names::TaskId(7)), true),
            (Key::Secret(id), false),
            (Key::Info, false),
        ] {
            assert_eq!((belongs_sealed(&key), path_belongs_sealed(&key.path())), (sealed, sealed), "{key:?}");
        }
    }

    #[test]
    fn journal_keys_sort_by_id() {
        assert!(journal_key("u", 9) < journal_key("u", 10));
    }
}
