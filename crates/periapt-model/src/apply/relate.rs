//! Relations between applications.

use crate::charm::{CharmMeta, Endpoint, JUJU_INFO, Role, Scope};
use crate::command::{Answer, EndpointRef, Refusal, RefusalKind, RelationRef};
use crate::entity::{Relation, RelationEnd, nearest};
use crate::model::{Draft, Model};
use crate::names::{EndpointName, RelationId};
use crate::time::Timestamp;

use super::{cross_model, deploy, removal};

pub(super) fn integrate(draft: &mut Draft, a: &EndpointRef, b: &EndpointRef) -> Result<Answer, Refusal> {
    cross_model::find_relatable(&draft.model, &a.app)?;
    cross_model::find_relatable(&draft.model, &b.app)?;
    if a.app == b.app {
        return Err(Refusal::invalid(format!(
            "cannot integrate application {:?} with itself",
            a.app.as_str()
        ))
        .hint("its units see each other through its charm's peer endpoints, which need no command"));
    }
    let ends = choose(&draft.model, a, b)?;
    let key = key_of(&ends);
    if let Some(old) = draft.model.relations.values().find(|r| r.ends == ends) {
        let refusal = Refusal::new(
            RefusalKind::AlreadyExists,
            format!("cannot add relation {key:?}: relation {key} already exists"),
        );
        return Err(match old.life {
            crate::status::Life::Alive => refusal,
            _ => refusal.hint("it is being removed; try again when it is gone (`periapt wait`)"),
        });
    }
    cross_model::check_ends(&draft.model, &ends)?;
    for end in &ends {
        check_limit(&draft.model, end)?;
    }
    let relation = deploy::add_relation(draft, ends);
    Ok(Answer::Related { id: relation.id, key })
}

/// As [`Relation::key`], of a relation that is not there.
fn key_of(ends: &[RelationEnd]) -> String {
    ends.iter().rev().map(|e| format!("{}:{}", e.app, e.endpoint)).collect::<Vec<_>>().join(" ")
}

pub(super) fn check_limit(model: &Model, end: &RelationEnd) -> Result<(), Refusal> {
    let limit = model.charm_of(&end.app).and_then(|c| c.meta.endpoints.get(&end.endpoint)?.limit);
    let used = model
        .relations_of(&end.app)
        .filter(|r| r.end_of(&end.app).is_some_and(|e| e.endpoint == end.endpoint))
        .count();
    match limit {
        Some(limit) if used >= limit as usize => Err(Refusal::conflict(format!(
            "establishing a new relation for {}:{} would exceed its maximum relation limit of {limit}",
            end.app, end.endpoint
        ))
        .hint("remove one of its relations first")),
        _ => Ok(()),
    }
}

/// The endpoints an application offers under a name, or all of them. `juju-info` only when asked for or as a last resort.
fn candidates(model: &Model, side: &EndpointRef, implicit: bool) -> Vec<(EndpointName, Endpoint)> {
    let Some(charm) = model.charm_of(&side.app) else { return cross_model::endpoints(model, side) };
    let mut all: Vec<(EndpointName, Endpoint)> =
        charm.meta.endpoints.iter().map(|(n, e)| (n.clone(), e.clone())).collect();
    let named = side.endpoint.as_ref().is_some_and(|e| e.as_str() == JUJU_INFO);
    if (implicit || named) && !charm.meta.endpoints.contains_key(JUJU_INFO) {
        all.extend(EndpointName::new(JUJU_INFO).ok().map(|name| (name, CharmMeta::juju_info())));
    }
    all.retain(|(name, _)| side.endpoint.as_ref().is_none_or(|wanted| wanted == name));
    all
}

fn pairs(model: &Model, a: &EndpointRef, b: &EndpointRef, implicit: bool) -> Vec<Vec<RelationEnd>> {
    let mut found = Vec::new();
    for (name_a, end_a) in candidates(model, a, implicit) {
        for (name_b, end_b) in candidates(model, b, implicit) {
            if end_a.interface != end_b.interface {
                continue;
            }
            let (mut ours, mut theirs) =
                (deploy::end(&a.app, &name_a, &end_a), deploy::end(&b.app, &name_b, &end_b));
            // If one side says container, the relation is one of containers (Juju 3.6: `AddRelation`).
            if [ours.scope, theirs.scope].contains(&Scope::Container) {
                (ours.scope, theirs.scope) = (Scope::Container, Scope::Container);
            }
            match (end_a.role, end_b.role) {
                (Role::Provider, Role::Requirer) => found.push(vec![ours, theirs]),
                (Role::Requirer, Role::Provider) => found.push(vec![theirs, ours]),
                _ => {}
            }
        }
    }
    found
}

/// Only with a subordinate is there anybody to share a container with (Juju 3.6: `containerScopeOk`).
fn has_its_container(model: &Model, ends: &[RelationEnd]) -> bool {
    ends.iter().all(|end| end.scope != Scope::Container)
        || ends.iter().any(|end| model.is_subordinate(&end.app))
}

