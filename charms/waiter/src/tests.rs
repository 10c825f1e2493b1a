//! One test for each kind of deferral. No daemon, no files, no waiting: time is part of the state.

use std::net::TcpListener;

use periapt_charm::testing::{Details, Level, RelationState, Scenario, State};
use serde_json::json;

use super::*;

fn open_restaurant() -> State {
    State::new().with_stored(&Book { open: true, oven_is_hot: true, ..Book::default() })
}

fn reasons(state: &State) -> Vec<String> {
    state.deferred().iter().map(|notice| notice.reason.clone()).collect()
}

fn book(state: &State) -> Book {
    state.stored().unwrap()
}

fn dishes(state: &State) -> Vec<String> {
    book(state).served.into_iter().map(|served| served.dish).collect()
}

#[test]
fn the_doors_open_at_their_time() {
    let waiter = Scenario::<Waiter>::new();
    let out = waiter.run(install(), &State::new().with_config("opens-after", 60.0)).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Waiting("the doors are closed".into())));
    // Other events try too. The time stays the one that was first said.
    let out = waiter.run(leader_elected(), &out.state.after(secs(59))).unwrap();
    assert_eq!(reasons(&out.state), ["the doors are closed"]);
    let out = waiter.run(woken(), &out.state.after(secs(1))).unwrap();
    assert!(book(&out.state).open);
    assert_eq!(out.state.unit_status, Some(Status::Active("ready to serve".into())));
}

#[test]
fn the_oven_is_looked_at_every_second() {
    let waiter = Scenario::<Waiter>::new();
    let mut out =
        waiter.run(start(), &open_restaurant().with_stored(&Book { open: true, ..Book::default() })).unwrap();
    let mut looks = 1;
    while !out.deferred().is_empty() {
        out = waiter.run(woken(), &out.state.after(secs(1))).unwrap();
        looks += 1;
    }
    assert_eq!(looks, 3);
    assert!(book(&out.state).oven_is_hot);
}

#[test]
fn guests_are_seated_when_there_is_a_menu() {
    let waiter = Scenario::<Waiter>::new();
    let guests = RelationState::new(GUESTS, 3).with_remote_units([0]);
    let out = waiter.run(GUESTS.joined(), &open_restaurant().with_relation(guests)).unwrap();
    assert_eq!(reasons(&out.state), ["there is no menu: set the option `menu`"]);
    let out = waiter.run(config_changed(), &out.state.with_config("menu", "soup")).unwrap();
    assert!(out.deferred().is_empty());
    let place: Place = out.state.relation(3).unwrap().local_unit_as().unwrap();
    assert_eq!(place, Place { table: 1, menu: "soup".into() });
}

#[test]
fn guests_who_left_are_not_seated_any_more() {
    let waiter = Scenario::<Waiter>::new();
    let guests = RelationState::new(GUESTS, 3).with_remote_units([0]);
    let out = waiter.run(GUESTS.joined(), &open_restaurant().with_relation(guests)).unwrap();
    let out = waiter.run(update_status(), &out.state.without_relation(3)).unwrap();
    assert!(out.deferred().is_empty());
    assert_eq!(out.dropped[0].reason, "relation guests:3 is gone");
}

#[test]
fn dishes_are_served_in_order() {
    let waiter = Scenario::<Waiter>::new();
    let order = |dish: &str, minutes: f64| Order { dish: dish.into(), minutes };
    let out = waiter.run_action(order("roast", 1.0), &open_restaurant()).unwrap();
    assert_eq!(out.action_results.get("number"), Some(&json!("1")));
    let out = waiter.run_action(order("soup", 0.0), &out.state).unwrap();
    assert!(dishes(&out.state).is_empty(), "the soup queues behind the roast");
    assert_eq!(reasons(&out.state)[0], "roast is in the oven");
    let out = waiter.run(woken(), &out.state.after(mins(1))).unwrap();
    assert_eq!(dishes(&out.state), ["roast", "soup"]);
    assert_eq!(out.state.unit_status, Some(Status::Active("2 dishes served".into())));
}

