//! What each command does, in both models.

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::command::{Answer, Command, CrossModel, Deploy, RefusalKind, RelationRef};
use periapt_model::entity::Link;
use periapt_model::mirror::{Connect, LinkChange, offer_endpoints, plan};
use periapt_model::names::{RelationId, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::status::Life;
use periapt_model::step_commit::Act;
use periapt_model::time::Timestamp;

use crate::pair::{CONSUMES, OFFERS, Pair, WEB, app, charm, cross, end, integrate, make_offer, offer, unit};

#[test]
fn units_of_both_sides_see_each_other_with_their_databags() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    assert!(pair.consumer().as_str().starts_with("remote-"));
    pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
    pair.act(CONSUMES, &unit("web/1"), Act::EnterScope(ours));
    pair.write_bag(OFFERS, &unit("db/0"), theirs, "host", "here");
    pair.settle();

    let web = observe(&pair.models[CONSUMES], &unit("web/0")).unwrap();
    let seen = &web.relations[&ours];
    assert_eq!(seen.remote_app, app("remote"));
    let version = pair.models[OFFERS].member(theirs, &unit("db/0")).unwrap().version;
    assert_eq!(seen.members, BTreeMap::from([(unit("remote/0"), version)]));
    assert!(!seen.remote_app_dying);
    let bag = pair.models[CONSUMES].member(ours, &unit("remote/0")).unwrap();
    assert_eq!(bag.settings["host"], "here");

    let db = observe(&pair.models[OFFERS], &unit("db/1")).unwrap();
    let names: Vec<&UnitName> = db.relations[&theirs].members.keys().collect();
    assert_eq!(names, [&UnitName::new(pair.consumer(), 1)]);
}

#[test]
fn a_change_over_there_wakes_the_units_here() {
    let mut pair = Pair::related();
    let (theirs, _) = pair.ids();
    pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
    let changes = plan(&pair.models);
    let [(uuid, change)] = changes.as_slice() else { panic!("one change: {changes:?}") };
    assert_eq!(uuid, "uuid-c");
    let before = pair.models[CONSUMES].clone();
    let command = cross(CrossModel::Link(change.clone()));
    let (writes, _) = apply(&before, command.clone(), Timestamp(1)).unwrap();
    let mut after = before.clone();
    writes.iter().for_each(|write| after.write(write));
    assert_eq!(concerned(&before, &after, &writes), [unit("web/0"), unit("web/1")].into());
    // Once more changes nothing.
    assert!(apply(&after, command, Timestamp(2)).unwrap().0.is_empty());
}

#[test]
fn removing_it_on_either_side_ends_both_halves_after_everybody_left() {
    for at in [OFFERS, CONSUMES] {
        let mut pair = Pair::related();
        let (theirs, ours) = pair.ids();
        pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
        pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
        pair.settle();
        let id = if at == OFFERS { theirs } else { ours };
        pair.ok(at, Command::RemoveRelation { relation: RelationRef::Id(id), force: false });
        pair.settle();
        assert_eq!(pair.models[OFFERS].relations[&theirs].life, Life::Dying);
        assert_eq!(pair.models[CONSUMES].relations[&ours].life, Life::Dying);
        pair.act(CONSUMES, &unit("web/0"), Act::LeaveScope(ours));
        pair.settle();
        assert!(pair.models[OFFERS].relations.contains_key(&theirs), "db/0 has not left yet");
        pair.act(OFFERS, &unit("db/0"), Act::LeaveScope(theirs));
        pair.settle();
        assert!(!pair.models[OFFERS].relations.contains_key(&theirs));
        assert!(!pair.models[CONSUMES].relations.contains_key(&ours));
        assert!(pair.models[OFFERS].remote_apps.is_empty());
        // What is consumed stays until it is removed.
        assert!(pair.models[CONSUMES].remote_apps.contains_key("remote"));
    }
}

#[test]
fn forced_removal_on_one_side_lets_the_other_end_with_its_hooks() {
    for at in [OFFERS, CONSUMES] {
        let mut pair = Pair::related();
        let (theirs, ours) = pair.ids();
        pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
        pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
        pair.settle();
        let (id, other, left) = if at == OFFERS { (theirs, ours, "web/0") } else { (ours, theirs, "db/0") };
        pair.ok(at, Command::RemoveRelation { relation: RelationRef::Id(id), force: true });
        pair.settle();
        assert!(!pair.models[at].relations.contains_key(&id));
        let seen = observe(&pair.models[1 - at], &unit(left)).unwrap().relations[&other].clone();
        assert_eq!((seen.life, seen.in_scope, seen.members.len()), (Life::Dying, true, 0));
        pair.act(1 - at, &unit(left), Act::LeaveScope(other));
        pair.settle();
        assert!(!pair.models[1 - at].relations.contains_key(&other));
    }
}

