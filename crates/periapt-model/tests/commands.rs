//! What commands do to a model, one behaviour a test.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, ConfigValue, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Refusal, RefusalKind, RelationRef};
use periapt_model::entity::{Charm, ModelInfo};
use periapt_model::model::{Model, Write};
use periapt_model::names::{AppName, CharmId, ModelName, RelationId, UnitName};
use periapt_model::observe::{concerned, effective_config, observe};
use periapt_model::status::Life;
use periapt_model::time::Timestamp;
use proptest::prelude::*;

fn charm(name: &str, endpoints: &str) -> Charm {
    let files = CharmFiles {
        metadata: Some(SourceText::new(
            "metadata.yaml",
            format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}"),
        )),
        config: Some(SourceText::new(
            "config.yaml",
            "options:\n  size: {type: int, default: 1, description: d}\n  title: {type: string, description: d}\n",
        )),
        actions: Some(SourceText::new(
            "actions.yaml",
            "grow:\n  description: d\n  params:\n    by: {type: integer}\n  required: [by]\n",
        )),
        ..CharmFiles::default()
    };
    let meta = parse(&files).expect("the test's metadata is valid").meta;
    Charm {
        id: CharmId(format!("id-{name}-{}", endpoints.len())),
        url: String::new(),
        revision: 0,
        version: None,
        meta,
    }
}

const DB: &str = "provides:\n  db: {interface: sql}\npeers:\n  mates: {interface: mates}\n";
const WEB: &str = "requires:\n  db: {interface: sql, limit: 1}\n  spare: {interface: other}\n";

struct World(Model);

impl World {
    fn new() -> Self {
        let name = ModelName::new("m").unwrap();
        Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))))
    }

    fn with_db_and_web() -> Self {
        let mut world = Self::new();
        world.ok(deploy("db", charm("db", DB), 2));
        world.ok(deploy("web", charm("web", WEB), 1));
        world
    }

    fn ok(&mut self, command: Command) -> Answer {
        let (writes, answer) = apply(&self.0, command, Timestamp(1)).expect("the command is accepted");
        writes.iter().for_each(|w| self.0.write(w));
        answer
    }

    fn refused(&self, command: Command) -> Refusal {
        apply(&self.0, command, Timestamp(1)).expect_err("the command is refused")
    }

    fn take_all(&mut self) {
        let units: Vec<UnitName> = self.0.units.keys().cloned().collect();
        for unit in units {
            self.ok(Command::TakeUnit { unit });
        }
    }
}

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn deploy(name: &str, charm: Charm, units: u32) -> Command {
    Command::Deploy(Box::new(Deploy {
        name: Some(app(name)),
        charm,
        units,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        force: false,
    }))
}

fn end(text: &str) -> EndpointRef {
    match text.split_once(':') {
        Some((a, e)) => EndpointRef { app: app(a), endpoint: Some(e.parse().unwrap()) },
        None => EndpointRef { app: app(text), endpoint: None },
    }
}

fn integrate(a: &str, b: &str) -> Command {
    Command::Integrate { a: end(a), b: end(b) }
}

fn set_config(name: &str, pairs: &[(&str, &str)]) -> Command {
    let set = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Command::SetConfig { app: app(name), set, reset: Vec::new() }
}

#[test]
fn deploy_makes_units_machines_and_peer_relations() {
    let world = World::with_db_and_web();
    assert_eq!(world.0.units.len(), 3);
    assert_eq!(world.0.machines.len(), 3);
    assert_eq!(world.0.relations.len(), 1);
    assert_eq!(world.0.applications[&app("db")].charm.url, "local:db-0");
    let addresses: std::collections::BTreeSet<_> = world.0.machines.values().map(|m| &m.address).collect();
    assert_eq!(addresses.len(), 3, "each unit has an address of its own");
}

#[test]
fn a_second_deploy_of_a_name_is_refused_and_a_second_charm_gets_the_next_revision() {
    let mut world = World::with_db_and_web();
    assert_eq!(world.refused(deploy("db", charm("db", DB), 1)).kind, RefusalKind::AlreadyExists);
    world.ok(deploy("db-two", charm("db", DB), 0));
    assert_eq!(world.0.applications[&app("db-two")].charm.url, "local:db-1");
}

