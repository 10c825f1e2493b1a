//! What is looked for is found: each check fails when what it forbids is done to a model.

use std::sync::Arc;

use periapt_model::entity::{GrantScope, Secret, SecretOwner, SecretReader};
use periapt_model::model::{Key, Record};
use periapt_model::names::{AppName, RelationId, UnitName};
use periapt_model::time::Timestamp;

use super::{TwoAction, TwoWorlds, draw};
use crate::simulate::scopes::{self, Leaves};
use crate::simulate::{Charms, Rng};

/// Two models at rest, with a relation between them that units of both are in.
fn related() -> (TwoWorlds, RelationId) {
    let mut worlds = TwoWorlds::new(&Charms::new().unwrap());
    for count in 0..draw::START {
        let action = draw::draw(&worlds, &mut Rng::new(0), count);
        assert!(worlds.act(&action).unwrap(), "{action:?}");
    }
    worlds.settle().unwrap();
    let id = worlds.worlds[1].driver.model.relations.values().find(|r| r.link.is_some()).unwrap().id;
    assert!(worlds.check_rights().is_ok() && worlds.check_agreement().is_ok());
    (worlds, id)
}

fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

#[test]
fn halves_that_differ_are_found() {
    let (mut worlds, id) = related();
    let unit = UnitName::new(app("far"), 0);
    let model = &mut worlds.worlds[1].driver.model;
    let mut member = (**model.member(id, &unit).unwrap()).clone();
    member.settings.insert("key".to_owned(), "nobody wrote this".to_owned());
    model.put(Record::Member(id, unit, Arc::new(member)));
    assert_eq!(worlds.check_agreement().unwrap_err().invariant, "halves");
    let (mut worlds, id) = related();
    worlds.worlds[1].driver.model.delete(&Key::Relation(id));
    assert_eq!(worlds.check_agreement().unwrap_err().invariant, "halves");
}

#[test]
fn rights_without_a_relation_are_found() {
    let (mut worlds, id) = related();
    let secret_id = "9m4e2mr0ui3e8a215n4g".parse().unwrap();
    let mut copy = Secret::new(secret_id, SecretOwner::Application(app("far")), Timestamp(0));
    copy.origin = Some("sim-a".to_owned());
    for (scope, found) in [(id, true), (RelationId(99), false)] {
        let reader = SecretReader::Application(app("web"));
        copy.grants = [(reader, GrantScope::Relation(scope))].into();
        worlds.worlds[1].driver.model.put(Record::Secret(Arc::new(copy.clone())));
        assert_eq!(worlds.check_rights().is_ok(), found, "{scope}");
        // Nobody granted it over there.
        assert!(worlds.check_agreement().is_err());
    }
}

#[test]
fn a_relation_lost_in_silence_is_found() {
    let (worlds, id) = related();
    let before = &worlds.worlds[1].driver.model;
    let mut after = before.clone();
    after.delete(&Key::Relation(id));
    let unit = UnitName::new(app("web"), 0);
    assert_eq!(scopes::check(before, &after, &Leaves::Nobody).unwrap_err().invariant, "scopes");
    // One may leave by what it does itself; the other did not.
    assert!(scopes::check(before, &after, &Leaves::Unit(&unit)).is_err());
    assert!(scopes::check(before, &after, &Leaves::Everybody).is_ok());
}

#[test]
fn a_dead_linker_is_found() {
    let (mut worlds, id) = related();
    let suspend = worlds.worlds[1].driver.model.relations[&id].link.clone().map(|link| link.relation);
    worlds.act(&TwoAction::Suspend(0, suspend.unwrap(), true)).unwrap();
    assert_eq!(worlds.check_agreement().unwrap_err().invariant, "halves");
    worlds.settle().unwrap();
}
