//! Ties an agent's [`Control`] to a model of the controller in the same process.

use periapt_agent::control::{Answering, Control, ControlError};
use periapt_controller::{ApplyError, CommitError, ModelHandle};
use periapt_model::command::{Answer, Command};
use periapt_model::log::LogLine;
use periapt_model::model::Model;
use periapt_model::names::UnitName;
use periapt_model::step_commit::Commit;
use tokio::sync::watch;

/// A model, as its agents see it.
pub struct Link(pub ModelHandle);

impl Control for Link {
    fn snapshot(&self) -> Model {
        self.0.snapshot()
    }

    fn watch_unit(&self, unit: &UnitName) -> watch::Receiver<u64> {
        self.0.watch_unit(unit)
    }

    fn watch_units(&self) -> watch::Receiver<u64> {
        self.0.watch_units()
    }

    fn apply(&self, command: Command) -> Answering<'_, Result<Answer, ControlError>> {
        Box::pin(async move {
            self.0.apply(command).await.map_err(|error| match error {
                ApplyError::Refused(refusal) => ControlError::Refused(refusal),
                ApplyError::Unavailable(reason) => ControlError::Unavailable(reason),
            })
        })
    }

    fn commit(&self, commit: Commit) -> Answering<'_, Result<(), ControlError>> {
        Box::pin(async move {
            self.0.commit(commit).await.map_err(|error| match error {
                CommitError::Refused(refusal) => ControlError::Commit(refusal),
                CommitError::Unavailable(reason) => ControlError::Unavailable(reason),
            })
        })
    }

    fn renew_leadership(&self, unit: &UnitName) -> Answering<'_, bool> {
        let unit = unit.clone();
        Box::pin(async move { self.0.renew_leadership(&unit).await })
    }

    fn log(&self, line: LogLine) {
        self.0.log(line);
    }
}