/// Juju's inference: same interface, opposite roles; explicit endpoints beat the implicit `juju-info`.
fn choose(model: &Model, a: &EndpointRef, b: &EndpointRef) -> Result<Vec<RelationEnd>, Refusal> {
    for side in [a, b] {
        if let (Some(endpoint), true) = (&side.endpoint, candidates(model, side, false).is_empty()) {
            let refusal = Refusal::not_found(format!(
                "application {:?} has no {:?} endpoint",
                side.app.as_str(),
                endpoint.as_str()
            ));
            let any = EndpointRef { app: side.app.clone(), endpoint: None };
            let names: Vec<String> =
                candidates(model, &any, false).into_iter().map(|(name, _)| name.to_string()).collect();
            let near = nearest(endpoint.as_str(), names.iter().map(String::as_str));
            return Err(refusal.hint(match (near, names.is_empty()) {
                (Some(near), _) => format!("did you mean {near:?}? Its endpoints are: {}", names.join(", ")),
                (None, true) => "its charm has no endpoints".to_owned(),
                (None, false) => format!("its endpoints are: {}", names.join(", ")),
            }));
        }
    }
    let usable = |pairs: Vec<Vec<RelationEnd>>| -> (Vec<_>, Vec<_>) {
        pairs.into_iter().partition(|ends| has_its_container(model, ends))
    };
    let (mut found, mut useless) = usable(pairs(model, a, b, false));
    if found.is_empty() {
        (found, useless) = usable(pairs(model, a, b, true));
    }
    match found.len() {
        0 if !useless.is_empty() => Err(Refusal::conflict(format!(
            "cannot add relation {:?}: container scoped relation requires at least one subordinate application",
            key_of(&useless.remove(0))
        ))
        .hint("one of the two charms must have `subordinate: true` in its metadata")),
        0 => Err(Refusal::not_found(format!("no relations found between {} and {}", shown(a), shown(b)))
            .hint("two endpoints fit when they have the same interface and one provides what the other requires")),
        1 => Ok(found.remove(0)),
        _ => {
            let list: Vec<String> = found
                .iter()
                .map(|ends| format!("\"{}\"", key_of(ends)))
                .collect();
            Err(Refusal::invalid(format!(
                "ambiguous relation: \"{} {}\" could refer to {}",
                shown(a),
                shown(b),
                list.join("; ")
            ))
            .hint("name the endpoints: integrate APP:ENDPOINT APP:ENDPOINT"))
        }
    }
}

fn shown(side: &EndpointRef) -> String {
    match &side.endpoint {
        Some(endpoint) => format!("{}:{endpoint}", side.app),
        None => side.app.to_string(),
    }
}

pub(super) fn remove(
    draft: &mut Draft,
    wanted: &RelationRef,
    force: bool,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let relation = find(&draft.model, wanted)?;
    let (id, key) = (relation.id, relation.key());
    if relation.is_peer() {
        return Err(Refusal::conflict(format!("cannot remove relation {key:?}: it is a peer relation"))
            .hint("peer relations live as long as their application"));
    }
    removal::destroy_relation(draft, id, force, now);
    Ok(Answer::Related { id, key })
}

fn find<'a>(model: &'a Model, wanted: &RelationRef) -> Result<&'a Relation, Refusal> {
    let fits = |relation: &Relation, side: &EndpointRef| {
        relation
            .ends
            .iter()
            .any(|e| e.app == side.app && side.endpoint.as_ref().is_none_or(|wanted| wanted == &e.endpoint))
    };
    match wanted {
        RelationRef::Id(id) => find_by_id(model, *id),
        RelationRef::Ends(a, b) => {
            cross_model::find_related(model, &a.app)?;
            cross_model::find_related(model, &b.app)?;
            let found: Vec<&Relation> = model
                .relations_of(&a.app)
                .map(AsRef::as_ref)
                .filter(|r| fits(r, a) && fits(r, b) && (a.app != b.app || r.is_peer()))
                .collect();
            match found.as_slice() {
                [one] => Ok(one),
                [] => Err(Refusal::not_found(format!("relation \"{} {}\" not found", shown(a), shown(b)))
                    .hint("`periapt status --relations` lists them")),
                many => Err(Refusal::invalid(format!(
                    "ambiguous relation: \"{} {}\" could refer to {}",
                    shown(a),
                    shown(b),
                    many.iter().map(|r| format!("\"{}\"", r.key())).collect::<Vec<_>>().join("; ")
                ))
                .hint("name the endpoints")),
            }
        }
    }
}

pub(super) fn find_by_id(model: &Model, id: RelationId) -> Result<&Relation, Refusal> {
    model
        .relations
        .get(&id)
        .map(AsRef::as_ref)
        .ok_or_else(|| Refusal::not_found(format!("relation {id} not found")))
}
