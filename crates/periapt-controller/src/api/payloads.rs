//! Payloads.

use axum::Json;
use axum::extract::State;

use super::extract::Segments;
use super::{Api, ApiError};
use crate::views::payloads::{PayloadView, payloads};

/// What charms told of with `payload-register`.
#[utoipa::path(
    get, path = "/v1/models/{model}/payloads", operation_id = "payloads_list", tag = "units",
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Vec<PayloadView>), (status = 404, body = ApiError))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
) -> Result<Json<Vec<PayloadView>>, ApiError> {
    Ok(Json(payloads(&api.model(&model)?.snapshot())))
}
