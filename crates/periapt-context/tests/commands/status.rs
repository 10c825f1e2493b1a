//! `status-set`, `status-get`, `application-version-set`, `goal-state`.

use std::sync::Arc;

use periapt_context::testing::{Stage, THEN, app, unit};
use periapt_context::{Immediate, Need, describe_tell};
use periapt_model::command::Tell;
use periapt_model::entity::{Application, Unit};
use periapt_model::model::Record;
use periapt_model::status::{AgentStatus, Status, WorkloadStatus};

use super::{check, check_each};

#[test]
fn a_status_counts_at_once_and_is_seen_by_its_setter() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("status-get", 0, "active\n", ""),
            (
                "status-get --include-data --format=json --application=false",
                0,
                "{\"message\":\"ready\",\"status\":\"active\",\"status-data\":{}}\n",
                "",
            ),
            ("status-set --application=False blocked -- --no-db", 0, "", ""),
            ("status-get", 0, "blocked\n", ""),
            ("status-get --format=json", 0, "{\"status\":\"blocked\"}\n", ""),
            ("status-get --include-data", 0, "message: --no-db\nstatus: blocked\nstatus-data: {}\n", ""),
            ("status-set active", 0, "", ""),
            (
                "status-get --include-data --format=json",
                0,
                "{\"message\":\"\",\"status\":\"active\",\"status-data\":{}}\n",
                "",
            ),
        ],
    );
    let tell =
        |status, message: &str| Immediate::Tell(Tell::UnitStatus { status, message: message.to_owned() });
    assert_eq!(stage.immediate, [tell(WorkloadStatus::Blocked, "--no-db"), tell(WorkloadStatus::Active, "")]);
    assert!(stage.effects.is_empty());
    assert_eq!(stage.needs, []);
}

