//! Subordinates with real charms: they come to the machines of their principals, see only those, and go with them.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// A principal, and two subordinates: `agent` comes by the implicit endpoint, `logger` by one that the principal declares.
fn charms(bench: &Bench) {
    let active = "status-set active ready";
    let bag = r#"relation-set who="$JUJU_UNIT_NAME""#;
    shell_charm(
        bench.path(),
        "host",
        "provides:\n  web: {interface: http}\n",
        &[("install", active), ("web-relation-created", bag)],
    );
    let record = r#"echo "$JUJU_HOOK_NAME ${JUJU_REMOTE_UNIT:-} of $JUJU_PRINCIPAL_UNIT on $JUJU_MACHINE_ID" >> "$JUJU_CHARM_DIR/seen""#;
    // It does not go before it is let go, which a test may ask for. A hook that runs would keep its principal's hooks,
    // which run on the same machine, from running: it fails instead.
    let stop = format!("test ! -e {}/hold", bench.path().display());
    shell_charm(
        bench.path(),
        "agent",
        "subordinate: true\nrequires:\n  host: {interface: juju-info, scope: container}\n",
        &[("install", active), ("host-relation-joined", record), ("stop", &stop)],
    );
    shell_charm(
        bench.path(),
        "logger",
        "subordinate: true\nrequires:\n  page: {interface: http, scope: container}\n",
        &[("install", active), ("page-relation-created", bag)],
    );
}

fn agents(bench: &Bench) -> PathBuf {
    let models = std::fs::read_dir(bench.home().join("models")).expect("the models");
    let model = models.flatten().next().expect("one model").path();
    model.join("agents")
}

fn subordinates(status: &Value, principal: &str) -> Vec<String> {
    let app = principal.split('/').next().unwrap_or_default();
    let found = &status["applications"][app]["units"][principal]["subordinates"];
    found.as_object().map(|units| units.keys().cloned().collect()).unwrap_or_default()
}

#[track_caller]
fn only(mut units: Vec<String>) -> String {
    assert_eq!(units.len(), 1, "{units:?}");
    units.remove(0)
}

/// What a command of a unit prints.
#[track_caller]
fn exec(bench: &Bench, unit: &str, script: &str) -> String {
    bench.ok(&["exec", "--unit", unit, "--", script])
}

fn relation_id(bench: &Bench, unit: &str, endpoint: &str) -> u64 {
    let shown = bench.json(&["show-unit", unit]);
    let relations = shown[unit]["relation-info"].as_array().expect("relations");
    let found = relations.iter().find(|relation| relation["endpoint"] == endpoint);
    found
        .and_then(|relation| relation["relation-id"].as_u64())
        .unwrap_or_else(|| panic!("{endpoint}: {shown}"))
}

