//! Calls about offers, and relations with other models.

use hyper::Method;
use periapt_model::names::{AppName, OfferName};

use super::{Client, ClientError, ModelClient, zoned};
use crate::api::replies::Changed;
use crate::api::requests::{Consume, ForceParams, MakeOffer, Offered, SuspendRelations};
use crate::views::Zone;
use crate::views::offer::OfferView;

impl Client {
    /// What all models offer.
    pub async fn find_offers(&self, zone: &Zone) -> Result<Vec<OfferView>, ClientError> {
        self.query(Method::GET, "/v1/offers", &zoned(zone)).await
    }
}

impl ModelClient {
    /// Endpoints are offered to other models.
    pub async fn offer(&self, request: &MakeOffer) -> Result<Offered, ClientError> {
        self.client.submit(Method::POST, &self.path(&["offers"]), request).await
    }

    /// What the model offers.
    pub async fn offers(&self, zone: &Zone) -> Result<Vec<OfferView>, ClientError> {
        self.client.query(Method::GET, &self.path(&["offers"]), &zoned(zone)).await
    }

    /// An offer goes away.
    pub async fn remove_offer(&self, offer: &OfferName, force: bool) -> Result<Changed, ClientError> {
        let path = self.path(&["offers", offer.as_str()]);
        self.client.query(Method::DELETE, &path, &ForceParams { force }).await
    }

    /// An offer of another model is known here from now on.
    pub async fn consume(&self, request: &Consume) -> Result<Offered, ClientError> {
        self.client.submit(Method::POST, &self.path(&["consume"]), request).await
    }

    /// What was consumed is not known here any more.
    pub async fn remove_saas(&self, app: &AppName, force: bool) -> Result<Changed, ClientError> {
        self.client.query(Method::DELETE, &self.path(&["saas", app.as_str()]), &ForceParams { force }).await
    }

    /// Relations over offers are suspended, or go on.
    pub async fn suspend_relations(&self, request: &SuspendRelations) -> Result<Changed, ClientError> {
        self.client.submit(Method::POST, &self.path(&["suspend-relations"]), request).await
    }
}
