//! What a handler can see and do: the unit's model, through hook commands.
//!
//! Nothing is read before it is asked for. What cannot change within a dispatch is read once; what the charm writes is seen
//! by its own later reads.

mod action;
mod app_status;
mod cache;
mod call;
mod cloud;
#[cfg(feature = "kube")]
mod cluster;
mod config;
#[cfg(feature = "pebble")]
mod container;
mod emit;
mod goal;
mod leader;
mod network;
mod port;
mod relation;
mod resource;
mod secret;
mod since;
mod state;
mod status;
mod storage;
#[cfg(test)]
pub(crate) mod testing_support;
mod wake;
mod workload;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::charm::CharmMeta;
use periapt_model::names::{AppName, UnitName};
use periapt_model::time::Timestamp;

pub use app_status::{AppStatus, ShownStatus};
pub use cloud::{CloudCredential, CloudSpec, ModelUuid};
#[cfg(feature = "kube")]
pub use cluster::Kube;
#[cfg(feature = "kube")]
pub(crate) use cluster::kind as kind_of_kube;
#[cfg(feature = "pebble")]
pub(crate) use container::kind as kind_of_pebble;
#[cfg(feature = "pebble")]
pub use container::{NotCopied, Workload};
pub use goal::{Goal, GoalState};
pub use network::{Address, Host, InvalidSubnet, Network, NetworkInterface, Subnet};
pub use port::{IntoPorts, PortRange, Protocol};
pub use relation::{Relation, RelationSide};
pub use secret::{
    Expire, IntoSecretId, Owner, RotatePolicy, Secret, SecretContent, SecretInfo, SecretOptions,
};
pub use since::Since;
pub use state::StoredState;
pub use storage::{StorageInstance, StorageKind, StorageLocation};
pub use wake::{JujuWakes, WakeUp};

use crate::commands::Commands;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::event::{Emitted, Event};
use crate::log::Lines;
use crate::memory::{HandlerId, Memory};
use crate::patience::{Exhausted, Patience};

/// What a handler can see and do.
pub struct Context {
    pub(crate) environment: Rc<Environment>,
    pub(crate) metadata: Rc<CharmMeta>,
    commands: RefCell<Box<dyn Commands>>,
    pub(crate) memory: RefCell<Memory>,
    cache: RefCell<Cache>,
    pub(crate) lines: Arc<Lines>,
    /// What is being handled.
    running: RefCell<Option<Running>>,
    /// The handlers that have not returned, by their place in the registry, with their events.
    pub(crate) active: RefCell<Vec<(usize, Rc<Event>)>>,
    /// Emitted by the running handler, to be delivered when it returns.
    pub(crate) outbox: RefCell<Vec<Emitted>>,
    /// What the agent is told at the end.
    pub(crate) told: RefCell<Told>,
    /// The charm's handlers, for events that are delivered at once.
    pub(crate) registry: RefCell<Option<Rc<dyn Any>>>,
    /// Whether anything was deferred, or dead, when the dispatch began.
    pub(crate) had_deferred: bool,
    /// Whether the unit may have what an `ops` charm deferred.
    pub(crate) was_ops: bool,
    /// How many lines about single events the log has of this dispatch.
    details: Cell<usize>,
    /// Whether the charm set its unit's status in this dispatch.
    pub(crate) status_set: Cell<bool>,
    /// What becomes of wakes where the agent has none.
    pub(crate) juju_wakes: Cell<JujuWakes>,
    /// The client of the cluster, once it was asked for.
    #[cfg(feature = "kube")]
    kube: RefCell<Option<Rc<Kube>>>,
    /// By container.
    #[cfg(feature = "pebble")]
    pebbles: RefCell<BTreeMap<String, Rc<dyn periapt_pebble::Pebble>>>,
    /// What was handled by whom, for tests to look at.
    #[cfg(feature = "testing")]
    pub(crate) handled: RefCell<Vec<(Rc<Event>, HandlerId, u32)>>,
}

/// What the agent is told at the end of a dispatch.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) emitted: Vec<String>,
    pub(crate) dropped: Vec<(u64, String, HandlerId, String)>,
}

/// What was read in this dispatch and cannot have changed since.
#[derive(Debug, Default)]
struct Cache {
    config: Option<Rc<serde_json::Map<String, serde_json::Value>>>,
    leader: Option<bool>,
    relation_ids: BTreeMap<String, Rc<Vec<periapt_model::names::RelationId>>>,
    bags: BTreeMap<relation::BagKey, Rc<crate::databag::RawBag>>,
    members: BTreeMap<periapt_model::names::RelationId, Rc<Vec<UnitName>>>,
    model: cache::ModelCache,
}

/// What is being handled.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) event: Rc<Event>,
    pub(crate) attempt: Attempt,
    pub(crate) seen: BTreeMap<String, u64>,
}

