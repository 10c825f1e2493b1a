//! Events that an `ops` charm defers.

use std::fs;

use periapt_model::hook::Hook;
use periapt_model::journal::Event;
use rusqlite::Connection;

use crate::support::{Home, unit};

const TABLES: &str = "
    CREATE TABLE snapshot (handle TEXT PRIMARY KEY, data BLOB);
    CREATE TABLE notice (sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_path TEXT, observer_path TEXT, method_name TEXT);";

/// A charm whose hooks put the state file in place that `ops` would have written: with a deferred event after `start`,
/// without one after the second wake.
#[tokio::test]
async fn deferred_events_are_read_recorded_and_woken() {
    let home = Home::new();
    home.setting("deferred-wake", "100ms");
    let script = "#!/bin/bash
case $JUJU_HOOK_NAME in
start) cp deferred.db .unit-state.db;;
periapt-wake) if [ -e woken ]; then cp empty.db .unit-state.db; else touch woken; fi;;
esac\n";
    let charm = home.charm("c1", "name: app\nsummary: s\ndescription: d\n", &[("dispatch", script)]);
    for (file, rows) in [
        ("deferred.db", "INSERT INTO notice VALUES (4, 'MyCharm/on/start[6]', 'MyCharm', '_on_start');"),
        ("empty.db", ""),
    ] {
        let path = home.path().join("charms/c1").join(file);
        Connection::open(path).unwrap().execute_batch(&format!("{TABLES}{rows}")).unwrap();
    }
    home.deploy(charm);
    let agents = home.start();
    let wakes = |control: &crate::support::Memory| {
        let all = control.dispatches(&unit("app/0"));
        let wakes = all.into_iter().filter(|d| d.event == Event::Hook(Hook::DeferredWake));
        Some(wakes.collect::<Vec<_>>()).filter(|wakes| wakes.len() == 2)
    };
    let wakes = home.control.until("two wakes", wakes).await;
    let start =
        home.control.dispatches(&unit("app/0")).into_iter().find(|d| d.event == Event::Hook(Hook::Start));
    let start = start.unwrap();
    assert_eq!(start.deferrals.deferred[0].notice.event, "MyCharm/on/start[6]");
    assert_eq!(wakes[0].deferrals.again[0].tries, 2);
    assert_eq!(wakes[1].deferrals.done.len(), 1);
    assert!(wakes[0].started.since(start.ended).as_millis() >= 100);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_state_file_that_cannot_be_read_is_no_reason_to_fail() {
    let home = Home::new();
    let charm = home.charm("c1", "name: app\nsummary: s\ndescription: d\n", &[("dispatch", "#!/bin/sh\n")]);
    fs::write(home.path().join("charms/c1/.unit-state.db"), "this is no database").unwrap();
    home.deploy(charm);
    let agents = home.start();
    home.idle("app/0").await;
    let warned =
        home.control.logs().iter().any(|line| line.message.contains("cannot read the deferred events"));
    assert!(warned);
    home.finish(agents).await;
}
