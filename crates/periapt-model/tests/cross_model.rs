//! Relations between models: what commands do, and that the halves converge whatever happens in between.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{
    Answer, Command, CrossModel, Deploy, EndpointRef, Refusal, RefusalKind, RelationRef,
};
use periapt_model::commit::commit;
use periapt_model::entity::{Charm, ModelInfo, OfferSource};
use periapt_model::mirror::{LinkChange, consumer_name, offer_endpoints, plan};
use periapt_model::model::{Model, Record};
use periapt_model::names::{AppName, CharmId, ModelName, OfferName, RelationId, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::status::Life;
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;
use proptest::prelude::*;

const DB: &str = "provides:\n  db: {interface: sql}\n  box: {interface: sql2, scope: container}\npeers:\n  mates: {interface: mates}\n";
const WEB: &str = "requires:\n  db: {interface: sql}\n";

fn charm(name: &str, endpoints: &str) -> Charm {
    let metadata = format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}");
    let files =
        CharmFiles { metadata: Some(SourceText::new("metadata.yaml", metadata)), ..CharmFiles::default() };
    let meta = parse(&files).unwrap().meta;
    Charm { id: CharmId(format!("id-{name}")), url: String::new(), revision: 0, version: None, meta }
}

fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn offer(name: &str) -> OfferName {
    name.parse().unwrap()
}

fn cross(command: CrossModel) -> Command {
    Command::CrossModel(Box::new(command))
}

/// Two models, the first of which has `db`, and the second `web`.
struct Pair {
    models: [Model; 2],
}

const OFFERS: usize = 0;
const CONSUMES: usize = 1;

impl Pair {
    fn new() -> Self {
        let model = |uuid: &str, name: &str| {
            let name = ModelName::new(name).unwrap();
            Model::new(ModelInfo::new(uuid.into(), name, Timestamp(0)))
        };
        let mut pair = Self { models: [model("uuid-o", "offers"), model("uuid-c", "consumes")] };
        for (at, name, endpoints) in [(OFFERS, "db", DB), (CONSUMES, "web", WEB)] {
            pair.ok(
                at,
                Command::Deploy(Box::new(Deploy {
                    name: Some(app(name)),
                    charm: charm(name, endpoints),
                    units: 2,
                    config: BTreeMap::new(),
                    trust: false,
                    resources: BTreeMap::new(),
                    constraints: String::new(),
                    channel: None,
                    force: false,
                })),
            );
            pair.take(at);
        }
        pair
    }

    /// With an offer `sql` of `db`, consumed as `remote`.
    fn consumed() -> Self {
        let mut pair = Self::new();
        pair.ok(OFFERS, make_offer("sql"));
        pair.ok(CONSUMES, pair.consume("sql", Some("remote")));
        pair
    }

    /// Related too, and linked.
    fn related() -> Self {
        let mut pair = Self::consumed();
        pair.ok(CONSUMES, integrate());
        pair.settle();
        pair
    }

    fn source(&self, name: &str) -> OfferSource {
        let info = &self.models[OFFERS].info;
        OfferSource { model: info.uuid.clone(), model_name: info.name.clone(), offer: offer(name) }
    }

    fn consume(&self, name: &str, alias: Option<&str>) -> Command {
        let endpoints = offer_endpoints(&self.models[OFFERS], &offer(name)).unwrap_or_default();
        cross(CrossModel::Consume { source: self.source(name), alias: alias.map(app), endpoints })
    }

    fn take(&mut self, at: usize) {
        let units: Vec<UnitName> = self.models[at].units.keys().cloned().collect();
        for unit in units {
            self.ok(at, Command::TakeUnit { unit });
        }
    }

    fn try_do(&mut self, at: usize, command: Command) -> Result<Answer, Refusal> {
        let (writes, answer) = apply(&self.models[at], command, Timestamp(1))?;
        writes.iter().for_each(|write| self.models[at].write(write));
        Ok(answer)
    }

