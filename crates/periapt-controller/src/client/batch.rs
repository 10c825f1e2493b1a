//! Many changes as one.

use hyper::Method;

use super::{ClientError, ModelClient};
use crate::api::requests::{Batch, Batched};

impl ModelClient {
    /// Does all of a batch's steps, or none; with `dry_run` only says what they would do.
    pub async fn batch(&self, request: &Batch) -> Result<Batched, ClientError> {
        self.client.submit(Method::POST, &self.path(&["batch"]), request).await
    }
}
