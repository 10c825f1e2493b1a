//! Calls about actions, command lines and replays.

use std::time::Duration;

use hyper::Method;
use periapt_model::names::{TaskId, UnitName};
use periapt_model::time::format_duration;

use super::{ClientError, ModelClient};
use crate::api::replies::{Cancelled, Started};
use crate::api::requests::{Exec, OperationParams, Replay, Run, WaitParams};
use crate::views::Zone;
use crate::views::operation::{OperationList, Results, ShowOperation, TaskView};

fn waiting(wait: Option<Duration>, zone: &Zone) -> WaitParams {
    WaitParams { wait: wait.map(format_duration), zone: Some(zone.to_string()) }
}

impl ModelClient {
    /// Starts an action on units. It answers before it runs: see [`ModelClient::results`].
    pub async fn run(&self, request: &Run) -> Result<Started, ClientError> {
        self.client.submit(Method::POST, &self.path(&["run"]), request).await
    }

    /// Starts a command line on units.
    pub async fn exec(&self, request: &Exec) -> Result<Started, ClientError> {
        self.client.submit(Method::POST, &self.path(&["exec"]), request).await
    }

    /// Starts a recorded event of a unit again.
    pub async fn replay(&self, unit: &UnitName, record: u64) -> Result<Started, ClientError> {
        self.client.submit(Method::POST, &self.replay_path(unit), &Replay { record }).await
    }

    /// The operations that are remembered and asked for.
    pub async fn operations(&self, params: &OperationParams) -> Result<OperationList, ClientError> {
        self.client.query(Method::GET, &self.path(&["operations"]), params).await
    }

    /// One operation: when it has ended, or when `wait` is over; at once without `wait`.
    pub async fn operation(
        &self,
        id: TaskId,
        wait: Option<Duration>,
        zone: &Zone,
    ) -> Result<ShowOperation, ClientError> {
        self.client
            .query(Method::GET, &self.path(&["operations", &id.to_string()]), &waiting(wait, zone))
            .await
    }

    /// The results of an operation by unit: when all have ended, or when `wait` is over; at once without `wait`.
    pub async fn results(
        &self,
        id: TaskId,
        wait: Option<Duration>,
        zone: &Zone,
    ) -> Result<Results, ClientError> {
        let path = self.path(&["operations", &id.to_string(), "results"]);
        self.client.query(Method::GET, &path, &waiting(wait, zone)).await
    }

    /// One task: when it has ended, or when `wait` is over; at once without `wait`.
    pub async fn task(
        &self,
        id: TaskId,
        wait: Option<Duration>,
        zone: &Zone,
    ) -> Result<TaskView, ClientError> {
        self.client.query(Method::GET, &self.path(&["tasks", &id.to_string()]), &waiting(wait, zone)).await
    }

    /// A task is taken back, or killed when it runs.
    pub async fn cancel(&self, id: TaskId) -> Result<Cancelled, ClientError> {
        self.client.call(Method::DELETE, &self.path(&["tasks", &id.to_string()])).await
    }
}
