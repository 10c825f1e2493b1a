//! Actions, command lines and replays on units, and what became of them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use periapt_model::command::{Command, Receiver};
use periapt_model::journal::{Entry, Event};
use periapt_model::model::Model;
use periapt_model::time::parse_duration;

use super::answer::answer;
use super::extract::{Input, Params, Segments, Sensitive, receiver, task_id, unit_name};
use super::replies::{Cancelled, Started};
use super::requests::{Exec, OperationParams, Replay, Run, WaitParams};
use super::{Api, ApiError, no_unit};
use crate::handle::ModelHandle;
use crate::journal::JournalQuery;
use crate::views::operation::{
    ShowOperation, TaskResult, TaskView, is_done, results as view_results, show_operation, show_task,
};
use crate::views::operations::{Listing, Wanted};

/// The longest time a request is kept open for; a client that wants to wait longer asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl Api {
    /// The model, once `ended` says so of it, or when `wait` is over.
    async fn when(
        &self,
        model: &ModelHandle,
        wait: Option<&str>,
        ended: impl Fn(&Model) -> bool,
    ) -> Result<Model, ApiError> {
        let Some(text) = wait else { return Ok(model.snapshot()) };
        let limit = parse_duration(text)
            .ok_or_else(|| ApiError::invalid(format!("{text:?} is not a duration, such as 30s or 5m")))?;
        let mut changed = model.watch();
        let reached = async {
            loop {
                changed.mark_unchanged();
                let now = model.snapshot();
                if ended(&now) || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = reached => {}
            () = tokio::time::sleep(limit.min(LONGEST_WAIT)) => {}
            () = self.shutdown.cancelled() => {}
        }
        Ok(model.snapshot())
    }
}

fn receivers(texts: &[String]) -> Result<Vec<Receiver>, ApiError> {
    texts.iter().map(|text| receiver(text)).collect()
}

fn no_operation(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found(format!("operation {id} not found"))
        .hint("`periapt operations` lists those that are remembered")
}

/// An action on units.
#[utoipa::path(
    post, path = "/v1/models/{model}/run", operation_id = "operations_run", tag = "operations", request_body = Run,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Started), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn run(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Sensitive(request): Sensitive<Run>,
) -> Result<Json<Started>, ApiError> {
    let command = Command::Run {
        receivers: receivers(&request.receivers)?,
        action: request.action,
        params: request.params,
    };
    api.apply(&model, command).await.map(Json)
}

/// A command line on units and machines.
#[utoipa::path(
    post, path = "/v1/models/{model}/exec", operation_id = "operations_exec", tag = "operations", request_body = Exec,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Started), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn exec(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Sensitive(request): Sensitive<Exec>,
) -> Result<Json<Started>, ApiError> {
    if request.all && !request.receivers.is_empty() {
        return Err(ApiError::invalid("name who runs it, or ask for all machines, not both"));
    }
    let receivers = match request.all {
        true => api.model(&model)?.snapshot().machines.keys().copied().map(Receiver::Machine).collect(),
        false => receivers(&request.receivers)?,
    };
    let Exec { command, timeout_ms, parallel, with, .. } = request;
    api.apply(&model, Command::Exec { receivers, command, timeout_ms, parallel, with }).await.map(Json)
}

/// A recorded event of a unit again.
#[utoipa::path(
    post, path = "/v1/models/{model}/units/{app}/{number}/replay", operation_id = "operations_replay", tag = "operations", request_body = Replay,
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("app" = String, Path, description = "The application's name."),
        ("number" = u32, Path, description = "The unit's number."),
    ),
    responses((status = 200, body = Started), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn replay(
    State(api): State<Api>,
    Segments((model, app, number)): Segments<(String, String, String)>,
    Input(Replay { record }): Input<Replay>,
) -> Result<Json<Started>, ApiError> {
    let handle = api.model(&model)?;
    let unit = unit_name(&app, &number)?;
    let snapshot = handle.snapshot();
    if !snapshot.units.contains_key(&unit) {
        return Err(no_unit(&snapshot, &unit));
    }
    let found = handle.journal(&JournalQuery { id: Some(record), ..JournalQuery::default() }).await?;
    let found = found.first().filter(|r| r.unit == unit).ok_or_else(|| {
        ApiError::not_found(format!("{unit} has no event {record} in the journal"))
            .hint(format!("`periapt tail {unit}` shows events with their numbers"))
    })?;
    let hook = match &found.entry {
        Entry::Dispatch(dispatch) => match &dispatch.event {
            Event::Hook(hook) | Event::Replay { hook, .. } => hook.clone(),
            other => return Err(ApiError::invalid(format!("cannot replay {}: it is no hook", other.name()))),
        },
        Entry::Mark(_) => {
            return Err(ApiError::invalid(format!("cannot replay record {record}: nothing ran in it")));
        }
    };
    Ok(Json(handle.apply(Command::Replay { unit, record, hook }).await?.try_into()?))
}

/// What to do where the results of several tasks are too much for one answer.
const BY_TASK: &str =
    "`periapt show-task ID` shows one task; `periapt operations` lists the tasks of each operation";

/// The operations that are remembered.
#[utoipa::path(
    get, path = "/v1/models/{model}/operations", operation_id = "operations_list", tag = "operations",
    params(("model" = String, Path, description = "The model's name or uuid."), OperationParams),
    responses(
        (status = 200, body = std::collections::BTreeMap<String, ShowOperation>),
        (status = 404, body = ApiError),
        (status = 413, body = ApiError),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<OperationParams>,
) -> Result<Response, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    let set = |text: Option<String>| -> std::collections::BTreeSet<String> {
        text.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect()
    };
    let OperationParams { apps, units, machines, actions, status, offset, limit, brief, zone: _ } = params;
    let wanted = Wanted {
        apps: set(apps),
        units: set(units),
        machines: set(machines),
        actions: set(actions),
        status: set(status),
        offset: offset.unwrap_or(0),
        limit,
    };
    let model = api.model(&model)?.snapshot();
    answer(
        &Listing::new(&model, &wanted, &zone, brief),
        "the results of these operations",
        "ask for fewer with --limit, or for one with `periapt show-task ID`",
    )
}

