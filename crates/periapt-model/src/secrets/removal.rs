//! How secrets go: with their owner, and the rights to read them with the relation they were given for.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::entity::{GrantScope, RemoteApp, Secret, SecretOwner, SecretReader};
use crate::model::{Draft, Key, Model, Record};
use crate::names::{AppName, RelationId, SecretId, UnitName};

/// The secret is gone, with all its revisions and what others remember of it.
pub(crate) fn remove_secret(draft: &mut Draft, id: &SecretId) {
    let revisions: Vec<u32> = draft.model.secret_revisions(id).collect();
    for revision in revisions {
        remove_content(draft, id, revision);
    }
    let consumers: Vec<UnitName> = draft.model.consumers_of(id).map(|(unit, _)| unit.clone()).collect();
    for unit in consumers {
        draft.delete(Key::SecretConsumer(id.clone(), unit));
    }
    if draft.model.secrets.contains_key(id) {
        draft.delete(Key::Secret(id.clone()));
    }
}

pub(crate) fn remove_content(draft: &mut Draft, id: &SecretId, revision: u32) {
    draft.delete(Key::SecretContent(id.clone(), revision));
}

/// Takes the revisions away that nobody reads any more, if the secret is the operator's and he asked for that
/// (`--auto-prune`). A charm does so itself, in `secret-remove`.
pub(crate) fn prune(draft: &mut Draft, id: &SecretId) {
    let wanted = |secret: &&Arc<Secret>| secret.auto_prune && secret.owner == SecretOwner::Model;
    let Some(secret) = draft.model.secrets.get(id).filter(wanted) else { return };
    let obsolete = draft.model.obsolete_revisions(secret);
    if obsolete.is_empty() {
        return;
    }
    let mut secret = Secret::clone(secret);
    for revision in obsolete {
        secret.revisions.remove(&revision);
        remove_content(draft, id, revision);
    }
    draft.put(Record::Secret(Arc::new(secret)));
}

fn remove_owned(draft: &mut Draft, owner: &SecretOwner) {
    let owned: Vec<SecretId> = draft.model.secrets_of(owner).map(|s| s.id.clone()).collect();
    for id in owned {
        remove_secret(draft, &id);
    }
}

/// Takes grants back wherever there are such.
fn revoke_where(draft: &mut Draft, gone: impl Fn(&SecretReader, &GrantScope) -> bool) {
    let secrets = draft.model.secrets.values().filter(|s| s.grants.iter().any(|(r, scope)| gone(r, scope)));
    let secrets: Vec<Arc<Secret>> = secrets.cloned().collect();
    for secret in secrets {
        let mut secret = Secret::clone(&secret);
        secret.grants.retain(|reader, scope| !gone(reader, scope));
        let id = secret.id.clone();
        draft.put(Record::Secret(Arc::new(secret)));
        prune(draft, &id);
    }
}

/// A unit is gone: its secrets, its rights and what it read go with it.
pub(crate) fn unit_gone(draft: &mut Draft, unit: &UnitName) {
    remove_owned(draft, &SecretOwner::Unit(unit.clone()));
    let consumed: Vec<SecretId> = draft.model.consumed_by(unit).map(|(id, _)| id.clone()).collect();
    for id in consumed {
        draft.delete(Key::SecretConsumer(id.clone(), unit.clone()));
        prune(draft, &id);
    }
    revoke_where(draft, |reader, _| matches!(reader, SecretReader::Unit(name) if name == unit));
}

/// An application is gone.
pub(crate) fn application_gone(draft: &mut Draft, app: &AppName) {
    remove_owned(draft, &SecretOwner::Application(app.clone()));
    revoke_where(draft, |reader, _| reader.app() == app);
}

/// An application of another model is gone: copies of its secrets go, and what its units read is forgotten. A copy that
/// somebody has a use for over another application, such as the same one consumed under two names, goes to that.
pub(crate) fn remote_application_gone(draft: &mut Draft, app: &AppName) {
    let read = |id: &SecretId| {
        let units = draft.model.consumers_of(id).map(|(unit, _)| unit).filter(|unit| unit.app() == app);
        units.map(|unit| Key::SecretConsumer(id.clone(), unit.clone())).collect::<Vec<_>>()
    };
    let read: Vec<Key> = draft.model.secrets.keys().flat_map(read).collect();
    for key in read {
        draft.delete(key);
    }
    for secret in inherited(&draft.model, app) {
        draft.put(Record::Secret(Arc::new(secret)));
    }
    application_gone(draft, app);
}

/// The copies of `app` that go to others, as they are theirs: to one whose relation lets units here read it; or else to
/// one that a reader is related to, who may not read it now, and finds what it remembers of it when it may again.
fn inherited(model: &Model, app: &AppName) -> Vec<Secret> {
    let over = |scope: &GrantScope| match scope {
        GrantScope::Relation(id) => model.remote_app_of(model.relations.get(id)?),
        GrantScope::Model => None,
    };
    let copies = model.secrets_of(&SecretOwner::Application(app.clone()));
    let copies = copies.filter(|secret| secret.origin.is_some()).filter_map(|secret| {
        let granted = secret.grants.values().filter_map(over).find(|other| &other.name != app);
        let heir = granted.or_else(|| remembering(model, secret, app))?;
        Some(Secret { owner: SecretOwner::Application(heir.name.clone()), ..Secret::clone(secret) })
    });
    copies.collect()
}

/// Another name than `app` for what is consumed of the same model, to which somebody is related who has read the copy.
fn remembering<'a>(model: &'a Model, copy: &Secret, app: &AppName) -> Option<&'a Arc<RemoteApp>> {
    let readers: BTreeSet<&AppName> = model.consumers_of(&copy.id).map(|(unit, _)| unit.app()).collect();
    let related = |other: &AppName| {
        model.relations_of(other).any(|relation| relation.ends.iter().any(|end| readers.contains(&end.app)))
    };
    model.remote_apps.values().find(|other| {
        let same_model = other.saas().is_some_and(|source| Some(&source.model) == copy.origin.as_ref());
        same_model && &other.name != app && related(&other.name)
    })
}

/// A relation is gone: what was granted for it is not any more.
pub(crate) fn relation_gone(draft: &mut Draft, relation: RelationId) {
    revoke_where(draft, |_, scope| *scope == GrantScope::Relation(relation));
}
