//! Write Juju charms in Rust, with deferral that tells when, where and why.
//!
//! A charm is a program that an agent starts once for each event of its unit. With this library it is a type with handlers:
//!
//! ```
//! use periapt_charm::prelude::*;
//!
//! # mod yaml {}
//! # static META: Metadata = Metadata { name: "api", json: "{}", files: &[] };
//! #[derive(Default)]
//! struct Api;
//!
//! impl Charm for Api {
//!     const META: &'static Metadata = &META; // made by charm!("charmcraft.yaml")
//!
//!     fn observe(on: &mut Observe<Self>) {
//!         on.any((start(), config_changed())).reconcile(Self::reconcile);
//!         on.collect_unit_status(Self::status);
//!     }
//! }
//!
//! impl Api {
//!     fn reconcile(&mut self, cx: &mut Context) -> Flow {
//!         if !self.answers(cx) {
//!             return defer("the API does not answer yet").wake_after(secs(10));
//!         }
//!         done()
//!     }
//!
//!     fn status(&mut self, status: &mut Statuses, _cx: &mut Context) -> Finish {
//!         status.active("");
//!         done()
//!     }
//! #   fn answers(&self, _cx: &Context) -> bool { true }
//! }
//! ```
//!
//! # Features
//!
//! None is on by default: a charm on machines stays small.
//!
//! - `pebble`: workload containers, [`Context::container`](context::Context).
//! - `kube`: a client of the Kubernetes API, [`Context::kube`](context::Context).
//! - `testing`: tests of charms in process.
//!
//! **Owns** what a charm's author imports: typed events, handlers, deferral, patience, statuses, the model as a handler sees
//! it, and, behind the feature `testing`, tests in process.
//!
//! **Must not know** the controller or the store: it reaches its unit through hook commands and the environment alone, so a
//! charm runs on Periapt and on Juju alike.

pub mod action;
pub mod commands;
pub mod config;
pub mod context;
pub mod databag;
mod dispatch;
pub mod environment;
pub mod error;
pub mod event;
pub mod flow;
pub mod handle;
mod log;
pub mod memory;
pub mod metadata;
pub mod observe;
mod panics;
pub mod patience;
pub mod prelude;
mod registry;
mod report;
pub mod rolling;
mod run;
pub mod status;
#[cfg(feature = "testing")]
pub mod testing;

pub use action::{ActionParams, ActionResult, Results};
pub use config::{CharmConfig, SecretUri};
pub use context::{Context, StoredState};
pub use error::{Error, Kind, ResultExt};
pub use event::{CustomEvent, Event};
pub use flow::{DeferExt, Finish, Flow, defer, done};
pub use handle::{Container, Endpoint, Resource, Role, Storage};
pub use metadata::Metadata;
pub use observe::Observe;
pub use patience::{Patience, Then};
pub use periapt_charm_macros::charm;
pub use run::main;
pub use status::{Status, Statuses};

/// The client of the Kubernetes API, and the types of what is in a cluster.
#[cfg(feature = "kube")]
pub use {k8s_openapi, kube};

/// Pebble: layers, and what it tells.
#[cfg(feature = "pebble")]
pub use periapt_pebble as pebble;

/// A charm: its metadata, and which methods handle which events.
///
/// Its value lives for one dispatch: it is made for it with `Default`, and all handlers of the dispatch share it. What must
/// live longer is [stored state](StoredState).
pub trait Charm: Default + 'static {
    /// What [`charm!`] made of the charm's YAML: `&META`.
    const META: &'static Metadata;

    /// Names the charm's handlers. Called once for each dispatch, before any of them runs.
    fn observe(on: &mut Observe<Self>);
}

/// For the macros' expansions.
#[doc(hidden)]
pub mod __private {
    pub use serde;
    pub use serde_json;
}
