//! Copies of other models' secrets, and what is read of one's own in other models, taken over as the linker finds them.

use std::sync::Arc;

use crate::entity::{GrantScope, Secret, SecretConsumer, SecretOwner};
use crate::mirror::secrets::{copies, known_readings};
use crate::mirror::{Readings, SecretCopies, SecretCopy};
use crate::model::{Draft, Key, Model, Record};
use crate::secrets::removal;

/// The copies of the secrets of the model `from` become these.
pub(super) fn take_over(draft: &mut Draft, from: &str, wanted: SecretCopies) {
    let known = copies(&draft.model, from);
    for id in known.keys().filter(|id| !wanted.contains_key(*id)) {
        removal::remove_secret(draft, id);
    }
    for (id, SecretCopy { secret, contents }) in wanted {
        if secret.id != id || !fits(&draft.model, from, &secret) {
            continue;
        }
        let old = known.get(&id);
        let lost = old.into_iter().flat_map(|old| old.contents.keys()).filter(|n| !contents.contains_key(n));
        for revision in lost {
            removal::remove_content(draft, &id, *revision);
        }
        for (revision, content) in contents {
            if old.and_then(|old| old.contents.get(&revision)) != Some(&content) {
                draft.put(Record::SecretContent(id.clone(), revision, content));
            }
        }
        if old.map(|old| &old.secret) != Some(&secret) {
            draft.put(Record::Secret(secret));
        }
    }
}

/// Whether a copy may be here: it says whose it is, takes no identity over, and nothing of what it was granted for has ended
/// here since the linker looked. Otherwise the next comparison says what is to become of it.
fn fits(model: &Model, from: &str, copy: &Secret) -> bool {
    let is_from = |app: &crate::names::AppName| {
        model.remote_apps.get(app).is_some_and(|app| app.saas().is_some() && app.model() == from)
    };
    let over = |scope: &GrantScope| match scope {
        GrantScope::Relation(id) => model
            .relations
            .get(id)
            .and_then(|relation| model.remote_app_of(relation))
            .is_some_and(|app| is_from(&app.name)),
        GrantScope::Model => false,
    };
    let own = model.secrets.get(&copy.id);
    copy.origin.as_deref() == Some(from)
        && own.is_none_or(|own| own.origin.as_deref() == Some(from))
        && matches!(&copy.owner, SecretOwner::Application(app) if is_from(app))
        && copy.grants.values().all(over)
}

/// What is known of readings in the model `of` becomes this.
pub(super) fn readings(draft: &mut Draft, of: &str, wanted: Readings) {
    let known = known_readings(&draft.model, of);
    for (id, reading) in &known {
        let still = wanted.get(id);
        for unit in reading.units.keys() {
            if !still.is_some_and(|still| still.units.contains_key(unit)) {
                draft.delete(Key::SecretConsumer(id.clone(), unit.clone()));
            }
        }
        if still.is_none() {
            put_newest(draft, id, of, None);
        }
    }
    for (id, reading) in wanted {
        if draft.model.secrets.get(&id).is_none_or(|secret| secret.origin.is_some()) {
            continue;
        }
        put_newest(draft, &id, of, Some(reading.newest));
        for (unit, revision) in reading.units {
            let before = draft.model.secret_consumer(&id, &unit);
            let theirs = draft.model.remote_apps.get(unit.app());
            let theirs = theirs.is_some_and(|app| app.saas().is_none() && app.model() == of);
            if theirs && before.is_none_or(|before| before.revision != revision) {
                let consumer = SecretConsumer { label: None, revision };
                draft.put(Record::SecretConsumer(id.clone(), unit, Arc::new(consumer)));
            }
        }
    }
}

fn put_newest(draft: &mut Draft, id: &crate::names::SecretId, of: &str, newest: Option<u32>) {
    let Some(secret) = draft.model.secrets.get(id) else { return };
    if secret.copies.get(of).copied() == newest {
        return;
    }
    let mut secret = Secret::clone(secret);
    match newest {
        Some(newest) => drop(secret.copies.insert(of.to_owned(), newest)),
        None => drop(secret.copies.remove(of)),
    }
    draft.put(Record::Secret(Arc::new(secret)));
}