/// One operation.
#[utoipa::path(
    get, path = "/v1/models/{model}/operations/{operation}", operation_id = "operations_show", tag = "operations",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("operation" = u64, Path, description = "Its number."),
        WaitParams,
    ),
    responses((status = 200, body = ShowOperation), (status = 404, body = ApiError), (status = 413, body = ApiError))
)]
pub(super) async fn show(
    State(api): State<Api>,
    Segments((model, id)): Segments<(String, String)>,
    Params(params): Params<WaitParams>,
) -> Result<Response, ApiError> {
    let (model, id, zone) = (api.model(&model)?, task_id(&id)?, api.zone(params.zone.as_deref())?);
    let model = api.when(&model, params.wait.as_deref(), |m| is_done(m, id) != Some(false)).await?;
    let shown = show_operation(&model, id, &zone).ok_or_else(|| no_operation(id))?;
    answer(&shown, &format!("operation {id}"), BY_TASK)
}

/// The results of an operation's tasks, by unit or machine.
#[utoipa::path(
    get, path = "/v1/models/{model}/operations/{operation}/results", operation_id = "operations_results", tag = "operations",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("operation" = u64, Path, description = "Its number."),
        WaitParams,
    ),
    responses(
        (status = 200, body = std::collections::BTreeMap<String, TaskResult>),
        (status = 404, body = ApiError),
        (status = 413, body = ApiError),
    )
)]
pub(super) async fn results(
    State(api): State<Api>,
    Segments((model, id)): Segments<(String, String)>,
    Params(params): Params<WaitParams>,
) -> Result<Response, ApiError> {
    let (model, id, zone) = (api.model(&model)?, task_id(&id)?, api.zone(params.zone.as_deref())?);
    let model = api.when(&model, params.wait.as_deref(), |m| is_done(m, id) != Some(false)).await?;
    let results = view_results(&model, id, &zone).ok_or_else(|| no_operation(id))?;
    answer(&results, &format!("operation {id}"), BY_TASK)
}

/// One task.
#[utoipa::path(
    get, path = "/v1/models/{model}/tasks/{task}", operation_id = "operations_task", tag = "operations",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("task" = u64, Path, description = "Its number."),
        WaitParams,
    ),
    responses((status = 200, body = TaskView), (status = 404, body = ApiError))
)]
pub(super) async fn task(
    State(api): State<Api>,
    Segments((model, id)): Segments<(String, String)>,
    Params(params): Params<WaitParams>,
) -> Result<Json<TaskView>, ApiError> {
    let (model, id, zone) = (api.model(&model)?, task_id(&id)?, api.zone(params.zone.as_deref())?);
    let ended = |m: &Model| m.tasks.get(&id).is_none_or(|t| t.status.is_final());
    let model = api.when(&model, params.wait.as_deref(), ended).await?;
    show_task(&model, id, &zone).map(Json).ok_or_else(|| ApiError::not_found(format!("task {id} not found")))
}

/// A task is taken back, or killed when it runs.
#[utoipa::path(
    delete, path = "/v1/models/{model}/tasks/{task}", operation_id = "operations_cancel", tag = "operations",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("task" = u64, Path, description = "Its number."),
    ),
    responses((status = 200, body = Cancelled), (status = 404, body = ApiError))
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Segments((model, id)): Segments<(String, String)>,
) -> Result<Json<Cancelled>, ApiError> {
    api.apply(&model, Command::CancelTask { task: task_id(&id)? }).await.map(Json)
}
