//! The operator's own secrets: what each command does, and from the wrong side.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, Deploy, Refusal, RefusalKind, Tell};
use periapt_model::entity::{Charm, ModelInfo, SecretContent, SecretOwner};
use periapt_model::model::Model;
use periapt_model::names::{AppName, CharmId, ModelName, SecretId, UnitName};
use periapt_model::observe::{concerned, observe};
use periapt_model::secrets::{SecretRef, may_read};
use periapt_model::time::Timestamp;
use proptest::prelude::*;

fn deploy(name: &str, units: u32) -> Command {
    let metadata = SourceText::new("metadata.yaml", format!("name: {name}\nsummary: s\ndescription: d\n"));
    let config = SourceText::new("config.yaml", "options:\n  pw: {type: secret}\n  text: {type: string}\n");
    let files = CharmFiles { metadata: Some(metadata), config: Some(config), ..CharmFiles::default() };
    let charm = Charm {
        id: CharmId(format!("id-{name}")),
        url: String::new(),
        revision: 0,
        version: None,
        meta: parse(&files).expect("the test's metadata is valid").meta,
    };
    // As a client sends it: what is not said has its default.
    let request = serde_json::json!({"charm": charm, "units": units});
    Command::Deploy(Box::new(serde_json::from_value::<Deploy>(request).unwrap()))
}

struct World(Model);

