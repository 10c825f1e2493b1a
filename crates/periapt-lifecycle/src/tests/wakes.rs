//! Wakes that a charm asks for, and queues that it tells of itself.

use std::time::Duration;

use periapt_model::charm::Role;
use periapt_model::deferral::{DeferralReport, ReportedDeferral};
use periapt_model::hook::Hook;
use periapt_model::journal::{Deferrals, Entry};
use periapt_model::remote::Resolve;
use periapt_model::status::Life;
use periapt_model::wake::{MOST_WAKES, WakeChange, WakeWhen};

use super::harness::{World, charm, failed, interrupted, notice};
use crate::{RestReason, Wait, is_settled, timers, why};

fn ask(when: WakeWhen) -> WakeChange {
    WakeChange::Ask { name: None, when, reason: "the API".into() }
}

fn after(seconds: u64) -> WakeChange {
    ask(WakeWhen::AfterMs(seconds * 1_000))
}

fn on(event: &str) -> WakeChange {
    ask(WakeWhen::On(event.to_owned()))
}

/// A settled unit whose last hook asked for this.
fn asking(wakes: Vec<WakeChange>) -> World {
    let mut world = World::settled("a/0");
    world.configure(77);
    world.wakes = wakes;
    world.settle();
    world.ran();
    world
}

fn queue(items: &[(i64, u32, Option<WakeWhen>)]) -> DeferralReport {
    let item = |(sequence, attempts, wake): &(i64, u32, Option<WakeWhen>)| ReportedDeferral {
        attempts: Some(*attempts),
        wake: wake.clone(),
        reason: "the API".into(),
        ..ReportedDeferral::of(notice(*sequence))
    };
    DeferralReport { queue: items.iter().map(item).collect(), ..DeferralReport::default() }
}

fn last_deferrals(world: &World) -> &Deferrals {
    match world.journal.iter().rfind(|entry| matches!(entry, Entry::Dispatch(_))) {
        Some(Entry::Dispatch(dispatch)) => &dispatch.deferrals,
        _ => panic!("no dispatch"),
    }
}

#[test]
fn a_wake_comes_once_after_its_time_although_nothing_is_deferred() {
    let mut world = asking(vec![after(10)]);
    assert_eq!(world.settle(), RestReason::Settled);
    assert!(is_settled(&world.local, &world.remote, &world.moment), "it only waits for a time");
    let waits = why(&world.local, &world.remote, &world.moment);
    let [Wait::Wake { wake }] = waits.waits.as_slice() else { panic!("{waits:?}") };
    assert_eq!((wake.reason.as_str(), wake.alarm.due), ("the API", waits.next.as_ref().map(|next| next.at)));
    assert_eq!(waits.next.unwrap().what, "the unit is woken, as its charm asked");
    let before = world.moment.now;
    world.wait();
    assert_eq!(world.moment.now.since(before), Duration::from_secs(10));
    assert!(!is_settled(&world.local, &world.remote, &world.moment), "it is due");
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!((world.ran(), world.local.wakes.len()), (vec!["periapt-wake".to_owned()], 0));
}

#[test]
fn any_hook_that_begins_when_it_is_due_serves_it() {
    let mut world = asking(vec![after(10)]);
    world.configure(1);
    world.settle();
    assert_eq!(world.local.wakes.len(), 1, "that was too early");
    world.pass(Duration::from_secs(20));
    world.configure(2);
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "config-changed"]);
    assert!(world.local.wakes.is_empty());
}

#[test]
fn a_hook_that_fails_or_is_killed_serves_nothing_and_asks_for_nothing() {
    for (end, trace) in [
        (failed(), ["config-changed!", "config-changed"]),
        (interrupted(), ["config-changed!", "config-changed"]),
    ] {
        let mut world = asking(vec![after(10)]);
        world.pass(Duration::from_secs(20));
        world.configure(2);
        world.ends = vec![end];
        world.wakes = vec![on("start")];
        world.step();
        assert_eq!(world.local.wakes.len(), 1);
        world.pass(Duration::from_secs(20));
        world.settle();
        assert_eq!((world.ran(), world.local.wakes.len()), (trace.map(str::to_owned).to_vec(), 0));
    }
}

