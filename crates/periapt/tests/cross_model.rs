//! Relations between two models of one daemon, with real charms: offered, consumed, related, suspended, removed on either
//! side, and all of it through kills of the daemon.

mod common;

use std::time::Duration;

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(90);

/// What a hook remembers of itself: its event and its unit on the other side.
const NOTE: &str = "echo \"${JUJU_DISPATCH_PATH#hooks/} ${JUJU_REMOTE_UNIT:-$JUJU_REMOTE_APP}\" >> \"$JUJU_CHARM_DIR/notes\"";

/// A provider in the model `default` and a requirer in the model `other`, both with a relation endpoint.
fn charms(bench: &Bench) -> (String, String) {
    let hook = |rest: &str| format!("{NOTE}\n{rest}");
    let db = shell_charm(
        bench.path(),
        "db",
        "provides:\n  sql: {interface: sql}\n",
        &[
            ("start", "status-set active"),
            (
                "sql-relation-created",
                &hook(
                    "is-leader | grep -q True && relation-set --app host=here || true; relation-set unit=$JUJU_UNIT_NAME",
                ),
            ),
            ("sql-relation-joined", &hook("")),
            (
                "sql-relation-changed",
                &hook(
                    "status-set active \"asked by $JUJU_REMOTE_APP: $(relation-get want) in $(relation-model-get)\"",
                ),
            ),
            ("sql-relation-departed", &hook("")),
            ("sql-relation-broken", &hook("status-set active alone")),
        ],
    );
    let web = shell_charm(
        bench.path(),
        "web",
        "requires:\n  db: {interface: sql}\n",
        &[
            ("start", "status-set active"),
            ("db-relation-created", &hook("relation-set want=tables")),
            ("db-relation-joined", &hook("")),
            (
                "db-relation-changed",
                &hook("status-set active \"has $(relation-get --app host) of $JUJU_REMOTE_APP\""),
            ),
            ("db-relation-departed", &hook("")),
            ("db-relation-broken", &hook("status-set active alone")),
            (
                "config-changed",
                "[ \"$(config-get want)\" != fail ]; if [ \"$(config-get want)\" ]; then for r in $(relation-ids db); do \
              relation-set -r $r want=\"$(config-get want)\"; done; fi",
            ),
        ],
    );
    std::fs::write(format!("{web}/config.yaml"), "options:\n  want: {type: string, default: ''}\n")
        .expect("a file");
    (db, web)
}

/// What a unit's hooks of relations noted, and forgets it. None of them may be running.
fn notes(bench: &Bench, unit: &str) -> Vec<String> {
    let models = std::fs::read_dir(bench.home().join("models")).expect("the models");
    let folder = format!("agents/unit-{}/charm/notes", unit.replace('/', "-"));
    let mut paths = models.flatten().map(|model| model.path().join(&folder));
    let path = paths.find(|path| path.exists());
    let text = path.as_ref().map(|path| std::fs::read_to_string(path).expect("the notes"));
    if let Some(path) = path {
        std::fs::remove_file(path).expect("the notes");
    }
    text.unwrap_or_default().lines().map(|line| line.trim_end().to_owned()).collect()
}

struct Pair {
    bench: Bench,
}

impl Pair {
    /// Both applications, with `db` offered as `sqlx` and consumed as `remote`.
    fn consumed() -> Self {
        let bench = Bench::new();
        let (db, web) = charms(&bench);
        bench.ok(&["deploy", &db]);
        let offered = bench.run(&["offer", "default.db:sql", "sqlx"]);
        assert_eq!(
            offered.stderr.trim_end(),
            "Application \"db\" endpoints [sql] available at \"admin/default.sqlx\"",
            "{offered:?}"
        );
        assert_eq!((offered.code, offered.stdout.as_str()), (0, ""));
        bench.ok(&["add-model", "other", "--no-switch"]);
        bench.ok(&["deploy", &web, "-m", "other"]);
        let consumed = bench.run(&["consume", "-m", "other", "default.sqlx", "remote"]);
        assert_eq!(consumed.stderr.trim_end(), "Added admin/default.sqlx as remote", "{consumed:?}");
        Self { bench }
    }

    /// Related too, and all hooks done.
    fn related() -> Self {
        let pair = Self::consumed();
        pair.bench.ok(&["integrate", "-m", "other", "remote", "web"]);
        pair.until_related();
        pair
    }

    fn until_related(&self) {
        self.until_message("other", "web", "has here of remote");
        self.until_status("default", |status| {
            let text = status["applications"]["db"]["application-status"]["message"].to_string();
            text.contains(": tables in ")
        });
        self.settle();
    }

