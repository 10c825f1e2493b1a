//! What must hold of two models: of secrets at every moment, of all else when everything has come to rest.

use std::collections::BTreeMap;

use periapt_model::entity::{GrantScope, Relation, Secret, SecretReader};
use periapt_model::mirror::{Connect, LinkChange, consumer_name, plan};
use periapt_model::model::Model;
use periapt_model::names::{AppName, RelationId, SecretId, UnitName};
use periapt_model::status::Life;

use super::{IDENTITIES, TwoWorlds};
use crate::simulate::Broken;

fn broken(invariant: &'static str, text: String) -> Result<(), Broken> {
    Err(Broken { invariant, text })
}

fn agree<T: PartialEq + std::fmt::Debug>(what: &str, a: &T, b: &T) -> Result<(), Broken> {
    if a == b { Ok(()) } else { broken("halves", format!("{what}: {a:?}, and in the other model {b:?}")) }
}

/// Whether `relation` of `model` is a half whose other is in `other`.
fn is_between(model: &Model, relation: &Relation, other: &str) -> bool {
    model.remote_app_of(relation).is_some_and(|app| app.model() == other)
}

impl TwoWorlds {
    /// At every moment: nobody reads a copy but over a relation that is there.
    pub(super) fn check_rights(&self) -> Result<(), Broken> {
        for world in &self.worlds {
            let model = &world.driver.model;
            let copies = model.secrets.values().filter(|secret| secret.origin.is_some());
            for copy in copies {
                let origin = copy.origin.as_deref().unwrap_or_default();
                for (reader, scope) in &copy.grants {
                    let GrantScope::Relation(id) = scope else {
                        return broken("rights", format!("{reader} reads {} for ever", copy.id));
                    };
                    let relation = model.relations.get(id);
                    let over = |relation: &Relation| {
                        is_between(model, relation, origin) && relation.end_of(reader.app()).is_some()
                    };
                    if !relation.is_some_and(|relation| over(relation)) {
                        let text = format!("{reader} reads {} over relation {id}, which is none", copy.id);
                        return broken("rights", text);
                    }
                }
                // What nobody may read is not kept.
                let kept = copy.revisions.keys().any(|n| model.secret_content(&copy.id, *n).is_some());
                if copy.grants.is_empty() && kept && !self.is_to_go(copy) {
                    return broken("rights", format!("{} is kept although nobody may read it", copy.id));
                }
            }
        }
        Ok(())
    }

    /// Whether the linker will find that a right ended here: what is in a copy goes with its next look, unless it was
    /// granted anew.
    fn is_to_go(&self, copy: &Secret) -> bool {
        let goes = |change: &LinkChange| match change {
            LinkChange::Secrets { from, copies } if Some(from) == copy.origin.as_ref() => {
                let wanted = copies.get(&copy.id);
                wanted.is_none_or(|wanted| wanted.contents.is_empty() || !wanted.secret.grants.is_empty())
            }
            _ => false,
        };
        plan(&self.models()).iter().any(|(_, change)| goes(change))
    }

    /// When all is at rest: the halves say the same, nothing is left of what is gone, and secrets are where they may be.
    pub(super) fn check_agreement(&self) -> Result<(), Broken> {
        let models = self.models();
        for (uuid, change) in plan(&models) {
            // What a limit of a charm's endpoint holds up is wanted for as long as that.
            let waits = match &change {
                LinkChange::Connect(connect) => {
                    models.iter().any(|model| model.info.uuid == uuid && is_full(model, connect))
                }
                _ => false,
            };
            if !waits {
                return broken("halves", format!("{uuid} does not take {change:?}"));
            }
        }
        for (at, model) in models.iter().enumerate() {
            let other = &models[1 - at];
            for relation in model.relations.values() {
                if is_between(model, relation, IDENTITIES[1 - at]) {
                    self.check_half(model, relation, other)?;
                }
            }
            let left = |app: &&std::sync::Arc<periapt_model::entity::RemoteApp>| {
                app.saas().is_none() && model.relations_of(&app.name).next().is_none()
            };
            if let Some(app) = model.remote_apps.values().find(left) {
                return broken("halves", format!("{} is left without relations", app.name));
            }
            check_copies(model, other)?;
            check_secrets(model, other)?;
        }
        Ok(())
    }

