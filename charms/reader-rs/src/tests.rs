//! What the charm makes of a ledger. The databags are written as the ledger's charm in Python writes them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use periapt_charm::testing::{Output, RelationState, Scenario, State, bag};

use super::*;

/// A ledger that answers so many requests, each with what its key says: `/v1/main/missing` with 404.
fn ledger(requests: usize) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let answer = |_| {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let (status, body) = match head[0].split(' ').nth(1).unwrap() {
                path if path.ends_with("/missing") => ("404 Not Found", "no such key"),
                path if path.ends_with("/denied") => ("403 Forbidden", "no token"),
                _ => ("200 OK", "hello"),
            };
            write!(&stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            head.join("\n")
        };
        (0..requests).map(answer).collect()
    };
    (port, std::thread::spawn(serve))
}

fn related(port: u16) -> State {
    let port = port.to_string();
    // A token of digits, and a namespace: both are texts.
    let data = bag([("host", "127.0.0.1"), ("port", &port), ("namespace", "12"), ("token", "34e5")]);
    let relation = RelationState::new(LEDGER, 4).with_remote_app("ledger").with_remote_app_data(&data);
    State::new().with_relation(relation.with_remote_units([0]))
}

fn run(state: &State) -> Output {
    Scenario::<Reader>::new().run(config_changed(), state).unwrap()
}

#[test]
fn a_reader_without_a_ledger_asks_for_one() {
    let status = run(&State::new()).state.unit_status;
    assert_eq!(status, Some(Status::Blocked("integrate me with a ledger".into())));
}

#[test]
fn a_reader_waits_for_the_address() {
    let data = bag([("token", "34e5")]);
    let relation = RelationState::new(LEDGER, 4).with_remote_app_data(&data).with_remote_units([0]);
    let status = run(&State::new().with_relation(relation)).state.unit_status;
    assert_eq!(status, Some(Status::Waiting("the ledger has not told its address yet".into())));
}

#[test]
fn a_reader_introduces_itself() {
    let relation = RelationState::new(LEDGER, 4);
    let state = State::new().with_relation(relation);
    let out = Scenario::<Reader>::new().with_unit(2).run(LEDGER.created(), &state).unwrap();
    let said: Introduction = out.state.relation(4).unwrap().local_unit_as().unwrap();
    assert_eq!(said, Introduction { name: "reader-rs/2".into() });
}

#[test]
fn the_value_is_followed() {
    let (port, served) = ledger(1);
    let out = run(&related(port).with_config("key", "greeting"));
    assert_eq!(out.state.unit_status, Some(Status::Active("greeting is hello".into())));
    let request = served.join().unwrap().remove(0);
    assert!(request.starts_with("GET /v1/12/greeting "), "{request}");
    assert!(request.contains("Authorization: Bearer 34e5"), "{request}");
}

#[test]
fn a_value_that_is_not_there_yet_is_waited_for() {
    let (port, _served) = ledger(1);
    let out = run(&related(port).with_config("key", "missing"));
    assert_eq!(out.state.unit_status, Some(Status::Waiting("the ledger has no missing".into())));
    assert_eq!(out.deferred()[0].attempts, 1);
}

#[test]
fn a_ledger_that_does_not_answer_is_tried_for_a_second_and_waited_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let out = run(&related(port).with_config("key", "greeting"));
    assert!(out.slept > millis(500), "{:?}", out.slept);
    let reason = &out.deferred()[0].reason;
    assert!(
        reason.starts_with(&format!("the ledger at 127.0.0.1 port {port} does not answer: ")),
        "{reason}"
    );
}

#[test]
fn a_refusal_is_for_a_human() {
    let (port, _served) = ledger(1);
    let out = run(&related(port).with_config("key", "denied"));
    assert_eq!(out.state.unit_status, Some(Status::Blocked("the ledger says 403: no token".into())));
}

#[test]
fn the_action_reads_or_says_why_not() {
    let (port, _served) = ledger(2);
    let read = |key: &str, state: &State| {
        Scenario::<Reader>::new().run_action(Read { key: key.into() }, state).unwrap()
    };
    let out = read("greeting", &related(port));
    assert_eq!(out.action_results.get("value").and_then(|value| value.as_str()), Some("hello"));
    assert_eq!(read("missing", &related(port)).action_failure.as_deref(), Some("the ledger has no missing"));
    let failure = read("greeting", &State::new()).action_failure.unwrap();
    assert!(failure.starts_with("there is no ledger"), "{failure}");
}

#[test]
fn an_address_that_cannot_be_right_is_not_used() {
    let mut state = related(1);
    let data = bag([("host", "x\r\nEvil: y"), ("port", "99999"), ("namespace", "main"), ("token", "t")]);
    state.relation_mut(4).unwrap().remote_app_data = data;
    let out = run(&state.with_config("key", "greeting"));
    assert!(matches!(out.state.unit_status, Some(Status::Blocked(_))), "{:?}", out.state.unit_status);
}