    fn settle(&self) {
        for model in ["default", "other"] {
            self.bench.ok(&["wait", "-m", model, "--timeout", "120s"]);
        }
    }

    fn status(&self, model: &str) -> Value {
        self.bench.json(&["status", "-m", model])
    }

    #[track_caller]
    fn until_status(&self, model: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let deadline = std::time::Instant::now() + LIMIT;
        while std::time::Instant::now() < deadline {
            last = self.status(model);
            if wanted(&last) {
                return last;
            }
        }
        panic!("never so in {model}: {last:#}\n{}", self.bench.evidence());
    }

    #[track_caller]
    fn until_message(&self, model: &str, app: &str, text: &str) {
        self.until_status(model, |status| {
            status["applications"][app]["application-status"]["message"] == text
        });
    }

    fn notes(&self, unit: &str) -> Vec<String> {
        notes(&self.bench, unit)
    }

    /// The number of the relation on the side that offers.
    fn relation(&self) -> String {
        let offers = self.bench.json(&["offers"]);
        offers["sqlx"]["connections"][0]["relation-id"].to_string()
    }

    /// The consumer's name on the side that offers.
    fn consumer(&self) -> String {
        let status = self.status("default");
        status["applications"]["db"]["relations"]["sql"][0]["related-application"]
            .as_str()
            .unwrap_or_else(|| panic!("no relation: {status:#}"))
            .to_owned()
    }

    fn is_alone(status: &Value, app: &str) -> bool {
        let app = &status["applications"][app];
        app["relations"].is_null() && app["application-status"]["message"] == "alone"
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.bench.run(&["destroy-model", "other", "--no-prompt", "--force"]);
        }
    }
}

#[test]
fn two_models_speak_over_an_offer_and_show_it() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let uuid = |model: &str| {
        bench.json(&["show-model", model])[model]["model-uuid"].as_str().expect("a uuid").to_owned()
    };
    let consumer = pair.consumer();
    assert!(consumer.starts_with("remote-") && consumer.len() == "remote-".len() + 32, "{consumer}");
    let notes = pair.notes("web/0");
    let place = |wanted: &str| notes.iter().position(|note| note == wanted);
    assert_eq!(place("db-relation-created remote"), Some(0), "{notes:?}");
    let joined = place("db-relation-joined remote/0").unwrap_or_else(|| panic!("{notes:?}"));
    assert_eq!(notes[joined + 1], "db-relation-changed remote/0", "{notes:?}");

    let here = pair.status("default");
    assert_eq!(
        here["applications"]["db"]["application-status"]["message"],
        format!("asked by {consumer}: tables in uuid: {}", uuid("other"))
    );
    assert_eq!(
        here["offers"],
        json!({"sqlx": {"application": "db", "charm": "local:db-0", "active-connected-count": 1,
                        "total-connected-count": 1, "endpoints": {"sql": {"interface": "sql", "role": "provider"}}}})
    );
    assert!(here.get("application-endpoints").is_none());
    let there = pair.status("other");
    assert!(there.get("offers").is_none());
    let remote = &there["application-endpoints"]["remote"];
    assert_eq!(remote["url"], "periapt:admin/default.sqlx");
    assert_eq!(remote["endpoints"], json!({"sql": {"interface": "sql", "role": "provider"}}));
    assert_eq!(remote["relations"], json!({"sql": ["web"]}));
    assert_eq!(remote["application-status"]["current"], "active");
    assert_eq!(there["applications"]["web"]["relations"]["db"][0]["related-application"], "remote");
    let tables = bench.ok(&["status", "-m", "other", "--relations"]);
    assert!(
        tables.contains("SAAS    Status  Store    URL\nremote  active  periapt  admin/default.sqlx\n"),
        "{tables}"
    );
    assert!(tables.contains("remote:sql") && tables.contains("web:db"), "{tables}");
    let tables = bench.ok(&["status"]);
    assert!(
        tables.contains("Offer  Application  Charm  Rev  Connected  Endpoint  Interface  Role\n"),
        "{tables}"
    );
    assert!(
        tables.contains("sqlx   db           db     0    1/1        sql       sql        provider\n"),
        "{tables}"
    );

    let unit = bench.json(&["show-unit", "web/0", "-m", "other"]);
    let info = &unit["web/0"]["relation-info"][0];
    assert_eq!(info["cross-model"], true);
    assert_eq!(info["related-endpoint"], "sql");
    assert_eq!(info["application-data"], json!({"host": "here"}));
    assert_eq!(info["related-units"]["remote/0"]["data"]["unit"], "db/0");
    let unit = bench.json(&["show-unit", "db/0"]);
    let members = &unit["db/0"]["relation-info"][0]["related-units"];
    assert_eq!(members[format!("{consumer}/0")]["data"]["want"], "tables");

    // A change on one side is told on the other.
    bench.ok(&["config", "-m", "other", "web", "want=views"]);
    pair.until_status("default", |status| {
        status["applications"]["db"]["application-status"]["message"].to_string().contains(": views in ")
    });
    // So are units that come and go.
    bench.ok(&["add-unit", "-m", "other", "web"]);
    until("web/1 joins", LIMIT, || {
        let unit = bench.json(&["show-unit", "db/0"]);
        (!unit["db/0"]["relation-info"][0]["related-units"][format!("{consumer}/1")].is_null()).then_some(())
    });
    pair.settle();
    bench.ok(&["remove-unit", "-m", "other", "web/1", "--no-prompt"]);
    until("web/1 departs", LIMIT, || {
        let gone = format!("sql-relation-departed {consumer}/1");
        bench.trace("db/0").contains(&gone).then_some(())
    });

    let goals = bench.ok(&["exec", "-m", "other", "-u", "web/0", "goal-state --format=json"]);
    assert!(
        goals.contains("\"admin/default.sqlx\":{\"status\":\"joined\"") && !goals.contains("remote/0"),
        "{goals}"
    );
}

