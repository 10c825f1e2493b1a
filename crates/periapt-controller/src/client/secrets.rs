//! Calls about secrets.

use hyper::Method;

use super::{ClientError, ModelClient};
use crate::api::replies::ChangedSecret;
use crate::api::requests::{
    AddSecret, GrantSecret, RemoveSecretParams, SecretParams, SecretsParams, UpdateSecret,
};
use crate::views::secret::SecretList;

impl ModelClient {
    fn secret_path(&self, secret: &str, rest: &[&str]) -> String {
        let segments: Vec<&str> = ["secrets", secret].into_iter().chain(rest.iter().copied()).collect();
        self.path(&segments)
    }

    /// The secrets of the model, without what is in them.
    pub async fn secrets(&self, params: &SecretsParams) -> Result<SecretList, ClientError> {
        self.client.query(Method::GET, &self.path(&["secrets"]), params).await
    }

    /// One secret, by its URI, id or name.
    pub async fn secret(&self, secret: &str, params: &SecretParams) -> Result<SecretList, ClientError> {
        self.client.query(Method::GET, &self.secret_path(secret, &[]), params).await
    }

    /// A new secret of the operator's.
    pub async fn add_secret(&self, request: &AddSecret) -> Result<ChangedSecret, ClientError> {
        self.client.submit(Method::POST, &self.path(&["secrets"]), request).await
    }

    /// Changes a secret of the operator's.
    pub async fn update_secret(
        &self,
        secret: &str,
        request: &UpdateSecret,
    ) -> Result<ChangedSecret, ClientError> {
        self.client.submit(Method::PUT, &self.secret_path(secret, &[]), request).await
    }

    /// A secret of the operator's goes away, or one revision of it.
    pub async fn remove_secret(
        &self,
        secret: &str,
        revision: Option<u32>,
    ) -> Result<ChangedSecret, ClientError> {
        let params = RemoveSecretParams { revision };
        self.client.query(Method::DELETE, &self.secret_path(secret, &[]), &params).await
    }

    /// Lets applications read a secret of the operator's, or takes that back.
    pub async fn grant_secret(
        &self,
        secret: &str,
        request: &GrantSecret,
    ) -> Result<ChangedSecret, ClientError> {
        self.client.submit(Method::POST, &self.secret_path(secret, &["grants"]), request).await
    }
}
