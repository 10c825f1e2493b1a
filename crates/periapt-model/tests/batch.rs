//! Changes that are made together, or not at all.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use periapt_model::apply::apply;
use periapt_model::apply::batch::MOST_STEPS;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{
    Answer, Batch, BatchChange, Command, CrossModel, Deploy, EndpointRef, Place, Refusal, Step,
};
use periapt_model::entity::{Charm, ModelInfo};
use periapt_model::model::Model;
use periapt_model::names::{CharmId, MachineId, ModelName, UnitName};
use periapt_model::time::Timestamp;
use proptest::prelude::*;

fn empty() -> Model {
    let name = ModelName::new("m").unwrap();
    Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0)))
}

fn deploy(name: &str, endpoints: &str) -> BatchChange {
    let files = CharmFiles {
        metadata: Some(SourceText::new(
            "metadata.yaml",
            format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}"),
        )),
        config: Some(SourceText::new("config.yaml", "options:\n  size: {type: int, default: 1}\n")),
        ..CharmFiles::default()
    };
    let meta = parse(&files).unwrap().meta;
    let charm =
        Charm { id: CharmId(format!("id-{name}")), url: String::new(), revision: 0, version: None, meta };
    let deploy: Deploy =
        serde_json::from_value(serde_json::json!({ "charm": charm, "units": 0, "config": {} })).unwrap();
    BatchChange::Command(Box::new(Command::Deploy(Box::new(deploy))))
}

fn db() -> BatchChange {
    deploy("db", "provides:\n  sql: {interface: sql, limit: 1}\n")
}

fn web() -> BatchChange {
    deploy("web", "requires:\n  db: {interface: sql}\n")
}

fn relate(a: &str, b: &str) -> BatchChange {
    let end = |text: &str| {
        let (app, endpoint) = text.split_once(':').map_or((text, None), |(app, end)| (app, Some(end)));
        EndpointRef { app: app.parse().unwrap(), endpoint: endpoint.map(|end| end.parse().unwrap()) }
    };
    BatchChange::Command(Box::new(Command::Integrate { a: end(a), b: end(b) }))
}

fn machine() -> BatchChange {
    BatchChange::Machine { constraints: "mem=1G".to_owned() }
}

fn unit(app: &str, place: Place) -> BatchChange {
    BatchChange::Unit { app: app.parse().unwrap(), place }
}

fn steps(changes: Vec<BatchChange>) -> Vec<Step> {
    let numbered = changes.into_iter().enumerate();
    numbered.map(|(number, change)| Step { of: format!("step {number}"), change }).collect()
}

fn batch(steps: Vec<Step>) -> Command {
    Command::Batch(Batch { steps, ..Batch::default() })
}

fn run(model: &Model, changes: Vec<BatchChange>) -> Result<(Model, Vec<Answer>), Refusal> {
    let (writes, answer) = apply(model, batch(steps(changes)), Timestamp(1))?;
    let mut after = model.clone();
    writes.iter().for_each(|write| after.write(write));
    let Answer::Batch(answers) = answer else { panic!("{answer:?}") };
    Ok((after, answers))
}

#[test]
fn later_steps_see_earlier_ones_and_share_their_machines() {
    let (model, answers) = run(
        &empty(),
        vec![
            db(),
            web(),
            machine(),
            relate("web", "db"),
            unit("db", Place::New),
            unit("db", Place::Step(2)),
            unit("web", Place::Step(4)),
            unit("web", Place::Step(5)),
        ],
    )
    .unwrap();
    let on = |name: &str| model.units[&name.parse::<UnitName>().unwrap()].machine.0;
    assert_eq!((on("db/0"), on("db/1"), on("web/0"), on("web/1")), (1, 0, 1, 0));
    assert_eq!(model.machines[&MachineId(0)].constraints, "mem=1024M");
    assert!(!model.machines[&MachineId(0)].kept, "it goes with its last unit");
    assert_eq!(model.relations.len(), 1);
    let placed = |answer: &Answer| match answer {
        Answer::Placed { unit, machine, new } => format!("{unit} {} {new}", machine.0),
        other => format!("{other:?}"),
    };
    let placed: Vec<String> = answers.iter().skip(4).map(placed).collect();
    assert_eq!(placed, ["db/0 1 true", "db/1 0 false", "web/0 1 false", "web/1 0 false"]);
    // A machine that is there is a place too.
    let (after, _) = run(&model, vec![unit("db", Place::Machine(MachineId(1)))]).unwrap();
    assert_eq!(after.units[&"db/2".parse::<UnitName>().unwrap()].machine.0, 1);
}

