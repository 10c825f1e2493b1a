//! The parts of the status document about other models: what is consumed from them, and what is offered to them.

use std::collections::BTreeMap;

use periapt_model::charm::Role;
use periapt_model::charm_url::CharmUrl;
use periapt_model::entity::{Offer, OfferSource, RemoteApp};
use periapt_model::mirror::offer_endpoints;
use periapt_model::model::Model;
use periapt_model::names::{AppName, OfferName};
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::select::Selection;
use super::{StatusInfo, application_status, relation_word};
use crate::views::{CONTROLLER, OWNER, Viewpoint};

/// One end of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// What is spoken there.
    pub interface: String,
    /// `provider` or `requirer`: the side of whoever offers.
    pub role: String,
}

/// An offer of another model that this one consumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RemoteAppStatus {
    /// `periapt:admin/model.offer`.
    pub url: String,
    /// `dying`; absent while alive.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub life: String,
    /// By name.
    pub endpoints: BTreeMap<String, EndpointStatus>,
    /// What the application over there shows; `terminated` once its offer is gone.
    pub application_status: StatusInfo,
    /// The applications here that are related to it, by its endpoints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub relations: BTreeMap<String, Vec<AppName>>,
}

/// An offer of this model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OfferStatus {
    /// Whose endpoints.
    #[schema(value_type = String)]
    pub application: AppName,
    /// Its charm's url.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub charm: String,
    /// How many relations over it are joined. Juju leaves out a count of none.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub active_connected_count: usize,
    /// How many relations there are over it.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub total_connected_count: usize,
    /// By name.
    pub endpoints: BTreeMap<String, EndpointStatus>,
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Provider => "provider",
        Role::Requirer => "requirer",
        Role::Peer => "peer",
    }
}

/// `periapt:admin/model.offer`.
pub(crate) fn url_of(source: &OfferSource) -> String {
    format!("{CONTROLLER}:{OWNER}/{}.{}", source.model_name, source.offer)
}

/// Every offer that `model` consumes. `others` finds the models that offer.
pub fn remote_app_statuses(
    model: &Model,
    others: &dyn Fn(&str) -> Option<Model>,
    selectors: &[super::Selector],
    view: Viewpoint<'_>,
) -> BTreeMap<AppName, RemoteAppStatus> {
    let shown = Selection::of(model, selectors);
    let consumed = model.remote_apps.values().filter_map(|app| Some((app, app.saas()?)));
    consumed
        .filter(|(app, _)| {
            selectors.is_empty()
                || selectors.iter().any(|selector| selector.names_app(&app.name))
                || is_related_to(model, &app.name, &shown)
        })
        .map(|(app, source)| (app.name.clone(), remote_app(model, app, source, others, view)))
        .collect()
}

fn is_related_to(model: &Model, app: &AppName, shown: &Selection) -> bool {
    model.relations_of(app).any(|relation| relation.ends.iter().any(|end| shown.apps.contains(&end.app)))
}

fn remote_app(
    model: &Model,
    app: &RemoteApp,
    source: &OfferSource,
    others: &dyn Fn(&str) -> Option<Model>,
    view: Viewpoint<'_>,
) -> RemoteAppStatus {
    let offering = others(&source.model);
    let offered = offering.as_ref().and_then(|other| {
        let offer = other.offers.get(&source.offer)?;
        other.applications.get(&offer.app).map(|app| application_status(other, app))
    });
    let status = match offered {
        Some(status) => StatusInfo {
            current: status.status.to_string(),
            message: status.message,
            since: view.zone.since(status.since),
            ..StatusInfo::default()
        },
        // Juju 3.6's words.
        None => StatusInfo {
            current: "terminated".to_owned(),
            message: "offer has been removed".to_owned(),
            since: view.zone.since(app.created),
            ..StatusInfo::default()
        },
    };
    let mut relations: BTreeMap<String, Vec<AppName>> = BTreeMap::new();
    for relation in model.relations_of(&app.name) {
        let ends = relation.end_of(&app.name).zip(relation.other_end(&app.name));
        if let Some((theirs, ours)) = ends {
            relations.entry(theirs.endpoint.to_string()).or_default().push(ours.app.clone());
        }
    }
    let endpoints = app.endpoints.iter().map(|(name, end)| {
        let (interface, role) = (end.interface.clone(), role_word(end.role).to_owned());
        (name.to_string(), EndpointStatus { interface, role })
    });
    RemoteAppStatus {
        url: url_of(source),
        life: if app.life == Life::Alive { String::new() } else { app.life.to_string() },
        endpoints: endpoints.collect(),
        application_status: status,
        relations,
    }
}

/// Every offer of `model`.
pub fn offer_statuses(model: &Model, selectors: &[super::Selector]) -> BTreeMap<OfferName, OfferStatus> {
    let shown = Selection::of(model, selectors);
    let offers = model.offers.values().filter(|offer| shown.apps.contains(&offer.app));
    offers.map(|offer| (offer.name.clone(), offer_status(model, offer))).collect()
}

fn offer_status(model: &Model, offer: &Offer) -> OfferStatus {
    let connections = || model.connections(&offer.name);
    let url = model.applications.get(&offer.app).map(|app| app.charm.url.clone()).unwrap_or_default();
    // As in the applications' own part: of a charm of the store its name.
    let charm = match url.parse::<CharmUrl>() {
        Ok(parsed) if parsed.origin == periapt_model::charm_url::Origin::Store => parsed.name.to_string(),
        _ => url,
    };
    OfferStatus {
        application: offer.app.clone(),
        charm,
        active_connected_count: connections()
            .filter(|relation| relation_word(model, relation) == "joined")
            .count(),
        total_connected_count: connections().count(),
        endpoints: endpoints(model, &offer.name),
    }
}

/// The endpoints of an offer, as the side that offers has them.
pub(crate) fn endpoints(model: &Model, offer: &OfferName) -> BTreeMap<String, EndpointStatus> {
    let endpoints = offer_endpoints(model, offer).unwrap_or_default();
    endpoints
        .into_iter()
        .map(|(name, end)| {
            (
                name.to_string(),
                EndpointStatus { interface: end.interface, role: role_word(end.role).to_owned() },
            )
        })
        .collect()
}
