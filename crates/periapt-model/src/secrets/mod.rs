//! Secrets: who may do what with one, and what hooks ask for.

mod commit;
mod reference;
pub(crate) mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use commit::{apply_secrets, track, update_secret};
pub use reference::SecretRef;

use crate::entity::{GrantScope, RemoteKind, RotatePolicy, Secret, SecretContent, SecretOwner, SecretReader};
use crate::model::Model;
use crate::names::{AppName, RelationId, SecretId, UnitName};
use crate::time::Timestamp;

/// When a revision expires, as a charm asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// At this moment.
    At(Timestamp),
    /// So long after the hook's end.
    After(Duration),
}

impl Expiry {
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(span) => now + span,
        }
    }
}

/// Fields of a secret to be set; the others stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SecretUpdate {
    /// The owner's name for it; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When the newest revision expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<Expiry>,
    /// How often it is to be rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<RotatePolicy>,
    /// All of the new content: a new revision, unless it is the same as the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<SecretContent>,
}

impl SecretUpdate {
    /// Puts a later update on top: field by field, so that nothing set earlier in the hook is lost
    /// (canonical/operator issue 1288).
    pub fn merge(&mut self, later: SecretUpdate) {
        let SecretUpdate { label, description, expire, rotate, content } = later;
        self.label = label.or(self.label.take());
        self.description = description.or(self.description.take());
        self.expire = expire.or(self.expire);
        self.rotate = rotate.or(self.rotate);
        self.content = content.or(self.content.take());
    }

    /// Whether it sets nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is taken away of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRemoval {
    /// All of it.
    Whole,
    /// These revisions.
    Revisions(BTreeSet<u32>),
}

/// What one hook did to one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SecretChange {
    /// It is new, and this is its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<SecretOwner>,
    /// `secret-set`, or the fields of `secret-add`.
    #[serde(default)]
    pub update: SecretUpdate,
    /// `secret-remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<SecretRemoval>,
    /// `secret-grant` (the relation it was granted for) and `secret-revoke` (None).
    #[serde(default)]
    pub access: BTreeMap<SecretReader, Option<RelationId>>,
    /// The owner has read with `--refresh` what it set before: it reads that revision from now on.
    #[serde(default)]
    pub track: bool,
}

/// One write of a hook command to a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretWrite {
    /// `secret-add`.
    Create(SecretOwner, SecretUpdate),
    /// `secret-set`.
    Update(SecretUpdate),
    /// `secret-remove`, perhaps of one revision.
    Remove(Option<u32>),
    /// `secret-grant`.
    Grant(SecretReader, RelationId),
    /// `secret-revoke`.
    Revoke(SecretReader),
    /// `secret-get --refresh` of what this hook set.
    Track,
}

/// What one hook did to secrets.
pub type SecretChanges = BTreeMap<SecretId, SecretChange>;

/// Adds one write to what the hook did before.
pub fn add_write(changes: &mut SecretChanges, id: SecretId, write: SecretWrite) {
    let created_here = changes.get(&id).is_some_and(|change| change.create.is_some());
    if created_here && write == SecretWrite::Remove(None) {
        changes.remove(&id);
        return;
    }
    let change = changes.entry(id).or_default();
    match write {
        SecretWrite::Create(owner, update) => {
            change.create = Some(owner);
            change.update = update;
        }
        SecretWrite::Update(update) => change.update.merge(update),
        SecretWrite::Remove(None) => {
            *change = SecretChange { remove: Some(SecretRemoval::Whole), ..SecretChange::default() };
        }
        SecretWrite::Remove(Some(revision)) => match &mut change.remove {
            Some(SecretRemoval::Whole) => {}
            Some(SecretRemoval::Revisions(revisions)) => drop(revisions.insert(revision)),
            None => change.remove = Some(SecretRemoval::Revisions(BTreeSet::from([revision]))),
        },
        SecretWrite::Grant(reader, relation) => drop(change.access.insert(reader, Some(relation))),
        SecretWrite::Revoke(reader) => {
            // Taking it from an application takes it from each of its units.
            if let SecretReader::Application(app) = &reader {
                change.access.retain(|other, _| other.app() != app);
            }
            change.access.insert(reader, None);
        }
        SecretWrite::Track => change.track = true,
    }
}

