//! The things a model is made of. Each is one record of the store; [`Model`](crate::model::Model) holds them all.

mod application;
mod cross_model;
mod machine;
mod relation;
mod secret;
mod settings;
mod size;
mod storage;
mod task;
mod unit;

pub use application::{Application, Charm, Exposure, ResourceFile};
pub use cross_model::{Link, Offer, OfferSource, RemoteApp, RemoteEndpoint, RemoteKind};
pub use machine::Machine;
pub use relation::{AppBag, Databag, Member, Relation, RelationEnd};
pub use secret::{
    GrantScope, InvalidContent, MAX_CONTENT, RotatePolicy, Secret, SecretConsumer, SecretContent,
    SecretOwner, SecretReader, SecretRevision,
};
pub use settings::nearest;
pub use settings::{InvalidSetting, ModelInfo, SETTINGS, Setting, SettingValue, Settings};
pub use storage::{
    DEFAULT_SIZE, InvalidDirective, StorageDirective, StorageFate, StorageInstance, StoragePool,
};
pub use task::{ExecRelation, Operation, Task, TaskHost, TaskKind, TaskStatus};
pub use unit::{
    Agent, CharmState, LeaderSettings, Leadership, Payload, PayloadChange, PayloadKey, PayloadStatus, Unit,
};