#[test]
fn nothing_is_cooked_in_a_cold_oven() {
    let waiter = Scenario::<Waiter>::new();
    let order = Order { dish: "roast".into(), minutes: 0.0 };
    let out = waiter.run_action(order, &State::new()).unwrap();
    assert_eq!(reasons(&out.state), ["roast needs a hot oven"]);
}

#[test]
fn many_events_defer_the_laying_of_tables_once() {
    let waiter = Scenario::<Waiter>::new();
    let out = waiter.run(config_changed(), &State::new()).unwrap();
    let out = waiter.run(update_status(), &out.state).unwrap();
    assert_eq!(reasons(&out.state), ["tables are laid when the doors are open"]);
    let out = waiter.run(install(), &out.state).unwrap();
    let out = waiter.run(update_status(), &out.state).unwrap();
    assert!(out.deferred().is_empty());
}

#[test]
fn there_is_water_when_the_cellar_does_not_answer() {
    let waiter = Scenario::<Waiter>::new();
    // A port where nobody listens: the listener is dropped at once.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut out = waiter.run(config_changed(), &open_restaurant().with_config("cellar-port", port)).unwrap();
    assert!(out.slept > millis(500), "it was asked for about a second");
    for _ in 0..2 {
        assert!(
            reasons(&out.state)[0].starts_with("the cellar does not answer: "),
            "{:?}",
            reasons(&out.state)
        );
        out = waiter.run(update_status(), &out.state).unwrap();
    }
    let out = waiter.run(update_status(), &out.state).unwrap();
    assert!(out.deferred().is_empty());
    assert!(out.dropped[0].reason.starts_with("gave up after 4 tries"), "{:?}", out.dropped);
    assert_eq!(book(&out.state).drink, "water");

    let cellar = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = cellar.local_addr().unwrap().port();
    let out = waiter.run(config_changed(), &out.state.with_config("cellar-port", port)).unwrap();
    assert_eq!(book(&out.state).drink, "wine");
}

#[test]
fn a_port_that_is_none_is_for_a_human() {
    let out = Scenario::<Waiter>::new()
        .run(config_changed(), &open_restaurant().with_config("cellar-port", 70_000));
    assert_eq!(out.unwrap().state.unit_status, Some(Status::Blocked("cellar-port: 70000 is no port".into())));
}

#[test]
fn a_waiter_who_does_not_learn_fails() {
    let waiter = Scenario::<Waiter>::new();
    let out = waiter.run(upgrade_charm(), &open_restaurant()).unwrap();
    let failed = waiter.run(update_status(), &out.state.after(mins(10))).unwrap_err().to_string();
    assert!(failed.contains("gave up after 2 tries: a new waiter has to learn the menu"), "{failed}");
}

#[test]
fn an_old_book_is_read() {
    let old =
        json!({"open": true, "oven_is_hot": true, "drink": "", "served": ["roast", "soup"], "orders": 2});
    let mut state = State::new();
    state.memory.stored.insert("book".into(), periapt_charm::memory::Stored { version: 1, value: old });
    let out = Scenario::<Waiter>::new().run(update_status(), &state).unwrap();
    assert_eq!(dishes(&out.state), ["roast", "soup"]);
    assert_eq!(out.state.unit_status, Some(Status::Active("2 dishes served".into())));
    state.memory.stored.get_mut("book").unwrap().version = 9;
    assert!(Scenario::<Waiter>::new().run(update_status(), &state).is_err());
}

#[test]
fn what_is_deferred_is_logged() {
    let out =
        Scenario::<Waiter>::new().run(install(), &State::new().with_config("opens-after", 1.0)).unwrap();
    assert!(out.has_logged(Level::Debug, "the doors are closed"), "{:?}", out.logs);
    let guests = RelationState::new(GUESTS, 3).with_remote_units([0, 1]);
    let out = Scenario::<Waiter>::new()
        .run(GUESTS.joined().unit(1), &open_restaurant().with_relation(guests))
        .unwrap();
    assert_eq!(out.handlers_of("guests-relation-joined"), ["seat"]);
}
