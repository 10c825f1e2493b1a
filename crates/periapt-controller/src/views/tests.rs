//! Views other than the status document.

use std::sync::Arc;

use periapt_model::command::{Answer, Command, Receiver, RelationRef};
use periapt_model::hook::Hook;
use periapt_model::journal::Outcome;
use periapt_model::local::{HookStep, Op};
use periapt_model::names::UnitName;
use periapt_model::time::Moment;
use serde_json::{Value, json};

use super::settled::{Goal, waiting};
use super::testing::{NOW, Tested, db_charm, deploy, failed, host, related, view, web_charm};
use super::why::{ApplicationWait, application_why, unit_why};
use super::{Zone, actions, application, model, operation, operations, unit};

fn unit_name(text: &str) -> UnitName {
    text.parse().unwrap()
}

fn moment() -> Moment {
    Moment { agent_started: NOW, ..Moment::at(NOW) }
}

fn reasons(tested: &Tested, goals: &[&str]) -> Vec<String> {
    let goals: Vec<Goal> = goals.iter().map(|g| g.parse().unwrap()).collect();
    waiting(Some(&tested.0), &goals, &moment())
        .into_iter()
        .map(|w| format!("{}: {}", w.subject, w.reason))
        .collect()
}

#[test]
fn show_unit_has_the_databags_of_both_sides() {
    let tested = related();
    let shown = unit::show_unit(&tested.0, &unit_name("web/0"), &unit::UnitFilter::default()).unwrap();
    let bag = |address: &str| json!({"egress-subnets": format!("{address}/32"), "ingress-address": address, "private-address": address});
    assert_eq!(
        serde_json::to_value(&shown).unwrap(),
        json!({
            "machine": "2",
            "opened-ports": [],
            "public-address": "127.77.0.3",
            "charm": "local:web-0",
            "leader": true,
            "life": "alive",
            "relation-info": [{
                "relation-id": 1,
                "endpoint": "database",
                "related-endpoint": "db",
                "application-data": {},
                "local-unit": {"in-scope": true, "data": bag("127.77.0.3")},
                "related-units": {
                    "db/0": {"in-scope": true, "data": bag("127.77.0.1")},
                    "db/1": {"in-scope": true, "data": bag("127.77.0.2")},
                },
            }],
        })
    );
}

#[test]
fn show_unit_shows_what_is_asked_for() {
    let tested = related();
    let show = |filter| unit::show_unit(&tested.0, &unit_name("db/0"), &filter).unwrap().relation_info;
    let endpoint = show(unit::UnitFilter { endpoint: Some("db".into()), ..Default::default() });
    assert_eq!(endpoint.len(), 1);
    let related = show(unit::UnitFilter { related_unit: Some(unit_name("db/1")), ..Default::default() });
    assert_eq!(related.len(), 1);
    assert_eq!(related[0].endpoint, "cluster");
    let app = show(unit::UnitFilter { app_only: true, ..Default::default() });
    let is_empty = |own: &unit::RelationUnit| !own.in_scope && own.data.is_empty();
    assert!(app.iter().all(|r| r.local_unit.as_ref().is_some_and(is_empty) && r.related_units.is_empty()));
    assert!(unit::show_unit(&tested.0, &unit_name("db/7"), &unit::UnitFilter::default()).is_none());
}

#[test]
fn options_say_who_set_them() {
    let mut tested = related();
    let set = [("size".to_owned(), "3".to_owned())].into();
    tested.apply(Command::SetConfig { app: "db".parse().unwrap(), set, reset: Vec::new() });
    let config =
        serde_json::to_value(application::show_config(&tested.0, &"db".parse().unwrap()).unwrap()).unwrap();
    assert_eq!(
        config["settings"],
        json!({
            "name": {"description": "", "source": "unset", "type": "string"},
            "size": {"default": 1, "description": "How large.", "source": "user", "type": "int", "value": 3},
        })
    );
    assert_eq!(config["application-config"]["trust"]["value"], false);
    let app = application::show_application(&tested.0, &"db".parse().unwrap()).unwrap();
    assert_eq!((app.charm.as_str(), app.base.as_str(), app.principal), ("db", "ubuntu@24.04", true));
}