#[test]
fn offers_are_listed_found_shown_and_removed() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let found = bench.json(&["find-offers", "--interface", "sql"]);
    let entry = &found["periapt:admin/default.sqlx"];
    assert_eq!(entry["access"], "admin");
    assert_eq!(entry["endpoints"], json!({"sql": {"interface": "sql", "role": "provider"}}));
    for nothing in [&["--interface", "other"][..], &["admin/other"], &["default.nothing"]] {
        let said = bench.refused(&[&["find-offers"], nothing].concat());
        assert!(said.stderr.contains("no matching application offers found"), "{said:?}");
        assert_eq!(said.code, 1);
    }
    assert!(bench.ok(&["find-offers", "admin/default"]).contains("admin/default.sqlx"));
    let shown = bench.json(&["show-offer", "admin/default.sqlx"]);
    assert_eq!(shown["periapt:admin/default.sqlx"]["description"], "a test");
    let listed = bench.json(&["list-offers"]);
    assert_eq!(listed["sqlx"]["offer-url"], "admin/default.sqlx");
    assert_eq!(listed["sqlx"]["connections"][0]["status"]["current"], "joined");
    assert_eq!(listed["sqlx"]["connections"][0]["source"], "admin/other.web");
    assert!(bench.ok(&["offers"]).contains("sqlx   admin  "));
    let bundle = bench.run(&["export-bundle", "-m", "other"]);
    assert!(bundle.stdout.contains("  remote:\n    url: admin/default.sqlx\n"), "{bundle:?}");

    let refused = |arguments: &[&str], text: &str| {
        let said = bench.refused(arguments);
        assert!(said.stderr.contains(text), "{arguments:?}: {said:?}");
    };
    refused(&["offer"], "an offer must at least specify application endpoint");
    refused(&["offer", "db"], "endpoints must conform to format");
    refused(&["offer", "db:nothing"], "application \"db\" has no \"nothing\" endpoint");
    refused(&["offer", "nobody:sql"], "application \"nobody\" not found");
    refused(&["offer", "gone.db:sql"], "model \"gone\" not found");
    refused(&["offer", "db:sql", "-c", "elsewhere"], "controller elsewhere not found");
    refused(&["consume", "default.sqlx:sql"], "saas offer \"default.sqlx:sql\" shouldn't include endpoint");
    refused(&["consume", "default.other"], "application offer \"other\" not found");
    refused(&["consume", "bob/default.sqlx"], "model \"bob/default\" not found");
    refused(&["consume", "x:admin/default.sqlx"], "controller x not found");
    refused(&["consume", "not a url"], "not valid");
    refused(
        &["consume", "-m", "other", "default.sqlx", "web"],
        "local application with same name already exists",
    );
    refused(&["integrate", "-m", "other", "default.sqlx:nothing", "web"], "endpoint");
    refused(&["integrate", "-m", "other", "default.sqlx", "default.sqlx"], "only one of them");
    refused(&["remove-offer", "sqlx"], "cannot delete application offer \"sqlx\": offer has 1 relation");
    refused(&["remove-application", "db", "--no-prompt"], "application is used by 1 offer");
    refused(&["remove-saas", "nothing"], "saas application \"nothing\" not found");
    refused(&["suspend-relation", "x"], "relation ID \"x\" not valid");
    refused(&["suspend-relation", "99"], "relation 99 not found");
    refused(&["suspend-relation", "-m", "other", "0"], "which is not associated with an offer");
    pair.until_related();
    // What is consumed is no application of the model, and is told of where one is asked for.
    let only = bench.json(&["status", "-m", "other", "remote"]);
    assert!(only["application-endpoints"]["remote"].is_object(), "{only}");
    for verb in ["why", "show-application"] {
        refused(&[verb, "-m", "other", "remote"], "it is consumed from offer \"sqlx\" of model \"default\"");
    }

    bench.ok(&["remove-offer", "admin/default.sqlx", "--force", "-y"]);
    pair.until_status("other", |status| Pair::is_alone(status, "web"));
    pair.until_status("default", |status| Pair::is_alone(status, "db"));
    let status = pair.status("other");
    let remote = &status["application-endpoints"]["remote"]["application-status"];
    assert_eq!(
        (&remote["current"], &remote["message"]),
        (&json!("terminated"), &json!("offer has been removed"))
    );
    bench.ok(&["remove-saas", "-m", "other", "remote"]);
    assert!(pair.status("other").get("application-endpoints").is_none());
    bench.ok(&["remove-application", "db", "--no-prompt"]);
}

