//! Calls whose answers go on: the journal, the log, waiting.

use hyper::Method;
use periapt_model::journal::JournalRecord;
use periapt_model::log::LogLine;

use super::{ClientError, LineReader, ModelClient};
use crate::api::WaitLine;
use crate::api::requests::{JournalParams, LogParams, StatusLogParams, Wait};
use crate::status_log::StatusEntry;

impl ModelClient {
    /// Journal records, oldest first; with `follow` there is no end while the model and the daemon live.
    pub async fn journal(&self, params: &JournalParams) -> Result<LineReader<JournalRecord>, ClientError> {
        self.client.follow(&self.path(&["journal"]), params).await
    }

    /// Log lines, oldest first; with `follow` as in [`ModelClient::journal`].
    pub async fn logs(&self, params: &LogParams) -> Result<LineReader<LogLine>, ClientError> {
        self.client.follow(&self.path(&["logs"]), params).await
    }

    /// The history of an entity's statuses, oldest first.
    pub async fn status_log(&self, params: &StatusLogParams) -> Result<Vec<StatusEntry>, ClientError> {
        self.client.query(Method::GET, &self.path(&["status-log"]), params).await
    }

    /// Waits: lines that tell what is still waited for, the last one with a verdict. An end without one means that the
    /// daemon is ending.
    pub async fn wait(&self, request: &Wait) -> Result<LineReader<WaitLine>, ClientError> {
        self.client.follow_submit(&self.path(&["wait"]), request).await
    }
}
