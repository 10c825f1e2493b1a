//! Retries (reference 1.5, 3.8), interruptions (1.13), `update-status` (1.12) and the waking of deferred events.

use std::time::Duration;

use periapt_model::charm::Role;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Outcome};
use periapt_model::local::{Fingerprint, Op};
use periapt_model::remote::Resolve;
use periapt_model::status::{AgentStatus, Life};
use periapt_model::step_commit::Act;

use super::harness::{World, failed, interrupted, notice};
use crate::{RestReason, Step, begin};

fn attempts(world: &World) -> Vec<u32> {
    let tries = world.journal.iter().filter_map(|entry| match entry {
        Entry::Dispatch(dispatch) => Some(dispatch.attempt),
        Entry::Mark(_) => None,
    });
    tries.collect()
}

#[test]
fn a_failed_hook_is_retried_later_and_later() {
    let mut world = World::settled("a/0");
    world.journal.clear();
    world.configure(1);
    world.ends = vec![failed(); 3];
    let mut waits = Vec::new();
    for _ in 0..3 {
        world.settle();
        let before = world.moment.now;
        world.wait();
        waits.push(world.moment.now.since(before).as_secs_f64().round());
    }
    assert_eq!(waits, [5.0, 10.0, 20.0]);
    // What changed meanwhile is seen by the retry.
    world.configure(2);
    world.settle();
    assert_eq!(world.ran(), ["config-changed!", "config-changed!", "config-changed!", "config-changed"]);
    assert_eq!(attempts(&world), [1, 2, 3, 4]);
    assert_eq!(world.local.seen.unwrap().config, Fingerprint(2));
    assert_eq!(world.agent_status, Some((AgentStatus::Idle, String::new())));
}

#[test]
fn an_error_is_reported_with_its_subject() {
    let mut world = World::settled("a/0");
    world.relate(3, Role::Requirer, "db", "b", &["b/1"]);
    world.ends = vec![Outcome::Done, failed()];
    assert!(matches!(world.settle(), RestReason::HookFailed { attempts: 1, .. }));
    let Some(Act::AgentStatus { status, message, data }) =
        world.acts.iter().rfind(|act| matches!(act, Act::AgentStatus { .. }))
    else {
        panic!("no status");
    };
    assert_eq!((*status, message.as_str()), (AgentStatus::Error, "hook failed: \"db-relation-joined\""));
    assert_eq!(
        serde_json::to_string(data).unwrap(),
        r#"{"hook":"db-relation-joined","relation-id":3,"remote-unit":"b/1"}"#
    );
}

#[test]
fn without_automatic_retries_a_unit_waits_for_resolved() {
    let mut world = World::settled("a/0");
    world.remote.retry_hooks = false;
    world.configure(1);
    world.ends = vec![failed(), failed()];
    world.settle();
    assert!(matches!(world.decide(), Step::Rest { until: None, .. }));
    world.remote.resolved = Some(Resolve::Retry);
    world.settle();
    assert_eq!(world.remote.resolved, None, "it is used up, even though the retry failed");
    // Retries switched on later count from the failure.
    world.remote.retry_hooks = true;
    world.wait();
    world.settle();
    assert_eq!(world.ran(), ["config-changed!", "config-changed!", "config-changed"]);
}

#[test]
fn resolved_without_retry_goes_on_as_if_it_had_succeeded() {
    let mut world = World::settled("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    world.ends = vec![Outcome::Done, failed()];
    world.settle();
    world.remote.resolved = Some(Resolve::NoRetry);
    world.settle();
    let rest = ["r-relation-joined(b/0)!", "r-relation-joined(b/0)", "r-relation-changed(b/0)"];
    assert_eq!(world.ran(), [&["r-relation-created"][..], &rest].concat());
    assert_eq!(world.remote.resolved, None);
    let skipped = |entry: &Entry| matches!(entry, Entry::Dispatch(d) if d.outcome == Outcome::Skipped);
    assert!(world.journal.iter().any(skipped));
}

#[test]
fn skipped_setup_hooks_are_followed_as_if_they_had_run() {
    let mut world = World::new("a/0");
    for expected in ["install!", "leader-elected!", "config-changed!", "start!"] {
        // A deploy of files comes before install, and ends well.
        world.ends = if expected == "install!" { vec![Outcome::Done, failed()] } else { vec![failed()] };
        assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
        assert_eq!(world.ran().last().unwrap(), expected);
        world.remote.resolved = Some(Resolve::NoRetry);
    }
    assert_eq!(world.settle(), RestReason::Settled);
}

#[test]
fn a_failed_hook_whose_relation_is_gone_is_dropped() {
    let mut world = World::settled("a/0");
    world.relate(0, Role::Requirer, "r", "b", &["b/0"]);
    world.ends = vec![Outcome::Done, failed()];
    world.settle();
    world.ran();
    world.remote.relations.clear();
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["[dropped r-relation-joined(b/0)]", "[forgotten 0]"]);
    assert_eq!(world.agent_status, Some((AgentStatus::Idle, String::new())));
}

