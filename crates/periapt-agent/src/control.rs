//! What an agent needs of its controller. The binary ties this to the controller; tests tie it to less.

use std::future::Future;
use std::pin::Pin;

use periapt_model::command::{Answer, Command, Refusal};
use periapt_model::log::LogLine;
use periapt_model::model::Model;
use periapt_model::names::UnitName;
use periapt_model::step_commit::{Commit, CommitRefusal};
use tokio::sync::watch;

/// A boxed future, so that [`Control`] can be a trait object.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the controller did not do what an agent asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It may not, or it makes no sense.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A commit that may not be applied.
    #[error(transparent)]
    Commit(#[from] CommitRefusal),
    /// The controller cannot store anything at present (a full disk, a lost store). Nothing was done.
    #[error("the controller cannot store changes: {0}")]
    Unavailable(String),
}

/// The controller of one model, as its agents see it.
pub trait Control: Send + Sync + 'static {
    /// The newest durable state of the model. Cheap: an immutable value.
    fn snapshot(&self) -> Model;

    /// Raised whenever what `unit` can see may have changed. Level-triggered: look at [`Control::snapshot`] after it.
    fn watch_unit(&self, unit: &UnitName) -> watch::Receiver<u64>;

    /// Raised whenever a unit was added to or removed from the model, a machine was removed, or a storage or a task of a
    /// machine changed.
    fn watch_units(&self) -> watch::Receiver<u64>;

    /// Does a command, durably.
    fn apply(&self, command: Command) -> Answering<'_, Result<Answer, ControlError>>;

    /// Commits a step, durably: all of it or nothing.
    fn commit(&self, commit: Commit) -> Answering<'_, Result<(), ControlError>>;

    /// Extends the lease of `unit`'s leadership. True: it leads, and will for at least half the lease (30 s).
    fn renew_leadership(&self, unit: &UnitName) -> Answering<'_, bool>;

    /// Writes a log line. Never waits.
    fn log(&self, line: LogLine);
}