#[test]
fn integrate_finds_the_one_pair_that_fits() {
    let mut world = World::with_db_and_web();
    assert_eq!(
        world.ok(integrate("web", "db")),
        Answer::Related { id: RelationId(1), key: "web:db db:db".into() }
    );
    assert_eq!(world.refused(integrate("db", "web")).kind, RefusalKind::AlreadyExists);
    world.ok(deploy("other", charm("db", DB), 1));
    let refusal = world.refused(integrate("web:db", "other"));
    assert!(refusal.message.contains("maximum relation limit of 1"), "{refusal}");
}

#[test]
fn integrate_says_what_there_is_when_nothing_fits() {
    let world = World::with_db_and_web();
    let refusal = world.refused(integrate("web:dbb", "db"));
    assert_eq!(refusal.message, "application \"web\" has no \"dbb\" endpoint");
    assert_eq!(refusal.hint.as_deref(), Some("did you mean \"db\"? Its endpoints are: db, spare"));
    assert_eq!(world.refused(integrate("web:spare", "db")).kind, RefusalKind::NotFound);
    assert_eq!(world.refused(integrate("ghost", "db")).message, "application \"ghost\" not found");
}

#[test]
fn config_is_read_by_type_and_a_refusal_changes_nothing() {
    let mut world = World::with_db_and_web();
    world.ok(set_config("db", &[("size", "7")]));
    assert_eq!(effective_config(&world.0, &app("db"))["size"], ConfigValue::Int(7));
    let refusal = world.refused(set_config("db", &[("size", "8"), ("titel", "x")]));
    assert_eq!(refusal.hint.as_deref(), Some("did you mean \"title\"?"));
    assert!(world.refused(set_config("db", &[("size", "big")])).message.contains("size"));
    assert_eq!(effective_config(&world.0, &app("db"))["size"], ConfigValue::Int(7));
    world.ok(Command::SetConfig { app: app("db"), set: BTreeMap::new(), reset: vec!["size".into()] });
    assert_eq!(effective_config(&world.0, &app("db"))["size"], ConfigValue::Int(1));
}

#[test]
fn only_those_concerned_hear_of_a_change() {
    let mut world = World::with_db_and_web();
    let before = world.0.clone();
    let (writes, _) = apply(&before, set_config("web", &[("size", "2")]), Timestamp(1)).unwrap();
    writes.iter().for_each(|w| world.0.write(w));
    assert_eq!(concerned(&before, &world.0, &writes), [unit("web/0")].into());
}

#[test]
fn the_fingerprint_changes_with_what_the_charm_sees_only() {
    let mut world = World::with_db_and_web();
    let inputs = |w: &World| observe(&w.0, &unit("db/0")).unwrap().inputs;
    let first = inputs(&world);
    world.ok(set_config("db", &[("size", "1")]));
    assert_eq!(inputs(&world), first, "the default's own value looks the same to the charm");
    world.ok(set_config("db", &[("size", "2")]));
    assert_ne!(inputs(&world).config, first.config);
    world.ok(Command::SetTrust { app: app("db"), trust: true });
    assert_ne!(inputs(&world).trust, first.trust);
}

#[test]
fn unit_numbers_are_never_used_again() {
    let mut world = World::with_db_and_web();
    world.ok(Command::RemoveUnits { units: vec![unit("db/1")], force: false });
    assert_eq!(world.ok(Command::AddUnits { app: app("db"), count: 1 }), Answer::Units(vec![unit("db/2")]));
    world.ok(Command::RemoveApplication { app: app("db"), force: true });
    assert_eq!(
        world.ok(deploy("db", charm("db", DB), 1)),
        Answer::Deployed { app: app("db"), units: vec![unit("db/3")], url: "local:db-1".into() }
    );
}

#[test]
fn an_application_goes_when_its_last_unit_and_relation_have_gone() {
    let mut world = World::with_db_and_web();
    world.ok(integrate("web", "db"));
    world.take_all();
    world.ok(Command::RemoveApplication { app: app("db"), force: false });
    assert_eq!(world.0.units[&unit("db/0")].life, Life::Dying);
    world.ok(Command::RemoveUnits { units: vec![unit("db/0"), unit("db/1")], force: true });
    assert!(
        !world.0.applications.contains_key(&app("db")),
        "nobody was in scope, so the relation went at once"
    );
    assert!(world.0.relations.is_empty());
    assert!(world.0.charms.keys().all(|id| id.0.starts_with("id-web")));
}

