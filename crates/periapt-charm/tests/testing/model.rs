//! Whole models: several applications and units, the real lifecycle, virtual time.

use std::sync::atomic::{AtomicU32, Ordering};

use periapt_charm::prelude::*;
use periapt_charm::testing::{Model, ModelError, bag};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, Endpoints, Remembered, RotatePassword};

/// A database for the API, as a charm.
mod pg {
    use super::*;

    static META: Metadata = Metadata {
        name: "pg",
        json: r#"{"name": "pg", "summary": "", "description": "", "format": "v2",
            "endpoints": {
                "db": {"role": "provider", "interface": "postgresql_client"},
                "peers": {"role": "peer", "interface": "pg-peers"}
            },
            "config": {"port": {"type": "int", "default": 5432}}}"#,
        files: &[],
    };

    interface!(pub Client { local_app: Endpoints });
    const DB: Endpoint<Client> = Endpoint::new("db", Role::Provider, "postgresql_client");

    #[derive(Default)]
    pub struct Pg;

    impl Charm for Pg {
        const META: &'static Metadata = &META;

        fn observe(on: &mut Observe<Self>) {
            on.any((config_changed(), leader_elected(), DB.created(), DB.joined()))
                .reconcile(Self::reconcile);
        }
    }

    impl Pg {
        fn reconcile(&mut self, cx: &mut Context) -> Flow {
            let port = cx.raw_config()?["port"].as_u64().and_then(|port| u16::try_from(port).ok());
            let port = port.unwrap_or_default();
            if cx.is_leader()? {
                for client in cx.relations(DB)? {
                    client.set_app(&Endpoints { host: format!("{}.local", cx.unit().number()), port })?;
                }
            }
            cx.set_status(Status::Active(String::new()))?;
            done()
        }
    }
}

/// A charm that fails, defers and gives up as its config says.
mod moody {
    use super::*;

    static META: Metadata = Metadata {
        name: "moody",
        json: r#"{"name": "moody", "summary": "", "description": "", "format": "v2",
            "config": {"mood": {"type": "string", "default": "well"}},
            "endpoints": {"peers": {"role": "peer", "interface": "moods"}}}"#,
        files: &[],
    };

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Count {
        pub starts: u32,
    }

    impl StoredState for Count {
        const KEY: &'static str = "count";
    }

    #[derive(Default)]
    pub struct Moody;

    pub static TRIES: AtomicU32 = AtomicU32::new(0);

    impl Charm for Moody {
        const META: &'static Metadata = &META;

        fn observe(on: &mut Observe<Self>) {
            on.start(Self::start);
            on.config_changed(Self::config_changed);
        }
    }

    impl Moody {
        fn start(&mut self, cx: &mut Context) -> Flow {
            cx.update_state(|count: &mut Count| count.starts += 1)?;
            match cx.raw_config()?["mood"].as_str() {
                Some("fails") if TRIES.fetch_add(1, Ordering::Relaxed) < 2 => Err(Error::bug("bad mood"))?,
                Some("defers") if cx.attempt().number < 4 => return defer("later").wake_after(mins(1)),
                Some("never") => return defer("not today"),
                _ => {}
            }
            done()
        }

        fn config_changed(&mut self, cx: &mut Context) -> Flow {
            cx.set_status(Status::Active(String::new()))?;
            done()
        }
    }

    /// The same charm, later.
    #[derive(Default)]
    pub struct Better;

    impl Charm for Better {
        const META: &'static Metadata = &META;

        fn observe(on: &mut Observe<Self>) {
            on.upgrade_charm(Self::upgrade);
        }
    }

    impl Better {
        fn upgrade(&mut self, cx: &mut Context) -> Flow {
            let count: Count = cx.state()?;
            cx.set_status(Status::Active(format!("better, started {} times", count.starts)))?;
            done()
        }
    }
}

use moody::{Better, Count, Moody};
use pg::Pg;

