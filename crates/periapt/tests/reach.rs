//! How applications are reached: `expose`, `integrate --via`, `bind` and `--bind`; and `trust` as an option.

mod common;

use common::{Bench, shell_charm};
use serde_json::{Value, json};

fn db_and_web(bench: &Bench) {
    let db = shell_charm(
        bench.path(),
        "db",
        "provides: {db: {interface: sql}, admin: {interface: sql-admin}}\nextra-bindings: {cluster: null}\n",
        &[("db-relation-joined", "network-get db -r \"$JUJU_RELATION_ID\" --egress-subnets > egress")],
    );
    let web = shell_charm(bench.path(), "web", "requires: {db: {interface: sql}}\n", &[("start", "true")]);
    for charm in [db, web] {
        bench.ok(&["deploy", &charm]);
    }
}

fn shown(bench: &Bench, app: &str) -> Value {
    bench.json(&["show-application", app])[app].clone()
}

#[test]
fn exposure_is_kept_and_shown_by_endpoint() {
    let bench = Bench::new();
    db_and_web(&bench);
    assert_eq!(shown(&bench, "db")["exposed"], false);
    bench.ok(&["expose", "db"]);
    let everybody = json!({"expose-to-cidrs": ["0.0.0.0/0", "::/0"]});
    assert_eq!(shown(&bench, "db")["exposed-endpoints"], json!({"": everybody}));
    bench.ok(&[
        "expose",
        "db",
        "--endpoints",
        "admin,cluster",
        "--to-cidrs",
        "10.0.0.0/8,10.0.0.0/8,192.168.0.0/16",
    ]);
    bench.ok(&["expose", "db", "--endpoints", "cluster", "--to-spaces", "alpha"]);
    let expected = json!({
        "": everybody,
        "admin": {"expose-to-cidrs": ["10.0.0.0/8", "192.168.0.0/16"]},
        "cluster": {"expose-to-spaces": ["alpha"]},
    });
    assert_eq!(shown(&bench, "db")["exposed-endpoints"], expected);
    for (arguments, words) in [
        (&["--endpoints", "nope"][..], "endpoint \"nope\" not found"),
        (&["--to-spaces", "beta"], "space \"beta\" not found"),
        (&["--to-cidrs", "10.0.0.0"], "invalid CIDR address: 10.0.0.0"),
        (&["--to-cidrs", "10.0.0.0/99"], "invalid CIDR address: 10.0.0.0/99"),
    ] {
        let said = bench.refused(&[&["expose", "db"], arguments].concat());
        assert!(said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
    assert_eq!(shown(&bench, "db")["exposed-endpoints"], expected, "a refusal changes nothing");
    bench.ok(&["unexpose", "db", "--endpoints", "admin"]);
    assert_eq!(shown(&bench, "db")["exposed-endpoints"].as_object().map(serde_json::Map::len), Some(2));
    bench.refused(&["unexpose", "db", "--endpoints", "nope"]);
    bench.ok(&["unexpose", "db"]);
    assert_eq!(shown(&bench, "db")["exposed"], false);
    assert!(shown(&bench, "db").get("exposed-endpoints").is_none());
    assert_eq!(bench.json(&["status"])["applications"]["db"]["exposed"], false);
}

#[test]
fn traffic_comes_from_where_via_says() {
    let bench = Bench::new();
    db_and_web(&bench);
    for (via, words) in
        [("10.1.0.0", "invalid CIDR address"), ("0.0.0.0/0", "CIDR \"0.0.0.0/0\" not allowed")]
    {
        let said = bench.refused(&["integrate", "db", "web", "--via", via]);
        assert!(said.stderr.contains(words), "{via}: {said:?}");
    }
    bench.ok(&["integrate", "db", "web", "--via", "10.1.0.0/16,10.2.0.0/16"]);
    bench.settle();
    let unit = bench.json(&["show-unit", "web/0"]);
    let bag = &unit["web/0"]["relation-info"][0]["related-units"]["db/0"]["data"];
    assert_eq!(bag["egress-subnets"], "10.1.0.0/16,10.2.0.0/16", "{unit}");
    let egress = bench.ok(&["ssh", "db/0", "cat charm/egress"]);
    assert_eq!(egress, "10.1.0.0/16\n10.2.0.0/16\n");
    let other = bench.json(&["exec", "--unit", "db/0", "network-get admin --egress-subnets"]);
    assert!(
        other["db/0"]["results"]["stdout"].as_str().is_some_and(|text| text.ends_with("/32\n")),
        "{other}"
    );
    bench.ok(&["model-config", "egress-subnets=10.9.0.0/16"]);
    let other = bench.json(&["exec", "--unit", "db/0", "network-get admin --egress-subnets"]);
    assert_eq!(other["db/0"]["results"]["stdout"], "10.9.0.0/16\n");
}

#[test]
fn endpoints_are_bound_to_the_one_space() {
    let bench = Bench::new();
    let charm = shell_charm(bench.path(), "c", "provides: {db: {interface: sql}}\n", &[("start", "true")]);
    for (bind, words) in [("beta", "space \"beta\" not found"), ("x=alpha", "has no endpoint \"x\"")] {
        let said = bench.refused(&["deploy", &charm, "--bind", bind]);
        assert!(said.stderr.contains(words), "{bind}: {said:?}");
    }
    bench.ok(&["deploy", &charm, "--bind", "alpha db=alpha juju-info=alpha"]);
    assert_eq!(shown(&bench, "c")["endpoint-bindings"]["db"], "alpha");
    for (bind, words) in [("beta", "space \"beta\" not found"), ("x=alpha", "has no endpoint \"x\"")] {
        for verb in [&["bind", "c", bind][..], &["refresh", "c", "--path", &charm, "--bind", bind]] {
            let said = bench.refused(verb);
            assert!(said.stderr.contains(words), "{verb:?}: {said:?}");
        }
    }
    bench.ok(&["bind", "c", "alpha", "db=alpha"]);
}

#[test]
fn trust_is_an_option_of_every_application() {
    let bench = Bench::new();
    let charm = shell_charm(
        bench.path(),
        "c",
        "",
        &[("config-changed", "credential-get > /dev/null 2>&1 && echo yes >> trusted || echo no >> trusted")],
    );
    std::fs::write(format!("{charm}/config.yaml"), "options: {size: {type: int, default: 1}}\n")
        .expect("a file");
    bench.ok(&["deploy", &charm]);
    bench.settle();
    bench.ok(&["config", "c", "trust=true", "size=2"]);
    bench.settle();
    let config = bench.json(&["config", "c"]);
    assert_eq!(config["application-config"]["trust"]["value"], true, "{config}");
    assert_eq!(config["settings"]["size"]["value"], 2);
    bench.ok(&["config", "c", "--reset", "trust"]);
    bench.settle();
    assert_eq!(
        bench.ok(&["ssh", "c/0", "cat charm/trusted"]),
        "no\nyes\nno\n",
        "one config-changed for each"
    );
    let said = bench.refused(&["config", "c", "trust=perhaps"]);
    assert!(said.stderr.contains("is not a boolean"), "{said:?}");
}

#[test]
fn credentials_that_two_add_at_once_both_stay() {
    let bench = Bench::new();
    let mut adding = Vec::new();
    for number in 0..8 {
        let file = bench.path().join(format!("{number}.yaml"));
        let text = format!("credentials: {{aws: {{c{number}: {{auth-type: access-key, access-key: k}}}}}}\n");
        std::fs::write(&file, text).expect("a file");
        let mut command = bench.command();
        command.args(["add-credential", "aws", "--client", "--file"]).arg(&file);
        adding.push(command.stderr(std::process::Stdio::null()).spawn().expect("it starts"));
    }
    for mut child in adding {
        assert!(child.wait().expect("it ends").success());
    }
    let credentials = bench.json(&["credentials", "--client"]);
    let of_aws = &credentials["client-credentials"]["aws"]["cloud-credentials"];
    assert_eq!(of_aws.as_object().map(serde_json::Map::len), Some(8), "{credentials}");
}

#[test]
fn clouds_that_two_add_at_once_both_stay() {
    let bench = Bench::new();
    let mut adding = Vec::new();
    for number in 0..8 {
        let file = bench.path().join(format!("{number}.yaml"));
        std::fs::write(&file, format!("clouds: {{c{number}: {{type: openstack}}}}\n")).expect("a file");
        let mut command = bench.command();
        command.args(["add-cloud", &format!("c{number}"), "--client", "--file"]).arg(&file);
        adding.push(command.stderr(std::process::Stdio::null()).spawn().expect("it starts"));
    }
    for mut child in adding {
        assert!(child.wait().expect("it ends").success());
    }
    let clouds = bench.json(&["clouds", "--client"]);
    let added = (0..8).filter(|number| clouds.get(format!("c{number}")).is_some()).count();
    assert_eq!(added, 8, "{clouds}");
}
