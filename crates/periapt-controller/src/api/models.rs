//! Models: their list, their settings and their status.

use axum::Json;
use axum::extract::State;
use periapt_model::command::Command;

use super::extract::{Input, Params, Segments, parsed_list};
use super::replies::Changed;
use super::requests::{AddModel, DestroyParams, SetConfig, StatusParams, ZoneParams};
use super::{Api, ApiError};
use crate::views::model::{ModelConfig, ModelList, SettingView, ShowModel, model_config, show_model};
use crate::views::status::{
    FullStatus, Selector, StatusReport, full_status, relation_rows, remote_app_statuses,
};

/// Every model.
#[utoipa::path(get, path = "/v1/models", operation_id = "models_list", tag = "models", params(ZoneParams), responses((status = 200, body = ModelList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Params(params): Params<ZoneParams>,
) -> Result<Json<ModelList>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    let models = api.controller.models();
    Ok(Json(ModelList {
        models: models.iter().map(|m| show_model(&m.snapshot(), api.view(&zone))).collect(),
    }))
}

/// A new, empty model.
#[utoipa::path(
    post, path = "/v1/models", operation_id = "models_add", tag = "models", request_body = AddModel,
    responses((status = 200, body = ShowModel), (status = 409, body = ApiError))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Input(request): Input<AddModel>,
) -> Result<Json<ShowModel>, ApiError> {
    let model = api.controller.add_model(request.name, &request.config).await?;
    let zone = api.zone(None)?;
    Ok(Json(show_model(&model.snapshot(), api.view(&zone))))
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{model}", operation_id = "models_show", tag = "models",
    params(("model" = String, Path, description = "Its name or uuid."), ZoneParams),
    responses((status = 200, body = ShowModel), (status = 404, body = ApiError))
)]
pub(super) async fn show(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<ZoneParams>,
) -> Result<Json<ShowModel>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    Ok(Json(show_model(&api.model(&model)?.snapshot(), api.view(&zone))))
}

/// Everything in the model goes away after its hooks, and then the model.
#[utoipa::path(
    delete, path = "/v1/models/{model}", operation_id = "models_destroy", tag = "models",
    params(("model" = String, Path, description = "Its name or uuid."), DestroyParams),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn destroy(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<DestroyParams>,
) -> Result<Json<Changed>, ApiError> {
    api.apply(&model, Command::DestroyModel { force: params.force, storage: params.storage }).await.map(Json)
}

/// Every setting of a model, and who set it.
#[utoipa::path(
    get, path = "/v1/models/{model}/config", operation_id = "models_config", tag = "models",
    params(("model" = String, Path, description = "Its name or uuid.")),
    responses((status = 200, body = std::collections::BTreeMap<String, SettingView>), (status = 404, body = ApiError))
)]
pub(super) async fn config(
    State(api): State<Api>,
    Segments(model): Segments<String>,
) -> Result<Json<ModelConfig>, ApiError> {
    Ok(Json(model_config(&api.model(&model)?.snapshot())))
}

/// Sets and resets settings of a model: all of them or none.
#[utoipa::path(
    put, path = "/v1/models/{model}/config", operation_id = "models_set_config", tag = "models", request_body = SetConfig,
    params(("model" = String, Path, description = "Its name or uuid.")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn set_config(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<SetConfig>,
) -> Result<Json<Changed>, ApiError> {
    api.apply(&model, Command::SetModelConfig { set: request.set, reset: request.reset }).await.map(Json)
}

/// The status document, and the rows of its table of relations.
#[utoipa::path(
    get, path = "/v1/models/{model}/status", operation_id = "models_status", tag = "models",
    params(("model" = String, Path, description = "Its name or uuid."), StatusParams),
    responses((status = 200, body = StatusReport), (status = 404, body = ApiError))
)]
pub(super) async fn status(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<StatusParams>,
) -> Result<Json<StatusReport>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    let selectors: Vec<Selector> = parsed_list(params.select.as_deref())?;
    let model = api.model(&model)?.snapshot();
    let others = |uuid: &str| api.controller.model(uuid).map(|other| other.snapshot());
    let application_endpoints = remote_app_statuses(&model, &others, &selectors, api.view(&zone));
    let status = full_status(&model, &selectors, api.view(&zone));
    Ok(Json(StatusReport {
        status: FullStatus { application_endpoints, ..status },
        relations: relation_rows(&model, &selectors),
    }))
}