#[test]
fn two_applications_find_each_other() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 3).unwrap().deploy::<Pg>("pg", 1).unwrap().settle().unwrap();
    assert_eq!(model.unit_status("api/0"), Some(Status::Blocked("integrate a database".into())));
    model.integrate("api:db", "pg:db").unwrap().settle().unwrap();
    for unit in ["api/0", "api/1", "api/2"] {
        assert_eq!(model.unit_status(unit), Some(Status::Active("0.local:5432".into())), "{unit}");
        assert!(model.stored::<Remembered>(unit).unwrap().reconciled > 0);
        assert_eq!(model.databag("api:db", unit).unwrap()["user"], "api");
    }
    assert_eq!(model.databag("api:db", "pg").unwrap(), bag([("host", "\"0.local\""), ("port", "5432")]));
    let events = model.events("api/1");
    let place = |name: &str| events.iter().position(|event| event == name);
    assert!(place("install") < place("start") && place("start") < place("db-relation-created"), "{events:?}");
    // Another port on the other side comes through.
    model.config("pg", "port", "6000").unwrap().settle().unwrap();
    assert_eq!(model.unit_status("api/2"), Some(Status::Active("0.local:6000".into())));
}

#[test]
fn what_is_deferred_is_woken_at_its_time() {
    let mut model = Model::new();
    let begun = model.now();
    model.deploy_with::<Moody>("moody", 1, &[("mood", "defers")]).unwrap().settle().unwrap();
    assert!(model.deferred("moody/0").is_empty());
    assert_eq!(model.stored::<Count>("moody/0").unwrap().starts, 4);
    assert!(model.now().since(begun) >= mins(3), "{:?}", model.now().since(begun));
    let wakes = model.events("moody/0").iter().filter(|event| *event == "periapt-wake").count();
    assert!(wakes >= 3, "{:?}", model.events("moody/0"));
}

#[test]
fn a_model_that_does_not_settle_says_who_waits_for_what() {
    let mut model = Model::new();
    model.deploy_with::<Moody>("moody", 2, &[("mood", "never")]).unwrap();
    let Err(ModelError::NotSettled { waiting, .. }) = model.settle().map(|_| ()) else { panic!("settled") };
    assert_eq!(waiting.len(), 2);
    assert!(waiting[0].starts_with("moody/0: start deferred start"), "{waiting:?}");
    assert!(waiting[0].contains("not today"), "{waiting:?}");
    assert_eq!(model.unit_status("moody/1"), Some(Status::Waiting("not today".into())));
    let why = model.why("moody/0").unwrap();
    assert!(!why.settled && why.next.is_some());
}

#[test]
fn a_failed_hook_is_tried_again_and_counts_once() {
    let mut model = Model::new();
    let begun = model.now();
    model.deploy_with::<Moody>("moody", 1, &[("mood", "fails")]).unwrap().settle().unwrap();
    let starts = model.events("moody/0").iter().filter(|event| *event == "start").count();
    assert_eq!(starts, 3);
    assert_eq!(model.stored::<Count>("moody/0").unwrap().starts, 1, "failed tries leave nothing");
    assert!(model.now().since(begun) >= secs(5));
    assert!(model.log("moody/0").any(|logged| logged.line.message.contains("bad mood")));
    assert_eq!(model.words("moody/0"), Some(("active", "idle")));
}

#[test]
fn units_come_and_go() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 2).unwrap().deploy::<Pg>("pg", 2).unwrap();
    model.integrate("api", "pg").unwrap().settle().unwrap();
    let leader = model.leader("pg").unwrap();
    assert_eq!(leader, "pg/0");
    model.lose_leadership("pg").unwrap().settle().unwrap();
    assert!(model.leader("pg").is_some());
    model.add_units("api", 1).unwrap().settle().unwrap();
    assert_eq!(model.unit_status("api/2"), model.unit_status("api/0"));
    model.remove_relation("api:db", "pg:db").unwrap().settle().unwrap();
    assert_eq!(model.events("api/0").last().map(String::as_str), Some("db-relation-broken"));
    // `stop` of this charm is a bug: the unit stays, and says why.
    model.remove_unit("api/2").unwrap();
    let error = model.settle().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("api/2: stop failed: exit status 1"), "{error}");
    assert!(error.contains("Uncaught error in charm code (stop): "), "and what its charm said: {error}");
    model.remove("pg").unwrap();
    model.pass(mins(1)).unwrap();
    assert_eq!(model.units(), ["api/0", "api/1", "api/2"]);
}

