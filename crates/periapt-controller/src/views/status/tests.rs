use periapt_model::command::Command;
use periapt_model::journal::Outcome;
use periapt_model::status::{AgentStatus, Status, WorkloadStatus};
use serde_json::{Value, json};

use super::*;
use crate::views::testing::{NOW, Tested, db_charm, deploy, failed, host, related, view};

fn shown(tested: &Tested, selectors: &[&str]) -> Value {
    let selectors: Vec<Selector> = selectors.iter().map(|s| s.parse().unwrap()).collect();
    let host = host();
    serde_json::to_value(full_status(&tested.0, &selectors, view(&host))).unwrap()
}

const IDLE: AgentStatus = AgentStatus::Idle;

#[test]
fn an_application_has_jujus_keys() {
    let mut tested = related();
    tested.say("db/0", WorkloadStatus::Active, "ready", Status::new(IDLE, "", NOW));
    tested.say("db/1", WorkloadStatus::Waiting, "for db/0", Status::new(IDLE, "", NOW));
    let status = shown(&tested, &[]);
    let since = "2025-02-25 10:00:00Z";
    assert_eq!(
        status["applications"]["db"],
        json!({
            "charm": "local:db-0",
            "base": {"name": "ubuntu", "channel": "24.04"},
            "charm-origin": "local",
            "charm-name": "db",
            "charm-rev": 0,
            "charm-version": "abc123",
            "scale": 2,
            "exposed": false,
            "application-status": {"current": "waiting", "message": "for db/0", "since": since},
            "relations": {
                "cluster": [{"related-application": "db", "interface": "cluster", "scope": "global"}],
                "db": [{"related-application": "web", "interface": "sql", "scope": "global"}],
            },
            "units": {
                "db/0": {
                    "workload-status": {"current": "active", "message": "ready", "since": since},
                    "juju-status": {"current": "idle", "since": since, "version": "3.6.11"},
                    "leader": true,
                    "machine": "0",
                    "public-address": "127.77.0.1",
                },
                "db/1": {
                    "workload-status": {"current": "waiting", "message": "for db/0", "since": since},
                    "juju-status": {"current": "idle", "since": since, "version": "3.6.11"},
                    "machine": "1",
                    "public-address": "127.77.0.2",
                },
            },
            "endpoint-bindings": {"": "alpha", "cluster": "alpha", "db": "alpha"},
        })
    );
}

#[test]
fn the_model_machines_and_controller_have_jujus_keys() {
    let status = shown(&related(), &["db/0"]);
    assert_eq!(
        status["model"],
        json!({
            "name": "test", "type": "iaas", "controller": "periapt", "cloud": "localhost", "region": "localhost",
            "version": "3.6.11", "sla": "unsupported",
            "model-status": {"current": "available", "since": "2025-02-25 10:00:00Z"},
        })
    );
    assert_eq!(status["controller"], json!({"timestamp": "10:00:00Z"}));
    let machine = &status["machines"]["0"];
    assert_eq!(machine["juju-status"]["current"], "started");
    assert_eq!(machine["dns-name"], "127.77.0.1");
    assert_eq!(machine["ip-addresses"], json!(["127.77.0.1"]));
    assert_eq!(machine["instance-id"], "periapt-5e8f2a-0");
    assert_eq!(machine["base"], json!({"name": "ubuntu", "channel": "24.04"}));
    assert_eq!(machine["hardware"], "arch=amd64 cores=2 mem=4096M");
}

#[test]
fn an_empty_model_has_empty_maps() {
    let status = shown(&Tested::empty(), &[]);
    assert_eq!((&status["machines"], &status["applications"]), (&json!({}), &json!({})));
    assert_eq!(status["storage"], json!({}), "Juju prints it empty");
}

#[test]
fn a_failed_hook_shows_in_the_workload() {
    let mut tested = Tested::empty();
    tested.apply(deploy(db_charm(), 1));
    tested.run_agents(&|_, hook| if hook.name() == "install" { failed() } else { Outcome::Done });
    let app = &shown(&tested, &[])["applications"]["db"];
    let unit = &app["units"]["db/0"];
    assert_eq!(unit["workload-status"]["current"], "error");
    assert_eq!(unit["workload-status"]["message"], "hook failed: \"install\"");
    assert_eq!(unit["juju-status"]["current"], "idle");
    assert_eq!(unit["juju-status"]["message"], Value::Null);
    assert_eq!(app["application-status"]["current"], "error");
}

