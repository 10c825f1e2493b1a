//! Secrets that are granted over a relation between models: who may read them where, and what their owner knows of that.

use std::collections::BTreeSet;

use periapt_model::command::{Command, CrossModel, RelationRef, Tell};
use periapt_model::entity::{GrantScope, Secret, SecretContent, SecretOwner, SecretReader};
use periapt_model::mirror::consumer_name;
use periapt_model::model::Record;
use periapt_model::names::{AppName, RelationId, SecretId, UnitName};
use periapt_model::observe::observe;
use periapt_model::secrets::{SecretRef, SecretUpdate, SecretWrite};
use periapt_model::step_commit::Act;
use proptest::prelude::*;

use crate::pair::{CONSUMES, OFFERS, Pair, app, cross, integrate, make_offer, offer, unit};

pub fn id() -> SecretId {
    "9m4e2mr0ui3e8a215n4g".parse().unwrap()
}

pub fn update(value: &str) -> SecretUpdate {
    let mut content = SecretContent::default();
    content.insert("password", value.as_bytes()).unwrap();
    SecretUpdate { content: Some(content), label: Some("owners-label".into()), ..SecretUpdate::default() }
}

pub fn create(value: &str) -> SecretWrite {
    SecretWrite::Create(SecretOwner::Application(app("db")), update(value))
}

fn grant(pair: &Pair, relation: RelationId) -> SecretWrite {
    SecretWrite::Grant(SecretReader::Application(pair.consumer()), relation)
}

pub fn read(pair: &mut Pair, name: &str, revision: u32, label: Option<&str>) -> bool {
    let tell = Tell::TrackSecret { secret: id(), label: label.map(str::to_owned), revision: Some(revision) };
    pair.try_do(CONSUMES, Command::Agent { unit: unit(name), epoch: 1, tell }).is_ok()
}

pub fn may_read(pair: &Pair, at: usize, name: &str) -> bool {
    let model = &pair.models[at];
    model.secrets.get(&id()).is_some_and(|secret| model.may_read(secret, &unit(name)))
}

/// `db` has a secret, and lets `web` of the other model read it.
fn granted() -> (Pair, RelationId, RelationId) {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    let grant = grant(&pair, theirs);
    pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    pair.settle();
    (pair, theirs, ours)
}

/// What is kept of the secret in a model, by revision.
pub fn contents(pair: &Pair, at: usize) -> Vec<(u32, String)> {
    let content = |n| pair.models[at].secret_content(&id(), n)?.text("password");
    (0..100).filter_map(|n| Some((n, content(n)?))).collect()
}

pub fn owned(pair: &Pair) -> BTreeSet<u32> {
    observe(&pair.models[OFFERS], &unit("db/0")).unwrap().secrets_owned[&id()].obsolete.clone()
}

#[test]
fn a_copy_says_no_more_than_its_reader_may_know() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    pair.settle();
    assert!(pair.models[CONSUMES].secrets.is_empty(), "it was granted to nobody");
    let grant = grant(&pair, theirs);
    pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    pair.settle();
    let model = &pair.models[CONSUMES];
    let copy = &model.secrets[&id()];
    assert_eq!(copy.origin.as_deref(), Some("uuid-o"));
    assert_eq!(copy.owner, SecretOwner::Application(app("remote")));
    assert_eq!((&copy.label, &copy.description, copy.rotates), (&None, &None, None));
    let reader = SecretReader::Application(app("web"));
    assert_eq!(copy.grants, [(reader, GrantScope::Relation(ours))].into());
    assert_eq!(model.secret_content(&id(), 1).unwrap().text("password").as_deref(), Some("one"));
    assert!(may_read(&pair, CONSUMES, "web/1"));
    // No command of the operator's finds it there, and no hook changes it.
    assert!(model.find_secret(&SecretRef::Id(id())).is_none());
    let changes = [SecretWrite::Update(update("mine")), SecretWrite::Remove(None), create("mine")];
    for change in changes {
        pair.write_secret(CONSUMES, "web/0", &id(), change).unwrap_err();
    }
    assert!(observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().secrets_owned.is_empty());
}