#[test]
fn wrong_statuses_are_refused() {
    let words = "expected one of [maintenance blocked waiting active]";
    check_each(&[
        ("status-set", 2, "", "ERROR invalid args, require <status> [message]\n"),
        ("status-set error", 2, "", &format!("ERROR invalid status \"error\", {words}\n")),
        ("status-set unknown x", 2, "", &format!("ERROR invalid status \"unknown\", {words}\n")),
        ("status-set active a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
        ("status-get x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
    ]);
}

#[test]
fn the_application_status_is_the_leaders() {
    let mut stage = Stage::config_changed();
    let units = "\"units\":{\"web/0\":{\"message\":\"ready\",\"status\":\"active\",\"status-data\":{}},\
        \"web/1\":{\"message\":\"for \\u003cdb\\u003e\",\"status\":\"waiting\",\"status-data\":{}},\
        \"web/3\":{\"message\":\"\",\"status\":\"active\",\"status-data\":{}}}";
    let before = format!(
        "{{\"application-status\":{{\"message\":\"for \\u003cdb\\u003e\",\"status\":\"waiting\",\"status-data\":{{}},{units}}}}}\n"
    );
    let after = format!(
        "{{\"application-status\":{{\"message\":\"m\",\"status\":\"maintenance\",\"status-data\":{{}},{units}}}}}\n"
    );
    check(
        &mut stage,
        &[
            ("status-get --application", 0, "waiting\n", ""),
            ("status-get --include-data --format=json --application=true", 0, &before, ""),
            ("status-set --application=True maintenance -- m", 0, "", ""),
            ("status-get --application", 0, "maintenance\n", ""),
            ("status-get --include-data --format=json --application=true", 0, &after, ""),
            (
                "status-get --application --format=json",
                0,
                "{\"application-status\":{\"status\":\"maintenance\",\"units\":{\"web/0\":{\"status\":\"active\"},\"web/1\":{\"status\":\"waiting\"},\"web/3\":{\"status\":\"active\"}}}}\n",
                "",
            ),
        ],
    );
    let tell = Tell::ApplicationStatus { status: WorkloadStatus::Maintenance, message: "m".to_owned() };
    assert_eq!(describe_tell(&tell).as_deref(), Some("status-set --application maintenance"));
    assert_eq!(stage.immediate, [Immediate::Tell(tell)]);

    let mut follower = Stage::config_changed();
    follower.leader = false;
    check(
        &mut follower,
        &[
            (
                "status-set --application active",
                1,
                "",
                "ERROR setting application status: this unit is not the leader\n",
            ),
            (
                "status-get --application",
                1,
                "",
                "ERROR finding application status: this unit is not the leader\n",
            ),
            ("status-get", 0, "active\n", ""),
        ],
    );
    assert_eq!(follower.immediate, []);
}

#[test]
fn what_a_leader_set_stands_and_a_failed_hook_shows_as_error() {
    let mut stage = Stage::config_changed();
    let mut failed = Unit::clone(&stage.view.model.units[&unit("web/1")]);
    failed.agent = Status::new(AgentStatus::Error, "hook failed: \"start\"", THEN);
    Arc::make_mut(&mut stage.view.model).put(Record::Unit(Arc::new(failed)));
    check(&mut stage, &[("status-get --application", 0, "error\n", "")]);
    let mut web = Application::clone(&stage.view.model.applications[&app("web")]);
    web.status = Some(Status::new(WorkloadStatus::Active, "all well", THEN));
    Arc::make_mut(&mut stage.view.model).put(Record::Application(Arc::new(web)));
    check(&mut stage, &[("status-get --application", 0, "active\n", "")]);
    assert!(stage.line("goal-state --format=json").1.contains("\"web/1\":{\"status\":\"error\""));
}

#[test]
fn goal_state_lists_units_and_relations_as_they_are_now() {
    let mut stage = Stage::config_changed();
    let (code, json, _) = stage.line("goal-state --format=json");
    assert_eq!(code, 0);
    assert_eq!(stage.needs, [Need::FreshModel]);
    let since = "\"since\":\"2026-01-02 03:04:05Z\"";
    let goal = |name: &str, status: &str| format!("\"{name}\":{{\"status\":\"{status}\",{since}}}");
    let expected = format!(
        "{{\"units\":{{{},{},{}}},\"relations\":{{\"db\":{{{},{},{},{},{}}}}}}}\n",
        goal("web/0", "active"),
        goal("web/1", "waiting"),
        goal("web/3", "dying"),
        goal("db", "joined"),
        goal("db/10", "active"),
        goal("db/2", "active"),
        goal("spare", "joined"),
        goal("spare/0", "unknown"),
    );
    assert_eq!(json, expected);
    // Subordinates of other principals are none of this unit's business.
    for (name, principal) in [("db/2", "web/0"), ("db/10", "web/1")] {
        let model = Arc::make_mut(&mut stage.view.model);
        let mut subordinate = (*model.units[&unit(name)]).clone();
        subordinate.principal = Some(unit(principal));
        model.put(Record::Unit(Arc::new(subordinate)));
    }
    let (_, here, _) = stage.line("goal-state --format=json");
    assert!(here.contains("db/2") && !here.contains("db/10"), "{here}");
    let (_, yaml, _) = stage.line("goal-state");
    assert!(yaml.starts_with("units:\n  web/0:\n    status: active\n    since: "), "{yaml}");
    check(
        &mut stage,
        &[(
            "goal-state --format=smart",
            2,
            "",
            "ERROR invalid value \"smart\" for option --format: unknown format \"smart\"\n",
        )],
    );
}

#[test]
fn the_workload_version_counts_at_once() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("application-version-set -- 1.2", 0, "", ""),
            ("application-version-set", 2, "", "ERROR no version specified\n"),
            ("application-version-set 1 2", 2, "", "ERROR unrecognized args: [\"2\"]\n"),
        ],
    );
    assert_eq!(stage.immediate, [Immediate::Tell(Tell::WorkloadVersion("1.2".to_owned()))]);
}