#[test]
fn what_a_leader_set_is_shown_whatever_the_units_say() {
    let mut tested = related();
    tested.say("db/0", WorkloadStatus::Blocked, "", Status::new(IDLE, "", NOW));
    let mut app = (*tested.0.applications["db"]).clone();
    app.status = Some(Status::new(WorkloadStatus::Active, "as a whole", NOW));
    tested.0.put(periapt_model::model::Record::Application(app.into()));
    let status = &shown(&tested, &[])["applications"]["db"]["application-status"];
    assert_eq!((&status["current"], &status["message"]), (&json!("active"), &json!("as a whole")));
}

#[test]
fn an_application_without_units_is_unknown_and_has_no_units_key() {
    let mut tested = Tested::empty();
    tested.apply(deploy(db_charm(), 0));
    let app = &shown(&tested, &[])["applications"]["db"];
    assert_eq!(app["application-status"]["current"], "unknown");
    assert!(app.get("units").is_none() && app.get("scale").is_none());
}

#[test]
fn a_lost_agent_makes_its_workload_unknown() {
    let mut tested = related();
    tested.say(
        "db/0",
        WorkloadStatus::Active,
        "",
        Status::new(AgentStatus::Lost, "agent is not communicating", NOW),
    );
    let unit = &shown(&tested, &[])["applications"]["db"]["units"]["db/0"];
    assert_eq!(unit["workload-status"]["current"], "unknown");
    assert_eq!(unit["juju-status"]["current"], "lost");
}

#[test]
fn what_goes_away_says_so() {
    let mut tested = related();
    tested.apply(Command::RemoveApplication { app: "db".parse().unwrap(), force: false });
    let app = &shown(&tested, &[])["applications"]["db"];
    assert_eq!(app["life"], "dying");
    assert_eq!(app["units"]["db/0"]["juju-status"]["life"], "dying");
}

#[test]
fn selectors_take_along_what_belongs_to_what_they_name() {
    let tested = related();
    let names = |status: &Value, key: &str| -> Vec<String> {
        status[key].as_object().unwrap().keys().cloned().collect()
    };
    let unit = shown(&tested, &["db/1"]);
    assert_eq!(names(&unit, "applications"), ["db"]);
    assert_eq!(names(&unit["applications"]["db"], "units"), ["db/1"]);
    assert_eq!(names(&unit, "machines"), ["1"]);
    assert_eq!(unit["applications"]["db"]["scale"], 2);
    let machine = shown(&tested, &["2"]);
    assert_eq!(names(&machine, "applications"), ["web"]);
    let app = shown(&tested, &["d*"]);
    assert_eq!(names(&app["applications"]["db"], "units"), ["db/0", "db/1"]);
    assert_eq!(names(&shown(&tested, &["nothing"]), "applications"), Vec::<String>::new());
}

#[test]
fn the_same_content_deployed_twice_has_two_revisions() {
    let mut tested = related();
    let Command::Deploy(mut again) = deploy(db_charm(), 1) else { unreachable!() };
    again.name = Some("db2".parse().unwrap());
    tested.apply(Command::Deploy(again));
    let apps = &shown(&tested, &[])["applications"];
    let charm = |app: &str| (apps[app]["charm"].clone(), apps[app]["charm-rev"].clone());
    assert_eq!(charm("db"), (json!("local:db-0"), json!(0)));
    assert_eq!(charm("db2"), (json!("local:db-1"), json!(1)));
}

#[test]
fn relations_have_a_row_each() {
    let mut tested = related();
    let rows = relation_rows(&tested.0, &[]);
    let short: Vec<_> = rows
        .iter()
        .map(|r| (r.provider.as_str(), r.requirer.as_str(), r.kind.as_str(), r.status.as_str()))
        .collect();
    assert_eq!(
        short,
        [("db:cluster", "db:cluster", "peer", "joined"), ("db:db", "web:database", "regular", "joined")]
    );
    assert_eq!(relation_rows(&tested.0, &["web".parse().unwrap()]).len(), 1);
    tested.apply(Command::RemoveRelation {
        relation: periapt_model::command::RelationRef::Id(rows[1].id),
        force: false,
    });
    assert_eq!(relation_rows(&tested.0, &[])[1].message, "broken");
}

#[test]
fn the_document_reads_back() {
    let host = host();
    let status = full_status(&related().0, &[], view(&host));
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<FullStatus>(&text).unwrap(), status);
}