#[test]
fn a_suspended_relation_breaks_once_and_goes_on_when_resumed() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let consumer = pair.consumer();
    // What came before is taken off.
    ["web/0", "db/0"].into_iter().for_each(|unit| drop(pair.notes(unit)));
    let id = pair.relation();
    bench.ok(&["suspend-relation", &id, "--message", "not paid"]);
    pair.until_message("other", "web", "alone");
    pair.until_message("default", "db", "alone");
    pair.settle();
    assert_eq!(pair.notes("web/0"), ["db-relation-departed remote/0", "db-relation-broken remote"]);
    assert_eq!(
        pair.notes("db/0"),
        [format!("sql-relation-departed {consumer}/0"), format!("sql-relation-broken {consumer}")]
    );
    let offers = bench.json(&["offers"]);
    let status = &offers["sqlx"]["connections"][0]["status"];
    assert_eq!((&status["current"], &status["message"]), (&json!("suspended"), &json!("not paid")));
    let rows = bench.ok(&["status", "-m", "other", "--relations"]);
    assert!(rows.contains("suspended  - not paid"), "{rows}");
    assert_eq!(pair.status("default")["offers"]["sqlx"].get("active-connected-count"), None);

    // It stays suspended over a restart, and nothing is told twice.
    bench.kill_daemon();
    pair.settle();
    assert_eq!((pair.notes("web/0"), pair.notes("db/0")), (Vec::new(), Vec::new()));

    bench.ok(&["resume-relation", &id]);
    pair.until_related();
    let notes = pair.notes("web/0");
    assert_eq!(notes.first().map(String::as_str), Some("db-relation-created remote"), "{notes:?}");
    assert_eq!(notes.iter().filter(|note| note.contains("joined")).count(), 1, "{notes:?}");
}

#[test]
fn a_killed_daemon_goes_on_where_the_halves_stood() {
    let pair = Pair::consumed();
    let bench = &pair.bench;
    bench.ok(&["integrate", "-m", "other", "remote", "web"]);
    bench.kill_daemon();
    pair.until_related();
    bench.ok(&["config", "-m", "other", "web", "want=views"]);
    bench.kill_daemon();
    pair.until_status("default", |status| {
        status["applications"]["db"]["application-status"]["message"].to_string().contains(": views in ")
    });
    bench.ok(&["suspend-relation", &pair.relation()]);
    bench.kill_daemon();
    pair.until_message("other", "web", "alone");
    pair.until_message("default", "db", "alone");
    bench.ok(&["resume-relation", &pair.relation()]);
    bench.kill_daemon();
    pair.until_message("other", "web", "has here of remote");
    bench.ok(&["remove-relation", "-m", "other", "web", "remote"]);
    bench.kill_daemon();
    pair.until_status("other", |status| Pair::is_alone(status, "web"));
    pair.until_status("default", |status| Pair::is_alone(status, "db"));
    pair.settle();
    // Nothing is left of the consumer where it came to.
    assert_eq!(bench.json(&["offers"])["sqlx"]["connections"], Value::Null);
    // And once more, with the url, from the start.
    bench.ok(&["integrate", "-m", "other", "web", "admin/default.sqlx"]);
    pair.until_related();
}

