//! Relations between two models: each model has a half of its own, and the halves are made to say the same.
//!
//! There is no transaction over two models. Instead [`plan`] compares whole models and says which changes bring one half
//! closer to the other; each is then done in one model, by itself. Whatever is lost or done twice on the way, the next
//! comparison finds what is still missing, so that a restart needs no memory (level-triggered, as all of the agents).
//!
//! A half is an ordinary [`Relation`] whose other end names a [`RemoteApp`]. The members and databags of that end are
//! copied from the other model, versions and all, so that agents see them as if they were here.

pub(crate) mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entity::{AppBag, Link, Member, OfferSource, Relation, RelationEnd, RemoteApp};
use crate::model::Model;
use crate::names::{AppName, EndpointName, ModelName, OfferName, RelationId};
use crate::status::Life;

pub use secrets::{Reading, Readings, SecretCopies, SecretCopy};

/// What one half of a relation tells the other. Doing it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkChange {
    /// To the side that offers: somebody relates to an offer of yours.
    Connect(Connect),
    /// To either side: what the other half is like now.
    Mirror {
        /// Your half.
        relation: RelationId,
        /// The other.
        link: Link,
        /// Its content.
        state: Mirror,
    },
    /// To either side: the other half is gone, with all that was in it.
    Gone {
        /// Your half.
        relation: RelationId,
    },
    /// To the side that consumes: all secrets of another model that applications of yours were let read.
    Secrets {
        /// That model.
        from: String,
        /// All of them: other copies of that model's secrets go.
        copies: SecretCopies,
    },
    /// To the side that offers: what is read of your secrets in another model.
    Readings {
        /// That model.
        of: String,
        /// All of it.
        readings: Readings,
    },
    /// To the side that offers: a consumer's name without relations, left by a crash, may go.
    Forget {
        /// The name.
        app: AppName,
    },
}

/// Who relates to an offer, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// The consumer's half.
    pub link: Link,
    /// The consumer's model, for people.
    pub model_name: ModelName,
    /// The consumer.
    pub app: AppName,
    /// Its end.
    pub endpoint: EndpointName,
    /// The offered end.
    pub offered: EndpointName,
}

/// What one half is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Whether it is going away: then the other goes too.
    pub life: Life,
    /// Whether it is suspended and why; None from the side that consumes, which has no say in it.
    pub suspended: Option<(bool, String)>,
    /// Its own units, by number.
    pub members: BTreeMap<u32, Arc<Member>>,
    /// Its own application's databag.
    pub bag: Option<Arc<AppBag>>,
}

/// The name that an application of another model has on the side that offers. Made of its identity: the same one always
/// has the same, whatever its relations are and whenever they are made (I7). The hash is FNV-1a of 128 bits.
#[must_use]
pub fn consumer_name(model: &str, app: &AppName) -> Option<AppName> {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in model.bytes().chain([0]).chain(app.as_str().bytes()) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let hex = format!("{hash:032x}");
    // Each part of an application's name holds a letter, so that it is never taken for a unit's.
    let lettered = hex.bytes().any(|byte| byte.is_ascii_alphabetic());
    AppName::new(if lettered { format!("remote-{hex}") } else { format!("remote-a{hex}") }).ok()
}

/// What `relation`'s half in `model` is like, of which `own` is the end that is really there.
fn mirror(model: &Model, relation: &Relation, own: &RelationEnd) -> Mirror {
    let data = model.relation_data.get(&relation.id);
    let members = data.into_iter().flat_map(|data| &data.members);
    let offering = model.is_offering(relation);
    Mirror {
        life: relation.life,
        suspended: offering.then(|| (relation.suspended, relation.suspended_reason.clone())),
        members: members
            .filter(|(unit, _)| unit.app() == &own.app)
            .map(|(unit, member)| (unit.number(), member.clone()))
            .collect(),
        bag: model.app_bag(relation.id, &own.app).cloned(),
    }
}

/// The two ends of a half: the one that is in its model, and the one that is not.
pub(crate) fn sides<'a>(
    model: &'a Model,
    relation: &'a Relation,
) -> Option<(&'a RelationEnd, &'a RelationEnd, &'a Arc<RemoteApp>)> {
    let [a, b] = relation.ends.as_slice() else { return None };
    match (model.remote_apps.get(&a.app), model.remote_apps.get(&b.app)) {
        (None, Some(remote)) => Some((a, b, remote)),
        (Some(remote), None) => Some((b, a, remote)),
        _ => None,
    }
}