#[test]
fn a_new_revision_is_told_and_the_old_one_is_kept_while_somebody_reads_it() {
    let (mut pair, ..) = granted();
    assert!(read(&mut pair, "web/0", 1, Some("mine")));
    pair.settle();
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Update(update("two"))).unwrap();
    pair.settle();
    let seen = observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().secrets_read[&id()].clone();
    assert_eq!((seen.label.as_deref(), seen.tracked, seen.latest, seen.readable), (Some("mine"), 1, 2, true));
    assert_eq!(owned(&pair), BTreeSet::new());
    assert!(read(&mut pair, "web/0", 2, None));
    pair.settle();
    assert_eq!(owned(&pair), [1].into());
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Remove(Some(1))).unwrap();
    pair.settle();
    assert!(pair.models[CONSUMES].secret_content(&id(), 1).is_none());
    assert!(pair.models[CONSUMES].secret_content(&id(), 2).is_some());
}

/// The owner may not be told that nobody reads a revision while somebody may have begun to, unknown to it.
#[test]
fn what_may_be_read_over_there_is_not_yet_told_to_be_unread() {
    let (mut pair, ..) = granted();
    // The first reading and the new revision cross each other.
    assert!(read(&mut pair, "web/0", 1, None));
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Update(update("two"))).unwrap();
    assert_eq!(owned(&pair), BTreeSet::new());
    pair.settle();
    assert_eq!(owned(&pair), BTreeSet::new());
    assert!(read(&mut pair, "web/0", 2, None));
    pair.settle();
    assert_eq!(owned(&pair), [1].into());
    // Who goes away reads no more.
    assert!(read(&mut pair, "web/1", 1, None));
    pair.settle();
    assert_eq!(owned(&pair), BTreeSet::new());
    pair.ok(CONSUMES, Command::RemoveUnits { units: vec![unit("web/1")], force: true });
    pair.settle();
    assert_eq!(owned(&pair), [1].into());
}

#[test]
fn a_right_that_is_taken_back_leaves_nothing_to_read() {
    let (mut pair, theirs, _) = granted();
    assert!(read(&mut pair, "web/0", 1, Some("mine")));
    pair.settle();
    let reader = SecretReader::Application(pair.consumer());
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Revoke(reader)).unwrap();
    pair.settle();
    assert!(!may_read(&pair, CONSUMES, "web/0") && contents(&pair, CONSUMES).is_empty());
    assert!(!read(&mut pair, "web/1", 1, None));
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Update(update("two"))).unwrap();
    pair.settle();
    assert!(contents(&pair, CONSUMES).is_empty());
    assert_eq!(owned(&pair), [1].into(), "who may not read it any more does not hold it");
    // Granted once more, its reader finds the name that it gave it.
    let grant = grant(&pair, theirs);
    pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    pair.settle();
    let seen = observe(&pair.models[CONSUMES], &unit("web/0")).unwrap().secrets_read[&id()].clone();
    assert_eq!((seen.label.as_deref(), seen.tracked, seen.latest, seen.readable), (Some("mine"), 1, 2, true));
    // What is gone over there is gone here.
    pair.write_secret(OFFERS, "db/0", &id(), SecretWrite::Remove(None)).unwrap();
    pair.settle();
    let model = &pair.models[CONSUMES];
    assert!(model.secrets.is_empty() && contents(&pair, CONSUMES).is_empty());
    assert_eq!(model.consumers_of(&id()).count(), 0);
}

