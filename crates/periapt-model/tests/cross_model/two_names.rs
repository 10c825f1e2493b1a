//! An application that is consumed under two names: what its secrets are to those who read them over one or the other.

use std::collections::BTreeSet;

use periapt_model::command::{Command, CrossModel};
use periapt_model::entity::{GrantScope, Secret, SecretOwner, SecretReader};
use periapt_model::mirror::consumer_name;
use periapt_model::model::Record;
use periapt_model::observe::observe;
use periapt_model::secrets::SecretWrite;

use crate::pair::{CONSUMES, OFFERS, Pair, app, cross, end, make_offer, unit};
use crate::secrets::{contents, create, deploy_consumer, id, may_read, owned, read, update};

/// `web` and `app2` consume the same application under the names `remote` and `away`, and have read its secret.
fn two_names() -> Pair {
    let mut pair = Pair::related();
    pair.ok(OFFERS, make_offer("second"));
    pair.ok(CONSUMES, deploy_consumer("app2"));
    pair.ok(CONSUMES, Command::TakeUnit { unit: unit("app2/0") });
    let consume = pair.consume("second", Some("away"));
    pair.ok(CONSUMES, consume);
    pair.ok(CONSUMES, Command::Integrate { a: end("away"), b: end("app2") });
    pair.settle();
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    for name in ["web", "app2"] {
        let consumer = consumer_name("uuid-c", &app(name)).unwrap();
        let relation = pair.models[OFFERS].relations_of(&consumer).next().unwrap().id;
        let grant = SecretWrite::Grant(SecretReader::Application(consumer), relation);
        pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    }
    pair.settle();
    for name in ["web/0", "app2/0"] {
        assert!(read(&mut pair, name, 1, Some("mine")));
    }
    pair.settle();
    pair
}

/// Who reads a secret over one of two names for an application keeps what it remembers when the other name goes.
#[test]
fn one_name_for_what_is_consumed_leaves_the_other_its_readers() {
    for gone in ["remote", "away"] {
        let mut pair = two_names();
        pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Update(update("two"))).unwrap();
        pair.settle();
        pair.ok(CONSUMES, cross(CrossModel::RemoveSaas { app: app(gone), force: true }));
        let (left, lost, owner) =
            if gone == "remote" { ("app2/0", "web/0", "away") } else { ("web/0", "app2/0", "remote") };
        for settled in [false, true] {
            if settled {
                pair.settle();
            }
            let model = &pair.models[CONSUMES];
            let seen = observe(model, &unit(left)).unwrap().secrets_read[&id()].clone();
            let seen = (seen.label.as_deref(), seen.tracked, seen.latest, seen.readable);
            assert_eq!(seen, (Some("mine"), 1, 2, true), "{gone} {settled}");
            assert!(!may_read(&pair, CONSUMES, lost), "{gone} {settled}");
            assert_eq!(contents(&pair, CONSUMES), [(1, "one".to_owned()), (2, "two".to_owned())]);
            assert_eq!(model.secrets[&id()].owner, SecretOwner::Application(app(owner)), "{gone} {settled}");
        }
        assert_eq!(owned(&pair), BTreeSet::new(), "{gone}: {left} reads the first revision");
        // With the last name everything goes.
        pair.ok(CONSUMES, cross(CrossModel::RemoveSaas { app: app(owner), force: true }));
        let model = &pair.models[CONSUMES];
        assert!(model.secrets.is_empty() && model.consumers_of(&id()).next().is_none(), "{gone}");
    }
}

/// Who may not read any more finds what it remembers when it may again, also where the copy stood under the other name.
#[test]
fn what_was_read_is_remembered_over_the_name_that_is_left() {
    let mut pair = two_names();
    let consumer = consumer_name("uuid-c", &app("app2")).unwrap();
    let over = pair.models[OFFERS].relations_of(&consumer).next().unwrap().id;
    let reader = SecretReader::Application(consumer);
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Revoke(reader.clone())).unwrap();
    pair.settle();
    pair.ok(CONSUMES, cross(CrossModel::RemoveSaas { app: app("remote"), force: true }));
    for settled in [false, true] {
        if settled {
            pair.settle();
        }
        assert!(!may_read(&pair, CONSUMES, "app2/0") && !may_read(&pair, CONSUMES, "web/0"), "{settled}");
        let copy = &pair.models[CONSUMES].secrets[&id()];
        assert_eq!(copy.owner, SecretOwner::Application(app("away")), "{settled}");
    }
    assert!(contents(&pair, CONSUMES).is_empty());
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Update(update("two"))).unwrap();
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Grant(reader, over)).unwrap();
    pair.settle();
    let seen = observe(&pair.models[CONSUMES], &unit("app2/0")).unwrap().secrets_read[&id()].clone();
    assert_eq!((seen.label.as_deref(), seen.tracked, seen.latest, seen.readable), (Some("mine"), 1, 2, true));
    // With the last name everything goes.
    pair.ok(CONSUMES, cross(CrossModel::RemoveSaas { app: app("away"), force: true }));
    pair.settle();
    let model = &pair.models[CONSUMES];
    assert!(model.secrets.is_empty() && model.consumers_of(&id()).next().is_none());
}

/// An older version let who consumes an offer grant over it. Nobody over there ever got such a secret.
#[test]
fn a_right_that_no_copy_comes_of_keeps_no_revision() {
    let mut pair = Pair::related();
    let (_, ours) = pair.ids();
    let own = SecretOwner::Application(app("web"));
    pair.write_secret(CONSUMES, "web/0", &id(), SecretWrite::Create(own, update("one"))).unwrap();
    pair.write_secret(CONSUMES, "web/0", &id(), SecretWrite::Update(update("two"))).unwrap();
    let mut secret = Secret::clone(&pair.models[CONSUMES].secrets[&id()]);
    secret.grants = [(SecretReader::Application(app("remote")), GrantScope::Relation(ours))].into();
    pair.models[CONSUMES].put(Record::Secret(secret.into()));
    let seen = observe(&pair.models[CONSUMES], &unit("web/0")).unwrap();
    assert_eq!(seen.secrets_owned[&id()].obsolete, [1].into());
}