/// Whether `relation`, a half in `model`, is as `link` and `state` say already.
pub(crate) fn says(model: &Model, relation: &Relation, link: &Link, state: &Mirror) -> bool {
    let Some((_, theirs, _)) = sides(model, relation) else { return false };
    let data = model.relation_data.get(&relation.id);
    let member = |number: u32| {
        let unit = crate::names::UnitName::new(theirs.app.clone(), number);
        data.and_then(|data| data.members.get(&unit))
    };
    let there = data.map_or(0, |data| data.members.keys().filter(|u| u.app() == &theirs.app).count());
    relation.link.as_ref() == Some(link)
        && (state.life == Life::Alive || relation.life != Life::Alive)
        && state.suspended.as_ref().is_none_or(|(suspended, reason)| {
            relation.suspended == *suspended && &relation.suspended_reason == reason
        })
        && there == state.members.len()
        && state.members.iter().all(|(number, wanted)| member(*number) == Some(wanted))
        && model.app_bag(relation.id, &theirs.app) == state.bag.as_ref()
}

/// Whether a half whose other is gone has nothing left to be told.
fn is_over(model: &Model, relation: &Relation) -> bool {
    let Some((_, theirs, _)) = sides(model, relation) else { return true };
    let data = model.relation_data.get(&relation.id);
    let left = |data: &crate::model::RelationData| {
        data.members.iter().all(|(unit, member)| unit.app() != &theirs.app || !member.in_scope)
    };
    relation.life != Life::Alive && data.is_none_or(left)
}

/// Whether the offer that a consumer's half is over is still there for it, and under which endpoint.
fn offered<'a>(offering: &Model, theirs: &'a RelationEnd, source: &OfferSource) -> Option<&'a EndpointName> {
    let offer = offering.offers.get(&source.offer)?;
    let endpoint = offering.charm_of(&offer.app)?.meta.endpoint(theirs.endpoint.as_str())?;
    let fits = endpoint.role == theirs.role && endpoint.interface == theirs.interface;
    let open = offering.is_living(&offer.app) && offering.info.life == Life::Alive;
    (offer.endpoints.contains(&theirs.endpoint) && fits && open).then_some(&theirs.endpoint)
}

/// The changes that bring the halves of all relations between `models` closer to each other, each with the identity of
/// the model that it is for. Empty: they agree. The changes may be done in any order, or not at all.
#[must_use]
pub fn plan(models: &[Model]) -> Vec<(String, LinkChange)> {
    let by_id: BTreeMap<&str, &Model> =
        models.iter().map(|model| (model.info.uuid.as_str(), model)).collect();
    let halves = offering_halves(models);
    let mut changes = Vec::new();
    // First, so that whoever does the changes in order has a secret there before the databag that names it.
    secrets::plan(models, &by_id, &halves, &mut changes);
    for model in models.iter().filter(|model| !model.remote_apps.is_empty()) {
        for app in model.remote_apps.values() {
            let relations = model.relations_of(&app.name);
            match app.saas() {
                Some(source) => {
                    let offering = by_id.get(source.model.as_str()).copied();
                    for relation in relations {
                        consuming(model, relation, source, offering, &halves, &mut changes);
                    }
                }
                None => {
                    let consumer = by_id.get(app.model()).copied();
                    let mut left = false;
                    for relation in relations {
                        left = true;
                        offering_half(model, relation, consumer, &mut changes);
                    }
                    if !left {
                        let forget = LinkChange::Forget { app: app.name.clone() };
                        changes.push((model.info.uuid.clone(), forget));
                    }
                }
            }
        }
    }
    changes
}

/// The offering halves by the model they are in and the consumer's half that they belong to.
type Halves<'a> = BTreeMap<(&'a str, &'a str, RelationId), &'a Arc<Relation>>;

fn offering_halves(models: &[Model]) -> Halves<'_> {
    let mut halves = Halves::new();
    for model in models {
        let consumers = model.remote_apps.values().filter(|app| app.saas().is_none());
        for relation in consumers.flat_map(|app| model.relations_of(&app.name)) {
            if let Some(link) = &relation.link {
                halves.insert((&model.info.uuid, &link.model, link.relation), relation);
            }
        }
    }
    halves
}

