//! The controller: the models, kept durably, and the API over them.
//!
//! **Owns** the registry of models ([`Controller`]), the one place where commands and commits become durable
//! ([`ModelHandle::apply`], [`ModelHandle::commit`]), watches, the leases behind leadership, the journal's and the logs'
//! reading, the [views] that commands show, and the HTTP [api] with its [client].
//!
//! **Must not know** hooks or processes: it is told what happened, and decides nothing that
//! [`periapt_model`] and [`periapt_lifecycle`] do not decide for it.
//!
//! # How a change becomes durable
//!
//! `apply` and `commit` are pure functions over the *head*, the newest state that was decided. Under one lock a change is
//! computed, made to the head and submitted to the store; the store keeps the order of submission. Only when it is on
//! disk does the model's publisher make it visible ([`ModelHandle::snapshot`]) and wake whoever it concerns: nobody ever
//! acts on a state that a crash could take back.

pub mod api;
pub mod client;
mod codec;
mod controller;
mod handle;
mod journal;
mod leases;
mod linker;
mod logs;
mod publish;
mod reseal;
mod seal;
pub mod status_log;
pub mod views;

pub use controller::{Controller, Failure, OpenError, Options};
pub use handle::{ApplyError, CommitError, ModelHandle};
pub use journal::JournalQuery;
pub use logs::{EntityPattern, LogQuery, LogReader, matches_wildcard};
pub use seal::SealError;
