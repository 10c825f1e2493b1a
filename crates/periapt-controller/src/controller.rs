//! The registry of models, and the opening of a store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use periapt_model::command::{Refusal, RefusalKind};
use periapt_model::entity::{Machine, ModelInfo};
use periapt_model::model::{Model, Record, Write};
use periapt_model::names::ModelName;
use periapt_model::time::Timestamp;
use periapt_store::{Key, KeyRange, Query, Revision, Store, StoreError, Txn};
use tokio::sync::watch;

use crate::codec::{self, ReadError, Unreadable};
use crate::handle::{ApplyError, ModelHandle};
use crate::leases;
use crate::linker;
use crate::publish::{Space, lock};
use crate::reseal;
use crate::seal::{SealError, Sealer};

/// Where the time comes from.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a controller is opened with.
#[derive(Clone)]
pub struct Options {
    /// The folder for the models' logs.
    pub logs: PathBuf,
    /// Where the time comes from.
    pub now: Now,
    /// The file of the key that seals secrets; None stores them in the clear, which is for tests.
    pub key: Option<PathBuf>,
}

impl Options {
    /// The wall clock, and this folder for logs.
    pub fn new(logs: PathBuf) -> Self {
        Self { logs, now: Arc::new(wall_clock), key: None }
    }

    /// The same, with secrets sealed by the key in this file, which is made when there is none and none is needed.
    #[must_use]
    pub fn sealed_by(self, key: PathBuf) -> Self {
        Self { key: Some(key), ..self }
    }
}

fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Why a controller could not be opened. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record in it makes no sense.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The key that seals secrets cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It could not be taken over.
    #[error("the store cannot be taken over: {0}")]
    Takeover(String),
}

/// Why the controller stopped storing. It does nothing more; the daemon ends and says so.
pub type Failure = Option<String>;

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    epoch: Revision,
    pub(crate) sealer: Option<Sealer>,
    options: Options,
    spaces: Mutex<BTreeMap<String, Arc<Space>>>,
    models_changed: watch::Sender<u64>,
    /// Raised when the halves of relations between models may differ.
    pub(crate) links_changed: watch::Sender<u64>,
    failure: watch::Sender<Failure>,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.options.now)()
    }

    /// A transaction that only happens while this controller owns the store.
    pub(crate) fn transaction(&self) -> Txn {
        Txn::new().require(codec::EPOCH_KEY, self.epoch)
    }

    pub(crate) fn failure(&self) -> Failure {
        self.failure.borrow().clone()
    }

    pub(crate) fn fail(&self, reason: String) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                tracing::error!("the store failed, nothing more is stored: {reason}");
                *failure = Some(reason);
            }
            first
        });
    }

    pub(crate) fn space(&self, uuid: &str) -> Option<Arc<Space>> {
        lock(&self.spaces).get(uuid).cloned()
    }

    pub(crate) fn all_spaces(&self) -> Vec<Arc<Space>> {
        lock(&self.spaces).values().cloned().collect()
    }

    /// A destroyed model that is empty by now goes away with its journal and logs.
    pub(crate) fn remove_space(&self, uuid: &str) {
        let Some(space) = lock(&self.spaces).remove(uuid) else { return };
        // Dropped: the order of the queue makes this the model's last transaction, and a crash before it leaves an
        // empty dying model that goes away at the next opening.
        drop(self.store.submit(codec::delete_model(self.transaction(), uuid)));
        space.logs.remove();
        space.units_changed.send_modify(|n| *n += 1);
        space.changed.send_modify(|n| *n += 1);
        self.models_changed.send_modify(|n| *n += 1);
        self.links_changed.send_modify(|n| *n += 1);
    }
}

/// All models of one store. Cheap to copy.
#[derive(Clone)]
pub struct Controller {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").finish_non_exhaustive()
    }
}

