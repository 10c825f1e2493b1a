//! What a charm keeps between dispatches: its queue of deferred events, its stored state, and what its status owes to either.
//!
//! As *data* it is a map of entries: a kind and a key name each, and its value is JSON with a version. [`Memory`] is made of
//! entries and gives entries; where they lie is the business of a [`Keep`]. One dispatch saves once, all or nothing.

mod notice;
mod queue;
mod sqlite;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use notice::{DeadLetter, HandlerId, Notice};
pub use queue::{Pushed, Queue};
pub(crate) use sqlite::{FILE, SqliteKeep};

use crate::status::Status;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// One of a kind: the counters, the status.
    Meta,
    /// Deferred events, so many of neighbouring numbers ([`BLOCK`]).
    Notice,
    /// A deferred event that nobody handles any more.
    Dead,
    /// A status that a handler left behind.
    Complaint,
    /// Stored state.
    State,
}

impl EntryKind {
    /// As kept in a file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Notice => "notice",
            Self::Dead => "dead",
            Self::Complaint => "complaint",
            Self::State => "state",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Meta, Self::Notice, Self::Dead, Self::Complaint, Self::State]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Deferred events that lie in one entry: those with the same number but for the last six bits. A long queue that runs again
/// changes every notice, and one write for each would cost more than all the rest of the dispatch.
const BLOCK: u64 = 64;

/// Entries by kind and key. The key of deferred events is the number of their block, that of a dead letter its own, with
/// leading zeros, so that keys sort as numbers do.
pub type Entries = BTreeMap<(EntryKind, String), String>;

/// Where a charm's memory is kept.
pub trait Keep {
    /// All entries. Nobody else may save until this is dropped.
    ///
    /// # Errors
    /// What lies there cannot be read.
    fn load(&mut self) -> Result<&Entries, KeepError>;

    /// Replaces all entries by these, as one transaction.
    ///
    /// # Errors
    /// Nothing was saved.
    fn save(&mut self, entries: Entries) -> Result<(), KeepError>;
}

/// A charm's memory cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Another dispatch of this unit has it.
    #[error("{path} is in use: another dispatch of this unit is running")]
    InUse {
        /// The file.
        path: String,
    },
    /// A newer version of the library wrote it.
    #[error(
        "{path} has format {found}, this charm knows formats up to {known}: deploy the charm that wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The database says no.
    #[error("{path}: {source}")]
    Database {
        /// The file.
        path: String,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Stored state under one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The version of its form.
    pub version: u32,
    /// The state.
    pub value: Value,
}

/// What a handler left in the status when it ended without having done its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Whose.
    pub handler: HandlerId,
    /// What.
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    next_sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    overridden: bool,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What is deferred.
    pub queue: Queue,
    /// What was deferred and has no handler any more.
    pub dead: Vec<DeadLetter>,
    /// The statuses that handlers left behind, by handler.
    pub complaints: BTreeMap<String, Complaint>,
    /// Stored state by key.
    pub stored: BTreeMap<String, Stored>,
    /// The unit status that the charm set last by itself.
    pub status: Option<Status>,
    /// Whether the unit's status is not the one the charm set, but that of a deferral or a complaint.
    pub overridden: bool,
}

const META: &str = "charm";

impl Memory {
    /// Reads entries. What is no longer understood becomes a dead letter, so that nothing is lost.
    #[must_use]
    pub fn from_entries(entries: &Entries) -> Self {
        let mut memory = Self::default();
        let mut next = 1;
        for ((kind, key), text) in entries {
            match kind {
                EntryKind::Meta => {
                    if let Ok(meta) = serde_json::from_str::<Meta>(text) {
                        next = meta.next_sequence;
                        memory.status = meta.status;
                        memory.overridden = meta.overridden;
                    }
                }
                EntryKind::Notice => memory.read_block(key, text),
                EntryKind::Dead => memory.dead.push(serde_json::from_str(text).unwrap_or_else(|error| {
                    DeadLetter::unreadable(key.parse().unwrap_or(0), json_or_text(text), &error)
                })),
                EntryKind::Complaint => {
                    if let Ok(complaint) = serde_json::from_str(text) {
                        memory.complaints.insert(key.clone(), complaint);
                    }
                }
                EntryKind::State => {
                    if let Ok(stored) = serde_json::from_str(text) {
                        memory.stored.insert(key.clone(), stored);
                    }
                }
            }
        }
        memory.queue.continue_at(next);
        memory
    }