#[test]
fn peer_relations_cannot_be_removed() {
    let world = World::with_db_and_web();
    let refusal =
        world.refused(Command::RemoveRelation { relation: RelationRef::Id(RelationId(0)), force: true });
    assert!(refusal.message.contains("peer relation"), "{refusal}");
}

#[test]
fn refresh_may_not_drop_an_endpoint_in_use() {
    let mut world = World::with_db_and_web();
    world.ok(integrate("web", "db"));
    let refresh = |endpoints: &str| Command::Refresh {
        app: app("db"),
        charm: Some(Box::new(charm("db", endpoints))),
        force_units: false,
        config: BTreeMap::new(),
        resources: BTreeMap::new(),
        channel: None,
        trust: None,
    };
    let refusal = world.refused(refresh("peers:\n  mates: {interface: mates}\n"));
    assert!(refusal.message.contains("web:db db:db"), "{refusal}");
    world.ok(refresh(&format!("{DB}  more: {{interface: more}}\n")));
    assert_eq!(world.0.applications[&app("db")].charm.url, "local:db-1");
    assert_eq!(world.0.relations.len(), 3, "the new peer endpoint has its relation");
}

#[test]
fn actions_are_checked_before_they_are_queued() {
    use periapt_model::command::Receiver;
    let mut world = World::with_db_and_web();
    let run = |params: serde_json::Value| Command::Run {
        receivers: vec![Receiver::Application(app("db"))],
        action: "grow".parse().unwrap(),
        params: params.as_object().cloned().unwrap(),
    };
    assert!(world.refused(run(serde_json::json!({}))).message.contains("by"));
    assert!(world.refused(run(serde_json::json!({"by": "much"}))).message.contains("by"));
    let Answer::Operation { tasks, .. } = world.ok(run(serde_json::json!({"by": 2}))) else {
        panic!("an operation")
    };
    assert_eq!(tasks.len(), 2);
    assert_eq!(observe(&world.0, &unit("db/0")).unwrap().tasks.len(), 1);
    let nobody = Command::Run {
        receivers: vec![Receiver::Leader(app("db"))],
        action: "grow".parse().unwrap(),
        params: serde_json::Map::new(),
    };
    assert!(world.refused(nobody).message.contains("could not determine leader"));
}

#[test]
fn a_fenced_agent_changes_nothing() {
    use periapt_model::local::Local;
    use periapt_model::step_commit::{Commit, CommitRefusal};
    let mut world = World::with_db_and_web();
    world.take_all();
    world.take_all();
    let commit = Commit {
        unit: unit("db/0"),
        epoch: 1,
        local: Local { installed: true, ..Local::default() },
        acts: Vec::new(),
        effects: Default::default(),
        journal: Vec::new(),
    };
    let refused = periapt_model::commit::commit(&world.0, commit, Timestamp(2)).unwrap_err();
    assert_eq!(refused, CommitRefusal::Fenced { unit: unit("db/0"), epoch: 1, current: 2 });
}

/// Both applications related, and all of their units in the relation.
fn related() -> (World, RelationId) {
    use periapt_model::step_commit::Act;
    let mut world = World::with_db_and_web();
    world.take_all();
    let Answer::Related { id, .. } = world.ok(integrate("web", "db")) else { panic!("a relation") };
    for name in ["db/0", "db/1", "web/0"] {
        commit_acts(&mut world, name, vec![Act::EnterScope(id)]);
    }
    (world, id)
}

fn remove_app(name: &str, force: bool) -> Command {
    Command::RemoveApplication { app: app(name), force }
}

#[test]
fn an_application_removed_by_force_leaves_the_other_side_its_hooks() {
    use periapt_model::step_commit::Act;
    let (mut world, id) = related();
    world.ok(remove_app("db", true));
    assert_eq!(world.0.units.keys().collect::<Vec<_>>(), [&unit("web/0")], "its own units go at once");
    let seen = observe(&world.0, &unit("web/0")).unwrap().relations[&id].clone();
    assert_eq!((seen.life, seen.in_scope, seen.members.len()), (Life::Dying, true, 0));
    assert!(seen.remote_app_dying);
    // It runs departed and broken, and leaves.
    assert!(world.0.member(id, &unit("db/1")).is_some(), "departed may read what was there");
    commit_acts(&mut world, "web/0", vec![Act::LeaveScope(id)]);
    assert!(!world.0.applications.contains_key(&app("db")) && !world.0.relations.contains_key(&id));
}