#[test]
fn the_end_of_a_model_ends_the_other_half() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
    pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
    pair.settle();
    let alone = [pair.models[CONSUMES].clone()];
    let changes = plan(&alone);
    assert_eq!(changes, [("uuid-c".to_owned(), LinkChange::Gone { relation: ours })]);
    pair.perform(changes[0].clone());
    assert!(plan(&[pair.models[CONSUMES].clone()]).is_empty());
    let seen = observe(&pair.models[CONSUMES], &unit("web/0")).unwrap();
    assert!(seen.relations[&ours].members.is_empty());
    pair.act(CONSUMES, &unit("web/0"), Act::LeaveScope(ours));
    assert!(!pair.models[CONSUMES].relations.contains_key(&ours));

    pair.perform(plan(&[pair.models[OFFERS].clone()])[0].clone());
    pair.act(OFFERS, &unit("db/0"), Act::LeaveScope(theirs));
    assert!(pair.models[OFFERS].remote_apps.is_empty());
}

#[test]
fn suspending_is_the_offering_sides_and_reaches_the_other() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    let suspend = |id| cross(CrossModel::Suspend { relations: vec![id], message: "paying late".into() });
    let refusal = pair.refused(CONSUMES, suspend(ours));
    assert_eq!(
        refusal.message,
        "cannot set suspend status for \"web:db remote:db\" which is not associated with an offer"
    );
    let refusal = pair.refused(OFFERS, suspend(RelationId(99)));
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    pair.ok(OFFERS, suspend(theirs));
    pair.settle();
    assert!(observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().relations[&ours].suspended);
    assert_eq!(pair.models[CONSUMES].relations[&ours].suspended_reason, "paying late");
    pair.ok(OFFERS, cross(CrossModel::Resume { relations: vec![theirs] }));
    pair.settle();
    assert!(!observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().relations[&ours].suspended);
    assert_eq!(pair.models[CONSUMES].relations[&ours].suspended_reason, "");
}

#[test]
fn an_application_takes_offers_along_that_nobody_uses() {
    let mut pair = Pair::related();
    let (_, ours) = pair.ids();
    pair.ok(CONSUMES, Command::RemoveRelation { relation: RelationRef::Id(ours), force: false });
    pair.settle();
    pair.ok(OFFERS, Command::RemoveApplication { app: app("db"), force: false });
    assert!(pair.models[OFFERS].offers.is_empty());
}

#[test]
fn offers_in_use_are_not_removed_unless_forced() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    let remove = |force| cross(CrossModel::RemoveOffer { name: offer("sql"), force });
    let refusal = pair.refused(OFFERS, remove(false));
    assert_eq!(refusal.message, "cannot delete application offer \"sql\": offer has 1 relation");
    let refusal = pair.refused(OFFERS, Command::RemoveApplication { app: app("db"), force: false });
    assert_eq!(refusal.message, "cannot destroy application \"db\": application is used by 1 offer");
    pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
    pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
    pair.settle();
    pair.ok(OFFERS, remove(true));
    pair.settle();
    // Each side's units see the others gone, and nobody waits for somebody in the other model.
    for (at, name, id) in [(CONSUMES, "web/0", ours), (OFFERS, "db/0", theirs)] {
        let seen = observe(&pair.models[at], &unit(name)).unwrap().relations[&id].clone();
        assert_eq!((seen.life, seen.in_scope, seen.members.len()), (Life::Dying, true, 0), "{name}");
    }
    pair.act(OFFERS, &unit("db/0"), Act::LeaveScope(theirs));
    assert!(pair.models[OFFERS].relations.values().all(|r| r.is_peer()), "while web/0 is still there");
    assert!(pair.models[OFFERS].remote_apps.is_empty());
    pair.settle();
    assert!(pair.models[CONSUMES].relations.contains_key(&ours));
    pair.act(CONSUMES, &unit("web/0"), Act::LeaveScope(ours));
    pair.settle();
    assert!(!pair.models[CONSUMES].relations.contains_key(&ours));
    // A new relation over an offer that is gone comes to nothing.
    pair.ok(CONSUMES, integrate());
    pair.settle();
    assert!(pair.models[CONSUMES].relations_of(&app("remote")).next().is_none());
    let refusal = pair.refused(OFFERS, remove(false));
    assert_eq!(refusal.message, "application offer \"sql\" not found");
}

