//! Storages in the model: where they come from, whose they are, and what becomes of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, Refusal, StorageCommand, StorageOptions};
use periapt_model::commit::commit;
use periapt_model::entity::{Charm, ModelInfo, StorageDirective, StorageFate, StorageInstance, StoragePool};
use periapt_model::local::Local;
use periapt_model::model::Model;
use periapt_model::names::{CharmId, ModelName, StorageId, StorageName, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::status::Life;
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;

struct World(Model);

fn id(text: &str) -> StorageId {
    text.parse().unwrap()
}

fn unit(text: &str) -> UnitName {
    text.parse().unwrap()
}

fn directives(typed: &[(&str, &str)]) -> BTreeMap<StorageName, StorageDirective> {
    typed.iter().map(|(name, text)| (name.parse().unwrap(), text.parse().unwrap())).collect()
}

fn charm(storage: &str) -> Charm {
    let text = format!("name: app\nsummary: s\ndescription: d\nstorage:\n{storage}");
    let files =
        CharmFiles { metadata: Some(SourceText::new("metadata.yaml", text)), ..CharmFiles::default() };
    let meta = parse(&files).expect("the test's metadata is valid").meta;
    Charm { id: CharmId("c".into()), url: String::new(), revision: 0, version: None, meta }
}

const STORAGE: &str = "  cache: {type: filesystem}\n  data: {type: filesystem, multiple: {range: 0-2}}\n";

fn deploy(typed: &[(&str, &str)], attach: &[&str]) -> Command {
    let deploy = Deploy {
        name: None,
        charm: charm(STORAGE),
        units: 1,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        force: false,
    };
    let storage = StorageOptions {
        directives: directives(typed),
        attach: attach.iter().map(|text| id(text)).collect(),
    };
    Command::DeployTo { deploy: Box::new(deploy), placement: Vec::new(), storage }
}

impl World {
    fn new(typed: &[(&str, &str)]) -> Self {
        let name = ModelName::new("m").unwrap();
        let mut world = Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))));
        world.ok(deploy(typed, &[]));
        world
    }

    /// The same, with an agent that has reported.
    fn running(typed: &[(&str, &str)]) -> Self {
        let mut world = Self::new(typed);
        world.ok(Command::TakeUnit { unit: unit("app/0") });
        world
    }

    fn ok(&mut self, command: Command) -> Answer {
        let (writes, answer) = apply(&self.0, command, Timestamp(1)).expect("the command is accepted");
        let before = self.0.clone();
        writes.iter().for_each(|w| self.0.write(w));
        // Whoever sees something new is woken.
        let woken = concerned(&before, &self.0, &writes);
        for unit in self.0.units.keys().filter(|unit| !woken.contains(*unit)) {
            assert_eq!(observe(&before, unit), observe(&self.0, unit), "{unit} sleeps");
        }
        answer
    }

    fn on(&mut self, command: StorageCommand) {
        self.ok(Command::Storage(command));
    }

    fn refused(&self, command: Command) -> Refusal {
        apply(&self.0, command, Timestamp(1)).expect_err("the command is refused")
    }

    fn of(&self, text: &str) -> Option<&StorageInstance> {
        self.0.storages.get(&id(text)).map(AsRef::as_ref)
    }

    /// The unit's agent lets go of a storage.
    fn let_go(&mut self, text: &str) {
        let unit = unit("app/0");
        let epoch = self.0.agents[&unit].epoch;
        let acts = vec![Act::DetachStorage(id(text))];
        let step = Commit {
            unit,
            epoch,
            local: Local::default(),
            acts,
            effects: Default::default(),
            journal: Vec::new(),
        };
        let writes = commit(&self.0, step, Timestamp(2)).expect("the commit is accepted");
        writes.iter().for_each(|w| self.0.write(w));
    }

    fn ids(&self) -> Vec<String> {
        self.0.storages.keys().map(ToString::to_string).collect()
    }
}

fn detach(text: &str, force: bool) -> StorageCommand {
    StorageCommand::Detach { ids: vec![id(text)], force }
}

fn attach(text: &str) -> StorageCommand {
    StorageCommand::Attach { unit: unit("app/0"), ids: vec![id(text)] }
}

fn remove(text: &str, force: bool, fate: StorageFate) -> StorageCommand {
    StorageCommand::Remove { ids: vec![id(text)], force, fate }
}

fn remove_unit() -> Command {
    Command::RemoveUnits { units: vec![unit("app/0")], force: false }
}

#[test]
fn directives_say_how_many_and_where_from() {
    let world = World::new(&[("data", "2,3G")]);
    assert_eq!(world.ids(), ["cache/0", "data/1", "data/2"]);
    let data = world.of("data/2").unwrap();
    assert_eq!((data.pool, data.size_mib), (StoragePool::Lxd, 3072));
    assert_eq!(world.of("cache/0").unwrap().pool, StoragePool::Rootfs);
    for (typed, why) in
        [("3", "at most 2 instances supported, 3 specified"), ("1,lxd,99999999999E", "cannot parse size")]
    {
        let read: Result<StorageDirective, _> = typed.parse();
        let why_not = match read {
            Ok(directive) => {
                let mut command = deploy(&[], &[]);
                let Command::DeployTo { deploy, storage, .. } = &mut command else { unreachable!() };
                deploy.name = Some("other".parse().unwrap());
                storage.directives.insert("data".parse().unwrap(), directive);
                world.refused(command).message
            }
            Err(error) => error.to_string(),
        };
        assert!(why_not.contains(why), "{why_not}");
    }
}

