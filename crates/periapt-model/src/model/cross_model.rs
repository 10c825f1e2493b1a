//! What a model knows of others.

use std::sync::Arc;

use super::Model;
use crate::entity::{Offer, Relation, RemoteApp};
use crate::names::{AppName, EndpointName, OfferName};
use crate::status::Life;

impl Model {
    /// Whether there is such an application, here or in another model, and it is not going away.
    pub fn is_living(&self, app: &AppName) -> bool {
        let ours = self.applications.get(app).map(|app| app.life);
        ours.or_else(|| self.remote_apps.get(app).map(|app| app.life)) == Some(Life::Alive)
    }

    /// The end of `relation` that is in another model, and the application there.
    pub fn remote_app_of(&self, relation: &Relation) -> Option<&Arc<RemoteApp>> {
        relation.ends.iter().find_map(|end| self.remote_apps.get(&end.app))
    }

    /// The offers of `app`, by name.
    pub fn offers_of<'a>(&'a self, app: &AppName) -> impl Iterator<Item = &'a Arc<Offer>> + use<'a> {
        let app = app.clone();
        self.offers.values().filter(move |offer| offer.app == app)
    }

    /// The relations that other models have over an offer, by id.
    pub fn connections<'a>(&'a self, offer: &OfferName) -> impl Iterator<Item = &'a Arc<Relation>> + use<'a> {
        let offer = offer.clone();
        self.relations.values().filter(move |relation| {
            let over = relation.link.as_ref().is_some_and(|link| link.offer == offer);
            over && self.is_offering(relation)
        })
    }

    /// Whether this model is the side of `relation` that offers.
    pub fn is_offering(&self, relation: &Relation) -> bool {
        self.remote_app_of(relation).is_some_and(|app| app.saas().is_none())
    }

    /// The endpoint of `app` that `relation` is on, where `app` is one of this model's.
    pub fn own_endpoint<'a>(&self, relation: &'a Relation) -> Option<&'a EndpointName> {
        let own = relation.ends.iter().find(|end| self.applications.contains_key(&end.app))?;
        Some(&own.endpoint)
    }
}