    fn ok(&mut self, at: usize, command: Command) -> Answer {
        self.try_do(at, command).expect("the command is accepted")
    }

    fn refused(&mut self, at: usize, command: Command) -> Refusal {
        self.try_do(at, command).expect_err("the command is refused")
    }

    /// What a unit's agent commits at the end of a step: it enters or leaves, and may write.
    fn act(&mut self, at: usize, name: &UnitName, act: Act) {
        let agent = self.models[at].agents.get(name).map(|a| (a.epoch, a.local.clone()));
        let Some((epoch, local)) = agent else { return };
        let step = Commit {
            unit: name.clone(),
            epoch,
            local,
            acts: vec![act],
            effects: Default::default(),
            journal: Vec::new(),
        };
        let writes = commit(&self.models[at], step, Timestamp(1)).unwrap();
        writes.iter().for_each(|write| self.models[at].write(write));
    }

    fn write_bag(&mut self, at: usize, name: &UnitName, id: RelationId, key: &str, value: &str) {
        let member = self.models[at].member(id, name).map(|m| (**m).clone());
        let Some(mut member) = member else { return };
        member.settings.insert(key.to_owned(), value.to_owned());
        member.version += 1;
        self.models[at].put(Record::Member(id, name.clone(), member.into()));
    }

    fn perform(&mut self, (uuid, change): (String, LinkChange)) {
        let Some(at) = self.models.iter().position(|model| model.info.uuid == uuid) else { return };
        // A change that does not fit any more is refused, which is no failure.
        let _ = self.try_do(at, cross(CrossModel::Link(change)));
    }

    /// Until both halves say the same. Fails when they never do.
    fn settle(&mut self) {
        for _ in 0..20 {
            let changes = plan(&self.models);
            if changes.is_empty() {
                return;
            }
            for change in changes {
                self.perform(change);
            }
        }
        panic!("the halves do not come to rest: {:?}", plan(&self.models));
    }

    /// The relation's number in each model.
    fn ids(&self) -> (RelationId, RelationId) {
        let linked = |model: &Model| model.relations.values().find(|r| r.link.is_some()).unwrap().id;
        (linked(&self.models[OFFERS]), linked(&self.models[CONSUMES]))
    }

    fn consumer(&self) -> AppName {
        consumer_name("uuid-c", &app("web")).unwrap()
    }
}

fn make_offer(name: &str) -> Command {
    cross(CrossModel::Offer {
        name: Some(offer(name)),
        app: app("db"),
        endpoints: ["db".parse().unwrap()].into(),
    })
}

fn end(name: &str) -> EndpointRef {
    EndpointRef { app: app(name), endpoint: None }
}

