//! What deferral has beyond `ops`.

use serde::{Deserialize, Serialize};

use super::{Unit, called, deferring, is_deferring};
use crate::flow::Wake;
use crate::prelude::*;

pub(super) const META: Metadata = Metadata {
    name: "api",
    json: r#"{"name":"api","summary":"","description":"","format":"v2","endpoints":{"db":{"role":"requirer","interface":"pg"}}}"#,
    files: &[],
};
static STATIC: Metadata = META;

const DB: Endpoint = Endpoint::new("db", Role::Requirer, "pg");

fn turn(name: &'static str) -> Flow {
    called(name);
    if is_deferring(name) { defer(format!("{name} is not ready")) } else { done() }
}

const CHANGED: [(&str, &str); 3] =
    [("JUJU_RELATION", "db"), ("JUJU_RELATION_ID", "db:3"), ("JUJU_REMOTE_APP", "pg")];

macro_rules! a_charm {
    ($name:ident, |$on:ident| $observe:block) => {
        #[derive(Default)]
        pub(super) struct $name;
        impl Charm for $name {
            const META: &'static Metadata = &STATIC;
            fn observe($on: &mut Observe<Self>) {
                $observe
            }
        }
    };
}

a_charm!(Lanes, |on| {
    on.any((start(), config_changed(), update_status())).run(Lanes::one).lane("work");
    on.update_status(Lanes::outside);
});

impl Lanes {
    fn one(&mut self, event: Event, _cx: &mut Context) -> Flow {
        let name = event.name();
        called(&name);
        if is_deferring("first") && name == "start" { defer("not yet") } else { done() }
    }

    fn outside(&mut self, _cx: &mut Context) -> Flow {
        turn("outside")
    }
}

#[test]
fn a_lane_keeps_the_order_of_its_events() {
    let mut unit = Unit::default();
    deferring(&["first"]);
    assert_eq!(unit.dispatch::<Lanes>("hooks/start").unwrap(), ["start"]);
    assert_eq!(unit.dispatch::<Lanes>("hooks/config-changed").unwrap(), ["start"], "2 waits behind 1");
    assert_eq!(unit.dispatch::<Lanes>("hooks/update-status").unwrap(), ["start", "outside"]);
    assert_eq!(unit.memory().queue.len(), 3);
    deferring(&[]);
    let calls = unit.dispatch::<Lanes>("hooks/update-status").unwrap();
    assert_eq!(calls, ["start", "config-changed", "update-status", "update-status", "outside"]);
    assert!(unit.queue().is_empty());
}

a_charm!(Level, |on| {
    on.any((start(), config_changed(), DB.changed())).reconcile(Level::reconcile);
});

impl Level {
    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        called(&format!("{} {}", cx.event().unwrap().name(), cx.attempt().number));
        if is_deferring("reconcile") { defer("not yet").wake_after(secs(10)) } else { done() }
    }
}

#[test]
fn a_reconciling_handler_is_queued_and_run_once() {
    let mut unit = Unit::default();
    deferring(&["reconcile"]);
    assert_eq!(unit.dispatch::<Level>("hooks/start").unwrap(), ["start 1"]);
    assert_eq!(unit.dispatch::<Level>("hooks/config-changed").unwrap(), ["config-changed 2"]);
    assert_eq!(
        unit.queue(),
        ["1 start Level.reconcile"],
        "it stands there as what it was deferred for first"
    );
    assert_eq!(unit.dispatch::<Level>("hooks/update-status").unwrap(), ["start 3"]);
    let memory = unit.memory();
    let notice = memory.queue.get(1).unwrap();
    assert_eq!(notice.first, Timestamp(1_000));
    assert_eq!(notice.wakes, [Wake::At { at: Timestamp(13_000) }]);
    deferring(&[]);
    assert_eq!(unit.dispatch::<Level>("hooks/config-changed").unwrap(), ["config-changed 4"]);
    assert!(unit.queue().is_empty());
}

a_charm!(Gone, |on| {
    on.when(DB.changed(), Gone::changed);
    on.when(DB.broken(), Gone::broken);
});

impl Gone {
    fn changed(&mut self, _cx: &mut Context) -> Flow {
        turn("changed")
    }

    fn broken(&mut self, _cx: &mut Context) -> Flow {
        turn("broken")
    }
}

#[test]
fn an_event_of_a_relation_that_is_gone_is_dropped_but_not_its_end() {
    let mut unit = Unit::default();
    unit.agent.0.borrow_mut().relations = vec!["db:3"];
    deferring(&["changed", "broken"]);
    let path = "hooks/db-relation-changed";
    assert_eq!(unit.dispatch_with::<Gone>(path, &CHANGED).unwrap(), ["changed"]);
    let calls = unit.dispatch_with::<Gone>("hooks/db-relation-broken", &CHANGED).unwrap();
    assert_eq!(calls, ["changed", "broken"]);
    unit.agent.0.borrow_mut().relations = Vec::new();
    assert_eq!(unit.dispatch::<Gone>("hooks/update-status").unwrap(), ["broken"]);
    assert_eq!(unit.queue(), ["2 db-relation-broken Gone.broken"]);
}