/// Takes a right away: from an application means from each of its units too.
pub fn revoke(grants: &mut BTreeMap<SecretReader, GrantScope>, reader: &SecretReader) {
    match reader {
        SecretReader::Application(app) => grants.retain(|other, _| other.app() != app),
        SecretReader::Unit(_) => drop(grants.remove(reader)),
    }
}

/// Whether `unit`, which leads its application or not, may change the secret and say who reads it.
pub fn manages(owner: &SecretOwner, unit: &UnitName, leads: bool) -> bool {
    match owner {
        SecretOwner::Unit(own) => own == unit,
        SecretOwner::Application(app) => app == unit.app() && leads,
        SecretOwner::Model => false,
    }
}

/// Whether the secret belongs to `unit` or its application.
pub fn is_own(owner: &SecretOwner, unit: &UnitName) -> bool {
    match owner {
        SecretOwner::Unit(own) => own == unit,
        SecretOwner::Application(app) => app == unit.app(),
        SecretOwner::Model => false,
    }
}

/// Whether `unit` may read what is in the secret: its owner, each unit of an application that owns it, and whoever it
/// was granted to (reference 4.4).
pub fn may_read(secret: &Secret, unit: &UnitName) -> bool {
    // By two look-ups: a secret may be granted to many.
    let granted = |reader: SecretReader| secret.grants.contains_key(&reader);
    is_own(&secret.owner, unit)
        || granted(SecretReader::Application(unit.app().clone()))
        || granted(SecretReader::Unit(unit.clone()))
}

impl Model {
    /// As [`may_read`], also where `unit` has the right under the name that a consumer of this model's own offer goes by.
    pub fn may_read(&self, secret: &Secret, unit: &UnitName) -> bool {
        may_read(secret, unit)
            || secret.grants.iter().any(|(reader, scope)| {
                let consumer = self.remote_apps.get(reader.app()).map(|app| &app.kind);
                let is_unit = match reader {
                    SecretReader::Application(_) => true,
                    SecretReader::Unit(name) => name.number() == unit.number(),
                };
                is_unit
                    && matches!(consumer, Some(RemoteKind::Consumer { model, app, .. })
                        if *model == self.info.uuid && app == unit.app())
                    && self.consumes_over(unit.app(), scope)
            })
    }

    /// Whether `app` still has its half of the relation that the offering half in `scope` is linked to, both in this
    /// model, and it is not suspended. The offering half may outlive it for as long as its own units have hooks to run.
    fn consumes_over(&self, app: &AppName, scope: &GrantScope) -> bool {
        let GrantScope::Relation(id) = scope else { return false };
        let offering = self.relations.get(id).filter(|relation| !relation.suspended);
        let link = offering.and_then(|relation| relation.link.as_ref());
        let half = link.filter(|link| link.model == self.info.uuid);
        let half = half.and_then(|link| self.relations.get(&link.relation));
        half.is_some_and(|half| half.ends.iter().any(|end| &end.app == app) && !self.is_offering(half))
    }

    /// The secret and revision that each unit reads: those that may still.
    pub fn readers_of<'a>(
        &'a self,
        secret: &'a Secret,
    ) -> impl Iterator<Item = (&'a UnitName, u32)> + use<'a> {
        self.consumers_of(&secret.id)
            .filter(|(unit, _)| self.may_read(secret, unit))
            .map(|(unit, consumer)| (unit, consumer.revision))
    }

    /// The revisions that nobody reads any more and that are not the newest: what `secret-remove` is run for. Where other
    /// models have copies, only those count of which it is known that nobody there reads them.
    pub fn obsolete_revisions(&self, secret: &Secret) -> BTreeSet<u32> {
        let latest = secret.latest();
        let mut old: BTreeSet<u32> = secret.revisions.keys().copied().filter(|n| *n != latest).collect();
        if !old.is_empty() {
            for (_, revision) in self.readers_of(secret) {
                old.remove(&revision);
            }
            let elsewhere = secret.grants.keys().filter_map(|reader| self.remote_apps.get(reader.app()));
            // Who consumes an offer grants nothing over it: of such a right, which an older version stored, there is no copy.
            let elsewhere = elsewhere.filter(|app| app.saas().is_none());
            let elsewhere = elsewhere.map(|app| app.model()).filter(|model| *model != self.info.uuid);
            let told = elsewhere.map(|model| secret.copies.get(model).copied().unwrap_or(0)).min();
            if let Some(told) = told {
                old.retain(|revision| *revision < told);
            }
        }
        old
    }
}
