//! Principals and their subordinates: who comes, who sees whom, and who goes with whom.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, Scope, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Refusal, RelationRef, StorageCommand};
use periapt_model::commit::commit;
use periapt_model::entity::{Charm, ModelInfo, StorageFate, StorageInstance};
use periapt_model::local::Local;
use periapt_model::model::{Model, Record};
use periapt_model::names::{AppName, CharmId, ModelName, RelationId, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::status::Life;
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;

const HOST: &str = "provides: {web: {interface: http}, local: {interface: disk, scope: container}}\n";
const SIDE: &str = "subordinate: true\nrequires: {host: {interface: juju-info, scope: container}, page: {interface: http, \
                    scope: container}}\nprovides: {chat: {interface: chat, scope: container}}\n";
const OTHER: &str = "subordinate: true\nrequires: {host: {interface: juju-info, scope: container}, chat: {interface: chat}}\n";

fn charm(name: &str, endpoints: &str) -> Charm {
    let text = format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}");
    let metadata = Some(SourceText::new("metadata.yaml", text));
    let meta = parse(&CharmFiles { metadata, ..CharmFiles::default() }).unwrap().meta;
    Charm { id: CharmId(format!("id-{name}")), url: String::new(), revision: 0, version: None, meta }
}

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn deploy(name: &str, charm: Charm, units: u32) -> Deploy {
    Deploy {
        name: Some(app(name)),
        charm,
        units,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        force: false,
    }
}

fn end(text: &str) -> EndpointRef {
    match text.split_once(':') {
        Some((a, e)) => EndpointRef { app: app(a), endpoint: Some(e.parse().unwrap()) },
        None => EndpointRef { app: app(text), endpoint: None },
    }
}

struct World(Model);

impl World {
    /// Two principals and two subordinate applications, nothing related.
    fn new() -> Self {
        let name = ModelName::new("m").unwrap();
        let mut world = Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))));
        world.ok(Command::Deploy(Box::new(deploy("host", charm("host", HOST), 2))));
        world.ok(Command::Deploy(Box::new(deploy("side", charm("side", SIDE), 1))));
        world.ok(Command::Deploy(Box::new(deploy("other", charm("other", OTHER), 0))));
        world.take_all();
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
            if !self.0.agents.contains_key(&unit) {
                self.ok(Command::TakeUnit { unit });
            }
        }
    }

    fn integrate(&mut self, a: &str, b: &str) -> RelationId {
        match self.ok(Command::Integrate { a: end(a), b: end(b) }) {
            Answer::Related { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    /// What a unit's agent does in one commit. Returns whom that wakes.
    fn act(&mut self, name: &str, act: Act) -> BTreeSet<UnitName> {
        let unit = unit(name);
        let epoch = self.0.agents[&unit].epoch;
        let step = Commit {
            unit,
            epoch,
            local: Local::default(),
            acts: vec![act],
            effects: Default::default(),
            journal: Vec::new(),
        };
        let writes = commit(&self.0, step, Timestamp(2)).unwrap();
        let before = self.0.clone();
        writes.iter().for_each(|w| self.0.write(w));
        concerned(&before, &self.0, &writes)
    }

    /// All principals enter the relation, and the subordinates that come enter it as well.
    fn enter_all(&mut self, id: RelationId) {
        for name in ["host/0", "host/1"] {
            self.act(name, Act::EnterScope(id));
        }
        self.take_all();
        let subordinates: Vec<String> =
            self.0.units.values().filter(|u| u.principal.is_some()).map(|u| u.name.to_string()).collect();
        for name in subordinates {
            if self.0.takes_part(&self.0.relations[&id].clone(), &unit(&name)) {
                self.act(&name, Act::EnterScope(id));
            }
        }
    }

    fn members(&self, name: &str, id: RelationId) -> Vec<String> {
        observe(&self.0, &unit(name)).unwrap().relations[&id]
            .members
            .keys()
            .map(ToString::to_string)
            .collect()
    }

    fn units(&self) -> Vec<String> {
        self.0.units.keys().map(ToString::to_string).collect()
    }

    fn lives(&self, name: &str) -> Life {
        self.0.units[&unit(name)].life
    }
}

fn remove_unit(name: &str, force: bool) -> Command {
    Command::RemoveUnits { units: vec![unit(name)], force }
}

fn remove_relation(id: RelationId, force: bool) -> Command {
    Command::RemoveRelation { relation: RelationRef::Id(id), force }
}

#[test]
fn a_subordinate_is_deployed_without_units_and_without_a_place() {
    let world = World::new();
    assert_eq!(world.units(), ["host/0", "host/1"]);
    let text = |refusal: Refusal| refusal.message;
    let three = Command::Deploy(Box::new(deploy("three", charm("side", SIDE), 3)));
    let place = "cannot use --num-units or --to with subordinate application";
    assert_eq!(text(world.refused(three)), place);
    let constrained = Deploy { constraints: "mem=1G".into(), ..deploy("big", charm("side", SIDE), 1) };
    assert_eq!(
        text(world.refused(Command::Deploy(Box::new(constrained)))),
        "cannot use --constraints with subordinate application"
    );
    let add = world.refused(Command::AddUnits { app: app("side"), count: 1 });
    assert!(add.message.contains("is a subordinate application"), "{}", add.message);
}

#[test]
fn a_principal_that_enters_gets_one_subordinate_on_its_machine() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    assert!(world.0.relations[&id].ends.iter().all(|end| end.scope == Scope::Container));
    let woken = world.act("host/1", Act::EnterScope(id));
    assert!(woken.contains(&unit("side/0")) && woken.contains(&unit("host/1")), "{woken:?}");
    assert!(!woken.contains(&unit("host/0")), "another container: {woken:?}");
    let new = world.0.units[&unit("side/0")].clone();
    assert_eq!(new.principal, Some(unit("host/1")));
    assert_eq!(new.machine, world.0.units[&unit("host/1")].machine);
    assert_eq!(world.0.machines.len(), 2);
    // Entered once more, as after a restart, or by a second relation of the two: it is there already.
    world.act("host/1", Act::EnterScope(id));
    let second = world.integrate("side:page", "host:web");
    world.act("host/1", Act::EnterScope(second));
    assert_eq!(world.units(), ["host/0", "host/1", "side/0"]);
}

#[test]
fn only_the_container_is_seen() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    let between = world.integrate("other:host", "host");
    let chat = world.integrate("side:chat", "other:chat");
    world.enter_all(id);
    world.enter_all(between);
    world.enter_all(chat);
    assert_eq!(world.units(), ["host/0", "host/1", "other/0", "other/1", "side/0", "side/1"]);
    assert_eq!(world.members("side/0", id), ["host/0"]);
    assert_eq!(world.members("host/1", id), ["side/1"]);
    assert_eq!(
        world.members("side/1", chat),
        ["other/1"],
        "two subordinates of one principal see each other"
    );
    let relation = world.0.relations[&id].clone();
    assert!(world.0.sees_in(&relation, &unit("side/0"), &unit("host/0")));
    assert!(!world.0.sees_in(&relation, &unit("side/0"), &unit("host/1")));
    let woken = world.act("side/0", Act::LeaveScope(id));
    assert_eq!(woken, ["host/0", "other/0", "side/0"].map(unit).into(), "one container, and no other");
}

