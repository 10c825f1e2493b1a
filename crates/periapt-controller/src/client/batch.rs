//! Many changes as one.

use hyper::Method;
use periapt_model::shape::Shape;

use super::{ClientError, ModelClient};
use crate::api::requests::{Batch, Batched};

impl ModelClient {
    /// All of the model that a batch may be planned from, as it is at one moment.
    pub async fn shape(&self) -> Result<Shape, ClientError> {
        self.client.call(Method::GET, &self.path(&["shape"])).await
    }

    /// Does all of a batch's steps, or none; with `dry_run` only says what they would do.
    pub async fn batch(&self, request: &Batch) -> Result<Batched, ClientError> {
        self.client.submit(Method::POST, &self.path(&["batch"]), request).await
    }
}