impl World {
    /// Two applications, `a` with two units and `b` with one.
    fn new() -> Self {
        let name = ModelName::new("m").unwrap();
        let mut world = Self(Model::new(ModelInfo::new("uuid".into(), name, Timestamp(0))));
        world.ok(deploy("a", 2));
        world.ok(deploy("b", 1));
        for unit in ["a/0", "a/1", "b/0"] {
            world.ok(Command::TakeUnit { unit: unit.parse().unwrap() });
        }
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

    fn add(&mut self, name: &str, value: &str) -> SecretId {
        match self.ok(add(name, value)) {
            Answer::Secret(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn revisions(&self, id: &SecretId) -> Vec<u32> {
        self.0.secrets[id].revisions.keys().copied().collect()
    }

    fn may_read(&self, id: &SecretId, unit: &str) -> bool {
        may_read(&self.0.secrets[id], &unit.parse().unwrap())
    }
}

fn content(value: &str) -> SecretContent {
    let mut content = SecretContent::default();
    content.insert("key", value.as_bytes()).unwrap();
    content
}

fn add(name: &str, value: &str) -> Command {
    Command::AddSecret { name: name.into(), info: Some("what for".into()), content: content(value) }
}

fn named(name: &str) -> SecretRef {
    SecretRef::parse(name, "uuid")
}

fn set(name: &str, value: &str) -> Command {
    update(name, |c| c.2 = Some(content(value)))
}

type Changes = (Option<String>, Option<bool>, Option<SecretContent>);

fn update(name: &str, edit: impl FnOnce(&mut Changes)) -> Command {
    let mut changes = Changes::default();
    edit(&mut changes);
    let (new_name, auto_prune, content) = changes;
    Command::UpdateSecret { secret: named(name), name: new_name, info: None, auto_prune, content }
}

fn grant(name: &str, app: &str, grant: bool) -> Command {
    Command::GrantSecret { secret: named(name), apps: vec![AppName::new(app).unwrap()], grant }
}

fn remove(name: &str, revision: Option<u32>) -> Command {
    Command::RemoveSecret { secret: named(name), revision }
}

fn track(unit: &str, id: &SecretId, revision: u32) -> Command {
    let tell = Tell::TrackSecret { secret: id.clone(), label: None, revision: Some(revision) };
    Command::Agent { unit: unit.parse().unwrap(), epoch: 1, tell }
}

/// Beyond Juju: `config-changed` runs when the secret that an option names begins or ceases to be the application's to read.
#[test]
fn a_grant_of_the_secret_that_an_option_names_is_a_change_of_config() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    let inputs = |world: &World, unit: &str| observe(&world.0, &unit.parse().unwrap()).unwrap().inputs;
    let config = |world: &mut World, key: &str, value: String| {
        let set = [(key.to_owned(), value)].into();
        world.ok(Command::SetConfig { app: AppName::new("a").unwrap(), set, reset: Vec::new() });
    };
    // Neither text that looks like it nor a grant without an option that names it.
    config(&mut world, "text", format!("secret:{id}"));
    let before = inputs(&world, "a/0");
    world.ok(grant("mine", "a", true));
    assert_eq!(inputs(&world, "a/0"), before);
    world.ok(grant("mine", "a", false));
    config(&mut world, "pw", format!("secret://uuid/{id}"));
    let named = inputs(&world, "a/0");
    assert_ne!(named, before);
    for granted in [true, false] {
        let (writes, _) = apply(&world.0, grant("mine", "a", granted), Timestamp(1)).unwrap();
        let (old, other) = (world.0.clone(), inputs(&world, "b/0"));
        writes.iter().for_each(|write| world.0.write(write));
        assert_eq!(inputs(&world, "a/0") == named, !granted);
        assert_eq!(inputs(&world, "b/0"), other);
        let units = concerned(&old, &world.0, &writes);
        assert!(["a/0", "a/1"].iter().all(|unit| units.contains(&unit.parse().unwrap())), "{units:?}");
    }
    // With the secret goes the grant.
    world.ok(grant("mine", "a", true));
    let (writes, _) = apply(&world.0, remove("mine", None), Timestamp(1)).unwrap();
    let old = world.0.clone();
    writes.iter().for_each(|write| world.0.write(write));
    assert_eq!(inputs(&world, "a/0"), named);
    assert!(concerned(&old, &world.0, &writes).contains(&"a/0".parse().unwrap()));
}

#[test]
fn a_secret_is_found_by_name_uri_and_id() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    let secret = &world.0.secrets[&id];
    assert_eq!((secret.owner.clone(), secret.created), (SecretOwner::Model, secret.updated));
    assert_eq!(secret.description.as_deref(), Some("what for"));
    for text in ["mine".to_owned(), id.to_string(), format!("secret:{id}"), format!("secret://uuid/{id}")] {
        assert!(world.0.find_secret(&named(&text)).is_some(), "{text}");
    }
    for text in ["other", "", "secret:", &format!("secret://elsewhere/{id}")] {
        assert!(world.0.find_secret(&named(text)).is_none(), "{text}");
        let refusal = world.refused(remove(text, None));
        assert_eq!(
            (refusal.kind, refusal.message),
            (RefusalKind::NotFound, format!("secret {text:?} not found"))
        );
    }
}

#[test]
fn ids_are_never_used_again() {
    let mut world = World::new();
    let first = world.add("mine", "one");
    world.ok(remove("mine", None));
    assert_ne!(world.add("mine", "one"), first);
}

#[test]
fn names_are_unique_and_no_ids() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    world.add("other", "one");
    let refusal = world.refused(add("mine", "two"));
    assert_eq!(refusal.kind, RefusalKind::AlreadyExists);
    assert_eq!(refusal.message, "secret with name \"mine\" already exists");
    let rename = |to: &str| update("other", |c| c.0 = Some(to.into()));
    assert_eq!(world.refused(rename("mine")).kind, RefusalKind::AlreadyExists);
    world.ok(rename("other"));
    for bad in ["", "secret:x", id.as_str(), "two\nlines", &"x".repeat(257)] {
        assert_eq!(world.refused(add(bad, "x")).kind, RefusalKind::Invalid, "{bad:?}");
        assert_eq!(world.refused(rename(bad)).kind, RefusalKind::Invalid, "{bad:?}");
    }
    let empty = Command::AddSecret { name: "new".into(), info: None, content: SecretContent::default() };
    assert_eq!(world.refused(empty).message, "missing secret value or filename");
    let nothing = world.refused(update("mine", |_| {}));
    assert_eq!(nothing.message, "at least one attribute to update must be specified");
}

#[test]
fn only_other_content_is_a_new_revision() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    world.ok(set("mine", "one"));
    assert_eq!(world.revisions(&id), [1]);
    world.ok(set("mine", "two"));
    world.ok(update("mine", |c| c.0 = Some("renamed".into())));
    assert_eq!(world.revisions(&id), [1, 2], "without auto-prune old revisions stay");
    world.ok(remove("renamed", Some(1)));
    assert_eq!(world.revisions(&id), [2]);
    assert!(world.0.secret_content(&id, 1).is_none());
    let gone = world.refused(remove("renamed", Some(1)));
    assert_eq!(gone.message, "secret \"renamed\" revision 1 not found");
    world.ok(remove("renamed", Some(2)));
    assert!(!world.0.secrets.contains_key(&id), "the last revision takes the secret with it");
}

