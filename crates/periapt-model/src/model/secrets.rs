//! What a model knows of secrets, and of storages.

use std::sync::Arc;

use super::{Model, remove_from};
use crate::entity::{Secret, SecretConsumer, SecretContent, SecretOwner, StorageInstance};
use crate::names::{SecretId, StorageId, UnitName};
use crate::status::Life;

impl Model {
    /// What is in one revision of a secret.
    pub fn secret_content(&self, id: &SecretId, revision: u32) -> Option<&Arc<SecretContent>> {
        self.secret_contents.get(&(id.clone(), revision))
    }

    /// The revisions of a secret whose content is there.
    pub(crate) fn secret_revisions(&self, id: &SecretId) -> impl Iterator<Item = u32> + use<'_> {
        self.secret_contents
            .range((id.clone(), 0)..=(id.clone(), u32::MAX))
            .map(|((_, revision), _)| *revision)
    }

    /// The secrets that belong to `owner`.
    pub fn secrets_of<'a>(&'a self, owner: &SecretOwner) -> impl Iterator<Item = &'a Arc<Secret>> + use<'a> {
        self.owned_secrets.get(owner).into_iter().flatten().filter_map(|id| self.secrets.get(id))
    }

    /// What a unit remembers of a secret that it has read.
    pub fn secret_consumer(&self, id: &SecretId, unit: &UnitName) -> Option<&Arc<SecretConsumer>> {
        self.secret_consumers.get(id)?.get(unit)
    }

    /// Who has read a secret, and which revision. They need not be allowed to any more.
    pub fn consumers_of<'a>(
        &'a self,
        id: &SecretId,
    ) -> impl Iterator<Item = (&'a UnitName, &'a Arc<SecretConsumer>)> + use<'a> {
        self.secret_consumers.get(id).into_iter().flatten()
    }

    /// The secrets that `unit` has read.
    pub fn consumed_by<'a>(
        &'a self,
        unit: &UnitName,
    ) -> impl Iterator<Item = (&'a SecretId, &'a Arc<SecretConsumer>)> + use<'a> {
        let reader = unit.clone();
        let ids = self.consumed_secrets.get(unit).into_iter().flatten();
        ids.filter_map(move |id| Some((id, self.secret_consumer(id, &reader)?)))
    }

    pub(super) fn put_storage(&mut self, storage: Arc<StorageInstance>) {
        self.disown_storage(&storage.id);
        if let Some(owner) = &storage.owner {
            self.storages_by_unit.entry(owner.clone()).or_default().insert(storage.id.clone());
        }
        self.storages.insert(storage.id.clone(), storage);
    }

    pub(super) fn disown_storage(&mut self, id: &StorageId) {
        if let Some(owner) = self.storages.get(id).and_then(|storage| storage.owner.clone()) {
            remove_from(&mut self.storages_by_unit, &owner, id);
        }
    }

    /// Whether the model was destroyed and nothing holds it any more: no application, and no data to put aside.
    pub fn is_emptied(&self) -> bool {
        self.info.life != Life::Alive && self.applications.is_empty() && self.storages.is_empty()
    }

    /// The storages of `unit`, by name and number.
    pub fn storages_of<'a>(&'a self, unit: &UnitName) -> impl Iterator<Item = &'a StorageId> + use<'a> {
        self.storages_by_unit.get(unit).into_iter().flatten()
    }
}
