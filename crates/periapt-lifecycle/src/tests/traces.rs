//! The reference's traces (1.15), told from one unit's side.

use periapt_model::charm::Role;
use periapt_model::status::{Life, WorkloadStatus};

use super::harness::{World, unit};
use crate::RestReason;

#[test]
fn deploy_of_one_unit_with_a_peer_relation() {
    let mut world = World::new("a/0");
    world.relate(0, Role::Peer, "p", "a", &[]);
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["install", "p-relation-created", "leader-elected", "config-changed", "start"]);
    assert_eq!(world.workload, Some((WorkloadStatus::Unknown, String::new())));
}

#[test]
fn add_unit_to_an_application_that_is_related() {
    let mut world = World::follower("a/1");
    world.relate(0, Role::Peer, "p", "a", &["a/0"]);
    world.relate(1, Role::Provider, "r", "b", &["b/0"]);
    world.settle();
    let setup = [
        "install",
        "p-relation-created",
        "r-relation-created",
        "leader-settings-changed",
        "config-changed",
        "start",
    ];
    let members = [
        "p-relation-joined(a/0)",
        "p-relation-changed(a/0)",
        "r-relation-joined(b/0)",
        "r-relation-changed(b/0)",
    ];
    assert_eq!(world.ran(), [&setup[..], &members[..]].concat());
}

#[test]
fn integrate_and_remove_a_relation() {
    let mut world = World::settled("a/0");
    world.relate(3, Role::Requirer, "db", "b", &["b/0", "b/10", "b/9"]);
    world.settle();
    let joined = [
        "db-relation-joined(b/0)",
        "db-relation-changed(b/0)",
        "db-relation-joined(b/9)",
        "db-relation-changed(b/9)",
    ];
    let last = ["db-relation-joined(b/10)", "db-relation-changed(b/10)"];
    assert_eq!(world.ran(), [&["db-relation-created"][..], &joined, &last].concat());
    world.related(3).life = Life::Dying;
    world.settle();
    let departed = ["db-relation-departed(b/0)", "db-relation-departed(b/9)", "db-relation-departed(b/10)"];
    assert_eq!(world.ran(), [&departed[..], &["db-relation-broken"]].concat());
    assert!(world.remote.relations.is_empty() && world.local.relations.is_empty());
}