#[test]
fn grants_are_for_whole_applications_and_end_with_them() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    assert!(!world.may_read(&id, "a/0"));
    assert!(apply(&world.0, track("a/0", &id, 1), Timestamp(1)).is_err(), "nobody reads without a grant");
    world.ok(grant("mine", "a", true));
    world.ok(grant("mine", "a", true));
    assert_eq!(["a/0", "a/1", "b/0"].map(|unit| world.may_read(&id, unit)), [true, true, false]);
    world.ok(grant("mine", "a", false));
    world.ok(grant("mine", "a", false));
    assert!(!world.may_read(&id, "a/0"));
    let unknown = world.refused(grant("mine", "c", true));
    assert_eq!(unknown.kind, RefusalKind::NotFound);
    assert_eq!(unknown.message, "failed to grant/revoke secret: application \"c\" not found");
    world.ok(grant("mine", "b", true));
    world.ok(Command::RemoveApplication { app: AppName::new("b").unwrap(), force: true });
    assert!(world.0.secrets[&id].grants.is_empty());
}

#[test]
fn a_charms_secret_is_the_charms() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    let mut theirs = world.0.secrets[&id].as_ref().clone();
    theirs.id = SecretId::derived(&["theirs"]);
    theirs.owner = SecretOwner::Application(AppName::new("a").unwrap());
    theirs.label = Some("theirs".into());
    world.0.put(periapt_model::model::Record::Secret(theirs.into()));
    for command in [set("theirs", "x"), remove("theirs", None), grant("theirs", "b", true)] {
        let refusal = world.refused(command);
        assert_eq!((refusal.kind, refusal.message.as_str()), (RefusalKind::NotAllowed, "permission denied"));
        assert!(refusal.hint.unwrap().contains("application a"));
    }
}

#[test]
fn auto_prune_takes_what_nobody_reads() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    world.ok(grant("mine", "a", true));
    world.ok(update("mine", |c| c.1 = Some(true)));
    world.ok(track("a/0", &id, 1));
    world.ok(track("a/1", &id, 1));
    world.ok(set("mine", "two"));
    assert_eq!(world.revisions(&id), [1, 2], "it is read");
    world.ok(track("a/0", &id, 2));
    assert_eq!(world.revisions(&id), [1, 2], "a/1 reads it still");
    world.ok(track("a/1", &id, 2));
    assert_eq!(world.revisions(&id), [2]);
    world.ok(set("mine", "three"));
    world.ok(grant("mine", "a", false));
    assert_eq!(world.revisions(&id), [3], "who may not read does not count");
    assert!(world.0.secret_content(&id, 2).is_none());
}

#[test]
fn a_first_look_wakes_no_owner() {
    let mut world = World::new();
    let id = world.add("mine", "one");
    world.ok(grant("mine", "a", true));
    let before = world.0.clone();
    let (writes, _) = apply(&before, track("a/0", &id, 1), Timestamp(1)).unwrap();
    writes.iter().for_each(|w| world.0.write(w));
    assert_eq!(concerned(&before, &world.0, &writes), BTreeSet::from(["a/0".parse().unwrap()]));
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, u8),
    Set(u8, u8),
    AutoPrune(u8, bool),
    Remove(u8, Option<u32>),
    Grant(u8, bool, bool),
    Track(u8, bool, u8),
    RemoveUnit,
}