#[test]
fn subordinates_come_with_their_principals_and_see_only_those() {
    let bench = Bench::new();
    charms(&bench);
    bench.ok(&["deploy", "./host", "-n", "2"]);
    let refused = bench.refused(&["deploy", "./agent", "-n", "2"]);
    assert!(
        refused.stderr.contains("cannot use --num-units or --to with subordinate application"),
        "{refused:?}"
    );
    let refused = bench.refused(&["deploy", "./agent", "--to", "0"]);
    assert!(
        refused.stderr.contains("cannot use --num-units or --to with subordinate application"),
        "{refused:?}"
    );
    let deployed = bench.run(&["deploy", "./agent"]);
    assert!(deployed.code == 0 && !deployed.stderr.contains("not supported"), "{deployed:?}");
    bench.ok(&["deploy", "./logger"]);
    let refused = bench.refused(&["add-unit", "agent"]);
    assert!(refused.stderr.contains("is a subordinate application"), "{refused:?}");
    assert!(
        bench.ok(&["why", "agent"]).contains("they come with those of an application"),
        "no units, and why"
    );
    bench.ok(&["integrate", "agent", "host"]);
    bench.ok(&["integrate", "logger", "host"]);
    bench.settle();

    let status = bench.json(&["status"]);
    let agent = &status["applications"]["agent"];
    assert_eq!((&agent["subordinate-to"], agent.get("units")), (&json!(["host"]), None));
    assert_eq!(agent["relations"]["host"][0]["scope"], "container");
    assert_eq!(status["machines"].as_object().map(|machines| machines.len()), Some(2));
    assert_eq!(subordinates(&status, "host/0").len(), 2);
    let own = |principal: &str, app: &str| {
        let all = subordinates(&status, principal);
        all.into_iter().find(|unit| unit.starts_with(app)).unwrap_or_else(|| panic!("{app} of {principal}"))
    };
    let (agent, logger) = (own("host/1", "agent/"), own("host/1", "logger/"));
    let shown = &status["applications"]["host"]["units"]["host/1"]["subordinates"][&agent];
    assert_eq!(shown["workload-status"]["current"], "active");
    assert_eq!(shown.get("machine"), None, "its principal's is meant");
    let table = bench.ok(&["status"]);
    assert!(table.contains(&format!("\n  {agent}")), "{table}");
    assert!(bench.ok(&["status", "--relations"]).contains("subordinate"));
    let selected = bench.json(&["status", &agent]);
    assert_eq!(selected["applications"]["host"]["units"].as_object().map(|units| units.len()), Some(1));

    // The charm is told whose it is, and meets nobody else.
    let seen =
        std::fs::read_to_string(agents(&bench).join(format!("unit-{}/charm/seen", agent.replace('/', "-"))));
    assert_eq!(seen.expect("the charm's file"), "host-relation-joined host/1 of host/1 on 1\n");
    let page = relation_id(&bench, &logger, "page");
    assert_eq!(exec(&bench, &logger, &format!("relation-list -r {page}")), "host/1\n");
    assert_eq!(exec(&bench, &logger, &format!("relation-get -r {page} who host/1")), "host/1\n");
    let guessed =
        bench.run(&["exec", "--unit", &logger, "--", &format!("relation-get -r {page} who host/0")]);
    assert!(
        guessed.code != 0 && guessed.stdout.contains("permission denied"),
        "another container's: {guessed:?}"
    );
    assert_eq!(exec(&bench, "host/1", &format!("relation-list -r {page}")), format!("{logger}\n"));
    let shown = bench.json(&["show-unit", &logger]);
    let related = shown[&logger]["relation-info"][0]["related-units"].as_object().expect("units");
    assert_eq!(related.keys().collect::<Vec<_>>(), ["host/1"]);

    let refused = bench.refused(&["remove-unit", "host/1", &agent]);
    assert!(refused.stderr.contains("is a subordinate, to remove use remove-relation"), "{refused:?}");
    // A principal more brings its own; one less takes its own along, by its hooks or by force, with all folders.
    bench.ok(&["add-unit", "host"]);
    bench.settle();
    assert_eq!(subordinates(&bench.json(&["status"]), "host/2"), ["agent/2", "logger/2"]);
    bench.ok(&["remove-unit", "host/1", "--no-prompt"]);
    bench.ok(&["wait", "--for", "gone=host/1", "--timeout", "60s"]);
    let end = bench.trace(&agent);
    let last = ["host-relation-departed host/1", "host-relation-broken", "stop", "remove"];
    assert!(end.ends_with(&last.map(str::to_owned)), "{end:?}");
    bench.ok(&["remove-unit", "host/2", "--force", "--no-prompt"]);
    bench.settle();
    let status = bench.json(&["status"]);
    assert_eq!(status["machines"].as_object().map(|machines| machines.len()), Some(1));
    assert_eq!(status["applications"]["host"]["units"].as_object().map(|units| units.len()), Some(1));
    until("no folder is left of what was removed", LIMIT, || {
        let mut left: Vec<String> = std::fs::read_dir(agents(&bench))
            .expect("the folders")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("unit-"))
            .collect();
        left.sort();
        let own = subordinates(&status, "host/0");
        (left.len() == 1 + own.len() && left.contains(&"unit-host-0".to_owned())).then_some(())
    });
}

