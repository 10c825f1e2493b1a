//! Offers, and what of other models' offers is consumed here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::charm::{Endpoint, Role, Scope};
use crate::command::{Answer, CrossModel, EndpointRef, Refusal, RefusalKind};
use crate::entity::{Offer, OfferSource, Relation, RelationEnd, RemoteApp, RemoteEndpoint, RemoteKind};
use crate::model::{Draft, Key, Model, Record};
use crate::names::{AppName, EndpointName, OfferName, RelationId};
use crate::secrets::removal as secrets;
use crate::status::Life;
use crate::time::Timestamp;

use super::{alive, exposure, find_app, find_living_app, link, relate, removal};

pub(super) fn apply(draft: &mut Draft, command: CrossModel, now: Timestamp) -> Result<Answer, Refusal> {
    match command {
        CrossModel::Offer { name, app, endpoints } => {
            alive(&draft.model)?;
            offer(draft, name, &app, endpoints, now)
        }
        CrossModel::RemoveOffer { name, force } => remove_offer(draft, &name, force, now),
        CrossModel::Consume { source, alias, endpoints } => {
            alive(&draft.model)?;
            let alias = consume(draft, source, alias, endpoints, now)?;
            Ok(Answer::Consumed(alias))
        }
        CrossModel::Integrate { source, endpoints, endpoint, with, via } => {
            alive(&draft.model)?;
            let via = exposure::networks(&via)?;
            let known = known_as(&draft.model, &source);
            let app = consume(draft, source, known, endpoints, now)?;
            let answer = relate::integrate(draft, &EndpointRef { app, endpoint }, &with)?;
            if let Answer::Related { id, .. } = &answer {
                draft.relation(*id, |relation| relation.via = via);
            }
            Ok(answer)
        }
        CrossModel::RemoveSaas { app, force } => remove_saas(draft, &app, force, now),
        CrossModel::Suspend { relations, message } => suspend(draft, &relations, true, &message),
        CrossModel::Resume { relations } => suspend(draft, &relations, false, ""),
        CrossModel::Link(change) => link::apply(draft, change, now),
    }
}

fn offer(
    draft: &mut Draft,
    name: Option<OfferName>,
    app: &AppName,
    endpoints: BTreeSet<EndpointName>,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    find_living_app(&draft.model, app)?;
    if endpoints.is_empty() {
        return Err(Refusal::invalid("an offer must at least specify application endpoint"));
    }
    for endpoint in &endpoints {
        check_offered(&draft.model, app, endpoint)?;
    }
    let name = match name {
        Some(name) => name,
        None => OfferName::new(app.as_str()).map_err(|e| Refusal::invalid(e.to_string()))?,
    };
    let old = draft.model.offers.get(&name).cloned();
    if let Some(old) = &old {
        if &old.app != app {
            return Err(Refusal::new(
                RefusalKind::AlreadyExists,
                format!("application offer \"{name}\" already exists: it offers application \"{}\"", old.app),
            )
            .hint("give the new offer another name, or remove the old one with `remove-offer`"));
        }
        let used: BTreeSet<&EndpointName> =
            draft.model.connections(&name).filter_map(|r| draft.model.own_endpoint(r)).collect();
        if let Some(lost) = used.into_iter().find(|endpoint| !endpoints.contains(*endpoint)) {
            return Err(Refusal::conflict(format!(
                "cannot update application offer \"{name}\": its endpoint \"{lost}\" is in use"
            )));
        }
    }
    let created = old.as_ref().map_or(now, |old| old.created);
    let offer = Offer { name: name.clone(), app: app.clone(), endpoints, created };
    if old.as_deref() != Some(&offer) {
        draft.put(Record::Offer(Arc::new(offer)));
    }
    Ok(Answer::Offered(name))
}

/// An endpoint that others can be related to: not one between an application's own units, nor one that needs both ends
/// on one machine.
fn check_offered(model: &Model, app: &AppName, name: &EndpointName) -> Result<(), Refusal> {
    let meta = model.charm_of(app).map(|charm| &charm.meta);
    let Some(endpoint) = meta.and_then(|meta| meta.endpoint(name.as_str())) else {
        let names: Vec<&str> =
            meta.into_iter().flat_map(|meta| meta.endpoints.keys().map(EndpointName::as_str)).collect();
        let refusal = Refusal::not_found(format!("application \"{app}\" has no \"{name}\" endpoint"));
        return Err(match names.is_empty() {
            true => refusal.hint("its charm has no endpoints"),
            false => refusal.hint(format!("its endpoints are: {}", names.join(", "))),
        });
    };
    let why = match (endpoint.role, endpoint.scope) {
        (Role::Peer, _) => "it is a peer endpoint, between the application's own units",
        (_, Scope::Container) => "its scope is container, and a machine belongs to one model",
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!("cannot offer endpoint \"{app}:{name}\": {why}")))
}

