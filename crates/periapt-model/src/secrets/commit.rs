//! What a hook's writes to secrets do to the model when it has ended well.

use std::sync::Arc;

use super::{SecretChange, SecretChanges, SecretRemoval, SecretUpdate, manages, removal, revoke};
use crate::entity::{GrantScope, Secret, SecretConsumer, SecretContent, SecretReader, SecretRevision};
use crate::model::{Draft, Model, Record};
use crate::names::{RelationId, SecretId, UnitName};
use crate::status::Life;
use crate::step_commit::CommitRefusal;
use crate::time::Timestamp;

fn refuse(message: String) -> CommitRefusal {
    CommitRefusal::Effects(message)
}

/// Makes all the changes, or none (the caller drops the draft).
pub(crate) fn apply_secrets(
    draft: &mut Draft,
    unit: &UnitName,
    changes: SecretChanges,
    now: Timestamp,
) -> Result<(), CommitRefusal> {
    for (id, change) in changes {
        apply_one(draft, unit, &id, change, now)?;
    }
    Ok(())
}

fn apply_one(
    draft: &mut Draft,
    unit: &UnitName,
    id: &SecretId,
    change: SecretChange,
    now: Timestamp,
) -> Result<(), CommitRefusal> {
    let SecretChange { create, update, remove, access, track: tracks } = change;
    let mut secret = match (create, draft.model.secrets.get(id)) {
        (Some(owner), None) => Secret::new(id.clone(), owner, now),
        (Some(_), Some(_)) => return Err(refuse(format!("secret {id:?} already exists"))),
        (None, Some(found)) => Secret::clone(found),
        (None, None) => return Err(refuse(format!("secret {id:?} not found"))),
    };
    if !manages(&secret.owner, unit, draft.model.is_leader(unit)) {
        return Err(refuse(format!("permission denied: {unit} may not change secret {id:?}")));
    }
    if !update.is_empty() {
        update_secret(draft, &mut secret, update, now)?;
    }
    match remove {
        Some(SecretRemoval::Whole) => {
            removal::remove_secret(draft, id);
            return Ok(());
        }
        Some(SecretRemoval::Revisions(numbers)) => {
            for number in numbers {
                // A revision that is gone already is no reason to fail the hook: `secret-remove` may come twice.
                if secret.revisions.remove(&number).is_some() {
                    removal::remove_content(draft, id, number);
                }
            }
            if secret.revisions.is_empty() {
                removal::remove_secret(draft, id);
                return Ok(());
            }
        }
        None => {}
    }
    for (reader, scope) in access {
        match scope {
            None => revoke(&mut secret.grants, &reader),
            Some(relation) if is_alive(draft, relation) => {
                check_reader(&draft.model, &reader)?;
                grant(&mut secret, reader, relation);
            }
            // A relation that ended while the hook ran has nobody left to read it.
            Some(_) => {}
        }
    }
    let latest = secret.latest();
    if draft.model.secrets.get(id).is_none_or(|before| **before != secret) {
        draft.put(Record::Secret(Arc::new(secret)));
    }
    if tracks {
        track(draft, id, unit, None, Some(latest));
    }
    Ok(())
}

/// To another model only the side that offers grants, and only to whole applications (Juju 3.6: `GrantSecretAccess`).
fn check_reader(model: &Model, reader: &SecretReader) -> Result<(), CommitRefusal> {
    let what = match (model.remote_apps.get(reader.app()), reader) {
        (None, _) => return Ok(()),
        (Some(_), SecretReader::Unit(_)) => "sharing secrets with a unit",
        (Some(app), _) if app.saas().is_some() => "sharing consumer secrets",
        (Some(_), _) => return Ok(()),
    };
    Err(refuse(format!("{what} across a cross model relation not supported")))
}

fn is_alive(draft: &Draft, relation: RelationId) -> bool {
    draft.model.relations.get(&relation).is_some_and(|r| r.life == Life::Alive)
}

fn grant(secret: &mut Secret, reader: SecretReader, relation: RelationId) {
    if let SecretReader::Application(app) = &reader {
        secret.grants.retain(|other, _| other.app() != app);
    }
    secret.grants.insert(reader, GrantScope::Relation(relation));
}

pub(crate) fn update_secret(
    draft: &mut Draft,
    secret: &mut Secret,
    update: SecretUpdate,
    now: Timestamp,
) -> Result<(), CommitRefusal> {
    let SecretUpdate { label, description, expire, rotate, content } = update;
    if let Some(label) = label {
        let taken = draft.model.secrets_of(&secret.owner).any(|other| {
            other.id != secret.id && !label.is_empty() && other.label.as_deref() == Some(label.as_str())
        });
        if taken {
            return Err(refuse(format!("secret with label {label:?} already exists")));
        }
        secret.label = Some(label).filter(|label| !label.is_empty());
    }
    if let Some(description) = description {
        secret.description = Some(description).filter(|text| !text.is_empty());
    }
    let rotation_due = secret.rotates.is_some_and(|at| at <= now);
    if let Some(rotate) = rotate.filter(|rotate| *rotate != secret.rotate) {
        secret.rotate = rotate;
        secret.rotates = rotate.next_after(now);
    }
    let differs = |content: &SecretContent| {
        draft.model.secret_content(&secret.id, secret.latest()).is_none_or(|newest| **newest != *content)
    };
    if let Some(content) = content.filter(differs) {
        let number = secret.next_revision;
        secret.next_revision = number.saturating_add(1);
        secret.revisions.insert(number, SecretRevision { created: now, expires: None });
        draft.put(Record::SecretContent(secret.id.clone(), number, Arc::new(content)));
        // A rotation that is due has been done with this.
        if rotation_due {
            secret.rotates = secret.rotate.next_after(now);
        }
    }
    if let Some(expire) = expire
        && let Some(mut newest) = secret.revisions.last_entry()
    {
        newest.get_mut().expires = Some(expire.moment(now));
    }
    secret.updated = now;
    Ok(())
}

/// Remembers which revision a unit reads from now on, and what it calls the secret.
pub(crate) fn track(
    draft: &mut Draft,
    id: &SecretId,
    unit: &UnitName,
    label: Option<String>,
    revision: Option<u32>,
) {
    let model = &draft.model;
    let Some(secret) = model.secrets.get(id).filter(|secret| model.may_read(secret, unit)) else { return };
    let before = draft.model.secret_consumer(id, unit);
    let mut after = before.map(|c| SecretConsumer::clone(c)).unwrap_or_default();
    if let Some(revision) = revision {
        after.revision = revision;
    } else if after.revision == 0 {
        after.revision = secret.latest();
    }
    after.label = label.or(after.label);
    if before.is_none_or(|before| **before != after) {
        draft.put(Record::SecretConsumer(id.clone(), unit.clone(), Arc::new(after)));
        removal::prune(draft, id);
    }
}
