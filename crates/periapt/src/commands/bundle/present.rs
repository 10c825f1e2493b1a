//! A model as it is, as far as bundles speak of it.

use std::collections::{BTreeMap, BTreeSet};

use periapt_controller::client::ModelClient;
use periapt_controller::views::Zone;
use periapt_model::names::{AppName, EndpointName, OfferName};
use periapt_model::offer_url::OfferUrl;
use periapt_model::shape::{AppShape, Shape};
use periapt_model::status::Life;

use crate::bundle::plan::{Now, Present, is_relation};
use crate::bundle::{Bundle, Part};
use crate::error::Result;

/// The bundle's applications as they are in the model, and what else of it a bundle may name.
///
/// # Errors
/// What the bundle wants and is being removed: it neither counts as there, nor can be made before it is gone.
pub(super) fn present(shape: &Shape, bundle: &Bundle) -> Result<Now> {
    let going = |part: Part, what: &str, whose: &AppName| {
        bundle.places.wrong(&part, format!("{what} is being removed")).hint(format!(
            "deploy when it is gone: `periapt wait` waits for that, and `periapt why {whose}` says what it waits for"
        ))
    };
    let mut applications = BTreeMap::new();
    for name in bundle.applications.keys() {
        let Some(app) = shape.applications.get(name).and_then(Option::as_ref) else { continue };
        if app.life != Life::Alive {
            return Err(going(Part::App(name.clone()), "it", name));
        }
        applications.insert(name.clone(), application(app));
    }
    for name in bundle.saas.keys() {
        if shape.saas.get(name).and_then(Option::as_ref).is_some_and(|saas| saas.going) {
            return Err(going(Part::Saas(name.clone()), "it", name));
        }
    }
    for (a, b) in &bundle.relations {
        let there =
            shape.relations.iter().filter(|there| is_relation(a, b, &there.provider, &there.requirer));
        let (going_away, staying): (Vec<_>, Vec<_>) = there.partition(|there| there.going);
        if let Some(first) = going_away.first().filter(|_| staying.is_empty()) {
            let what = format!("relation {} {}", first.requirer, first.provider);
            let whose = first.requirer.split(':').next().and_then(|app| AppName::new(app).ok());
            let part = Part::Relation(a.clone(), b.clone());
            return Err(match whose {
                Some(whose) => going(part, &what, &whose),
                None => bundle.places.wrong(&part, format!("{what} is being removed")),
            });
        }
    }
    let living = shape.relations.iter().filter(|relation| !relation.going);
    let saas = shape.saas.iter().filter_map(|(name, saas)| {
        let saas = saas.clone()?;
        let (controller, user, endpoint) = (None, None, None);
        let url = OfferUrl { controller, user, model: saas.model, offer: saas.offer, endpoint };
        Some((name.clone(), url))
    });
    let offers = shape.offers.iter().filter_map(|(name, offer)| {
        let offer = offer.clone()?;
        Some((name.clone(), (offer.app, offer.endpoints)))
    });
    Ok(Now {
        applications,
        related: living.map(|there| (there.provider.clone(), there.requirer.clone())).collect(),
        offers: offers.collect(),
        saas: saas.collect(),
    })
}

fn application(app: &AppShape) -> Present {
    let app = app.clone();
    let given = app.resources.iter().filter(|(_, file)| file.given).map(|(name, _)| name.clone());
    Present {
        given: given.collect(),
        url: app.charm_url,
        id: app.charm_id,
        // A unit that is being removed is none of those that the bundle wants, and its machine may go with it.
        units: app.units.into_iter().collect(),
        trust: app.trust,
        exposed: app.exposed,
        exposure: app.exposure,
        options: app.options,
        channel: app.channel,
        // What an older version stored unchecked counts as none.
        constraints: app.constraints.parse().unwrap_or_default(),
        resources: app.resources.into_iter().map(|(name, file)| (name, file.hash)).collect(),
    }
}

/// What the model offers: whose endpoints, by the offers' names.
pub async fn offers(model: &ModelClient) -> Result<BTreeMap<OfferName, (AppName, BTreeSet<EndpointName>)>> {
    let offers = model.offers(&Zone::Utc).await?.into_iter();
    let endpoints = |names: Vec<String>| names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(offers
        .map(|offer| (offer.name, (offer.application, endpoints(offer.endpoints.into_keys().collect()))))
        .collect())
}
