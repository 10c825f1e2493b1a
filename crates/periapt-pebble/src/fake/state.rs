//! What a fake Pebble knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bad_request;
use super::exec::{ExecMock, ExecRecord};
use super::files::Entry;
use crate::combine::{Plan, combine};
use crate::error::Result;
use crate::info::{Change, ChangeId, Identity, Notice, ServiceStatus, SystemInfo, Warning};
use crate::layer::{Check, Layer, Service};
use crate::pebble::IfPresent;

/// A layer and its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledLayer {
    /// Its label.
    pub label: String,
    /// The layer.
    pub layer: Layer,
}

/// A service that was started at least once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FakeService {
    /// How it is.
    pub status: ServiceStatus,
    /// Since when.
    pub since: Timestamp,
    /// Its configuration when it was started: a replan restarts it if the plan says another.
    pub config: Service,
    /// How often it was started.
    pub starts: u64,
}

/// A check of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FakeCheck {
    /// Its configuration.
    pub config: Check,
    /// How often it passed since it was started or last recovered.
    pub successes: u64,
    /// How often in a row it failed.
    pub failures: u64,
    /// The change that runs it. Nothing if it does not run.
    pub change: Option<ChangeId>,
    /// The one before.
    pub previous: Option<ChangeId>,
}

/// A change and what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FakeChange {
    /// The change.
    pub change: Change,
    /// The services that it is about.
    pub services: Vec<String>,
}

/// A signal that was sent to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentSignal {
    /// Such as `SIGHUP`.
    pub signal: String,
    /// To whom.
    pub service: String,
}

/// All of a fake Pebble. Its parts may be set as a test likes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FakeState {
    /// Whether it can be reached. If not, every call is a connection error.
    pub can_connect: bool,
    /// What time it is. Each thing that happens takes a microsecond; see [`advance`](Self::advance).
    pub now: Timestamp,
    /// What `system_info` tells.
    pub system_info: SystemInfo,
    /// In order.
    pub layers: Vec<LabelledLayer>,
    /// Those that were started at least once.
    pub services: BTreeMap<String, FakeService>,
    /// Services that cannot be started, and why.
    pub start_errors: BTreeMap<String, String>,
    /// Services whose start never ends: the change stays in progress.
    pub start_hangs: BTreeSet<String>,
    /// Signals sent to services, in order.
    pub signals: Vec<SentSignal>,
    /// Those of the plan. Made by adding layers.
    pub checks: BTreeMap<String, FakeCheck>,
    /// In order.
    pub changes: Vec<FakeChange>,
    /// What is in the container's file system, by path; `/` is always there.
    pub files: BTreeMap<String, Entry>,
    /// Folders of this machine that are folders of the container, by path in the container. Owners cannot be set
    /// there.
    pub mounts: BTreeMap<String, PathBuf>,
    /// How commands answer. The longest prefix decides.
    pub exec_mocks: Vec<ExecMock>,
    /// The commands that were run, in order.
    pub execs: Vec<ExecRecord>,
    /// In order of their ids.
    pub notices: Vec<Notice>,
    /// By name.
    pub identities: BTreeMap<String, Identity>,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// The user that calls: custom notices are its own.
    pub user_id: u32,
    /// The last ids given out.
    pub(crate) last_change: u64,
    pub(crate) last_task: u64,
    pub(crate) last_notice: u64,
}

/// The fake's first moment: 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600;

impl Default for FakeState {
    fn default() -> Self {
        Self {
            can_connect: true,
            now: Timestamp::from_second(BEGIN).unwrap_or_default(),
            system_info: SystemInfo { version: "v1.26.0".to_owned(), boot_id: "00000000-boot".to_owned() },
            layers: Vec::new(),
            services: BTreeMap::new(),
            start_errors: BTreeMap::new(),
            start_hangs: BTreeSet::new(),
            signals: Vec::new(),
            checks: BTreeMap::new(),
            changes: Vec::new(),
            files: BTreeMap::new(),
            mounts: BTreeMap::new(),
            exec_mocks: Vec::new(),
            execs: Vec::new(),
            notices: Vec::new(),
            identities: BTreeMap::new(),
            warnings: Vec::new(),
            user_id: 0,
            last_change: 0,
            last_task: 0,
            last_notice: 0,
        }
    }
}

impl FakeState {
    /// Lets time pass. Nothing happens by it, but notices may be told again.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now.saturating_add(span).unwrap_or(self.now);
    }

    /// A moment that no event had before: what happens later is later.
    pub(crate) fn tick(&mut self) -> Timestamp {
        self.advance(Duration::from_micros(1));
        self.now
    }

    /// The layers combined.
    ///
    /// # Errors
    /// [`Error::Api`](crate::Error::Api) with 400 if they cannot be, which only layers set by hand can bring about.
    pub fn plan(&self) -> Result<Plan> {
        Plan::combine(self.layers.iter().map(|labelled| &labelled.layer))
            .map_err(|e| bad_request(e.to_string()))
    }

    pub(crate) fn add_layer(&mut self, label: &str, yaml: &str, present: IfPresent) -> Result<()> {
        let refuse = |e: crate::combine::LayerError| bad_request(e.to_string());
        if label.is_empty() {
            return Err(bad_request("a layer needs a label"));
        }
        if label.starts_with("pebble-") {
            return Err(bad_request(format!(
                "label {label:?}: those that begin with pebble- are Pebble's own"
            )));
        }
        let layer = Layer::from_yaml(yaml).map_err(refuse)?;
        // Combining it alone finds what is wrong in it even where an earlier layer would hide that.
        combine([&layer]).map_err(refuse)?;
        let mut layers = self.layers.clone();
        match layers.iter_mut().find(|labelled| labelled.label == label) {
            Some(_) if present == IfPresent::Refuse => {
                return Err(bad_request(format!("layer {label:?} already exists")));
            }
            Some(labelled) => labelled.layer = combine([&labelled.layer, &layer]).map_err(refuse)?,
            None => layers.push(LabelledLayer { label: label.to_owned(), layer }),
        }
        // The new plan is made before the old one goes: a layer that is refused leaves everything as it was.
        let plan = Plan::combine(layers.iter().map(|labelled| &labelled.layer)).map_err(refuse)?;
        self.layers = layers;
        self.plan_changed(&plan);
        Ok(())
    }
}