#[test]
fn a_subordinate_has_no_part_in_relations_to_other_principals() {
    let mut world = World::new();
    world.ok(Command::Deploy(Box::new(deploy("guest", charm("host", HOST), 1))));
    world.take_all();
    let (one, two) = (world.integrate("side:host", "host"), world.integrate("side:host", "guest"));
    world.enter_all(one);
    world.act("guest/0", Act::EnterScope(two));
    let seen =
        |name: &str| observe(&world.0, &unit(name)).unwrap().relations.keys().copied().collect::<Vec<_>>();
    assert_eq!(seen("side/0"), [one]);
    assert_eq!(seen("side/2"), [two]);
    assert_eq!(seen("guest/0"), [two]);
}

#[test]
fn container_scope_needs_a_subordinate() {
    let mut world = World::new();
    let wants = "requires: {local: {interface: disk}}\n";
    world.ok(Command::Deploy(Box::new(deploy("plain", charm("plain", wants), 1))));
    let refusal = world.refused(Command::Integrate { a: end("plain"), b: end("host") });
    assert_eq!(
        refusal.message,
        "cannot add relation \"plain:local host:local\": container scoped relation requires at least one subordinate \
         application"
    );
}

#[test]
fn a_subordinate_cannot_be_removed_by_itself() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    world.enter_all(id);
    for force in [false, true] {
        let units = vec![unit("host/0"), unit("side/0")];
        let refusal = world.refused(Command::RemoveUnits { units, force });
        assert_eq!(
            refusal.message,
            "unit \"side/0\" is a subordinate, to remove use remove-relation. Note: this will remove all units of \"side\""
        );
    }
}

