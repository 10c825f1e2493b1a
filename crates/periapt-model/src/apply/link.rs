//! What the other half of a relation between two models says, taken over into this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::charm::{Role, Scope};
use crate::command::{Answer, Refusal};
use crate::entity::{Link, Member, Relation, RelationEnd, RemoteApp, RemoteEndpoint, RemoteKind};
use crate::mirror::{Connect, LinkChange, Mirror, consumer_name, says, sides};
use crate::model::{Draft, Key, Record};
use crate::names::{AppName, EndpointName, RelationId, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

use super::{cross_model, deploy, relate, removal, secret_copies};

/// Everything here may come twice, or late: what is there already, or no more, is left as it is.
pub(super) fn apply(draft: &mut Draft, change: LinkChange, now: Timestamp) -> Result<Answer, Refusal> {
    match change {
        LinkChange::Connect(connect) => self::connect(draft, connect, now)?,
        LinkChange::Mirror { relation, link, state } => take_over(draft, relation, link, state),
        LinkChange::Gone { relation } => gone(draft, relation, now),
        LinkChange::Secrets { from, copies } => secret_copies::take_over(draft, &from, copies),
        LinkChange::Readings { of, readings } => secret_copies::readings(draft, &of, readings),
        LinkChange::Forget { app } => cross_model::remove_remote_app_if_done(draft, &app),
    }
    Ok(Answer::Done)
}

/// The offering half of a relation comes into being.
fn connect(draft: &mut Draft, connect: Connect, now: Timestamp) -> Result<(), Refusal> {
    let Connect { link, model_name, app, endpoint, offered } = connect;
    if draft.model.relations.values().any(|r| r.link.as_ref() == Some(&link) && draft.model.is_offering(r)) {
        return Ok(());
    }
    let Some(offer) = draft.model.offers.get(&link.offer).cloned() else {
        return Err(Refusal::not_found(format!("application offer \"{}\" not found", link.offer)));
    };
    let meta = draft.model.charm_of(&offer.app).map(|charm| &charm.meta);
    let ours = meta.and_then(|meta| meta.endpoint(offered.as_str()));
    let Some(ours) = ours.filter(|_| offer.endpoints.contains(&offered)) else {
        return Err(Refusal::not_found(format!("offer \"{}\" has no \"{offered}\" endpoint", link.offer)));
    };
    let role = match ours.role {
        Role::Provider => Role::Requirer,
        Role::Requirer => Role::Provider,
        Role::Peer => return Err(Refusal::invalid(format!("\"{offered}\" is a peer endpoint"))),
    };
    let Some(name) = consumer_name(&link.model, &app) else {
        return Err(Refusal::invalid(format!("application \"{app}\" cannot be named here")));
    };
    let own = deploy::end(&offer.app, &offered, &ours);
    let interface = ours.interface.clone();
    let theirs =
        RelationEnd { app: name.clone(), endpoint: endpoint.clone(), role, interface, scope: Scope::Global };
    // Units may still be in one that was between the same two, and would hear of both under one name.
    let is = |half: &Relation, app: &AppName, endpoint: &EndpointName| {
        half.life != Life::Alive && half.end_of(app).is_some_and(|end| &end.endpoint == endpoint)
    };
    let old = draft
        .model
        .relations_of(&name)
        .find(|half| is(half, &name, &endpoint) && is(half, &offer.app, &offered))
        .map(|half| half.key());
    if let Some(old) = old {
        return Err(Refusal::conflict(format!(
            "relation {old} is still ending here: a new one waits until it is gone"
        )));
    }
    relate::check_limit(&draft.model, &own)?;
    let mut endpoints = draft.model.remote_apps.get(&name).map(|a| a.endpoints.clone()).unwrap_or_default();
    endpoints.insert(endpoint, RemoteEndpoint { role, interface: ours.interface.clone() });
    let kind = RemoteKind::Consumer { model: link.model.clone(), model_name, app };
    draft.put(Record::RemoteApp(Arc::new(RemoteApp {
        name,
        kind,
        endpoints,
        life: Life::Alive,
        created: now,
    })));
    // The provider's end comes first, as in every relation.
    let ends = if ours.role == Role::Provider { vec![own, theirs] } else { vec![theirs, own] };
    let relation = deploy::add_relation(draft, ends);
    draft.relation(relation.id, |relation| relation.link = Some(link));
    Ok(())
}

fn take_over(draft: &mut Draft, id: RelationId, link: Link, state: Mirror) {
    let Some(relation) = draft.model.relations.get(&id).cloned() else { return };
    // It comes into being with its link: one without was severed since the linker looked, and waits for nobody over there.
    if relation.link.is_none() && draft.model.is_offering(&relation) {
        return;
    }
    if says(&draft.model, &relation, &link, &state) {
        return;
    }
    let Some((_, theirs, _)) = sides(&draft.model, &relation) else { return };
    let app = theirs.app.clone();
    put_relation(draft, &relation, link, &state);
    put_members(draft, id, &app, state.members);
    let known = draft.model.app_bag(id, &app).cloned();
    match state.bag {
        Some(bag) if known.as_ref() != Some(&bag) => draft.put(Record::AppBag(id, app, bag)),
        None if known.is_some() => draft.delete(Key::AppBag(id, app)),
        _ => {}
    }
    removal::remove_relation_if_done(draft, id);
}

fn put_relation(draft: &mut Draft, old: &Relation, link: Link, state: &Mirror) {
    let mut relation = old.clone();
    relation.link = Some(link);
    if state.life != Life::Alive && relation.life == Life::Alive {
        relation.life = Life::Dying;
    }
    if let Some((suspended, reason)) = &state.suspended {
        relation.suspended = *suspended;
        relation.suspended_reason.clone_from(reason);
    }
    if &relation != old {
        draft.put(Record::Relation(Arc::new(relation)));
    }
}

fn put_members(draft: &mut Draft, id: RelationId, app: &AppName, members: BTreeMap<u32, Arc<Member>>) {
    let data = draft.model.relation_data.get(&id);
    let known = data.into_iter().flat_map(|data| data.members.keys());
    let lost: Vec<UnitName> =
        known.filter(|unit| unit.app() == app && !members.contains_key(&unit.number())).cloned().collect();
    for unit in lost {
        draft.delete(Key::Member(id, unit));
    }
    for (number, member) in members {
        let unit = UnitName::new(app.clone(), number);
        if draft.model.member(id, &unit) != Some(&member) {
            draft.put(Record::Member(id, unit, member));
        }
    }
}

/// Ends the offering half without the other one's consent: it knows the other no more, so that it waits for nobody over
/// there, and what was granted over it is taken back. Units here still see everybody leave and run their hooks. The other
/// half finds itself alone, and ends the same way.
pub(super) fn sever(draft: &mut Draft, id: RelationId, now: Timestamp) {
    draft.relation(id, |relation| relation.link = None);
    crate::secrets::removal::relation_gone(draft, id);
    gone(draft, id, now);
}

/// The other half is gone: those over there have left, and so do ours.
fn gone(draft: &mut Draft, id: RelationId, now: Timestamp) {
    let Some(relation) = draft.model.relations.get(&id).cloned() else { return };
    let Some((_, theirs, _)) = sides(&draft.model, &relation) else { return };
    let app = theirs.app.clone();
    let data = draft.model.relation_data.get(&id);
    let members = data.into_iter().flat_map(|data| data.members.iter());
    let there: Vec<UnitName> = members
        .filter(|(unit, member)| unit.app() == &app && member.in_scope)
        .map(|(unit, _)| unit.clone())
        .collect();
    for unit in there {
        draft.member(id, &unit, |member| member.in_scope = false);
    }
    removal::destroy_relation(draft, id, false, now);
}