    fn check_half(&self, model: &Model, relation: &Relation, other: &Model) -> Result<(), Broken> {
        let Some(link) = &relation.link else {
            // One that nobody took up waits for a place over there.
            let waits = plan(&[model.clone(), other.clone()]).iter().any(
                |(_, change)| matches!(change, LinkChange::Connect(c) if c.link.relation == relation.id),
            );
            return match waits {
                true => Ok(()),
                false => broken("halves", format!("{} has no other half", relation.key())),
            };
        };
        let half = other.relations.get(&link.relation);
        let Some(half) = half.filter(|half| half.link.as_ref().is_some_and(|l| l.relation == relation.id))
        else {
            return broken("halves", format!("the other half of {} is gone", relation.key()));
        };
        agree("life", &relation.life, &half.life)?;
        agree("life", &relation.life, &Life::Alive)?;
        agree("suspended", &relation.suspended, &half.suspended)?;
        agree("why", &relation.suspended_reason, &half.suspended_reason)?;
        let own = |model: &Model, relation: &Relation| -> Option<(AppName, AppName)> {
            let remote = model.remote_app_of(relation)?.name.clone();
            let own = relation.ends.iter().find(|end| end.app != remote)?.app.clone();
            Some((own, remote))
        };
        let (Some(here), Some(there)) = (own(model, relation), own(other, half)) else {
            return broken("halves", format!("{} has no ends", relation.key()));
        };
        let members = |model: &Model,
                       id: RelationId,
                       app: &AppName|
         -> BTreeMap<u32, (bool, BTreeMap<_, _>, u64)> {
            let data = model.relation_data.get(&id);
            let members =
                data.into_iter().flat_map(|data| &data.members).filter(|(unit, _)| unit.app() == app);
            members.map(|(unit, m)| (unit.number(), (m.in_scope, m.settings.clone(), m.version))).collect()
        };
        let bag = |model: &Model, id, app: &AppName| model.app_bag(id, app).cloned();
        for (a, b) in [(&here.0, &there.1), (&here.1, &there.0)] {
            agree(&format!("{a}'s members"), &members(model, relation.id, a), &members(other, half.id, b))?;
            agree(&format!("{a}'s databag"), &bag(model, relation.id, a), &bag(other, half.id, b))?;
        }
        Ok(())
    }
}

/// Whether an endpoint has as many relations as its charm lets it have.
fn is_full(model: &Model, connect: &Connect) -> bool {
    let Some(offer) = model.offers.get(&connect.link.offer) else { return false };
    let endpoint = model.charm_of(&offer.app).and_then(|charm| charm.meta.endpoints.get(&connect.offered));
    let is_on =
        |relation: &Relation| relation.end_of(&offer.app).is_some_and(|end| end.endpoint == connect.offered);
    let used = model.relations_of(&offer.app).filter(|relation| is_on(relation)).count();
    endpoint.and_then(|endpoint| endpoint.limit).is_some_and(|limit| used >= limit as usize)
}

/// Whether a model has to refuse a change of the linker's, which may come late: a new half where there is no offer any
/// more, no room, or one between the same two that has not ended.
pub(super) fn is_refused(model: &Model, change: &LinkChange) -> bool {
    let LinkChange::Connect(connect) = change else { return false };
    let same =
        |relation: &Relation| relation.link.as_ref() == Some(&connect.link) && model.is_offering(relation);
    if model.relations.values().any(|relation| same(relation)) {
        return false;
    }
    let Some(offer) = model.offers.get(&connect.link.offer) else { return true };
    let has =
        model.charm_of(&offer.app).is_some_and(|charm| charm.meta.endpoints.contains_key(&connect.offered));
    if !has || !offer.endpoints.contains(&connect.offered) {
        return true;
    }
    let Some(consumer) = consumer_name(&connect.link.model, &connect.app) else { return true };
    let is = |half: &Relation, app, endpoint| half.end_of(app).is_some_and(|end| &end.endpoint == endpoint);
    let ending = model.relations_of(&consumer).any(|half| {
        half.life != Life::Alive
            && is(half, &consumer, &connect.endpoint)
            && is(half, &offer.app, &connect.offered)
    });
    ending || is_full(model, connect)
}

