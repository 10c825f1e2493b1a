//! What a charm defers is run again in time, and `tail` and `why` tell the truth about it.

mod common;

use common::{Bench, charm};

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
