//! A state that Juju cannot bring about is refused, and the error says how to mend it.

use periapt_charm::prelude::*;
use periapt_charm::testing::{
    Details, RelationState, Scenario, ScenarioError, SecretOwner, SecretState, State, Trigger, bag,
};

use crate::api::{Api, CLUSTER, DATA, DB, WEB};

fn refused(event: impl Into<Trigger>, state: &State) -> String {
    match Scenario::<Api>::new().run(event, state) {
        Err(ScenarioError::Inconsistent(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn db(id: u32) -> RelationState {
    RelationState::new(DB, id)
}

#[test]
fn relations() {
    let none = State::new();
    assert_eq!(
        refused(start(), &none.clone().with_relation(RelationState::named("dbx", 1))),
        "relation 1: endpoint: the charm has no endpoint \"dbx\"; use one of cluster, db, tls-certificates, website"
    );
    assert_eq!(
        refused(start(), &none.clone().with_relation(db(1)).with_relation(db(1))),
        "relations: two relations have the id 1; give each its own: Juju never uses an id twice"
    );
    assert!(
        refused(start(), &none.clone().with_relation(db(1).with_remote_app("P g"))).contains("remote_app")
    );
    assert!(
        refused(start(), &none.clone().with_relation(db(1).with_remote_app("api")))
            .contains("api is related to itself; name another application")
    );
    assert!(
        refused(start(), &none.clone().with_relation(db(1).with_local_unit(&bag([("a", "")]))))
            .contains("take it out: in Juju an empty value removes its key")
    );
    let peers = RelationState::new(CLUSTER, 2);
    assert!(
        refused(start(), &none.clone().with_relation(peers.clone().with_remote_units([0])))
            .ends_with("take unit 0 out: its databag is local_unit")
    );
    let data = peers.clone().with_remote_app_data(&bag([("a", "b")]));
    assert!(refused(start(), &none.clone().with_relation(data)).ends_with("which all peers share"));
    assert_eq!(
        refused(start(), &none.with_relation(peers.with_remote_units([1, 2]))),
        "planned_units: 1 units are planned, but 3 are there; use .with_planned_units(3), or fewer peers"
    );
}

#[test]
fn events_of_relations() {
    let none = State::new();
    assert!(refused(DB.changed(), &none).ends_with("add .with_relation(RelationState::named(\"db\", 1))"));
    assert!(refused(DB.changed().of(7), &none).contains("about relation 7, which the state does not have"));
    let two = none.clone().with_relation(db(1)).with_relation(db(2));
    assert!(refused(DB.changed(), &two).ends_with("say which: .of(1)"));
    assert!(refused(DB.joined().of(1), &two).contains("nobody is on the other side"));
    assert!(refused(DB.joined().of(1).unit(3), &two).ends_with("add .with_remote_units([3])"));
    let peers = two.with_relation(RelationState::new(CLUSTER, 3));
    assert!(refused(DB.created().of(3), &peers).contains("relation 3 is of endpoint cluster, not db"));
    let app = AppName::new("other").unwrap();
    let relation = RelationRef { endpoint: "db".parse().unwrap(), id: RelationId(1) };
    let event = RelationCreated { relation, app };
    assert!(refused(event, &peers).contains("it is about other, and relation 1 is with remote"));
}

#[test]
fn options() {
    let set = |name: &str, value: serde_json::Value| refused(start(), &State::new().with_config(name, value));
    assert!(set("prot", 1.into()).starts_with("config.prot: the charm has no such option; use one of"));
    assert!(set("port", "80".into()).ends_with("give it a value of type int"));
    assert!(set("tls", 1.into()).contains("boolean"));
    assert!(set("token", "abc".into()).contains("give it a secret's URI"));
}

#[test]
fn everything_else_that_the_metadata_names() {
    let none = State::new();
    assert!(refused(start(), &none.clone().with_resource("image", "/x")).ends_with("use one of web-image"));
    let event = |container: &str| PebbleReady { container: container.into() };
    assert!(refused(event("wbe"), &none).ends_with("use one of web"));
    assert!(refused(WEB.check_failed(), &none).ends_with("add .check(\"name\") to the event"));
    assert!(refused(DATA.attached(), &none).ends_with("add .storage(0) to the event"));
    assert!(refused(secret_changed(), &none).contains("which secret"));
    let mut ports = none.clone();
    ports.opened_ports.entry("wbe".into()).or_default().insert("80/tcp".parse().unwrap());
    assert!(refused(start(), &ports).contains("no endpoint of the charm"));
    let mut model = none;
    model.model.name = "Not A Name".into();
    assert!(refused(start(), &model).starts_with("model.name: "));
}

#[test]
fn actions() {
    let run = |name: &str| {
        let params = serde_json::Map::new();
        match Scenario::<Api>::new().run_action_named(name, params, &State::new()) {
            Err(ScenarioError::Inconsistent(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(run("rotate").ends_with("use one of restart, rotate-password"), "{}", run("rotate"));
    assert!(run("rotate-password").starts_with("action rotate-password: "));
}

#[test]
fn storages() {
    let none = State::new();
    assert!(refused(start(), &none.clone().with_storage("dta/0", "/x")).ends_with("use one of data"));
    let two = none.clone().with_storage("data/0", "/x").with_storage("data/1", "/y");
    assert!(refused(start(), &two).contains("the charm takes 1 at most"));
    let other = none.with_storage("data/0", "/x");
    assert!(
        refused(DATA.attached().storage(3), &other).ends_with("add .with_storage(\"data/3\", \"/srv/data\")")
    );
}

#[test]
fn secrets() {
    let us = || SecretOwner::Application(AppName::new("api").unwrap());
    let them = || SecretOwner::Application(AppName::new("pg").unwrap());
    let secret = |owner| SecretState::new("password", owner, [("password", "x")]);
    let with = |secret: SecretState| State::new().with_secret(secret);
    assert!(refused(start(), &with(secret(us())).with_secret(secret(us()))).contains("in the state twice"));
    let other = SecretState::new("other", us(), [("password", "x")]);
    let labelled = with(secret(us()).with_label("a")).with_secret(other.with_label("a"));
    assert!(refused(start(), &labelled).contains("another secret with the label \"a\""));
    let empty: [(&str, &str); 0] = [];
    assert!(
        refused(start(), &with(SecretState::new("none", us(), empty))).contains("a revision has no content")
    );
    assert!(refused(start(), &with(SecretState::new("k", us(), [("k", "v")]))).contains("three or more"));
    assert!(
        refused(start(), &with(secret(them()).with_tracked(3))).contains("revision 3, which is not there")
    );
    let app = AppName::new("api").unwrap();
    assert!(refused(start(), &with(secret(them()).with_grant(app, 8))).contains("granted in relation 8"));
    assert!(refused(secret_changed(), &with(secret(us()))).contains("which secret"));
    let uri = secret(us()).uri();
    assert!(refused(secret_changed().secret(&uri), &with(secret(us()))).contains("the unit's own"));
    assert!(refused(secret_rotate().secret(&uri), &with(secret(them()))).contains("is for its owner"));
    assert!(refused(secret_rotate().secret("secret:abc"), &State::new()).contains("the state does not have"));
    let old = Scenario::<Api>::new().on_juju("2.9.50").run(start(), &with(secret(us())));
    assert!(old.unwrap_err().to_string().contains("Juju 2 has no secrets"));
}
