//! Tasks of machines, exposure, networks that traffic comes from, and ports of neighbours, on the model alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, ExecOptions, MachineTask, Receiver};
use periapt_model::effects::{Effects, PortChange};
use periapt_model::entity::{Charm, Exposure, ModelInfo, TaskHost, TaskStatus};
use periapt_model::local::Local;
use periapt_model::model::Model;
use periapt_model::names::{
    AppName, CharmId, EndpointName, MachineId, ModelName, RelationId, TaskId, UnitName,
};
use periapt_model::observe::concerned;
use periapt_model::step_commit::{Commit, CommitRefusal};
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
    fn refused(&self, command: Command) -> String {
        apply(&self.0, command, Timestamp(1)).unwrap_err().message
    }

    fn status(&self, task: TaskId) -> TaskStatus {
        self.0.tasks[&task].status
    }
}

fn deploy(name: &str, metadata: &str, units: u32) -> Command {
    let text = format!("name: {name}\nsummary: s\ndescription: d\n{metadata}");
    let files =
        CharmFiles { metadata: Some(SourceText::new("metadata.yaml", text)), ..CharmFiles::default() };
    let meta = parse(&files).unwrap().meta;
    let charm = Charm { id: CharmId(name.to_owned()), url: String::new(), revision: 0, version: None, meta };
    let json = serde_json::json!({ "charm": charm, "units": units });
    Command::Deploy(Box::new(serde_json::from_value::<Deploy>(json).unwrap()))
}

fn exec(receivers: Vec<Receiver>) -> Command {
    let with = ExecOptions::default();
    Command::Exec { receivers, command: "true".to_owned(), timeout_ms: None, parallel: true, with }
}

#[test]
fn a_machines_tasks_are_its_own_and_go_with_it() {
    let mut world = World::new();
    world.ok(Command::AddMachines { count: 2, constraints: String::new() });
    world.ok(deploy("app", "", 1));
    let (zero, two) = (MachineId(0), MachineId(2));
    let on = |ids: &[MachineId]| exec(ids.iter().copied().map(Receiver::Machine).collect());
    assert_eq!(world.refused(on(&[MachineId(9)])), "machine 9 not found");
    let run = Command::Run {
        receivers: vec![Receiver::Machine(zero)],
        action: "go".parse().unwrap(),
        params: Default::default(),
    };
    assert!(world.refused(run).contains("machine 0 has no actions"));

    let Answer::Operation { tasks, .. } = world.ok(on(&[zero, two, zero])) else { panic!("an operation") };
    let hosts: Vec<TaskHost> = tasks.iter().map(|(_, host)| host.clone()).collect();
    assert_eq!(hosts, [TaskHost::Machine(zero), TaskHost::Machine(two)], "each once");
    let (first, second) = (tasks[0].0, tasks[1].0);
    assert_eq!(world.0.open_machine_tasks().map(|task| task.id).collect::<Vec<_>>(), [first, second]);
    let unit: UnitName = "app/0".parse().unwrap();
    assert_eq!(world.0.open_tasks(&TaskHost::Unit(unit.clone())).count(), 0, "they are no unit's");
    let (writes, _) = apply(&world.0, on(&[two]), Timestamp(1)).unwrap();
    let mut after = world.0.clone();
    writes.iter().for_each(|write| after.write(write));
    assert!(concerned(&world.0, &after, &writes).is_empty(), "and wake none");

    let ended = MachineTask::Ended {
        status: TaskStatus::Completed,
        timed_out: false,
        message: String::new(),
        results: Default::default(),
    };
    let told = |task, what: &MachineTask| Command::MachineTask { task, what: what.clone() };
    assert_eq!(world.ok(told(first, &MachineTask::Started)), Answer::Task(TaskStatus::Running));
    assert_eq!(world.ok(Command::CancelTask { task: first }), Answer::Task(TaskStatus::Aborting));
    assert_eq!(world.ok(told(first, &MachineTask::Started)), Answer::Task(TaskStatus::Aborting));
    world.ok(told(first, &ended));
    assert_eq!(world.status(first), TaskStatus::Completed);
    assert!(world.refused(told(TaskId(99), &ended)).contains("not found"));

    // A unit's machine that goes takes its task along, and what is told of that later changes nothing.
    world.ok(told(second, &MachineTask::Started));
    world.ok(Command::RemoveUnits { units: vec![unit], force: true });
    assert_eq!(world.status(second), TaskStatus::Aborted);
    assert_eq!(world.ok(told(second, &ended)), Answer::Task(TaskStatus::Aborted));
    assert_eq!(world.0.open_machine_tasks().count(), 0);
}

#[test]
fn hosts_are_written_as_they_were() {
    for (text, host) in
        [("\"app/0\"", TaskHost::Unit("app/0".parse().unwrap())), ("\"7\"", TaskHost::Machine(MachineId(7)))]
    {
        assert_eq!(serde_json::to_string(&host).unwrap(), text);
        assert_eq!(serde_json::from_str::<TaskHost>(text).unwrap(), host);
    }
    for bad in ["\"\"", "\"app\"", "\"-1\"", "\"app/x\"", "7"] {
        assert!(serde_json::from_str::<TaskHost>(bad).is_err(), "{bad}");
    }
}