#[test]
fn a_dying_unit_in_error_is_stuck_until_resolved() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.ends = vec![failed()];
    world.settle();
    world.ran();
    world.remote.life = Life::Dying;
    assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
    world.remote.resolved = Some(Resolve::NoRetry);
    world.settle();
    assert_eq!(world.ran(), ["[resigned]", "config-changed", "[dying]", "stop", "remove", "[dead]"]);
}

#[test]
fn an_interrupted_hook_runs_again_without_an_error() {
    let mut world = World::settled("a/0");
    world.journal.clear();
    world.configure(1);
    world.ends = vec![interrupted(), interrupted(), interrupted()];
    assert!(matches!(world.settle(), RestReason::HookInterrupted { .. }), "the third time in a row it waits");
    assert_eq!(world.agent_status.as_ref().unwrap().0, AgentStatus::Executing);
    world.ends.clear();
    world.wait();
    world.settle();
    assert_eq!(attempts(&world), [1, 2, 3, 4]);
    assert_eq!(world.settle(), RestReason::Settled);
}

#[test]
fn interruptions_count_as_tries_but_not_for_the_delay() {
    let mut world = World::settled("a/0");
    world.journal.clear();
    world.configure(1);
    world.ends = vec![interrupted(), failed(), interrupted(), failed()];
    world.settle();
    world.wait();
    let RestReason::HookFailed { attempts: failures, .. } = world.settle() else { panic!("no error") };
    assert_eq!((failures, attempts(&world)), (2, vec![1, 2, 3, 4]));
    world.wait();
    world.settle();
    assert_eq!(attempts(&world).last(), Some(&5));
}

#[test]
fn an_agent_that_dies_in_mid_hook_leaves_it_to_its_successor() {
    let mut world = World::new("a/0");
    loop {
        let step = world.decide();
        let is_install = matches!(&step, Step::Hook { hook: Hook::Install, .. });
        if is_install {
            let transition = begin(&world.local, &world.remote, &step, &world.moment);
            world.commit(transition, false);
            break;
        }
        world.perform(&step);
    }
    assert!(matches!(world.decide(), Step::Hook { hook: Hook::Install, attempt: 2, .. }));
    world.checker = crate::checker::Checker::resume(&world.local);
    world.settle();
    assert_eq!(world.ran(), ["install", "leader-elected", "config-changed", "start"]);
}

#[test]
fn nothing_starts_while_the_daemon_stops() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.moment.stopping = true;
    assert_eq!(world.decide(), Step::Rest { until: None, why: RestReason::Stopping });
}

#[test]
fn update_status_keeps_its_rhythm() {
    let mut world = World::settled("a/0");
    let mut last = world.moment.now;
    for _ in 0..50 {
        world.wait();
        let gap = world.moment.now.since(last);
        assert!((Duration::from_secs(239)..=Duration::from_secs(360)).contains(&gap), "{gap:?}");
        last = world.moment.now;
        world.settle();
        assert_eq!(world.ran(), ["update-status"]);
        assert_eq!(world.agent_status.as_ref().unwrap().0, AgentStatus::Idle);
    }
}

#[test]
fn a_tick_is_swallowed_by_another_hook() {
    let mut world = World::settled("a/0");
    let Step::Rest { until: Some(tick), .. } = world.decide() else { panic!("not at rest") };
    world.moment.now = tick - Duration::from_millis(50);
    world.configure(1);
    // It runs for 100 ms, over the tick.
    world.settle();
    assert_eq!(world.ran(), ["config-changed"]);
    let Step::Rest { until: Some(next), .. } = world.decide() else { panic!("not at rest") };
    assert!(next > tick + Duration::from_secs(239));
    // A hook before the tick moves nothing.
    world.configure(2);
    world.settle();
    assert!(matches!(world.decide(), Step::Rest { until: Some(same), .. } if same == next));
}

#[test]
fn a_new_agent_waits_one_interval() {
    let mut world = World::settled("a/0");
    world.pass(Duration::from_secs(3_600));
    world.moment.agent_started = world.moment.now;
    let before = world.moment.now;
    world.wait();
    assert!(world.moment.now.since(before) >= Duration::from_secs(240));
}

