//! Machines by hand, placement, and constraints.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, RefusalKind};
use periapt_model::entity::{Charm, ModelInfo};
use periapt_model::model::Model;
use periapt_model::names::{CharmId, MachineId, ModelName, UnitName};
use periapt_model::time::Timestamp;

struct World(Model);

impl World {
    fn new() -> Self {
        let name = ModelName::new("m").unwrap();
        Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))))
    }

    #[track_caller]
    fn ok(&mut self, command: Command) -> Answer {
        let (writes, answer) = apply(&self.0, command, Timestamp(1)).unwrap();
        writes.iter().for_each(|write| self.0.write(write));
        answer
    }

    #[track_caller]
    fn refused(&self, command: Command) -> (RefusalKind, String) {
        let refusal = apply(&self.0, command, Timestamp(1)).unwrap_err();
        (refusal.kind, refusal.message)
    }

    fn machines(&self) -> Vec<u32> {
        self.0.machines.keys().map(|id| id.0).collect()
    }

    fn machine_of(&self, name: &str) -> u32 {
        self.0.units[&name.parse::<UnitName>().unwrap()].machine.0
    }
}

fn deploy(units: u32, constraints: &str) -> Box<Deploy> {
    let files = CharmFiles {
        metadata: Some(SourceText::new(
            "metadata.yaml",
            "name: app\nsummary: s\ndescription: d\n".to_owned(),
        )),
        ..CharmFiles::default()
    };
    let meta = parse(&files).unwrap().meta;
    let charm = Charm { id: CharmId("id".to_owned()), url: String::new(), revision: 0, version: None, meta };
    let json = serde_json::json!({ "charm": charm, "units": units, "constraints": constraints });
    Box::new(serde_json::from_value(json).unwrap())
}

fn to(places: &[&str]) -> Vec<String> {
    places.iter().map(|&place| place.to_owned()).collect()
}

fn add(count: u32, constraints: &str) -> Command {
    Command::AddMachines { count, constraints: constraints.to_owned() }
}

fn remove(machine: u32, force: bool) -> Command {
    Command::RemoveMachines { machines: vec![MachineId(machine)], force }
}

#[test]
fn a_machine_by_hand_outlives_its_units_and_another_does_not() {
    let mut world = World::new();
    assert_eq!(world.ok(add(1, "")), Answer::Machines(vec![MachineId(0)]));
    world.ok(Command::DeployTo { deploy: deploy(2, ""), placement: to(&["0"]), storage: Default::default() });
    assert_eq!((world.machine_of("app/0"), world.machine_of("app/1")), (0, 1));
    let app = || "app".parse().unwrap();
    world.ok(Command::AddUnitsTo { app: app(), count: 1, placement: to(&["1"]), attach: Vec::new() });
    assert_eq!(world.machine_of("app/2"), 1);

    let unit = |name: &str| vec![name.parse().unwrap()];
    world.ok(Command::RemoveUnits { units: unit("app/1"), force: true });
    assert_eq!(world.machines(), [0, 1], "app/2 is still on machine 1");
    world.ok(Command::RemoveUnits { units: unit("app/2"), force: true });
    assert_eq!(world.machines(), [0]);

    let (kind, message) = world.refused(remove(0, false));
    assert_eq!((kind, message.as_str()), (RefusalKind::Conflict, "machine 0 has unit \"app/0\" assigned"));
    world.ok(remove(0, true));
    assert!(world.machines().is_empty() && world.0.units.is_empty());
    assert_eq!(world.refused(remove(0, false)).1, "machine 0 not found");
}

#[test]
fn a_destroyed_model_leaves_no_machine() {
    let mut world = World::new();
    world.ok(add(2, ""));
    world.ok(Command::DeployTo { deploy: deploy(1, ""), placement: to(&["1"]), storage: Default::default() });
    world.ok(Command::DestroyModel { force: true, storage: None });
    assert!(world.machines().is_empty());
    assert!(world.refused(add(1, "")).1.contains("is being destroyed"));
}

#[test]
fn a_wrong_place_changes_nothing() {
    let mut world = World::new();
    world.ok(Command::Deploy(deploy(1, "")));
    let before = world.0.clone();
    for (place, why) in [
        ("7", "machine 7 not found"),
        ("lxd:0", "there are no containers"),
        ("zone=a", "has no zones"),
        ("ssh:me@host", "other hosts"),
        ("-1", "expected the number"),
        ("99999999999999999999", "expected the number"),
    ] {
        let command = Command::AddUnitsTo {
            app: "app".parse().unwrap(),
            count: 1,
            placement: to(&[place]),
            attach: Vec::new(),
        };
        let message = world.refused(command).1;
        assert!(message.contains(why), "{place}: {message}");
    }
    let many = Command::AddUnitsTo {
        app: "app".parse().unwrap(),
        count: 1,
        placement: to(&["0", "0"]),
        attach: Vec::new(),
    };
    assert!(world.refused(many).1.contains("2 places are named for 1 units"));
    assert_eq!(world.0, before);
}

#[test]
fn constraints_are_inherited_by_new_machines_only() {
    let mut world = World::new();
    let set = |app: Option<&str>, text: &str| Command::SetConstraints {
        app: app.map(|app| app.parse().unwrap()),
        constraints: text.to_owned(),
    };
    world.ok(Command::Deploy(deploy(1, "mem=1G")));
    world.ok(set(None, "cores=4  mem=8G"));
    assert_eq!(world.0.info.constraints, "cores=4 mem=8192M");
    world.ok(Command::AddUnits { app: "app".parse().unwrap(), count: 1 });
    world.ok(add(1, "arch=amd64"));
    let constraints: Vec<&str> = world.0.machines.values().map(|m| m.constraints.as_str()).collect();
    assert_eq!(constraints, ["mem=1024M", "cores=4 mem=1024M", "arch=amd64 cores=4 mem=8192M"]);

    world.ok(set(Some("app"), "root-disk=10G"));
    world.ok(set(None, ""));
    world.ok(Command::AddUnits { app: "app".parse().unwrap(), count: 1 });
    assert_eq!(world.0.machines[&MachineId(3)].constraints, "root-disk=10240M");

    assert!(world.refused(set(None, "memory=1G")).1.starts_with("unknown constraint \"memory\""));
    assert!(world.refused(set(Some("none"), "mem=1G")).1.contains("not found"));
    assert!(World::new().refused(Command::Deploy(deploy(1, "mem"))).1.starts_with("malformed constraint"));
    assert!(world.refused(add(0, "")).1.starts_with("cannot add 0 machines"));
}

#[test]
fn machines_of_older_versions_are_read() {
    let old = r#"{"id":3,"life":"alive","address":"127.77.0.4","since":5}"#;
    let machine: periapt_model::entity::Machine = serde_json::from_str(old).unwrap();
    assert!(!machine.kept && machine.constraints.is_empty());
}
