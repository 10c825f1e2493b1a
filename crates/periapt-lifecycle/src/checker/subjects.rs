//! Secrets and storages, as far as their hooks are in order.

use std::collections::{BTreeMap, BTreeSet};

use periapt_model::hook::{SecretEvent, SecretHook, StorageEvent, StorageHook};
use periapt_model::local::Local;
use periapt_model::names::{SecretId, StorageId};

use super::{Violation, broken};

/// What a unit was told of secrets.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    changed: BTreeMap<SecretId, u32>,
    removed: BTreeSet<(SecretId, u32)>,
}

impl Secrets {
    pub(super) fn resume(local: &Local) -> Self {
        let removed = local.secrets.removed.iter();
        Self {
            changed: local.secrets.changed.clone(),
            removed: removed.flat_map(|(id, n)| n.iter().map(|n| (id.clone(), *n))).collect(),
        }
    }

    pub(super) fn check(&self, hook: &SecretHook, dying: bool) -> Result<(), Violation> {
        let id = &hook.secret;
        if dying {
            return broken("P4", format!("a hook of secret {id} runs after the unit's end was seen"));
        }
        match hook.event {
            SecretEvent::Changed if self.changed.get(id).is_some_and(|told| *told >= hook.revision) => {
                broken("E30", format!("secret-changed of {id} runs again for revision {}", hook.revision))
            }
            SecretEvent::Remove if self.removed.contains(&(id.clone(), hook.revision)) => {
                broken("E30", format!("secret-remove of {id} runs again for revision {}", hook.revision))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn done(&mut self, hook: &SecretHook) {
        match hook.event {
            SecretEvent::Changed => drop(self.changed.insert(hook.secret.clone(), hook.revision)),
            SecretEvent::Remove => drop(self.removed.insert((hook.secret.clone(), hook.revision))),
            SecretEvent::Expired | SecretEvent::Rotate => {}
        }
    }

    /// Who leads again is told again.
    pub(super) fn resigned(&mut self) {
        self.removed.clear();
    }
}

/// The storages that a charm was told of and that are not detached.
#[derive(Clone, Debug, Default)]
pub(super) struct Storages(BTreeSet<StorageId>);

impl Storages {
    pub(super) fn resume(local: &Local) -> Self {
        Self(local.storages.clone())
    }

    pub(super) fn check(&self, hook: &StorageHook) -> Result<(), Violation> {
        let there = self.0.contains(&hook.storage);
        match hook.event {
            StorageEvent::Attached if there => {
                broken("E28", format!("storage {} is attached a second time", hook.storage))
            }
            StorageEvent::Detaching if !there => {
                broken("E28", format!("storage {} is detached without being attached", hook.storage))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn forget(&mut self, storage: &StorageId) {
        self.0.remove(storage);
    }

    /// What is left when the unit stops.
    pub(super) fn check_detached(&self, hook: &str) -> Result<(), Violation> {
        match self.0.first() {
            Some(id) => broken("E33", format!("{hook} runs before storage {id} is detached")),
            None => Ok(()),
        }
    }

    pub(super) fn done(&mut self, hook: &StorageHook) {
        match hook.event {
            StorageEvent::Attached => drop(self.0.insert(hook.storage.clone())),
            StorageEvent::Detaching => drop(self.0.remove(&hook.storage)),
        }
    }
}
