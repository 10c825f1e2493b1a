//! What operators ask for, and what agents tell: the input of [`apply`](crate::apply::apply).

mod answer;
mod batch;
mod cross_model;
mod exec;
mod storage;

use std::collections::BTreeMap;

pub use answer::{Answer, Refusal, RefusalKind};
pub use batch::{Batch, BatchChange, Place, Step};
pub use cross_model::CrossModel;
pub use exec::{AskedRelation, ExecOptions};
pub use storage::{StorageCommand, StorageOptions};

use serde::{Deserialize, Serialize};

use crate::entity::{Charm, Exposure, ResourceFile, SecretContent, StorageFate, TaskStatus};
use crate::names::{
    ActionName, AppName, EndpointName, MachineId, RelationId, ResourceName, StorageId, TaskId, UnitName,
};
use crate::remote::Resolve;
use crate::secrets::SecretRef;
use crate::status::WorkloadStatus;

/// An application, perhaps with one of its endpoints: `db` or `db:admin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRef {
    /// The application.
    pub app: AppName,
    /// The endpoint; None: whichever fits.
    #[serde(default)]
    pub endpoint: Option<EndpointName>,
}

/// Which relation: by id or by its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationRef {
    /// `remove-relation 3`.
    Id(RelationId),
    /// `remove-relation a b:x`.
    Ends(EndpointRef, EndpointRef),
}

/// Who runs an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// This unit.
    Unit(UnitName),
    /// `app/leader`.
    Leader(AppName),
    /// Every unit of it.
    Application(AppName),
    /// This machine; only for command lines.
    Machine(MachineId),
}

/// What becomes of a task of a machine; see [`Command::MachineTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineTask {
    /// Its process is about to start.
    Started,
    /// It has ended.
    Ended {
        /// How.
        status: TaskStatus,
        /// Its time was over.
        timed_out: bool,
        /// Why it could not run or did not end well.
        message: String,
        /// `return-code`, `stdout` and `stderr`.
        results: serde_json::Map<String, serde_json::Value>,
    },
}

