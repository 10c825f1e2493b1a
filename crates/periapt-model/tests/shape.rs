//! What a plan stands on: it is compared when the plan is done, and only that.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{
    Batch, BatchChange, Command, CrossModel, EndpointRef, Place, RefusalKind, RelationRef, Step, Tell,
};
use periapt_model::commit::commit;
use periapt_model::effects::Effects;
use periapt_model::entity::{Charm, Exposure, ModelInfo, OfferSource, ResourceFile};
use periapt_model::model::{Model, Record};
use periapt_model::names::{AppName, CharmId, MachineId, ModelName, UnitName};
use periapt_model::shape::{Names, Shape};
use periapt_model::status::{Life, WorkloadStatus};
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;
use proptest::prelude::*;

fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn charm(name: &str, id: &str, endpoints: &str) -> Charm {
    let text = format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}");
    let files = CharmFiles {
        metadata: Some(SourceText::new("metadata.yaml", text)),
        config: Some(SourceText::new("config.yaml", "options:\n  size: {type: float, default: 1}\n")),
        ..CharmFiles::default()
    };
    let meta = parse(&files).unwrap().meta;
    Charm { id: CharmId(id.to_owned()), url: String::new(), revision: 0, version: None, meta }
}

const DB: &str = "provides:\n  sql: {interface: sql}\n  more: {interface: more}\nresources:\n  seed: {type: file, filename: s}\n";
const WEB: &str = "requires:\n  db: {interface: sql}\n  spare: {interface: sql}\n";

fn deploy(name: &str, charm: Charm, units: u32) -> Command {
    let deploy = serde_json::json!({"name": name, "charm": charm, "units": units});
    Command::Deploy(Box::new(serde_json::from_value(deploy).unwrap()))
}

fn done(model: &Model, command: Command) -> Model {
    let (writes, _) = apply(model, command, Timestamp(1)).unwrap();
    let mut after = model.clone();
    writes.iter().for_each(|write| after.write(write));
    after
}

fn integrate(a: &str, b: &str) -> Command {
    let end = |text: &str| {
        let (app, endpoint) = text.split_once(':').unwrap();
        EndpointRef { app: app.parse().unwrap(), endpoint: endpoint.parse().ok() }
    };
    Command::Integrate { a: end(a), b: end(b) }
}

fn cross(command: CrossModel) -> Command {
    Command::CrossModel(Box::new(command))
}

fn offer(endpoints: &[&str]) -> Command {
    let endpoints = endpoints.iter().map(|end| end.parse().unwrap()).collect();
    cross(CrossModel::Offer { name: "sql".parse().ok(), app: app("db"), endpoints })
}

fn consume(offer: &str) -> Command {
    let source = OfferSource {
        model: "far".into(),
        model_name: "far".parse().unwrap(),
        offer: offer.parse().unwrap(),
    };
    cross(CrossModel::Consume { source, alias: Some(app("saas")), endpoints: Default::default() })
}

/// `db` with a unit, related to `web`, whose unit is in the relation; an application beside them; a machine without units.
fn start() -> Model {
    let info = ModelInfo::new("uuid".into(), ModelName::new("m").unwrap(), Timestamp(0));
    let mut model = Model::new(info);
    for command in [
        deploy("db", charm("db", "id-db", DB), 1),
        deploy("web", charm("web", "id-web", WEB), 1),
        deploy("other", charm("web", "id-web", WEB), 1),
        integrate("db:sql", "web:db"),
        Command::AddMachines { count: 1, constraints: String::new() },
        Command::TakeUnit { unit: unit("web/0") },
    ] {
        model = done(&model, command);
    }
    let id = model.relations.values().next().unwrap().id;
    let local = model.agents[&unit("web/0")].local.clone();
    let (acts, effects) = (vec![Act::EnterScope(id)], Effects::default());
    let step = Commit { unit: unit("web/0"), epoch: 1, local, acts, effects, journal: Vec::new() };
    commit(&model.clone(), step, Timestamp(1)).unwrap().iter().for_each(|write| model.write(write));
    model
}

/// What the plans here are about: not `other`, and two that are not there.
fn names() -> Names {
    Names {
        applications: ["db", "web", "late"].map(app).into(),
        machines: [3, 7].map(MachineId).into(),
        offers: ["sql".parse().unwrap()].into(),
        saas: [app("saas")].into(),
    }
}