#[test]
fn the_end_of_what_it_was_granted_for_ends_the_right() {
    let saas = cross(CrossModel::RemoveSaas { app: app("remote"), force: true });
    let taken_back = cross(CrossModel::RemoveOffer { name: offer("sql"), force: true });
    let forced = |id| Command::RemoveRelation { relation: RelationRef::Id(id), force: true };
    let (_, theirs, ours) = granted();
    let destroy = || Command::DestroyModel { force: true, storage: Default::default() };
    let ends = [
        (OFFERS, taken_back),
        (CONSUMES, saas),
        (OFFERS, forced(theirs)),
        (CONSUMES, forced(ours)),
        (OFFERS, Command::RemoveApplication { app: app("db"), force: true }),
        (CONSUMES, Command::RemoveApplication { app: app("web"), force: true }),
        (OFFERS, destroy()),
        (CONSUMES, destroy()),
    ];
    for (at, end) in ends {
        let (mut pair, theirs, ours) = granted();
        pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
        pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
        assert!(read(&mut pair, "web/0", 1, None));
        pair.settle();
        pair.ok(at, end.clone());
        if at == CONSUMES {
            assert!(!may_read(&pair, CONSUMES, "web/0"), "{end:?}: at once, where it ended");
        }
        pair.settle();
        assert!(!may_read(&pair, CONSUMES, "web/0"), "{end:?}");
        assert!(contents(&pair, CONSUMES).is_empty(), "{end:?}");
        for (at, name, id) in [(OFFERS, "db/0", theirs), (CONSUMES, "web/0", ours)] {
            pair.act(at, &unit(name), Act::LeaveScope(id));
        }
        pair.settle();
        // The offer may be consumed still: then it is remembered that the secret was read.
        pair.try_do(CONSUMES, cross(CrossModel::RemoveSaas { app: app("remote"), force: false })).ok();
        pair.settle();
        assert!(pair.models[CONSUMES].secrets.is_empty(), "{end:?}");
        let known = pair.models[OFFERS].secrets.get(&id());
        assert!(known.is_none_or(|secret| secret.grants.is_empty() && secret.copies.is_empty()), "{end:?}");
        assert_eq!(pair.models[OFFERS].consumers_of(&id()).count(), 0, "{end:?}");
    }
}

#[test]
fn the_side_that_consumes_grants_nothing_and_nobody_grants_to_single_units() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    let refusal = |pair: &mut Pair, at, name: &str, write| {
        pair.write_secret(at, name, &id(), write).unwrap_err().to_string()
    };
    let own = SecretOwner::Application(app("web"));
    pair.write_secret(CONSUMES, "web/0", &id(), SecretWrite::Create(own, update("one"))).unwrap();
    let to_saas = SecretWrite::Grant(SecretReader::Application(app("remote")), ours);
    let text = refusal(&mut pair, CONSUMES, "web/0", to_saas);
    assert_eq!(
        text,
        "cannot apply changes: sharing consumer secrets across a cross model relation not supported"
    );
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    let to_unit = SecretWrite::Grant(SecretReader::Unit(UnitName::new(pair.consumer(), 0)), theirs);
    let text = refusal(&mut pair, OFFERS, "db/0", to_unit);
    assert_eq!(
        text,
        "cannot apply changes: sharing secrets with a unit across a cross model relation not supported"
    );
}

#[test]
fn an_identity_that_is_taken_is_not_taken_over() {
    let mut pair = Pair::related();
    let (theirs, _) = pair.ids();
    let own = SecretOwner::Application(app("web"));
    pair.write_secret(CONSUMES, "web/0", &id(), SecretWrite::Create(own.clone(), update("mine"))).unwrap();
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    let grant = grant(&pair, theirs);
    pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    pair.settle();
    let found = &pair.models[CONSUMES].secrets[&id()];
    assert_eq!((&found.owner, &found.origin), (&own, &None));
}

pub fn deploy_consumer(name: &str) -> Command {
    let charm = crate::pair::charm(name, crate::pair::WEB);
    let request = serde_json::json!({"charm": charm, "name": name, "units": 1});
    Command::Deploy(Box::new(serde_json::from_value(request).unwrap()))
}

