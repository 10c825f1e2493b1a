//! Machines by hand, and constraints.

use axum::Json;
use axum::extract::State;
use periapt_model::command::{Answer, Command};
use periapt_model::constraints::Constraints;
use periapt_model::names::{AppName, MachineId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Input, Params, Segments};
use super::replies::Changed;
use super::{Api, ApiError, no_app};

fn one() -> u32 {
    1
}

/// New machines without units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMachines {
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
    /// As typed: `mem=2G cores=4`.
    #[serde(default)]
    pub constraints: String,
}

/// Machines that shall go away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveMachines {
    /// Which.
    #[schema(value_type = Vec<u32>)]
    pub machines: Vec<MachineId>,
    /// With their units, without hooks.
    #[serde(default)]
    pub force: bool,
    /// Only say whether it would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Machines that are new or go away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Machines {
    /// Which.
    #[schema(value_type = Vec<u32>)]
    pub machines: Vec<MachineId>,
}

/// Constraints in place of those that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetConstraints {
    /// Of this application; absent: of the model.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub application: Option<AppName>,
    /// As typed.
    pub constraints: String,
}

/// Whose constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConstraintsParams {
    /// This application's; absent: the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub application: Option<AppName>,
}

/// Constraints, in both of their forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShowConstraints {
    /// `cores=2 mem=1024M`.
    pub text: String,
    /// By name; sizes in MiB.
    #[schema(value_type = serde_json::Value)]
    pub constraints: Map<String, Value>,
}

impl TryFrom<Answer> for Machines {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Machines(machines) => Ok(Self { machines }),
            other => Err(super::replies::unexpected(&other)),
        }
    }
}

/// Machines without units, which stay until they are removed.
#[utoipa::path(
    post, path = "/v1/models/{model}/machines", operation_id = "machines_add", tag = "machines", request_body = AddMachines,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Machines), (status = 400, body = ApiError))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<AddMachines>,
) -> Result<Json<Machines>, ApiError> {
    let command = Command::AddMachines { count: request.count, constraints: request.constraints };
    api.apply(&model, command).await.map(Json)
}

/// Machines go away; refused while units run on one, unless forced.
#[utoipa::path(
    post, path = "/v1/models/{model}/remove-machines", operation_id = "machines_remove", tag = "machines", request_body = RemoveMachines,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Machines), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<RemoveMachines>,
) -> Result<Json<Machines>, ApiError> {
    let command = Command::RemoveMachines { machines: request.machines, force: request.force };
    api.apply_or_try(&model, command, request.dry_run).await.map(Json)
}

/// The constraints of the model or of an application.
#[utoipa::path(
    get, path = "/v1/models/{model}/constraints", operation_id = "constraints_show", tag = "machines",
    params(("model" = String, Path, description = "The model's name or uuid."), ConstraintsParams),
    responses((status = 200, body = ShowConstraints), (status = 404, body = ApiError))
)]
pub(super) async fn constraints(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<ConstraintsParams>,
) -> Result<Json<ShowConstraints>, ApiError> {
    let model = api.model(&model)?.snapshot();
    let text = match &params.application {
        None => model.info.constraints.clone(),
        Some(app) => {
            let found = model.applications.get(app).ok_or_else(|| no_app(&model, app))?;
            found.constraints.clone()
        }
    };
    // What an older version stored unchecked is shown as it is, and counts as none.
    let constraints: Constraints = text.parse().unwrap_or_default();
    Ok(Json(ShowConstraints { text, constraints: constraints.to_json() }))
}

/// Replaces the constraints of the model or of an application.
#[utoipa::path(
    put, path = "/v1/models/{model}/constraints", operation_id = "constraints_set", tag = "machines", request_body = SetConstraints,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn set_constraints(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<SetConstraints>,
) -> Result<Json<Changed>, ApiError> {
    let command = Command::SetConstraints { app: request.application, constraints: request.constraints };
    api.apply(&model, command).await.map(Json)
}
