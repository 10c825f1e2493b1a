//! State in, event, state out.

use periapt_charm::prelude::*;
use periapt_charm::testing::{Details, Level, RelationState, Scenario, ScenarioError, State, bag};
use proptest::prelude::*;
use serde_json::json;

use crate::api::{self, Api, CLUSTER, DB, DatabaseReady, Endpoints, Remembered, RotatePassword, WEBSITE};

fn database() -> RelationState {
    RelationState::new(DB, 1).with_remote_app("pg").with_remote_units([0])
}

fn with_address() -> RelationState {
    database().with_remote_app_data(&Endpoints { host: "10.0.0.1".into(), port: 5432 })
}

fn failure(error: ScenarioError) -> periapt_charm::testing::HookFailed {
    error.hook_failed().cloned().unwrap_or_else(|| panic!("{error}"))
}

#[test]
fn an_event_changes_databags_status_and_stored_state() {
    let scenario = Scenario::<Api>::new();
    let state = State::new().with_relation(with_address());
    let out = scenario.run(DB.changed(), &state).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Active("10.0.0.1:5432".into())));
    assert_eq!(out.state.relation(1).unwrap().local_unit, bag([("user", "api")]));
    assert_eq!(out.state.stored::<Remembered>().unwrap(), Remembered { reconciled: 1 });
    assert_eq!(out.emitted, ["DatabaseReady"]);
    assert_eq!(out.handlers_of("db-relation-changed"), ["reconcile"]);
    assert_eq!(out.handlers_of("DatabaseReady"), ["database_ready"]);
    assert!(out.writes.contains(&"relation-set db:1 user".to_owned()), "{:?}", out.writes);
    assert!(out.commands.iter().all(|run| run.code == 0), "{:?}", out.commands);
    assert_eq!(out.slept, std::time::Duration::ZERO);
    // A second time finds everything as it is to be.
    let again = scenario.run(DB.changed(), &out.state).unwrap();
    assert_eq!(again.state.relations, out.state.relations);
    assert_eq!(again.state.stored::<Remembered>().unwrap(), Remembered { reconciled: 2 });
}

#[test]
fn a_deferred_event_is_in_the_state_and_runs_from_it() {
    let scenario = Scenario::<Api>::new();
    let first = scenario.run(start(), &State::new().with_relation(database())).unwrap();
    let reason = "the database has not said where it is";
    assert_eq!(first.state.unit_status, Some(Status::Waiting(reason.into())));
    let [notice] = first.deferred()[..] else { panic!("one notice") };
    assert_eq!((notice.event.name().as_str(), notice.reason.as_str()), ("start", reason));
    // The other application writes.
    let mut state = first.state.after(secs(60));
    state.relation_mut(1).unwrap().remote_app_data = with_address().remote_app_data;
    let second = scenario.run(update_status(), &state).unwrap();
    assert_eq!(second.handled[0].attempt, 2);
    assert_eq!(second.handled[0].event.name(), "start");
    assert_eq!(second.state.stored::<Remembered>().unwrap().reconciled, 1);
}

#[test]
fn a_databag_that_is_written_field_by_field_is_waited_for_and_a_wrong_field_is_not() {
    let scenario = Scenario::<Api>::new();
    let with = |fields: &[(&str, &str)]| {
        let mut relation = database();
        relation.remote_app_data = bag(fields.iter().copied());
        State::new().with_relation(relation)
    };
    let half = scenario.run(DB.changed(), &with(&[("host", "\"10.0.0.1\"")])).unwrap();
    let [notice] = half.deferred()[..] else { panic!("one notice: {:?}", half.deferred()) };
    assert!(notice.reason.contains("`port` is not in the databag yet"), "{}", notice.reason);
    let mut state = half.state.clone();
    state.relation_mut(1).unwrap().remote_app_data = with_address().remote_app_data;
    let whole = scenario.run(DB.changed(), &state).unwrap();
    assert!(whole.deferred().is_empty(), "{:?}", whole.deferred());
    assert_eq!(whole.state.unit_status, Some(Status::Active("10.0.0.1:5432".into())));
    // What no later write of another field can mend fails the hook.
    let wrong = with(&[("host", "\"10.0.0.1\""), ("port", "\"many\"")]);
    let said = failure(scenario.run(DB.changed(), &wrong).unwrap_err()).message;
    assert!(said.contains("port") || said.contains("invalid type"), "{said}");
}

