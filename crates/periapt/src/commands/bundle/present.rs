//! A model as it is, as far as bundles speak of it.

use std::collections::{BTreeMap, BTreeSet};

use periapt_controller::client::ModelClient;
use periapt_controller::views::Zone;
use periapt_controller::views::application::ExposedTo;
use periapt_controller::views::status::UnitStatus;
use periapt_model::constraints::{Constraints, InvalidConstraint};
use periapt_model::entity::Exposure;
use periapt_model::names::{AppName, EndpointName, MachineId, OfferName, UnitName};

use crate::bundle::plan::{Now, Present};
use crate::bundle::{Bundle, Part};
use crate::error::{CliError, Result};

/// The bundle's applications as they are in the model, and what else of it a bundle may name.
pub(super) async fn present(model: &ModelClient, bundle: &Bundle) -> Result<Now> {
    let status = model.status(&[], &Zone::Utc).await?.status;
    let mut applications = BTreeMap::new();
    for (name, shown) in
        status.applications.iter().filter(|(name, _)| bundle.applications.contains_key(*name))
    {
        if !shown.life.is_empty() {
            return Err(bundle
                .places
                .wrong(&Part::App(name.clone()), "it is being removed")
                .hint(format!("deploy when it is gone; `periapt why {name}` says what it waits for")));
        }
        let app = model.application(name).await?;
        let config = model.config(name).await?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let options =
            config.settings.into_iter().filter_map(|(key, option)| Some((key, text(option.value?))));
        // A unit that is being removed is none of those that the bundle wants, and its machine may go with it.
        let on = |(unit, shown): (&UnitName, &UnitStatus)| {
            let machine = shown.machine.parse().ok().filter(|_| shown.juju_status.life.is_empty())?;
            Some((unit.clone(), MachineId(machine)))
        };
        let given = app.resources.iter().filter(|(_, file)| file.store.is_none());
        let now = Present {
            url: app.charm_url,
            id: app.charm_id,
            units: shown.units.iter().filter_map(on).collect(),
            trust: app.trust,
            exposed: app.exposed,
            exposure: app
                .exposed_endpoints
                .into_iter()
                .map(|(endpoint, to)| (endpoint, exposure(to)))
                .collect(),
            options: options.collect(),
            channel: app.channel,
            constraints: constraints_of(model, name).await?,
            given: given.map(|(name, _)| name.clone()).collect(),
            resources: app.resources.into_iter().map(|(name, file)| (name, file.hash)).collect(),
        };
        applications.insert(name.clone(), now);
    }
    let saas = status.application_endpoints.iter();
    Ok(Now {
        applications,
        related: model.relations().await?.into_iter().map(|row| (row.provider, row.requirer)).collect(),
        machines: status.machines.keys().copied().collect(),
        offers: offers(model).await?,
        saas: saas.filter_map(|(name, app)| Some((name.clone(), app.url.parse().ok()?))).collect(),
    })
}

fn exposure(to: ExposedTo) -> Exposure {
    Exposure { spaces: to.expose_to_spaces, cidrs: to.expose_to_cidrs }
}

async fn constraints_of(model: &ModelClient, app: &AppName) -> Result<Constraints> {
    let shown = model.constraints(Some(app.clone())).await?;
    shown.text.parse().map_err(|error: InvalidConstraint| CliError::new(error.to_string()))
}

/// What the model offers: whose endpoints, by the offers' names.
pub async fn offers(model: &ModelClient) -> Result<BTreeMap<OfferName, (AppName, BTreeSet<EndpointName>)>> {
    let offers = model.offers(&Zone::Utc).await?.into_iter();
    let endpoints = |names: Vec<String>| names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(offers
        .map(|offer| (offer.name, (offer.application, endpoints(offer.endpoints.into_keys().collect()))))
        .collect())
}