#[test]
fn exposure_adds_up_and_an_older_mark_means_everybody() {
    let mut world = World::new();
    world.ok(deploy("app", "provides: {db: {interface: sql}}\n", 1));
    let app: AppName = "app".parse().unwrap();
    let shown = |world: &World| {
        let found = &world.0.applications[&app];
        periapt_model::apply::exposure::shown(found.exposed, &found.exposure)
    };
    world.ok(Command::SetExposed { app: app.clone(), exposed: true });
    assert_eq!(shown(&world)[""].cidrs, ["0.0.0.0/0", "::/0"]);
    let db: Vec<EndpointName> = vec!["db".parse().unwrap()];
    let to = Exposure { spaces: vec![], cidrs: vec!["10.0.0.0/8".into()] };
    let expose = Command::Expose { app: app.clone(), endpoints: db.clone(), to };
    assert_eq!(world.ok(expose.clone()), Answer::Done);
    assert!(matches!(world.ok(expose), Answer::Unchanged(_)));
    assert_eq!(shown(&world).keys().collect::<Vec<_>>(), ["", "db"]);
    world.ok(Command::Unexpose { app: app.clone(), endpoints: db });
    assert!(world.0.applications[&app].exposed);
    world.ok(Command::Unexpose { app: app.clone(), endpoints: vec![] });
    assert!(!world.0.applications[&app].exposed && shown(&world).is_empty());
    world.ok(Command::TakeUnit { unit: "app/0".parse().unwrap() });
    world.ok(Command::RemoveApplication { app: app.clone(), force: false });
    for command in [
        Command::Expose { app: app.clone(), endpoints: vec![], to: Exposure::default() },
        Command::Unexpose { app, endpoints: vec![] },
    ] {
        assert_eq!(world.refused(command), "application \"app\" is being removed");
    }
}

#[test]
fn traffic_comes_from_via_then_from_the_models_networks_then_from_the_address() {
    let mut world = World::new();
    world.ok(deploy("db", "provides: {db: {interface: sql}}\n", 1));
    world.ok(deploy("web", "requires: {db: {interface: sql}}\n", 1));
    let end = |app: &str| EndpointRef { app: app.parse().unwrap(), endpoint: None };
    let via = |via: &str| Command::IntegrateVia { a: end("db"), b: end("web"), via: vec![via.to_owned()] };
    assert_eq!(world.refused(via("::/0")), "CIDR \"::/0\" not allowed");
    assert_eq!(world.refused(via("x")), "invalid CIDR address: x");
    let Answer::Related { id, .. } = world.ok(via("10.1.0.0/16")) else { panic!("a relation") };
    assert_eq!(world.0.egress_subnets(Some(id), "127.77.0.1"), ["10.1.0.0/16"]);
    assert_eq!(world.0.egress_subnets(None, "127.77.0.1"), ["127.77.0.1/32"]);
    assert_eq!(world.0.egress_subnets(Some(RelationId(9)), "::1"), ["::1/128"]);
    assert!(world.0.egress_subnets(None, "host.example").is_empty());
    let set = |text: &str| {
        let set = [("egress-subnets".to_owned(), text.to_owned())];
        Command::SetModelConfig { set: set.into(), reset: vec![] }
    };
    assert_eq!(world.refused(set("10.9.0.0/16, nonsense")), "invalid CIDR address: nonsense");
    world.ok(set("10.9.0.0/16"));
    assert_eq!(world.0.egress_subnets(None, "127.77.0.1"), ["10.9.0.0/16"]);
    assert_eq!(world.0.egress_subnets(Some(id), "127.77.0.1"), ["10.1.0.0/16"]);
}

#[test]
fn a_port_that_a_neighbour_opened_meanwhile_is_refused_at_the_commit() {
    let mut world = World::new();
    world.ok(deploy("app", "", 1));
    world.ok(Command::AddUnitsTo {
        app: "app".parse().unwrap(),
        count: 1,
        placement: vec!["0".to_owned()],
        attach: vec![],
    });
    let mut open = |unit: &str, ports: &str, open: bool| {
        let unit: UnitName = unit.parse().unwrap();
        world.ok(Command::TakeUnit { unit: unit.clone() });
        let change = PortChange { open, range: ports.parse().unwrap(), endpoints: vec![String::new()] };
        let step = Commit {
            unit: unit.clone(),
            epoch: world.0.agents[&unit].epoch,
            local: Local::default(),
            acts: vec![],
            effects: Effects { ports: vec![change], ..Effects::default() },
            journal: vec![],
        };
        let writes = periapt_model::commit::commit(&world.0, step, Timestamp(1))?;
        writes.iter().for_each(|write| world.0.write(write));
        Ok::<_, CommitRefusal>(())
    };
    open("app/0", "80/tcp", true).unwrap();
    for ports in ["80/tcp", "70-90/tcp"] {
        let Err(CommitRefusal::Effects(why)) = open("app/1", ports, true) else { panic!("{ports}") };
        assert!(why.ends_with("port range conflicts with 80/tcp (unit \"app/0\")"), "{why}");
    }
    open("app/1", "80/udp", true).unwrap();
    open("app/1", "80/tcp", false).unwrap();
    open("app/0", "80/tcp", false).unwrap();
    open("app/1", "80/tcp", true).unwrap();
}
