//! What a state must be so that Juju can bring it about, and what an event must be about (`ops.testing` has most of these
//! rules too; reference 6.3). Each error says how to mend it.

use std::collections::BTreeSet;

use periapt_model::charm::Role;
use periapt_model::names::{ActionName, StorageId};
use serde_json::{Map, Value};

use super::error::Inconsistent;
use super::picture::Unit0;
use super::relation::RelationState;
use super::state::State;
use super::{containers, secrets};
use crate::event::Event;

/// One rule that is broken.
macro_rules! refuse {
    ($field:expr, $problem:expr, $remedy:expr $(,)?) => {
        return Err(Inconsistent::new($field, $problem, $remedy))
    };
}

pub(super) fn check_state(us: &Unit0, state: &State) -> Result<(), Inconsistent> {
    let mut ids = BTreeSet::new();
    for relation in &state.relations {
        if !ids.insert(relation.id) {
            refuse!(
                "relations",
                format!("two relations have the id {}", relation.id),
                "give each its own: Juju never uses an id twice",
            );
        }
        check_relation(us, relation)?;
    }
    for name in state.resources.keys() {
        let known: Vec<&str> = us.meta().resources.keys().map(|name| name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            refuse!(format!("resources.{name}"), "the charm has no such resource", one_of(&known));
        }
    }
    for id in state.storages.keys() {
        let known: Vec<&str> = us.meta().storages.keys().map(|name| name.as_str()).collect();
        let Some(spec) = us.meta().storages.get(&id.name) else {
            refuse!(format!("storages.{id}"), "the charm has no such storage", one_of(&known));
        };
        let same = |other: &&StorageId| other.number == id.number && other.name != id.name;
        if let Some(other) = state.storages.keys().find(same) {
            refuse!(
                format!("storages.{id}"),
                format!("{other} has the same number"),
                "give each storage its own: Juju counts them together, whatever their names",
            );
        }
        let count = state.storages.keys().filter(|other| other.name == id.name).count();
        if spec.count_max.is_some_and(|most| usize::try_from(most).is_ok_and(|most| count > most)) {
            let most = spec.count_max.unwrap_or_default();
            refuse!(
                format!("storages.{id}"),
                format!("there are {count} of it, and the charm takes {most} at most"),
                format!("leave {most} of them"),
            );
        }
    }
    containers::check(us, state)?;
    secrets::check(us, state)?;
    let peers = state.relations.iter().filter(|relation| is_peer(us, relation));
    let mut units: BTreeSet<u32> = peers.flat_map(|peer| peer.remote_units.keys().copied()).collect();
    units.insert(us.unit.number());
    if usize::try_from(state.planned_units).is_ok_and(|planned| planned < units.len()) {
        refuse!(
            "planned_units",
            format!("{} units are planned, but {} are there", state.planned_units, units.len()),
            format!("use .with_planned_units({}), or fewer peers", units.len()),
        );
    }
    let mut endpoints = us.meta().endpoints.keys().map(|name| name.as_str());
    let known = |endpoint: &str| endpoint.is_empty() || us.meta().endpoint(endpoint).is_some();
    if let Some(endpoint) = state.opened_ports.keys().find(|endpoint| !known(endpoint)) {
        let all: Vec<&str> = endpoints.by_ref().collect();
        refuse!(
            "opened_ports",
            format!("a port is open for {endpoint:?}, which is no endpoint of the charm"),
            format!("{}, or \"\" for all", one_of(&all)),
        );
    }
    Ok(())
}

fn is_peer(us: &Unit0, relation: &RelationState) -> bool {
    us.meta().endpoint(&relation.endpoint).is_some_and(|endpoint| endpoint.role == Role::Peer)
}

pub(super) fn one_of(known: &[&str]) -> String {
    match known {
        [] => "take it out: the charm has none".to_owned(),
        known => format!("use one of {}", known.join(", ")),
    }
}

fn check_relation(us: &Unit0, relation: &RelationState) -> Result<(), Inconsistent> {
    let field = |part: &str| format!("relation {}: {part}", relation.id);
    let Some(endpoint) = us.meta().endpoint(&relation.endpoint) else {
        let known: Vec<&str> = us.meta().endpoints.keys().map(|name| name.as_str()).collect();
        refuse!(
            field("endpoint"),
            format!("the charm has no endpoint {:?}", relation.endpoint),
            one_of(&known)
        );
    };
    let remote = us.remote_app(relation)?;
    if endpoint.role == Role::Peer {
        if relation.remote_units.contains_key(&us.unit.number()) {
            refuse!(
                field("remote_units"),
                format!("{} is its own peer", us.unit),
                format!("take unit {} out: its databag is local_unit", us.unit.number()),
            );
        }
        if !relation.remote_app_data.is_empty() {
            refuse!(
                field("remote_app_data"),
                "a peer relation has no other application",
                "write it as local_app, which all peers share",
            );
        }
    } else if &remote == us.unit.app() {
        refuse!(
            field("remote_app"),
            format!("{remote} is related to itself"),
            "name another application with .with_remote_app(\"name\")",
        );
    }
    let bags = [&relation.local_app, &relation.local_unit, &relation.remote_app_data];
    for bag in bags.into_iter().chain(relation.remote_units.values()) {
        if let Some((key, _)) = bag.iter().find(|(key, value)| key.is_empty() || value.is_empty()) {
            refuse!(
                field("databag"),
                format!("the key {key:?} or its value is empty"),
                "take it out: in Juju an empty value removes its key",
            );
        }
    }
    Ok(())
}

