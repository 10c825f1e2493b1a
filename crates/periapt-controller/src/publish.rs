//! One model: its head, what of it is durable, and the task that makes one the other in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use periapt_model::journal::JournalRecord;
use periapt_model::model::{Key, Model, Record, Write};
use periapt_model::names::UnitName;
use periapt_model::observe;
use periapt_model::time::Timestamp;
use periapt_store::{Committed, LeaseId, Pending, TxnError};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::controller::Shared;
use crate::linker;
use crate::logs::LogBook;
use crate::status_log;

/// A change that was submitted and waits to be durable.
pub(crate) struct Submitted {
    pub(crate) pending: Pending<Committed, TxnError>,
    pub(crate) before: Model,
    pub(crate) after: Model,
    pub(crate) writes: Vec<Write>,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

/// One model.
pub(crate) struct Space {
    pub(crate) uuid: String,
    pub(crate) head: Mutex<Model>,
    durable: RwLock<Model>,
    queue: mpsc::UnboundedSender<Submitted>,
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) units_changed: watch::Sender<u64>,
    unit_watches: Mutex<BTreeMap<UnitName, watch::Sender<u64>>>,
    pub(crate) journal: broadcast::Sender<Arc<JournalRecord>>,
    pub(crate) logs: LogBook,
    pub(crate) leases: Mutex<BTreeMap<UnitName, LeaseId>>,
}

/// A poisoned lock means that another thread panicked while it held plain data that is replaced whole: go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Space {
    /// Starts the model's publisher, which ends when the space is dropped.
    pub(crate) fn start(model: Model, logs: &Path, shared: &Arc<Shared>) -> Arc<Self> {
        let (queue, submitted) = mpsc::unbounded_channel();
        let space = Arc::new(Self {
            uuid: model.info.uuid.clone(),
            head: Mutex::new(model.clone()),
            logs: LogBook::open(logs, &model.info.uuid, &model.info.settings.text("logging-config")),
            durable: RwLock::new(model),
            queue,
            changed: watch::Sender::new(0),
            units_changed: watch::Sender::new(0),
            unit_watches: Mutex::new(BTreeMap::new()),
            journal: broadcast::Sender::new(1024),
            leases: Mutex::new(BTreeMap::new()),
        });
        tokio::spawn(publish(Arc::downgrade(&space), Arc::downgrade(shared), submitted));
        space
    }

    pub(crate) fn durable(&self) -> Model {
        self.durable.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn submit(&self, submitted: Submitted) {
        // The receiver lives as long as the space does; a send fails only while everything is being dropped.
        drop(self.queue.send(submitted));
    }

    pub(crate) fn watch_unit(&self, unit: &UnitName) -> watch::Receiver<u64> {
        let mut watches = lock(&self.unit_watches);
        watches.entry(unit.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    fn make_visible(&self, before: &Model, after: Model, writes: &[Write], now: Timestamp) {
        let concerned = observe::concerned(before, &after, writes);
        let statuses = status_log::changes(before, writes, now);
        if !statuses.is_empty() {
            self.logs.add_statuses(statuses);
        }
        let units_changed = before.units.len() != after.units.len() || writes.iter().any(concerns_supervisor);
        if before.info.settings != after.info.settings {
            self.logs.configure(&after.info.settings.text("logging-config"));
        }
        *self.durable.write().unwrap_or_else(PoisonError::into_inner) = after;
        {
            let mut watches = lock(&self.unit_watches);
            for unit in &concerned {
                if let Some(sender) = watches.get(unit) {
                    sender.send_modify(|n| *n += 1);
                }
            }
            if units_changed {
                watches.retain(|_, sender| sender.receiver_count() > 0);
            }
        }
        if units_changed {
            self.units_changed.send_modify(|n| *n += 1);
        }
        self.changed.send_modify(|n| *n += 1);
        for write in writes {
            if let Write::Journal(record) = write {
                // Nobody follows: nothing to tell.
                drop(self.journal.send(record.clone()));
            }
        }
    }
}

/// Whether a change is of interest to whoever starts and ends agents: units and machines that went, what machines are to
/// run, and storages.
fn concerns_supervisor(write: &Write) -> bool {
    match write {
        Write::Delete(Key::Unit(_) | Key::Machine(_) | Key::Storage(_)) => true,
        Write::Put(Record::Storage(_)) => true,
        Write::Put(Record::Task(task)) => task.host.machine().is_some(),
        _ => false,
    }
}

/// The main loop of a model: one durable change after the other is made visible.
async fn publish(
    space: std::sync::Weak<Space>,
    shared: std::sync::Weak<Shared>,
    mut submitted: mpsc::UnboundedReceiver<Submitted>,
) {
    while let Some(Submitted { pending, before, after, writes, done }) = submitted.recv().await {
        let outcome = pending.await;
        let (Some(space), Some(shared)) = (space.upgrade(), shared.upgrade()) else { return };
        match outcome {
            Ok(_) => {
                let emptied = after.is_emptied();
                let unlinks = linker::concerns(&before, &after, &writes);
                space.make_visible(&before, after, &writes, shared.now());
                crate::leases::release_lost(&shared, &space, &writes);
                // The caller may have gone away; the change stands all the same.
                drop(done.send(Ok(())));
                if unlinks {
                    shared.links_changed.send_modify(|n| *n += 1);
                }
                if emptied {
                    shared.remove_space(&space.uuid);
                }
            }
            Err(error) => {
                shared.fail(error.to_string());
                drop(done.send(Err(error.to_string())));
            }
        }
    }
}
