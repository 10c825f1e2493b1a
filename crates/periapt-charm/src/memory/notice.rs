//! A deferred event.

use std::fmt;

use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Event;
use crate::flow::Wake;

/// A handler by name: what is kept of it, so it stays the same when code moves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HandlerId {
    /// The charm's type, or the library by its path in the charm: `Api/rolling`.
    pub observer: String,
    /// The method.
    pub handler: String,
}

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.observer, self.handler)
    }
}

/// An event that one handler has put off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its place in the queue.
    pub sequence: u64,
    /// The event.
    pub event: Event,
    /// The handler.
    pub handler: HandlerId,
    /// The lane it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Why it was put off last.
    pub reason: String,
    /// How often the handler has run it; 0 for one that stands behind another one in its lane and never ran.
    pub attempts: u32,
    /// When it was put off first.
    pub first: Timestamp,
    /// When it was put off last.
    pub last: Timestamp,
    /// When it is worth another try; none: any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wakes: Vec<Wake>,
    /// What the handler had seen when it put the event off first, as fingerprints by name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub seen: std::collections::BTreeMap<String, u64>,
}

/// A deferred event that has no handler any more, or is not understood. It waits for a charm that knows it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its place in the queue when it was in it.
    pub sequence: u64,
    /// Why it is here.
    pub why: String,
    /// The notice, as it was kept.
    pub notice: Value,
}

impl DeadLetter {
    pub(crate) fn of(notice: &Notice, why: impl Into<String>) -> Self {
        let kept = serde_json::to_value(notice).unwrap_or_default();
        Self { sequence: notice.sequence, why: why.into(), notice: kept }
    }

    pub(crate) fn unreadable(sequence: u64, notice: Value, error: &dyn fmt::Display) -> Self {
        let why = format!("this charm does not understand the event: {error}");
        Self { sequence, why, notice }
    }

    /// The notice, if it is understood now.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        serde_json::from_value(self.notice.clone()).ok()
    }
}