#[test]
fn actions_run_on_units() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 1).unwrap().settle().unwrap();
    let params = |user: &str| RotatePassword { user: user.into(), length: 12, mode: None, options: None };
    let run = model.run_action("api/0", params("ann")).unwrap();
    assert_eq!(run.status.as_str(), "completed");
    assert_eq!(run.results["user"], json!("ann"));
    assert_eq!(run.log, ["rotating"]);
    assert_eq!(run.completed().unwrap()["user"], json!("ann"));
    let run = model.run_action("api/0", params("root")).unwrap();
    assert!(run.completed().unwrap_err().starts_with("the action failed: root has no password"));
    assert_eq!((run.status.as_str(), run.message.as_str()), ("failed", "root has no password"));
    let refused = model.run_action_named("api/0", "rotate-passwort", serde_json::Map::new()).unwrap_err();
    assert!(refused.to_string().contains("its actions are: restart, rotate-password"), "{refused}");
}

#[test]
fn an_upgrade_keeps_what_is_stored_and_shows_what_nobody_handles_any_more() {
    let mut model = Model::new();
    model.deploy_with::<Moody>("moody", 1, &[("mood", "never")]).unwrap().pass(mins(2)).unwrap();
    assert_eq!(model.deferred("moody/0").len(), 1);
    model.upgrade::<Better>("moody").unwrap().settle().unwrap();
    let status = model.unit_status("moody/0").unwrap().to_string();
    assert!(status.starts_with("active: better, started "), "{status}");
    assert!(model.deferred("moody/0").is_empty());
    assert_eq!(model.memory("moody/0").unwrap().dead.len(), 1);
}

#[test]
fn a_stand_in_answers_for_a_charm_that_is_not_here() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 1).unwrap();
    let answer = |event: &Event, cx: &mut periapt_charm::testing::StubCx<'_>| {
        if matches!(event, Event::RelationJoined(_)) && cx.is_leader()? {
            cx.set_app(&Endpoints { host: "stub".into(), port: 1 })?;
        }
        Ok(())
    };
    model.deploy_stub("pg", "db", Role::Provider, "postgresql_client", answer).unwrap();
    model.integrate("api:db", "pg:db").unwrap().settle().unwrap();
    assert_eq!(model.unit_status("api/0"), Some(Status::Active("stub:1".into())));
}

#[test]
fn every_order_of_turns_leads_to_the_same_end() {
    let run = |seed| {
        let mut model = Model::with_seed(seed);
        model.deploy::<Api>("api", 3).unwrap().deploy::<Pg>("pg", 2).unwrap();
        model.integrate("api:db", "pg:db").unwrap().settle().unwrap();
        let ends: Vec<Option<Status>> = (0..3).map(|n| model.unit_status(&format!("api/{n}"))).collect();
        let leader = model.leader("pg").unwrap().replace("pg/", "");
        assert!(
            ends.iter().all(|end| *end == Some(Status::Active(format!("{leader}.local:5432")))),
            "{ends:?}"
        );
        model.events("api/1")
    };
    let orders: std::collections::BTreeSet<Vec<String>> = (1..12).map(run).collect();
    assert!(orders.len() > 1, "the seed changes the order");
    assert_eq!(run(3), run(3));
}

#[test]
fn what_an_operator_cannot_do_is_refused() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 1).unwrap();
    let refused = |result: Result<&mut Model, ModelError>| result.map(|_| ()).unwrap_err().to_string();
    assert!(refused(model.integrate("api:db", "pg:db")).contains("pg"));
    assert!(refused(model.config("api", "prot", "1")).contains("prot"));
    assert!(refused(model.deploy::<Api>("No Name", 1)).contains("No Name"));
    assert!(refused(model.resolve("api/0")).contains("api/0"));
}