fn step() -> impl Strategy<Value = Step> {
    let (name, value) = (0..3u8, 0..4u8);
    prop_oneof![
        (name.clone(), value.clone()).prop_map(|(n, v)| Step::Add(n, v)),
        (name.clone(), value).prop_map(|(n, v)| Step::Set(n, v)),
        (name.clone(), any::<bool>()).prop_map(|(n, on)| Step::AutoPrune(n, on)),
        (name.clone(), proptest::option::of(1..5u32)).prop_map(|(n, r)| Step::Remove(n, r)),
        (name.clone(), any::<bool>(), any::<bool>()).prop_map(|(n, app, on)| Step::Grant(n, app, on)),
        (name, any::<bool>(), 0..3u8).prop_map(|(n, old, unit)| Step::Track(n, old, unit)),
        Just(Step::RemoveUnit),
    ]
}

fn command(world: &World, step: &Step) -> Option<Command> {
    let name = |n: &u8| ["one", "two", "three"][usize::from(*n)];
    let value = |v: &u8| v.to_string();
    Some(match step {
        Step::Add(n, v) => add(name(n), &value(v)),
        Step::Set(n, v) => set(name(n), &value(v)),
        Step::AutoPrune(n, on) => update(name(n), |c| c.1 = Some(*on)),
        Step::Remove(n, revision) => remove(name(n), *revision),
        Step::Grant(n, app, on) => grant(name(n), if *app { "a" } else { "b" }, *on),
        Step::Track(n, old, unit) => {
            let secret = world.0.find_secret(&named(name(n)))?;
            let unit = ["a/0", "a/1", "b/0"][usize::from(*unit)];
            let known = world.0.secret_consumer(&secret.id, &unit.parse().unwrap());
            let revision = known.filter(|_| *old).map_or_else(|| secret.latest(), |c| c.revision);
            track(unit, &secret.id, revision)
        }
        Step::RemoveUnit => Command::RemoveUnits { units: vec!["a/1".parse().unwrap()], force: true },
    })
}

proptest! {
    /// Whatever is done: contents and revisions belong together, names are unique, nothing lies about that was to be
    /// pruned, and whoever sees a difference is woken.
    #[test]
    fn secrets_are_whole_after_every_step(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            let Some(command) = command(&world, step) else { continue };
            let before = world.0.clone();
            let done = apply(&before, command.clone(), Timestamp(1));
            prop_assert_eq!(&done, &apply(&before, command, Timestamp(1)));
            let Ok((writes, _)) = done else { continue };
            writes.iter().for_each(|w| world.0.write(w));
            let woken = concerned(&before, &world.0, &writes);
            for unit in before.units.keys().collect::<Vec<&UnitName>>() {
                if observe(&before, unit) != observe(&world.0, unit) {
                    prop_assert!(woken.contains(unit), "{} sleeps through {:?}", unit, step);
                }
            }
            let mut names = BTreeSet::new();
            for secret in world.0.secrets.values() {
                prop_assert!(names.insert(secret.label.clone()), "{:?} twice", secret.label);
                prop_assert!(!secret.revisions.is_empty());
                for revision in 1..secret.next_revision {
                    let (known, there) = (
                        secret.revisions.contains_key(&revision),
                        world.0.secret_content(&secret.id, revision).is_some(),
                    );
                    prop_assert_eq!(known, there, "revision {}", revision);
                }
                if secret.auto_prune {
                    prop_assert!(world.0.obsolete_revisions(secret).is_empty());
                }
            }
        }
    }
}

#[test]
fn an_option_that_takes_a_secret_says_how_to_find_its_uri() {
    let world = World::new();
    let set = |key: &str| {
        let set = [(key.to_owned(), "mine".to_owned())].into();
        Command::SetConfig { app: "a".parse().unwrap(), set, reset: Vec::new() }
    };
    let hint = world.refused(set("pw")).hint.unwrap_or_default();
    assert!(hint.contains("periapt secrets") && hint.contains("periapt show-secret NAME"), "{hint}");
}
