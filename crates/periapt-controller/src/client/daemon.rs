//! Calls about the daemon itself.

use hyper::Method;

use super::{Client, ClientError};
use crate::api::replies::{Changed, Health};
use crate::views::version::VersionView;

impl Client {
    /// The versions of the daemon.
    ///
    /// # Errors
    ///
    /// [`ClientError`], here and for every call.
    pub async fn version(&self) -> Result<VersionView, ClientError> {
        self.call(Method::GET, "/v1/version").await
    }

    /// Whether the daemon is well.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.call(Method::GET, "/v1/health").await
    }

    /// Asks the daemon to end. It answers before it does.
    pub async fn stop(&self) -> Result<Changed, ClientError> {
        self.call(Method::POST, "/v1/stop").await
    }

    /// The API's description.
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.call(Method::GET, "/v1/openapi.json").await
    }
}