#[test]
fn models_and_their_settings_have_jujus_keys() {
    let tested = related();
    let host = host();
    let shown = serde_json::to_value(model::show_model(&tested.0, view(&host))).unwrap();
    for key in [
        "name",
        "short-name",
        "model-uuid",
        "model-type",
        "controller-uuid",
        "controller-name",
        "is-controller",
        "cloud",
        "life",
        "status",
        "users",
        "machines",
        "agent-version",
        "type",
    ] {
        assert!(shown.get(key).is_some(), "{key}");
    }
    assert_eq!(shown["name"], "admin/test");
    let config = serde_json::to_value(model::model_config(&tested.0)).unwrap();
    assert_eq!(config["update-status-hook-interval"], json!({"Value": "5m", "Source": "default"}));
    assert_eq!(config["automatically-retry-hooks"]["Value"], true);
}

#[test]
fn actions_have_their_schema() {
    let list = actions::actions(&related().0, &"db".parse().unwrap()).unwrap();
    let backup = &list["backup"];
    assert_eq!(backup.description, "Save it.");
    assert_eq!(backup.schema["properties"]["target"]["type"], "string");
}

#[test]
fn an_operation_goes_from_pending_to_completed() {
    let mut tested = related();
    let receivers = vec![Receiver::Unit(unit_name("db/0")), Receiver::Unit(unit_name("db/1"))];
    let run = Command::Run { receivers, action: "backup".parse().unwrap(), params: Default::default() };
    let Answer::Operation { id, .. } = tested.apply(run.clone()) else { panic!("no operation") };
    let Answer::Operation { tasks: second, .. } = tested.apply(run) else { panic!("no operation") };
    let pending = operation::show_operation(&tested.0, id, &Zone::Utc).unwrap();
    assert_eq!(pending.status.as_str(), "pending");
    assert_eq!(Value::Object(pending.action.parameters), json!({"target": "disk"}));
    assert_eq!(operation::is_done(&tested.0, id), Some(false));
    let behind = operation::show_task(&tested.0, second[0].0, &Zone::Utc).unwrap().behind.unwrap();
    assert_eq!(behind, "task 2 (backup) of db/0 comes first");

    tested.run_agents(&|_, _| Outcome::Done);
    let results = serde_json::to_value(operation::results(&tested.0, id, &Zone::Utc).unwrap()).unwrap();
    let at = "2025-02-25 10:00:00 +0000 UTC";
    assert_eq!(
        results["db/0"],
        json!({
            "id": "2", "results": {"return-code": 0}, "status": "completed", "unit": "db/0",
            "timing": {"enqueued": at, "started": at, "completed": at},
        })
    );
    assert_eq!(operation::is_done(&tested.0, id), Some(true));
    let all = operations::Listing::new(&tested.0, &operations::Wanted::default(), &Zone::Utc, false);
    let all: operation::OperationList = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
    assert_eq!(all[&id].status.as_str(), "completed");
}

#[test]
fn operations_are_chosen_from_the_newest_on_and_shown_in_brief() {
    use operations::{Listing, Wanted};
    let mut tested = related();
    let mut run = |unit: &str, action: Option<&str>| {
        let receivers = vec![Receiver::Unit(unit_name(unit))];
        let command = match action {
            Some(name) => {
                Command::Run { receivers, action: name.parse().unwrap(), params: Default::default() }
            }
            None => Command::Exec {
                receivers,
                command: "true".into(),
                timeout_ms: None,
                parallel: false,
                with: Default::default(),
            },
        };
        let Answer::Operation { id, .. } = tested.apply(command) else { panic!("no operation") };
        tested.run_agents(&|_, _| Outcome::Done);
        id
    };
    let ids = [run("db/0", Some("backup")), run("db/1", None), run("web/0", None), run("db/0", None)];
    let set = |text: &str| std::collections::BTreeSet::from([text.to_owned()]);
    let chosen = |wanted: Wanted| -> Vec<usize> {
        let listing = Listing::new(&tested.0, &wanted, &Zone::Utc, true);
        listing.ids().map(|id| ids.iter().position(|known| *known == id).unwrap()).collect()
    };
    assert_eq!(chosen(Wanted::default()), [0, 1, 2, 3]);
    assert_eq!(chosen(Wanted { limit: Some(2), ..Wanted::default() }), [2, 3]);
    assert_eq!(chosen(Wanted { limit: Some(2), offset: 1, ..Wanted::default() }), [1, 2]);
    assert_eq!(chosen(Wanted { apps: set("db"), limit: Some(2), ..Wanted::default() }), [1, 3]);
    assert_eq!(chosen(Wanted { units: set("db/0"), offset: 1, ..Wanted::default() }), [0]);
    assert_eq!(chosen(Wanted { actions: set("backup"), ..Wanted::default() }), [0]);
    assert_eq!(chosen(Wanted { status: set("failed"), ..Wanted::default() }), [0; 0]);
    assert_eq!(chosen(Wanted { machines: set("0"), ..Wanted::default() }), [0; 0]);
    let text = |brief| {
        serde_json::to_string(&Listing::new(&tested.0, &Wanted::default(), &Zone::Utc, brief)).unwrap()
    };
    assert!(text(false).contains("return-code") && text(false).contains("disk"), "{}", text(false));
    assert!(!text(true).contains("return-code") && !text(true).contains("disk"), "{}", text(true));
}