fn integrate() -> Command {
    Command::Integrate { a: end("remote"), b: end("web") }
}

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
fn offers_in_use_are_not_removed_unless_forced() {
    let mut pair = Pair::related();
    let (theirs, ours) = pair.ids();
    let remove = |force| cross(CrossModel::RemoveOffer { name: offer("sql"), force });
    let refusal = pair.refused(OFFERS, remove(false));
    assert_eq!(refusal.message, "cannot delete application offer \"sql\": offer has 1 relation");
    let refusal = pair.refused(OFFERS, Command::RemoveApplication { app: app("db"), force: false });
    assert_eq!(refusal.message, "cannot destroy application \"db\": application is used by 1 offer");
    pair.act(CONSUMES, &unit("web/0"), Act::EnterScope(ours));
    pair.settle();
    pair.ok(OFFERS, remove(true));
    pair.settle();
    assert_eq!(pair.models[CONSUMES].relations[&ours].life, Life::Dying);
    pair.act(CONSUMES, &unit("web/0"), Act::LeaveScope(ours));
    pair.settle();
    assert!(!pair.models[OFFERS].relations.contains_key(&theirs));
    // A new relation over an offer that is gone comes to nothing.
    pair.ok(CONSUMES, integrate());
    pair.settle();
    assert!(pair.models[CONSUMES].relations_of(&app("remote")).next().is_none());
    let refusal = pair.refused(OFFERS, remove(false));
    assert_eq!(refusal.message, "application offer \"sql\" not found");
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
    let ask = |pair: &Pair, with: &str| {
        let (endpoints, with) = (endpoints.clone(), end(with));
        cross(CrossModel::Integrate { source: pair.source("sql"), endpoints, endpoint: None, with })
    };
    let before = pair.models[CONSUMES].clone();
    let refused = ask(&pair, "nobody");
    assert_eq!(pair.refused(CONSUMES, refused).kind, RefusalKind::NotFound);
    assert_eq!(pair.models[CONSUMES], before, "nothing is consumed by what is refused");
    let wanted = ask(&pair, "web");
    pair.ok(CONSUMES, wanted);
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

/// What may happen, to one of two models.
#[derive(Clone, Debug)]
enum Happening {
    Integrate,
    Enter(usize, u32),
    Leave(usize, u32),
    Write(usize, u32, u8),
    Remove(usize, bool),
    Suspend(bool),
    RemoveOffer,
    Offer,
    Consume,
    RemoveSaas(bool),
    /// One of the changes that the linker would make, of those that are asked for at this moment.
    Link(usize),
    /// All of them.
    Settle,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Integrate),
        6 => (0..2usize, 0..2u32).prop_map(|(at, n)| Happening::Enter(at, n)),
        4 => (0..2usize, 0..2u32).prop_map(|(at, n)| Happening::Leave(at, n)),
        6 => (0..2usize, 0..2u32, any::<u8>()).prop_map(|(at, n, v)| Happening::Write(at, n, v)),
        2 => (0..2usize, any::<bool>()).prop_map(|(at, force)| Happening::Remove(at, force)),
        2 => any::<bool>().prop_map(Happening::Suspend),
        1 => Just(Happening::RemoveOffer),
        2 => Just(Happening::Offer),
        2 => Just(Happening::Consume),
        1 => any::<bool>().prop_map(Happening::RemoveSaas),
        8 => (0..8usize).prop_map(Happening::Link),
        2 => Just(Happening::Settle),
    ]
}

fn happen(pair: &mut Pair, happening: Happening) {
    let linked = |pair: &Pair, at: usize| {
        let model = &pair.models[at];
        model.relations.values().find(|r| model.remote_app_of(r).is_some()).map(|r| r.id)
    };
    let name = |at: usize, number| UnitName::new(app(["db", "web"][at]), number);
    let command = match happening {
        Happening::Integrate => Some((CONSUMES, integrate())),
        Happening::Enter(at, n) => {
            if let Some(id) = linked(pair, at) {
                pair.act(at, &name(at, n), Act::EnterScope(id));
            }
            None
        }
        Happening::Leave(at, n) => {
            if let Some(id) = linked(pair, at) {
                pair.act(at, &name(at, n), Act::LeaveScope(id));
            }
            None
        }
        Happening::Write(at, n, value) => {
            if let Some(id) = linked(pair, at) {
                pair.write_bag(at, &name(at, n), id, "key", &value.to_string());
            }
            None
        }
        Happening::Remove(at, force) => {
            linked(pair, at).map(|id| (at, Command::RemoveRelation { relation: RelationRef::Id(id), force }))
        }
        Happening::Suspend(on) => linked(pair, OFFERS).map(|id| {
            let relations = vec![id];
            let command = match on {
                true => CrossModel::Suspend { relations, message: "m".into() },
                false => CrossModel::Resume { relations },
            };
            (OFFERS, cross(command))
        }),
        Happening::RemoveOffer => {
            Some((OFFERS, cross(CrossModel::RemoveOffer { name: offer("sql"), force: true })))
        }
        Happening::Offer => Some((OFFERS, make_offer("sql"))),
        Happening::Consume => Some((CONSUMES, pair.consume("sql", Some("remote")))),
        Happening::RemoveSaas(force) => {
            Some((CONSUMES, cross(CrossModel::RemoveSaas { app: app("remote"), force })))
        }
        Happening::Link(which) => {
            let changes = plan(&pair.models);
            if !changes.is_empty() {
                pair.perform(changes[which % changes.len()].clone());
            }
            None
        }
        Happening::Settle => {
            pair.settle();
            None
        }
    };
    if let Some((at, command)) = command {
        let _ = pair.try_do(at, command);
    }
}