fn remove_offer(draft: &mut Draft, name: &OfferName, force: bool, now: Timestamp) -> Result<Answer, Refusal> {
    if !draft.model.offers.contains_key(name) {
        return Err(Refusal::not_found(format!("application offer \"{name}\" not found"))
            .hint("`periapt offers` lists those of the model"));
    }
    let connections: Vec<RelationId> = draft.model.connections(name).map(|relation| relation.id).collect();
    if !connections.is_empty() && !force {
        let (count, s) = (connections.len(), if connections.len() == 1 { "" } else { "s" });
        return Err(Refusal::conflict(format!(
            "cannot delete application offer \"{name}\": offer has {count} relation{s}"
        ))
        .hint("remove the relations first, or the offer with them: remove-offer --force"));
    }
    if force {
        // Nobody over there is waited for: a unit whose hook has failed may take its time (Juju 3.6: `internalDestroy`).
        connections.into_iter().for_each(|id| link::sever(draft, id, now));
    }
    take_offer_back(draft, name, now);
    Ok(Answer::Done)
}

/// The offer is gone. Its relations end with their hooks: those who relate over it are told by theirs.
fn take_offer_back(draft: &mut Draft, name: &OfferName, now: Timestamp) {
    let connections: Vec<RelationId> = draft.model.connections(name).map(|relation| relation.id).collect();
    for id in connections {
        removal::destroy_relation(draft, id, false, now);
    }
    draft.delete(Key::Offer(name.clone()));
}

/// An application whose offers are in use goes only when it is forced to. It takes its offers along (Juju 3.6:
/// `applicationHasConnectedOffers`).
pub(super) fn application_goes(
    draft: &mut Draft,
    app: &AppName,
    force: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    let offers: Vec<OfferName> = draft.model.offers_of(app).map(|offer| offer.name.clone()).collect();
    let mut used = offers.iter().filter(|name| draft.model.connections(name).next().is_some());
    if let Some(first) = used.next().filter(|_| !force) {
        let (count, s) = (offers.len(), if offers.len() == 1 { "" } else { "s" });
        return Err(Refusal::conflict(format!(
            "cannot destroy application \"{app}\": application is used by {count} offer{s}"
        ))
        .hint(format!(
            "remove the relations over it first: `periapt show-offer {first}` tells whose they are"
        )));
    }
    for name in offers {
        take_offer_back(draft, &name, now);
    }
    Ok(())
}

/// The model goes: with what it offers, and with what it consumes.
pub(super) fn model_goes(draft: &mut Draft, force: bool, now: Timestamp) -> Result<(), Refusal> {
    let offers: Vec<OfferName> = draft.model.offers.keys().cloned().collect();
    for name in offers {
        take_offer_back(draft, &name, now);
    }
    let consumed = draft.model.remote_apps.values().filter(|app| app.saas().is_some());
    let consumed: Vec<AppName> = consumed.map(|app| app.name.clone()).collect();
    for app in consumed {
        remove_saas(draft, &app, force, now)?;
    }
    Ok(())
}

/// What an offer is called here already.
fn known_as(model: &Model, source: &OfferSource) -> Option<AppName> {
    let same = |app: &&Arc<RemoteApp>| {
        app.saas().is_some_and(|known| known.model == source.model && known.offer == source.offer)
    };
    model.remote_apps.values().find(same).map(|app| app.name.clone())
}

fn consume(
    draft: &mut Draft,
    source: OfferSource,
    alias: Option<AppName>,
    endpoints: BTreeMap<EndpointName, RemoteEndpoint>,
    now: Timestamp,
) -> Result<AppName, Refusal> {
    let name = match alias {
        Some(alias) => alias,
        None => AppName::new(source.offer.as_str()).map_err(|e| Refusal::invalid(e.to_string()))?,
    };
    if draft.model.applications.contains_key(&name) {
        return Err(Refusal::new(
            RefusalKind::AlreadyExists,
            format!(
                "cannot add saas application \"{name}\": local application with same name already exists"
            ),
        )
        .hint("consume it under another name: consume URL NAME"));
    }
    let old = draft.model.remote_apps.get(&name).cloned();
    if let Some(old) = &old {
        let same = old.saas().is_some_and(|s| s.model == source.model && s.offer == source.offer);
        if !same {
            return Err(Refusal::new(
                RefusalKind::AlreadyExists,
                format!("saas application called \"{name}\" from a different model already exists"),
            )
            .hint("consume it under another name: consume URL NAME"));
        }
        if old.life != Life::Alive {
            return Err(Refusal::conflict(format!("saas application \"{name}\" is being removed"))
                .hint("wait until its relations are gone, or consume the offer under another name"));
        }
    }
    let created = old.as_ref().map_or(now, |old| old.created);
    let kind = RemoteKind::Saas(source);
    let app = RemoteApp { name: name.clone(), kind, endpoints, life: Life::Alive, created };
    if old.as_deref() != Some(&app) {
        draft.put(Record::RemoteApp(Arc::new(app)));
    }
    Ok(name)
}

