//! Commands about relations between models.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::EndpointRef;
use crate::entity::{OfferSource, RemoteEndpoint};
use crate::mirror::LinkChange;
use crate::names::{AppName, EndpointName, OfferName, RelationId};

/// See [`Command::CrossModel`](super::Command::CrossModel). Each is about one model only: what the other one has of a
/// relation follows by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrossModel {
    /// `offer`: endpoints of an application may be related to from other models.
    Offer {
        /// What it is called; None: as the application. One that the application has already gets these endpoints.
        name: Option<OfferName>,
        /// Whose endpoints.
        app: AppName,
        /// Which, at least one.
        endpoints: BTreeSet<EndpointName>,
    },
    /// `remove-offer`: refused while somebody is related over it.
    RemoveOffer {
        /// Which.
        name: OfferName,
        /// With its relations.
        force: bool,
    },
    /// `consume`: an offer of another model is known here under a name.
    Consume {
        /// The offer.
        source: OfferSource,
        /// Its name here; None: the offer's.
        alias: Option<AppName>,
        /// Its endpoints.
        endpoints: BTreeMap<EndpointName, RemoteEndpoint>,
    },
    /// `integrate` with the url of an offer: consumes it, and relates it.
    Integrate {
        /// The offer.
        source: OfferSource,
        /// Its endpoints.
        endpoints: BTreeMap<EndpointName, RemoteEndpoint>,
        /// Which of them; None: whichever fits.
        endpoint: Option<EndpointName>,
        /// The application here.
        with: EndpointRef,
        /// `--via`, as in [`Command::IntegrateVia`](super::Command::IntegrateVia).
        #[serde(default)]
        via: Vec<String>,
    },
    /// `remove-saas`: with its relations.
    RemoveSaas {
        /// Its name here.
        app: AppName,
        /// Without waiting for hooks.
        force: bool,
    },
    /// `suspend-relation`: by the side that offers only.
    Suspend {
        /// Which.
        relations: Vec<RelationId>,
        /// Why.
        message: String,
    },
    /// `resume-relation`: by the side that offers only.
    Resume {
        /// Which.
        relations: Vec<RelationId>,
    },
    /// What the other model's half of a relation says. Only the controller sends it.
    Link(LinkChange),
}