/// Both halves of every relation say the same, and none is without its other unless it is on its way out.
fn check(pair: &Pair) -> Result<(), TestCaseError> {
    let [offering, consuming] = &pair.models;
    let halves = |model: &Model| -> Vec<RelationId> {
        model.relations.values().filter(|r| model.remote_app_of(r).is_some()).map(|r| r.id).collect()
    };
    for id in halves(consuming) {
        let half = &consuming.relations[&id];
        let other = half.link.as_ref().and_then(|link| offering.relations.get(&link.relation));
        let Some(other) = other else {
            prop_assert!(half.life != Life::Alive, "{half:?} has no other half, and lives");
            continue;
        };
        prop_assert_eq!(&half.life, &other.life);
        prop_assert_eq!(half.suspended, other.suspended);
        let theirs = |model: &Model, id: RelationId, who: &AppName| -> BTreeMap<u32, (bool, u64)> {
            let data = model.relation_data.get(&id);
            let members = data.into_iter().flat_map(|data| data.members.iter());
            members
                .filter(|(unit, _)| unit.app() == who)
                .map(|(unit, member)| (unit.number(), (member.in_scope, member.version)))
                .collect()
        };
        let consumer = consumer_name("uuid-c", &app("web")).unwrap();
        prop_assert_eq!(theirs(consuming, id, &app("remote")), theirs(offering, other.id, &app("db")));
        prop_assert_eq!(theirs(consuming, id, &app("web")), theirs(offering, other.id, &consumer));
    }
    for id in halves(offering) {
        let half = &offering.relations[&id];
        let there = half.link.as_ref().is_some_and(|link| consuming.relations.contains_key(&link.relation));
        prop_assert!(there || half.life != Life::Alive, "{half:?} has no other half, and lives");
    }
    let names = offering.remote_apps.keys().filter(|name| offering.relations_of(name).next().is_none());
    prop_assert_eq!(names.count(), 0, "a consumer's name without relations");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// The property that the whole of it stands on: whatever happens, in whatever order the linker gets to do its
    /// changes and however many of them a crash takes away, in the end the halves agree, and then nothing is left to do.
    #[test]
    fn the_halves_converge(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut pair = Pair::consumed();
        for happening in happenings {
            happen(&mut pair, happening);
        }
        pair.settle();
        check(&pair)?;
        // Read back from their records, as after a restart, there is nothing to do either.
        let again: Vec<Model> = pair
            .models
            .iter()
            .map(|model| {
                let mut read = Model::new(ModelInfo::clone(&model.info));
                model.records().into_iter().for_each(|record| read.put(record));
                read
            })
            .collect();
        prop_assert!(plan(&again).is_empty());
        // When everybody leaves, what was going away is gone.
        for at in [OFFERS, CONSUMES] {
            let dying: Vec<RelationId> = pair.models[at]
                .relations
                .values()
                .filter(|r| r.life != Life::Alive)
                .map(|r| r.id)
                .collect();
            for id in dying {
                for n in 0..2 {
                    let name = UnitName::new(app(["db", "web"][at]), n);
                    pair.act(at, &name, Act::LeaveScope(id));
                }
            }
        }
        pair.settle();
        check(&pair)?;
        for model in &pair.models {
            prop_assert!(model.relations.values().all(|r| r.life == Life::Alive), "a relation hangs");
        }
    }
}
