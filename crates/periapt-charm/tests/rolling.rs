//! Rolling operations in a whole model: one unit at a time, whatever happens meanwhile.

use std::cell::{Cell, RefCell};

use periapt_charm::prelude::*;
use periapt_charm::rolling::{AfterFailure, Operation, Peers, Policy, Rolling, Turn};
use periapt_charm::testing::{Model, RelationState, Scenario, State};
use proptest::prelude::*;

static META: Metadata = Metadata {
    name: "web",
    json: r#"{"name": "web", "summary": "", "description": "", "format": "v2",
        "endpoints": {"peers": {"role": "peer", "interface": "web-peers"}},
        "config": {"version": {"type": "int", "default": 0},
            "broken": {"type": "string", "default": ""}, "how": {"type": "string", "default": "work"}}}"#,
    files: &[],
};

const PEERS: Endpoint = Endpoint::new("peers", Role::Peer, "web-peers");

thread_local! {
    /// Which unit restarts, as the world outside of the charm sees it: from its first try until it has ended.
    static AT_WORK: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// The most that were seen at once.
    static MOST: Cell<usize> = const { Cell::new(0) };
    static STOP: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug)]
struct Restart;

impl Operation for Restart {
    const NAME: &'static str = "restart";
    const PEERS: Peers = Peers::of(PEERS);

    fn policy() -> Policy {
        let then = if STOP.get() { AfterFailure::Stop } else { AfterFailure::GoOn };
        Policy { retries: 2, pause: secs(30), then }
    }
}

#[derive(Default)]
struct Web {
    restart: Rolling<Restart>,
}

impl Charm for Web {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.library("restart", |web| &mut web.restart, Rolling::observe);
        on.config_changed(Self::config_changed);
        on.custom(Self::restart);
    }
}

/// What the unit runs.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Runs {
    wanted: u64,
    version: u64,
    tries: u64,
}

impl StoredState for Runs {
    const KEY: &'static str = "runs";
}

impl Web {
    fn config_changed(&mut self, cx: &mut Context) -> Flow {
        let wanted = cx.raw_config()?["version"].as_u64().unwrap_or_default();
        let before: Runs = cx.state()?;
        if wanted != before.wanted {
            self.restart.ask(cx)?;
            cx.set_state(&Runs { wanted, ..before })?;
        }
        done()
    }

    fn restart(&mut self, turn: Turn<Restart>, cx: &mut Context) -> Flow {
        let unit = cx.unit().to_string();
        AT_WORK.with_borrow_mut(|working| {
            if !working.contains(&unit) {
                working.push(unit.clone());
            }
            MOST.set(MOST.get().max(working.len()));
        });
        let config = cx.raw_config()?;
        if config["how"] == "forget" {
            // The handler does not say how it went.
            AT_WORK.with_borrow_mut(|working| working.retain(|other| *other != unit));
            let runs: Runs = cx.state()?;
            cx.set_state(&Runs { version: runs.wanted, ..runs })?;
            return done();
        }
        let broken = config["broken"] == unit.as_str();
        let outcome = turn.work(cx, |cx| {
            let tries = cx.update_state(|runs: &mut Runs| {
                runs.tries += 1;
                runs.tries
            })?;
            if broken {
                return Err(Error::bug("it does not come up").into());
            }
            // Each restart takes three looks: the lock must not be lost in between.
            if tries % 3 != 0 {
                return defer("it does not answer yet").wake_after(secs(20));
            }
            cx.update_state(|runs: &mut Runs| runs.version = runs.wanted)?;
            done()
        });
        let deferred =
            matches!(&outcome, Err(stop) if matches!(stop.kind(), periapt_charm::flow::StopKind::Defer(_)));
        if !deferred {
            AT_WORK.with_borrow_mut(|working| working.retain(|other| *other != unit));
        }
        outcome
    }
}

fn fresh(stop: bool) {
    AT_WORK.set(Vec::new());
    MOST.set(0);
    STOP.set(stop);
}

fn versions(model: &Model, count: u32) -> Vec<u64> {
    (0..count)
        .map(|n| model.stored::<Runs>(&format!("web/{n}")).expect("it is well formed").version)
        .collect()
}

#[test]
fn five_units_restart_one_after_the_other_and_one_that_fails_is_skipped() {
    fresh(false);
    let mut model = Model::new();
    model.deploy_with::<Web>("web", 5, &[("broken", "web/2")]).unwrap().settle().unwrap();
    let begun = model.now();
    model.config("web", "version", "1").unwrap().settle().unwrap();
    assert_eq!(versions(&model, 5), [1, 1, 0, 1, 1]);
    assert_eq!(MOST.get(), 1);
    // Two pauses between three tries, whichever events come meanwhile.
    assert!(model.now().since(begun) >= secs(60), "{:?}", model.now().since(begun));
    assert_eq!(model.stored::<Runs>("web/2").unwrap().tries, 3);
    assert_eq!(
        model.unit_status("web/2"),
        Some(Status::Blocked("restart failed: it does not come up".into()))
    );
    assert_ne!(model.unit_status("web/1").map(|status| status.word()), Some("blocked"));
    // Mended, it takes part again, and is blocked no more.
    model.config("web", "broken", "").unwrap().config("web", "version", "2").unwrap().settle().unwrap();
    assert_eq!(versions(&model, 5), [2; 5]);
    assert_eq!(model.unit_status("web/2"), Some(Status::Active(String::new())));
    assert_eq!(MOST.get(), 1);
}

