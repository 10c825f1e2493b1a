//! Calls about models.

use hyper::Method;

use super::{Client, ClientError, ModelClient, zoned};
use crate::api::replies::Changed;
use crate::api::requests::{AddModel, DestroyParams, SetConfig, StatusParams};
use crate::views::Zone;
use crate::views::model::{ModelConfig, ModelList, ShowModel};
use crate::views::payloads::PayloadView;
use crate::views::status::{RelationRow, StatusReport};

impl Client {
    /// Every model.
    pub async fn models(&self, zone: &Zone) -> Result<ModelList, ClientError> {
        self.query(Method::GET, "/v1/models", &zoned(zone)).await
    }

    /// A new, empty model.
    pub async fn add_model(&self, request: &AddModel) -> Result<ShowModel, ClientError> {
        self.submit(Method::POST, "/v1/models", request).await
    }
}

impl ModelClient {
    /// The model itself.
    pub async fn show(&self, zone: &Zone) -> Result<ShowModel, ClientError> {
        self.client.query(Method::GET, &self.path(&[]), &zoned(zone)).await
    }

    /// Everything in it goes away, and then the model. It answers before that: see [`ModelClient::wait`].
    pub async fn destroy(&self, params: &DestroyParams) -> Result<Changed, ClientError> {
        self.client.query(Method::DELETE, &self.path(&[]), params).await
    }

    /// Every setting.
    pub async fn model_config(&self) -> Result<ModelConfig, ClientError> {
        self.client.call(Method::GET, &self.path(&["config"])).await
    }

    /// Sets and resets settings.
    pub async fn set_model_config(&self, request: &SetConfig) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.path(&["config"]), request).await
    }

    /// The status of what `selectors` name, or of everything without any.
    pub async fn status(&self, selectors: &[String], zone: &Zone) -> Result<StatusReport, ClientError> {
        let select = (!selectors.is_empty()).then(|| selectors.join(","));
        let params = StatusParams { select, zone: Some(zone.to_string()) };
        self.client.query(Method::GET, &self.path(&["status"]), &params).await
    }

    /// What charms told of with `payload-register`.
    pub async fn payloads(&self) -> Result<Vec<PayloadView>, ClientError> {
        self.client.call(Method::GET, &self.path(&["payloads"])).await
    }

    /// Every relation.
    pub async fn relations(&self) -> Result<Vec<RelationRow>, ClientError> {
        self.client.call(Method::GET, &self.path(&["relations"])).await
    }
}
