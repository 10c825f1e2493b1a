//! Calls about storages.

use hyper::Method;

use super::{ClientError, ModelClient, zoned};
use crate::api::requests::{AddStorage, AttachStorage, DetachStorage, RemoveStorage, Storages};
use crate::views::Zone;
use crate::views::storage::StorageStatus;

impl ModelClient {
    /// All storages.
    pub async fn storage(&self, zone: &Zone) -> Result<StorageStatus, ClientError> {
        self.client.query(Method::GET, &self.path(&["storage"]), &zoned(zone)).await
    }

    /// More storages for a unit.
    pub async fn add_storage(&self, request: &AddStorage) -> Result<Storages, ClientError> {
        self.client.submit(Method::POST, &self.path(&["storage"]), request).await
    }

    /// Detached storages go to a unit.
    pub async fn attach_storage(&self, request: &AttachStorage) -> Result<Storages, ClientError> {
        self.client.submit(Method::POST, &self.path(&["attach-storage"]), request).await
    }

    /// Units let go of storages.
    pub async fn detach_storage(&self, request: &DetachStorage) -> Result<Storages, ClientError> {
        self.client.submit(Method::POST, &self.path(&["detach-storage"]), request).await
    }

    /// Storages go away.
    pub async fn remove_storage(&self, request: &RemoveStorage) -> Result<Storages, ClientError> {
        self.client.submit(Method::POST, &self.path(&["remove-storage"]), request).await
    }
}