#[test]
fn a_subordinate_holds_its_principal_until_it_is_gone_whatever_dies_meanwhile() {
    let bench = Bench::new();
    charms(&bench);
    let hold = bench.path().join("hold");
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    let let_go = |unit: &str| {
        bench.ok(&["wait", "--for", &format!("{unit}=error"), "--timeout", "60s"]);
        std::fs::remove_file(&hold).expect("the file");
        bench.ok(&["resolved", unit]);
    };
    bench.ok(&["deploy", "./host", "-n", "2"]);
    bench.ok(&["deploy", "./agent"]);
    bench.ok(&["integrate", "agent", "host"]);
    bench.settle();
    let status = bench.json(&["status"]);
    let first = only(subordinates(&status, "host/0"));
    std::fs::write(&hold, "").expect("a file");
    bench.ok(&["remove-unit", "host/0", "--no-prompt"]);
    // The principal has run its last hook, and waits.
    until("the principal waits for its subordinate", LIMIT, || {
        bench
            .ok(&["why", "host/0"])
            .contains(&format!("{first} must be gone first, its subordinate"))
            .then_some(())
    });
    assert!(bench.trace("host/0").contains(&"remove".to_owned()));
    bench.kill_daemon();
    assert!(bench.ok(&["why", "host/0"]).contains("must be gone first"), "a new daemon knows it as well");
    let_go(&first);
    bench.ok(&["wait", "--for", "gone=host/0", "--timeout", "60s"]);
    bench.settle();
    let status = bench.json(&["status"]);
    assert_eq!(status["machines"].as_object().map(|machines| machines.len()), Some(1));
    let second = only(subordinates(&status, "host/1"));

    // Related again before the old subordinate is gone, the principal waits with its next.
    std::fs::write(&hold, "").expect("a file");
    bench.ok(&["remove-relation", "agent", "host", "--force"]);
    bench.ok(&["integrate", "agent", "host"]);
    until("the principal may not enter yet", LIMIT, || {
        bench.ok(&["why", "host/1"]).contains(&format!("{second} must be gone first")).then_some(())
    });
    let_go(&second);
    bench.settle();
    let third = only(subordinates(&bench.json(&["status"]), "host/1"));
    assert_ne!(third, second);
    bench.ok(&["remove-relation", "agent", "host"]);
    bench.settle();
    let status = bench.json(&["status"]);
    assert_eq!(subordinates(&status, "host/1"), [""; 0]);
    assert_eq!(status["applications"]["agent"].get("subordinate-to"), None);
    assert_eq!(status["applications"]["host"]["units"]["host/1"]["workload-status"]["current"], "active");
}

#[test]
fn a_bundle_has_subordinates_without_units() {
    let bench = Bench::new();
    charms(&bench);
    let bundle = |units: &str| {
        let text = format!(
            "applications:\n  host: {{charm: ./host, num_units: 1}}\n  agent: {{charm: ./agent{units}}}\nrelations:\n- [agent, host]\n"
        );
        let path = bench.path().join("bundle.yaml");
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let refused = bench.refused(&["deploy", &bundle(", num_units: 1")]);
    assert!(
        refused.stderr.contains("application \"agent\" is subordinate but has non-zero num_units"),
        "{refused:?}"
    );
    let file = bundle("");
    bench.ok(&["deploy", &file]);
    bench.settle();
    assert_eq!(subordinates(&bench.json(&["status"]), "host/0"), ["agent/0"]);
    let again = bench.run(&["deploy", &file]);
    assert!(again.stderr.contains("No changes to apply."), "{again:?}");
    let exported = bench.ok(&["export-bundle"]);
    assert_eq!(exported.matches("num_units").count(), 1, "{exported}");
    // The application goes, and its principal stays.
    bench.ok(&["remove-application", "agent", "--no-prompt"]);
    bench.settle();
    let status = bench.json(&["status"]);
    assert_eq!(
        status["applications"].as_object().map(|apps| apps.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["host".to_owned()])
    );
}
