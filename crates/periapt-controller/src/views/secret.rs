//! `secrets` and `show-secret` (reference 8.3).

use std::collections::BTreeMap;
use std::fmt;

use periapt_model::entity::{GrantScope, RotatePolicy, Secret, SecretContent, SecretOwner};
use periapt_model::model::Model;
use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// One who may read a secret beside its owner, in Juju's tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretAccess {
    /// `application-web` or `unit-web-0`.
    pub target: String,
    /// For how long: `model-UUID`, or `relation-` with the relation's key.
    pub scope: String,
    /// `view`.
    pub role: String,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretRevisionView {
    /// Its number.
    pub revision: u32,
    /// `internal`.
    pub backend: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it was changed; here never after it was made.
    pub updated: String,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// What is in a secret. `Debug` shows the keys alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevealedContent {
    /// Values as text, by key; what is no UTF-8 in them is replaced.
    #[serde(rename = "Data")]
    pub data: BTreeMap<String, String>,
}

impl fmt::Debug for RevealedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.data.keys()).finish()
    }
}

/// One secret, in Juju's order of fields. Moments are RFC 3339 in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// The newest revision.
    pub revision: u32,
    /// SHA-256 of what is in it, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// When the newest revision expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// How often its charm rotates it; absent for one of the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
    /// When it is rotated next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotates: Option<String>,
    /// `<model>` for the operator's, else an application or a unit.
    pub owner: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The operator's name for his.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A charm's label for its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it was made.
    pub created: String,
    /// When it was changed last.
    pub updated: String,
    /// What is in it, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<RevealedContent>,
    /// Its revisions, oldest first, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisions: Option<Vec<SecretRevisionView>>,
    /// Who may read it beside its owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<SecretAccess>,
}

/// Secrets by id.
pub type SecretList = BTreeMap<String, SecretView>;

/// The secrets of the model, or those of one owner: never what is in them.
pub fn secrets(model: &Model, owner: Option<&SecretOwner>, revisions: bool) -> SecretList {
    // A copy of another model's is shown there.
    let own = model.secrets.values().filter(|secret| secret.origin.is_none());
    let shown = own.filter(|secret| owner.is_none_or(|owner| secret.owner == *owner));
    let view = |secret: &Secret| SecretView {
        revisions: revisions.then(|| revision_views(secret)),
        ..metadata(secret)
    };
    shown.map(|secret| (secret.id.to_string(), view(secret))).collect()
}

/// One secret with who may read it; with what is in it where that is given.
pub fn show_secret(
    model: &Model,
    secret: &Secret,
    revisions: bool,
    content: Option<&SecretContent>,
) -> SecretView {
    let reveal = |content: &SecretContent| RevealedContent {
        data: content.keys().map(|key| (key.to_owned(), content.text(key).unwrap_or_default())).collect(),
    };
    SecretView {
        checksum: content.map(checksum),
        content: content.map(reveal),
        revisions: revisions.then(|| revision_views(secret)),
        access: access(model, secret),
        ..metadata(secret)
    }
}

fn metadata(secret: &Secret) -> SecretView {
    let (owner, is_users) = match &secret.owner {
        SecretOwner::Model => ("<model>".to_owned(), true),
        SecretOwner::Application(app) => (app.to_string(), false),
        SecretOwner::Unit(unit) => (unit.to_string(), false),
    };
    let newest = secret.revisions.last_key_value();
    let label = secret.label.clone();
    SecretView {
        revision: secret.latest(),
        checksum: None,
        expires: newest.and_then(|(_, revision)| revision.expires).map(moment),
        rotation: (!is_users || secret.rotate != RotatePolicy::Never).then(|| secret.rotate.to_string()),
        rotates: secret.rotates.map(moment),
        owner,
        description: secret.description.clone(),
        name: label.clone().filter(|_| is_users),
        label: label.filter(|_| !is_users),
        created: moment(secret.created),
        updated: moment(secret.updated),
        content: None,
        revisions: None,
        access: Vec::new(),
    }
}

/// In whole seconds, as Juju keeps them.
fn moment(at: Timestamp) -> String {
    Timestamp(at.0 - at.0.rem_euclid(1000)).to_rfc3339()
}

fn revision_views(secret: &Secret) -> Vec<SecretRevisionView> {
    let view = |(number, revision): (&u32, &periapt_model::entity::SecretRevision)| SecretRevisionView {
        revision: *number,
        backend: "internal".to_owned(),
        created: moment(revision.created),
        updated: moment(revision.created),
        expires: revision.expires.map(moment),
    };
    secret.revisions.iter().map(view).collect()
}

fn access(model: &Model, secret: &Secret) -> Vec<SecretAccess> {
    let scope = |scope: &GrantScope| match scope {
        GrantScope::Model => format!("model-{}", model.info.uuid),
        GrantScope::Relation(id) => match model.relations.get(id) {
            Some(relation) => format!("relation-{}", relation.key().replace(':', ".").replace(' ', "#")),
            None => format!("relation-{id}"),
        },
    };
    let granted = secret.grants.iter();
    granted
        .map(|(reader, held)| SecretAccess {
            target: reader.tag(),
            scope: scope(held),
            role: "view".to_owned(),
        })
        .collect()
}

/// SHA-256 of the values in base64 as a JSON object in order of keys, in hexadecimal (Juju 3.6).
fn checksum(content: &SecretContent) -> String {
    // A map of texts is JSON always.
    let json = serde_json::to_vec(content).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_of_the_json_of_the_values_in_base64() {
        let mut content = SecretContent::default();
        content.insert("foo", b"bar").unwrap();
        // printf '{"foo":"YmFy"}' | sha256sum
        let known = "8bafb35ff1ac60275d62e1cbd495aceb511fb354f74a20f7d06ecb48b3a68432";
        assert_eq!(checksum(&content), known);
    }
}
