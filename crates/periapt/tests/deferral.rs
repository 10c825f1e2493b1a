//! What a charm defers is run again in time, and `tail` and `why` tell the truth about it.

mod common;

use std::time::Duration;

use common::{Bench, charm, until};
use serde_json::{Value, json};

fn deploy(bench: &Bench, times: &str) {
    bench.ok(&["deploy", &charm("testing/defer-n"), "d", "--config", &format!("times={times}")]);
}

/// The moments of the handler's runs, in milliseconds, from the journal.
fn dispatches(bench: &Bench) -> Vec<(String, i64)> {
    bench
        .records("d/0")
        .iter()
        .filter_map(|r| {
            let d = r.pointer("/entry/dispatch")?;
            let deferrals = d.get("deferrals")?;
            Some((deferrals.to_string(), d["started"].as_i64()?))
        })
        .collect()
}

#[test]
fn an_event_deferred_twice_is_done_soon() {
    let bench = Bench::new();
    deploy(&bench, "2");
    bench.settle();
    let touched = dispatches(&bench);
    assert!(touched.iter().any(|(d, _)| d.contains("\"deferred\"")), "{touched:?}");
    assert!(touched.iter().any(|(d, _)| d.contains("\"done\"")), "{touched:?}");
    let why = bench.ok(&["why", "d/0"]);
    assert!(why.contains("is settled"), "nothing is deferred any more: {why}");
}

#[test]
fn what_is_deferred_for_ever_is_shown_with_its_next_wake() {
    let bench = Bench::new();
    deploy(&bench, "-1");
    bench.ok(&["wait", "--for", "idle", "--timeout", "60s"]);
    let why = bench.json(&["why", "d/0"]);
    assert!(why.to_string().contains("config_changed"), "{why}");
    let text = bench.ok(&["why", "d/0"]);
    assert!(text.contains("config_changed") || text.contains("config-changed"), "{text}");
    let waits = bench.run(&["wait", "--timeout", "1s"]);
    assert_ne!(waits.code, 0, "a unit with deferred events is not settled");
    assert!(waits.stderr.contains("d/0"), "{waits:?}");
}

#[test]
fn wakes_can_be_turned_off() {
    let bench = Bench::new();
    bench.ok(&["model-config", "deferred-wake=off"]);
    // Once in config-changed, again in start; then nothing comes that would run it.
    deploy(&bench, "3");
    bench.ok(&["wait", "--for", "idle", "--timeout", "60s"]);
    let wakes = bench.trace("d/0").into_iter().filter(|e| e.contains("wake")).count();
    assert_eq!(wakes, 0);
    bench.ok(&["model-config", "deferred-wake=500ms"]);
    bench.settle();
    assert!(bench.trace("d/0").iter().any(|e| e.contains("wake")));
}

fn wakes(bench: &Bench, unit: &str) -> usize {
    bench.trace(unit).into_iter().filter(|event| event.contains("deferred-wake")).count()
}

/// A Python charm asks to be woken, the daemon is killed, and the wake comes all the same.
#[test]
fn a_wake_that_a_charm_asked_for_survives_the_daemon() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm("testing/waker"), "w", "--config", "after=6s"]);
    // A unit that only waits for a time is settled.
    bench.settle();
    let why = bench.json(&["why", "w/0"]);
    let wake = why.pointer("/waits/waits/0").unwrap_or_else(|| panic!("no wake: {why}"));
    assert_eq!((&wake["kind"], &wake["wake"]["reason"]), (&json!("wake"), &json!("for the test")), "{why}");
    let text = bench.ok(&["why", "w/0"]);
    assert!(text.contains("the charm asked to be woken in ") && text.contains(": for the test"), "{text}");
    assert_eq!(wakes(&bench, "w/0"), 0);
    bench.kill_daemon();
    // The daemon starts with the next command.
    until("the unit is woken", Duration::from_secs(60), || (wakes(&bench, "w/0") > 0).then_some(()));
    bench.settle();
    assert!(bench.ok(&["status"]).contains("woken 1 times"), "the charm saw its own event");
    let record = bench.records("w/0").into_iter().rfind(|r| r.to_string().contains("\"config-changed\""));
    let record = record.expect("config-changed ran");
    let writes = record.pointer("/entry/dispatch/writes").map(Value::to_string).unwrap_or_default();
    assert!(writes.contains("periapt-wake --after 6s"), "{record}");
    assert_eq!(wakes(&bench, "w/0"), 1, "a wake comes once");
}