#[test]
fn force_for_the_second_time_waits_for_nobody() {
    for first in [true, false] {
        let (mut world, id) = related();
        world.ok(remove_app("db", first));
        if !first {
            world.ok(Command::RemoveUnits { units: vec![unit("db/0"), unit("db/1")], force: true });
        }
        assert!(world.0.relations.contains_key(&id), "{first}");
        world.ok(remove_app("db", true));
        assert!(!world.0.applications.contains_key(&app("db")) && !world.0.relations.contains_key(&id));
        assert!(observe(&world.0, &unit("web/0")).unwrap().relations.is_empty(), "{first}");
    }
}

#[test]
fn a_unit_removed_by_force_is_seen_to_depart() {
    let (mut world, id) = related();
    world.ok(Command::RemoveUnits { units: vec![unit("db/0")], force: true });
    let seen = observe(&world.0, &unit("web/0")).unwrap().relations[&id].clone();
    assert_eq!(seen.members.keys().collect::<Vec<_>>(), [&unit("db/1")]);
    assert_eq!((seen.life, seen.in_scope), (Life::Alive, true));
}

#[test]
fn a_model_destroyed_by_force_is_empty_at_once() {
    let (mut world, _) = related();
    let storage = Default::default();
    world.ok(Command::DestroyModel { force: true, storage });
    assert!(world.0.is_emptied() && world.0.relations.is_empty());
}

/// A commit of `name`'s first agent that does these things.
fn commit_acts(world: &mut World, name: &str, acts: Vec<periapt_model::step_commit::Act>) {
    let commit = periapt_model::step_commit::Commit {
        unit: unit(name),
        epoch: 1,
        local: Default::default(),
        acts,
        effects: Default::default(),
        journal: Vec::new(),
    };
    let writes = periapt_model::commit::commit(&world.0, commit, Timestamp(2)).unwrap();
    writes.iter().for_each(|w| world.0.write(w));
}

#[test]
fn a_charm_stays_as_long_as_a_unit_has_its_files() {
    use periapt_model::step_commit::Act;
    let mut world = World::new();
    world.ok(deploy("db", charm("db", DB), 1));
    world.ok(deploy("other", charm("db", DB), 1));
    world.take_all();
    let old = world.0.applications[&app("db")].charm.clone();
    commit_acts(&mut world, "db/0", vec![Act::CharmInstalled(old.clone())]);
    world.ok(Command::Refresh {
        app: app("db"),
        charm: Some(Box::new(charm("db", &format!("{DB}  more: {{interface: more}}\n")))),
        force_units: false,
        config: BTreeMap::new(),
        resources: BTreeMap::new(),
        channel: None,
        trust: None,
    });
    world.ok(Command::RemoveApplication { app: app("other"), force: true });
    assert!(world.0.charms.contains_key(&old.id), "db/0 still runs it");
    let new = world.0.applications[&app("db")].charm.clone();
    commit_acts(&mut world, "db/0", vec![Act::CharmInstalled(new.clone())]);
    assert_eq!(world.0.charms.keys().collect::<Vec<_>>(), [&new.id], "nobody needs the old one any more");
}

#[test]
fn no_two_machines_have_one_address_when_their_numbers_have_gone_round() {
    use periapt_model::entity::Machine;
    let mut world = World::with_db_and_web();
    let mut info = (*world.0.info).clone();
    info.next_machine = Machine::ADDRESSES;
    world.0.put(periapt_model::model::Record::Info(info.into()));
    world.ok(Command::AddUnits { app: app("db"), count: 2 });
    let addresses: std::collections::BTreeSet<_> = world.0.machines.values().map(|m| &m.address).collect();
    assert_eq!((world.0.machines.len(), addresses.len()), (5, 5));
}

fn exec() -> Command {
    let receivers = vec![periapt_model::command::Receiver::Unit(unit("db/0"))];
    Command::Exec {
        receivers,
        command: "true".into(),
        timeout_ms: None,
        parallel: false,
        with: Default::default(),
    }
}

