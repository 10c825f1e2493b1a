//! What of a model a plan is made of, as it is at one moment, and what of it has become another since.
//!
//! A bundle is planned by its client and done by the daemon, and between the two anybody may change the model. The client
//! plans from one [`Shape`] and sends back what of it the plan stands on; the same transaction that does the plan compares
//! it with what is there by then.

mod difference;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use difference::{Aspect, Difference, Fate};

use crate::apply::exposure;
use crate::entity::{Application, Exposure, Relation};
use crate::model::Model;
use crate::names::{AppName, CharmId, EndpointName, MachineId, ModelName, OfferName, ResourceName, UnitName};
use crate::status::Life;

/// A model, or a part of it. Under each name what is there, or that nothing is; of other names it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Applications.
    pub applications: BTreeMap<AppName, Option<AppShape>>,
    /// Relations between two of its `applications` and `saas`: all of them.
    pub relations: BTreeSet<RelationShape>,
    /// Machines.
    pub machines: BTreeMap<MachineId, Option<MachineShape>>,
    /// Offers to other models.
    pub offers: BTreeMap<OfferName, Option<OfferShape>>,
    /// Offers of other models, by their names here.
    pub saas: BTreeMap<AppName, Option<SaasShape>>,
}

/// What a bundle may say of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppShape {
    /// Whether it is going away.
    pub life: Life,
    /// Its charm's url.
    pub charm_url: String,
    /// The hash of its charm's content.
    pub charm_id: String,
    /// Its units that are not going away, and their machines. A subordinate has none here: its come with others.
    pub units: BTreeMap<UnitName, MachineId>,
    /// `trust`.
    pub trust: bool,
    /// `expose`.
    pub exposed: bool,
    /// Whom its endpoints are exposed to; the empty name stands for all of them.
    pub exposure: BTreeMap<String, Exposure>,
    /// What its options are, defaults too, as texts.
    pub options: BTreeMap<String, String>,
    /// The channel that it follows; empty: none.
    pub channel: String,
    /// Its constraints.
    pub constraints: String,
    /// Its resources.
    pub resources: BTreeMap<ResourceName, ResourceShape>,
}

/// The file of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceShape {
    /// The hash of its content.
    pub hash: String,
    /// It is of an operator, and not of the store.
    pub given: bool,
}

/// A relation. One of another number, with the same ends, is the same to a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationShape {
    /// `app:endpoint`.
    pub provider: String,
    /// `app:endpoint`.
    pub requirer: String,
    /// It is going away.
    pub going: bool,
}

/// A machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineShape {
    /// It is going away.
    pub going: bool,
    /// It goes with the last of its units, and all of them are going away.
    pub vacated: bool,
}

/// An offer of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferShape {
    /// Of which application.
    pub app: AppName,
    /// Which of its endpoints.
    pub endpoints: BTreeSet<EndpointName>,
}

/// An offer that the model consumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaasShape {
    /// The model that offers.
    pub model: ModelName,
    /// The offer.
    pub offer: OfferName,
    /// It is going away.
    pub going: bool,
}

/// What a [`Shape`] speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Applications.
    pub applications: BTreeSet<AppName>,
    /// Machines.
    pub machines: BTreeSet<MachineId>,
    /// Offers to other models.
    pub offers: BTreeSet<OfferName>,
    /// Names of what is consumed.
    pub saas: BTreeSet<AppName>,
}

impl Names {
    fn of(shape: &Shape) -> Self {
        Self {
            applications: shape.applications.keys().cloned().collect(),
            machines: shape.machines.keys().copied().collect(),
            offers: shape.offers.keys().cloned().collect(),
            saas: shape.saas.keys().cloned().collect(),
        }
    }

    fn has(&self, app: &AppName) -> bool {
        self.applications.contains(app) || self.saas.contains(app)
    }
}

