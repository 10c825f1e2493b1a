//! The journal, as a stream of its records.

use axum::extract::State;
use axum::response::Response;
use periapt_model::journal::JournalRecord;
use periapt_model::names::{AppName, UnitName};
use periapt_model::time::Timestamp;
use tokio::sync::broadcast::error::RecvError;

use super::extract::{Params, Segments, list};
use super::lines::{Closed, Lines, stream};
use super::requests::JournalParams;
use super::{Api, ApiError};
use crate::journal::JournalQuery;

/// Of whom records are asked for.
#[derive(Debug, Default)]
struct Whom {
    units: Vec<UnitName>,
    apps: Vec<AppName>,
}

impl Whom {
    fn read(text: Option<&str>) -> Result<Self, ApiError> {
        let mut whom = Self::default();
        for part in list(text) {
            match part.contains('/') {
                true => whom.units.push(part.parse().map_err(ApiError::invalid)?),
                false => whom.apps.push(part.parse().map_err(ApiError::invalid)?),
            }
        }
        Ok(whom)
    }

    /// An application means units that are yet to come, which a query cannot name.
    fn matches(&self, record: &JournalRecord) -> bool {
        (self.units.is_empty() && self.apps.is_empty())
            || self.units.contains(&record.unit)
            || self.apps.contains(record.unit.app())
    }
}

/// Journal records, one JSON object a line, oldest first.
#[utoipa::path(
    get, path = "/v1/models/{model}/journal", operation_id = "journal", tag = "journal",
    params(("model" = String, Path, description = "The model's name or uuid."), JournalParams),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/x-ndjson", description = "Records, one a line."),
        (status = 404, body = ApiError)
    )
)]
pub(super) async fn journal(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<JournalParams>,
) -> Result<Response, ApiError> {
    let handle = api.model(&model)?;
    let whom = Whom::read(params.units.as_deref())?;
    let since = params.since.map(Timestamp);
    let by_unit = whom.apps.is_empty();
    let query = JournalQuery {
        units: if by_unit { whom.units.clone() } else { Vec::new() },
        since,
        after: params.after,
        id: params.id,
        // Records of applications are chosen here, so that the last of them are counted here too.
        last: params.last.filter(|_| by_unit),
    };
    // From before the first look, so that nothing is between the two.
    let mut live = handle.journal_follow();
    let mut records = match params.last {
        Some(0) => Vec::new(),
        _ => handle.journal(&query).await?,
    };
    records.retain(|record| whom.matches(record));
    if let Some(last) = params.last {
        records.drain(..records.len().saturating_sub(last));
    }
    let uuid = handle.uuid().to_owned();
    let newest = handle.snapshot().next_journal.saturating_sub(1);
    // A model that goes away ends the stream: nothing here may keep it.
    drop(handle);
    let controller = api.controller.clone();
    let wanted = move |record: &JournalRecord| {
        whom.matches(record)
            && since.is_none_or(|since| record.at >= since)
            && params.id.is_none_or(|id| id == record.id)
            && params.after.is_none_or(|after| record.id > after)
    };
    Ok(stream(api.shutdown.clone(), move |lines: Lines| async move {
        let mut seen = match params.last {
            Some(0) => newest,
            _ => 0,
        };
        for record in records {
            seen = record.id;
            lines.send(&*record).await?;
        }
        if !params.follow {
            return Ok(());
        }
        loop {
            let batch = match live.recv().await {
                Ok(record) => vec![record],
                Err(RecvError::Closed) => return Ok::<(), Closed>(()),
                // Too slow: what was missed is read from the store.
                Err(RecvError::Lagged(_)) => {
                    let Some(model) = controller.model(&uuid) else { return Ok(()) };
                    let missed = JournalQuery { after: Some(seen), ..JournalQuery::default() };
                    match model.journal(&missed).await {
                        Ok(records) => records,
                        Err(error) => {
                            return lines.send(&ApiError::from(error)).await;
                        }
                    }
                }
            };
            for record in batch {
                if record.id > seen && wanted(&record) {
                    lines.send(&*record).await?;
                }
                seen = seen.max(record.id);
            }
        }
    }))
}