impl Controller {
    /// Takes the store over and loads its models. Must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing was changed then.
    pub async fn open(store: Arc<dyn Store>, options: Options) -> Result<Self, OpenError> {
        let key = options.key.as_deref();
        let sealer = key.map(Sealer::find).transpose()?.flatten();
        let Loaded { models, clear } = load(store.as_ref(), sealer.as_ref(), key).await?;
        let sealer = match (sealer, key) {
            (None, Some(path)) => Some(Sealer::make(path)?),
            (found, _) => found,
        };
        // A store whose models are all gone may still hold their past.
        let fresh = store.get(&codec::EPOCH_KEY.into()).await?.is_none();
        let stamp = format!("{}", (options.now)().0);
        let committed = store
            .submit(Txn::new().put(codec::EPOCH_KEY, stamp.into_bytes()))
            .await
            .map_err(|e| OpenError::Takeover(e.to_string()))?;
        if let Some(sealer) = &sealer {
            reseal::settle(store.as_ref(), committed.revision, sealer, clear, fresh).await?;
        }
        let shared = Arc::new(Shared {
            store,
            epoch: committed.revision,
            sealer,
            options,
            spaces: Mutex::new(BTreeMap::new()),
            models_changed: watch::Sender::new(0),
            links_changed: watch::Sender::new(0),
            failure: watch::Sender::new(None),
        });
        let mut emptied = Vec::new();
        for model in models {
            if model.is_emptied() {
                emptied.push(model.info.uuid.clone());
            }
            let space = Space::start(model, &shared.options.logs, &shared);
            lock(&shared.spaces).insert(space.uuid.clone(), space);
        }
        for uuid in emptied {
            shared.remove_space(&uuid);
        }
        leases::start(&shared).await?;
        linker::start(&shared);
        Ok(Self { shared })
    }

    /// All models, by name.
    pub fn models(&self) -> Vec<ModelHandle> {
        let mut models: Vec<ModelHandle> = lock(&self.shared.spaces)
            .values()
            .map(|space| ModelHandle { shared: self.shared.clone(), space: space.clone() })
            .collect();
        models.sort_by_key(|m| m.snapshot().info.name.clone());
        models
    }

    /// A model by name or uuid. `admin/NAME` is Juju's longer form of a name.
    pub fn model(&self, name: &str) -> Option<ModelHandle> {
        let short = name.strip_prefix("admin/").unwrap_or(name);
        self.models().into_iter().find(|m| m.uuid() == name || m.snapshot().info.name.as_str() == short)
    }

    /// A new, empty model with these settings.
    ///
    /// # Errors
    ///
    /// Refused when there is one of this name or a setting is wrong; or the store fails.
    pub async fn add_model(
        &self,
        name: ModelName,
        settings: &BTreeMap<String, String>,
    ) -> Result<ModelHandle, ApplyError> {
        if let Some(reason) = self.shared.failure() {
            return Err(ApplyError::Unavailable(reason));
        }
        let mut info = ModelInfo::new(uuid::Uuid::new_v4().to_string(), name.clone(), self.shared.now());
        for (key, value) in settings {
            info.settings.set(key, value).map_err(|e| Refusal::invalid(e.to_string()))?;
        }
        let (space, pending) = {
            let mut spaces = lock(&self.shared.spaces);
            if spaces.values().any(|s| s.durable().info.name == name) {
                return Err(Refusal::new(
                    RefusalKind::AlreadyExists,
                    format!("model {:?} already exists", name.as_str()),
                )
                .into());
            }
            let taken: BTreeSet<u8> = spaces.values().map(|s| s.durable().info.network).collect();
            info.network = (0..Machine::NETWORKS).find(|n| !taken.contains(n)).unwrap_or_default();
            let model = Model::new(info);
            let write = Write::Put(Record::Info(model.info.clone()));
            let txn = codec::add_write(self.shared.transaction(), &model.info.uuid, &write, None)
                .map_err(|e| ApplyError::Unavailable(e.to_string()))?;
            let pending = self.shared.store.submit(txn);
            let space = Space::start(model, &self.shared.options.logs, &self.shared);
            spaces.insert(space.uuid.clone(), space.clone());
            (space, pending)
        };
        pending.await.map_err(|e| {
            self.shared.fail(e.to_string());
            ApplyError::Unavailable(e.to_string())
        })?;
        self.shared.models_changed.send_modify(|n| *n += 1);
        Ok(ModelHandle { shared: self.shared.clone(), space })
    }