a_charm!(Levelled, |on| {
    on.any((DB.changed(), DB.broken())).reconcile(Levelled::reconcile);
});

impl Levelled {
    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        called(&cx.event().unwrap().name());
        if is_deferring("reconcile") { defer("not yet") } else { done() }
    }
}

#[test]
fn a_reconciling_handler_is_not_dropped_with_the_relation_it_was_deferred_for() {
    let mut unit = Unit::default();
    unit.agent.0.borrow_mut().relations = vec!["db:3"];
    deferring(&["reconcile"]);
    unit.dispatch_with::<Levelled>("hooks/db-relation-changed", &CHANGED).unwrap();
    unit.agent.0.borrow_mut().relations = Vec::new();
    // It is there for all that has happened: that the relation is gone is one more thing it has to see.
    assert_eq!(unit.dispatch::<Levelled>("hooks/update-status").unwrap(), ["db-relation-changed"]);
    assert_eq!(unit.queue(), ["1 db-relation-changed Levelled.reconcile"]);
    deferring(&[]);
    assert_eq!(unit.dispatch::<Levelled>("hooks/update-status").unwrap(), ["db-relation-changed"]);
    assert!(unit.queue().is_empty());
}

a_charm!(Bounded, |on| {
    on.start(Bounded::begin).give_up_after(3);
    on.config_changed(Bounded::configure).give_up_with(secs(2), Bounded::hopeless);
});

impl Bounded {
    fn begin(&mut self, _cx: &mut Context) -> Flow {
        turn("start")
    }

    fn configure(&mut self, _cx: &mut Context) -> Flow {
        turn("configure")
    }

    fn hopeless(&mut self, cx: &mut Context) -> Finish {
        called(&format!("hopeless after {}", cx.attempt().number));
        Err(Error::needs_human("the configuration cannot work"))
    }
}

#[test]
fn a_bound_ends_deferral_with_an_error_or_a_handler() {
    let mut unit = Unit::default();
    deferring(&["start"]);
    unit.dispatch::<Bounded>("hooks/start").unwrap();
    unit.dispatch::<Bounded>("hooks/update-status").unwrap();
    let before = unit.kept.0.clone();
    let error = unit.dispatch::<Bounded>("hooks/update-status").unwrap_err().to_string();
    assert!(error.ends_with("gave up after 3 tries: start is not ready"), "{error}");
    assert_eq!(unit.kept.0, before, "a failed dispatch keeps nothing");

    let mut unit = Unit::default();
    deferring(&["configure"]);
    unit.dispatch::<Bounded>("hooks/config-changed").unwrap();
    assert_eq!(unit.dispatch::<Bounded>("hooks/update-status").unwrap(), ["configure"]);
    let calls = unit.dispatch::<Bounded>("hooks/update-status").unwrap();
    assert_eq!(calls, ["configure", "hopeless after 3"]);
    assert!(unit.queue().is_empty());
    assert_eq!(unit.status(), ("blocked".into(), "the configuration cannot work".into()));
}

a_charm!(Several, |on| {
    on.any((start(), config_changed())).run(Several::both).give_up_with(2, Several::instead);
});

impl Several {
    fn both(&mut self, event: Event, _cx: &mut Context) -> Flow {
        called(&event.name());
        defer("never")
    }

    fn instead(&mut self, event: Event, cx: &mut Context) -> Finish {
        called(&format!("instead of {} after {}", event.name(), cx.attempt().number));
        done()
    }
}

#[test]
fn a_handler_of_several_events_gives_up_on_each_with_what_it_is() {
    let mut unit = Unit::default();
    assert_eq!(unit.dispatch::<Several>("hooks/start").unwrap(), ["start"]);
    let calls = unit.dispatch::<Several>("hooks/config-changed").unwrap();
    assert_eq!(calls, ["start", "instead of start after 2", "config-changed"]);
    let calls = unit.dispatch::<Several>("hooks/update-status").unwrap();
    assert_eq!(calls, ["config-changed", "instead of config-changed after 2"]);
    assert!(unit.queue().is_empty());
}

a_charm!(Old, |on| {
    on.start(Old::set_up);
});

impl Old {
    fn set_up(&mut self, _cx: &mut Context) -> Flow {
        turn("set_up")
    }
}

/// The same charm after an upgrade: its type's name stays, the handler's does not.
mod renamed {
    use super::*;

    a_charm!(Lost, |on| {
        on.install(Lost::other);
    });
    a_charm!(Found, |on| {
        on.start(Found::prepare).was("Old.set_up");
    });

    impl Lost {
        fn other(&mut self, _cx: &mut Context) -> Flow {
            turn("other")
        }
    }

    impl Found {
        fn prepare(&mut self, cx: &mut Context) -> Flow {
            called(&format!("prepare {}", cx.attempt().number));
            done()
        }
    }
}