#[test]
fn a_wake_on_an_event_comes_after_the_next_one() {
    let bench = Bench::new();
    bench.ok(&["model-config", "deferred-wake=off"]);
    bench.ok(&["deploy", &charm("testing/waker"), "w", "--config", "on=config-changed"]);
    bench.settle();
    assert_eq!(wakes(&bench, "w/0"), 0, "the hook that asked is not the one that it waits for");
    let run = bench.json(&["run", "w/0", "wakes"]).to_string();
    assert!(run.contains(r#"\"on\":\"config-changed\""#), "{run}");
    bench.ok(&["config", "w", "reason=the \u{1b}[2J second"]);
    bench.settle();
    let trace = bench.trace("w/0");
    assert!(trace.join("\n").contains("config-changed\ndeferred-wake"), "{trace:?}");
    assert_eq!(wakes(&bench, "w/0"), 1);
    let text = bench.ok(&["why", "w/0"]);
    assert!(text.contains("after the next config-changed: the  second"), "{text:?}");
}

#[test]
fn what_a_framework_tells_of_its_queue_is_believed_and_shown() {
    let bench = Bench::new();
    let report = json!({
        "version": 1,
        "queue": [
            {"sequence": 7, "event": "config-changed", "observer": "Api", "handler": "reconcile",
             "reason": "the API\u{1b}[31m does not answer", "attempts": 3, "first": "2026-01-02T03:04:05Z", "lane": "db",
             "wake": {"on": "leader-elected"}},
        ],
        "dropped": [{"sequence": 3, "event": "start", "handler": "old", "reason": "relation db:3 is gone"}],
        "dead": [{"sequence": 1, "event": "start", "handler": "renamed"}],
        "emitted": ["api_ready"],
    });
    let option = format!("report={report}");
    bench.ok(&["deploy", &charm("testing/teller"), "t", "--config", &option]);
    bench.ok(&["wait", "--for", "idle", "--timeout", "60s"]);
    assert_eq!(wakes(&bench, "t/0"), 0, "it waits for an event, and for no delay of the agent's");
    let text = bench.ok(&["why", "t/0"]);
    for part in [
        "config-changed by Api.reconcile is deferred in lane db, 3 times, first ",
        ": the API does not answer\n",
        "it runs again after the next leader-elected, in ",
        "start by renamed is a dead letter",
    ] {
        assert!(text.contains(part), "no {part:?}: {text}");
    }
    let tail = bench.ok(&["tail", "t/0", "--no-follow", "--last", "100"]);
    for part in [
        "config-changed by Api.reconcile deferred: the API does not answer",
        "start by old dropped: relation db:3 is gone",
        "start by renamed is a dead letter",
        "custom event api_ready",
    ] {
        assert!(tail.contains(part), "no {part:?}: {tail}");
    }
    let log = bench.ok(&["debug-log", "--replay", "--no-tail"]);
    let version = env!("CARGO_PKG_VERSION");
    assert!(log.contains(&format!("juju-log config-changed of periapt {version}\n")), "{log}");
    assert!(log.contains("WARNING unit.t/0.juju-log two\nlines\n"), "{log}");

    // A dispatch that crashes before it reports leaves what was there.
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    bench.ok(&["config", "t", "fail-hook=config-changed"]);
    until("the hook fails", Duration::from_secs(60), || {
        bench.ok(&["why", "t/0"]).contains("config-changed failed").then_some(())
    });
    let text = bench.ok(&["why", "t/0"]);
    assert!(text.contains("config-changed by Api.reconcile is deferred in lane db, 3 times"), "{text}");

    // Now it asks for a time, and what a wake tells says that it is done.
    let report = json!({"version": 1, "queue": [
        {"sequence": 7, "event": "config-changed", "observer": "Api", "handler": "reconcile", "attempts": 4,
         "wake": {"after_ms": 300}}]});
    bench.ok(&["config", "t", "fail-hook=", &format!("report={report}")]);
    bench.ok(&["resolved", "t/0"]);
    bench.settle();
    let last = bench.records("t/0").into_iter().rfind(|r| r.to_string().contains("deferred-wake"));
    let last = last.expect("it was woken");
    assert_eq!(last.pointer("/entry/dispatch/deferrals/done/0/tries"), Some(&json!(4)), "{last}");
}
