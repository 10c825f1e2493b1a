//! What commands show: pure functions from a model (and the moment) to serialisable values.
//!
//! The JSON of [`status::FullStatus`], [`unit::ShowUnit`], [`operation::TaskResult`] and their like is Juju 3.6's, key
//! for key (reference 8.2 and 8.3), so that scripts written for `juju … --format json` read it unchanged. What only
//! Periapt shows ([`why`], [`settled`]) has its own shape.

pub mod actions;
pub mod application;
pub mod host;
pub mod model;
pub mod offer;
pub mod operation;
pub mod operations;
pub mod payloads;
pub mod resources;
pub mod secret;
pub mod settled;
pub mod status;
pub mod storage;
pub mod unit;
pub mod version;
pub mod why;
pub mod zone;

use periapt_model::time::Timestamp;

pub use host::Host;
pub use zone::Zone;

/// The controller's name in what Juju's clients read.
pub const CONTROLLER: &str = "periapt";
/// The cloud's name in what Juju's clients read.
pub const CLOUD: &str = "localhost";
/// The cloud's kind in what Juju's clients read: that of Juju's own cloud on one machine.
pub const CLOUD_KIND: &str = "lxd";
/// The only user.
pub const OWNER: &str = "admin";
/// The name of the one network space, to which every endpoint is bound.
pub const SPACE: &str = "alpha";

/// From where a model is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Viewpoint<'a> {
    /// The present.
    pub now: Timestamp,
    /// In which time zone moments are shown.
    pub zone: &'a Zone,
    /// The machine that everything runs on.
    pub host: &'a Host,
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