fn remove_saas(draft: &mut Draft, name: &AppName, force: bool, now: Timestamp) -> Result<Answer, Refusal> {
    let Some(found) = draft.model.remote_apps.get(name).filter(|app| app.saas().is_some()) else {
        return Err(Refusal::not_found(format!("saas application \"{name}\" not found"))
            .hint("`periapt status` lists what the model consumes"));
    };
    let dying = RemoteApp { life: Life::Dying, ..RemoteApp::clone(found) };
    draft.put(Record::RemoteApp(Arc::new(dying)));
    let relations: Vec<RelationId> = draft.model.relations_of(name).map(|relation| relation.id).collect();
    for id in relations {
        removal::destroy_relation(draft, id, force, now);
    }
    remove_remote_app_if_done(draft, name);
    Ok(Answer::Done)
}

/// A consumer's name goes with its last relation; one that is consumed only when it was asked to.
pub(super) fn remove_remote_app_if_done(draft: &mut Draft, name: &AppName) {
    let Some(found) = draft.model.remote_apps.get(name) else { return };
    let kept = found.saas().is_some() && found.life == Life::Alive;
    if !kept && draft.model.relations_of(name).next().is_none() {
        secrets::remote_application_gone(draft, name);
        draft.delete(Key::RemoteApp(name.clone()));
    }
}

/// Whether a relation may be made with such an application: one of this model that is not going away, or an offer of
/// another that is consumed here. A consumer of one's own offer is none: it comes to us.
pub(super) fn find_relatable(model: &Model, app: &AppName) -> Result<(), Refusal> {
    match model.remote_apps.get(app).filter(|remote| remote.saas().is_some()) {
        Some(remote) if remote.life == Life::Alive => Ok(()),
        Some(_) => Err(Refusal::conflict(format!("saas application \"{app}\" is being removed"))),
        None => find_living_app(model, app).map(|_| ()),
    }
}

/// Whether there may be a relation of such an application.
pub(super) fn find_related(model: &Model, app: &AppName) -> Result<(), Refusal> {
    if model.remote_apps.contains_key(app) { Ok(()) } else { find_app(model, app).map(|_| ()) }
}

/// The endpoints of an offer that is consumed here, or the one that is named.
pub(super) fn endpoints(model: &Model, side: &EndpointRef) -> Vec<(EndpointName, Endpoint)> {
    let endpoints = model.remote_apps.get(&side.app).map(|app| &app.endpoints);
    let wanted = endpoints
        .into_iter()
        .flatten()
        .filter(|(name, _)| side.endpoint.as_ref().is_none_or(|wanted| wanted == *name));
    let global = |end: &RemoteEndpoint| Endpoint {
        role: end.role,
        interface: end.interface.clone(),
        limit: None,
        optional: false,
        scope: Scope::Global,
    };
    wanted.map(|(name, end)| (name.clone(), global(end))).collect()
}

/// Both ends of a relation between models must be of global scope, and only one of them in another model.
pub(super) fn check_ends(model: &Model, ends: &[RelationEnd]) -> Result<(), Refusal> {
    let elsewhere = ends.iter().filter(|end| model.remote_apps.contains_key(&end.app)).count();
    if elsewhere > 1 {
        return Err(Refusal::invalid("cannot add relation between two saas applications")
            .hint("integrate them in a model that one of them is in"));
    }
    if elsewhere == 1 && ends.iter().any(|end| end.scope == Scope::Container) {
        return Err(Refusal::invalid(
            "cannot add relation with another model: its scope is container, and a machine belongs to one model",
        ));
    }
    Ok(())
}

fn suspend(
    draft: &mut Draft,
    relations: &[RelationId],
    suspended: bool,
    message: &str,
) -> Result<Answer, Refusal> {
    for id in relations {
        let relation = relate::find_by_id(&draft.model, *id)?;
        if !draft.model.is_offering(relation) {
            return Err(Refusal::invalid(format!(
                "cannot set suspend status for \"{}\" which is not associated with an offer",
                relation.key()
            ))
            .hint("the side that offers suspends a relation; `periapt offers` shows their numbers"));
        }
        if relation.life != Life::Alive {
            return Err(Refusal::conflict(format!("relation {id} is being removed")));
        }
    }
    for id in relations {
        let differs = |r: &Relation| r.suspended != suspended || r.suspended_reason != message;
        if draft.model.relations.get(id).is_some_and(|relation| differs(relation)) {
            draft.relation(*id, |relation| {
                relation.suspended = suspended;
                relation.suspended_reason = message.to_owned();
            });
        }
    }
    Ok(Answer::Done)
}
