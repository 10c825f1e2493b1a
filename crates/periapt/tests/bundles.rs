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
        "Changes to deploy bundle:\n- upload charm ./db\n- deploy application store\n- expose all endpoints of store and allow access \
         from CIDRs 0.0.0.0/0 and ::/0\n- upload charm web from charm-hub from channel latest/edge\n- deploy application web \
         from charm-hub with latest/edge\n- add relation web:db - store:sql\n- add unit store/0 to new machine 0\n- add unit \
         store/1 to new machine 1\n- add unit web/0 to new machine 2\n"
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
        "Changes to deploy bundle:\n- set application options for store: size\n- add unit web/1 to new machine 3\n"
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
        "Changes to deploy bundle:\n- upload charm ./db\n- upgrade store to the bundle's charm\n- upload charm web from \
         charm-hub from channel latest/edge\n- upgrade web to the bundle's charm\n"
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
fn a_charm_from_a_path_is_kept_where_it_is() {
    let bench = Bench::new();
    charms(&bench);
    write(&bench, "seed.sql", "select 1;\n");
    bench.ok(&["deploy", "./db", "--resource", "seed=./seed.sql"]);
    bench.settle();
    bench.ok(&["export-bundle", "--filename", "out.yaml"]);
    let again = bench.run(&["deploy", "./out.yaml"]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    let more = write(&bench, "more.yaml", "applications: {db: {num_units: 2, options: {size: 2}}}\n");
    let plan = bench.ok(&["deploy", "./out.yaml", "--overlay", &more, "--dry-run"]);
    assert_eq!(
        plan,
        "Changes to deploy bundle:\n- set application options for db: size\n- add unit db/1 to new machine 1\n"
    );
    bench.ok(&["deploy", "./out.yaml", "--overlay", &more]);
    let wrong = write(&bench, "wrong.yaml", "applications:\n  db: {options: {nope: 2}}\n");
    let said = bench.refused(&["deploy", "./out.yaml", "--overlay", &wrong]);
    assert!(
        said.stderr.contains("wrong.yaml:2:8: application \"db\" of the bundle: unknown option"),
        "{said:?}"
    );
    let files = write(&bench, "files.yaml", "applications: {db: {resources: {seed: ./seed.sql}}}\n");
    let said = bench.refused(&["deploy", "./out.yaml", "--overlay", &files]);
    assert!(said.stderr.contains("this one keeps its own"), "{said:?}");
    // Where nobody has it, it is asked for.
    bench.ok(&["add-model", "--no-switch", "copy"]);
    let said = bench.refused(&["deploy", "./out.yaml", "-m", "copy"]);
    assert!(said.stderr.contains("the application does not have it here"), "{said:?}");
}

/// What a bundle could have left behind.
fn everything(bench: &Bench, model: &str) -> Value {
    let mut status = bench.json(&["status", "-m", model, "--relations"]);
    let parts = ["applications", "machines", "offers", "application-endpoints", "storage"];
    status.as_object_mut().expect("an object").retain(|key, _| parts.contains(&key.as_str()));
    status
}

#[test]
fn a_bundle_with_a_mistake_changes_nothing() {
    let bench = Bench::new();
    charms(&bench);
    bench.ok(&["add-model", "other", "--no-switch"]);
    bench.ok(&["deploy", "./db", "-m", "other"]);
    bench.ok(&["offer", "other.db:sql", "remote"]);
    let before = everything(&bench, "default");
    // Everything in front of the mistake could be done.
    let good = "applications:\n  db: {charm: ./db, num_units: 1, to: [0]}\n  web: {charm: 'ch:web', channel: edge, num_units: 1}\n\
                saas: {far: {url: other.remote}}\nmachines: {0: {constraints: mem=1G}}\n";
    let offers = "---\napplications: {db: {offers: {sql: {endpoints: [sql]}}}}\n";
    for (text, words) in [
        (
            "applications:\n  db: {charm: ./db, num_unit: 3}\n".to_owned(),
            "b.yaml:2:21: a bundle has no key \"num_unit\"",
        ),
        (
            "applications:\n  db: {charm: ./db}\n  x: {charm: nosuch}\n".to_owned(),
            "b.yaml:3:7: application \"x\" of the bundle: charm \"nosuch\" not found",
        ),
        ("applications:\n  db: {charm: ./db}\n  x: {charm: ./nosuch}\n".to_owned(), "does not exist"),
        ("applications:\n  db: {charm: 'local:db-0'}\n".to_owned(), "local:db-0 was a charm of the model"),
        ("applications:\n  db: {charm: ./db}\nrelations:\n- [db, web]\n".to_owned(), "does not have"),
        ("applications:\n  db: {charm: ./db, num_units: 4000000000}\n".to_owned(), "more than 10000"),
        ("saas: {x: {url: a}}\napplications: {}\n".to_owned(), "b.yaml:1:17: offer url \"a\" not valid"),
        ("x: &a [*a]\n".to_owned(), "b.yaml:1:"),
        (
            format!("{good}relations:\n- [web:db, db:sql]\n- [web:db, far]\n- [web:nope, db:sql]\n{offers}"),
            "b.yaml:9:3: the bundle's relation web:nope - db:sql: application \"web\" has no \"nope\" endpoint",
        ),
        (
            format!("{good}relations:\n- [web:db, db:sql]\n- [db, web]\n"),
            "b.yaml:8:3: the bundle's relation db - web: cannot add relation",
        ),
        (
            format!("{good}  \nrelations:\n- [web:db, far]\n- [db, far]\n{offers}"),
            "the bundle's relation db - far: no relations found between db and far",
        ),
        (
            good.replace("charm: ./db,", "charm: ./db, options: {size: 1, colour: red},"),
            "b.yaml:2:40: application \"db\" of the bundle: unknown option \"colour\" of application \"db\"",
        ),
        (
            good.replace("charm: ./db,", "charm: ./db, options: {size: large},"),
            "b.yaml:2:31: application \"db\" of the bundle: cannot set option \"size\" of application \"db\"",
        ),
        (
            good.replace("charm: ./db,", "charm: ./db, constraints: mem=much,"),
            "b.yaml:2:21: application \"db\" of the bundle: bad",
        ),
        (
            good.replace("charm: ./db,", "charm: ./db, storage: {data: 1G},"),
            "b.yaml:2:31: application \"db\" of the bundle: charm \"db\" has no store",
        ),
        (
            good.replace("charm: ./db,", "charm: ./db, resources: {nope: ./seed.sql},"),
            "b.yaml:2:33: application \"db\" of the bundle: ",
        ),
        (good.replace("charm: ./db,", "charm: ./db, resources: {seed: ./nowhere.sql},"), "nowhere.sql"),
        (good.replace("[0]}", "['lxd:0']}"), "there are no containers of machines here"),
        (good.replace("[0]}", "[web/7]}"), "placement \"web/7\" specifies a unit greater"),
        (good.replace("[0]}", "[3]}"), "placement \"3\" refers to a machine not defined in this bundle"),
        (
            good.replace("[0]}", "[web]}")
                .replace("num_units: 1}", "num_units: 1, to: [db]}")
                .replace("machines: {0: {constraints: mem=1G}}\n", ""),
            "cycle in placement directives for: db, web",
        ),
        (
            good.replace("other.remote", "other.nothing"),
            "b.yaml:4:8: saas \"far\" of the bundle: application offer \"nothing\" not found",
        ),
        (
            good.replace("other.remote", "nowhere.remote"),
            "saas \"far\" of the bundle: model \"nowhere\" not found",
        ),
        (
            format!("{good}{}", offers.replace("[sql]", "[sql, nope]")),
            "b.yaml:7:30: application \"db\" of the bundle: application \"db\" has no \"nope\" endpoint",
        ),
    ] {
        let path = write(&bench, "b.yaml", &text);
        // What gets as far as the daemon is refused by a dry run, too.
        let dry = ["deploy", &path, "--dry-run"];
        let tries = if text.contains("far]") { vec![&dry[..2], &dry[..]] } else { vec![&dry[..2]] };
        for arguments in tries {
            let said = bench.refused(arguments);
            assert!(said.code == 1 && said.stderr.contains(words), "{text}: {said:?}");
            assert!(!said.stderr.contains("Executing"), "{said:?}");
        }
        assert_eq!(everything(&bench, "default"), before, "{text}");
    }
    let good = write(&bench, "b.yaml", good);
    for (arguments, words) in [
        (&["deploy", &good, "name"][..], "an application name cannot be given with a bundle"),
        (&["deploy", &good, "--channel", "edge"], "--channel cannot be given with a bundle"),
        (&["deploy", "./db", "--dry-run"], "--dry-run and --overlay are for bundles"),
        (&["deploy", "./db", "--map-machines", "existing"], "--map-machines is for bundles"),
        (
            &["deploy", &good, "--map-machines", "0"],
            "expected \"existing\" or \"<bundle-id>=<machine-id>\", got \"0\"",
        ),
        (
            &["deploy", &good, "--map-machines", "0=lxd:1"],
            "machine-id \"lxd:1\" is not a top level machine id",
        ),
    ] {
        let said = bench.refused(arguments);
        assert!(said.code == 2 && said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
    for (map, words) in [("0=7", "0=7: machine 7 not found"), ("3=0", "the bundle has no machine 3")] {
        let said = bench.refused(&["deploy", &good, "--map-machines", map]);
        assert!(said.stderr.contains(words), "{said:?}");
    }
    let nothing = bench.refused(&["export-bundle"]);
    assert!(nothing.stderr.contains("nothing to export as there are no applications"), "{nothing:?}");
    assert_eq!(everything(&bench, "default"), before);
}

/// Only the model knows that an endpoint has as many relations as it may have, and that a name is taken.
#[test]
fn what_only_the_model_knows_is_refused_as_a_whole() {
    let bench = Bench::new();
    charms(&bench);
    let one = shell_charm(
        bench.path(),
        "one",
        "requires:\n  db: {interface: sql, limit: 1}\n",
        &[("install", "status-set active ready")],
    );
    bench.ok(&["deploy", &one]);
    bench.ok(&["deploy", "./db", "taken"]);
    bench.ok(&["integrate", "one", "taken"]);
    bench.ok(&["add-model", "other", "--no-switch"]);
    bench.ok(&["deploy", "./db", "-m", "other"]);
    bench.ok(&["offer", "other.db:sql", "remote"]);
    bench.settle();
    let before = everything(&bench, "default");
    let bundle = "applications:\n  db: {charm: ./db, num_units: 2}\n  one: {charm: ./one, num_units: 2}\nrelations:\n- [one, db]\n";
    let path = write(&bench, "b.yaml", bundle);
    let said = bench.refused(&["deploy", &path]);
    assert!(
        said.stderr.contains("b.yaml:5:3: the bundle's relation one - db: ")
            && said.stderr.contains("limit of 1"),
        "{said:?}"
    );
    assert_eq!(everything(&bench, "default"), before);
    let path = write(
        &bench,
        "b.yaml",
        "applications: {db: {charm: ./db, num_units: 2}}\nsaas: {taken: {url: other.remote}}\n",
    );
    let said = bench.refused(&["deploy", &path]);
    assert!(
        said.stderr.contains("b.yaml:2:8: saas \"taken\" of the bundle: cannot add saas application"),
        "{said:?}"
    );
    assert_eq!(everything(&bench, "default"), before);
}
