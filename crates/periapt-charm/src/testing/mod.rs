//! Tests of charms, in process: [`Scenario`] takes a state and an event and gives the state after it, and [`Model`] runs
//! several applications with the real lifecycle in virtual time.
//!
//! Hook commands are answered by [`periapt_context::answer`], the same function that the agent serves, and what a hook has
//! done goes into its model by the same `commit`: what Juju would refuse is refused here. No file is written, no process is
//! started, and no test waits: time is virtual, and chance comes from a seed.
//!
//! ```
//! use periapt_charm::prelude::*;
//! use periapt_charm::testing::{Scenario, State};
//!
//! # static META: Metadata = Metadata {
//! #     name: "api",
//! #     json: r#"{"name": "api", "summary": "", "description": "", "format": "v2",
//! #               "config": {"port": {"type": "int", "default": 80}}}"#,
//! #     files: &[],
//! # };
//! #[derive(Default)]
//! struct Api;
//!
//! impl Charm for Api {
//!     const META: &'static Metadata = &META; // made by charm!("charmcraft.yaml")
//!
//!     fn observe(on: &mut Observe<Self>) {
//!         on.any((start(), config_changed())).reconcile(Self::reconcile);
//!     }
//! }
//!
//! impl Api {
//!     fn reconcile(&mut self, cx: &mut Context) -> Flow {
//!         let config = cx.raw_config()?;
//!         if config["port"] == 0 {
//!             return defer("the port is not chosen").wake_after(secs(10));
//!         }
//!         cx.set_status(Status::Active(format!("port {}", config["port"])))?;
//!         done()
//!     }
//! }
//!
//! # fn main() -> Result<(), periapt_charm::testing::ScenarioError> {
//! let scenario = Scenario::<Api>::new();
//! let out = scenario.run(start(), &State::new().with_config("port", 0))?;
//! assert_eq!(out.state.unit_status, Some(Status::Waiting("the port is not chosen".into())));
//! assert_eq!(out.deferred().len(), 1);
//!
//! // What comes out goes in again, what is deferred included.
//! let out = scenario.run(config_changed(), &out.state.with_config("port", 8080))?;
//! assert_eq!(out.state.unit_status, Some(Status::Active("port 8080".into())));
//! assert!(out.deferred().is_empty());
//! # Ok(())
//! # }
//! ```

mod caught;
mod containers;
mod error;
mod hook;
mod model;
mod output;
mod paused;
mod picture;
mod relation;
mod rules;
mod scenario;
mod secret;
mod secrets;
mod state;
mod trigger;

pub use error::{HookFailed, Inconsistent, ScenarioError};
pub use model::{ActionRun, Logged, Model, ModelError, StubCx};
pub use output::{CommandRun, Dropped, Handled, LogLine, Output};
pub use paused::Paused;
pub use relation::{RelationState, bag};
pub use scenario::Scenario;
pub use secret::SecretState;
pub use state::{ModelState, State};
pub use trigger::{Details, Trigger};

#[cfg(feature = "pebble")]
pub use periapt_pebble::fake::{ExecMock, FakePebble, FakeState};

pub use periapt_model::effects::{OpenPorts, PortRange};
pub use periapt_model::entity::{GrantScope, RotatePolicy, SecretOwner, SecretReader};
pub use periapt_model::log::Level;
pub use periapt_model::time::Timestamp;
