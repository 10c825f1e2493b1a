//! Principals and subordinates, told from one unit's side (reference 1.6 and 1.14).

use periapt_model::charm::Role;
use periapt_model::status::Life;

use super::harness::{World, unit};
use crate::{RestReason, Step, Wait, is_settled, why};

fn left(names: &[&str]) -> RestReason {
    RestReason::Subordinates { left: names.iter().map(|name| unit(name)).collect() }
}

#[test]
fn a_principal_is_not_dead_before_its_subordinates_are_gone() {
    let mut world = World::settled("host/0");
    world.relate(1, Role::Provider, "web", "side", &["side/3"]);
    world.remote.subordinates = [unit("side/3"), unit("watch/1")].into();
    world.settle();
    world.ran();
    world.remote.life = Life::Dying;
    assert_eq!(world.settle(), left(&["side/3", "watch/1"]));
    let end = ["web-relation-departed(side/3)", "web-relation-broken", "stop", "remove"];
    assert_eq!(world.ran(), [&["[resigned]", "[dying]"][..], &end].concat());
    let waits = why(&world.local, &world.remote, &world.moment);
    assert!(!waits.settled);
    let said: Vec<String> = waits.waits.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["it is going away", "side/3, watch/1 must be gone first, its subordinates"]);
    world.remote.subordinates.clear();
    assert_eq!(world.settle(), RestReason::Gone);
    assert_eq!(world.ran(), ["[dead]"]);
}

#[test]
fn a_principal_that_was_never_installed_waits_as_well() {
    let mut world = World::new("host/0");
    world.remote.subordinates = [unit("side/0")].into();
    world.remote.life = Life::Dying;
    assert_eq!(world.settle(), left(&["side/0"]));
    assert_eq!(world.ran(), [""; 0]);
}

#[test]
fn a_closed_relation_is_entered_when_the_old_subordinate_is_gone() {
    let mut world = World::settled("host/0");
    world.relate(2, Role::Provider, "web", "side", &[]);
    world.related(2).closed = true;
    world.remote.subordinates = [unit("side/0")].into();
    assert_eq!(world.settle(), left(&["side/0"]));
    assert_eq!(world.ran(), [""; 0]);
    assert!(!is_settled(&world.local, &world.remote, &world.moment));
    let waits = why(&world.local, &world.remote, &world.moment);
    assert!(waits.waits.contains(&Wait::Subordinates { left: vec![unit("side/0")] }), "{waits:?}");
    // All else goes on meanwhile, and its timers with it.
    world.configure(7);
    world.settle();
    assert_eq!(world.ran(), ["config-changed"]);
    let Step::Rest { until: Some(_), .. } = world.decide() else { panic!("update-status still comes") };
    world.related(2).closed = false;
    world.remote.subordinates.clear();
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["web-relation-created"]);
}

#[test]
fn a_subordinate_drains_its_relation_like_any_unit() {
    let mut world = World::settled("side/0");
    world.relate(1, Role::Requirer, "host", "host", &["host/0"]);
    world.settle();
    assert_eq!(
        world.ran(),
        ["host-relation-created", "host-relation-joined(host/0)", "host-relation-changed(host/0)"]
    );
    // Its relation goes, and it with it: the model says both in one change.
    world.related(1).life = Life::Dying;
    world.remote.life = Life::Dying;
    assert_eq!(world.settle(), RestReason::Gone);
    let end = ["host-relation-departed(host/0)", "host-relation-broken", "stop", "remove", "[dead]"];
    assert_eq!(world.ran(), [&["[resigned]", "[dying]"][..], &end].concat());
}
