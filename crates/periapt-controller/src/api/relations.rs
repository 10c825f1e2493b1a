//! Relations.

use axum::Json;
use axum::extract::State;
use periapt_model::command::{Command, RelationRef};
use periapt_model::names::RelationId;
use periapt_model::offer_url::OfferUrl;

use super::extract::{Input, Segments, endpoint_ref};
use super::replies::Related;
use super::requests::{Integrate, RemoveRelation, WantedRelation};
use super::{Api, ApiError};
use crate::views::status::{RelationRow, relation_rows};

/// Every relation.
#[utoipa::path(
    get, path = "/v1/models/{model}/relations", operation_id = "relations_list", tag = "relations",
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Vec<RelationRow>), (status = 404, body = ApiError))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
) -> Result<Json<Vec<RelationRow>>, ApiError> {
    Ok(Json(relation_rows(&api.model(&model)?.snapshot(), &[])))
}

/// A relation between two applications.
#[utoipa::path(
    post, path = "/v1/models/{model}/relations", operation_id = "relations_integrate", tag = "relations", request_body = Integrate,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Related), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn integrate(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<Integrate>,
) -> Result<Json<Related>, ApiError> {
    if [&request.a, &request.b].into_iter().any(|end| OfferUrl::looks_like(end)) {
        return super::offers::integrate(&api, &model, &request).await.map(Json);
    }
    let (a, b) = (endpoint_ref(&request.a)?, endpoint_ref(&request.b)?);
    let command = match request.via.is_empty() {
        true => Command::Integrate { a, b },
        false => Command::IntegrateVia { a, b, via: request.via },
    };
    api.apply(&model, command).await.map(Json)
}

/// A relation goes away after its hooks.
#[utoipa::path(
    post, path = "/v1/models/{model}/remove-relation", operation_id = "relations_remove", tag = "relations", request_body = RemoveRelation,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Related), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<RemoveRelation>,
) -> Result<Json<Related>, ApiError> {
    let relation = match request.relation {
        WantedRelation::Id(id) => RelationRef::Id(RelationId(id)),
        WantedRelation::Ends(a, b) => RelationRef::Ends(endpoint_ref(&a)?, endpoint_ref(&b)?),
    };
    api.apply(&model, Command::RemoveRelation { relation, force: request.force }).await.map(Json)
}
