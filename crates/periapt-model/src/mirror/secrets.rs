//! Secrets that were granted over a relation between models: copied to where they may be read, and what is read of them
//! told back.
//!
//! A copy is a [`Secret`] like any other, with the identity that it has over there, so that agents, hooks and hook commands
//! know nothing of it; [`Secret::origin`] says where it is from. It belongs to the application that is consumed, which no
//! unit here is one of. As with relations, whole sets are compared, and the difference is done in one model.
//!
//! Only the side that offers grants (Juju 3.6), so that copies go one way and readings the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Halves, LinkChange, consumer_name, sides};
use crate::entity::{GrantScope, Secret, SecretContent, SecretOwner, SecretReader, SecretRevision};
use crate::model::Model;
use crate::names::{AppName, RelationId, SecretId, UnitName};

/// A secret of another model, as it is to be in this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretCopy {
    /// What is known of it.
    pub secret: Arc<Secret>,
    /// What is in its revisions, all or, where nobody here may read it any more, none. `Debug` shows no values.
    pub contents: BTreeMap<u32, Arc<SecretContent>>,
}

/// Copies by the identity of what they are of.
pub type SecretCopies = BTreeMap<SecretId, SecretCopy>;

/// What units of another model read of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Reading {
    /// The newest revision that the copy had: whoever reads an older one is among `units`.
    pub newest: u32,
    /// The revision that each unit reads, by its name on the side that offers.
    pub units: BTreeMap<UnitName, u32>,
}

/// What is read in another model, by secret.
pub type Readings = BTreeMap<SecretId, Reading>;

/// How what one half of a relation calls things is called by the other.
struct Route {
    /// The consumer's half.
    relation: RelationId,
    /// The consumer, where it offers.
    reader: AppName,
    /// The consumer, where it is.
    reader_there: AppName,
    /// What is consumed, there.
    owner_there: AppName,
}

/// By the offering half.
type Routes = BTreeMap<RelationId, Route>;

/// The routes from one model to another, by both identities. Within one model there is one secret, and no copy of it.
fn routes<'a>(
    by_id: &BTreeMap<&'a str, &'a Model>,
    halves: &Halves<'a>,
) -> BTreeMap<(&'a str, &'a str), Routes> {
    let mut all: BTreeMap<(&str, &str), Routes> = BTreeMap::new();
    // Nothing goes over one that is suspended (Juju 3.6: `crossmodelsecrets`).
    for ((offering, consuming, id), half) in halves.iter().filter(|(_, half)| !half.suspended) {
        let (Some(from), Some(to)) = (by_id.get(offering), by_id.get(consuming)) else { continue };
        let Some(other) = to.relations.get(id).filter(|_| offering != consuming) else { continue };
        let (Some((_, theirs, _)), Some((ours, remote, app))) = (sides(from, half), sides(to, other)) else {
            continue;
        };
        // The consumer's half may be another relation by now, of the same number after a restore.
        if app.saas().is_none_or(|source| source.model != **offering) {
            continue;
        }
        let route = Route {
            relation: *id,
            reader: theirs.app.clone(),
            reader_there: ours.app.clone(),
            owner_there: remote.app.clone(),
        };
        all.entry((offering, consuming)).or_default().insert(half.id, route);
    }
    all
}

/// What of the secrets of `from` is to be in `to`.
fn wanted(from: &Model, to: &Model, routes: &Routes) -> SecretCopies {
    let own = from.secrets.values().filter(|secret| secret.origin.is_none());
    let copy = |secret: &Arc<Secret>| {
        // An identity that is taken is not taken over.
        let known = to.secrets.get(&secret.id);
        let free = known.is_none_or(|known| known.origin.as_ref() == Some(&from.info.uuid));
        let copy = granted(from, secret, routes).or_else(|| remembered(to, known?));
        Some((secret.id.clone(), copy.filter(|_| free)?))
    };
    own.filter_map(copy).collect()
}

/// A copy for those that the secret is granted to over `routes`.
fn granted(from: &Model, secret: &Secret, routes: &Routes) -> Option<SecretCopy> {
    let mut grants = BTreeMap::new();
    let mut owner = None;
    for (reader, scope) in &secret.grants {
        let GrantScope::Relation(id) = scope else { continue };
        let Some(route) = routes.get(id).filter(|route| &route.reader == reader.app()) else { continue };
        let reader = match reader {
            SecretReader::Application(_) => SecretReader::Application(route.reader_there.clone()),
            SecretReader::Unit(unit) => {
                SecretReader::Unit(UnitName::new(route.reader_there.clone(), unit.number()))
            }
        };
        grants.insert(reader, GrantScope::Relation(route.relation));
        owner.get_or_insert_with(|| route.owner_there.clone());
    }
    let mut copy = Secret::new(secret.id.clone(), SecretOwner::Application(owner?), secret.created);
    // When they expire, and what its owner calls it, is not for others.
    let dated = |(n, revision): (&u32, &SecretRevision)| {
        (*n, SecretRevision { created: revision.created, expires: None })
    };
    copy.revisions = secret.revisions.iter().map(dated).collect();
    copy.updated = copy.revisions.values().last().map_or(copy.created, |newest| newest.created);
    copy.next_revision = secret.next_revision;
    copy.grants = grants;
    copy.origin = Some(from.info.uuid.clone());
    let revisions = copy.revisions.keys();
    let contents =
        revisions.filter_map(|n| Some((*n, from.secret_content(&secret.id, *n)?.clone()))).collect();
    Some(SecretCopy { secret: Arc::new(copy), contents })
}

