//! The log, as a stream of its lines.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use periapt_model::log::LogLine;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::extract::{Params, Segments, list};
use super::lines::{Closed, Lines, stream};
use super::requests::LogParams;
use super::{Api, ApiError, ErrorKind};
use crate::logs::{EntityPattern, LogQuery, LogReader};

/// How many of the last lines that were read are compared with those that came in meanwhile.
const OVERLAP: usize = 4096;

fn patterns(text: Option<&str>) -> Vec<EntityPattern> {
    list(text).map(EntityPattern::new).collect()
}

fn modules(text: Option<&str>) -> Vec<String> {
    list(text).map(str::to_owned).collect()
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
        let reading =
            tokio::task::spawn_blocking(move || send_written(reader, &filter, params.last, &writer));
        let mut written = match reading.await {
            Ok(tail) => tail?,
            Err(error) => {
                let error = ApiError::new(ErrorKind::Internal, format!("the log cannot be read: {error}"));
                return lines.send(&error).await;
            }
        };
        if !params.follow {
            return Ok(());
        }
        // A line is told before it is written: what was just read has come in too, and is passed over once.
        loop {
            match live.try_recv() {
                Ok(line) => {
                    let known = written.iter().position(|old| *old == *line);
                    match known {
                        Some(at) => drop(written.remove(at)),
                        None => send_wanted(&lines, &query, &line).await?,
                    }
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
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

/// Sends what is wanted of the lines in the file, and returns the last of all its lines.
fn send_written(
    reader: LogReader,
    query: &LogQuery,
    last: Option<usize>,
    lines: &Lines,
) -> Result<VecDeque<LogLine>, Closed> {
    let mut tail = VecDeque::new();
    let mut kept = VecDeque::new();
    for line in reader {
        if query.matches(&line) {
            match last {
                None => lines.blocking_send(&line)?,
                Some(last) => {
                    kept.push_back(line.clone());
                    if kept.len() > last {
                        kept.pop_front();
                    }
                }
            }
        }
        tail.push_back(line);
        if tail.len() > OVERLAP {
            tail.pop_front();
        }
    }
    kept.iter().try_for_each(|line| lines.blocking_send(line))?;
    Ok(tail)
}
