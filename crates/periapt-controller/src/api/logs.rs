//! The log, as a stream of its lines.

use std::collections::VecDeque;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use periapt_model::log::LogLine;
use periapt_model::model::Model;
use periapt_model::time::Timestamp;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::extract::{Params, Segments, list};
use super::lines::{Block, Closed, Lines, stream};
use super::requests::{LogParams, StatusLogParams};
use super::{Api, ApiError, ErrorKind, no_app, no_unit};
use crate::logs::{EntityPattern, LogQuery, LogReader};
use crate::status_log::{StatusEntry, StatusKind};

/// How many of the last lines that were read are compared with those that came in meanwhile.
const OVERLAP: usize = 4096;

fn patterns(text: Option<&str>) -> Vec<EntityPattern> {
    list(text).map(EntityPattern::new).collect()
}

fn modules(text: Option<&str>) -> Vec<String> {
    list(text).map(str::to_owned).collect()
}

/// The history of an entity's statuses, oldest first.
#[utoipa::path(
    get, path = "/v1/models/{model}/status-log", operation_id = "status_log", tag = "journal",
    params(("model" = String, Path, description = "The model's name or uuid."), StatusLogParams),
    responses((status = 200, body = Vec<serde_json::Value>), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn statuses(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<StatusLogParams>,
) -> Result<Json<Vec<StatusEntry>>, ApiError> {
    let handle = api.model(&model)?;
    let kinds = StatusKind::of_word(&params.kind)
        .ok_or_else(|| ApiError::invalid(format!("unexpected status type {:?}", params.kind)))?;
    let (entity, since) = (params.entity.clone(), params.since.map(Timestamp));
    let mut found = handle
        .statuses(move |entry| {
            entry.entity == entity
                && kinds.contains(&entry.kind)
                && since.is_none_or(|since| entry.since >= since)
        })
        .await;
    if found.is_empty() {
        known(&handle.snapshot(), kinds, &params.entity)?;
    }
    // Charms' statuses and agents' are told at different moments of the same transaction.
    found.sort_by_key(|entry| entry.since);
    found.drain(..found.len().saturating_sub(params.last.unwrap_or(usize::MAX)));
    Ok(Json(found))
}

/// Refuses an entity that is not there.
fn known(model: &Model, kinds: &[StatusKind], entity: &str) -> Result<(), ApiError> {
    match kinds.first() {
        Some(StatusKind::Workload | StatusKind::JujuUnit) => {
            let unit = entity.parse().map_err(ApiError::invalid)?;
            if model.units.contains_key(&unit) { Ok(()) } else { Err(no_unit(model, &unit)) }
        }
        Some(StatusKind::Application) => {
            let app = entity.parse().map_err(ApiError::invalid)?;
            if model.applications.contains_key(&app) { Ok(()) } else { Err(no_app(model, &app)) }
        }
        Some(StatusKind::Machine | StatusKind::JujuMachine) => {
            let there = model.machines.keys().any(|id| id.to_string() == entity);
            if there { Ok(()) } else { Err(ApiError::not_found(format!("machine {entity} not found"))) }
        }
        Some(StatusKind::Model) | None => Ok(()),
    }
}

/// Log lines, one JSON object a line, oldest first.
#[utoipa::path(
    get, path = "/v1/models/{model}/logs", operation_id = "logs", tag = "journal",
    params(("model" = String, Path, description = "The model's name or uuid."), LogParams),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/x-ndjson", description = "Lines, one a line."),
        (status = 404, body = ApiError)
    )
)]
pub(super) async fn logs(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<LogParams>,
) -> Result<Response, ApiError> {
    let handle = api.model(&model)?;
    let query = LogQuery {
        include: patterns(params.include.as_deref()),
        exclude: patterns(params.exclude.as_deref()),
        include_module: modules(params.include_module.as_deref()),
        exclude_module: modules(params.exclude_module.as_deref()),
        level: params.level,
    };
    // From before the first look, so that nothing is between the two.
    let mut live = handle.log_follow();
    let reader = handle.logs().await;
    // A model that goes away ends the stream: nothing here may keep it.
    drop(handle);
    Ok(stream(api.shutdown.clone(), move |lines: Lines| async move {
        let (writer, filter) = (lines.clone(), query.clone());
        let reading = tokio::task::spawn_blocking(move || {
            send_written(reader, &filter, params.last, params.follow, &writer)
        });
        let mut written = match reading.await.map_err(|error| error.to_string()) {
            Ok(Ok(tail)) => tail,
            Ok(Err(NotSent::Closed)) => return Err(Closed),
            Ok(Err(NotSent::Unreadable(why))) | Err(why) => {
                let error = ApiError::new(ErrorKind::Internal, format!("the log cannot be read: {why}"));
                return lines.send(&error).await;
            }
        };
        if !params.follow {
            return Ok(());
        }
        // A line is told before it is written: what was just read has come in too, and is passed over once.
        let mut come = Vec::new();
        loop {
            match live.try_recv() {
                Ok(line) => come.push(line),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let mut known = |line: &Arc<LogLine>| {
            let at = written.iter().position(|old| *old == identity(line));
            at.map(|at| written.remove(at)).is_some()
        };
        // What came before the first of these is older than all that was asked for.
        let first = come.iter().position(&mut known).map_or(0, |at| at + 1);
        for line in come.iter().skip(first) {
            if !known(line) {
                send_wanted(&lines, &query, line).await?;
            }
        }
        drop(come);
        drop(written);
        loop {
            match live.recv().await {
                Ok(line) => send_wanted(&lines, &query, &line).await?,
                Err(RecvError::Lagged(missed)) => {
                    let error = format!("the reader was too slow: {missed} lines are left out");
                    lines.send(&ApiError::new(ErrorKind::Unavailable, error)).await?;
                }
                Err(RecvError::Closed) => return Ok::<(), Closed>(()),
            }
        }
    }))
}

async fn send_wanted(lines: &Lines, query: &LogQuery, line: &Arc<LogLine>) -> Result<(), Closed> {
    if query.matches(line) { lines.send(&**line).await } else { Ok(()) }
}

/// Why the lines in the files were not sent to the end.
enum NotSent {
    Closed,
    Unreadable(String),
}

impl From<Closed> for NotSent {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// How often while reading is looked at the clock.
const LOOK: usize = 256;

/// Tells lines apart. They may be long, and only compared: their hash will do.
fn identity(line: &LogLine) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (line.at.0, line.level.as_str(), &line.entity, &line.module, &line.message).hash(&mut hasher);
    hasher.finish()
}

/// Sends what is wanted of the lines in the files: the `last` so many of it. Returns the identities of the last of all lines
/// that it read, if somebody will `follow`.
fn send_written(
    mut reader: LogReader,
    query: &LogQuery,
    last: Option<usize>,
    follow: bool,
    lines: &Lines,
) -> Result<VecDeque<u64>, NotSent> {
    if let Some(last) = last {
        reader.seek_to_last(last, query).map_err(|error| NotSent::Unreadable(error.to_string()))?;
    }
    let mut tail = VecDeque::new();
    let mut block = Block::new(lines);
    for (count, line) in reader.enumerate() {
        if follow {
            tail.push_back(identity(&line));
            if tail.len() > OVERLAP {
                tail.pop_front();
            }
        }
        if query.matches(&line) {
            block.push(&line)?;
        }
        if count % LOOK == 0 {
            block.hurry()?;
        }
    }
    block.flush()?;
    Ok(tail)
}