/// One model that consumes its own offer, where `web` is let read `db`'s secret; with the two halves, db's first.
fn granted_within_one_model() -> (Pair, RelationId, RelationId) {
    let mut pair = Pair::new();
    pair.ok(OFFERS, make_offer("sql"));
    for name in ["web", "other"] {
        pair.ok(OFFERS, deploy_consumer(name));
    }
    let consume = pair.consume("sql", Some("remote"));
    pair.ok(OFFERS, consume);
    pair.ok(OFFERS, integrate());
    pair.settle();
    let consumer = consumer_name("uuid-o", &app("web")).unwrap();
    let theirs = pair.models[OFFERS].relations_of(&consumer).next().unwrap().id;
    let ours = pair.models[OFFERS].relations_of(&app("web")).next().unwrap().id;
    pair.write_secret(OFFERS, "db/0", &id(), create("one")).unwrap();
    assert!(!may_read(&pair, OFFERS, "web/0"));
    let grant = SecretWrite::Grant(SecretReader::Application(consumer), theirs);
    pair.write_secret(OFFERS, "db/0", &id(), grant).unwrap();
    pair.settle();
    (pair, theirs, ours)
}

/// A model that consumes its own offer has one secret, and no copy.
#[test]
fn within_one_model_the_consumer_reads_the_secret_itself() {
    let (mut pair, theirs, _) = granted_within_one_model();
    assert!(may_read(&pair, OFFERS, "web/0") && !may_read(&pair, OFFERS, "other/0"));
    assert_eq!(pair.models[OFFERS].secrets[&id()].origin, None);
    pair.ok(OFFERS, Command::RemoveRelation { relation: RelationRef::Id(theirs), force: true });
    pair.settle();
    assert!(!may_read(&pair, OFFERS, "web/0"));
}

/// The offering half stays as long as its own unit is in it, which may be in error; the right does not.
#[test]
fn within_one_model_the_right_ends_with_the_consumers_half() {
    let (_, _, ours) = granted_within_one_model();
    let ends = [
        Command::RemoveRelation { relation: RelationRef::Id(ours), force: true },
        Command::RemoveApplication { app: app("web"), force: true },
        cross(CrossModel::RemoveSaas { app: app("remote"), force: true }),
    ];
    for end in ends {
        let (mut pair, theirs, _) = granted_within_one_model();
        pair.act(OFFERS, &unit("db/0"), Act::EnterScope(theirs));
        pair.ok(OFFERS, end.clone());
        assert!(!may_read(&pair, OFFERS, "web/0"), "{end:?}: at once");
        pair.settle();
        assert!(pair.models[OFFERS].relations.contains_key(&theirs), "{end:?}: db/0 has not left yet");
        assert!(!may_read(&pair, OFFERS, "web/0"), "{end:?}");
        // Another application of that name has no right either, and one that is related has it only when it is granted.
        if !pair.models[OFFERS].applications.contains_key("web") {
            pair.ok(OFFERS, deploy_consumer("web"));
        }
        assert!(!may_read(&pair, OFFERS, "web/1"), "{end:?}");
        if pair.models[OFFERS].remote_apps.contains_key("remote") {
            pair.ok(OFFERS, integrate());
            pair.settle();
            assert!(!may_read(&pair, OFFERS, "web/1"), "{end:?}");
        }
    }
}

/// A right of a single unit, as no hook gives it, is that unit's alone.
#[test]
fn within_one_model_a_units_right_is_no_other_units() {
    let (mut pair, theirs, _) = granted_within_one_model();
    let consumer = consumer_name("uuid-o", &app("web")).unwrap();
    let mut secret = Secret::clone(&pair.models[OFFERS].secrets[&id()]);
    secret.grants = [(SecretReader::Unit(UnitName::new(consumer, 0)), GrantScope::Relation(theirs))].into();
    pair.models[OFFERS].put(Record::Secret(secret.into()));
    assert!(may_read(&pair, OFFERS, "web/0") && !may_read(&pair, OFFERS, "web/1"));
}

/// What may happen to a secret, on either side.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Set(u8),
    Grant,
    Revoke,
    Remove,
    /// What is told to be unread goes.
    Prune,
    /// A unit of the consumer's reads the newest, if it may.
    Read(u32),
}

pub fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => any::<u8>().prop_map(Happening::Set),
        4 => Just(Happening::Grant),
        1 => Just(Happening::Revoke),
        1 => Just(Happening::Remove),
        2 => Just(Happening::Prune),
        5 => (0..2u32).prop_map(Happening::Read),
    ]
}

