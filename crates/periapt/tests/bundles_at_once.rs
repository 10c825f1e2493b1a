//! Bundles in a model that others change at the same time: each is planned from what is there when it is done, and what is
//! being removed is neither there nor gone.

mod common;

use std::process::{Child, Stdio};
use std::time::Duration;

use common::{Bench, Said, shell_charm, until};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn write(bench: &Bench, name: &str, text: &str) -> String {
    let path = bench.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

const DB: &str = "provides:\n  sql: {interface: sql}\n";
const WEB: &str = "requires:\n  db: {interface: sql}\n";

/// `db` and `web`, whose units go only when there is a gate.
fn charms(bench: &Bench) -> String {
    let gate = bench.path().join("gate").display().to_string();
    let closed = format!("test -e '{gate}'");
    let ready = ("install", "status-set active ready");
    shell_charm(bench.path(), "db", DB, &[ready]);
    shell_charm(bench.path(), "web", WEB, &[ready, ("stop", &closed), ("db-relation-broken", &closed)]);
    gate
}

const SHOP: &str = "applications:\n  db: {charm: ./db, num_units: 3}\n  web: {charm: ./web, num_units: 2, to: [db]}\n\
                    relations:\n- [web:db, db:sql]\n";

/// Starts a deployment and does not wait for it.
fn begin(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command();
    command.args(["deploy"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn end(child: Child) -> Said {
    Said::of(child.wait_with_output().expect("the program ends"))
}

/// The units of an application, as `db/0 db/1`.
fn units(bench: &Bench, model: &str, app: &str) -> String {
    let status = bench.json(&["status", "-m", model]);
    let units = status["applications"][app]["units"].as_object().cloned().unwrap_or_default();
    units.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn deployments_at_once_make_one() {
    const AT_ONCE: usize = 3;
    let bench = Bench::new();
    charms(&bench);
    let bundle = write(&bench, "shop.yaml", SHOP);
    // The charms are ready from here on: what is measured is who comes first, not who builds.
    bench.ok(&["deploy", &bundle, "--dry-run"]);
    let mut overtaken = 0;
    for round in 0..8 {
        let model = format!("m{round}");
        bench.ok(&["add-model", "--no-switch", &model]);
        if round % 2 == 1 {
            bench.ok(&["deploy", "./db", "-m", &model]);
        }
        let running: Vec<Child> = (0..AT_ONCE).map(|_| begin(&bench, &[&bundle, "-m", &model])).collect();
        let said: Vec<Said> = running.into_iter().map(end).collect();
        for one in &said {
            assert_eq!(one.code, 0, "{said:?}");
        }
        let told = |words: &str| said.iter().filter(|one| one.stderr.contains(words)).count();
        assert_eq!(told("Deploy of bundle completed."), 1, "{said:?}");
        assert_eq!(told("No changes to apply."), AT_ONCE - 1, "{said:?}");
        assert_eq!(units(&bench, &model, "db"), "db/0 db/1 db/2", "{said:?}");
        assert_eq!(units(&bench, &model, "web"), "web/0 web/1", "{said:?}");
        let status = bench.json(&["status", "-m", &model]);
        assert_eq!(status["machines"].as_object().map(serde_json::Map::len), Some(3), "{status}");
        assert_eq!(status["applications"]["web"]["relations"]["db"].as_array().map(Vec::len), Some(1));
        overtaken += told("Planning again");
        bench.ok(&["destroy-model", &model, "--no-prompt", "--force"]);
    }
    println!("planned again {overtaken} times");
}

/// Opens the gate, and waits until nothing is left of what is going.
fn let_go(bench: &Bench, gate: &str, gone: impl Fn(&Value) -> bool) {
    std::fs::write(gate, "").expect("a file");
    until("it is gone", PATIENCE, || {
        // Those that wait in error try again; one that has not come to it yet has nothing to resolve.
        bench.run(&["resolve", "--all"]);
        gone(&bench.json(&["status"])).then_some(())
    });
    bench.settle();
    std::fs::remove_file(gate).expect("a file of ours");
}

#[test]
fn what_is_going_is_neither_there_nor_exported() {
    let bench = Bench::new();
    let gate = charms(&bench);
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    let bundle = write(&bench, "shop.yaml", SHOP);
    bench.ok(&["deploy", &bundle]);
    bench.settle();

    // A relation.
    bench.ok(&["remove-relation", "web", "db"]);
    let said = bench.refused(&["deploy", &bundle]);
    let words =
        "shop.yaml:5:3: the bundle's relation web:db - db:sql: relation web:db db:sql is being removed";
    assert!(said.code == 1 && said.stderr.contains(words), "{said:?}");
    assert!(said.stderr.contains("deploy when it is gone: `periapt wait`"), "{said:?}");
    let exported = bench.run(&["export-bundle"]);
    assert!(!exported.stdout.contains("relations:"), "{exported:?}");
    assert!(
        exported.stderr.contains("note: left out what is being removed: relation web:db db:sql"),
        "{exported:?}"
    );
    let_go(&bench, &gate, |status| status["applications"]["web"]["relations"]["db"].is_null());
    let said = bench.run(&["deploy", &bundle]);
    assert!(said.code == 0 && said.stderr.contains("- add relation web:db - db:sql"), "{said:?}");
    bench.settle();

    // A unit.
    bench.ok(&["remove-unit", "web/1", "--no-prompt"]);
    let exported = bench.run(&["export-bundle"]);
    assert!(exported.stderr.contains("left out what is being removed: unit web/1\n"), "{exported:?}");
    let web = exported.stdout.split("\n  web:").nth(1).unwrap_or_default();
    assert!(web.contains("num_units: 1\n"), "{exported:?}");

    // An application, and its relation with it.
    bench.ok(&["remove-application", "web", "--no-prompt"]);
    let exported = bench.run(&["export-bundle"]);
    assert!(!exported.stdout.contains("web") && exported.stdout.contains("  db:"), "{exported:?}");
    let words = "left out what is being removed: application web, relation web:db db:sql\n";
    assert!(exported.stderr.contains(words), "{exported:?}");
    let_go(&bench, &gate, |status| status["applications"]["web"].is_null());
}

#[test]
fn machines_that_go_with_their_units_are_not_mapped() {
    let bench = Bench::new();
    charms(&bench);
    let bundle = write(
        &bench,
        "m.yaml",
        "applications:\n  web: {charm: ./web, num_units: 1, to: ['0']}\nmachines: {0: }\n",
    );
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    bench.ok(&["deploy", &bundle]);
    bench.settle();
    bench.ok(&["remove-unit", "web/0", "--no-prompt"]);
    let existing = ["deploy", &bundle, "--dry-run", "--map-machines", "existing"];
    let plan = bench.ok(&existing);
    assert!(
        plan.contains("- add new machine 1 (bundle machine 0)\n- add unit web/1 to new machine 1\n"),
        "{plan}"
    );
    // Who names it by hand keeps it by that.
    let plan = bench.ok(&["deploy", &bundle, "--dry-run", "--map-machines", "0=0"]);
    assert!(plan.ends_with("- add unit web/1 to existing machine 0\n"), "{plan}");
    // One that was added stays.
    bench.ok(&["add-machine"]);
    let other = write(
        &bench,
        "n.yaml",
        "applications:\n  db: {charm: ./db, num_units: 1, to: ['1']}\nmachines: {1: }\n",
    );
    let plan = bench.ok(&["deploy", &other, "--dry-run", "--map-machines", "existing"]);
    assert!(plan.ends_with("- add unit db/0 to existing machine 1\n"), "{plan}");
}
