//! The daemon's own life: one on a home, stores that cannot be used, stopping and starting where it was.

mod common;

use common::{Bench, charm, shell_charm};

#[test]
fn a_second_daemon_on_one_home_says_so_and_ends() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    let said = bench.refused(&["daemon", "run"]);
    assert!(said.stderr.contains("already runs"), "{said:?}");
    assert!(bench.ok(&["daemon", "status"]).contains("runs"));
}

#[test]
fn a_model_is_where_it_was_after_a_restart() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm("reader")]);
    bench.settle();
    let before = bench.trace("reader/0");
    bench.ok(&["daemon", "stop"]);
    assert!(!bench.home().join("periapt.sock").exists());
    let beside = std::fs::read_dir(bench.home()).expect("the home").flatten();
    let left: Vec<_> =
        beside.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with("-wal")).collect();
    assert!(left.is_empty(), "a stopped daemon leaves its store in one file: {left:?}");
    bench.settle();
    assert_eq!(bench.trace("reader/0"), before, "a restart alone runs no hook");
}

#[test]
fn a_store_that_cannot_be_used_is_named_and_left_as_it_was() {
    let bench = Bench::new();
    let store = bench.home().join("periapt.db");
    let rubbish =
        b"this is no database, however long it may be: it only has to be longer than a header of SQLite";
    std::fs::write(&store, rubbish).expect("a file");
    let said = bench.refused(&["status"]);
    assert!(said.stderr.contains("periapt.db"), "{said:?}");
    assert_eq!(std::fs::read(&store).expect("it is still there"), rubbish);
}

#[test]
fn the_socket_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.ok(&["models"]);
    let mode = |name: &str| {
        std::fs::metadata(bench.home().join(name)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode("periapt.sock"), 0o600);
    assert_eq!(mode("periapt.db"), 0o600);
}

#[test]
fn a_home_with_a_long_path_works() {
    let bench = Bench::new();
    let deep = bench.path().join("d".repeat(60)).join("e".repeat(60));
    let run = |arguments: &[&str]| {
        let output = bench.command().env("PERIAPT_HOME", &deep).args(arguments).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let path = shell_charm(bench.path(), "deep", "", &[("install", "status-set active \"$(is-leader)\"")]);
    run(&["deploy", &path]);
    run(&["wait", "--timeout", "60s"]);
    run(&["daemon", "stop"]);
}

#[test]
fn what_is_packed_deploys() {
    let bench = Bench::new();
    bench.ok(&["pack", &charm("reader")]);
    let archive = std::fs::read_dir(bench.path())
        .expect("the folder")
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "charm"))
        .expect("a .charm file");
    bench.ok(&["deploy", &archive.display().to_string(), "packed"]);
    bench.settle();
    assert!(bench.trace("packed/0").contains(&"start".to_owned()));
}

#[test]
fn models_are_apart_and_go_when_destroyed() {
    let bench = Bench::new();
    bench.ok(&["add-model", "other", "--no-switch"]);
    bench.ok(&["deploy", "-m", "other", &charm("reader")]);
    bench.ok(&["wait", "-m", "other", "--timeout", "60s"]);
    assert_eq!(bench.json(&["status"])["applications"], serde_json::json!({}));
    bench.ok(&["destroy-model", "other", "--no-prompt"]);
    let names = bench.json(&["models"])["models"].to_string();
    assert!(!names.contains("other"), "{names}");
    // The folder goes when the model's agents have ended, which nobody who destroys a model has to wait for.
    common::until("its units' folders are gone", std::time::Duration::from_secs(30), || {
        let models = std::fs::read_dir(bench.home().join("models")).expect("the models' folders").count();
        (models <= 1).then_some(())
    });
}