    /// Raised after a model came or went.
    pub fn watch_models(&self) -> watch::Receiver<u64> {
        self.shared.models_changed.subscribe()
    }

    /// Holds a reason once the store has failed: the daemon should then end with it.
    pub fn watch_failure(&self) -> watch::Receiver<Failure> {
        self.shared.failure.subscribe()
    }

    /// The moment, by the controller's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }
}

const PAGE: usize = 1000;

/// What a store was found to hold.
struct Loaded {
    models: Vec<Model>,
    /// Rows in the clear that belong sealed.
    clear: Vec<reseal::ClearRow>,
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unreadable(error) => error.into(),
            ReadError::Seal(error) => error.into(),
        }
    }
}

/// Reads every model: first its own record, then the rest, then its journal's counter.
async fn load(
    store: &dyn Store,
    sealer: Option<&Sealer>,
    key: Option<&std::path::Path>,
) -> Result<Loaded, OpenError> {
    let mut clear = Vec::new();
    let mut records: BTreeMap<String, (Option<Arc<ModelInfo>>, Vec<Record>)> = BTreeMap::new();
    let mut start: Key = codec::MODEL_PREFIX.into();
    loop {
        let range = KeyRange::between(start.clone(), codec::MODEL_END);
        let page = store.range(Query::new(range).limit(PAGE)).await?;
        for entry in &page.entries {
            start = entry.key.successor();
            let Some((uuid, path)) = codec::split_model_key(entry.key.as_bytes()) else { continue };
            let row = codec::model_prefix(&uuid) + &path;
            let of_model = records.entry(uuid).or_default();
            let (record, is_clear) = codec::read_record(&row, &path, &entry.value, sealer, key)?;
            if is_clear {
                clear.push(reseal::ClearRow { row, value: entry.value.to_vec() });
            }
            match record {
                Record::Info(info) => of_model.0 = Some(info),
                record => of_model.1.push(record),
            }
        }
        if !page.more {
            break;
        }
    }
    let mut models = Vec::new();
    for (uuid, (info, records)) in records {
        let info = info.ok_or_else(|| Unreadable {
            key: codec::model_prefix(&uuid),
            reason: "the model's own record is missing".to_owned(),
        })?;
        let mut model = Model::new(ModelInfo::clone(&info));
        for record in records {
            model.put(record);
        }
        let newest = Query::new(KeyRange::prefix(codec::journal_prefix(&uuid))).reverse().limit(1);
        if let Some(entry) = store.range(newest).await?.entries.first() {
            model.next_journal = codec::read_journal(entry.key.as_bytes(), &entry.value)?.id + 1;
        }
        models.push(model);
    }
    Ok(Loaded { models, clear })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_two_models_have_one_network() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(periapt_store::Memory::open(&periapt_store::Options::default()).unwrap());
        let options = Options::new(folder.path().to_owned());
        let controller = Controller::open(store.clone(), options.clone()).await.unwrap();
        let network = |model: ModelHandle| model.snapshot().info.network;
        let add = async |controller: &Controller, name: &str| {
            network(controller.add_model(name.parse().unwrap(), &BTreeMap::new()).await.unwrap())
        };
        assert_eq!((add(&controller, "a").await, add(&controller, "b").await), (0, 1));
        let again = Controller::open(store, options).await.unwrap();
        assert_eq!(again.model("b").map(network), Some(1));
        assert_eq!(add(&again, "c").await, 2);
    }
}