#[test]
fn a_wake_on_an_event_comes_at_once_after_the_next_one() {
    let mut world = World::settled("a/0");
    world.configure(5);
    // It asks in the very hook that it waits for: the next one is meant.
    world.wakes = vec![on("config-changed")];
    world.settle();
    assert_eq!(world.ran(), ["config-changed"]);
    world.relate(0, Role::Requirer, "r", "b", &[]);
    world.settle();
    assert_eq!(world.ran(), ["r-relation-created"]);
    world.configure(6);
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "periapt-wake"]);
    assert!(world.local.wakes.is_empty());
}

#[test]
fn waking_works_while_the_agents_own_is_off() {
    let mut world = asking(vec![after(10)]);
    world.remote.deferred_wake = None;
    world.wait();
    world.ends = vec![failed()];
    assert!(matches!(world.settle(), RestReason::HookFailed { hook: Hook::DeferredWake, .. }));
    world.wait();
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["periapt-wake!", "periapt-wake"]);
}

#[test]
fn a_failed_wake_that_is_skipped_or_was_served_by_an_action_is_over() {
    let fails = || {
        let mut world = asking(vec![after(10), after(3_000)]);
        world.wait();
        world.ends = vec![failed()];
        world.settle();
        world.ran();
        world
    };
    let mut world = fails();
    world.remote.resolved = Some(Resolve::NoRetry);
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!((world.ran(), world.local.wakes.len()), (vec!["periapt-wake".to_owned()], 1));
    // Not by a command line: it does not run the charm's framework.
    let mut world = fails();
    world.add_task(1);
    assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
    world.remote.charm = charm(1);
    world.settle();
    assert_eq!(
        world.ran(),
        ["task 1", "[dropped periapt-wake]", "[upgraded]", "upgrade-charm", "config-changed"]
    );
    assert_eq!(world.local.wakes.len(), 1, "the upgrade began when the wake was due");
}

#[test]
fn no_unit_is_woken_in_setup_or_at_its_end() {
    let mut world = World::new("a/0");
    world.wakes = vec![ask(WakeWhen::AfterMs(0)), on("leader-elected")];
    world.settle();
    assert_eq!(world.ran(), ["install", "leader-elected", "config-changed", "start"]);
    world.wakes = vec![after(0), after(60)];
    world.configure(4);
    world.step();
    world.pass(Duration::from_secs(1));
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "[resigned]", "[dying]", "stop", "remove", "[dead]"]);
    assert!(world.local.wakes.is_empty());
}

#[test]
fn a_unit_keeps_no_more_than_it_may() {
    let world = asking((0..200).map(|n| after(100 + n)).collect());
    assert_eq!(world.local.wakes.len(), MOST_WAKES);
}

#[test]
fn a_clock_that_was_set_back_brings_a_wake_and_does_not_spin() {
    let mut world = asking(vec![after(100)]);
    world.moment.now = world.moment.now - Duration::from_secs(900);
    world.settle();
    assert_eq!((world.ran(), world.local.wakes.len()), (vec!["update-status".to_owned()], 0));
    // Less than what update-status heeds.
    let mut world = asking(vec![after(1)]);
    world.local.update_status_armed = world.moment.now - Duration::from_secs(2);
    world.moment.now = world.moment.now - Duration::from_secs(1);
    world.settle();
    assert_eq!((world.ran(), world.local.wakes.len()), (vec!["periapt-wake".to_owned()], 0));
}

