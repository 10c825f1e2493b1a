//! What is looked for is found: each check fails when what it forbids is done to a model.

use std::sync::Arc;

use periapt_model::entity::{
    GrantScope, Relation, Secret, SecretConsumer, SecretContent, SecretOwner, SecretReader,
};
use periapt_model::mirror::LinkChange;
use periapt_model::model::{Key, Record};
use periapt_model::names::{AppName, RelationId, UnitName};
use periapt_model::time::Timestamp;

use super::{TwoAction, TwoWorlds, check, draw};
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
    let model = Arc::make_mut(&mut worlds.worlds[1].driver.model);
    let mut member = (**model.member(id, &unit).unwrap()).clone();
    member.settings.insert("key".to_owned(), "nobody wrote this".to_owned());
    model.put(Record::Member(id, unit, Arc::new(member)));
    assert_eq!(worlds.check_agreement().unwrap_err().invariant, "halves");
    let (mut worlds, id) = related();
    Arc::make_mut(&mut worlds.worlds[1].driver.model).delete(&Key::Relation(id));
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
        Arc::make_mut(&mut worlds.worlds[1].driver.model).put(Record::Secret(Arc::new(copy.clone())));
        assert_eq!(worlds.check_rights().is_ok(), found, "{scope}");
        // Nobody granted it over there.
        assert!(worlds.check_agreement().is_err());
    }
}

#[test]
fn a_relation_lost_in_silence_is_found() {
    let (worlds, id) = related();
    let before = &worlds.worlds[1].driver.model;
    let mut after = (**before).clone();
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

#[test]
fn units_in_a_suspended_relation_are_found() {
    let (mut worlds, id) = related();
    let unit = UnitName::new(app("web"), 0);
    worlds.worlds[1].check_settled_unit(&unit).unwrap();
    let model = Arc::make_mut(&mut worlds.worlds[1].driver.model);
    let suspended = Relation { suspended: true, ..Relation::clone(&model.relations[&id]) };
    model.put(Record::Relation(Arc::new(suspended)));
    let broken = worlds.worlds[1].check_settled_unit(&unit).unwrap_err();
    assert!(broken.text.contains("which is suspended"), "{}", broken.text);
}

/// Only what has to wait is refused, and what has to wait is.
#[test]
fn a_late_half_is_refused_where_there_is_no_place_for_it() {
    let start = |limit: Option<u32>| {
        let mut worlds = TwoWorlds::new(&Charms::new().unwrap());
        for count in 0..draw::START {
            worlds.act(&draw::draw(&worlds, &mut Rng::new(0), count)).unwrap();
        }
        let model = Arc::make_mut(&mut worlds.worlds[0].driver.model);
        let mut charm = (**model.charm_of(&app("db")).unwrap()).clone();
        charm.meta.endpoints.get_mut("db").unwrap().limit = limit;
        model.put(Record::Charm(Arc::new(charm)));
        assert!(worlds.act(&TwoAction::Look).unwrap());
        worlds
    };
    let late = |worlds: &TwoWorlds| {
        let late = worlds.wanted.iter().find(|(_, change)| matches!(change, LinkChange::Connect(_)));
        late.cloned().unwrap()
    };
    let mut worlds = start(None);
    let connect = late(&worlds);
    assert!(worlds.link(connect.clone()).unwrap() && worlds.link(connect).unwrap(), "twice is once");
    assert_eq!((worlds.linked.relations, worlds.linked.refused), (2, 0));
    // Too late, and no room.
    let mut worlds = start(None);
    let connect = late(&worlds);
    worlds.act(&TwoAction::RemoveOffer(0, "db".parse().unwrap(), true)).unwrap();
    assert!(!worlds.link(connect).unwrap());
    let mut worlds = start(Some(0));
    let connect = late(&worlds);
    assert!(!worlds.link(connect).unwrap());
    assert_eq!(worlds.linked.refused, 1);
    assert!(worlds.settle().is_ok(), "it waits for room");
    // Room is made, and it is not taken.
    let model = Arc::make_mut(&mut worlds.worlds[0].driver.model);
    let mut charm = (**model.charm_of(&app("db")).unwrap()).clone();
    charm.meta.endpoints.get_mut("db").unwrap().limit = Some(1);
    model.put(Record::Charm(Arc::new(charm)));
    assert_eq!(worlds.check_agreement().unwrap_err().invariant, "halves");
    worlds.settle().unwrap();
    assert!(worlds.worlds[1].driver.model.relations.values().any(|relation| relation.link.is_some()));
}

#[test]
fn copies_that_nobody_may_have_are_found() {
    let (worlds, id) = related();
    let [from, to] = worlds.models();
    let secret_id: periapt_model::names::SecretId = "9m4e2mr0ui3e8a215n4g".parse().unwrap();
    let own = Secret::new(secret_id.clone(), SecretOwner::Application(app("db")), Timestamp(0));
    let mut copy = Secret::new(secret_id.clone(), SecretOwner::Application(app("far")), Timestamp(0));
    copy.origin = Some("sim-a".to_owned());
    copy.revisions.insert(1, periapt_model::entity::SecretRevision { created: Timestamp(0), expires: None });
    let broken = |from: &[Record], to_records: &[Record]| {
        let (mut offering, mut consuming) = (worlds.models()[0].clone(), to.clone());
        from.iter().for_each(|record| offering.put(record.clone()));
        to_records.iter().for_each(|record| consuming.put(record.clone()));
        check::check_copies(&offering, &consuming).err().map(|broken| broken.text)
    };
    let own = Record::Secret(Arc::new(own));
    let bare = Record::Secret(Arc::new(copy.clone()));
    let read = Record::SecretConsumer(
        secret_id.clone(),
        UnitName::new(app("web"), 0),
        Arc::new(SecretConsumer::default()),
    );
    let content = Record::SecretContent(secret_id, 1, Arc::new(SecretContent::default()));
    assert!(check::check_copies(&from, &to).is_ok());
    let found = broken(std::slice::from_ref(&own), std::slice::from_ref(&bare)).unwrap();
    assert!(found.contains("nobody has read it"), "{found}");
    assert_eq!(broken(std::slice::from_ref(&own), &[bare.clone(), read.clone()]), None);
    let found = broken(std::slice::from_ref(&own), &[bare, read, content]).unwrap();
    assert!(found.contains("is kept although nobody may read it"), "{found}");
    copy.grants = [(SecretReader::Application(app("web")), GrantScope::Relation(id))].into();
    let found = broken(&[own], &[Record::Secret(Arc::new(copy))]).unwrap();
    assert!(found.starts_with("who reads"), "{found}");
}