#[test]
fn a_failure_can_hold_up_all_others() {
    fresh(true);
    let mut model = Model::new();
    model.deploy_with::<Web>("web", 3, &[("broken", "web/1")]).unwrap().settle().unwrap();
    model.config("web", "version", "1").unwrap().settle().unwrap();
    let done = versions(&model, 3);
    assert_eq!(done[1], 0);
    assert!(done.contains(&0) && model.unit_status("web/1").is_some_and(|status| status.word() == "blocked"));
    let app = model.databag("web:peers", "web").unwrap();
    assert!(app["rolling-restart"].contains(r#""held_up_by":"web/1""#), "{app:?}");
    model.config("web", "broken", "").unwrap().config("web", "version", "2").unwrap().settle().unwrap();
    assert_eq!(versions(&model, 3), [2; 3]);
}

#[test]
fn a_handler_that_does_not_say_how_it_went_gives_the_turn_on() {
    fresh(false);
    let mut model = Model::new();
    model.deploy_with::<Web>("web", 3, &[("how", "forget")]).unwrap().settle().unwrap();
    model.config("web", "version", "1").unwrap().settle().unwrap();
    assert_eq!(versions(&model, 3), [1; 3]);
    let app = model.databag("web:peers", "web").unwrap();
    assert_eq!(app["rolling-restart"], "{}");
}

#[test]
fn a_unit_that_goes_away_in_its_turn_and_a_leader_that_does_hold_nobody_up() {
    fresh(false);
    let mut model = Model::new();
    model.deploy::<Web>("web", 4).unwrap().settle().unwrap();
    let leader = model.leader("web").unwrap();
    model.config("web", "version", "1").unwrap().pass(secs(30)).unwrap();
    let working = AT_WORK.with_borrow(|working| working.first().cloned()).expect("somebody has begun");
    model.remove_unit(&working).unwrap();
    AT_WORK.with_borrow_mut(|others| others.retain(|unit| *unit != working));
    model.pass(secs(5)).unwrap();
    if leader != working {
        model.lose_leadership("web").unwrap();
    }
    model.settle().unwrap();
    for unit in model.units() {
        assert_eq!(model.stored::<Runs>(&unit).unwrap().version, 1, "{unit}");
    }
    assert_eq!(model.units().len(), 3);
    assert_eq!(MOST.get(), 1);
}

/// One unit with that in its databags, which knows nothing of what it did before.
fn unit_of(app: &str, mine: &str, peers: &[(u32, &str)]) -> State {
    let bag = |text: &str| RawBag::from([("rolling-restart".to_owned(), text.to_owned())]);
    let mut relation = RelationState::new(PEERS, 1);
    (relation.local_app, relation.local_unit) = (bag(app), bag(mine));
    relation.remote_units = peers.iter().map(|(number, text)| (*number, bag(text))).collect();
    State::new().with_relation(relation).with_planned_units(5)
}

#[test]
fn work_that_was_lost_with_its_pod_begins_again() {
    fresh(false);
    let state = unit_of(
        r#"{"turn":{"unit":"web/0","ticket":2}}"#,
        r#"{"asked":2,"begun":2,"finished":1}"#,
        &[(1, "{}")],
    );
    let out = Scenario::<Web>::new().run(PEERS.changed(), &state).unwrap();
    assert_eq!(out.emitted, ["restart"]);
    assert_eq!(out.deferred().len(), 1, "it takes three looks");
    // What it remembers does not begin twice.
    let out = Scenario::<Web>::new().run(PEERS.changed(), &out.state).unwrap();
    assert_eq!(out.emitted, [""; 0]);
    assert_eq!(out.deferred().len(), 1);
}

#[test]
fn a_new_leader_that_has_not_met_the_unit_at_work_takes_nothing_from_it() {
    fresh(false);
    let turn = r#"{"turn":{"unit":"web/2","ticket":1}}"#;
    let state = unit_of(turn, r#"{"asked":1}"#, &[(1, "{}")]).with_leader(true);
    let out = Scenario::<Web>::new().run(leader_elected(), &state).unwrap();
    assert_eq!(out.state.relation(1).unwrap().local_app["rolling-restart"], turn);
    assert_eq!(out.emitted, [""; 0]);
    // Once it is met and has finished, the leader itself is next.
    let state =
        unit_of(turn, r#"{"asked":1}"#, &[(2, r#"{"asked":1,"begun":1,"finished":1}"#)]).with_leader(true);
    let out = Scenario::<Web>::new().run(PEERS.changed(), &state).unwrap();
    assert_eq!(out.emitted, ["restart"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// In whatever order the units' hooks run, and leaders change.
    #[test]
    fn no_order_of_hooks_lets_two_work_at_once(seed in 1..u64::MAX, leaderless in 0..4_u64) {
        fresh(false);
        let mut model = Model::with_seed(seed);
        model.deploy_with::<Web>("web", 4, &[("broken", "web/3")]).unwrap().settle().unwrap();
        model.config("web", "version", "1").unwrap();
        for _ in 0..leaderless {
            model.pass(secs(25)).unwrap();
            model.lose_leadership("web").unwrap();
        }
        model.add_units("web", 1).unwrap().settle().unwrap();
        prop_assert_eq!(versions(&model, 4), vec![1, 1, 1, 0]);
        prop_assert_eq!(MOST.get(), 1);
    }
}
