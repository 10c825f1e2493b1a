//! Which status a dispatch leaves.

use super::{Unit, called, deferring, is_deferring};
use crate::prelude::*;

static META: Metadata = super::beyond::META;

/// Sets its status by itself.
#[derive(Default)]
struct Plain;

impl Charm for Plain {
    const META: &'static Metadata = &META;
    fn observe(on: &mut Observe<Self>) {
        on.start(Self::begin);
        on.config_changed(Self::configure);
        on.stop(Self::end);
    }
}

impl Plain {
    fn begin(&mut self, cx: &mut Context) -> Flow {
        cx.set_status(Status::Active("up".into()))?;
        if is_deferring("start") {
            return defer("the database does not answer");
        }
        if is_deferring("patience") {
            let mut tries = 0;
            cx.patiently(Patience::brief(), || {
                tries += 1;
                called(&tries.to_string());
                Err::<(), _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
            })?;
        }
        done()
    }

    fn configure(&mut self, cx: &mut Context) -> Flow {
        if is_deferring("blocked") {
            return Err(Error::needs_human("set the option `size`").into());
        }
        if is_deferring("wait") {
            cx.patiently(Patience::none().or(Then::Wait), || Err::<(), _>(Error::temporary("no route")))?;
        }
        if is_deferring("bug") {
            "x".parse::<u8>()?;
        }
        done()
    }

    fn end(&mut self, _cx: &mut Context) -> Finish {
        Err(Error::temporary("the workload does not stop"))
    }
}

fn status(unit: &Unit) -> (String, String) {
    unit.status()
}

fn is(word: &str, message: &str) -> (String, String) {
    (word.to_owned(), message.to_owned())
}

#[test]
fn a_deferral_shows_as_waiting_and_the_charms_own_status_comes_back() {
    let mut unit = Unit::default();
    deferring(&["start"]);
    unit.dispatch::<Plain>("hooks/start").unwrap();
    assert_eq!(status(&unit), is("waiting", "the database does not answer"));
    deferring(&[]);
    unit.dispatch::<Plain>("hooks/update-status").unwrap();
    assert_eq!(status(&unit), is("active", "up"));
}

#[test]
fn what_needs_a_human_blocks_until_the_handler_has_ended_well() {
    let mut unit = Unit::default();
    deferring(&[]);
    unit.dispatch::<Plain>("hooks/start").unwrap();
    deferring(&["blocked"]);
    unit.dispatch::<Plain>("hooks/config-changed").unwrap();
    assert_eq!(status(&unit), is("blocked", "set the option `size`"));
    unit.dispatch::<Plain>("hooks/update-status").unwrap();
    assert_eq!(status(&unit), is("blocked", "set the option `size`"), "nothing has changed");
    deferring(&["wait"]);
    unit.dispatch::<Plain>("hooks/config-changed").unwrap();
    assert_eq!(status(&unit), is("waiting", "no route"));
    assert!(unit.queue().is_empty(), "it waits without deferring");
    deferring(&[]);
    unit.dispatch::<Plain>("hooks/config-changed").unwrap();
    assert_eq!(status(&unit), is("active", "up"));
}

#[test]
fn patience_runs_out_into_a_deferral() {
    let mut unit = Unit::default();
    deferring(&["patience"]);
    let tries = unit.dispatch::<Plain>("hooks/start").unwrap();
    assert_eq!(tries, ["1", "2", "3", "4", "5"]);
    assert_eq!(unit.queue(), ["1 start Plain.begin"]);
    assert_eq!(status(&unit), is("waiting", "connection refused"));
}

#[test]
fn a_bug_fails_the_hook_and_so_does_what_cannot_be_deferred() {
    let mut unit = Unit::default();
    deferring(&["bug"]);
    let error = unit.dispatch::<Plain>("hooks/config-changed").unwrap_err().to_string();
    assert_eq!(error, "Plain.configure (config-changed): invalid digit found in string");
    let error = unit.dispatch::<Plain>("hooks/stop").unwrap_err().to_string();
    assert_eq!(error, "Plain.end (stop): the workload does not stop");
}

/// Collects its status.
#[derive(Default)]
struct Collecting;

impl Charm for Collecting {
    const META: &'static Metadata = &META;
    fn observe(on: &mut Observe<Self>) {
        on.start(Self::begin);
        on.collect_unit_status(Self::unit_status);
        on.collect_unit_status(Self::unit_status_too);
        on.collect_app_status(Self::app_status);
    }
}

impl Collecting {
    fn begin(&mut self, _cx: &mut Context) -> Flow {
        if is_deferring("start") { defer("later") } else { done() }
    }

    fn unit_status(&mut self, status: &mut Statuses, _cx: &mut Context) -> Finish {
        status.active("all well");
        done()
    }

    fn unit_status_too(&mut self, status: &mut Statuses, _cx: &mut Context) -> Finish {
        if is_deferring("maintenance") {
            status.maintenance("moving");
        }
        done()
    }

    fn app_status(&mut self, status: &mut Statuses, _cx: &mut Context) -> Finish {
        status.active("as a whole");
        done()
    }
}

#[test]
fn the_most_urgent_of_what_is_collected_and_owed_is_set_and_only_when_it_changes() {
    let mut unit = Unit::default();
    let sets = |unit: &Unit| {
        let commands = std::mem::take(&mut unit.agent.0.borrow_mut().commands);
        commands.into_iter().filter(|c| c.starts_with("status-set")).collect::<Vec<_>>()
    };
    deferring(&["maintenance"]);
    unit.dispatch::<Collecting>("hooks/start").unwrap();
    let expected = [
        "status-set --application=true active -- as a whole",
        "status-set --application=false maintenance -- moving",
    ];
    assert_eq!(sets(&unit), expected);
    unit.dispatch::<Collecting>("hooks/update-status").unwrap();
    assert_eq!(sets(&unit)[1..], [] as [String; 0], "it is so already");
    deferring(&["start"]);
    unit.dispatch::<Collecting>("hooks/start").unwrap();
    assert_eq!(status(&unit), is("waiting", "later"));
    deferring(&[]);
    unit.dispatch::<Collecting>("hooks/update-status").unwrap();
    assert_eq!(status(&unit), is("active", "all well"));
}

#[test]
fn collect_metrics_runs_nothing_deferred_and_sets_no_status() {
    let mut unit = Unit::default();
    deferring(&["start"]);
    unit.dispatch::<Collecting>("hooks/start").unwrap();
    unit.agent.0.borrow_mut().commands.clear();
    unit.dispatch::<Collecting>("hooks/collect-metrics").unwrap();
    assert!(unit.agent.0.borrow().commands.is_empty(), "{:?}", unit.agent.0.borrow().commands);
    assert_eq!(unit.memory().queue.iter().map(|n| n.attempts).collect::<Vec<_>>(), [1]);
}
