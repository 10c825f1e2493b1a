//! Charms of the store and refreshes as one change; payloads.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, Refusal, RefusalKind, Tell};
use periapt_model::entity::{
    Application, Charm, ModelInfo, PayloadChange, PayloadKey, PayloadStatus, ResourceFile,
};
use periapt_model::model::Model;
use periapt_model::names::{AppName, CharmId, ModelName, UnitName};
use periapt_model::observe::concerned;
use periapt_model::time::Timestamp;

struct World(Model);

impl World {
    fn new() -> Self {
        let name = ModelName::new("m").unwrap();
        Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))))
    }

    fn ok(&mut self, command: Command) -> Answer {
        let (writes, answer) = apply(&self.0, command, Timestamp(1)).expect("the command is accepted");
        writes.iter().for_each(|w| self.0.write(w));
        answer
    }

    fn refused(&self, command: Command) -> Refusal {
        apply(&self.0, command, Timestamp(1)).expect_err("the command is refused")
    }

    fn app(&self) -> &Application {
        &self.0.applications["web"]
    }
}

fn charm(id: &str, url: &str, more: &str) -> Charm {
    let text = format!("name: web\nsummary: s\ndescription: d\n{more}");
    let files =
        CharmFiles { metadata: Some(SourceText::new("metadata.yaml", text)), ..CharmFiles::default() };
    let meta = parse(&files).expect("the test's metadata is valid").meta;
    Charm { id: CharmId(id.into()), url: url.into(), revision: 0, version: None, meta }
}

const PAGE: &str = "resources:\n  page: {type: file, filename: page.html}\n";

fn file(hash: &str, store: Option<u32>) -> ResourceFile {
    ResourceFile { hash: hash.into(), size: 1, revision: 1, store }
}

fn deploy(charm: Charm) -> Command {
    Command::Deploy(Box::new(Deploy {
        name: None,
        charm,
        units: 1,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: Some("latest/edge".into()),
        force: false,
    }))
}

/// A refresh that says nothing.
fn refresh(charm: Option<Charm>) -> (AppName, Option<Box<Charm>>) {
    (AppName::new("web").unwrap(), charm.map(Box::new))
}

fn with(
    (app, charm): (AppName, Option<Box<Charm>>),
    page: Option<ResourceFile>,
    channel: Option<&str>,
    trust: Option<bool>,
) -> Command {
    Command::Refresh {
        app,
        charm,
        force_units: false,
        config: BTreeMap::new(),
        resources: page.into_iter().map(|file| ("page".parse().unwrap(), file)).collect(),
        channel: channel.map(str::to_owned),
        trust,
    }
}

#[test]
fn a_charm_of_the_store_keeps_its_revision_and_any_other_gets_one() {
    let mut world = World::new();
    world.ok(deploy(charm("a", "ch:amd64/web-7", PAGE)));
    assert!(world.app().charm.url.starts_with("ch:") && world.app().charm.url.ends_with("/web-7"));
    // What claims to be another charm of the store, or something else, is a local one.
    for (id, url, given) in [
        ("b", "ch:amd64/other-9", "local:web-0"),
        ("c", "local:web-99", "local:web-1"),
        ("d", "ch:../../etc", "local:web-2"),
        ("e", "", "local:web-3"),
    ] {
        world.ok(with(refresh(Some(charm(id, url, PAGE))), None, None, None));
        assert_eq!(world.app().charm.url, given, "{url}");
    }
    // Back to the store's: local numbers were not used up by it.
    world.ok(with(refresh(Some(charm("a", "ch:web-6", PAGE))), None, Some("2/beta"), None));
    assert!(world.app().charm.url.ends_with("/web-6"));
    assert_eq!(world.app().channel.as_deref(), Some("2/beta"));
    world.ok(with(refresh(Some(charm("f", "", PAGE))), None, Some(""), None));
    assert_eq!((world.app().charm.url.as_str(), &world.app().channel), ("local:web-4", &None));
}