    /// Reads deferred events: all at once, or one by one if there is one among them that is not understood.
    fn read_block(&mut self, key: &str, text: &str) {
        match serde_json::from_str::<Vec<Notice>>(text) {
            Ok(notices) => notices.into_iter().for_each(|notice| self.queue.restore(notice)),
            Err(whole) => {
                let first = key.parse::<u64>().unwrap_or(0).saturating_mul(BLOCK);
                let Value::Array(notices) = json_or_text(text) else {
                    self.dead.push(DeadLetter::unreadable(first, json_or_text(text), &whole));
                    return;
                };
                for notice in notices {
                    match Notice::deserialize(&notice) {
                        Ok(notice) => self.queue.restore(notice),
                        Err(error) => {
                            let sequence = notice.get("sequence").and_then(Value::as_u64).unwrap_or(first);
                            self.dead.push(DeadLetter::unreadable(sequence, notice, &error));
                        }
                    }
                }
            }
        }
    }

    /// Writes entries.
    #[must_use]
    pub fn to_entries(&self) -> Entries {
        let mut entries = Entries::new();
        let json = |value: &dyn erased::Json| value.json();
        let meta = Meta {
            next_sequence: self.queue.next_sequence(),
            status: self.status.clone(),
            overridden: self.overridden,
        };
        let nothing = Meta { next_sequence: 1, status: None, overridden: false };
        if meta != nothing {
            entries.insert((EntryKind::Meta, META.to_owned()), json(&meta));
        }
        let notices: Vec<&Notice> = self.queue.iter().collect();
        for block in notices.chunk_by(|one, next| one.sequence / BLOCK == next.sequence / BLOCK) {
            let number = block.first().map_or(0, |notice| notice.sequence / BLOCK);
            entries.insert((EntryKind::Notice, format!("{number:020}")), json(&block));
        }
        for letter in &self.dead {
            entries.insert((EntryKind::Dead, format!("{:020}", letter.sequence)), json(letter));
        }
        for (key, complaint) in &self.complaints {
            entries.insert((EntryKind::Complaint, key.clone()), json(complaint));
        }
        for (key, stored) in &self.stored {
            entries.insert((EntryKind::State, key.clone()), json(stored));
        }
        entries
    }
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

mod erased {
    /// Values of ours as JSON: maps with text keys and plain values, which can always be written.
    pub(super) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut memory = Memory::default();
        assert_eq!(memory.to_entries(), Entries::new());
        memory.status = Some(Status::Active(String::new()));
        memory.stored.insert("State".into(), Stored { version: 2, value: serde_json::json!({"count": 3}) });
        let complaint = Complaint {
            handler: HandlerId { observer: "Api".into(), handler: "reconcile".into() },
            status: Status::Blocked("no relation".into()),
        };
        memory.complaints.insert("Api.reconcile".into(), complaint);
        assert_eq!(Memory::from_entries(&memory.to_entries()), memory);
    }

    #[test]
    fn a_deferred_event_that_nobody_understands_is_kept_as_a_dead_letter() {
        let start = |sequence| Notice {
            sequence,
            event: crate::event::Start {}.into(),
            handler: HandlerId { observer: "Api".into(), handler: "begin".into() },
            lane: None,
            reason: "not yet".into(),
            attempts: 1,
            first: periapt_model::time::Timestamp(1),
            last: periapt_model::time::Timestamp(1),
            wakes: Vec::new(),
            seen: BTreeMap::new(),
        };
        let (good, later) = (serde_json::to_value(start(6)).unwrap(), start(70));
        let block = serde_json::json!([good, {"sequence": 7, "event": {"event": "from-the-future"}}]);
        let key = |block: u64| (EntryKind::Notice, format!("{block:020}"));
        let entries = Entries::from([
            (key(0), block.to_string()),
            (key(1), serde_json::to_string(&[later]).unwrap()),
            (key(2), "not JSON at all".to_owned()),
        ]);
        let memory = Memory::from_entries(&entries);
        assert_eq!(memory.queue.sequences(), [6, 70], "the others of its block are read");
        assert_eq!(memory.dead.iter().map(|dead| dead.sequence).collect::<Vec<_>>(), [7, 128]);
        assert_eq!(memory.dead[1].notice, "not JSON at all");
        assert_eq!(Memory::from_entries(&memory.to_entries()), memory);
    }
}