/// The copies of `from`'s secrets in `to`, at rest: granted to those that the secrets are granted to over a relation
/// that both models have, and to nobody else; without content where that is nobody, and then only if somebody has read it.
pub(super) fn check_copies(from: &Model, to: &Model) -> Result<(), Broken> {
    for own in from.secrets.values().filter(|secret| secret.origin.is_none()) {
        let mut wanted = BTreeMap::new();
        for (reader, scope) in &own.grants {
            let GrantScope::Relation(id) = scope else { continue };
            let Some(half) = from.relations.get(id).filter(|half| is_between(from, half, &to.info.uuid))
            else {
                continue;
            };
            // Over the side that consumes nothing is granted, and over one that is suspended nothing is read.
            let reads = from.is_offering(half) && !half.suspended;
            let Some(link) = half.link.as_ref().filter(|_| reads) else { continue };
            let other = to.relations.get(&link.relation);
            let reads =
                other.and_then(|other| other.ends.iter().find(|end| to.applications.contains_key(&end.app)));
            if let Some(reads) =
                reads.filter(|reads| consumer_name(&to.info.uuid, &reads.app).as_ref() == Some(reader.app()))
            {
                let reader = match reader {
                    SecretReader::Application(_) => SecretReader::Application(reads.app.clone()),
                    SecretReader::Unit(unit) => {
                        SecretReader::Unit(UnitName::new(reads.app.clone(), unit.number()))
                    }
                };
                wanted.insert(reader, GrantScope::Relation(link.relation));
            }
        }
        // An identity that is taken over there is not taken over.
        let known = to.secrets.get(&own.id).filter(|known| known.origin.is_some());
        let granted = known.map(|copy| copy.grants.clone()).unwrap_or_default();
        agree(&format!("who reads {}", own.id), &wanted, &granted)?;
        let Some(copy) = known.filter(|_| wanted.is_empty()) else { continue };
        if copy.revisions.keys().any(|n| to.secret_content(&copy.id, *n).is_some()) {
            return broken("rights", format!("{} is kept although nobody may read it", copy.id));
        }
        if to.consumers_of(&copy.id).next().is_none() {
            return broken("rights", format!("{} is remembered, and nobody has read it", copy.id));
        }
    }
    Ok(())
}

/// The secrets of `from` in `to`, at rest.
fn check_secrets(from: &Model, to: &Model) -> Result<(), Broken> {
    let consumer = |app: &AppName| consumer_name(&to.info.uuid, app);
    let is_suspended = |scope: &GrantScope| match scope {
        GrantScope::Relation(id) => from.relations.get(id).is_some_and(|half| half.suspended),
        GrantScope::Model => false,
    };
    let granted = |secret: &Secret, app: &AppName| {
        let scope = consumer(app).and_then(|name| secret.grants.get(&SecretReader::Application(name)));
        scope.is_some_and(|scope| !is_suspended(scope))
    };
    let copies = to.secrets.values().filter(|copy| copy.origin.as_ref() == Some(&from.info.uuid));
    for copy in copies {
        let Some(own) = from.secrets.get(&copy.id) else {
            return broken("rights", format!("{} is gone, and its copy is not", copy.id));
        };
        for reader in copy.grants.keys() {
            if !granted(own, reader.app()) {
                return broken("rights", format!("{reader} was not granted {}, and may read it", copy.id));
            }
        }
        let content = |model: &Model, id: &SecretId| -> Vec<_> {
            own.revisions.keys().map(|n| model.secret_content(id, *n).cloned()).collect()
        };
        if !copy.grants.is_empty() {
            agree("a secret", &content(to, &copy.id), &content(from, &copy.id))?;
            agree("its newest", &own.copies.get(&to.info.uuid).copied(), &Some(own.latest()))?;
        }
        for (unit, read) in to.consumers_of(&copy.id) {
            let name = consumer(unit.app()).filter(|name| from.remote_apps.contains_key(name));
            let Some(name) = name else { continue };
            let known =
                from.secret_consumer(&copy.id, &periapt_model::names::UnitName::new(name, unit.number()));
            agree("what is read", &known.map(|known| known.revision), &Some(read.revision))?;
        }
    }
    for own in from.secrets.values().filter(|secret| secret.origin.is_none()) {
        for app in to.applications.keys().filter(|app| granted(own, app)) {
            let copy = to.secrets.get(&own.id);
            if !copy.is_some_and(|copy| copy.grants.contains_key(&SecretReader::Application(app.clone()))) {
                return broken("rights", format!("{app} was granted {}, and cannot read it", own.id));
            }
        }
    }
    Ok(())
}
