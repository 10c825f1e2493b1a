//! Bundles through the built program: deployed once and again, changed by an overlay, refused as a whole, written out.

mod common;

use common::{Bench, shell_charm};
use serde_json::{Value, json};

fn write(bench: &Bench, name: &str, text: &str) -> String {
    let path = bench.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Two charms beside the bundle, one of them published too.
fn charms(bench: &Bench) {
    let db = shell_charm(
        bench.path(),
        "db",
        "provides:\n  sql: {interface: sql}\nresources:\n  seed: {type: file, filename: seed.sql}\n",
        &[("install", "status-set active ready")],
    );
    let options = "options:\n  size: {type: int, default: 1}\n  note: {type: string}\n";
    std::fs::write(format!("{db}/config.yaml"), options).expect("a file");
    let web = shell_charm(
        bench.path(),
        "web",
        "requires:\n  db: {interface: sql}\n",
        &[("install", "status-set active ready")],
    );
    bench.ok(&["publish", &web, "--channel", "edge"]);
}

const BUNDLE: &str = "bundle: kubernetes\nname: shop\napplications:\n  store:\n    charm: ./db\n    num_units: 2\n    \
                      options: {size: 3, note: 'include-file://note.txt'}\n    resources: {seed: ./seed.sql}\n    \
                      expose: true\n    annotations: {gui-x: 1}\n  web:\n    charm: web\n    channel: edge\n    scale: 1\n    \
                      trust: true\nrelations:\n- [web:db, store:sql]\n";

/// All that a bundle could change.
fn model(bench: &Bench) -> Value {
    bench.settle();
    let mut status = bench.json(&["status", "--utc"]);
    status.as_object_mut().expect("an object").remove("controller");
    json!([status, bench.json(&["show-application", "store", "web"]), bench.json(&["config", "store"])])
}

#[test]
fn a_bundle_is_deployed_once_and_changed_by_overlays() {
    let bench = Bench::new();
    charms(&bench);
    write(&bench, "note.txt", "from a file\n");
    write(&bench, "seed.sql", "select 1;\n");
    let bundle = write(&bench, "bundle.yaml", BUNDLE);
    let untrusted = bench.refused(&["deploy", &bundle]);
    assert!(
        untrusted.stderr.contains("repeat the deploy command with the --trust argument"),
        "{untrusted:?}"
    );
    let plan = bench.ok(&["deploy", &bundle, "--dry-run"]);
    assert_eq!(
        plan,
        "Changes to deploy bundle:\n- deploy application store\n- expose store\n- deploy application web\n- add relation web:db - store:sql\n"
    );
    assert_eq!(bench.json(&["status"])["applications"], json!({}), "a dry run changes nothing");
    let said = bench.run(&["deploy", &bundle, "--trust"]);
    assert!(said.code == 0 && said.stderr.contains("Deploy of bundle completed."), "{said:?}");
    assert!(said.stderr.contains("note: the bundle's annotations have no effect here"), "{said:?}");
    let first = model(&bench);
    assert_eq!(first[0]["applications"]["store"]["units"].as_object().unwrap().len(), 2);
    assert_eq!(first[0]["applications"]["store"]["exposed"], true);
    assert_eq!(first[0]["applications"]["web"]["charm-channel"], "latest/edge");
    assert_eq!(first[2]["settings"]["note"]["value"], "from a file\n");
    assert_eq!(first[1]["web"]["trust"], true);
    // Once more, by way of the folder's bundle: nothing is done.
    let events = bench.trace("store/0").len();
    let again = bench.run(&["deploy", &bundle, "--trust"]);
    assert!(again.code == 0 && again.stderr.contains("No changes to apply."), "{again:?}");
    assert_eq!(model(&bench), first);
    assert_eq!(bench.trace("store/0").len(), events);
    // An overlay changes what it names; a bundle takes no units away.
    let overlay = write(
        &bench,
        "overlay.yaml",
        "applications:\n  store: {num_units: 1, options: {size: 4}}\n  web: {num_units: 2}\n",
    );
    let plan = bench.ok(&["deploy", &bundle, "--overlay", &overlay, "--dry-run"]);
    assert_eq!(
        plan,
        "Changes to deploy bundle:\n- set application options for store: size\n- add 1 unit(s) to web\n"
    );
    bench.ok(&["deploy", &bundle, "--overlay", &overlay, "--trust"]);
    assert_eq!(model(&bench)[2]["settings"]["size"]["value"], 4);
    // A newer release and other files are refreshed by the same bundle.
    std::fs::write(bench.path().join("web/new"), "x").unwrap();
    bench.ok(&["publish", "./web", "--channel", "edge"]);
    std::fs::write(bench.path().join("db/new"), "x").unwrap();
    let plan = bench.ok(&["deploy", &bundle, "--overlay", &overlay, "--dry-run"]);
    assert_eq!(
        plan,
        "Changes to deploy bundle:\n- upgrade store to the bundle's charm\n- upgrade web to the bundle's charm\n"
    );
    bench.ok(&["deploy", &bundle, "--overlay", &overlay, "--trust"]);
    bench.settle();
    assert!(bench.trace("web/0").contains(&"upgrade-charm".to_owned()));
    // The same charms, but another file, another channel, other constraints.
    write(&bench, "seed.sql", "select 2;\n");
    bench.ok(&["publish", "./web", "--channel", "candidate"]);
    let other = write(
        &bench,
        "other.yaml",
        "applications:\n  store: {constraints: mem=2G}\n  web: {channel: candidate}\n",
    );
    let arguments = ["deploy", &bundle, "--overlay", &overlay, "--overlay", &other, "--trust"];
    let said = bench.run(&arguments);
    assert!(
        said.stderr.contains(
            "- attach resources to store: seed\n- set constraints for store to \"mem=2048M\"\n- follow channel latest/candidate with web\n"
        ),
        "{said:?}"
    );
    let said = bench.run(&arguments);
    assert!(said.stderr.contains("No changes to apply."), "{said:?}");
    let shown = bench.json(&["show-application", "store", "web"]);
    assert_eq!(shown["store"]["resources"]["seed"]["revision"], 2, "{shown}");
    assert_eq!(shown["web"]["channel"], "latest/candidate");
}

#[test]
fn what_is_exported_deploys_to_the_same() {
    let bench = Bench::new();
    charms(&bench);
    bench.ok(&["publish", "./db", "--channel", "2/beta"]);
    let bundle = write(
        &bench,
        "b.yaml",
        "applications:\n  db: {charm: db, channel: 2/edge, num_units: 1, options: {note: 'yes: no', size: 2}}\n  \
         web: {charm: 'ch:web', channel: edge, num_units: 1, trust: true}\nrelations:\n- [web, db]\n",
    );
    bench.ok(&["deploy", &bundle, "--trust"]);
    bench.settle();
    let exported = bench.ok(&["export-bundle"]);
    bench.ok(&["export-bundle", "--filename", "out.yaml"]);
    assert_eq!(std::fs::read_to_string(bench.path().join("out.yaml")).unwrap(), exported);
    bench.ok(&["add-model", "--no-switch", "copy"]);
    bench.ok(&["deploy", "./out.yaml", "-m", "copy", "--trust"]);
    assert_eq!(bench.ok(&["export-bundle", "-m", "copy"]), exported);
    let again = bench.run(&["deploy", "./out.yaml", "-m", "copy", "--trust"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}\n{exported}");
    bench.ok(&["destroy-model", "copy", "--no-prompt", "--force"]);
}

#[test]
fn a_bundle_with_a_mistake_changes_nothing() {
    let bench = Bench::new();
    charms(&bench);
    for (text, code, words) in [
        (
            "applications:\n  db: {charm: ./db, num_unit: 3}\n",
            1,
            "b.yaml:2:21: a bundle has no key \"num_unit\"",
        ),
        (
            "applications:\n  db: {charm: ./db}\n  x: {charm: nosuch}\n",
            1,
            "application \"x\" of the bundle: charm \"nosuch\" not found",
        ),
        ("applications:\n  db: {charm: ./db}\n  x: {charm: ./nosuch}\n", 1, "does not exist"),
        ("applications:\n  db: {charm: 'local:db-0'}\n", 1, "local:db-0 was a charm of the model"),
        ("applications:\n  db: {charm: ./db}\nrelations:\n- [db, web]\n", 1, "does not have"),
        ("applications:\n  db: {charm: ./db, num_units: 4000000000}\n", 1, "more than 10000"),
        ("saas: {x: {url: a}}\napplications: {}\n", 1, "offers of other models"),
        ("x: &a [*a]\n", 1, "b.yaml:1:"),
    ] {
        let path = write(&bench, "b.yaml", text);
        let said = bench.refused(&["deploy", &path]);
        assert!(said.code == code && said.stderr.contains(words), "{text}: {said:?}");
    }
    let good = write(&bench, "b.yaml", "applications: {db: {charm: ./db}}\n");
    for (arguments, words) in [
        (&["deploy", &good, "name"][..], "an application name cannot be given with a bundle"),
        (&["deploy", &good, "--channel", "edge"], "--channel cannot be given with a bundle"),
        (&["deploy", "./db", "--dry-run"], "--dry-run and --overlay are for bundles"),
    ] {
        let said = bench.refused(arguments);
        assert!(said.code == 2 && said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
    let nothing = bench.refused(&["export-bundle"]);
    assert!(nothing.stderr.contains("nothing to export as there are no applications"), "{nothing:?}");
    assert_eq!(bench.json(&["status"])["applications"], json!({}));
}