impl Shape {
    /// All of a model.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let saas = model.remote_apps.values().filter(|app| app.saas().is_some());
        let names = Names {
            applications: model.applications.keys().cloned().collect(),
            machines: model.machines.keys().copied().collect(),
            offers: model.offers.keys().cloned().collect(),
            saas: saas.map(|app| app.name.clone()).collect(),
        };
        Self::named(model, &names)
    }

    /// What of a model bears these names.
    #[must_use]
    pub fn named(model: &Model, names: &Names) -> Self {
        let app =
            |name: &AppName| (name.clone(), model.applications.get(name).map(|app| application(model, app)));
        let staying = model.units.values().filter(|unit| unit.life == Life::Alive);
        let used: BTreeSet<MachineId> = staying.map(|unit| unit.machine).collect();
        let machine = |id: &MachineId| {
            let shape = model.machines.get(id).map(|machine| MachineShape {
                going: machine.life != Life::Alive,
                vacated: !machine.kept && !used.contains(id),
            });
            (*id, shape)
        };
        let offer = |name: &OfferName| {
            let shape = model
                .offers
                .get(name)
                .map(|offer| OfferShape { app: offer.app.clone(), endpoints: offer.endpoints.clone() });
            (name.clone(), shape)
        };
        let saas = |name: &AppName| {
            let shape = model.remote_apps.get(name).and_then(|app| {
                let source = app.saas()?;
                let (model, offer) = (source.model_name.clone(), source.offer.clone());
                Some(SaasShape { model, offer, going: app.life != Life::Alive })
            });
            (name.clone(), shape)
        };
        Self {
            applications: names.applications.iter().map(app).collect(),
            relations: model.relations.values().filter_map(|found| relation(found, names)).collect(),
            machines: names.machines.iter().map(machine).collect(),
            offers: names.offers.iter().map(offer).collect(),
            saas: names.saas.iter().map(saas).collect(),
        }
    }

    /// What of it bears these names.
    #[must_use]
    pub fn about(&self, names: &Names) -> Self {
        fn only<K: Ord + Clone, V: Clone>(
            names: &BTreeSet<K>,
            all: &BTreeMap<K, Option<V>>,
        ) -> BTreeMap<K, Option<V>> {
            names.iter().map(|name| (name.clone(), all.get(name).cloned().flatten())).collect()
        }
        let app = |end: &str| end.split(':').next().and_then(|app| AppName::new(app).ok());
        let named = |end: &str| app(end).is_some_and(|app| names.has(&app));
        let between = self.relations.iter().filter(|found| named(&found.provider) && named(&found.requirer));
        Self {
            applications: only(&names.applications, &self.applications),
            relations: between.cloned().collect(),
            machines: only(&names.machines, &self.machines),
            offers: only(&names.offers, &self.offers),
            saas: only(&names.saas, &self.saas),
        }
    }

    /// What of it has become another in `model`. Nothing: a plan that stands on it may be done there.
    #[must_use]
    pub fn differences(&self, model: &Model) -> Vec<Difference> {
        difference::differences(self, &Self::named(model, &Names::of(self)))
    }
}

fn application(model: &Model, app: &Application) -> AppShape {
    // Those of a subordinate come and go with others' units: no plan is about them.
    let own = model.units_of(&app.name).filter(|unit| unit.principal.is_none());
    let alive = own.filter(|unit| unit.life == Life::Alive);
    let known = model.charms.get(&app.charm.id).into_iter().flat_map(|charm| &charm.meta.config);
    let option = |(key, option): (&String, &crate::charm::ConfigOption)| {
        let value = app.config.get(key).or(option.default.as_ref())?;
        // As JSON has it: 1.0 is no 1.
        let text = match value.to_json() {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Some((key.clone(), text))
    };
    let resource = |(name, file): (&ResourceName, &crate::entity::ResourceFile)| {
        (name.clone(), ResourceShape { hash: file.hash.clone(), given: file.store.is_none() })
    };
    let CharmId(charm_id) = app.charm.id.clone();
    AppShape {
        life: app.life,
        charm_url: app.charm.url.clone(),
        charm_id,
        units: alive.map(|unit| (unit.name.clone(), unit.machine)).collect(),
        trust: app.trust,
        exposed: app.exposed,
        exposure: exposure::shown(app.exposed, &app.exposure),
        options: known.filter_map(option).collect(),
        channel: app.channel.clone().unwrap_or_default(),
        constraints: app.constraints.clone(),
        resources: app.resources.iter().map(resource).collect(),
    }
}

/// A relation between two of those that are named.
fn relation(relation: &Relation, names: &Names) -> Option<RelationShape> {
    let [provider, requirer] = relation.ends.as_slice() else { return None };
    if !names.has(&provider.app) || !names.has(&requirer.app) {
        return None;
    }
    let end = |end: &crate::entity::RelationEnd| format!("{}:{}", end.app, end.endpoint);
    let going = relation.life != Life::Alive;
    Some(RelationShape { provider: end(provider), requirer: end(requirer), going })
}
