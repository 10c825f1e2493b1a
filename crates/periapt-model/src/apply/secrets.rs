//! The operator's own secrets (Juju's user secrets): the model owns them, and whole applications may read them.

use std::sync::Arc;

use crate::command::{Answer, Refusal, RefusalKind};
use crate::entity::{GrantScope, Secret, SecretContent, SecretOwner, SecretReader};
use crate::model::{Draft, Model, Record};
use crate::names::{AppName, SecretId};
use crate::secrets::{self, SecretRef, SecretUpdate, removal};
use crate::step_commit::CommitRefusal;
use crate::time::Timestamp;

use super::{find_app, find_living_app};

/// The longest name of a secret, in bytes.
const LONGEST_NAME: usize = 256;
/// The longest description of a secret, in bytes.
const LONGEST_INFO: usize = 64 << 10;

pub(super) fn add(
    draft: &mut Draft,
    name: &str,
    info: Option<String>,
    content: SecretContent,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    check_name(&draft.model, name, None)?;
    check_info(info.as_deref())?;
    if content.is_empty() {
        return Err(Refusal::invalid("missing secret value or filename"));
    }
    let id = new_id(draft);
    let mut secret = Secret::new(id.clone(), SecretOwner::Model, now);
    let update = SecretUpdate {
        label: Some(name.to_owned()),
        description: info,
        content: Some(content),
        ..SecretUpdate::default()
    };
    store(draft, &mut secret, update, now)?;
    Ok(Answer::Secret(id))
}

/// What `update-secret` changes; what is None stays as it is.
pub(super) struct Update {
    pub name: Option<String>,
    pub info: Option<String>,
    pub auto_prune: Option<bool>,
    pub content: Option<SecretContent>,
}

pub(super) fn update(
    draft: &mut Draft,
    wanted: &SecretRef,
    update: Update,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let mut secret = find_own(&draft.model, wanted)?.clone();
    let Update { name, info, auto_prune, content } = update;
    let content = content.filter(|content| !content.is_empty());
    if name.is_none() && info.is_none() && auto_prune.is_none() && content.is_none() {
        return Err(Refusal::invalid("at least one attribute to update must be specified"));
    }
    if let Some(name) = &name {
        check_name(&draft.model, name, Some(&secret.id))?;
    }
    check_info(info.as_deref())?;
    secret.auto_prune = auto_prune.unwrap_or(secret.auto_prune);
    let id = secret.id.clone();
    let update = SecretUpdate { label: name, description: info, content, ..SecretUpdate::default() };
    store(draft, &mut secret, update, now)?;
    removal::prune(draft, &id);
    Ok(Answer::Secret(id))
}

fn store(
    draft: &mut Draft,
    secret: &mut Secret,
    update: SecretUpdate,
    now: Timestamp,
) -> Result<(), Refusal> {
    secrets::update_secret(draft, secret, update, now).map_err(|refusal| match refusal {
        CommitRefusal::Effects(message) => Refusal::invalid(message),
        other => Refusal::conflict(other.to_string()),
    })?;
    draft.put(Record::Secret(Arc::new(secret.clone())));
    Ok(())
}

pub(super) fn remove(
    draft: &mut Draft,
    wanted: &SecretRef,
    revision: Option<u32>,
) -> Result<Answer, Refusal> {
    let mut secret = find_own(&draft.model, wanted)?.clone();
    let id = secret.id.clone();
    match revision {
        None => removal::remove_secret(draft, &id),
        Some(revision) => {
            if secret.revisions.remove(&revision).is_none() {
                let shown = wanted.to_string();
                return Err(Refusal::not_found(format!("secret {shown:?} revision {revision} not found"))
                    .hint(format!("`periapt show-secret {shown} --revisions` lists them")));
            }
            if secret.revisions.is_empty() {
                removal::remove_secret(draft, &id);
            } else {
                removal::remove_content(draft, &id, revision);
                draft.put(Record::Secret(Arc::new(secret)));
            }
        }
    }
    Ok(Answer::Secret(id))
}

/// Lets applications read a secret, or takes that back. All of them or none.
pub(super) fn grant(
    draft: &mut Draft,
    wanted: &SecretRef,
    apps: &[AppName],
    grant: bool,
) -> Result<Answer, Refusal> {
    let mut secret = find_own(&draft.model, wanted)?.clone();
    let id = secret.id.clone();
    let before = secret.grants.clone();
    for app in apps {
        let found = match grant {
            true => find_living_app(&draft.model, app),
            false => find_app(&draft.model, app),
        };
        found.map_err(|refusal| Refusal {
            message: format!("failed to grant/revoke secret: {}", refusal.message),
            ..refusal
        })?;
        let reader = SecretReader::Application(app.clone());
        match grant {
            true => drop(secret.grants.insert(reader, GrantScope::Model)),
            false => secrets::revoke(&mut secret.grants, &reader),
        }
    }
    if secret.grants != before {
        draft.put(Record::Secret(Arc::new(secret)));
        removal::prune(draft, &id);
    }
    Ok(Answer::Secret(id))
}

/// The operator's secret. One of a charm is the charm's to change.
fn find_own<'a>(model: &'a Model, wanted: &SecretRef) -> Result<&'a Secret, Refusal> {
    let found = model.find_secret(wanted).ok_or_else(|| {
        Refusal::not_found(format!("secret {:?} not found", wanted.to_string()))
            .hint("`periapt secrets` lists them")
    })?;
    let owner = match &found.owner {
        SecretOwner::Model => return Ok(found),
        SecretOwner::Application(app) => format!("application {app}"),
        SecretOwner::Unit(unit) => format!("unit {unit}"),
    };
    Err(Refusal::not_allowed("permission denied")
        .hint(format!("secret {} belongs to {owner}: only its charm changes it", found.id)))
}

fn check_name(model: &Model, name: &str, own: Option<&SecretId>) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::invalid("missing secret name"));
    }
    if name.len() > LONGEST_NAME {
        return Err(Refusal::invalid(format!(
            "secret name of {} bytes is longer than {LONGEST_NAME} bytes",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Refusal::invalid(format!("secret name {name:?} not valid: it has control characters")));
    }
    if name.contains('=') {
        // A value whose name was forgotten: it is not repeated.
        return Err(Refusal::invalid(
            "a secret's name has no \"=\" in it: the name stands before the values",
        ));
    }
    if name.starts_with("secret:") || name.parse::<SecretId>().is_ok() {
        return Err(Refusal::invalid(format!("secret name {name:?} not valid: it reads as a secret's id")));
    }
    let called = |secret: &Arc<Secret>| secret.label.as_deref() == Some(name) && Some(&secret.id) != own;
    if model.secrets_of(&SecretOwner::Model).any(called) {
        return Err(Refusal::new(
            RefusalKind::AlreadyExists,
            format!("secret with name {name:?} already exists"),
        ));
    }
    Ok(())
}

fn check_info(info: Option<&str>) -> Result<(), Refusal> {
    match info.map_or(0, str::len) {
        0..=LONGEST_INFO => Ok(()),
        long => Err(Refusal::invalid(format!("info of {long} bytes is longer than {LONGEST_INFO} bytes"))),
    }
}

/// An id that no other secret has or had: the counter is never lowered.
fn new_id(draft: &mut Draft) -> SecretId {
    let mut number = draft.model.info.next_secret;
    loop {
        let id = SecretId::derived(&[&draft.model.info.uuid, "user", &number.to_string()]);
        number = number.wrapping_add(1);
        if !draft.model.secrets.contains_key(&id) {
            draft.info(|info| info.next_secret = number);
            return id;
        }
    }
}