#[test]
fn events_for_two_relations_stay_apart_when_they_are_deferred() {
    // The reference's first known gap: the second notice must not take the first one's place.
    let scenario = Scenario::<Api>::new();
    let second = RelationState::new(DB, 2).with_remote_app("spare").with_remote_units([0]);
    let state = State::new().with_relation(database()).with_relation(second);
    let one = scenario.run(DB.joined().of(1), &state).unwrap();
    let two = scenario.run(DB.joined().of(2), &one.state).unwrap();
    let about: Vec<u32> = two.deferred().iter().filter_map(|n| n.event.relation()).map(|r| r.id.0).collect();
    assert_eq!(about, [1, 2]);
    assert!(two.deferred()[0].sequence < two.deferred()[1].sequence);
    assert_eq!((two.deferred()[0].attempts, two.deferred()[1].attempts), (2, 1));
}

#[test]
fn a_deferred_event_can_be_given() {
    let scenario = Scenario::<Api>::new();
    let state = State::new().with_relation(database());
    let notice = scenario.deferred(DB.joined(), "joined", &state).unwrap();
    let out = scenario.run(config_changed(), &state.clone().with_deferred(notice)).unwrap();
    assert_eq!(out.handlers_of("db-relation-joined"), ["joined"]);
    assert_eq!(out.deferred()[0].attempts, 2);
    let wrong = scenario.deferred(DB.joined(), "jonied", &state).unwrap_err();
    assert!(wrong.to_string().ends_with("name one of its handlers: joined"), "{wrong}");
    // Its relation is gone: it is dropped, and that is told.
    let notice = scenario.deferred(DB.joined(), "joined", &state).unwrap();
    let out = scenario.run(config_changed(), &State::new().with_deferred(notice)).unwrap();
    assert_eq!(out.dropped[0].reason, "relation db:1 is gone");
    assert!(out.deferred().is_empty());
}

#[test]
fn a_failing_hook_is_an_error_with_its_message_and_log() {
    let scenario = Scenario::<Api>::new();
    let failed = failure(scenario.run(stop(), &State::new()).unwrap_err());
    assert_eq!(failed.event, "stop");
    assert!(failed.message.contains("cannot stop") && !failed.panicked, "{failed}");
    assert!(
        failed.logs.iter().any(|line| line.level == Level::Error && line.message.contains("cannot stop"))
    );
    let failed = failure(scenario.run(collect_metrics(), &State::new()).unwrap_err());
    assert!(failed.panicked && failed.message.contains("nobody counts here"), "{failed}");
    assert!(failed.message.contains("api.rs:"), "{failed}");
}

#[test]
fn what_juju_refuses_is_refused() {
    let scenario = Scenario::<Api>::new();
    let cluster = RelationState::new(CLUSTER, 3).with_remote_unit(1, &bag([("dare", "yes")]));
    let state = State::new().with_relation(cluster).with_planned_units(2);
    let failed = failure(scenario.run(CLUSTER.changed(), &state).unwrap_err());
    assert!(failed.message.contains("relation-set"), "{failed}");
    let led = scenario.run(CLUSTER.changed(), &state.clone().with_leader(true)).unwrap();
    assert_eq!(led.state.relation(3).unwrap().local_app, bag([("by", "anybody")]));
    let website = RelationState::new(WEBSITE, 4).with_remote_units([0]);
    let failed = failure(scenario.run(WEBSITE.joined(), &state.with_relation(website)).unwrap_err());
    assert!(failed.message.contains("only the leader writes"), "{failed}");
}

#[test]
fn waiting_takes_virtual_time_and_chance_comes_from_the_seed() {
    let run = |seed| {
        let scenario = Scenario::<Api>::new().with_seed(seed);
        scenario.run_with(update_status(), &State::new(), |charm, _cx| charm.seen.clone()).unwrap()
    };
    let (out, seen) = run(1);
    assert_eq!(seen, ["tried 5"]);
    assert!(out.slept > millis(500) && out.slept <= secs(1), "{:?}", out.slept);
    assert_eq!(out.state.time.since(State::new().time), out.slept);
    assert_eq!(out.deferred()[0].reason, "no answer");
    assert_eq!(run(1).0, out);
    assert_ne!(run(2).0.slept, out.slept);
}