#[test]
fn a_model_is_settled_when_its_agents_have_nothing_to_do() {
    let mut tested = Tested::empty();
    assert_eq!(reasons(&tested, &[]), [""; 0]);
    tested.apply(deploy(db_charm(), 1));
    assert_eq!(reasons(&tested, &["settled"]), ["db/0: no agent has taken it yet"]);
    tested.apply(Command::TakeUnit { unit: unit_name("db/0") });
    assert_eq!(reasons(&tested, &["settled"]).len(), 1);
    tested.run_agents(&|_, _| Outcome::Done);
    assert_eq!(reasons(&tested, &["settled", "idle"]), [""; 0]);
    let set = [("size".to_owned(), "3".to_owned())].into();
    tested.apply(Command::SetConfig { app: "db".parse().unwrap(), set, reset: Vec::new() });
    assert_eq!(reasons(&tested, &["idle"]), ["db/0: config-changed runs next"]);
}

#[test]
fn a_failed_hook_is_not_settled() {
    let mut tested = Tested::empty();
    tested.apply(deploy(db_charm(), 1));
    tested.run_agents(&|_, hook| if hook.name() == "start" { failed() } else { Outcome::Done });
    let left = waiting(Some(&tested.0), &[Goal::Settled], &moment());
    assert_eq!(left[0].reason, "start failed: exit status 1 (1 time), saying \"Traceback\"");
    assert!(left[0].next.is_some_and(|at| at > NOW), "{left:?}");
}

#[test]
fn other_goals_name_what_is_missing() {
    let mut tested = related();
    assert_eq!(reasons(&tested, &["gone:nobody", "gone:db/9"]), [""; 0]);
    assert_eq!(
        reasons(&tested, &["gone:db", "nobody=active", "gone"]),
        [
            "db: is there, and nobody has asked for its removal",
            "nobody: is not there",
            "model test: is there, and nobody has asked for its removal",
        ]
    );
    assert_eq!(reasons(&tested, &["db/0=unknown"]), [""; 0]);
    tested.apply(Command::RemoveApplication { app: "db".parse().unwrap(), force: false });
    assert_eq!(reasons(&tested, &["gone:db"]), ["db: is being removed"]);
    assert!(reasons(&tested, &["settled"]).contains(&"db: is being removed".to_owned()));
    tested.run_agents(&|_, _| Outcome::Done);
    assert_eq!(reasons(&tested, &["gone:db", "settled"]), [""; 0]);
}

#[test]
fn a_model_that_is_gone_meets_all_but_statuses() {
    let goals: Vec<Goal> =
        ["settled", "gone", "gone:db", "db=active"].iter().map(|g| g.parse().unwrap()).collect();
    assert_eq!(waiting(None, &goals, &moment()).len(), 1);
}