#[test]
fn finished_operations_are_forgotten_when_they_are_old() {
    let mut world = World::with_db_and_web();
    let Answer::Operation { id: finished, tasks } = world.ok(exec()) else { panic!("an operation") };
    world.ok(Command::CancelTask { task: tasks[0].0 });
    let Answer::Operation { id: open, .. } = world.ok(exec()) else { panic!("an operation") };
    let age = world.0.info.settings.action_results_age();
    let mut exec_at = |now| {
        let (writes, _) = apply(&world.0, exec(), now).unwrap();
        writes.iter().for_each(|w| world.0.write(w));
        (world.0.operations.contains_key(&finished), world.0.operations.contains_key(&open))
    };
    assert_eq!(exec_at(Timestamp(1) + age), (true, true));
    assert_eq!(exec_at(Timestamp(2) + age), (false, true));
}

#[test]
fn the_oldest_finished_operations_make_room_for_results() {
    use periapt_model::entity::TaskStatus;
    use periapt_model::step_commit::Act;
    let mut world = World::with_db_and_web();
    world.take_all();
    let set = [("max-action-results-size".to_owned(), "1M".to_owned())].into();
    world.ok(Command::SetModelConfig { set, reset: Vec::new() });
    let mut run = |bytes: usize, ends: bool| {
        let Answer::Operation { id, tasks } = world.ok(exec()) else { panic!("an operation") };
        let ended = Act::TaskEnded {
            task: tasks[0].0,
            status: TaskStatus::Completed,
            timed_out: false,
            message: String::new(),
            results: serde_json::Map::from_iter([("stdout".to_owned(), "x".repeat(bytes).into())]),
        };
        if ends {
            commit_acts(&mut world, "db/0", vec![Act::TaskStarted(tasks[0].0)]);
            commit_acts(&mut world, "db/0", vec![ended]);
        }
        (id, world.0.operations.keys().copied().collect::<Vec<_>>())
    };
    let (open, _) = run(0, false);
    let (first, _) = run(600_000, true);
    let (second, _) = run(600_000, true);
    let (third, there) = run(400_000, true);
    assert_eq!(there, [open, second, third], "{first} has made room, what has not ended stays");
    // It fits: nothing more goes, however often something is asked for.
    let (fourth, there) = run(1, true);
    assert_eq!(there, [open, second, third, fourth]);
    assert!(world.0.tasks.len() == 4, "their tasks go with them");
}

#[test]
fn a_task_that_was_taken_back_as_it_began_stays_taken_back() {
    use periapt_model::entity::TaskStatus;
    use periapt_model::step_commit::Act;
    let mut world = World::with_db_and_web();
    world.take_all();
    let Answer::Operation { tasks, .. } = world.ok(exec()) else { panic!("an operation") };
    let task = tasks[0].0;
    assert_eq!(world.ok(Command::CancelTask { task }), Answer::Task(TaskStatus::Cancelled));
    let ended = Act::TaskEnded {
        task,
        status: TaskStatus::Completed,
        timed_out: false,
        message: String::new(),
        results: Default::default(),
    };
    commit_acts(&mut world, "db/0", vec![Act::TaskStarted(task)]);
    commit_acts(&mut world, "db/0", vec![ended]);
    let task = &world.0.tasks[&task];
    assert_eq!((task.status, task.started), (TaskStatus::Cancelled, None));
}