/// What stays of a copy when the right to read it was taken back, as long as somebody here has read it: its units are told
/// that they may not, and find their labels and revisions when they may again.
fn remembered(to: &Model, known: &Secret) -> Option<SecretCopy> {
    let SecretOwner::Application(owner) = &known.owner else { return None };
    let kept = to.remote_apps.contains_key(owner) && to.consumers_of(&known.id).next().is_some();
    let secret = Secret { grants: BTreeMap::new(), ..known.clone() };
    kept.then(|| SecretCopy { secret: Arc::new(secret), contents: BTreeMap::new() })
}

/// The copies of secrets of `origin` that there are.
pub(crate) fn copies(model: &Model, origin: &str) -> SecretCopies {
    let of_origin = model.secrets.values().filter(|secret| secret.origin.as_deref() == Some(origin));
    let copy = |secret: &Arc<Secret>| {
        let revisions = model.secret_revisions(&secret.id);
        let contents =
            revisions.filter_map(|n| Some((n, model.secret_content(&secret.id, n)?.clone()))).collect();
        (secret.id.clone(), SecretCopy { secret: secret.clone(), contents })
    };
    of_origin.map(copy).collect()
}

/// What units of `to` read of the secrets of `from`, under the names that they have there.
fn readings(from: &Model, to: &Model) -> Readings {
    let origin = &from.info.uuid;
    let copies = to.secrets.values().filter(|secret| secret.origin.as_ref() == Some(origin));
    let ours = |id: &SecretId| from.secrets.get(id).is_some_and(|secret| secret.origin.is_none());
    let reading = |copy: &Arc<Secret>| {
        let read = |(unit, consumer): (&UnitName, &Arc<crate::entity::SecretConsumer>)| {
            let app = consumer_name(&to.info.uuid, unit.app())?;
            let known = from.remote_apps.contains_key(&app);
            known.then(|| (UnitName::new(app, unit.number()), consumer.revision))
        };
        let units = to.consumers_of(&copy.id).filter_map(read).collect();
        (copy.id.clone(), Reading { newest: copy.latest(), units })
    };
    copies.filter(|copy| ours(&copy.id)).map(reading).collect()
}

/// What is known in `model` of who reads its own secrets in the model `of`.
pub(crate) fn known_readings(model: &Model, of: &str) -> Readings {
    let mut known = Readings::new();
    for secret in model.secrets.values().filter(|secret| secret.origin.is_none()) {
        let theirs = |unit: &UnitName| {
            let app = model.remote_apps.get(unit.app());
            app.is_some_and(|app| app.saas().is_none() && app.model() == of)
        };
        let readers = model.consumers_of(&secret.id).filter(|(unit, _)| theirs(unit));
        let units: BTreeMap<UnitName, u32> =
            readers.map(|(unit, consumer)| (unit.clone(), consumer.revision)).collect();
        let newest = secret.copies.get(of).copied();
        if newest.is_some() || !units.is_empty() {
            known.insert(secret.id.clone(), Reading { newest: newest.unwrap_or(0), units });
        }
    }
    known
}

/// The changes that bring copies and readings closer to what they are of.
pub(super) fn plan<'a>(
    models: &'a [Model],
    by_id: &BTreeMap<&'a str, &'a Model>,
    halves: &Halves<'a>,
    changes: &mut Vec<(String, LinkChange)>,
) {
    let routes = routes(by_id, halves);
    let nothing = Routes::new();
    // Also where there is no way any more: what came on it is to go.
    let mut pairs: BTreeSet<(&str, &str)> = routes.keys().copied().collect();
    for model in models {
        let uuid = model.info.uuid.as_str();
        pairs.extend(model.secrets.values().filter_map(|secret| Some((secret.origin.as_deref()?, uuid))));
        pairs.extend(
            model
                .secrets
                .values()
                .flat_map(|secret| secret.copies.keys().map(move |there| (uuid, there.as_str()))),
        );
    }
    for (origin, uuid) in pairs {
        let (from, to) = (by_id.get(origin).copied(), by_id.get(uuid).copied());
        if let Some(to) = to {
            let routes = routes.get(&(origin, uuid)).unwrap_or(&nothing);
            let copies_wanted = from.map(|from| wanted(from, to, routes)).unwrap_or_default();
            if copies_wanted != copies(to, origin) {
                let change = LinkChange::Secrets { from: origin.to_owned(), copies: copies_wanted };
                changes.push((uuid.to_owned(), change));
            }
        }
        if let Some(from) = from {
            let readings = to.map(|to| readings(from, to)).unwrap_or_default();
            if readings != known_readings(from, uuid) {
                let change = LinkChange::Readings { of: uuid.to_owned(), readings };
                changes.push((origin.to_owned(), change));
            }
        }
    }
}
