//! Pebble for charms: the client, its types, and a fake to test against.
//!
//! Pebble is the supervisor in the workload containers of a Kubernetes charm. A charm speaks to it over a unix socket:
//! it says with layers what is to run, starts and stops services, moves files and runs commands.
//!
//! - The types are always there: [`Layer`], [`Plan`] and what Pebble tells. Layers are combined here as Pebble does
//!   it, by a function without I/O: [`Plan::combine`].
//! - The trait [`Pebble`] is what a charm uses. It blocks, for a charm does one thing at a time.
//! - With the feature `client` there is `Client`, which speaks to a real Pebble.
//! - With the feature `fake` there is `fake::FakePebble`, which keeps everything in memory.
//!
//! ```
//! use periapt_pebble::{Layer, Plan, Service, Startup};
//!
//! let base = Layer::from_yaml("services: {web: {override: replace, command: /bin/web}}")?;
//! let mut over = Layer::default();
//! over.services.insert("web".into(), Service { startup: Some(Startup::Enabled), ..Service::merge() });
//! let plan = Plan::combine([&base, &over])?;
//! assert_eq!(plan.services["web"].command, "/bin/web");
//! assert!(plan.services["web"].is_enabled());
//! # Ok::<(), periapt_pebble::LayerError>(())
//! ```

mod combine;
mod duration;
mod error;
mod info;
mod layer;
mod pebble;
mod process;
mod text;
mod validate;
mod yaml;

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "fake")]
pub mod fake;

#[cfg(feature = "client")]
pub use client::Client;
pub use combine::{LayerError, Plan, combine};
pub use duration::{InvalidSpan, Span};
pub use error::{Error, PathErrorKind, Result};
pub use info::{
    Access, BasicIdentity, CertIdentity, Change, ChangeId, ChangeState, ChangeStatus, CheckInfo, CheckStatus,
    FileInfo, FileType, Identity, LocalIdentity, Notice, NoticeId, NoticeType, ServiceInfo, ServiceStatus,
    SystemInfo, Task, TaskId, TaskProgress, Warning, WarningState,
};
pub use jiff::Timestamp;
pub use layer::{
    Action, Check, CheckLevel, ExecCheck, HttpCheck, Layer, LogTarget, LogTargetType, Override, Pairing,
    Service, Startup, TcpCheck, Workload,
};
pub use pebble::{DEFAULT_WAIT, FileOptions, IfPresent, NoticeQuery, Pebble, ServiceAction};
pub use process::{ExecRequest, Output, Process, Stdin};
pub use validate::split_command;