/// An operator's command on one model. Each says in its documentation what it changes; none changes anything when refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// A new application with its peer relations and units.
    Deploy(Box<Deploy>),
    /// More units.
    AddUnits {
        /// Of which application.
        app: AppName,
        /// How many; at least one.
        count: u32,
    },
    /// Units go away after their hooks.
    RemoveUnits {
        /// Which.
        units: Vec<UnitName>,
        /// At once, without hooks.
        force: bool,
    },
    /// An application, its relations and units go away.
    RemoveApplication {
        /// Which.
        app: AppName,
        /// At once, without hooks.
        force: bool,
    },
    /// A relation between two applications.
    Integrate {
        /// One end.
        a: EndpointRef,
        /// The other.
        b: EndpointRef,
    },
    /// A relation goes away after its hooks.
    RemoveRelation {
        /// Which.
        relation: RelationRef,
        /// At once, without hooks.
        force: bool,
    },
    /// Config of an application: texts as typed, checked against the charm's options; and keys to take back.
    SetConfig {
        /// Which application.
        app: AppName,
        /// New values.
        #[serde(default)]
        set: BTreeMap<String, String>,
        /// Back to their defaults.
        #[serde(default)]
        reset: Vec<String>,
    },
    /// `juju trust`.
    SetTrust {
        /// Which application.
        app: AppName,
        /// On or off.
        trust: bool,
    },
    /// `juju expose` and `unexpose`.
    SetExposed {
        /// Which application.
        app: AppName,
        /// On or off.
        exposed: bool,
    },
    /// Another charm for an application.
    Refresh {
        /// Which application.
        app: AppName,
        /// The new charm, as in [`Deploy`]; None: it keeps what it has, and gets what else is said here.
        charm: Option<Box<Charm>>,
        /// Also under units in error, without `upgrade-charm`.
        #[serde(default)]
        force_units: bool,
        /// Config to set with it.
        #[serde(default)]
        config: BTreeMap<String, String>,
        /// Resources uploaded with it.
        #[serde(default)]
        resources: BTreeMap<ResourceName, ResourceFile>,
        /// The channel that it follows from now on; None: as before; empty: none.
        #[serde(default)]
        channel: Option<String>,
        /// `--trust`; None: as before.
        #[serde(default)]
        trust: Option<bool>,
    },
    /// A new file for a resource; units run `upgrade-charm`.
    AttachResource {
        /// Which application.
        app: AppName,
        /// Which resource.
        resource: ResourceName,
        /// The file.
        file: ResourceFile,
    },
    /// Units in error go on. Refused for a unit that is not in error.
    Resolve {
        /// Which; empty with `all`.
        units: Vec<UnitName>,
        /// Every unit in error.
        #[serde(default)]
        all: bool,
        /// How.
        how: Resolve,
    },
    /// An action on units: an operation with a task each.
    Run {
        /// Who.
        receivers: Vec<Receiver>,
        /// Which action.
        action: ActionName,
        /// Its parameters as given, before defaults.
        #[serde(default)]
        params: serde_json::Map<String, serde_json::Value>,
    },
    /// A command line on units.
    Exec {
        /// Who.
        receivers: Vec<Receiver>,
        /// The script for `/bin/bash -s`.
        command: String,
        /// Killed after this.
        #[serde(default)]
        timeout_ms: Option<u64>,
        /// Without the machine lock.
        #[serde(default)]
        parallel: bool,
        /// What few ask for.
        #[serde(default)]
        with: ExecOptions,
    },
    /// A recorded hook again, as a task.
    Replay {
        /// On which unit.
        unit: UnitName,
        /// The journal record.
        record: u64,
        /// Its hook.
        hook: crate::hook::Hook,
    },
    /// A task that has not ended is taken back or killed.
    CancelTask {
        /// Which.
        task: TaskId,
    },
    /// Model settings.
    SetModelConfig {
        /// New values.
        #[serde(default)]
        set: BTreeMap<String, String>,
        /// Back to their defaults.
        #[serde(default)]
        reset: Vec<String>,
    },
    /// A new application whose units are placed: `deploy --to`.
    DeployTo {
        /// The application.
        deploy: Box<Deploy>,
        /// Where its units go, in order: numbers of machines. Units beyond them get machines of their own.
        placement: Vec<String>,
        /// `--storage` and `--attach-storage`.
        #[serde(default)]
        storage: StorageOptions,
    },
    /// More units that are placed: `add-unit --to`.
    AddUnitsTo {
        /// Of which application.
        app: AppName,
        /// How many; at least one.
        count: u32,
        /// As in [`Command::DeployTo`].
        placement: Vec<String>,
        /// `--attach-storage`: detached storages that the one new unit starts with.
        #[serde(default)]
        attach: Vec<StorageId>,
    },
    /// Machines without units, which stay until they are removed.
    AddMachines {
        /// How many; at least one.
        count: u32,
        /// As typed: `mem=2G cores=4`.
        #[serde(default)]
        constraints: String,
    },
    /// Machines go away; refused while units run on one.
    RemoveMachines {
        /// Which.
        machines: Vec<MachineId>,
        /// With their units, without hooks.
        force: bool,
    },
    /// The constraints of an application or of the model are replaced.
    SetConstraints {
        /// Which application; None: the model.
        app: Option<AppName>,
        /// As typed.
        constraints: String,
    },
    /// Everything in the model goes away, and then the model.
    DestroyModel {
        /// At once, without hooks.
        force: bool,
        /// What becomes of storage that outlives its unit; None: refused while there is any.
        #[serde(default)]
        storage: Option<StorageFate>,
    },
    /// What concerns storages.
    Storage(StorageCommand),
    /// Finished operations that ended before this moment are forgotten.
    PruneOperations {
        /// The moment.
        before: crate::time::Timestamp,
    },

    /// `add-secret`: a secret of the operator's.
    AddSecret {
        /// What it is called.
        name: String,
        /// What it is for.
        #[serde(default)]
        info: Option<String>,
        /// What is in it.
        content: SecretContent,
    },
    /// `update-secret`: what is None stays; content that differs is a new revision.
    UpdateSecret {
        /// Which; one of the operator's.
        secret: SecretRef,
        /// What it is called from now on.
        #[serde(default)]
        name: Option<String>,
        /// What it is for.
        #[serde(default)]
        info: Option<String>,
        /// Whether revisions go by themselves that nobody reads any more.
        #[serde(default)]
        auto_prune: Option<bool>,
        /// All of the new content.
        #[serde(default)]
        content: Option<SecretContent>,
    },
    /// `remove-secret`.
    RemoveSecret {
        /// Which; one of the operator's.
        secret: SecretRef,
        /// This revision; None: all of it.
        #[serde(default)]
        revision: Option<u32>,
    },
    /// `grant-secret` and `revoke-secret`.
    GrantSecret {
        /// Which; one of the operator's.
        secret: SecretRef,
        /// Whose units may read it, or may no more.
        apps: Vec<AppName>,
        /// They may.
        grant: bool,
    },
    /// `integrate --via`: a relation whose units' traffic comes from these networks.
    IntegrateVia {
        /// One end.
        a: EndpointRef,
        /// The other.
        b: EndpointRef,
        /// The networks, such as `10.0.0.0/24`.
        via: Vec<String>,
    },
    /// `expose` with or without endpoints: adds what is said to what is exposed.
    Expose {
        /// Which application.
        app: AppName,
        /// Its endpoints; empty: all.
        #[serde(default)]
        endpoints: Vec<EndpointName>,
        /// To whom.
        to: Exposure,
    },
    /// `unexpose`: takes the mark of these endpoints back; the application is exposed as long as one is left.
    Unexpose {
        /// Which application.
        app: AppName,
        /// Its endpoints; empty: all.
        #[serde(default)]
        endpoints: Vec<EndpointName>,
    },
    /// A task of a machine has begun or ended: what runs machines' tasks says so.
    MachineTask {
        /// Which.
        task: TaskId,
        /// What.
        what: MachineTask,
    },

    /// Offers, and relations with other models.
    CrossModel(Box<CrossModel>),
    /// Changes that are made together, in order, or not at all.
    Batch(Batch),

    /// What an agent tells at once, without waiting for its hook's end (reference 4.1, "immediate").
    Agent {
        /// Whose.
        unit: UnitName,
        /// The agent's number; an older one than the unit's is refused.
        epoch: u64,
        /// What.
        tell: Tell,
    },
    /// An agent takes a unit over: its predecessor's commits are refused from now on.
    TakeUnit {
        /// Which.
        unit: UnitName,
    },
    /// The lease of an application's leader ran out or was given back.
    LeaseEnded {
        /// Which application.
        app: AppName,
        /// Who held it: nothing happens if somebody else holds it by now.
        unit: UnitName,
    },
}

