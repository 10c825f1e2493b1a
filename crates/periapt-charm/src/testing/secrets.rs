//! The secrets of a state as records, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use periapt_model::entity::{Secret, SecretConsumer, SecretRevision};
use periapt_model::model::{Model, Record};
use periapt_model::names::UnitName;
use periapt_model::secrets::is_own;
use periapt_model::time::Timestamp;

use super::error::Inconsistent;
use super::secret::SecretState;

pub(super) fn put(
    model: &mut Model,
    unit: &UnitName,
    state: &SecretState,
    now: Timestamp,
) -> Result<(), Inconsistent> {
    for (number, content) in &state.revisions {
        let content = SecretState::encoded(content).map_err(|why| {
            let field = format!("secret {}: revision {number}", state.id);
            Inconsistent::new(field, why, "use keys of three or more lower-case letters, digits and dashes")
        })?;
        model.put(Record::SecretContent(state.id.clone(), *number, Arc::new(content)));
    }
    let revision = |number: &u32| {
        let expires = state.expires.get(number).copied();
        (*number, SecretRevision { created: now, expires })
    };
    model.put(Record::Secret(Arc::new(Secret {
        id: state.id.clone(),
        owner: state.owner.clone(),
        label: state.label.clone(),
        description: state.description.clone(),
        rotate: state.rotate,
        rotates: state.rotates,
        created: now,
        updated: now,
        revisions: state.revisions.keys().map(revision).collect(),
        next_revision: state.latest() + 1,
        grants: state.grants.clone(),
    })));
    if let Some(revision) = state.tracked {
        let consumer = SecretConsumer { label: state.our_label.clone(), revision };
        model.put(Record::SecretConsumer(state.id.clone(), unit.clone(), Arc::new(consumer)));
    }
    Ok(())
}

/// The secrets that are there now: those of the state as they are, then those that were made.
pub(super) fn read_back(before: &[SecretState], model: &Model, unit: &UnitName) -> Vec<SecretState> {
    let known = before.iter().filter_map(|state| model.secrets.get(&state.id));
    let is_new = |secret: &&Arc<Secret>| before.iter().all(|state| state.id != secret.id);
    let made = model.secrets.values().filter(is_new);
    known.chain(made).map(|secret| read(secret, model, unit)).collect()
}

fn read(secret: &Secret, model: &Model, unit: &UnitName) -> SecretState {
    let content = |number: &u32| {
        let content = model.secret_content(&secret.id, *number);
        let texts = content.into_iter().flat_map(|content| {
            content.keys().map(|key| (key.to_owned(), content.text(key).unwrap_or_default()))
        });
        (*number, texts.collect::<BTreeMap<_, _>>())
    };
    let expires = |(number, revision): (&u32, &SecretRevision)| Some((*number, revision.expires?));
    let consumer = model.secret_consumer(&secret.id, unit);
    let own = is_own(&secret.owner, unit);
    SecretState {
        id: secret.id.clone(),
        owner: secret.owner.clone(),
        label: secret.label.clone(),
        description: secret.description.clone(),
        rotate: secret.rotate,
        rotates: secret.rotates,
        revisions: secret.revisions.keys().map(content).collect(),
        expires: secret.revisions.iter().filter_map(expires).collect(),
        grants: secret.grants.clone(),
        tracked: consumer.map(|consumer| consumer.revision),
        our_label: consumer.and_then(|consumer| consumer.label.clone()).filter(|_| !own),
    }
}