#[test]
fn an_event_with_a_wake_of_its_own_is_not_woken_by_the_agents() {
    let mut world = World::settled("a/0");
    world.configure(3);
    world.report = Some(queue(&[(1, 1, Some(WakeWhen::AfterMs(20_000)))]));
    assert_eq!(world.settle(), RestReason::Deferred { events: 1 });
    let before = world.moment.now;
    world.report = Some(queue(&[(1, 2, None)]));
    world.wait();
    assert_eq!(world.moment.now.since(before), Duration::from_secs(20));
    world.settle();
    assert_eq!(world.local.deferred.fruitless, 0, "the charm's own wake lengthens no delay of the agent's");
    let before = world.moment.now;
    world.wait();
    assert_eq!(world.moment.now.since(before), Duration::from_secs(1), "it says nothing: the agent decides");
    world.report = Some(DeferralReport { emitted: vec!["ready".into()], ..DeferralReport::default() });
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(last_deferrals(&world).done.len(), 1);
    let Some(Entry::Dispatch(dispatch)) = world.journal.last() else { panic!() };
    assert_eq!(dispatch.custom_events, ["ready"]);
}

#[test]
fn a_time_that_is_past_is_left_to_the_agent() {
    let mut world = World::settled("a/0");
    world.configure(3);
    world.report = Some(queue(&[(1, 1, Some(WakeWhen::At(world.moment.now)))]));
    let mut waits = Vec::new();
    world.settle();
    for _ in 0..3 {
        let before = world.moment.now;
        world.wait();
        waits.push(world.moment.now.since(before).as_secs());
        world.settle();
    }
    assert_eq!(waits, [1, 2, 4]);
}

#[test]
fn an_event_that_waits_for_another_is_run_after_it_or_with_update_status() {
    let mut world = World::settled("a/0");
    world.configure(3);
    let waiting = |n| Some(queue(&[(1, n, Some(WakeWhen::On("r_relation_created".into())))]));
    world.report = waiting(1);
    world.settle();
    assert_eq!(timers::wake_due(&world.local, &world.remote), None);
    let waits = why(&world.local, &world.remote, &world.moment);
    let Wait::Deferred { event, next_wake } = &waits.waits[0] else { panic!("{waits:?}") };
    assert_eq!((event.reason.as_str(), *next_wake), ("the API", waits.update_status));
    world.report = waiting(2);
    world.wait();
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "update-status"]);
    world.report = waiting(3);
    world.relate(0, Role::Requirer, "r", "b", &[]);
    world.settle();
    assert_eq!(world.ran(), ["r-relation-created", "periapt-wake"]);
}

#[test]
fn a_charm_that_reports_is_not_read_and_not_forgotten() {
    let mut world = World::settled("a/0");
    world.configure(3);
    world.report = Some(queue(&[(1, 1, None), (2, 1, None)]));
    world.step();
    assert_eq!(world.local.deferred.reported_by.as_ref(), world.local.charm.as_ref().map(|charm| &charm.id));
    // It crashes: its agent does not look into a file, and what it says does not count.
    world.report = Some(DeferralReport::default());
    world.ends = vec![failed()];
    world.configure(4);
    world.settle();
    assert_eq!(world.local.deferred.events.len(), 2);
    world.report = None;
    world.wait();
    world.settle();
    assert_eq!(world.local.deferred.events.len(), 2);
    assert_eq!(world.local.deferred.events[0].tries, 1, "nothing is known to have been tried");
    // Another charm that ends well without a report is read.
    world.notices = Some(Vec::new());
    world.remote.charm = charm(1);
    world.step();
    world.settle();
    assert_eq!((world.local.deferred.events.len(), &world.local.deferred.reported_by), (0, &None));
}

#[test]
fn dead_letters_are_shown_and_end_with_the_unit() {
    let mut world = World::settled("a/0");
    world.configure(3);
    let dead = queue(&[(1, 1, None)]).queue;
    world.report = Some(DeferralReport { dead, ..DeferralReport::default() });
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(last_deferrals(&world).dead.len(), 1);
    let waits = why(&world.local, &world.remote, &world.moment);
    assert!(waits.settled && matches!(waits.waits.as_slice(), [Wait::DeadLetter { .. }]), "{waits:?}");
    world.configure(4);
    world.settle();
    assert_eq!(last_deferrals(&world).dead, [], "told once");
    world.remote.life = Life::Dying;
    world.settle();
    assert!(world.local.deferred.dead.is_empty());
}