#[test]
fn goals_read_from_words_and_json() {
    for bad in ["", "soon", "gone:", "gone:A", "db=", "db=happy", "=active", "db/x=active"] {
        assert!(bad.parse::<Goal>().is_err(), "{bad}");
    }
    let goal: Goal = "db/0=active".parse().unwrap();
    assert_eq!(serde_json::to_value(&goal).unwrap(), json!({"status": {"of": "db/0", "word": "active"}}));
    let all = json!(["settled", {"gone": "db"}, "model-gone"]);
    let read: Vec<Goal> = serde_json::from_value(all).unwrap();
    assert_eq!(read, ["settled", "gone:db", "gone"].map(|g| g.parse().unwrap()));
}

#[test]
fn why_names_the_relations_that_a_charm_lacks() {
    let mut tested = Tested::empty();
    tested.apply(deploy(db_charm(), 1));
    tested.apply(deploy(web_charm(), 1));
    let why = unit_why(&tested.0, &unit_name("web/0"), &moment()).unwrap();
    assert!(why.waits.is_none() && !why.settled);
    let lacking: Vec<(&str, &str, usize)> =
        why.lacking.iter().map(|l| (l.endpoint.as_str(), l.interface.as_str(), l.offered_by.len())).collect();
    assert_eq!(lacking, [("cache", "redis", 0), ("database", "sql", 1)]);
    tested.run_agents(&|_, _| Outcome::Done);
    let why = unit_why(&tested.0, &unit_name("web/0"), &moment()).unwrap();
    assert!(why.settled && why.idle);
    assert!(why.waits.unwrap().update_status.is_some());
}

#[test]
fn why_names_what_holds_an_application_that_goes_away() {
    let mut tested = related();
    tested.apply(Command::RemoveApplication { app: "db".parse().unwrap(), force: false });
    let why = application_why(&tested.0, &"db".parse().unwrap(), &moment()).unwrap();
    assert!(!why.settled);
    assert_eq!(
        why.waits,
        [
            ApplicationWait::UnitsRemain { units: vec![unit_name("db/0"), unit_name("db/1")] },
            ApplicationWait::RelationRemains {
                relation: periapt_model::names::RelationId(1),
                key: "web:database db:db".to_owned(),
                held_by: vec![unit_name("db/0"), unit_name("db/1"), unit_name("web/0")],
            },
        ]
    );
    assert_eq!(application_why(&tested.0, &"nobody".parse().unwrap(), &moment()), None);
}

#[test]
fn why_names_the_unit_that_holds_the_machine() {
    let mut tested = related();
    let (first, second) = (unit_name("db/0"), unit_name("db/1"));
    // Both have something to do; one of them is at it.
    tested.apply(Command::RemoveApplication { app: "db".parse().unwrap(), force: false });
    let held_by = |tested: &Tested| unit_why(&tested.0, &second, &moment()).unwrap().machine_held_by;
    let runs = HookStep::Pending { since: NOW, interrupted: 0, after: None, ended: None };
    let mut agent = tested.0.agents[&first].clone();
    Arc::make_mut(&mut agent).local.op = Op::Hook { hook: Hook::Stop, step: runs, seen: Default::default() };
    tested.0.agents.insert(first.clone(), agent);
    assert_eq!(held_by(&tested), None, "it runs on a machine of its own");
    let machine = tested.0.units[&first].machine;
    let mut unit = tested.0.units[&second].clone();
    Arc::make_mut(&mut unit).machine = machine;
    tested.0.units.insert(second.clone(), unit);
    assert_eq!(held_by(&tested), Some(first.clone()));
    assert_eq!(unit_why(&tested.0, &first, &moment()).unwrap().machine_held_by, None, "it waits for nobody");
}

#[test]
fn why_reads_back() {
    let mut tested = related();
    let relation = RelationRef::Id(periapt_model::names::RelationId(1));
    tested.apply(Command::RemoveRelation { relation, force: false });
    tested.run_agents(&|unit, _| if unit.app().as_str() == "db" { failed() } else { Outcome::Done });
    let why = application_why(&tested.0, &"db".parse().unwrap(), &moment()).unwrap();
    let text = serde_json::to_string(&why).unwrap();
    assert!(text.contains("hook-failed"), "{text}");
    assert_eq!(serde_json::from_str::<super::why::ApplicationWhy>(&text).unwrap(), why);
}
