//! Offers, and relations with other models.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use periapt_model::command::{Answer, Command, CrossModel};
use periapt_model::entity::OfferSource;
use periapt_model::mirror::offer_endpoints;
use periapt_model::names::{AppName, EndpointName, OfferName, RelationId};
use periapt_model::offer_url::OfferUrl;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Input, Params, Segments, endpoint_ref};
use super::replies::{Changed, Related, unexpected};
use super::requests::{ForceParams, Integrate, ZoneParams};
use super::{Api, ApiError};
use crate::handle::ModelHandle;
use crate::views::offer::{OfferView, offers};
use crate::views::{CONTROLLER, OWNER};

/// Endpoints that are offered to other models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeOffer {
    /// Whose.
    #[schema(value_type = String)]
    pub application: AppName,
    /// Which, at least one.
    #[schema(value_type = Vec<String>)]
    pub endpoints: BTreeSet<EndpointName>,
    /// What the offer is called; absent: as the application.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Option<OfferName>,
}

/// An offer of another model that shall be known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consume {
    /// `[CONTROLLER:][USER/]MODEL.OFFER`.
    pub url: String,
    /// Its name here; absent: the offer's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub alias: Option<AppName>,
}

/// What an offer is called, here and elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offered {
    /// Its name in the model.
    pub name: String,
    /// `admin/model.offer`.
    pub url: String,
}

/// Relations that are suspended or go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendRelations {
    /// Which, by their numbers in the model that offers.
    #[schema(value_type = Vec<u32>)]
    pub relations: Vec<RelationId>,
    /// They are suspended; else they go on.
    pub suspended: bool,
    /// Why.
    #[serde(default)]
    pub message: String,
}

/// The offer that a url names, and the model that has it.
fn find(api: &Api, url: &OfferUrl) -> Result<(ModelHandle, OfferSource), ApiError> {
    if let Some(other) = url.controller.as_deref().filter(|name| *name != CONTROLLER) {
        return Err(ApiError::not_found(format!("controller {other} not found"))
            .hint(format!("the only controller here is {CONTROLLER}")));
    }
    if let Some(other) = url.user.as_deref().filter(|name| *name != OWNER) {
        return Err(ApiError::not_found(format!("model \"{other}/{}\" not found", url.model))
            .hint(format!("the only user here is {OWNER}")));
    }
    let handle = api.model(url.model.as_str())?;
    let model = handle.snapshot();
    if !model.offers.contains_key(&url.offer) {
        let names: Vec<&str> = model.offers.keys().map(OfferName::as_str).collect();
        let error = ApiError::not_found(format!("application offer \"{}\" not found", url.offer));
        return Err(match names.is_empty() {
            true => error.hint(format!("model {} offers nothing", url.model)),
            false => error.hint(format!("model {} offers: {}", url.model, names.join(", "))),
        });
    }
    let (model, model_name) = (model.info.uuid.clone(), model.info.name.clone());
    Ok((handle, OfferSource { model, model_name, offer: url.offer.clone() }))
}

/// An application's endpoints are offered to other models.
#[utoipa::path(
    post, path = "/v1/models/{model}/offers", operation_id = "offers_make", tag = "offers", request_body = MakeOffer,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Offered), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn make(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<MakeOffer>,
) -> Result<Json<Offered>, ApiError> {
    let MakeOffer { application: app, endpoints, name } = request;
    let handle = api.model(&model)?;
    let command = CrossModel::Offer { name, app, endpoints };
    match handle.apply(Command::CrossModel(Box::new(command))).await? {
        Answer::Offered(name) => {
            let url = format!("{OWNER}/{}.{name}", handle.snapshot().info.name);
            Ok(Json(Offered { name: name.to_string(), url }))
        }
        other => Err(unexpected(&other)),
    }
}

/// What a model offers.
#[utoipa::path(
    get, path = "/v1/models/{model}/offers", operation_id = "offers_list", tag = "offers",
    params(("model" = String, Path, description = "The model's name or uuid."), ZoneParams),
    responses((status = 200, body = Vec<OfferView>), (status = 404, body = ApiError))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<ZoneParams>,
) -> Result<Json<Vec<OfferView>>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    Ok(Json(offers(&api.model(&model)?.snapshot(), api.view(&zone))))
}

/// What all models offer.
#[utoipa::path(
    get, path = "/v1/offers", operation_id = "offers_find", tag = "offers", params(ZoneParams),
    responses((status = 200, body = Vec<OfferView>))
)]
pub(super) async fn list_all(
    State(api): State<Api>,
    Params(params): Params<ZoneParams>,
) -> Result<Json<Vec<OfferView>>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    let models = api.controller.models();
    Ok(Json(models.iter().flat_map(|model| offers(&model.snapshot(), api.view(&zone))).collect()))
}