#[test]
fn one_command_makes_only_so_many() {
    let world = World::new(&[]);
    let mut command = deploy(&[("data", "2")], &[]);
    let Command::DeployTo { deploy, .. } = &mut command else { unreachable!() };
    (deploy.name, deploy.units) = (Some("other".parse().unwrap()), 7000);
    let refused = world.refused(command);
    assert!(refused.message.starts_with("cannot make 21000 storages for 7000 units"), "{refused}");
}

#[test]
fn a_storage_goes_from_unit_to_unit() {
    let mut world = World::running(&[("data", "lxd")]);
    world.on(detach("data/1", false));
    assert!(world.of("data/1").unwrap().detaching);
    let seen = observe(&world.0, &unit("app/0")).unwrap().storages;
    assert_eq!(seen, BTreeMap::from([(id("cache/0"), Life::Alive), (id("data/1"), Life::Dying)]));
    let early = world.refused(Command::Storage(attach("data/1")));
    assert!(early.message.contains("still being detached from app/0"), "{early}");
    world.let_go("data/1");
    assert_eq!(world.of("data/1").unwrap().owner, None);
    world.ok(Command::AddUnitsTo {
        app: "app".parse().unwrap(),
        count: 1,
        placement: Vec::new(),
        attach: vec![id("data/1")],
    });
    assert_eq!(world.of("data/1").unwrap().owner, Some(unit("app/1")));
    assert_eq!(world.ids(), ["cache/0", "cache/2", "data/1"]);
    // A late agent lets go of what another has.
    world.let_go("data/1");
    assert_eq!(world.of("data/1").unwrap().owner, Some(unit("app/1")));
    // Its agent has never reported: it goes at once.
    world.on(detach("data/1", false));
    world.on(attach("data/1"));
    assert_eq!(world.of("data/1").unwrap().owner, Some(unit("app/0")));
    // Taken by force and given back before the agent looked: it is not lost.
    world.on(detach("data/1", true));
    world.on(attach("data/1"));
    world.let_go("data/1");
    assert_eq!(world.of("data/1").unwrap().owner, Some(unit("app/0")));
}

#[test]
fn what_goes_with_a_unit_is_said_by_its_pool_or_by_an_operator() {
    let mut world = World::running(&[("data", "lxd,2")]);
    let singular = world.refused(Command::Storage(detach("cache/0", false)));
    assert!(singular.message.ends_with("cannot detach, storage is singular"), "{singular}");
    world.on(detach("cache/0", true));
    world.ok(remove_unit());
    for storage in ["cache/0", "data/1", "data/2"] {
        world.let_go(storage);
    }
    assert_eq!(world.ids(), ["cache/0", "data/1", "data/2"], "it was asked for before the unit went");

    let mut world = World::running(&[("data", "lxd")]);
    world.ok(remove_unit());
    world.let_go("cache/0");
    world.let_go("data/1");
    assert_eq!(world.ids(), ["data/1"]);

    let mut world = World::running(&[("data", "lxd")]);
    world.on(StorageCommand::DestroyWith(Box::new(remove_unit())));
    world.let_go("data/1");
    assert_eq!(world.ids(), ["cache/0"]);
    assert!(matches!(
        world.refused(Command::Storage(StorageCommand::DestroyWith(Box::new(deploy(&[], &[]))))),
        Refusal { .. }
    ));
}

#[test]
fn removal_waits_for_the_unit_and_release_for_the_disk() {
    let mut world = World::running(&[("data", "lxd,2")]);
    let attached = world.refused(Command::Storage(remove("data/1", false, StorageFate::Destroy)));
    assert!(attached.message.contains("storage data/1 is attached to app/0"), "{attached}");
    world.on(remove("data/1", true, StorageFate::Destroy));
    world.let_go("data/1");
    assert_eq!(world.of("data/1"), None);
    world.on(remove("data/2", true, StorageFate::Release));
    world.on(StorageCommand::PutAside { ids: vec![id("data/2")] });
    world.let_go("data/2");
    assert_eq!(world.of("data/2").unwrap().life, Life::Dead);
    let gone = world.refused(Command::Storage(attach("data/2")));
    assert_eq!(gone.message, "storage data/2 not found");
    world.on(StorageCommand::PutAside { ids: vec![id("data/2"), id("cache/0"), id("none/9")] });
    assert_eq!(world.ids(), ["cache/0"]);
}

#[test]
fn a_model_does_not_go_while_it_holds_data_that_nobody_gave_up() {
    let destroy = |storage| Command::DestroyModel { force: true, storage };
    let mut world = World::new(&[("data", "lxd")]);
    let refused = world.refused(destroy(None));
    assert!(refused.message.ends_with("persistent storage remaining: data/1"), "{refused}");
    world.on(detach("data/1", false));
    assert!(world.refused(destroy(None)).message.ends_with("data/1"));
    let mut released = World(world.0.clone());
    released.ok(destroy(Some(StorageFate::Release)));
    assert!(!released.0.is_emptied());
    released.on(StorageCommand::PutAside { ids: vec![id("data/1")] });
    assert!(released.0.is_emptied());
    world.ok(destroy(Some(StorageFate::Destroy)));
    assert!(world.0.is_emptied());

    let mut world = World::new(&[]);
    world.ok(destroy(None));
    assert!(world.0.is_emptied(), "what goes with its unit holds nothing up");
}