/// See [`Command::Deploy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// The application's name; None: the charm's.
    #[serde(default)]
    pub name: Option<AppName>,
    /// The charm. Its url and revision are given by `apply`, unless the url says that it comes from the store.
    pub charm: Charm,
    /// How many units.
    pub units: u32,
    /// Config as typed.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// `--trust`.
    #[serde(default)]
    pub trust: bool,
    /// Resources uploaded with it.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, ResourceFile>,
    /// `--constraints`.
    #[serde(default)]
    pub constraints: String,
    /// `--channel`.
    #[serde(default)]
    pub channel: Option<String>,
    /// Deploy although `assumes` is not met.
    #[serde(default)]
    pub force: bool,
}

/// What an agent tells at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// `status-set`.
    UnitStatus {
        /// One a charm may set.
        status: WorkloadStatus,
        /// Its text.
        message: String,
    },
    /// `status-set --application`; leaders only.
    ApplicationStatus {
        /// One a charm may set.
        status: WorkloadStatus,
        /// Its text.
        message: String,
    },
    /// `application-version-set`.
    WorkloadVersion(String),
    /// `leader-set`: a value sets, None removes; leaders only.
    LeaderSettings(crate::effects::Changes),
    /// `action-log`.
    TaskLog {
        /// Whose.
        task: TaskId,
        /// One line.
        line: String,
    },
    /// `secret-get`: the unit reads a revision for the first time or from now on, or calls the secret something else.
    TrackSecret {
        /// Which secret.
        secret: crate::names::SecretId,
        /// The unit's own name for it, where it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        /// The revision; None leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<u32>,
    },
    /// `payload-register`, `payload-status-set`, `payload-unregister`.
    Payload {
        /// Its class, and its id within that.
        key: crate::entity::PayloadKey,
        /// What becomes of it.
        change: crate::entity::PayloadChange,
    },
    /// The unit asks to lead its application. Granted when nobody else does.
    ClaimLeadership,
}
