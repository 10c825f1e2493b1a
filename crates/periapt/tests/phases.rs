//! Every phase of a unit's life, driven through the built program.

mod common;

use common::{Bench, charm, shell_charm};

const PROVIDER: &str = "provides:\n  data: {interface: data}\npeers:\n  mates: {interface: mates}\n";
const REQUIRER: &str = "requires:\n  source: {interface: data}\n";

#[test]
fn setup_runs_in_juju_order() {
    let bench = Bench::new();
    let path = shell_charm(bench.path(), "alpha", PROVIDER, &[("install", "status-set active ready")]);
    bench.ok(&["deploy", &path]);
    bench.settle();
    assert_eq!(
        bench.trace("alpha/0"),
        ["install", "mates-relation-created", "leader-elected", "config-changed", "start"]
    );
    let status = bench.json(&["status"]);
    let unit = &status["applications"]["alpha"]["units"]["alpha/0"];
    assert_eq!(unit["workload-status"]["current"], "active");
    assert_eq!(unit["workload-status"]["message"], "ready");
    assert_eq!(unit["juju-status"]["current"], "idle");
    assert_eq!(unit["leader"], true);
}

#[test]
fn related_units_see_each_other_and_drain_on_removal() {
    let bench = Bench::new();
    let alpha = shell_charm(
        bench.path(),
        "alpha",
        PROVIDER,
        &[("data-relation-joined", "relation-set greeting=\"hello $JUJU_REMOTE_UNIT\"")],
    );
    let beta = shell_charm(
        bench.path(),
        "beta",
        REQUIRER,
        &[("source-relation-changed", "status-set active \"$(relation-get greeting)\"")],
    );
    bench.ok(&["deploy", &alpha]);
    bench.ok(&["deploy", &beta]);
    bench.ok(&["integrate", "alpha", "beta"]);
    bench.settle();
    let status = bench.json(&["status"]);
    let message = &status["applications"]["beta"]["units"]["beta/0"]["workload-status"]["message"];
    assert_eq!(message, "hello beta/0");

    bench.ok(&["add-unit", "alpha", "-n", "2"]);
    bench.settle();
    let joined = bench.trace("beta/0").iter().filter(|e| e.starts_with("source-relation-joined")).count();
    assert_eq!(joined, 3);

    bench.ok(&["remove-unit", "alpha/1", "--no-prompt"]);
    bench.settle();
    let trace = bench.trace("beta/0");
    assert!(trace.contains(&"source-relation-departed alpha/1".to_owned()), "{trace:?}");

    bench.ok(&["remove-application", "alpha", "--no-prompt"]);
    bench.settle();
    let trace = bench.trace("beta/0");
    assert_eq!(trace.last().map(String::as_str), Some("source-relation-broken"), "{trace:?}");
    assert!(bench.json(&["status"])["applications"].get("alpha").is_none());
}

#[test]
fn a_failing_hook_is_an_error_until_it_is_resolved() {
    let bench = Bench::new();
    let path = shell_charm(
        bench.path(),
        "frail",
        PROVIDER,
        &[("config-changed", "echo oh no >&2; relation-ids mates; [ -e ../mended ]")],
    );
    bench.ok(&["deploy", &path]);
    bench.ok(&["wait", "--for", "error=frail/0", "--timeout", "60s"]);
    let status = bench.json(&["status"]);
    let unit = &status["applications"]["frail"]["units"]["frail/0"];
    assert_eq!(unit["workload-status"]["current"], "error");
    assert_eq!(unit["workload-status"]["message"], "hook failed: \"config-changed\"");
    assert_eq!(unit["juju-status"]["current"], "idle");
    let why = bench.ok(&["why", "frail/0"]);
    assert!(why.contains("config-changed") && why.contains("oh no"), "{why}");

    let refused = bench.refused(&["resolved", "frail/7"]);
    assert!(refused.stderr.contains("frail/7"), "{refused:?}");
    bench.ok(&["resolved", "--no-retry", "frail/0"]);
    bench.settle();
    let trace = bench.trace("frail/0");
    assert_eq!(trace.last().map(String::as_str), Some("start"), "{trace:?}");
    let refused = bench.refused(&["resolved", "frail/0"]);
    assert!(refused.stderr.contains("is not in an error state"), "{refused:?}");
}

#[test]
fn a_refresh_runs_the_new_files_and_keeps_what_the_charm_wrote() {
    let bench = Bench::new();
    let old =
        shell_charm(bench.path(), "grow", PROVIDER, &[("start", "echo mine > kept; echo old > hooks/extra")]);
    bench.ok(&["deploy", &old]);
    bench.settle();
    shell_charm(bench.path(), "grow", PROVIDER, &[("upgrade-charm", "status-set active \"$(cat kept)\"")]);
    bench.ok(&["refresh", "grow", "--path", &old]);
    bench.settle();
    let trace = bench.trace("grow/0");
    assert_eq!(trace[trace.len() - 2..], ["upgrade-charm", "config-changed"], "{trace:?}");
    let status = bench.json(&["status"]);
    assert_eq!(status["applications"]["grow"]["units"]["grow/0"]["workload-status"]["message"], "mine");
}

#[test]
fn actions_and_exec_run_between_hooks() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm("reader")]);
    bench.settle();
    let result = bench.ok(&["exec", "--format", "json", "--unit", "reader/0", "--", "echo $JUJU_UNIT_NAME"]);
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!(result["reader/0"]["results"]["stdout"], "reader/0\n");
    assert_eq!(result["reader/0"]["results"]["return-code"], 0);
    let refused = bench.refused(&["run", "reader/0", "raed", "key=a"]);
    assert!(refused.stderr.contains("raed"), "{refused:?}");
}

#[test]
fn an_ops_charm_lives_its_whole_life() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm("ledger")]);
    bench.ok(&["deploy", &charm("reader")]);
    bench.ok(&["integrate", "ledger", "reader"]);
    bench.settle();
    bench.ok(&["run", "ledger/0", "put", "key=colour", "value=green"]);
    let read = bench.json(&["run", "reader/0", "read", "key=colour"]);
    assert_eq!(read["reader/0"]["status"], "completed", "{read}");
    assert!(read["reader/0"]["results"].to_string().contains("green"), "{read}");

    bench.ok(&["add-unit", "ledger", "-n", "2"]);
    bench.settle();
    let status = bench.json(&["status"]);
    assert_eq!(status["applications"]["ledger"]["units"].as_object().map(serde_json::Map::len), Some(3));
    assert_eq!(status["applications"]["ledger"]["application-status"]["current"], "active", "{status}");

    bench.ok(&["remove-application", "ledger", "reader", "--no-prompt"]);
    bench.settle();
    assert_eq!(bench.json(&["status"])["applications"], serde_json::json!({}));
}