/// What the linker found before the offer was taken back comes too late to join the halves again.
#[test]
fn a_late_change_does_not_link_what_was_severed() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
    pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
    pair.settle();
    pair.write_bag(CONSUMES, &unit("web/0"), ours, "host", "there");
    let late = plan(&pair.models);
    let [(uuid, LinkChange::Mirror { relation, .. })] = late.as_slice() else { panic!("{late:?}") };
    assert_eq!((uuid.as_str(), *relation), ("uuid-o", theirs));
    pair.ok(OFFERS, cross(CrossModel::RemoveOffer { name: offer("sql"), force: true }));
    let severed = pair.models[OFFERS].clone();
    late.into_iter().for_each(|change| pair.perform(change));
    assert_eq!(pair.models[OFFERS], severed);
    // So nobody over there is waited for.
    pair.act(OFFERS, &unit("db/0"), Act::LeaveScope(theirs));
    assert!(!pair.models[OFFERS].relations.contains_key(&theirs), "while web/0 is still there");
}

/// The offering half, if it is the only one of this consumer's.
fn only_half(pair: &Pair) -> Option<periapt_model::entity::Relation> {
    let mut halves = pair.models[OFFERS].relations_of(&pair.consumer());
    halves.next().filter(|_| halves.next().is_none()).map(|half| (**half).clone())
}

/// A unit that is still in the first would see one unit of the other model twice.
#[test]
fn a_second_relation_waits_for_the_end_of_the_first() {
    for severed in [true, false] {
        let mut pair = Pair::related();
        let (theirs, ours) = pair.ids();
        pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
        pair.settle();
        if severed {
            pair.ok(OFFERS, cross(CrossModel::RemoveOffer { name: offer("sql"), force: true }));
            pair.settle();
            pair.ok(OFFERS, make_offer("sql"));
        } else {
            let relation = RelationRef::Id(ours);
            pair.ok(CONSUMES, Command::RemoveRelation { relation, force: true });
        }
        assert!(pair.models[CONSUMES].relations.is_empty(), "its half ended without anybody in it");
        // Also where the linker sees the end and the new beginning at once.
        pair.ok(CONSUMES, integrate());
        pair.settle();
        assert_eq!(
            only_half(&pair).map(|half| (half.id, half.life)),
            Some((theirs, Life::Dying)),
            "{severed}"
        );
        let ours = pair.models[CONSUMES].relations.values().next().unwrap().clone();
        assert_eq!((ours.life, &ours.link), (Life::Alive, &None), "{severed}");
        // A change of the linker that comes late is refused.
        let late = Connect {
            link: Link { model: "uuid-c".into(), relation: ours.id, offer: offer("sql") },
            model_name: "consumes".parse().unwrap(),
            app: app("web"),
            endpoint: "db".parse().unwrap(),
            offered: "db".parse().unwrap(),
        };
        let refusal = pair.refused(OFFERS, cross(CrossModel::Link(LinkChange::Connect(late))));
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        assert!(refusal.message.contains("is still ending here"), "{}", refusal.message);
        pair.act(OFFERS, &unit("db/0"), Act::LeaveScope(theirs));
        pair.settle();
        let half = only_half(&pair).unwrap();
        assert_eq!((half.life, half.link.unwrap().relation), (Life::Alive, ours.id), "{severed}");
        assert_ne!(half.id, theirs);
    }
}