/// Whether the event is about something that the charm and the state have.
pub(super) fn check_event(us: &Unit0, state: &State, event: &Event) -> Result<(), Inconsistent> {
    if let Some(about) = event.relation() {
        let known: Vec<&str> = us.meta().endpoints.keys().map(|name| name.as_str()).collect();
        if us.meta().endpoint(about.endpoint.as_str()).is_none() {
            refuse!("event", format!("the charm has no endpoint {}", about.endpoint), one_of(&known));
        }
        match state.relation(about.id.0) {
            None => refuse!(
                "relations",
                format!("the event is about relation {about}, which the state does not have"),
                format!(
                    "add .with_relation(RelationState::named({:?}, {}))",
                    about.endpoint.as_str(),
                    about.id
                ),
            ),
            Some(relation) if relation.endpoint != about.endpoint.as_str() => refuse!(
                "event",
                format!("relation {} is of endpoint {}, not {}", about.id, relation.endpoint, about.endpoint),
                format!("use the events of {}", relation.endpoint),
            ),
            Some(relation) => check_remote(us, relation, event)?,
        }
    }
    let kind = event.kind().suffix();
    if kind.starts_with("pebble-") {
        let known: Vec<&str> = us.meta().containers.keys().map(|name| name.as_str()).collect();
        let name = event.subject().unwrap_or_default();
        if !known.contains(&name) {
            refuse!("event", format!("the charm has no container {name:?}"), one_of(&known));
        }
    }
    if let Some(storage) = event.storage() {
        let known: Vec<&str> = us.meta().storages.keys().map(|name| name.as_str()).collect();
        if !known.contains(&storage.name.as_str()) {
            refuse!("event", format!("the charm has no storage {:?}", storage.name), one_of(&known));
        }
        if !state.storages.keys().any(|id| id.to_string() == storage.to_string()) {
            refuse!(
                "storages",
                format!("the event is about {storage}, which the state does not have"),
                format!("add .with_storage(\"{storage}\", \"/srv/{}\")", storage.name),
            );
        }
    }
    containers::check_event(state, event)?;
    secrets::check_event(us, state, event)
}

/// Whether the other side that the event names is that of the relation.
fn check_remote(us: &Unit0, relation: &RelationState, event: &Event) -> Result<(), Inconsistent> {
    let (app, unit) = match event {
        Event::RelationCreated(e) => (&e.app, None),
        Event::RelationJoined(e) => (&e.app, Some(&e.unit)),
        Event::RelationChanged(e) => (&e.app, e.unit.as_ref()),
        // Who departs may be gone from the state already.
        Event::RelationDeparted(e) => (&e.app, None),
        Event::RelationBroken(e) => (&e.app, None),
        _ => return Ok(()),
    };
    let remote = us.remote_app(relation)?;
    if *app != remote {
        refuse!(
            "event",
            format!("it is about {app}, and relation {} is with {remote}", relation.id),
            format!("name {remote} in the event, or use .with_remote_app({:?})", app.as_str()),
        );
    }
    if let Some(unit) = unit
        && (unit.app() != &remote || !relation.remote_units.contains_key(&unit.number()))
    {
        refuse!(
            format!("relation {}: remote_units", relation.id),
            format!("the event is about {unit}, who is not in it"),
            format!("add .with_remote_units([{}])", unit.number()),
        );
    }
    Ok(())
}

/// The action and its parameters with their defaults, as an operator's command checks them.
pub(super) fn check_action(
    us: &Unit0,
    name: &str,
    params: Map<String, Value>,
) -> Result<(ActionName, Map<String, Value>), Inconsistent> {
    let known: Vec<&str> = us.meta().actions.keys().map(|name| name.as_str()).collect();
    let Some((name, spec)) = us.meta().actions.iter().find(|(known, _)| known.as_str() == name) else {
        refuse!("action", format!("the charm has no action {name:?}"), one_of(&known));
    };
    match spec.validate(&Value::Object(params)) {
        Ok(Value::Object(params)) => Ok((name.clone(), params)),
        Ok(_) => Ok((name.clone(), Map::new())),
        Err(problems) => Err(Inconsistent::new(
            format!("action {name}"),
            problems.join("; "),
            "give it the parameters that its schema asks for",
        )),
    }
}
