//! Hooks of secrets and storages: when they are due, in which order, and when again.

use std::time::Duration;

use periapt_model::hook::{Hook, SecretEvent};
use periapt_model::journal::{Entry, Event, Outcome};
use periapt_model::names::SecretId;
use periapt_model::remote::{RemoteOwned, RemoteRead};
use periapt_model::status::Life;

use super::harness::*;
use crate::{RestReason, Step};

fn id(n: u32) -> SecretId {
    format!("secret00000000000{n:03}").parse().unwrap()
}

fn read(tracked: u32, latest: u32) -> RemoteRead {
    RemoteRead { label: Some("theirs".into()), tracked, latest, readable: true }
}

fn owned(latest: u32) -> RemoteOwned {
    let (expires, obsolete) = (Default::default(), Default::default());
    RemoteOwned { label: Some("ours".into()), latest, rotates: None, expires, obsolete }
}

/// Event, secret's number and revision of each secret hook that has run, in order.
fn told(world: &World) -> Vec<(SecretEvent, SecretId, u32)> {
    let dispatches = world.journal.iter().filter_map(|entry| match entry {
        Entry::Dispatch(dispatch) => Some(&dispatch.event),
        Entry::Mark(_) => None,
    });
    dispatches
        .filter_map(|event| match event {
            Event::Hook(Hook::Secret(hook)) => Some((hook.event, hook.secret.clone(), hook.revision)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_reader_is_told_once_of_each_newer_revision() {
    let mut world = World::settled("app/0");
    world.remote.secrets_read.insert(id(1), read(1, 1));
    assert_eq!(world.settle(), RestReason::Settled);
    assert!(world.trace.is_empty(), "it reads the newest");
    world.remote.secrets_read.insert(id(1), read(1, 3));
    world.settle();
    assert_eq!(told(&world), [(SecretEvent::Changed, id(1), 3)]);
    assert!(world.agent_status.is_some());
    world.settle();
    assert_eq!(world.trace, ["secret-changed"], "once, although it reads the old one still");
    world.remote.secrets_read.insert(id(1), RemoteRead { readable: false, ..read(1, 4) });
    world.settle();
    assert_eq!(world.trace.len(), 1, "what it may not read does not concern it");
    world.remote.secrets_read.insert(id(1), read(1, 4));
    world.settle();
    assert_eq!(told(&world)[1], (SecretEvent::Changed, id(1), 4));
}

#[test]
fn an_owner_is_told_of_what_nobody_reads_any_more() {
    let mut world = World::settled("app/0");
    world.remote.secrets_owned.insert(id(1), RemoteOwned { obsolete: [1, 2].into(), ..owned(3) });
    world.settle();
    world.settle();
    assert_eq!(told(&world), [(SecretEvent::Remove, id(1), 1), (SecretEvent::Remove, id(1), 2)]);
}

#[test]
fn rotation_and_expiry_are_asked_for_again_every_five_minutes() {
    let mut world = World::settled("app/0");
    let at = world.moment.now + Duration::from_secs(60);
    world.remote.update_status_interval = Duration::from_secs(24 * 3600);
    let due = RemoteOwned { rotates: Some(at), expires: [(1, at)].into(), ..owned(1) };
    world.remote.secrets_owned.insert(id(1), due);
    let Step::Rest { until: Some(until), .. } = world.decide() else { panic!("nothing to wait for") };
    assert_eq!(until, at);
    world.wait();
    world.settle();
    assert_eq!(world.trace, ["secret-expired", "secret-rotate"]);
    let Step::Rest { until: Some(until), .. } = world.decide() else { panic!("nothing to wait for") };
    assert!((300_000..301_000).contains(&until.since(at).as_millis()), "{until:?}");
    world.wait();
    world.settle();
    assert_eq!(world.trace, ["secret-expired", "secret-rotate", "secret-expired", "secret-rotate"]);
    // A new revision with an expiry and a rotation of its own.
    world.remote.secrets_owned.insert(id(1), owned(2));
    world.settle();
    assert_eq!(world.trace.len(), 4);
    // A clock that is set back does not make it wait for hours.
    let due = RemoteOwned { rotates: Some(at), ..owned(2) };
    world.remote.secrets_owned.insert(id(1), due);
    world.moment.now = at + Duration::from_secs(1);
    world.settle();
    assert_eq!(world.trace.last().map(String::as_str), Some("secret-rotate"));
}

#[test]
fn secrets_come_in_jujus_order_and_before_actions_and_config() {
    let mut world = World::settled("app/0");
    let now = world.moment.now;
    let due =
        RemoteOwned { rotates: Some(now), expires: [(1, now)].into(), obsolete: [1].into(), ..owned(2) };
    world.remote.secrets_owned.insert(id(1), due);
    world.remote.secrets_read.insert(id(2), read(1, 2));
    world.add_task(7);
    world.configure(5);
    world.settle();
    let expected =
        ["secret-expired", "secret-rotate", "secret-changed", "secret-remove", "task 7", "config-changed"];
    assert_eq!(world.trace, expected);
}

#[test]
fn a_failed_secret_hook_goes_with_its_secret() {
    let mut world = World::settled("app/0");
    world.remote.secrets_read.insert(id(1), read(1, 2));
    world.ends.push(failed());
    world.settle();
    world.remote.secrets_read.clear();
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.trace, ["secret-changed!", "[dropped secret-changed]"]);
}

#[test]
fn a_dying_unit_hears_of_no_secret() {
    let mut world = World::settled("app/0");
    world.remote.secrets_read.insert(id(1), read(1, 2));
    world.remote.secrets_owned.insert(id(2), RemoteOwned { obsolete: [1].into(), ..owned(2) });
    world.remote.life = Life::Dying;
    world.settle();
    assert!(told(&world).is_empty());
}

#[test]
fn storages_come_before_install_and_go_before_relations() {
    let mut world = World::new("app/0");
    world.remote.storages.extend(["data/0", "data/1"].map(|id| (id.parse().unwrap(), Life::Alive)));
    world.ends.extend([Outcome::Done, Outcome::Done, failed()]);
    world.settle();
    assert_eq!(world.trace[..2], ["data-storage-attached", "data-storage-attached!"]);
    world.wait();
    world.settle();
    assert_eq!(world.trace[2..4], ["data-storage-attached", "install"]);
    assert_eq!(world.trace.iter().filter(|line| *line == "install").count(), 1);
    // More of it later, as `storage-add` brings it.
    world.remote.storages.insert("logs/2".parse().unwrap(), Life::Alive);
    world.settle();
    assert_eq!(world.trace.last().unwrap(), "logs-storage-attached");
    world.trace.clear();
    // One that it never saw goes without a hook.
    world.remote.life = Life::Dying;
    world.remote.storages.insert("logs/3".parse().unwrap(), Life::Alive);
    world.settle();
    let hooks: Vec<&str> = world.trace.iter().map(String::as_str).collect();
    let detaching = ["data-storage-detaching", "data-storage-detaching", "logs-storage-detaching"];
    assert_eq!(hooks, [&["[resigned]", "[dying]"][..], &detaching, &["stop", "remove", "[dead]"]].concat());
}

#[test]
fn a_unit_that_was_never_installed_takes_its_storages_along() {
    let mut world = World::new("app/0");
    world.remote.storages.insert("data/0".parse().unwrap(), Life::Alive);
    while world.local.storages.is_empty() {
        assert!(world.step());
    }
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(world.trace, ["data-storage-attached", "[dead]"]);
}

#[test]
fn a_living_unit_lets_go_of_a_storage_and_gets_it_again() {
    let mut world = World::new("app/0");
    let id: periapt_model::names::StorageId = "data/0".parse().unwrap();
    world.remote.storages.insert(id.clone(), Life::Alive);
    while world.local.storages.is_empty() {
        assert!(world.step());
    }
    // Wanted back while it is set up: its charm could do nothing about it yet.
    world.remote.storages.insert(id.clone(), Life::Dying);
    world.settle();
    let at = |world: &World, name: &str| world.trace.iter().position(|line| line == name);
    assert!(at(&world, "start") < at(&world, "data-storage-detaching"), "{:?}", world.trace);
    assert!(world.local.storages.is_empty() && world.remote.storages.is_empty());
    world.trace.clear();
    for life in [Life::Alive, Life::Dying] {
        world.remote.storages.insert(id.clone(), life);
        world.settle();
    }
    assert_eq!(world.trace, ["data-storage-attached", "data-storage-detaching"]);
    world.trace.clear();
    // One that it never saw goes without a hook, and so does one that is taken from it.
    world.remote.storages.insert(id.clone(), Life::Dying);
    world.settle();
    world.remote.storages.insert(id.clone(), Life::Alive);
    world.settle();
    world.remote.storages.clear();
    world.settle();
    assert_eq!(world.trace, ["[forgotten data/0]", "data-storage-attached", "[forgotten data/0]"]);
    world.trace.clear();
    // A hook that failed has no subject when it was given back meanwhile, or taken.
    world.remote.storages.insert(id.clone(), Life::Alive);
    world.settle();
    for life in [Some(Life::Alive), None] {
        world.remote.storages.insert(id.clone(), Life::Dying);
        world.ends.push(failed());
        world.settle();
        match life {
            Some(life) => drop(world.remote.storages.insert(id.clone(), life)),
            None => drop(world.remote.storages.remove(&id)),
        }
        world.settle();
    }
    let failed = ["data-storage-detaching!", "[dropped data-storage-detaching]"];
    let expected = [&["data-storage-attached"][..], &failed, &failed, &["[forgotten data/0]"]].concat();
    assert_eq!(world.trace, expected);
}