/// Looks at a consumer's half: makes the other one, or copies each into the other.
fn consuming(
    model: &Model,
    relation: &Relation,
    source: &OfferSource,
    offering: Option<&Model>,
    halves: &Halves<'_>,
    changes: &mut Vec<(String, LinkChange)>,
) {
    let Some((ours, theirs, _)) = sides(model, relation) else { return };
    let uuid = &model.info.uuid;
    let link = Link { model: uuid.clone(), relation: relation.id, offer: source.offer.clone() };
    let half = halves.get(&(source.model.as_str(), uuid.as_str(), relation.id));
    if let (Some(offering), Some(half)) = (offering, half) {
        if let Some((own, _, _)) = sides(offering, half) {
            let back = Link { model: source.model.clone(), relation: half.id, offer: source.offer.clone() };
            copy(offering, half, own, model, relation, back, changes);
        }
        copy(model, relation, ours, offering, half, link, changes);
        return;
    }
    // Not there: never made, or gone.
    let wanted = offering.filter(|_| relation.link.is_none() && relation.life == Life::Alive);
    match wanted.and_then(|offering| offered(offering, theirs, source)) {
        // It is made when the first has gone.
        Some(endpoint)
            if offering.is_some_and(|offering| first_ends(offering, model, ours, endpoint, source)) => {}
        Some(endpoint) => {
            let connect = Connect {
                link,
                model_name: model.info.name.clone(),
                app: ours.app.clone(),
                endpoint: ours.endpoint.clone(),
                offered: endpoint.clone(),
            };
            changes.push((source.model.clone(), LinkChange::Connect(connect)));
        }
        None if !is_over(model, relation) => {
            changes.push((uuid.clone(), LinkChange::Gone { relation: relation.id }));
        }
        None => {}
    }
}

/// Whether an earlier relation between the same two ends, of which the offering half is still there: its units are told of
/// one end after the other.
fn first_ends(
    offering: &Model,
    consuming: &Model,
    ours: &RelationEnd,
    offered: &EndpointName,
    source: &OfferSource,
) -> bool {
    let app = offering.offers.get(&source.offer).map(|offer| &offer.app);
    let Some((name, app)) = consumer_name(&consuming.info.uuid, &ours.app).zip(app) else { return false };
    let is = |half: &Relation, app: &AppName, endpoint: &EndpointName| {
        half.end_of(app).is_some_and(|end| &end.endpoint == endpoint)
    };
    offering.relations_of(&name).any(|half| {
        let known = half.link.as_ref().is_some_and(|link| consuming.relations.contains_key(&link.relation));
        is(half, &name, &ours.endpoint) && is(half, app, offered) && (half.life != Life::Alive || !known)
    })
}

fn copy(
    from: &Model,
    half: &Relation,
    own: &RelationEnd,
    to: &Model,
    relation: &Relation,
    link: Link,
    changes: &mut Vec<(String, LinkChange)>,
) {
    let state = mirror(from, half, own);
    if !says(to, relation, &link, &state) {
        let change = LinkChange::Mirror { relation: relation.id, link, state };
        changes.push((to.info.uuid.clone(), change));
    }
}

/// Looks at an offering half of which the consumer's may be gone. What it is to say is found from the consumer's.
fn offering_half(
    model: &Model,
    relation: &Relation,
    consumer: Option<&Model>,
    changes: &mut Vec<(String, LinkChange)>,
) {
    let there = relation.link.as_ref().zip(consumer).is_some_and(|(link, consumer)| {
        consumer.relations.get(&link.relation).is_some_and(|half| {
            sides(consumer, half)
                .is_some_and(|(_, _, app)| app.saas().is_some_and(|source| source.model == model.info.uuid))
        })
    });
    if !there && !is_over(model, relation) {
        changes.push((model.info.uuid.clone(), LinkChange::Gone { relation: relation.id }));
    }
}

/// Which offers a consumer of `offering` may see: everything, in one controller with one user.
#[must_use]
pub fn offer_endpoints(
    offering: &Model,
    offer: &OfferName,
) -> Option<BTreeMap<EndpointName, crate::entity::RemoteEndpoint>> {
    let offer = offering.offers.get(offer)?;
    let charm = offering.charm_of(&offer.app)?;
    let endpoints = offer.endpoints.iter().filter_map(|name| {
        let endpoint = charm.meta.endpoint(name.as_str())?;
        let (role, interface) = (endpoint.role, endpoint.interface);
        Some((name.clone(), crate::entity::RemoteEndpoint { role, interface }))
    });
    Some(endpoints.collect())
}
