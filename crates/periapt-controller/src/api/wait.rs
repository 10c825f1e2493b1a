//! Waiting, as a stream: what is still waited for, whenever that changes, and at last the verdict.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Input, Segments};
use super::lines::{Closed, Lines, stream};
use super::requests;
use super::{Api, ApiError};
use crate::views::settled::{Waiting, waiting};

/// How many of the things that are waited for are named.
const NAMED: usize = 20;

/// The share of a processor that one waiting client may cost: after each look, this many times its duration is slept.
const REST: u32 = 9;

/// The longest of these rests, and so the longest delay of a verdict.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All has come.
    Met,
    /// The time was over first.
    TimedOut,
}

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WaitLine {
    /// The end; absent in lines that only tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What has not come: the first few of it.
    pub waiting: Vec<Waiting>,
    /// How many there are in all.
    pub total: usize,
}

/// Waits. The last line has the verdict.
#[utoipa::path(
    post, path = "/v1/models/{model}/wait", operation_id = "wait", tag = "waiting", request_body = requests::Wait,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses(
        (status = 200, body = WaitLine, content_type = "application/x-ndjson", description = "Lines, one a line."),
        (status = 404, body = ApiError)
    )
)]
pub(super) async fn wait(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<requests::Wait>,
) -> Result<Response, ApiError> {
    let handle = api.model(&model)?;
    let mut changed = handle.watch();
    let ending = api.shutdown.clone();
    Ok(stream(ending, move |lines: Lines| async move {
        // One that is too long for a clock never ends.
        let deadline = request
            .timeout_ms
            .and_then(|ms| tokio::time::Instant::now().checked_add(Duration::from_millis(ms)));
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        let mut told: Option<Vec<Waiting>> = None;
        loop {
            changed.mark_unchanged();
            let began = Instant::now();
            let there = api.controller.model(handle.uuid()).map(|m| m.snapshot());
            let mut left = waiting(there.as_ref(), &request.goals, &api.moment());
            let total = left.len();
            left.truncate(NAMED);
            if total == 0 {
                return lines.send(&WaitLine { verdict: Some(Verdict::Met), waiting: left, total }).await;
            }
            if told.as_ref() != Some(&left) {
                lines.send(&WaitLine { verdict: None, waiting: left.clone(), total }).await?;
                told = Some(left.clone());
            }
            let rest = (began.elapsed() * REST).min(LONGEST_REST);
            let next_look = async {
                tokio::time::sleep(rest).await;
                changed.changed().await
            };
            tokio::select! {
                biased;
                () = &mut over => {
                    return lines.send(&WaitLine { verdict: Some(Verdict::TimedOut), waiting: left, total }).await;
                }
                look = next_look => if look.is_err() {
                    // Nobody is left who could change anything: the daemon is ending.
                    return Ok::<(), Closed>(());
                },
            }
        }
    }))
}