fn deferring() -> World {
    let mut world = World::new("a/0");
    while !matches!(world.decide(), Step::Hook { hook: Hook::Start, .. }) {
        assert!(world.step());
    }
    world.notices = Some(vec![notice(1)]);
    world.step();
    assert_eq!(world.settle(), RestReason::Deferred { events: 1 });
    world.ran();
    world
}

#[test]
fn deferred_events_are_woken_after_a_second_then_two() {
    let mut world = deferring();
    let mut waits = Vec::new();
    let status = world.agent_status.clone();
    for _ in 0..4 {
        let before = world.moment.now;
        world.wait();
        waits.push(world.moment.now.since(before).as_secs());
        world.settle();
    }
    assert_eq!((waits, world.ran()), (vec![1, 2, 4, 8], vec!["periapt-wake".to_owned(); 4]));
    assert_eq!(world.agent_status, status, "a wake is not reported");
    assert_eq!(world.local.deferred.events[0].tries, 5);
    world.notices = Some(Vec::new());
    world.wait();
    assert_eq!(world.settle(), RestReason::Settled);
}

#[test]
fn the_delay_ends_at_the_update_status_interval() {
    let mut world = deferring();
    let mut last = world.moment.now;
    for _ in 0..60 {
        world.wait();
        assert!(world.moment.now.since(last) <= Duration::from_secs(301));
        last = world.moment.now;
        world.settle();
    }
    let ran = world.ran();
    assert!(ran.iter().any(|hook| hook == "update-status") && ran.iter().any(|hook| hook == "periapt-wake"));
}

#[test]
fn update_status_serves_as_the_wake() {
    let mut world = deferring();
    world.pass(Duration::from_secs(400));
    world.settle();
    assert_eq!(world.ran(), ["update-status"]);
}

#[test]
fn waking_can_be_off_and_setup_comes_first() {
    let mut world = World::new("a/0");
    world.notices = Some(vec![notice(1)]);
    world.remote.deferred_wake = None;
    assert_eq!(world.settle(), RestReason::Deferred { events: 1 });
    assert_eq!(world.ran(), ["install", "leader-elected", "config-changed", "start"]);
    world.wait();
    world.settle();
    assert_eq!(world.ran(), ["update-status"]);
}

#[test]
fn a_failing_wake_is_an_error_that_gives_way_to_the_end() {
    let mut world = deferring();
    world.wait();
    world.ends = vec![failed()];
    assert!(matches!(world.settle(), RestReason::HookFailed { hook: Hook::DeferredWake, .. }));
    assert_eq!(world.agent_status, Some((AgentStatus::Error, "hook failed: \"periapt-wake\"".into())));
    assert_eq!(world.local.deferred.events.len(), 1, "nothing is lost");
    assert_eq!(world.local.deferred.events[0].tries, 1, "nothing is known to have been tried");
    world.remote.life = Life::Dying;
    world.settle();
    assert_eq!(
        world.ran(),
        ["periapt-wake!", "[resigned]", "[dropped periapt-wake]", "[dying]", "stop", "remove", "[dead]"]
    );
    let Some(Entry::Dispatch(remove)) = world.journal.iter().rfind(|e| matches!(e, Entry::Dispatch(_)))
    else {
        panic!("no remove");
    };
    assert_eq!(remove.deferrals.dropped.len(), 1, "the journal says what became of it");
}

#[test]
fn unreadable_notices_keep_the_queue() {
    let mut world = deferring();
    world.notices = None;
    world.wait();
    assert_eq!(world.settle(), RestReason::Deferred { events: 1 });
    assert_eq!(world.local.deferred.fruitless, 1);
    assert_eq!(world.local.op, Op::Continue);
}

#[test]
fn a_clock_that_was_set_back_delays_nothing() {
    let mut world = deferring();
    world.configure(1);
    world.ends = vec![failed()];
    world.settle();
    world.moment.now = world.moment.now - Duration::from_secs(900);
    world.settle();
    assert_eq!(world.ran(), ["config-changed!", "config-changed"], "it serves the tick as well");
    world.moment.now = world.moment.now - Duration::from_secs(90);
    world.settle();
    assert_eq!(world.ran(), ["update-status"]);
}

#[test]
fn a_skipped_update_status_counts_as_one() {
    let mut world = World::settled("a/0");
    world.wait();
    world.ends = vec![failed()];
    world.remote.retry_hooks = false;
    world.settle();
    world.pass(Duration::from_secs(900));
    world.remote.resolved = Some(Resolve::NoRetry);
    world.settle();
    assert_eq!(world.ran(), ["update-status!", "update-status"]);
}