#[test]
fn a_handler_that_is_gone_leaves_a_dead_letter_until_its_successor_is_named() {
    let mut unit = Unit::default();
    deferring(&["set_up"]);
    unit.dispatch::<Old>("hooks/start").unwrap();
    assert!(unit.dispatch::<renamed::Lost>("hooks/upgrade-charm").unwrap().is_empty());
    let memory = unit.memory();
    assert!(memory.queue.is_empty());
    assert_eq!(memory.dead.len(), 1);
    assert_eq!(memory.dead[0].why, "Old.set_up is no handler of this charm");
    assert_eq!(unit.dispatch::<renamed::Found>("hooks/upgrade-charm").unwrap(), ["prepare 2"]);
    assert_eq!(unit.memory().to_entries().len(), 1, "only the counter is left: {:?}", unit.kept.0);
}

/// The first form of an event, and the second.
mod forms {
    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Ready {
        pub(super) host: String,
    }
    impl CustomEvent for Ready {}

    pub(super) mod second {
        use super::*;

        #[derive(Clone, Serialize, Deserialize)]
        pub(in super::super) struct Ready {
            pub(in super::super) hosts: Vec<String>,
        }
        impl CustomEvent for Ready {
            const VERSION: u32 = 2;

            fn migrate(version: u32, data: serde_json::Value) -> Result<serde_json::Value, Error> {
                match version {
                    1 => Ok(serde_json::json!({"hosts": [data["host"]]})),
                    _ => Err(Error::bug("never was")),
                }
            }
        }
    }
}

mod first_charm {
    use super::*;
    a_charm!(Api, |on| {
        on.start(Api::begin);
        on.custom::<forms::Ready, _, _>(Api::ready);
    });
    impl Api {
        fn begin(&mut self, cx: &mut Context) -> Flow {
            cx.emit(&forms::Ready { host: "a".into() })?;
            called("begin");
            done()
        }
        fn ready(&mut self, _event: forms::Ready, _cx: &mut Context) -> Flow {
            turn("ready")
        }
    }
}

mod second_charm {
    use super::*;
    a_charm!(Api, |on| {
        on.custom::<forms::second::Ready, _, _>(Api::ready);
    });
    impl Api {
        fn ready(&mut self, event: forms::second::Ready, _cx: &mut Context) -> Flow {
            called(&event.hosts.join(","));
            done()
        }
    }
}

#[test]
fn a_deferred_event_of_an_older_form_is_migrated() {
    let mut unit = Unit::default();
    deferring(&["ready"]);
    assert_eq!(unit.dispatch::<first_charm::Api>("hooks/start").unwrap(), ["begin", "ready"]);
    assert_eq!(unit.dispatch::<second_charm::Api>("hooks/update-status").unwrap(), ["a"]);
    assert!(unit.queue().is_empty());
}

a_charm!(Many, |on| {
    on.start(Many::begin);
    on.custom::<Numbered, _, _>(Many::numbered);
});

#[derive(Clone, Serialize, Deserialize)]
struct Numbered(u32);
impl CustomEvent for Numbered {}

impl Many {
    fn begin(&mut self, cx: &mut Context) -> Flow {
        (0..2_000).try_for_each(|n| cx.emit(&Numbered(n)))?;
        done()
    }

    fn numbered(&mut self, event: Numbered, _cx: &mut Context) -> Flow {
        called(&event.0.to_string());
        defer("not yet")
    }
}

#[test]
fn thousands_of_deferred_events_keep_their_order() {
    let mut unit = Unit::default();
    let first = unit.dispatch::<Many>("hooks/start").unwrap();
    assert_eq!(first.len(), 2_000);
    assert_eq!(unit.dispatch::<Many>("hooks/update-status").unwrap(), first);
    assert_eq!(unit.memory().queue.len(), 2_000);
    assert_eq!(unit.memory().queue.iter().map(|n| n.attempts).min(), Some(2));
}

a_charm!(Recursive, |on| {
    on.start(Recursive::begin);
    on.custom::<Numbered, _, _>(Recursive::numbered);
});

impl Recursive {
    fn begin(&mut self, cx: &mut Context) -> Flow {
        cx.emit(&Numbered(1))?;
        done()
    }

    fn numbered(&mut self, event: Numbered, cx: &mut Context) -> Flow {
        called(&event.0.to_string());
        cx.emit(&Numbered(event.0))?;
        cx.emit_now(self, &Numbered(event.0))?;
        done()
    }
}

#[test]
fn an_event_that_emits_itself_ends() {
    assert_eq!(Unit::default().dispatch::<Recursive>("hooks/start").unwrap(), ["1"]);
}

a_charm!(Confused, |on| {
    on.start(|_: &mut Confused, _: &mut Context| done());
    on.install(Confused::a).named("same");
    on.config_changed(Confused::b).named("same");
});

impl Confused {
    fn a(&mut self, _cx: &mut Context) -> Flow {
        done()
    }
    fn b(&mut self, _cx: &mut Context) -> Flow {
        done()
    }
}

#[test]
fn handlers_that_could_not_be_found_again_are_refused() {
    let error = Unit::default().dispatch::<Confused>("hooks/start").unwrap_err().to_string();
    assert!(error.contains("the closure that handles start has no name"), "{error}");
    assert!(error.contains("two handlers are called Confused.same"), "{error}");
}
