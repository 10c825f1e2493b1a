//! What `why` says.

use std::time::Duration;

use periapt_lifecycle::Waits;
use periapt_model::local::Notice;
use periapt_model::wake::{Alarm, Wake};

use super::*;
use crate::render::time::tests::{NOW, utc};

fn waiting(waits: Vec<Wait>, next: Option<NextMoment>) -> UnitWhy {
    let unit: UnitName = "db/0".parse().unwrap();
    let mut why: UnitWhy = serde_json::from_value(serde_json::json!({
        "unit": "db/0", "life": "alive", "leader": true, "settled": false, "idle": false,
        "workload": {"status": "waiting", "message": "for a peer", "since": NOW.0 - 5000},
        "agent": {"status": "idle", "since": NOW.0},
    }))
    .unwrap();
    why.waits = Some(Waits { unit, settled: false, waits, next, update_status: None });
    why
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn deferred_and_failed_events_name_their_next_moment() {
    let notice = Notice {
        sequence: 1,
        event: "DbCharm/on/start[6]".to_owned(),
        observer: "DbCharm".to_owned(),
        method: "_on_start".to_owned(),
    };
    let event = Deferred { first: NOW - Duration::from_secs(9), tries: 3, ..Deferred::new(notice, NOW) };
    let wake = NOW + Duration::from_secs(4);
    let why = waiting(
        vec![
            Wait::HookFailed {
                hook: "db-relation-changed".into(),
                about: Some("web/1".parse().unwrap()),
                at: NOW - Duration::from_secs(2),
                attempts: 2,
                reason: "exit status 1".into(),
                output: vec!["Traceback".into(), "KeyError: 'host'".into()],
                retry_at: Some(NOW + Duration::from_secs(8)),
                resolved: None,
            },
            Wait::Deferred { event, next_wake: Some(wake) },
        ],
        Some(NextMoment { at: wake, what: "the deferred events are run again".into() }),
    );
    insta::assert_snapshot!(plain(&unit(&why, &utc())), @r"
    db/0 (leader) is not settled
      workload waiting: for a peer, since 12:03:12
      agent    idle, since 12:03:17
      • db-relation-changed for web/1 failed 2 times in a row, the last time 2 s ago (12:03:15): exit status 1
        it runs again in 8 s (12:03:25); periapt resolved db/0 runs it now
        its last output:
        │ Traceback
        │ KeyError: 'host'
      • start by DbCharm._on_start is deferred, 3 times, first 9 s ago (12:03:08); it runs again in 4 s (12:03:21) at the latest
      next: the deferred events are run again in 4 s (12:03:21)
    ");
}

#[test]
fn who_holds_the_machine_is_named() {
    let mut why = waiting(vec![Wait::Due { what: "remove runs next".to_owned() }], None);
    why.machine_held_by = Some("logger/0".parse().unwrap());
    let said = plain(&unit(&why, &utc()));
    assert!(
        said.contains("• a hook or task of logger/0 runs on its machine, where they take turns\n"),
        "{said}"
    );
}

#[test]
fn wakes_reasons_and_dead_letters_are_told_and_cannot_steer_the_terminal() {
    let notice = |event: &str| Notice {
        sequence: 1,
        event: event.to_owned(),
        observer: "Api".to_owned(),
        method: "reconcile".to_owned(),
    };
    let deferred = |event: &str, when: WakeWhen| Deferred {
        reason: "the API\x1b[2J does not\nanswer yet".into(),
        lane: "db".into(),
        wake: Some(Alarm::set(when, NOW)),
        ..Deferred::new(notice(event), NOW - Duration::from_secs(9))
    };
    let wake = |when, name: Option<&str>| Wait::Wake {
        wake: Wake {
            name: name.map(str::to_owned),
            reason: "certificate\r ends".into(),
            alarm: Alarm::set(when, NOW),
        },
    };
    let changed = || WakeWhen::On("db-relation-changed".into());
    let tick = NOW + Duration::from_secs(300);
    let why = waiting(
        vec![
            Wait::Deferred { event: deferred("start", WakeWhen::AfterMs(8_000)), next_wake: None },
            Wait::Deferred { event: deferred("config-changed", changed()), next_wake: Some(tick) },
            wake(WakeWhen::AfterMs(60_000), Some("renew")),
            wake(changed(), None),
            Wait::DeadLetter { event: Deferred { wake: None, ..deferred("old-event", changed()) } },
        ],
        None,
    );
    insta::assert_snapshot!(plain(&unit(&why, &utc())), @r#"
    db/0 (leader) is not settled
      workload waiting: for a peer, since 12:03:12
      agent    idle, since 12:03:17
      • start by Api.reconcile is deferred in lane db, 1 time, first 9 s ago (12:03:08): the API does not answer yet
        it wakes in 8 s (12:03:25), as the charm asked
      • config-changed by Api.reconcile is deferred in lane db, 1 time, first 9 s ago (12:03:08): the API does not answer yet
        it runs again after the next db-relation-changed, in 5 min (12:08:17) at the latest
      • the charm asked to be woken in 1 min (12:04:17) (renew): certificate  ends
      • the charm asked to be woken after the next db-relation-changed: certificate  ends
      • old-event by Api.reconcile is a dead letter, first deferred 9 s ago (12:03:08): its charm no longer knows the event or the handler; in Rust, a handler with `.was("reconcile")` takes it over (the API does not answer yet)
      next: nothing happens by itself
    "#);
}

#[test]
fn an_application_tells_of_its_units_and_of_what_it_lacks() {
    let why = ApplicationWhy {
        application: "db".parse().unwrap(),
        life: periapt_model::status::Life::Alive,
        settled: false,
        waits: vec![ApplicationWait::NoLeader],
        lacking: vec![Lacking {
            endpoint: "cert".parse().unwrap(),
            interface: "tls".into(),
            offered_by: vec!["ca".parse().unwrap()],
        }],
        units: vec![waiting(vec![Wait::NoLeader], None)],
    };
    insta::assert_snapshot!(plain(&application(&why, &utc())), @r"
    db is not settled
      • none of its units leads yet
      • its charm requires a relation cert (interface tls) and has none: periapt integrate db:cert ca

    db/0 (leader) is not settled
      workload waiting: for a peer, since 12:03:12
      agent    idle, since 12:03:17
      • nobody leads the application
      next: nothing happens by itself
    ");
}

#[test]
fn what_only_somebody_else_can_end_is_told_of_settled_units_too() {
    let unit = |status: &str, waits: Vec<Wait>| {
        let mut why = UnitWhy { settled: true, idle: true, ..waiting(waits, None) };
        status.clone_into(&mut why.workload.status);
        why
    };
    let dead = Wait::DeadLetter {
        event: Deferred::new(
            Notice {
                sequence: 1,
                event: "old".to_owned(),
                observer: "Api".to_owned(),
                method: "gone".to_owned(),
            },
            NOW,
        ),
    };
    let told = |units: Vec<UnitWhy>| {
        let why = ApplicationWhy {
            application: "db".parse().unwrap(),
            life: periapt_model::status::Life::Alive,
            settled: true,
            waits: Vec::new(),
            lacking: Vec::new(),
            units,
        };
        plain(&application(&why, &utc()))
    };
    assert!(told(vec![unit("blocked", vec![])]).contains("  workload blocked: for a peer"));
    assert!(told(vec![unit("active", vec![dead])]).contains("dead letter"));
    assert_eq!(told(vec![unit("active", vec![])]), "db is settled\n\nsettled: db/0\n");
}

#[test]
fn an_upgrade_that_waits_for_an_error_says_how_it_comes_at_once() {
    let mut why = waiting(vec![Wait::UpgradeWaits { url: "local:db-1".to_owned() }], None);
    assert!(!plain(&unit(&why, &utc())).contains("force-units"));
    "error".clone_into(&mut why.agent.status);
    let said = plain(&unit(&why, &utc()));
    assert!(
        said.contains("periapt refresh db --force-units") && said.contains("periapt resolved db/0"),
        "{said}"
    );
}

#[test]
fn a_unit_that_waits_for_another_model_does_not_say_that_it_is_settled() {
    let relation = "3".parse().unwrap();
    let unknown = ApplicationWait::RelationUnknown { relation, key: "db:remote far:sql".into() };
    let settled = UnitWhy { settled: true, idle: true, ..waiting(Vec::new(), None) };
    let clock = utc();
    assert!(plain(&unit(&settled, &clock)).contains("is settled"));
    let text = plain(&unit(&UnitWhy { not_taken_up: vec![unknown], ..settled }, &clock));
    assert!(text.contains("has nothing to do, and waits for another model"), "{text}");
    assert!(text.contains("• the other model has not taken relation 3 (db:remote far:sql) up"), "{text}");
}

#[test]
fn many_relations_that_a_charm_lacks_stay_a_few_lines() {
    let lack = |n: usize, offered: &[&str]| Lacking {
        endpoint: format!("e{n}").parse().unwrap(),
        interface: "i".into(),
        offered_by: offered.iter().map(|app| app.parse().unwrap()).collect(),
    };
    let many: Vec<Lacking> = (0..20).map(|n| lack(n, if n % 2 == 0 { &["ca"] } else { &[] })).collect();
    let lines = lacking(&many, "db");
    assert_eq!(lines.len(), LACKING_NAMED + 2);
    assert!(lines[0].ends_with("e0 (interface i) and has none: periapt integrate db:e0 ca"), "{}", lines[0]);
    let offered = "applications of this model also provide what its charm requires as \
                   e10 (i), e12 (i), e14 (i), e16 (i), e18 (i)";
    assert_eq!(lines[5], offered);
    let alone = "its charm requires relations that no application of this model provides: \
                 e1 (i), e3 (i), e5 (i), e7 (i), e9 (i) and 5 more";
    assert_eq!(lines[6], alone);
}
