//! A model as the API and the agents use it.

use std::sync::Arc;

use periapt_model::apply::apply_to;
use periapt_model::command::{Answer, Command, Refusal, Tell};
use periapt_model::commit::commit_to;
use periapt_model::journal::JournalRecord;
use periapt_model::log::LogLine;
use periapt_model::model::{Draft, Model, Write};
use periapt_model::names::UnitName;
use periapt_model::step_commit::{Commit, CommitRefusal};
use periapt_model::time::Timestamp;
use periapt_store::Txn;
use tokio::sync::{broadcast, oneshot, watch};

use crate::codec;
use crate::controller::Shared;
use crate::journal::{self, JournalQuery};
use crate::leases;
use crate::logs::LogReader;
use crate::publish::{Space, Submitted, lock};
use crate::status_log::StatusEntry;

/// Why a command was not done. Nothing of it is in the model.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be stored at present.
    #[error("the controller cannot store changes: {0}")]
    Unavailable(String),
}

/// Why a commit was not done. Nothing of it is in the model.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] CommitRefusal),
    /// It cannot be stored at present.
    #[error("the controller cannot store changes: {0}")]
    Unavailable(String),
}

/// A change that was decided and submitted.
#[must_use]
struct Durable(oneshot::Receiver<Result<(), String>>);

impl Durable {
    async fn wait(self) -> Result<(), String> {
        self.0.await.unwrap_or_else(|_| Err("the controller is shutting down".to_owned()))
    }
}

enum ChangeError<E> {
    Refused(E),
    Unavailable(String),
}

impl From<ChangeError<Refusal>> for ApplyError {
    fn from(error: ChangeError<Refusal>) -> Self {
        match error {
            ChangeError::Refused(refusal) => Self::Refused(refusal),
            ChangeError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<ChangeError<CommitRefusal>> for CommitError {
    fn from(error: ChangeError<CommitRefusal>) -> Self {
        match error {
            ChangeError::Refused(refusal) => Self::Refused(refusal),
            ChangeError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// One model. Cheap to copy.
#[derive(Clone)]
pub struct ModelHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) space: Arc<Space>,
}

impl std::fmt::Debug for ModelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ModelHandle").field(&self.space.uuid).finish()
    }
}

impl ModelHandle {
    /// Its identity.
    pub fn uuid(&self) -> &str {
        &self.space.uuid
    }

    /// The newest durable state. Cheap: an immutable value.
    pub fn snapshot(&self) -> Model {
        self.space.durable()
    }

    /// Raised after every durable change.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.space.changed.subscribe()
    }

    /// Raised after a unit came or went.
    pub fn watch_units(&self) -> watch::Receiver<u64> {
        self.space.units_changed.subscribe()
    }

    /// Raised whenever what `unit`'s agent can see may have changed.
    pub fn watch_unit(&self, unit: &UnitName) -> watch::Receiver<u64> {
        self.space.watch_unit(unit)
    }

    /// Does a command; the answer comes when it is durable.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; the model is then as it was.
    pub async fn apply(&self, command: Command) -> Result<Answer, ApplyError> {
        if let Command::Agent { unit, tell: Tell::ClaimLeadership, .. } = &command {
            let unit = unit.clone();
            return leases::claim(self, &unit, command).await;
        }
        self.apply_with(command, |txn, _| txn).await
    }

    /// As [`ModelHandle::apply`], with more in the same transaction.
    pub(crate) async fn apply_with(
        &self,
        command: Command,
        extra: impl FnOnce(Txn, &Answer) -> Txn,
    ) -> Result<Answer, ApplyError> {
        let (answer, durable) = self.change(|draft, now| apply_to(draft, command, now), extra)?;
        durable.wait().await.map_err(ApplyError::Unavailable)?;
        Ok(answer)
    }

    /// Commits an agent's step; the answer comes when it is durable.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; the model is then as it was.
    pub async fn commit(&self, step: Commit) -> Result<(), CommitError> {
        let ((), durable) = self.change(|draft, now| commit_to(draft, step, now), |txn, ()| txn)?;
        durable.wait().await.map_err(CommitError::Unavailable)
    }

    /// Computes a change on the head, makes it there and submits it: the one way a model changes.
    fn change<T, E>(
        &self,
        decide: impl FnOnce(&mut Draft, Timestamp) -> Result<T, E>,
        extra: impl FnOnce(Txn, &T) -> Txn,
    ) -> Result<(T, Durable), ChangeError<E>> {
        if let Some(reason) = self.shared.failure() {
            return Err(ChangeError::Unavailable(reason));
        }
        let now = self.shared.now();
        let mut head = lock(&self.space.head);
        let mut draft = Draft::new(&head);
        let answer = decide(&mut draft, now).map_err(ChangeError::Refused)?;
        let (after, writes) = draft.finish();
        let mut txn = self.shared.transaction();
        for write in &writes {
            txn = codec::add_write(txn, &self.space.uuid, write, self.shared.sealer.as_ref())
                .map_err(|e| ChangeError::Unavailable(format!("a record cannot be written: {e}")))?;
            if let Write::Journal(record) = write {
                txn = journal::prune(txn, &self.space.uuid, record.id, after.info.settings.journal_keep());
            }
        }
        let txn = extra(txn, &answer);
        let (done, durable) = oneshot::channel();
        if txn.is_empty() {
            // Nobody waits yet: the receiver is in our hands.
            done.send(Ok(())).ok();
        } else {
            let before = std::mem::replace(&mut *head, after.clone());
            let pending = self.shared.store.submit(txn);
            self.space.submit(Submitted { pending, before, after, writes, done });
        }
        Ok((answer, Durable(durable)))
    }

    /// Extends the lease of `unit`'s leadership. True: it leads, and will for at least half the lease.
    pub async fn renew_leadership(&self, unit: &UnitName) -> bool {
        leases::renew(self, unit).await
    }

    /// Journal records, oldest first.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Unavailable`] when the store cannot be read.
    pub async fn journal(&self, query: &JournalQuery) -> Result<Vec<Arc<JournalRecord>>, ApplyError> {
        journal::read(self.shared.store.as_ref(), &self.space.uuid, query)
            .await
            .map_err(ApplyError::Unavailable)
    }

    /// Journal records from now on. A slow reader is told how many it missed, and reads them with
    /// [`ModelHandle::journal`].
    pub fn journal_follow(&self) -> broadcast::Receiver<Arc<JournalRecord>> {
        self.space.journal.subscribe()
    }

    /// Writes a log line, if the model's `logging-config` keeps it. Never waits.
    pub fn log(&self, line: LogLine) {
        self.space.logs.write(line);
    }

    /// Reads the log from its beginning. What was written before the call is in it.
    pub async fn logs(&self) -> LogReader {
        self.space.logs.read().await
    }

    /// The wanted part of the history of statuses, oldest first.
    pub(crate) async fn statuses(
        &self,
        wanted: impl Fn(&StatusEntry) -> bool + Send + 'static,
    ) -> Vec<StatusEntry> {
        self.space.logs.statuses(wanted).await
    }

    /// Log lines from now on.
    pub fn log_follow(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.space.logs.follow()
    }

    /// The moment, by the controller's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }
}