/// Every command that a hand might type, over a few names so that they meet.
fn any_command() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(vec!["db", "web", "db-two"]);
    let unit_name = ("(db|web|db-two)", 0u32..4).prop_map(|(a, n)| UnitName::new(app(&a), n));
    prop_oneof![
        (name.clone(), 0u32..3).prop_map(|(n, units)| deploy(
            n,
            if n == "web" { charm("web", WEB) } else { charm("db", DB) },
            units
        )),
        (name.clone(), 0u32..3).prop_map(|(n, count)| Command::AddUnits { app: app(n), count }),
        (unit_name.clone(), any::<bool>())
            .prop_map(|(u, force)| Command::RemoveUnits { units: vec![u], force }),
        (name.clone(), any::<bool>())
            .prop_map(|(n, force)| Command::RemoveApplication { app: app(n), force }),
        (name.clone(), name.clone()).prop_map(|(a, b)| integrate(a, b)),
        (0u32..6, any::<bool>()).prop_map(|(id, force)| Command::RemoveRelation {
            relation: RelationRef::Id(RelationId(id)),
            force
        }),
        (name, "[0-9]{1,2}|x").prop_map(|(n, v)| set_config(n, &[("size", &v)])),
        unit_name.prop_map(|unit| Command::TakeUnit { unit }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_typed_the_model_holds_together(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut world = World::new();
        for command in commands {
            let Ok((writes, _)) = apply(&world.0, command.clone(), Timestamp(1)) else { continue };
            prop_assert_eq!(&apply(&world.0, command, Timestamp(1)).unwrap().0, &writes, "I7: same state, same writes");
            writes.iter().for_each(|w: &Write| world.0.write(w));
            let model = &world.0;
            for unit in model.units.values() {
                prop_assert!(model.applications.contains_key(unit.name.app()));
                prop_assert!(model.machines.contains_key(&unit.machine));
                prop_assert!(observe(model, &unit.name).is_some());
            }
            for relation in model.relations.values() {
                prop_assert!(relation.ends.iter().all(|e| model.applications.contains_key(&e.app)));
            }
            for application in model.applications.values() {
                prop_assert!(model.charms.contains_key(&application.charm.id));
            }
            for id in model.relation_data.keys() {
                prop_assert!(model.relations.contains_key(id));
            }
            prop_assert_eq!(model.machines.len(), model.units.len());
            let mut again = Model::new((*model.info).clone());
            again.next_journal = model.next_journal;
            model.records().into_iter().for_each(|r| again.put(r));
            prop_assert_eq!(&again, model, "what is stored is what is known");
        }
    }
}

#[test]
fn units_get_the_storages_that_their_charm_asks_for() {
    const STORED: &str = "storage:\n  data: {type: filesystem, multiple: {range: 2-3}}\n  spare: {type: filesystem, multiple: {range: 0-}}\n";
    let mut world = World::new();
    world.ok(deploy("app", charm("app", STORED), 2));
    let ids = |world: &World, name: &str| {
        world.0.storages_of(&unit(name)).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(ids(&world, "app/0"), ["data/0", "data/1"]);
    assert_eq!(ids(&world, "app/1"), ["data/2", "data/3"]);
    assert_eq!(observe(&world.0, &unit("app/1")).unwrap().storages.len(), 2);

    let refresh = |endpoints: &str| Command::Refresh {
        app: app("app"),
        charm: Some(Box::new(charm("app", endpoints))),
        force_units: false,
        config: BTreeMap::new(),
        resources: BTreeMap::new(),
        channel: None,
        trust: None,
    };
    let refusal = world.refused(refresh("storage:\n  other: {type: filesystem}\n"));
    assert!(refusal.message.contains("unit app/0 has storage data/0, which it does not know"), "{refusal}");
    for (kind, why) in [("type: block", "of type block"), ("type: filesystem, shared: true", "shared")] {
        let metadata = format!("storage:\n  data: {{{kind}}}\n");
        for command in [refresh(&metadata), deploy("other", charm("app", &metadata), 1)] {
            let refusal = world.refused(command);
            assert_eq!(refusal.kind, RefusalKind::Invalid);
            assert!(refusal.message.ends_with(&format!("\"data\", which is {why}")), "{refusal}");
        }
    }
    // What a charm can do without stands in no way, as long as nobody asks for it.
    world.ok(deploy("optional", charm("app", "storage:\n  raw: {type: block, multiple: {range: 0-}}\n"), 1));
    assert!(ids(&world, "optional/0").is_empty());
    // A refresh brings what the new charm has at least; numbers are never used again.
    world.ok(refresh(&format!("{STORED}  more: {{type: filesystem}}\n")));
    assert_eq!(ids(&world, "app/0"), ["data/0", "data/1", "more/4"]);
    world.ok(Command::RemoveUnits { units: vec![unit("app/1")], force: true });
    assert!(ids(&world, "app/1").is_empty());
    world.ok(Command::AddUnits { app: app("app"), count: 1 });
    assert_eq!(ids(&world, "app/2"), ["data/6", "data/7", "more/8"]);
}
