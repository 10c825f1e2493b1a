//! The charm's events, in process; the service that they start is the real one.
#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::fs;
use std::net::TcpListener;

use cache_charm::service::{Service, ask};
use cache_charm::{Address, CACHE, Cache, Flush, Get, Set};
use periapt_charm::prelude::*;
use periapt_charm::testing::{Output, PortRange, RelationState, Scenario, State};

/// A unit in a folder of its own. Its service ends with it.
struct Unit {
    folder: tempfile::TempDir,
}

impl Unit {
    /// With the service installed. The handler of `install` would copy the program that runs, which is the test here.
    fn new() -> Self {
        let unit = Self { folder: tempfile::tempdir().unwrap() };
        let program = unit.service().program();
        fs::create_dir(program.parent().unwrap()).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_cache"), program).unwrap();
        unit
    }

    fn service(&self) -> Service {
        Service::new(self.folder.path())
    }

    fn scenario(&self) -> Scenario<Cache> {
        Scenario::new().with_charm_dir(self.folder.path())
    }

    fn port(&self) -> u16 {
        self.service().running().expect("the service runs").port
    }

    fn started(&self, state: &State) -> Output {
        self.scenario().run(start(), state).unwrap()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.service().remove().unwrap();
    }
}

fn opened(state: &State) -> Vec<u16> {
    state.opened_ports.values().flatten().map(|PortRange { from, .. }| *from).collect()
}

#[test]
fn nothing_runs_before_start_and_after_stop() {
    let unit = Unit::new();
    let out = unit.scenario().run(config_changed(), &State::new()).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Maintenance("not started".into())));
    assert_eq!(unit.service().running(), None);
    let out = unit.started(&out.state);
    assert_eq!(out.state.unit_status, Some(Status::Active("1000 keys at most".into())));
    assert_eq!(opened(&out.state), [unit.port()]);
    let out = unit.scenario().run(stop(), &out.state).unwrap();
    assert_eq!((unit.service().running(), opened(&out.state)), (None, vec![]));
    unit.scenario().run(remove(), &out.state).unwrap();
    assert!(!unit.service().program().exists());
}

#[test]
fn install_brings_the_program_and_its_version() {
    let unit = Unit { folder: tempfile::tempdir().unwrap() };
    let out = unit.scenario().run(install(), &State::new()).unwrap();
    assert!(unit.service().program().is_file());
    assert_eq!(out.state.workload_version.as_deref(), Some("1.0"));
}

#[test]
fn a_changed_option_restarts_the_service_and_another_event_does_not() {
    let unit = Unit::new();
    let out = unit.started(&State::new());
    let first = unit.service().running();
    let out = unit.scenario().run(update_status(), &out.state).unwrap();
    assert_eq!(unit.service().running(), first);
    let out = unit.scenario().run(config_changed(), &out.state.with_config("max-keys", 7)).unwrap();
    assert_ne!(unit.service().running(), first);
    assert_eq!(out.state.unit_status, Some(Status::Active("7 keys at most".into())));
    assert_eq!(opened(&out.state), [unit.port()], "the old port is closed");
}

#[test]
fn a_service_that_died_is_started_again() {
    let unit = Unit::new();
    let out = unit.started(&State::new());
    let first = unit.port();
    unit.service().stop().unwrap();
    unit.scenario().run(update_status(), &out.state).unwrap();
    assert_ne!((unit.port(), first), (0, 0));
    assert_eq!(ask(unit.port(), "PING").unwrap().as_deref(), Some("pong"));
}

#[test]
fn related_applications_learn_the_address() {
    let unit = Unit::new();
    let out = unit.started(&State::new().with_relation(RelationState::new(CACHE, 2)));
    let told: Address = out.state.relation(2).unwrap().local_unit_as().unwrap();
    assert_eq!(told, Address { host: "192.0.2.0".into(), port: unit.port() });
}

#[test]
fn values_are_set_got_and_flushed() {
    let unit = Unit::new();
    let state = unit.started(&State::new()).state;
    let scenario = unit.scenario();
    let key = || "k".to_owned();
    scenario.run_action(Set { key: key(), value: "two words".into() }, &state).unwrap();
    let got = scenario.run_action(Get { key: key() }, &state).unwrap();
    assert_eq!(got.action_results.get("value").and_then(|value| value.as_str()), Some("two words"));
    scenario.run_action(Flush {}, &state).unwrap();
    let got = scenario.run_action(Get { key: key() }, &state).unwrap();
    assert_eq!(got.action_failure.as_deref(), Some("there is no value k"));
    unit.service().stop().unwrap();
    let failure = scenario.run_action(Get { key: key() }, &state).unwrap().action_failure.unwrap();
    assert!(failure.contains("does not answer"), "{failure}");
}

#[test]
fn what_cannot_work_is_for_a_human() {
    let unit = Unit::new();
    let blocked = |state: State| match unit.started(&state).state.unit_status {
        Some(Status::Blocked(message)) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(blocked(State::new().with_config("max-keys", 0)), "max-keys cannot be 0");
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let message = blocked(State::new().with_config("port", port));
    assert!(message.contains("does not start: Address already in use"), "{message}");
}
