//! What a framework tells its agent of what it has deferred (`periapt-deferred`).

use serde::{Deserialize, Serialize};

use crate::journal::Dropped;
use crate::local::Notice;
use crate::time::Timestamp;
use crate::wake::WakeWhen;

/// One deferred event, as a framework tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedDeferral {
    /// Which event and handler.
    pub notice: Notice,
    /// Why, in the charm's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The lane it keeps the order of; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lane: String,
    /// How many times its handler has run and deferred it, if the framework counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When it was deferred first, if the framework knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When it is to be run again; None: the agent decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<WakeWhen>,
}

impl ReportedDeferral {
    /// One of which nothing but itself is known.
    pub fn of(notice: Notice) -> Self {
        Self { notice, reason: String::new(), lane: String::new(), attempts: None, first: None, wake: None }
    }
}

/// All that a framework tells at the end of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DeferralReport {
    /// What is deferred now, in the order in which it is run.
    #[serde(default)]
    pub queue: Vec<ReportedDeferral>,
    /// What left the queue in this dispatch without being done.
    #[serde(default)]
    pub dropped: Vec<Dropped>,
    /// All whose handler or event the charm no longer knows: they are kept, and never run.
    #[serde(default)]
    pub dead: Vec<ReportedDeferral>,
    /// The custom events of this dispatch, in order.
    #[serde(default)]
    pub emitted: Vec<String>,
}