#[test]
fn files_are_counted_on_and_the_same_content_upgrades_nobody() {
    let mut world = World::new();
    world.ok(deploy(charm("a", "", PAGE)));
    let page = |world: &World| {
        let app = world.app();
        let file = &app.resources["page"];
        (file.hash.clone(), file.revision, file.store, app.charm.modified)
    };
    world.ok(with(refresh(None), Some(file("x", None)), None, None));
    assert_eq!(page(&world), ("x".into(), 1, None, 1));
    world.ok(with(refresh(None), Some(file("y", None)), None, None));
    assert_eq!(page(&world), ("y".into(), 2, None, 2));
    // The same file again, also from somewhere else: nobody is upgraded for it.
    world.ok(with(refresh(None), Some(file("y", None)), None, None));
    assert_eq!(page(&world), ("y".into(), 2, None, 2));
    world.ok(with(refresh(None), Some(file("y", Some(5))), None, None));
    assert_eq!(page(&world), ("y".into(), 3, Some(5), 2));
    // With another charm the count goes on: it began anew once.
    world.ok(with(refresh(Some(charm("b", "", PAGE))), Some(file("z", None)), None, None));
    assert_eq!(page(&world).0, "z");
    assert_eq!(page(&world).1, 4);
    let unknown = Command::Refresh {
        app: AppName::new("web").unwrap(),
        charm: None,
        force_units: false,
        config: BTreeMap::new(),
        resources: [("nosuch".parse().unwrap(), file("x", None))].into(),
        channel: None,
        trust: None,
    };
    assert_eq!(world.refused(unknown).kind, RefusalKind::Invalid);
    world.ok(with(refresh(Some(charm("c", "", ""))), None, None, None));
    assert!(world.app().resources.is_empty(), "the charm has no such resource any more");
}

#[test]
fn trust_comes_with_the_charm_in_one_change() {
    let mut world = World::new();
    world.ok(deploy(charm("a", "", "")));
    world.ok(with(refresh(Some(charm("b", "", ""))), None, None, Some(true)));
    assert!(world.app().trust && world.app().charm.id == CharmId("b".into()));
    assert_eq!(world.app().channel.as_deref(), Some("latest/edge"), "as before");
    world.ok(with(refresh(Some(charm("c", "", ""))), None, None, None));
    assert!(world.app().trust, "as before");
    // It is an option of every application, also where options come with a charm.
    let mut options = with(refresh(Some(charm("d", "", ""))), None, None, None);
    if let Command::Refresh { config, .. } = &mut options {
        config.insert("trust".to_owned(), "false".to_owned());
    }
    world.ok(options);
    assert!(!world.app().trust);
    let mut other = deploy(charm("e", "", ""));
    if let Command::Deploy(deploy) = &mut other {
        deploy.name = Some("other".parse().unwrap());
        deploy.config.insert("trust".to_owned(), "true".to_owned());
    }
    world.ok(other);
    assert!(world.0.applications["other"].trust);
}

#[test]
fn payloads_live_with_their_unit() {
    let mut world = World::new();
    world.ok(deploy(charm("a", "", "payloads:\n  monitor: {type: docker}\n")));
    let unit: UnitName = "web/0".parse().unwrap();
    world.ok(Command::TakeUnit { unit: unit.clone() });
    let tell = |id: &str, change| Command::Agent {
        unit: unit.clone(),
        epoch: 1,
        tell: Tell::Payload { key: PayloadKey { class: "monitor".into(), id: id.into() }, change },
    };
    let register = || PayloadChange::Register { kind: "docker".into(), labels: vec!["blue".into()] };
    let missing = world.refused(tell("x/y", PayloadChange::Status(PayloadStatus::Stopped)));
    assert_eq!(missing.message, "payload \"monitor/x/y\" not found");
    world.ok(tell("x/y", register()));
    world.ok(tell("x/y", PayloadChange::Status(PayloadStatus::Stopping)));
    let record = &world.0.units[&unit];
    let text = serde_json::to_string(&**record).unwrap();
    assert!(
        text.contains(
            r#""payloads":{"monitor/x/y":{"type":"docker","labels":["blue"],"status":"stopping"}}"#
        ),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<periapt_model::entity::Unit>(&text).unwrap(), **record);
    world.ok(tell("x/y", PayloadChange::Unregister));
    world.ok(tell("x/y", PayloadChange::Unregister));
    assert!(world.0.units[&unit].payloads.is_empty());
    for number in 0..1000 {
        world.ok(tell(&number.to_string(), register()));
    }
    assert_eq!(world.refused(tell("more", register())).kind, RefusalKind::Conflict);
    world.ok(tell("7", register()));
}

#[test]
fn a_refresh_wakes_its_units() {
    let mut world = World::new();
    world.ok(deploy(charm("a", "", PAGE)));
    let command = with(refresh(None), Some(file("x", None)), None, None);
    let (writes, _) = apply(&world.0, command, Timestamp(1)).unwrap();
    let before = world.0.clone();
    writes.iter().for_each(|w| world.0.write(w));
    let woken = concerned(&before, &world.0, &writes);
    assert!(woken.contains(&"web/0".parse::<UnitName>().unwrap()), "{woken:?}");
}