/// An offer goes away; by force with its relations.
#[utoipa::path(
    delete, path = "/v1/models/{model}/offers/{offer}", operation_id = "offers_remove", tag = "offers",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("offer" = String, Path, description = "The offer's name."),
        ForceParams
    ),
    responses((status = 200, body = Changed), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments((model, offer)): Segments<(String, String)>,
    Params(params): Params<ForceParams>,
) -> Result<Json<Changed>, ApiError> {
    let name = offer.parse().map_err(ApiError::invalid)?;
    let command = CrossModel::RemoveOffer { name, force: params.force };
    api.apply(&model, Command::CrossModel(Box::new(command))).await.map(Json)
}

/// An offer of another model is known in this one from now on.
#[utoipa::path(
    post, path = "/v1/models/{model}/consume", operation_id = "offers_consume", tag = "offers", request_body = Consume,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Offered), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn consume(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<Consume>,
) -> Result<Json<Offered>, ApiError> {
    let (shown, command) = consumption(&api, request)?;
    match api.model(&model)?.apply(Command::CrossModel(Box::new(command))).await? {
        Answer::Consumed(name) => Ok(Json(Offered { name: name.to_string(), url: shown })),
        other => Err(unexpected(&other)),
    }
}

/// What a request to consume asks of the model, and the offer's url.
pub(super) fn consumption(api: &Api, request: Consume) -> Result<(String, CrossModel), ApiError> {
    let url: OfferUrl = request.url.parse().map_err(ApiError::invalid)?;
    if url.endpoint.is_some() {
        return Err(ApiError::invalid(format!("saas offer {:?} shouldn't include endpoint", request.url)));
    }
    let (offering, source) = find(api, &url)?;
    let shown = format!("{OWNER}/{}.{}", source.model_name, source.offer);
    let endpoints = offer_endpoints(&offering.snapshot(), &source.offer).unwrap_or_default();
    Ok((shown, CrossModel::Consume { source, alias: request.alias, endpoints }))
}

/// `integrate` where one of the ends is the url of an offer: consumes it and relates it, in one change.
pub(super) async fn integrate(api: &Api, model: &str, request: &Integrate) -> Result<Related, ApiError> {
    let (url, with) = match (OfferUrl::looks_like(&request.a), OfferUrl::looks_like(&request.b)) {
        (true, true) => {
            return Err(ApiError::invalid(format!(
                "cannot relate {:?} with {:?}: only one of them may be an offer of another model",
                request.a, request.b
            )));
        }
        (true, false) => (&request.a, &request.b),
        _ => (&request.b, &request.a),
    };
    let url: OfferUrl = url.parse().map_err(ApiError::invalid)?;
    let with = endpoint_ref(with)?;
    let (offering, source) = find(api, &url)?;
    let endpoints = offer_endpoints(&offering.snapshot(), &source.offer).unwrap_or_default();
    let via = request.via.clone();
    let command = CrossModel::Integrate { source, endpoints, endpoint: url.endpoint, with, via };
    api.apply(model, Command::CrossModel(Box::new(command))).await
}

/// What was consumed is not known here any more; its relations end.
#[utoipa::path(
    delete, path = "/v1/models/{model}/saas/{name}", operation_id = "offers_remove_saas", tag = "offers",
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("name" = String, Path, description = "Its name here."),
        ForceParams
    ),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn remove_saas(
    State(api): State<Api>,
    Segments((model, name)): Segments<(String, String)>,
    Params(params): Params<ForceParams>,
) -> Result<Json<Changed>, ApiError> {
    let app = name.parse().map_err(ApiError::invalid)?;
    let command = CrossModel::RemoveSaas { app, force: params.force };
    api.apply(&model, Command::CrossModel(Box::new(command))).await.map(Json)
}

/// Relations over offers of this model are suspended, or go on.
#[utoipa::path(
    post, path = "/v1/models/{model}/suspend-relations", operation_id = "offers_suspend", tag = "offers", request_body = SuspendRelations,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn suspend(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<SuspendRelations>,
) -> Result<Json<Changed>, ApiError> {
    let SuspendRelations { relations, suspended, message } = request;
    let command = match suspended {
        true => CrossModel::Suspend { relations, message },
        false => CrossModel::Resume { relations },
    };
    api.apply(&model, Command::CrossModel(Box::new(command))).await.map(Json)
}
