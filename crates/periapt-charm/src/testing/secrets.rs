//! The secrets of a state as records, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use periapt_model::entity::{GrantScope, Secret, SecretConsumer, SecretRevision};
use periapt_model::model::{Model, Record};
use periapt_model::names::UnitName;
use periapt_model::secrets::is_own;
use periapt_model::time::Timestamp;

use super::error::Inconsistent;
use super::picture::Unit0;
use super::secret::SecretState;
use super::state::State;
use crate::event::Event;

/// Whether Juju can keep the secrets of a state.
pub(super) fn check(us: &Unit0, state: &State) -> Result<(), Inconsistent> {
    if !state.secrets.is_empty() && us.juju_major < 3 {
        let problem = format!("Juju {} has no secrets", us.juju_major);
        return Err(Inconsistent::new("secrets", problem, "use .on_juju(\"3.6\"), or take them out"));
    }
    let (mut ids, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for secret in &state.secrets {
        let refuse = |problem: String, remedy: &str| {
            Err(Inconsistent::new(format!("secret {}", secret.id), problem, remedy))
        };
        if !ids.insert(&secret.id) {
            return refuse("it is in the state twice".to_owned(), "give the second another name");
        }
        if let Some(label) = &secret.label
            && !labels.insert((&secret.owner, label))
        {
            return refuse(
                format!("its owner has another secret with the label {label:?}"),
                "give one of them another label",
            );
        }
        if secret.revisions.is_empty() || secret.revisions.values().any(BTreeMap::is_empty) {
            return refuse("a revision has no content".to_owned(), "give each revision a key and a value");
        }
        if let Some(number) = secret.tracked.filter(|number| !secret.revisions.contains_key(number)) {
            return refuse(
                format!("our unit reads revision {number}, which is not there"),
                "add it with .with_revision([...]), or read one that is",
            );
        }
        let related = |scope: &&GrantScope| match scope {
            GrantScope::Relation(id) => state.relation(id.0).is_none(),
            GrantScope::Model => false,
        };
        if let Some(GrantScope::Relation(id)) = secret.grants.values().find(related) {
            return refuse(
                format!("it is granted in relation {id}, which the state does not have"),
                "add the relation, or grant it in one that is there",
            );
        }
    }
    Ok(())
}

/// Whether the unit can have such an event about the secret.
pub(super) fn check_event(us: &Unit0, state: &State, event: &Event) -> Result<(), Inconsistent> {
    let Some(about) = event.secret() else { return Ok(()) };
    let Some(secret) = state.secret(&about.id) else {
        return Err(Inconsistent::new(
            "secrets",
            format!("the event is about {}, which the state does not have", about.id),
            "add it with .with_secret(SecretState::new(...))",
        ));
    };
    let (own, for_readers) = (is_own(&secret.owner, &us.unit), matches!(event, Event::SecretChanged(_)));
    match (own, for_readers) {
        (true, true) => Err(Inconsistent::new(
            "event",
            format!("{} is the unit's own: secret-changed is for those who read it", about.id),
            "use an event of owners, or make another application its owner",
        )),
        (false, false) => Err(Inconsistent::new(
            "event",
            format!("{} is not the unit's own: {} is for its owner", about.id, event.name()),
            "use secret_changed(), or make the unit or its application the owner",
        )),
        _ => Ok(()),
    }
}

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
        auto_prune: false,
        origin: None,
        copies: BTreeMap::new(),
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