fn add_db(place: Place) -> Step {
    Step { of: String::new(), change: BatchChange::Unit { app: app("db"), place } }
}

fn planned(expect: Shape) -> Command {
    Command::Batch(Batch { steps: vec![add_db(Place::New), add_db(Place::New)], expect })
}

#[test]
fn a_plan_is_refused_when_what_it_stands_on_has_changed() {
    let relation = || RelationRef::Id(start().relations.values().next().unwrap().id);
    let to = Exposure { spaces: Vec::new(), cidrs: vec!["10.0.0.0/8".to_owned()] };
    let refresh = |charm: Option<Charm>, channel: Option<&str>| Command::Refresh {
        app: app("db"),
        charm: charm.map(Box::new),
        force_units: false,
        config: Default::default(),
        resources: Default::default(),
        channel: channel.map(str::to_owned),
        trust: None,
    };
    let file = ResourceFile { hash: "h".into(), size: 1, revision: 1, store: None };
    let remove = |app: AppName| Command::RemoveApplication { app, force: false };
    let late = deploy("late", charm("web", "id-web", WEB), 0);
    let cases: Vec<(Vec<Command>, Vec<Command>, &str)> = vec![
        (
            vec![],
            vec![Command::AddUnits { app: app("db"), count: 2 }],
            "application \"db\" has 3 units and had 1",
        ),
        (
            vec![],
            vec![
                Command::RemoveUnits { units: vec![unit("db/0")], force: true },
                Command::AddUnits { app: app("db"), count: 1 },
            ],
            "application \"db\" has other units",
        ),
        // It is there still, and counts no more.
        (
            vec![],
            vec![Command::RemoveUnits { units: vec![unit("web/0")], force: false }],
            "application \"web\" has 0 units and had 1",
        ),
        (vec![], vec![late.clone()], "application \"late\" is new"),
        (vec![late.clone()], vec![remove(app("late"))], "application \"late\" is gone"),
        (
            vec![],
            vec![remove(app("web"))],
            "application \"web\" is being removed; relation web:db db:sql is being removed",
        ),
        (
            vec![],
            vec![Command::SetConfig {
                app: app("db"),
                set: [("size".to_owned(), "2".to_owned())].into(),
                reset: Vec::new(),
            }],
            "application \"db\" has other options: size",
        ),
        (
            vec![],
            vec![Command::SetTrust { app: app("db"), trust: true }],
            "the trust of application \"db\" is another",
        ),
        (
            vec![],
            vec![Command::Expose { app: app("db"), endpoints: Vec::new(), to: to.clone() }],
            "application \"db\" is exposed otherwise",
        ),
        (
            vec![Command::SetExposed { app: app("db"), exposed: true }],
            vec![Command::Expose { app: app("db"), endpoints: vec!["sql".parse().unwrap()], to }],
            "application \"db\" is exposed otherwise",
        ),
        (
            vec![],
            vec![Command::SetConstraints { app: Some(app("db")), constraints: "mem=2G".into() }],
            "application \"db\" has other constraints",
        ),
        (vec![], vec![refresh(None, Some("2/edge"))], "application \"db\" follows another channel"),
        (
            vec![],
            vec![refresh(Some(charm("db", "id-new", DB)), None)],
            "application \"db\" has another charm",
        ),
        (
            vec![],
            vec![Command::AttachResource { app: app("db"), resource: "seed".parse().unwrap(), file }],
            "application \"db\" has other resources",
        ),
        (vec![], vec![integrate("db:sql", "web:spare")], "relation web:spare db:sql is new"),
        (
            vec![],
            vec![Command::RemoveRelation { relation: relation(), force: false }],
            "relation web:db db:sql is being removed",
        ),
        (
            vec![],
            vec![Command::RemoveRelation { relation: relation(), force: true }],
            "relation web:db db:sql is gone",
        ),
        (
            vec![],
            vec![Command::RemoveMachines { machines: vec![MachineId(3)], force: false }],
            "machine 3 is gone",
        ),
        (vec![], vec![Command::AddMachines { count: 4, constraints: String::new() }], "machine 7 is new"),
        (vec![], vec![offer(&["sql"])], "offer \"sql\" is new"),
        (vec![offer(&["sql"])], vec![offer(&["more", "sql"])], "offer \"sql\" is another"),
        (
            vec![offer(&["sql"])],
            vec![cross(CrossModel::RemoveOffer { name: "sql".parse().unwrap(), force: false })],
            "offer \"sql\" is gone",
        ),
        (vec![], vec![consume("far")], "saas application \"saas\" is new"),
        (
            vec![consume("far")],
            vec![cross(CrossModel::RemoveSaas { app: app("saas"), force: false }), consume("near")],
            "saas application \"saas\" is another",
        ),
    ];
    for (before, between, words) in cases {
        let before = before.into_iter().fold(start(), |model, command| done(&model, command));
        let expect = Shape::of(&before).about(&names());
        let after = between.iter().cloned().fold(before.clone(), |model, command| done(&model, command));
        let refusal = apply(&after, planned(expect.clone()), Timestamp(2)).unwrap_err();
        let message = format!("the model has changed since this was planned: {words}");
        assert_eq!((refusal.kind, refusal.message), (RefusalKind::Changed, message), "{between:?}");
        assert_eq!(done(&before, planned(expect)).units_of(&app("db")).count(), 3, "{between:?}");
        // Planned from what is there by then, it is done; and so it is by who does not mind.
        for expect in [Shape::of(&after).about(&names()), Shape::default()] {
            assert!(apply(&after, planned(expect), Timestamp(2)).is_ok(), "{between:?}");
        }
    }
}