#[test]
fn either_side_may_be_taken_away_by_force() {
    let pair = Pair::related();
    let bench = &pair.bench;
    bench.ok(&["remove-relation", &pair.relation(), "--force"]);
    pair.until_status("other", |status| Pair::is_alone(status, "web"));
    bench.ok(&["integrate", "-m", "other", "remote", "web"]);
    pair.until_related();
    bench.ok(&["remove-saas", "-m", "other", "remote", "--force"]);
    pair.until_status("default", |status| Pair::is_alone(status, "db"));
    bench.ok(&["integrate", "-m", "other", "default.sqlx", "web"]);
    pair.until_status("other", |status| {
        status["applications"]["web"]["application-status"]["message"] == "has here of sqlx"
    });

    // The consumer's model goes, hooks and all.
    bench.ok(&["destroy-model", "other", "--no-prompt", "--timeout", "60s"]);
    pair.until_status("default", |status| Pair::is_alone(status, "db"));

    // And the model that offers, under a consumer.
    let web = bench.path().join("web").display().to_string();
    bench.ok(&["add-model", "other", "--no-switch"]);
    bench.ok(&["deploy", &web, "-m", "other"]);
    bench.ok(&["integrate", "-m", "other", "default.sqlx", "web"]);
    pair.until_status("other", |status| {
        status["applications"]["web"]["application-status"]["message"] == "has here of sqlx"
    });
    bench.ok(&["destroy-model", "default", "--no-prompt", "--force", "--timeout", "60s"]);
    let status = pair.until_status("other", |status| Pair::is_alone(status, "web"));
    assert_eq!(status["application-endpoints"]["sqlx"]["application-status"]["current"], "terminated");
    pair.bench.ok(&["wait", "-m", "other", "--timeout", "60s"]);
}

#[test]
fn an_offer_removed_by_force_waits_for_no_unit_of_the_other_model() {
    let pair = Pair::related();
    let bench = &pair.bench;
    bench.ok(&["model-config", "-m", "other", "automatically-retry-hooks=false"]);
    bench.ok(&["config", "-m", "other", "web", "want=fail"]);
    let failed = |status: &Value| {
        let unit = &status["applications"]["web"]["units"]["web/0"];
        unit["workload-status"]["current"] == "error"
    };
    pair.until_status("other", failed);
    ["web/0", "db/0"].into_iter().for_each(|unit| drop(pair.notes(unit)));
    let consumer = pair.consumer();
    bench.ok(&["remove-offer", "sqlx", "--force", "-y"]);
    assert_eq!(bench.json(&["offers"]), json!({}));
    pair.until_status("default", |status| Pair::is_alone(status, "db"));
    bench.ok(&["wait", "--timeout", "60s"]);
    assert_eq!(
        pair.notes("db/0"),
        [format!("sql-relation-departed {consumer}/0"), format!("sql-relation-broken {consumer}")]
    );
    assert!(failed(&pair.status("other")), "it took no part in this");
    // Its own end comes when it can run hooks again.
    bench.ok(&["resolve", "-m", "other", "--no-retry", "web/0"]);
    pair.until_status("other", |status| Pair::is_alone(status, "web"));
    bench.ok(&["wait", "-m", "other", "--timeout", "60s"]);
    assert_eq!(pair.notes("web/0"), ["db-relation-departed remote/0", "db-relation-broken remote"]);
}

#[test]
fn within_one_model_the_other_side_of_what_is_removed_by_force_runs_its_hooks() {
    let bench = Bench::new();
    let (db, web) = charms(&bench);
    bench.ok(&["deploy", &db, "-n", "2"]);
    bench.ok(&["deploy", &web]);
    bench.ok(&["integrate", "db", "web"]);
    bench.settle();
    notes(&bench, "web/0");
    bench.ok(&["remove-unit", "db/1", "--force", "--no-prompt"]);
    bench.settle();
    assert_eq!(notes(&bench, "web/0"), ["db-relation-departed db/1"]);
    bench.ok(&["remove-application", "db", "--force", "--no-prompt"]);
    bench.settle();
    assert_eq!(notes(&bench, "web/0"), ["db-relation-departed db/0", "db-relation-broken db"]);
    let status: Value = bench.json(&["status"]);
    assert!(status["applications"].get("db").is_none() && Pair::is_alone(&status, "web"), "{status:#}");
    // It may come again.
    bench.ok(&["deploy", &db]);
    bench.ok(&["integrate", "db", "web"]);
    bench.settle();
    assert!(notes(&bench, "web/0").contains(&"db-relation-joined db/2".to_owned()));
}