#[test]
fn a_refusal_names_its_step_and_leaves_nothing() {
    let before = empty();
    for (last, words) in [
        (relate("web:nope", "db"), "step 2: application \"web\" has no \"nope\" endpoint"),
        (db(), "step 2: cannot add application \"db\": application already exists"),
        (unit("db", Place::Machine(MachineId(7))), "step 2: machine 7 not found"),
        (unit("nope", Place::New), "step 2: application \"nope\" not found"),
        (
            unit("db", Place::Step(2)),
            "step 2: cannot place a unit where step 2 did: no earlier step of that number has a machine",
        ),
        (
            unit("db", Place::Step(0)),
            "step 2: cannot place a unit where step 0 did: no earlier step of that number has a machine",
        ),
        (machine(), "step 2: no unit is placed on this machine"),
        (BatchChange::Machine { constraints: "mem=lots".into() }, "step 2: bad \"mem\" constraint: must be"),
        (
            BatchChange::Command(Box::new(Command::DestroyModel { force: true, storage: None })),
            "step 2: this command cannot be part of a batch",
        ),
        (BatchChange::Command(Box::new(batch(Vec::new()))), "step 2: this command cannot be part of a batch"),
        (
            BatchChange::Command(Box::new(Command::TakeUnit { unit: "db/0".parse().unwrap() })),
            "step 2: this command cannot be part of a batch",
        ),
        (
            BatchChange::Command(Box::new(Command::CrossModel(Box::new(CrossModel::RemoveSaas {
                app: "x".parse().unwrap(),
                force: true,
            })))),
            "step 2: this command cannot be part of a batch",
        ),
    ] {
        let refusal = run(&before, vec![db(), web(), last]).unwrap_err();
        assert!(refusal.message.starts_with(words), "{words}\n{}", refusal.message);
    }
    assert_eq!(before, empty());
    let anonymous = Step { of: String::new(), change: unit("nope", Place::New) };
    let refusal = apply(&before, batch(vec![anonymous]), Timestamp(1)).unwrap_err();
    assert_eq!(refusal.message, "application \"nope\" not found");
}

#[test]
fn a_batch_has_bounds() {
    let many = |change: BatchChange, count: usize| vec![change; count];
    let refusal = run(&empty(), many(unit("db", Place::New), 10_001)).unwrap_err();
    assert_eq!(refusal.message, "cannot add 10001 units at once: ask for at most 10000");
    let refusal = run(&empty(), many(machine(), MOST_STEPS + 1)).unwrap_err();
    assert_eq!(refusal.message, "cannot make 20001 changes at once: ask for at most 20000");
    // Those that come with an application count as well.
    let deployed = |name: &str, units: u32, placed: bool| {
        let BatchChange::Command(command) = deploy(name, "") else { panic!("{name} is a command") };
        let Command::Deploy(mut deploy) = *command else { panic!("{name} is deployed") };
        deploy.units = units;
        let command = match placed {
            false => Command::Deploy(deploy),
            true => Command::DeployTo { deploy, placement: Vec::new(), storage: Default::default() },
        };
        BatchChange::Command(Box::new(command))
    };
    let all = |last: u32| {
        let mut all = vec![deployed("one", 6_000, false), deployed("two", last, true)];
        all.push(unit("one", Place::New));
        all
    };
    let refusal = run(&empty(), all(4_000)).unwrap_err();
    assert_eq!(refusal.message, "cannot add 10001 units at once: ask for at most 10000");
    let (model, _) = run(&empty(), all(3_999)).unwrap();
    assert_eq!(model.units.len(), 10_000);
    // Ten thousand of them are no more work than the same in one command.
    let mut all = vec![db(), machine()];
    all.extend(many(unit("db", Place::Step(1)), 5_000));
    all.extend(many(unit("db", Place::New), 5_000));
    let (model, _) = run(&empty(), all).unwrap();
    assert_eq!((model.units.len(), model.machines.len()), (10_000, 5_001));
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        3 => Just(Place::New),
        1 => (0..4u32).prop_map(|id| Place::Machine(MachineId(id))),
    ]
}

fn any_change() -> impl Strategy<Value = BatchChange> {
    let app = || prop_oneof![Just("db"), Just("web")];
    let command = |command: Command| BatchChange::Command(Box::new(command));
    prop_oneof![
        2 => Just(db()),
        2 => Just(web()),
        2 => (app(), any_place()).prop_map(|(app, place)| unit(app, place)),
        2 => Just(relate("web", "db")),
        1 => (app(), "[0-9]{1,2}|x").prop_map(move |(app, size)| command(Command::SetConfig {
            app: app.parse().unwrap(),
            set: [("size".to_owned(), size)].into(),
            reset: Vec::new(),
        })),
        1 => (app(), any::<bool>()).prop_map(move |(app, trust)| command(Command::SetTrust {
            app: app.parse().unwrap(),
            trust,
        })),
        1 => Just(relate("web:nope", "db")),
    ]
}

/// The command that does by itself what a step does.
fn alone(change: BatchChange) -> Command {
    match change {
        BatchChange::Command(command) => *command,
        BatchChange::Unit { app, place: Place::New } => Command::AddUnits { app, count: 1 },
        BatchChange::Unit { app, place: Place::Machine(id) } => {
            Command::AddUnitsTo { app, count: 1, placement: vec![id.to_string()], attach: Vec::new() }
        }
        other => panic!("there is no command for {other:?}"),
    }
}

proptest! {
    /// A batch is what the same commands are one after the other, and when one of them is refused it is refused with its
    /// words.
    #[test]
    fn a_batch_is_all_of_its_steps_or_none(
        there in prop::collection::vec(any_change(), 0..6),
        changes in prop::collection::vec(any_change(), 0..8),
    ) {
        let mut before = empty();
        for change in there {
            if let Ok((after, _)) = run(&before, vec![change]) { before = after }
        }
        let untouched = before.clone();
        let mut one_by_one = Ok(before.clone());
        for (number, change) in changes.iter().enumerate() {
            let Ok(model) = &one_by_one else { break };
            one_by_one = match apply(model, alone(change.clone()), Timestamp(1)) {
                Err(refusal) => {
                    Err(Refusal { message: format!("step {number}: {}", refusal.message), ..refusal })
                }
                Ok((writes, _)) => {
                    let mut after = model.clone();
                    writes.iter().for_each(|write| after.write(write));
                    Ok(after)
                }
            };
        }
        let together = run(&before, changes).map(|(after, _)| after);
        prop_assert_eq!(together, one_by_one);
        prop_assert_eq!(before, untouched, "what was there is what it was");
    }
}