#[test]
fn what_a_plan_is_not_about_may_change() {
    let before = start();
    let expect = Shape::of(&before).about(&names());
    let status = Tell::UnitStatus { status: WorkloadStatus::Blocked, message: "m".into() };
    for command in [
        Command::AddUnits { app: app("other"), count: 2 },
        Command::RemoveApplication { app: app("other"), force: true },
        deploy("beside", charm("web", "id-web", WEB), 2),
        integrate("db:sql", "other:db"),
        Command::Agent { unit: unit("web/0"), epoch: 1, tell: status },
        Command::Agent { unit: unit("web/0"), epoch: 1, tell: Tell::ClaimLeadership },
        Command::TakeUnit { unit: unit("db/0") },
        Command::SetConstraints { app: None, constraints: "mem=2G".into() },
    ] {
        let after = done(&before, command.clone());
        assert!(apply(&after, planned(expect.clone()), Timestamp(2)).is_ok(), "{command:?}");
    }
}

#[test]
fn of_two_that_were_planned_at_once_one_is_done() {
    let before = start();
    let expect = Shape::of(&before).about(&names());
    let first = done(&before, planned(expect.clone()));
    let second = apply(&first, planned(expect), Timestamp(2)).unwrap_err();
    assert_eq!(second.kind, RefusalKind::Changed);
    assert_eq!(first.units_of(&app("db")).count(), 3);
}

#[test]
fn a_refusal_names_some_and_counts_the_rest() {
    let before = start();
    let mut names = names();
    names.applications.extend((0..9).map(|number| app(&format!("x{}", char::from(b'a' + number)))));
    let expect = Shape::of(&before).about(&names);
    let after = (0..9).fold(before, |model, number| {
        let name = format!("x{}", char::from(b'a' + number));
        done(&model, deploy(&name, charm("web", "id-web", WEB), 0))
    });
    let refusal = apply(&after, planned(expect), Timestamp(2)).unwrap_err();
    assert!(refusal.message.ends_with("application \"xe\" is new; 4 more"), "{}", refusal.message);
}

#[test]
fn units_of_subordinates_are_none_of_a_plans() {
    let metadata = "subordinate: true\nrequires:\n  host: {interface: juju-info, scope: container}\n";
    let before = done(&start(), deploy("side", charm("side", "id-side", metadata), 0));
    let mut names = names();
    names.applications.insert(app("side"));
    let before = done(&before, integrate("side:host", "web:juju-info"));
    let expect = Shape::of(&before).about(&names);
    let id = before.relations.values().find(|relation| relation.is_container()).unwrap().id;
    let local = before.agents[&unit("web/0")].local.clone();
    let (acts, effects) = (vec![Act::EnterScope(id)], Effects::default());
    let step = Commit { unit: unit("web/0"), epoch: 1, local, acts, effects, journal: Vec::new() };
    let mut after = before.clone();
    commit(&before, step, Timestamp(1)).unwrap().iter().for_each(|write| after.write(write));
    assert_eq!(after.units_of(&app("side")).count(), 1);
    assert!(apply(&after, planned(expect), Timestamp(2)).is_ok());
}

