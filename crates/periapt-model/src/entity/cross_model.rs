//! Relations between two models: what one offers, and what of the other it knows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::charm::Role;
use crate::names::{AppName, EndpointName, ModelName, OfferName, RelationId};
use crate::status::Life;
use crate::time::Timestamp;

/// An offer: endpoints of an application that applications of other models may be related to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name; one of its kind in its model.
    pub name: OfferName,
    /// The application.
    pub app: AppName,
    /// The endpoints, at least one.
    pub endpoints: BTreeSet<EndpointName>,
    /// When it was made.
    pub created: Timestamp,
}

/// An endpoint of an application in another model. Its scope is global: a container is of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteEndpoint {
    /// That application's role.
    pub role: Role,
    /// What is spoken there.
    pub interface: String,
}

/// An offer of another model, as whoever consumes it knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfferSource {
    /// The identity of the model that offers.
    pub model: String,
    /// That model's name, for people.
    pub model_name: ModelName,
    /// The offer.
    pub offer: OfferName,
}

/// What an application of another model is to this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteKind {
    /// This model consumes the offer (SAAS). Operators see it under its name and relate to it.
    Saas(OfferSource),
    /// The application consumes an offer of this model. Its name here is made from its identity.
    Consumer {
        /// The identity of its model.
        model: String,
        /// That model's name, for people.
        model_name: ModelName,
        /// Its name there.
        app: AppName,
    },
}

/// An application of another model, under the name that this one has for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteApp {
    /// The name here; no application of this model has it too.
    pub name: AppName,
    /// Which side of the offer it is on.
    pub kind: RemoteKind,
    /// Its endpoints that concern this model.
    pub endpoints: BTreeMap<EndpointName, RemoteEndpoint>,
    /// Whether it is going away.
    pub life: Life,
    /// When it was made.
    pub created: Timestamp,
}

impl RemoteApp {
    /// The offer that it stands for, where this model consumes one.
    pub fn saas(&self) -> Option<&OfferSource> {
        match &self.kind {
            RemoteKind::Saas(source) => Some(source),
            RemoteKind::Consumer { .. } => None,
        }
    }

    /// The identity of the model it is in.
    pub fn model(&self) -> &str {
        match &self.kind {
            RemoteKind::Saas(source) => &source.model,
            RemoteKind::Consumer { model, .. } => model,
        }
    }
}

/// Where the other half of a relation between two models is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The identity of the model that has it.
    pub model: String,
    /// Its number there.
    pub relation: RelationId,
    /// The offer that the relation is over.
    pub offer: OfferName,
}