impl Happening {
    pub fn happen(self, pair: &mut Pair) {
        let offering = &pair.models[OFFERS];
        let known = offering.secrets.contains_key(&id());
        let value = |n: u8| update(&n.to_string());
        let reader = SecretReader::Application(pair.consumer());
        let write = match self {
            Self::Set(n) if known => SecretWrite::Update(value(n)),
            Self::Set(n) => SecretWrite::Create(SecretOwner::Application(app("db")), value(n)),
            Self::Grant => {
                let linked = offering.relations_of(&pair.consumer()).next().map(|relation| relation.id);
                let Some(relation) = linked.filter(|_| known) else { return };
                SecretWrite::Grant(reader, relation)
            }
            Self::Revoke => SecretWrite::Revoke(reader),
            Self::Remove => SecretWrite::Remove(None),
            Self::Prune => {
                let Some(secret) = offering.secrets.get(&id()) else { return };
                let unread = offering.obsolete_revisions(secret);
                let Some(revision) = unread.first() else { return };
                // Nobody over there is left with a revision that is gone.
                let consuming = &pair.models[CONSUMES];
                let copy = consuming.secrets.get(&id());
                let mut reads = copy.into_iter().flat_map(|copy| consuming.readers_of(copy));
                let held = offering.secrets[&id()].grants.contains_key(&reader)
                    && reads.any(|(_, read)| read == *revision);
                assert!(!held, "revision {revision} is read in the other model");
                SecretWrite::Remove(Some(*revision))
            }
            Self::Read(number) => {
                let newest = pair.models[CONSUMES].secrets.get(&id()).map(|copy| copy.latest());
                if let Some(newest) = newest {
                    read(pair, &format!("web/{number}"), newest, None);
                }
                return;
            }
        };
        // What is not there cannot be changed.
        let _ = pair.write_secret(OFFERS, "db/0", &id(), write);
    }
}

/// When the halves agree: a copy can be read where its secret may be, says what it says, and its readers are known.
pub fn check(pair: &Pair) -> Result<(), TestCaseError> {
    let [offering, consuming] = &pair.models;
    let own = offering.secrets.get(&id());
    let copy = consuming.secrets.get(&id());
    let consumer: AppName = pair.consumer();
    // Over a half that is alone there is nobody to read it, and over one that is suspended nobody may.
    let closed = |scope: &GrantScope| match scope {
        GrantScope::Relation(id) => {
            let half = offering.relations.get(id).filter(|half| !half.suspended);
            let link = half.and_then(|half| half.link.as_ref());
            link.is_none_or(|link| !consuming.relations.contains_key(&link.relation))
        }
        GrantScope::Model => true,
    };
    let reader = SecretReader::Application(consumer.clone());
    let granted = own.filter(|own| own.grants.get(&reader).is_some_and(|scope| !closed(scope)));
    match (granted, copy) {
        (Some(own), Some(copy)) => {
            prop_assert!(may_read(pair, CONSUMES, "web/0"));
            prop_assert!(copy.revisions.keys().eq(own.revisions.keys()));
            prop_assert_eq!(contents(pair, CONSUMES), contents(pair, OFFERS));
            prop_assert_eq!(own.copies.get("uuid-c"), Some(&own.latest()));
        }
        (Some(own), None) => prop_assert!(false, "granted, and not there: {own:?}"),
        (None, copy) => {
            prop_assert!(contents(pair, CONSUMES).is_empty());
            prop_assert!(copy.is_none_or(|copy| own.is_some() && copy.grants.is_empty()));
        }
    }
    let read = |at: usize, by: &AppName| {
        let all = pair.models[at].consumers_of(&id()).filter(|(unit, _)| unit.app() == by);
        all.map(|(unit, consumer)| (unit.number(), consumer.revision)).collect::<Vec<_>>()
    };
    if offering.remote_apps.contains_key(&consumer) {
        prop_assert_eq!(read(CONSUMES, &app("web")), read(OFFERS, &consumer));
    } else {
        prop_assert!(read(OFFERS, &consumer).is_empty());
    }
    Ok(())
}