#[test]
fn databag_changes_give_one_changed_each() {
    let mut world = World::settled("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    world.settle();
    world.ran();
    // Three writes while nobody looked are one change; the application's comes before the unit's.
    world.related(0).members.insert(unit("b/0"), 4);
    world.related(0).apps.insert("b".parse().unwrap(), 2);
    world.settle();
    assert_eq!(world.ran(), ["r-relation-changed", "r-relation-changed(b/0)"]);
    // A counter that differs in any direction is a change.
    world.related(0).members.insert(unit("b/0"), 3);
    world.settle();
    assert_eq!(world.ran(), ["r-relation-changed(b/0)"]);
    assert_eq!(world.settle(), RestReason::Settled);
    assert!(world.ran().is_empty());
}

#[test]
fn an_application_databag_may_change_before_anybody_joined() {
    let mut world = World::settled("a/0");
    world.relate(0, Role::Requirer, "r", "b", &[]);
    world.related(0).apps.insert("b".parse().unwrap(), 1);
    world.settle();
    assert_eq!(world.ran(), ["r-relation-created", "r-relation-changed"]);
}

#[test]
fn remove_unit_drains_every_relation_first() {
    let mut world = World::settled("a/1");
    world.relate(0, Role::Peer, "p", "a", &["a/0"]);
    world.relate(1, Role::Provider, "r", "b", &["b/0", "b/1"]);
    world.settle();
    world.ran();
    world.remote.life = Life::Dying;
    assert_eq!(world.settle(), RestReason::Gone);
    let drained = [
        "p-relation-departed(a/0)",
        "r-relation-departed(b/0)",
        "r-relation-departed(b/1)",
        "r-relation-broken",
    ];
    assert_eq!(
        world.ran(),
        [&["[resigned]", "[dying]"][..], &drained, &["stop", "remove", "[dead]"]].concat()
    );
    let departing = world.journal.iter().filter_map(|entry| match entry {
        periapt_model::journal::Entry::Dispatch(dispatch) => match &dispatch.event {
            periapt_model::journal::Event::Hook(hook) => hook.relation().and_then(|r| r.departing.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(departing.collect::<Vec<_>>(), vec![unit("a/1"); 3], "it is us who leave");
    assert_eq!(world.workload, Some((WorkloadStatus::Terminated, String::new())));
}

#[test]
fn a_unit_of_the_other_side_leaves() {
    let mut world = World::settled("b/0");
    world.relate(1, Role::Requirer, "r", "a", &["a/0", "a/1"]);
    world.settle();
    world.ran();
    world.related(1).members.remove(&unit("a/1"));
    world.settle();
    assert_eq!(world.ran(), ["r-relation-departed(a/1)"]);
}

#[test]
fn a_unit_that_left_before_its_changed_gets_it_still() {
    let mut world = World::settled("b/0");
    world.relate(1, Role::Requirer, "r", "a", &["a/0"]);
    while world.local.relations.values().all(|r| r.changed_pending.is_none()) {
        assert!(world.step());
    }
    world.related(1).members.clear();
    world.settle();
    assert_eq!(
        world.ran()[1..],
        ["r-relation-joined(a/0)", "r-relation-changed(a/0)", "r-relation-departed(a/0)"]
    );
}

#[test]
fn a_dying_unit_with_a_change_pending_gets_it_first() {
    let mut world = World::settled("b/0");
    world.relate(1, Role::Requirer, "r", "a", &["a/0"]);
    while world.local.relations.values().all(|r| r.changed_pending.is_none()) {
        assert!(world.step());
    }
    world.ran();
    world.remote.life = Life::Dying;
    world.settle();
    let end = ["r-relation-departed(a/0)", "r-relation-broken", "stop", "remove", "[dead]"];
    assert_eq!(world.ran(), [&["[resigned]", "[dying]", "r-relation-changed(a/0)"][..], &end].concat());
}

#[test]
fn suspended_relations_are_drained_and_created_again_on_resume() {
    let mut world = World::settled("a/0");
    world.relate(1, Role::Requirer, "r", "b", &["b/0"]);
    world.settle();
    world.ran();
    world.related(1).suspended = true;
    world.settle();
    assert_eq!(world.ran(), ["r-relation-departed(b/0)", "r-relation-broken"]);
    world.related(1).suspended = false;
    world.settle();
    assert_eq!(world.ran(), ["r-relation-created", "r-relation-joined(b/0)", "r-relation-changed(b/0)"]);
}

#[test]
fn relations_that_vanish_are_forgotten_without_hooks() {
    let mut world = World::settled("a/0");
    world.relate(1, Role::Requirer, "r", "b", &["b/0"]);
    world.settle();
    world.ran();
    world.remote.relations.clear();
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["[forgotten 1]"]);
}

#[test]
fn implicit_relations_have_scope_but_no_hooks() {
    let mut world = World::settled("a/0");
    world.relate(1, Role::Provider, "juju-info", "b", &["b/0"]);
    world.related(1).implicit = true;
    world.settle();
    assert!(world.related(1).in_scope && world.ran().is_empty());
    world.related(1).life = Life::Dying;
    world.settle();
    assert_eq!(world.ran(), ["[forgotten 1]"]);
    assert!(world.remote.relations.is_empty(), "scope is left");
}

#[test]
fn units_that_are_not_installed_die_at_once() {
    let mut world = World::new("a/0");
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(world.ran(), ["[dead]"]);
    // Also with an install that fails again and again: nothing of the charm is there to be stopped.
    let mut world = World::new("a/0");
    world.ends = vec![periapt_model::journal::Outcome::Done, super::harness::failed()];
    world.settle();
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(world.ran(), ["install!", "[dead]"]);
}

#[test]
fn a_unit_that_dies_in_setup_is_removed_without_a_stop() {
    let mut world = World::new("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    while world.local.relations.values().all(|relation| !relation.created) {
        assert!(world.step());
    }
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(
        world.ran(),
        ["install", "r-relation-created", "[dying]", "r-relation-broken", "remove", "[dead]"]
    );
}

#[test]
fn a_relation_that_ends_before_its_created_gives_no_hooks() {
    let mut world = World::new("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    while world.local.relations.is_empty() {
        assert!(world.step());
    }
    world.related(0).life = Life::Dying;
    world.settle();
    assert_eq!(world.ran(), ["install", "[forgotten 0]", "leader-elected", "config-changed", "start"]);
    assert!(world.remote.relations.is_empty(), "scope is left");
}
