//! `offers`, `find-offers` and `show-offer`.

use std::collections::BTreeMap;

use periapt_model::entity::{Offer, Relation, RemoteKind};
use periapt_model::model::Model;
use periapt_model::names::{AppName, OfferName, RelationId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::cross_model::endpoints;
use super::status::{EndpointStatus, StatusInfo, relation_word};
use super::{CONTROLLER, OWNER, Viewpoint};

/// A user of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OfferUser {
    /// The user's name, for people.
    pub display_name: String,
    /// `admin`: what the user may do with it.
    pub access: String,
}

/// A relation of another model over an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OfferConnection {
    /// The identity of the model that consumes.
    pub source_model_uuid: String,
    /// That model and the application in it: `admin/model.app`. Only Periapt's.
    pub source: String,
    /// Who made it.
    pub username: String,
    /// The relation's number, on the side that offers: what `suspend-relation` takes.
    #[schema(value_type = u32)]
    pub relation_id: RelationId,
    /// The offered endpoint.
    pub endpoint: String,
    /// `joined`, `joining`, `suspended` or `broken`.
    pub status: StatusInfo,
    /// From where it is reached; everything is on one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingress_subnets: Vec<String>,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OfferView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: OfferName,
    /// Whose endpoints.
    #[schema(value_type = String)]
    pub application: AppName,
    /// The controller that has it.
    pub store: String,
    /// Its charm's url.
    pub charm: String,
    /// What its charm is for.
    pub description: String,
    /// `admin/model.offer`.
    pub offer_url: String,
    /// By name.
    pub endpoints: BTreeMap<String, EndpointStatus>,
    /// Who is related over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<OfferConnection>,
    /// Who may use it.
    pub users: BTreeMap<String, OfferUser>,
}

/// The offers of a model, by name.
#[must_use]
pub fn offers(model: &Model, view: Viewpoint<'_>) -> Vec<OfferView> {
    model.offers.values().map(|offer| offer_view(model, offer, view)).collect()
}

fn offer_view(model: &Model, offer: &Offer, view: Viewpoint<'_>) -> OfferView {
    let charm = model.charm_of(&offer.app);
    let admin = OfferUser { display_name: OWNER.to_owned(), access: "admin".to_owned() };
    OfferView {
        name: offer.name.clone(),
        application: offer.app.clone(),
        store: CONTROLLER.to_owned(),
        charm: model.applications.get(&offer.app).map(|app| app.charm.url.clone()).unwrap_or_default(),
        description: charm.map(|charm| charm.meta.description.trim().to_owned()).unwrap_or_default(),
        offer_url: format!("{OWNER}/{}.{}", model.info.name, offer.name),
        endpoints: endpoints(model, &offer.name),
        connections: model
            .connections(&offer.name)
            .filter_map(|relation| connection(model, relation, view))
            .collect(),
        users: BTreeMap::from([(OWNER.to_owned(), admin)]),
    }
}

fn connection(model: &Model, relation: &Relation, view: Viewpoint<'_>) -> Option<OfferConnection> {
    let RemoteKind::Consumer { model: uuid, model_name, app } = &model.remote_app_of(relation)?.kind else {
        return None;
    };
    Some(OfferConnection {
        source_model_uuid: uuid.clone(),
        source: format!("{OWNER}/{model_name}.{app}"),
        username: OWNER.to_owned(),
        relation_id: relation.id,
        endpoint: model.own_endpoint(relation)?.to_string(),
        status: StatusInfo {
            current: relation_word(model, relation).to_owned(),
            message: relation.suspended_reason.clone(),
            since: view.zone.since(model.remote_app_of(relation)?.created),
            ..StatusInfo::default()
        },
        ingress_subnets: Vec::new(),
    })
}
