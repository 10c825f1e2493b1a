//! What `why` says.

use periapt_model::charm::Role;
use periapt_model::journal::Outcome;
use periapt_model::names::TaskId;

use super::harness::{World, charm, failed, notice};
use crate::{Step, Wait, Waits, is_idle, is_settled, why};

fn explain(world: &World) -> Waits {
    why(&world.local, &world.remote, &world.moment)
}

#[test]
fn a_settled_unit_waits_for_nothing_but_its_timer() {
    let world = World::settled("a/0");
    let waits = explain(&world);
    assert!(waits.settled && waits.waits.is_empty());
    let next = waits.next.unwrap();
    assert_eq!((next.what.as_str(), Some(next.at)), ("update-status runs", waits.update_status));
}

#[test]
fn a_failed_hook_is_told_with_its_retry_and_output() {
    let mut world = World::settled("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    world.ends = vec![Outcome::Done, failed()];
    world.settle();
    world.add_task(9);
    world.remote.charm = charm(1);
    // The agent has not looked yet: the task is due, the upgrade waits for the error's end.
    let waits = explain(&world);
    let Wait::HookFailed { hook, about, attempts: 1, output, retry_at: Some(retry), .. } = &waits.waits[0]
    else {
        panic!("{waits:?}");
    };
    assert_eq!((hook.as_str(), about.as_ref().unwrap().to_string().as_str()), ("r-relation-joined", "b/0"));
    assert_eq!(output, &["boom"]);
    assert!(waits.waits.contains(&Wait::TaskWaits { task: TaskId(9), name: "go".into() }));
    assert!(waits.waits.contains(&Wait::UpgradeWaits { url: "local:app-1".into() }));
    world.settle();
    let next = explain(&world).next.unwrap();
    assert_eq!((next.at, next.what.as_str()), (*retry, "r-relation-joined is tried again"));
    assert!(!is_settled(&world.local, &world.remote, &world.moment));
    assert!(!is_idle(&world.local, &world.remote, &world.moment));
}

#[test]
fn deferred_events_are_told_with_their_next_wake() {
    let mut world = World::new("a/0");
    world.notices = Some(vec![notice(1)]);
    world.settle();
    let waits = explain(&world);
    assert!(!waits.settled && is_idle(&world.local, &world.remote, &world.moment));
    let Wait::Deferred { event, next_wake } = &waits.waits[0] else { panic!("{waits:?}") };
    assert_eq!((event.notice.event_name(), event.tries), ("start", 4));
    assert_eq!(*next_wake, waits.next.as_ref().map(|next| next.at));
    assert_eq!(waits.next.unwrap().what, "the deferred events are run again");
    // With waking off, the next event is update-status.
    world.remote.deferred_wake = None;
    let waits = explain(&world);
    assert_eq!(waits.next.as_ref().map(|next| next.at), waits.update_status);
}

#[test]
fn a_hook_that_was_interrupted_does_not_seem_to_run() {
    let mut world = World::settled("a/0");
    world.configure(7);
    let interrupted = || Outcome::Interrupted { reason: "signal: killed".into() };
    world.ends = vec![interrupted(), interrupted(), interrupted()];
    for _ in 0..3 {
        let step = world.decide();
        world.perform(&step);
    }
    let waits = explain(&world);
    let Wait::HookInterrupted { hook, attempt: 3, retry_at: Some(at), .. } = &waits.waits[0] else {
        panic!("{waits:?}")
    };
    assert_eq!(hook, "config-changed");
    assert_eq!(waits.next.map(|next| next.at), Some(*at));
}

#[test]
fn every_moment_of_a_life_is_explained() {
    let mut world = World::new("a/0");
    world.relate(0, Role::Requirer, "r", "b", &[]);
    world.add_task(1);
    world.ends = vec![Outcome::Done, failed(), Outcome::Done, failed()];
    for _ in 0..60 {
        let waits = explain(&world);
        assert!(waits.settled || !waits.waits.is_empty(), "{waits:?}");
        assert!(waits.next.is_some(), "{waits:?}");
        assert!(waits.waits.iter().all(|wait| !wait.to_string().is_empty()));
        match world.decide() {
            Step::Rest { .. } => world.wait(),
            step => world.perform(&step),
        }
    }
    assert!(explain(&world).waits.iter().any(|wait| matches!(wait, Wait::NobodyJoined { .. })));
    assert_eq!(world.violations, []);
}