#[test]
fn names_are_one_for_what_is_here_and_what_is_consumed() {
    let mut pair = Pair::consumed();
    let refusal = pair.refused(CONSUMES, pair.consume("sql", Some("web")));
    assert_eq!(
        refusal.message,
        "cannot add saas application \"web\": local application with same name already exists"
    );
    let deploy = Command::Deploy(Box::new(Deploy {
        name: Some(app("remote")),
        charm: charm("web", WEB),
        units: 1,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        force: false,
    }));
    let refusal = pair.refused(CONSUMES, deploy);
    assert_eq!(
        refusal.message,
        "cannot add application \"remote\": saas application with same name already exists"
    );
    // The same offer again is no mistake; another one is.
    assert_eq!(pair.ok(CONSUMES, pair.consume("sql", Some("remote"))), Answer::Consumed(app("remote")));
    pair.ok(OFFERS, make_offer("other"));
    let refusal = pair.refused(CONSUMES, pair.consume("other", Some("remote")));
    assert_eq!(refusal.kind, RefusalKind::AlreadyExists);
}

#[test]
fn what_cannot_be_offered_is_refused() {
    let mut pair = Pair::new();
    let ask = |name: &str, endpoint: &str| {
        cross(CrossModel::Offer { name: None, app: app(name), endpoints: [endpoint.parse().unwrap()].into() })
    };
    for (name, endpoint, message) in [
        ("nobody", "db", "application \"nobody\" not found"),
        ("db", "nothing", "application \"db\" has no \"nothing\" endpoint"),
        (
            "db",
            "mates",
            "cannot offer endpoint \"db:mates\": it is a peer endpoint, between the application's own units",
        ),
        (
            "db",
            "box",
            "cannot offer endpoint \"db:box\": its scope is container, and a machine belongs to one model",
        ),
    ] {
        assert_eq!(pair.refused(OFFERS, ask(name, endpoint)).message, message);
    }
    assert_eq!(pair.ok(OFFERS, ask("db", "juju-info")), Answer::Offered(offer("db")));
    // The same name for the same application takes other endpoints, and another application is refused it.
    pair.ok(OFFERS, ask("db", "db"));
    assert_eq!(pair.models[OFFERS].offers["db"].endpoints.len(), 1);
}

#[test]
fn integrate_with_a_url_consumes_and_relates_in_one_change() {
    let mut pair = Pair::new();
    pair.ok(OFFERS, make_offer("sql"));
    let endpoints = offer_endpoints(&pair.models[OFFERS], &offer("sql")).unwrap();
    let ask_via = |pair: &Pair, with: &str, via: &str| {
        let (endpoints, with, via) = (endpoints.clone(), end(with), vec![via.to_owned()]);
        cross(CrossModel::Integrate { source: pair.source("sql"), endpoints, endpoint: None, with, via })
    };
    let ask = |pair: &Pair, with: &str| ask_via(pair, with, "10.1.0.0/16");
    let before = pair.models[CONSUMES].clone();
    let refused = ask(&pair, "nobody");
    assert_eq!(pair.refused(CONSUMES, refused).kind, RefusalKind::NotFound);
    let refused = ask_via(&pair, "web", "everywhere");
    assert_eq!(pair.refused(CONSUMES, refused).kind, RefusalKind::Invalid);
    assert_eq!(pair.models[CONSUMES], before, "nothing is consumed by what is refused");
    let wanted = ask(&pair, "web");
    pair.ok(CONSUMES, wanted);
    assert!(pair.models[CONSUMES].relations.values().any(|relation| relation.via == ["10.1.0.0/16"]));
    pair.settle();
    assert!(pair.models[OFFERS].remote_apps.contains_key(&pair.consumer()));
    let refusal = pair.refused(OFFERS, Command::Integrate { a: end(pair.consumer().as_str()), b: end("db") });
    assert_eq!(refusal.kind, RefusalKind::NotFound, "a consumer comes to us");
}

#[test]
fn remove_saas_takes_its_relations_along() {
    let mut pair = Pair::related();
    let (_, ours) = pair.ids();
    pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
    pair.settle();
    let remove = |force| cross(CrossModel::RemoveSaas { app: app("remote"), force });
    pair.ok(CONSUMES, remove(false));
    assert!(pair.models[CONSUMES].remote_apps.contains_key("remote"), "web/0 has not left yet");
    assert!(observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().relations[&ours].remote_app_dying);
    let refusal = pair.refused(CONSUMES, integrate());
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    pair.act(CONSUMES, &unit("web/0"), Act::LeaveScope(ours));
    pair.settle();
    assert!(pair.models[CONSUMES].remote_apps.is_empty());
    assert!(pair.models[OFFERS].remote_apps.is_empty());
    assert_eq!(pair.refused(CONSUMES, remove(true)).message, "saas application \"remote\" not found");
}
