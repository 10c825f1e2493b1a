//! All that a charm commonly needs: `use periapt_charm::prelude::*;`.

pub use crate::action::{ActionParams, ActionResult, Results};
pub use crate::config::{CharmConfig, SecretUri};
pub use crate::context::{
    Context, Expire, Host, IntoPorts, JujuWakes, Network, Owner, PortRange, Protocol, Relation, RelationSide,
    RotatePolicy, Secret, SecretContent, SecretOptions, StoredState, WakeUp,
};
pub use crate::databag::{Databag, Interface, RawBag, Untyped};
pub use crate::error::{Error, Kind, ResultExt};
pub use crate::event::*;
pub use crate::flow::{DeferExt, DeferralOrError, Finish, Flow, defer, done, millis, mins, secs};
pub use crate::handle::{Container, Endpoint, Resource, Role, Storage};
pub use crate::metadata::Metadata;
pub use crate::observe::{Observe, no_results};
pub use crate::patience::{Patience, Then};
pub use crate::status::{Status, Statuses};
pub use crate::{Charm, charm, databag, interface};
pub use periapt_model::names::{AppName, RelationId, UnitName};
pub use periapt_model::time::Timestamp;
pub use tracing;