#[test]
fn a_relation_that_ends_beside_a_new_one_changes_no_plan() {
    // As it stands after an end that was not waited for.
    let before = start();
    let mut both = before.clone();
    let old = before.relations.values().next().unwrap();
    let mut going = periapt_model::entity::Relation::clone(old);
    (going.id.0, going.life) = (99, Life::Dying);
    both.put(Record::Relation(going.into()));
    let expect = Shape::of(&both).about(&names());
    assert!(apply(&before, planned(expect), Timestamp(2)).is_ok());
}

fn any_command() -> impl Strategy<Value = Command> {
    let named = || prop_oneof![Just("db"), Just("web"), Just("late"), Just("other")].prop_map(app);
    prop_oneof![
        Just(deploy("late", charm("web", "id-web", WEB), 1)),
        (named(), 1..3u32).prop_map(|(app, count)| Command::AddUnits { app, count }),
        (named(), 0..3u32, any::<bool>()).prop_map(|(app, number, force)| Command::RemoveUnits {
            units: vec![UnitName::new(app, number)],
            force,
        }),
        (named(), any::<bool>()).prop_map(|(app, force)| Command::RemoveApplication { app, force }),
        (named(), 0..3u32).prop_map(|(app, size)| Command::SetConfig {
            app,
            set: [("size".to_owned(), size.to_string())].into(),
            reset: Vec::new(),
        }),
        (named(), any::<bool>()).prop_map(|(app, trust)| Command::SetTrust { app, trust }),
        (named(), any::<bool>()).prop_map(|(app, exposed)| Command::SetExposed { app, exposed }),
        Just(integrate("db:sql", "web:spare")),
        Just(integrate("db:sql", "other:db")),
        (1..4u32, any::<bool>()).prop_map(|(id, force)| Command::RemoveRelation {
            relation: RelationRef::Id(periapt_model::names::RelationId(id)),
            force,
        }),
        Just(offer(&["sql"])),
        Just(consume("far")),
        Just(cross(CrossModel::RemoveSaas { app: app("saas"), force: false })),
        Just(Command::AddMachines { count: 1, constraints: String::new() }),
    ]
}

fn after(model: &Model, commands: Vec<Command>) -> Model {
    commands.into_iter().fold(model.clone(), |model, command| match apply(&model, command, Timestamp(1)) {
        Ok((writes, _)) => {
            let mut after = model.clone();
            writes.iter().for_each(|write| after.write(write));
            after
        }
        Err(_) => model,
    })
}

proptest! {
    /// A plan is done exactly where what it stands on is what it was, by whatever way it got there; and what a client
    /// sends is what it was told.
    #[test]
    fn a_plan_is_done_where_it_was_made(
        first in prop::collection::vec(any_command(), 0..6),
        then in prop::collection::vec(any_command(), 0..4),
    ) {
        let before = after(&start(), first);
        let told: Shape = serde_json::from_str(&serde_json::to_string(&Shape::of(&before)).unwrap()).unwrap();
        prop_assert_eq!(&told, &Shape::of(&before));
        let expect = told.about(&names());
        prop_assert_eq!(&expect, &Shape::named(&before, &names()));
        let later = after(&before, then);
        let same = Shape::named(&later, &names()) == expect;
        let differences = expect.differences(&later);
        // A relation that was ending and has ended is no difference where another is in its place.
        let ended = expect.relations.iter().any(|relation| relation.going);
        prop_assert!(differences.is_empty() == same || (ended && differences.is_empty()), "{:?}", differences);
        let words: BTreeSet<String> = differences.iter().map(ToString::to_string).collect();
        prop_assert_eq!(words.len(), differences.len(), "each is told once");
        let steps = vec![Step { of: String::new(), change: BatchChange::Command(Box::new(Command::SetExposed {
            app: app("web"),
            exposed: true,
        })) }];
        let alone = apply(&later, Command::Batch(Batch { steps: steps.clone(), expect: Shape::default() }), Timestamp(2));
        let planned = apply(&later, Command::Batch(Batch { steps, expect }), Timestamp(2));
        match differences.is_empty() {
            true => prop_assert_eq!(planned, alone),
            false => prop_assert_eq!(planned.unwrap_err().kind, RefusalKind::Changed),
        }
    }
}
