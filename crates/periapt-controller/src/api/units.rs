//! Units.

use axum::Json;
use axum::extract::State;
use periapt_model::command::Command;
use periapt_model::remote::Resolve;

use super::extract::{Input, Params, Segments, unit_name};
use super::replies::Units;
use super::requests::{RemoveUnits, ResolveUnits, UnitParams};
use super::{Api, ApiError, no_unit, storage};
use crate::views::unit::{ShowUnit, UnitFilter, show_unit};
use crate::views::why::{UnitWhy, unit_why};

type UnitPath = Segments<(String, String, String)>;

/// One unit with its databags.
#[utoipa::path(
    get, path = "/v1/models/{model}/units/{app}/{number}", operation_id = "units_show", tag = "units",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("app" = String, Path, description = "The application's name."),
        ("number" = u32, Path, description = "The unit's number."),
        UnitParams,
    ),
    responses((status = 200, body = ShowUnit), (status = 404, body = ApiError))
)]
pub(super) async fn show(
    State(api): State<Api>,
    Segments((model, app, number)): UnitPath,
    Params(params): Params<UnitParams>,
) -> Result<Json<ShowUnit>, ApiError> {
    let related = params.related_unit.as_deref().map(str::parse).transpose().map_err(ApiError::invalid)?;
    let filter = UnitFilter { endpoint: params.endpoint, related_unit: related, app_only: params.app };
    let (model, unit) = (api.model(&model)?.snapshot(), unit_name(&app, &number)?);
    show_unit(&model, &unit, &filter).map(Json).ok_or_else(|| no_unit(&model, &unit))
}

/// What a unit waits for.
#[utoipa::path(
    get, path = "/v1/models/{model}/units/{app}/{number}/why", operation_id = "units_why", tag = "units",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("app" = String, Path, description = "The application's name."),
        ("number" = u32, Path, description = "The unit's number."),
    ),
    responses((status = 200, body = UnitWhy), (status = 404, body = ApiError))
)]
pub(super) async fn why(
    State(api): State<Api>,
    Segments((model, app, number)): UnitPath,
) -> Result<Json<UnitWhy>, ApiError> {
    let (model, unit) = (api.model(&model)?.snapshot(), unit_name(&app, &number)?);
    unit_why(&model, &unit, &api.moment()).map(Json).ok_or_else(|| no_unit(&model, &unit))
}

/// Units go away after their hooks: all of them, or none when one is not there.
#[utoipa::path(
    post, path = "/v1/models/{model}/remove-units", operation_id = "units_remove", tag = "units", request_body = RemoveUnits,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Units), (status = 404, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<RemoveUnits>,
) -> Result<Json<Units>, ApiError> {
    if request.units.is_empty() {
        return Err(ApiError::invalid("no units to remove"));
    }
    let removal = Command::RemoveUnits { units: request.units, force: request.force };
    let removal = storage::with_storage(request.destroy_storage, removal);
    api.apply_or_try(&model, removal, request.dry_run).await.map(Json)
}

/// Units in error go on.
#[utoipa::path(
    post, path = "/v1/models/{model}/resolve", operation_id = "units_resolve", tag = "units", request_body = ResolveUnits,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Units), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn resolve(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<ResolveUnits>,
) -> Result<Json<Units>, ApiError> {
    if request.units.is_empty() != request.all {
        return Err(ApiError::invalid("name the units to resolve, or ask for all of them, not both"));
    }
    let how = if request.no_retry { Resolve::NoRetry } else { Resolve::Retry };
    api.apply(&model, Command::Resolve { units: request.units, all: request.all, how }).await.map(Json)
}