#[test]
fn a_principal_takes_its_subordinates_along() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    world.enter_all(id);
    world.ok(remove_unit("host/0", false));
    assert_eq!((world.lives("host/0"), world.lives("side/0")), (Life::Dying, Life::Dying));
    assert_eq!((world.lives("host/1"), world.lives("side/1")), (Life::Alive, Life::Alive));
    assert_eq!(observe(&world.0, &unit("host/0")).unwrap().subordinates, [unit("side/0")].into());
    let machine = world.0.units[&unit("host/0")].machine;
    let woken = world.act("side/0", Act::Dead);
    assert!(woken.contains(&unit("host/0")), "it waits for nothing else: {woken:?}");
    assert!(world.0.machines.contains_key(&machine), "its principal still lives there");
    world.act("host/0", Act::Dead);
    assert!(!world.0.machines.contains_key(&machine));
    // By force all of them go in one change.
    world.ok(remove_unit("host/1", true));
    assert!(world.0.units.is_empty() && world.0.machines.is_empty());
    assert_eq!(world.0.applications.len(), 3);
}

#[test]
fn storages_that_are_to_go_with_a_unit_go_with_its_subordinates_too() {
    let removals =
        [remove_unit("host/0", false), Command::RemoveApplication { app: app("host"), force: false }];
    for removal in removals {
        let mut world = World::new();
        let id = world.integrate("side:host", "host");
        world.enter_all(id);
        for (storage, owner) in [("data/0", "host/0"), ("data/1", "side/0")] {
            let storage = StorageInstance::new(storage.parse().unwrap(), unit(owner));
            world.0.put(Record::Storage(Arc::new(storage)));
        }
        world.ok(Command::Storage(StorageCommand::DestroyWith(Box::new(removal))));
        let fates: Vec<_> = world.0.storages.values().map(|storage| (storage.life, storage.fate)).collect();
        assert_eq!(fates, [(Life::Dying, Some(StorageFate::Destroy)); 2]);
    }
}

#[test]
fn the_last_relation_takes_the_subordinates_along_and_another_one_keeps_them() {
    let mut world = World::new();
    let (info, page) = (world.integrate("side:host", "host"), world.integrate("side:page", "host:web"));
    world.enter_all(info);
    world.enter_all(page);
    world.ok(remove_relation(info, false));
    assert_eq!(world.lives("side/0"), Life::Alive);
    world.ok(remove_relation(page, true));
    assert_eq!(world.lives("side/0"), Life::Dying, "its relation is gone, its hooks still run");
    assert_eq!(world.lives("host/0"), Life::Alive);
}

#[test]
fn a_relation_is_closed_until_the_old_subordinate_is_gone() {
    let mut world = World::new();
    let old = world.integrate("side:host", "host");
    world.enter_all(old);
    world.ok(remove_relation(old, true));
    let new = world.integrate("side:host", "host");
    let closed = |world: &World| observe(&world.0, &unit("host/0")).unwrap().relations[&new].closed;
    assert!(closed(&world));
    let woken = world.act("side/0", Act::Dead);
    assert!(woken.contains(&unit("host/0")) && !closed(&world));
    world.act("host/0", Act::EnterScope(new));
    assert_eq!(world.units(), ["host/0", "host/1", "side/1", "side/2"]);
    assert_eq!(world.0.units[&unit("side/2")].principal, Some(unit("host/0")));
}

#[test]
fn a_subordinate_application_goes_with_its_units_and_relations() {
    for force in [false, true] {
        let mut world = World::new();
        let id = world.integrate("side:host", "host");
        world.enter_all(id);
        world.ok(Command::RemoveApplication { app: app("side"), force });
        if force {
            assert_eq!(world.units(), ["host/0", "host/1"], "at once");
        } else {
            assert_eq!(world.lives("side/1"), Life::Dying);
            for name in ["side/0", "side/1"] {
                world.act(name, Act::Dead);
            }
        }
        // Their principals run their hooks either way.
        assert!(world.0.applications.contains_key(&app("side")), "force: {force}");
        for name in ["host/0", "host/1"] {
            world.act(name, Act::LeaveScope(id));
        }
        assert!(!world.0.applications.contains_key(&app("side")), "force: {force}");
        assert_eq!(world.units(), ["host/0", "host/1"]);
        assert_eq!(world.0.machines.len(), 2);
    }
}

#[test]
fn a_machine_removed_by_force_takes_all_of_its_units() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    world.enter_all(id);
    let machine = world.0.units[&unit("side/0")].machine;
    world.ok(Command::RemoveMachines { machines: vec![machine], force: true });
    assert_eq!(world.units(), ["host/1", "side/1"]);
}

#[test]
fn a_model_read_from_its_records_is_the_same() {
    let mut world = World::new();
    let id = world.integrate("side:host", "host");
    world.enter_all(id);
    let mut read = Model::new((*world.0.info).clone());
    world.0.records().into_iter().for_each(|record| read.put(record));
    read.next_journal = world.0.next_journal;
    assert_eq!(read, world.0);
    assert_eq!(read.subordinates_of(&unit("host/1")).collect::<Vec<_>>(), [&unit("side/1")]);
}
