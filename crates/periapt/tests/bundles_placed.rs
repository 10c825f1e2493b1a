//! Bundles that say where units go and what other models have of them; and what is left of one when the daemon is killed.

mod common;

use std::time::{Duration, Instant};

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

fn write(bench: &Bench, name: &str, text: &str) -> String {
    let path = bench.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Two published charms that can be related, without much to do.
fn charms(bench: &Bench) {
    for (name, endpoints) in
        [("db", "provides:\n  sql: {interface: sql}\n"), ("web", "requires:\n  db: {interface: sql}\n")]
    {
        let charm = shell_charm(bench.path(), name, endpoints, &[("install", "status-set active ready")]);
        bench.ok(&["publish", &charm, "--channel", "edge"]);
    }
}

/// `web/0@1 db/0@0`: each unit's machine.
fn placed(bench: &Bench, model: &str) -> String {
    let status = bench.json(&["status", "-m", model]);
    let apps = status["applications"].as_object().expect("applications");
    let units = apps.values().filter_map(|app| app["units"].as_object()).flatten();
    let shown: Vec<String> =
        units.map(|(name, unit)| format!("{name}@{}", unit["machine"].as_str().unwrap_or("?"))).collect();
    shown.join(" ")
}

const PLACED: &str = "applications:\n  db: {charm: db, channel: edge, num_units: 3, to: ['7', '3']}\n  near: {charm: web, channel: edge, num_units: 3, \
                      to: [db]}\n  web: {charm: web, channel: edge, num_units: 3, to: [db/1, 3, new]}\nmachines:\n  \"3\": {constraints: \
                      mem=1G, base: ubuntu@24.04}\n  7:\nrelations:\n- [web:db, db:sql]\n";

#[test]
fn units_go_to_the_machines_that_the_bundle_says() {
    let bench = Bench::new();
    charms(&bench);
    bench.ok(&["add-machine"]);
    let bundle = write(&bench, "b.yaml", PLACED);
    let plan = bench.ok(&["deploy", &bundle, "--dry-run"]);
    let units: Vec<&str> = plan.lines().filter(|line| line.contains("machine")).collect();
    assert_eq!(
        units,
        [
            "- add new machine 1 (bundle machine 3)",
            "- add new machine 2 (bundle machine 7)",
            "- add unit db/0 to new machine 2",
            "- add unit db/1 to new machine 1",
            "- add unit db/2 to new machine 3",
            "- add unit near/0 to new machine 2 to satisfy [db]",
            "- add unit near/1 to new machine 1 to satisfy [db]",
            "- add unit near/2 to new machine 3 to satisfy [db]",
            "- add unit web/0 to new machine 1 to satisfy [db/1]",
            "- add unit web/1 to new machine 1",
            "- add unit web/2 to new machine 4",
        ]
    );
    assert_eq!(placed(&bench, "default"), "", "a dry run changes nothing");
    let said = bench.run(&["deploy", &bundle]);
    assert!(
        said.code == 0 && said.stderr.contains(&plan.lines().skip(1).collect::<Vec<_>>().join("\n")),
        "{said:?}"
    );
    let there = "db/0@2 db/1@1 db/2@3 near/0@2 near/1@1 near/2@3 web/0@1 web/1@1 web/2@4";
    assert_eq!(placed(&bench, "default"), there);
    assert_eq!(bench.json(&["machines"])["machines"]["1"]["constraints"], "mem=1024M");
    let again = bench.run(&["deploy", &bundle]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");

    // More of them find the machines again; a machine goes with its last unit.
    let more = write(&bench, "more.yaml", "applications:\n  near: {num_units: 4, to: [db, db, db, 7]}\n");
    bench.ok(&["deploy", &bundle, "--overlay", &more]);
    assert_eq!(placed(&bench, "default"), there.replace("near/2@3", "near/2@3 near/3@2"));
    let extra = write(
        &bench,
        "extra.yaml",
        "applications: {extra: {charm: db, channel: edge, num_units: 2, to: [0, 1]}}\nmachines: {0: , 1: }\n",
    );
    let plan = bench.ok(&["deploy", &extra, "--dry-run", "--map-machines", "existing,1=4"]);
    assert!(
        plan.ends_with(
            "- add unit extra/0 to existing machine 0\n- add unit extra/1 to existing machine 4\n"
        ),
        "{plan}"
    );
    bench.ok(&["deploy", &extra, "--map-machines", "existing,1=4"]);
    assert!(placed(&bench, "default").contains("extra/0@0 extra/1@4"));
    let again = bench.run(&["deploy", &extra]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    bench.settle();
    bench.ok(&["remove-application", "extra", "db", "near", "web", "--no-prompt"]);
    bench.settle();
    let machines = bench.json(&["machines"]);
    assert_eq!(machines["machines"].as_object().expect("machines").len(), 1, "the one by hand stays");
}

#[test]
fn what_is_placed_is_exported_with_its_machines() {
    let bench = Bench::new();
    charms(&bench);
    let bundle = write(&bench, "b.yaml", PLACED);
    bench.ok(&["deploy", &bundle]);
    let exported = bench.ok(&["export-bundle", "--filename", "out.yaml"]);
    assert_eq!(exported, "");
    let exported = std::fs::read_to_string(bench.path().join("out.yaml")).expect("a file");
    for words in ["machines:\n", "constraints: mem=1024M", "    to:\n"] {
        assert!(exported.contains(words), "{words}\n{exported}");
    }
    // In the same model there is nothing to do; in another one it gives the same.
    let again = bench.run(&["deploy", "./out.yaml"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}\n{exported}");
    bench.ok(&["add-model", "--no-switch", "copy"]);
    bench.ok(&["deploy", "./out.yaml", "-m", "copy"]);
    assert_eq!(placed(&bench, "copy"), placed(&bench, "default"));
    assert_eq!(bench.ok(&["export-bundle", "-m", "copy"]), exported);
    let again = bench.run(&["deploy", "./out.yaml", "-m", "copy"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
}

#[test]
fn a_bundle_offers_to_other_models_and_consumes_of_them() {
    let bench = Bench::new();
    charms(&bench);
    let base = "applications: {db: {charm: db, channel: edge, num_units: 1}}\n";
    let bundle = write(
        &bench,
        "b.yaml",
        &format!(
            "{base}---\napplications:\n  db:\n    offers:\n      sql: {{endpoints: [sql], acl: {{admin: admin, bob: consume}}}}\n"
        ),
    );
    let said = bench.run(&["deploy", &bundle, "--dry-run"]);
    assert!(said.stdout.contains("- create offer sql using db:sql\n"), "{said:?}");
    assert!(said.stderr.contains("offers name bob in their acl: there is one user here, admin"), "{said:?}");
    assert_eq!(bench.json(&["offers"]), json!({}));
    bench.ok(&["deploy", &bundle]);
    assert_eq!(bench.json(&["offers"])["sql"]["application"], "db");
    let again = bench.run(&["deploy", &bundle]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    let exported = bench.ok(&["export-bundle"]);
    let (first, overlay) = exported.split_once("--- # overlay.yaml\n").expect("two documents");
    assert!(!first.contains("offers") && overlay.contains("acl:\n          admin: admin\n"), "{exported}");

    let consuming = write(
        &bench,
        "c.yaml",
        "applications: {web: {charm: web, channel: edge, num_units: 1}}\nsaas: {far: {url: 'admin/default.sql'}}\nrelations:\n- [web:db, far:sql]\n",
    );
    bench.ok(&["add-model", "--no-switch", "other"]);
    let plan = bench.ok(&["deploy", &consuming, "-m", "other", "--dry-run"]);
    assert!(
        plan.contains("- consume offer far at admin/default.sql\n- add relation web:db - far:sql\n"),
        "{plan}"
    );
    bench.ok(&["deploy", &consuming, "-m", "other"]);
    bench.ok(&["wait", "-m", "other", "--timeout", "120s"]);
    let status = bench.json(&["status", "-m", "other"]);
    assert_eq!(status["application-endpoints"]["far"]["relations"], json!({"sql": ["web"]}));
    let again = bench.run(&["deploy", &consuming, "-m", "other"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    let both = bench.ok(&["export-bundle", "-m", "other", "--filename", "other.yaml"]);
    assert_eq!(both, "");
    bench.ok(&["add-model", "--no-switch", "third"]);
    bench.ok(&["deploy", "./other.yaml", "-m", "third"]);
    let text = std::fs::read_to_string(bench.path().join("other.yaml")).expect("a file");
    assert_eq!(bench.ok(&["export-bundle", "-m", "third"]), text);
    let connections = until("both models are related", Duration::from_secs(60), || {
        let offers = bench.json(&["offers"]);
        let found = offers["sql"]["connections"].as_array().map(Vec::len).unwrap_or_default();
        (found == 2).then_some(found)
    });
    assert_eq!(connections, 2);
    // Of the offering model, the relations belong to the others; its own export deploys again without a change.
    let said = bench.run(&["export-bundle", "--filename", "mine.yaml"]);
    assert!(said.stderr.contains("relations over this model's offers are left out"), "{said:?}");
    let again = bench.run(&["deploy", "./mine.yaml"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    // Other endpoints change the offer; without its overlay a bundle leaves it as it is.
    bench.ok(&["deploy", &write(&bench, "base.yaml", base)]);
    assert_eq!(bench.json(&["offers"])["sql"]["application"], "db");
    // What is consumed and on its way out is named: the task comes before the hooks that let it go.
    let gate = bench.path().join("gate").display().to_string();
    let held = format!("until test -e {gate}; do sleep 0.05; done");
    bench.ok(&["exec", "-m", "third", "--unit", "web/0", "--background", "--", &held]);
    bench.ok(&["remove-saas", "-m", "third", "far"]);
    let said = bench.run(&["export-bundle", "-m", "third"]);
    assert!(said.stderr.contains("left out what is being removed: saas far"), "{said:?}");
    assert!(!said.stdout.contains("saas") && !said.stdout.contains("far"), "{said:?}");
    std::fs::write(&gate, "").expect("a file");
    for model in ["third", "other"] {
        bench.ok(&["destroy-model", model, "--no-prompt", "--force"]);
    }
}

#[test]
fn endpoints_are_exposed_by_overlays_and_exported_so() {
    let bench = Bench::new();
    charms(&bench);
    let bundle = write(
        &bench,
        "b.yaml",
        "applications: {db: {charm: db, channel: edge, num_units: 1}}\n---\napplications:\n  db:\n    exposed-endpoints:\n      \
         sql: {expose-to-spaces: [alpha], expose-to-cidrs: [10.0.0.0/8]}\n",
    );
    let plan = bench.ok(&["deploy", &bundle, "--dry-run"]);
    let line = "- override expose settings for endpoint sql of db and allow access from space alpha and CIDR 10.0.0.0/8\n";
    assert!(plan.contains(line), "{plan}");
    bench.ok(&["deploy", &bundle]);
    let shown = bench.json(&["show-application", "db"]);
    let wanted = json!({"sql": {"expose-to-spaces": ["alpha"], "expose-to-cidrs": ["10.0.0.0/8"]}});
    assert_eq!(shown["db"]["exposed-endpoints"], wanted);
    let again = bench.run(&["deploy", &bundle]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    bench.ok(&["export-bundle", "--filename", "out.yaml"]);
    let text = std::fs::read_to_string(bench.path().join("out.yaml")).expect("a file");
    assert!(
        !text.contains("expose: true") && text.contains("    exposed-endpoints:\n      sql:\n"),
        "{text}"
    );
    bench.ok(&["add-model", "--no-switch", "copy"]);
    bench.ok(&["deploy", "./out.yaml", "-m", "copy"]);
    assert_eq!(bench.ok(&["export-bundle", "-m", "copy"]), text);
    let wrong = write(&bench, "w.yaml", "applications: {db: {exposed-endpoints: {nope: {}}}}\n");
    let said = bench.refused(&["deploy", &bundle, "--overlay", &wrong]);
    assert!(
        said.stderr.contains("w.yaml:1:41: application \"db\" of the bundle: endpoint \"nope\" not found"),
        "{said:?}"
    );
}

#[test]
fn what_is_exposed_settles_with_one_run() {
    let bench = Bench::new();
    charms(&bench);
    let base = "applications: {db: {charm: db, channel: edge, num_units: 1, expose: EXPOSE}}\n";
    let over = "---\napplications: {db: {exposed-endpoints: {sql: {expose-to-cidrs: [192.168.0.0/16, 10.0.0.0/8]}}}}\n";
    let single = write(&bench, "single.yaml", &(base.replace("EXPOSE", "false") + over));
    let all = write(&bench, "all.yaml", &base.replace("EXPOSE", "true"));
    let none = write(&bench, "none.yaml", &base.replace("EXPOSE", "false"));
    let sql = json!({"expose-to-cidrs": ["10.0.0.0/8", "192.168.0.0/16"]});
    let everybody = json!({"expose-to-cidrs": ["0.0.0.0/0", "::/0"]});
    for (bundle, wanted) in [
        // The document below the overlay exposes nothing by itself.
        (&single, json!({"sql": sql})),
        // An endpoint is not all of them; and it stays as it is.
        (&all, json!({"": everybody, "sql": sql})),
        (&none, Value::Null),
        (&all, json!({"": everybody})),
    ] {
        bench.ok(&["deploy", bundle]);
        let shown = bench.json(&["show-application", "db"]);
        assert_eq!(shown["db"]["exposed-endpoints"], wanted, "{bundle}");
        let again = bench.run(&["deploy", bundle]);
        assert!(again.stderr.contains("No changes to apply."), "{bundle}: {again:?}");
        assert_eq!(bench.json(&["show-application", "db"]), shown);
    }
}

#[test]
fn units_that_are_going_count_no_more() {
    let bench = Bench::new();
    let gate = bench.path().join("gate").display().to_string();
    // A unit that stops without the gate stays where it is, in error.
    let hooks = [("install", "status-set active ready"), ("stop", &format!("test -e '{gate}'"))];
    shell_charm(bench.path(), "f", "", &hooks);
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    let bundle = write(
        &bench,
        "b.yaml",
        "applications:\n  f: {charm: ./f, num_units: 2, to: ['0', '1']}\nmachines: {0: , 1: }\n",
    );
    bench.ok(&["deploy", &bundle]);
    bench.settle();
    assert_eq!(placed(&bench, "default"), "f/0@0 f/1@1");
    bench.ok(&["remove-unit", "f/0", "--no-prompt"]);
    let plan = bench.ok(&["deploy", &bundle, "--dry-run"]);
    // Its machine is not offered either: that would go with it.
    let wanted = "- add new machine 2 (bundle machine 0)\n- add unit f/2 to new machine 2\n";
    assert_eq!(plan, format!("Changes to deploy bundle:\n{wanted}"));
    bench.ok(&["deploy", &bundle]);
    assert_eq!(placed(&bench, "default"), "f/0@0 f/1@1 f/2@2");
    let again = bench.run(&["deploy", &bundle]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");

    // An application that is going is not what the bundle wants either; nothing can be done about it yet.
    bench.ok(&["remove-application", "f", "--no-prompt"]);
    let said = bench.refused(&["deploy", &bundle]);
    let words = "b.yaml:2:3: application \"f\" of the bundle: it is being removed";
    assert!(said.code == 1 && said.stderr.contains(words), "{said:?}");
    std::fs::write(&gate, "").expect("a file");
    let gone = until("the application is gone", Duration::from_secs(60), || {
        // Those that wait in error try again; one that did not stop yet has nothing to resolve.
        bench.run(&["resolve", "--all"]);
        bench.json(&["status"])["applications"].as_object().filter(|apps| apps.is_empty()).map(|_| true)
    });
    assert!(gone);
    bench.ok(&["deploy", &bundle]);
    assert_eq!(placed(&bench, "default").split_whitespace().count(), 2);
}

/// A bundle of which a half would show.
fn half_shows(bench: &Bench, applications: usize) -> String {
    let mut text = "applications:\n".to_owned();
    let mut relations = "relations:\n".to_owned();
    for number in 0..applications {
        let letter = char::from(b'a' + u8::try_from(number).expect("a few"));
        text += &format!("  d{letter}: {{charm: db, channel: edge, num_units: 1, to: ['{number}']}}\n");
        text += &format!("  w{letter}: {{charm: web, channel: edge, num_units: 1, to: [d{letter}]}}\n");
        relations += &format!("- [w{letter}:db, d{letter}:sql]\n");
    }
    let machines: String = (0..applications).map(|number| format!("  {number}:\n")).collect();
    write(bench, "half.yaml", &format!("{text}machines:\n{machines}{relations}"))
}

/// How much of such a bundle there is: applications, units, machines and relations.
fn counted(bench: &Bench, model: &str) -> (usize, usize, usize, usize) {
    let status = bench.json(&["status", "-m", model]);
    let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    let apps: Vec<&Value> =
        status["applications"].as_object().into_iter().flatten().map(|(_, app)| app).collect();
    let units = apps.iter().map(|app| count(&app["units"])).sum();
    let related = apps.iter().map(|app| count(&app["relations"])).sum();
    (apps.len(), units, count(&status["machines"]), related)
}

#[test]
fn a_daemon_that_is_killed_leaves_all_of_a_bundle_or_nothing() {
    const PAIRS: usize = 3;
    const KILLS: u32 = 6;
    let bench = Bench::new();
    charms(&bench);
    let bundle = half_shows(&bench, PAIRS);
    let whole = (2 * PAIRS, 2 * PAIRS, PAIRS, 2 * PAIRS);
    bench.ok(&["add-model", "--no-switch", "measured"]);
    // The first deployment prepares the charms, and the second tells how long one takes.
    bench.ok(&["deploy", &bundle, "--dry-run"]);
    let began = Instant::now();
    bench.ok(&["deploy", &bundle, "-m", "measured"]);
    let took = began.elapsed();
    assert_eq!(counted(&bench, "measured"), whole);
    let mut found = Vec::new();
    for kill in 0..KILLS {
        let model = format!("m{kill}");
        bench.ok(&["add-model", "--no-switch", &model]);
        let began = Instant::now();
        let mut deploying =
            bench.command().args(["deploy", &bundle, "-m", &model]).spawn().expect("the program starts");
        let when = took * (kill + 1) / KILLS;
        until("the moment of the kill", Duration::from_secs(60), || (began.elapsed() >= when).then_some(()));
        bench.kill_daemon();
        deploying.wait().expect("it ends");
        let there = counted(&bench, &model);
        assert!(there == whole || there == (0, 0, 0, 0), "killed after {when:?}: {there:?}");
        found.push(there == whole);
        // What is missing comes with the next run.
        bench.ok(&["deploy", &bundle, "-m", &model]);
        assert_eq!(counted(&bench, &model), whole);
        let again = bench.run(&["deploy", &bundle, "-m", &model]);
        assert!(again.stderr.contains("No changes to apply."), "{again:?}");
        bench.ok(&["destroy-model", &model, "--no-prompt", "--force"]);
    }
    println!("whole after the kill: {found:?} of {took:?}");
}

#[test]
fn what_is_told_is_durable_when_the_first_unit_starts() {
    let bench = Bench::new();
    charms(&bench);
    let bundle = half_shows(&bench, 3);
    bench.ok(&["daemon", "stop"]);
    let armed = bench.command().args(["daemon", "start"]).env("PERIAPT_FAULT", "before-take:1").output();
    assert!(armed.expect("the program starts").status.success());
    // The daemon dies with the first unit that it starts: the answer may or may not have come by then.
    let first = bench.daemon_pid();
    bench.run(&["deploy", &bundle]);
    until("the daemon is another", Duration::from_secs(60), || {
        let there = counted(&bench, "default");
        assert!(there == (6, 6, 3, 6), "{there:?}");
        (bench.daemon_pid() != first).then_some(())
    });
    let again = bench.run(&["deploy", &bundle]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
}