/// The how-manieth time the running handler has the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When the handler deferred it first; none if it has not.
    pub first: Option<Timestamp>,
    /// Why it was deferred last.
    pub reason: Option<String>,
}

/// So many lines of the log are about single events; the rest are summed up. Fewer where each line is a process.
const MOST_DETAILS: usize = 12;
const MOST_DETAILS_AS_PROCESSES: usize = 4;

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, running) = (&self.environment.unit, self.running.borrow());
        f.debug_struct("Context").field("unit", unit).field("running", &running).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(
        environment: Environment,
        metadata: impl Into<Rc<CharmMeta>>,
        commands: Box<dyn Commands>,
        memory: Memory,
        lines: Arc<Lines>,
    ) -> Self {
        let had_deferred = !memory.queue.is_empty() || !memory.dead.is_empty();
        Self {
            environment: Rc::new(environment),
            metadata: metadata.into(),
            commands: RefCell::new(commands),
            memory: RefCell::new(memory),
            cache: RefCell::default(),
            lines,
            running: RefCell::new(None),
            active: RefCell::default(),
            outbox: RefCell::default(),
            told: RefCell::default(),
            registry: RefCell::new(None),
            had_deferred,
            was_ops: false,
            details: Cell::new(0),
            status_set: Cell::new(false),
            juju_wakes: Cell::default(),
            #[cfg(feature = "kube")]
            kube: RefCell::new(None),
            #[cfg(feature = "pebble")]
            pebbles: RefCell::default(),
            #[cfg(feature = "testing")]
            handled: RefCell::default(),
        }
    }

    /// The dispatch: whose, where and what for.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The charm's metadata.
    #[must_use]
    pub fn metadata(&self) -> &CharmMeta {
        &self.metadata
    }

    /// Our unit.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        &self.environment.unit
    }

    /// Our application.
    #[must_use]
    pub fn app(&self) -> &AppName {
        self.environment.app()
    }

    /// The event that the running handler has.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        self.running.borrow().as_ref().map(|running| Event::clone(&running.event))
    }

    /// The how-manieth time the running handler has its event.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        let running = self.running.borrow();
        running.as_ref().map_or(Attempt { number: 1, first: None, reason: None }, |r| r.attempt.clone())
    }

    /// Runs `work` with this as what is being handled.
    pub(crate) fn while_running<T>(&mut self, running: Running, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.running.replace(Some(running));
        let result = work(self);
        self.running.replace(before);
        result
    }

    /// Writes a line about one event into the log, but not thousands: on Juju each line is a process.
    pub(crate) fn detail(&self, line: impl FnOnce() -> String) {
        let count = self.details.get();
        self.details.set(count.saturating_add(1));
        if count < self.most_details() {
            tracing::debug!("{}", line());
        }
    }

    fn most_details(&self) -> usize {
        match self.commands.borrow().logs_aside() {
            true => MOST_DETAILS_AS_PROCESSES,
            false => MOST_DETAILS,
        }
    }

    /// Says how many lines were left out.
    pub(crate) fn sum_details_up(&self) {
        let left = self.details.get().saturating_sub(self.most_details());
        if left > 0 {
            let waiting = self.memory.borrow().queue.len();
            tracing::debug!("{left} more lines about single events; {waiting} are deferred now.");
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.commands.borrow().now()
    }

    /// Waits. Hooks of other units of the machine wait with it.
    pub fn sleep(&self, pause: Duration) {
        self.commands.borrow_mut().sleep(pause);
    }

    /// Whether the agent is Periapt's, which wakes units on request.
    #[must_use]
    pub fn is_periapt(&self) -> bool {
        self.commands.borrow().is_periapt()
    }

    /// Tries something again as long as its error is temporary and patience lasts. With `?`, what then happens is what the
    /// [`Patience`] says.
    ///
    /// # Errors
    /// The last error, or the first that is not temporary.
    pub fn patiently<T, E: Into<Error>>(
        &self,
        patience: Patience,
        mut work: impl FnMut() -> Result<T, E>,
    ) -> Result<T, Exhausted> {
        let begun = self.now();
        let mut tried = 0_u32;
        loop {
            let error = match work() {
                Ok(value) => return Ok(value),
                Err(error) => error.into(),
            };
            tried = tried.saturating_add(1);
            let elapsed = self.now().since(begun);
            let chance = self.commands.borrow_mut().chance();
            let pause =
                (error.kind() == Kind::Temporary).then(|| patience.pause(tried, elapsed, chance)).flatten();
            match pause {
                Some(pause) => {
                    tracing::debug!("{error}: trying again in {} ms (try {tried})", pause.as_millis());
                    self.sleep(pause);
                }
                None => return Err(Exhausted { error, then: patience.then }),
            }
        }
    }
}