#[test]
fn actions_have_results_logs_and_failures() {
    let scenario = Scenario::<Api>::new();
    let params = |user: &str| RotatePassword { user: user.into(), length: 20, mode: None, options: None };
    let out = scenario.run_action(params("ann"), &State::new()).unwrap();
    assert_eq!(json!(out.action_results), json!({"user": "ann", "length": "20"}));
    assert_eq!((out.action_failure, out.action_log), (None, vec!["rotating".to_owned()]));
    let out = scenario.run_action(params("root"), &State::new()).unwrap();
    assert_eq!(out.action_failure.as_deref(), Some("root has no password"));
    let none = scenario.run_action_named("rotate-password", serde_json::Map::new(), &State::new());
    assert!(none.unwrap_err().to_string().contains("user"));
}

#[test]
fn custom_events_run_alone_and_the_charm_can_be_looked_at() {
    let scenario = Scenario::<Api>::new();
    let out = scenario.run_custom(&DatabaseReady { host: "h".into() }, &State::new()).unwrap();
    assert_eq!(out.handlers_of("DatabaseReady"), ["database_ready"]);
    let mut paused = scenario.begin(config_changed(), &State::new().with_config("port", 0)).unwrap();
    paused.charm.seen.push("before".into());
    paused.run().unwrap();
    assert_eq!(paused.charm.seen, ["before", "reconcile"]);
    assert_eq!(paused.cx.config::<api::Config>().unwrap().port, 0);
    let out = paused.end().unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Blocked("choose a port".into())));
}

#[test]
fn the_log_is_that_of_the_charm_and_the_library() {
    let state = State::new().with_relation(database());
    let out = Scenario::<Api>::new().run(DB.joined(), &state).unwrap();
    assert!(out.has_logged(Level::Info, "pg/0 joined"), "{:?}", out.logs);
    assert!(out.has_logged(Level::Debug, "Emitting Juju event db_relation_joined."));
}

#[test]
fn on_juju_there_are_none_of_periapts_commands() {
    let state = State::new().with_relation(database());
    let scenario = Scenario::<Api>::new().on_juju("3.6.1");
    let out = scenario.run(DB.joined(), &state).unwrap();
    assert!(!out.commands.iter().any(|run| run.command.starts_with("periapt-")), "{:?}", out.commands);
    assert!(out.has_logged(Level::Info, "pg/0 joined"));
    assert_eq!(out.deferred().len(), 1);
}

/// An event of the test charm's, by number.
fn trigger(number: u8) -> periapt_charm::testing::Trigger {
    match number % 8 {
        0 => start().into(),
        1 => config_changed().into(),
        2 => DB.joined().of(1),
        3 => DB.joined().of(2).unit(5),
        4 => DB.changed().of(1).app(),
        5 => update_status().into(),
        6 => DB.departed().of(2),
        _ => woken().into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever has happened, what comes out goes in; and the queue of deferred events only ever moves forward.
    #[test]
    fn an_output_is_an_input(events in prop::collection::vec(0..8_u8, 1..20), leader: bool, says: bool) {
        let scenario = Scenario::<Api>::new();
        let first = if says { with_address() } else { database() };
        let second = RelationState::new(DB, 2).with_remote_app("spare").with_remote_units([3, 5]);
        let mut state = State::new().with_leader(leader).with_relation(first).with_relation(second);
        for event in events {
            let before = state.memory.queue.next_sequence();
            let out = scenario.run(trigger(event), &state);
            prop_assert!(out.is_ok(), "{}", out.unwrap_err());
            let out = out.unwrap();
            prop_assert!(out.state.memory.queue.next_sequence() >= before);
            // As it would be read from its file.
            let kept = periapt_charm::memory::Memory::from_entries(&out.state.memory.to_entries());
            prop_assert_eq!(&kept, &out.state.memory);
            let again = scenario.run(trigger(event), &state);
            prop_assert_eq!(again.as_ref().ok(), Some(&out), "equal input, equal output");
            state = State { memory: kept, ..out.state.clone() };
            let (one, other) = (scenario.run(start(), &state), scenario.run(start(), &out.state));
            prop_assert_eq!(one.ok(), other.ok(), "a state is what can be seen of it");
        }
    }
}
