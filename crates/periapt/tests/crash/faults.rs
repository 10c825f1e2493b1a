//! The daemon dies at each of its fault points.

use periapt_agent::fault;

use crate::arena::Arena;
use crate::audit;
use crate::common::charm;

/// Lets the daemon die twice at the passings `early` and `late` of `point`: once while two related applications come up
/// and are changed, once while a part of them goes away.
fn dies_at(point: &str, early: u32, late: u32) {
    assert!(fault::POINTS.contains(&point));
    let arena = Arena::new();
    let recorder = charm("testing/recorder");
    let first = arena.arm(point, early);
    arena.insist(&["deploy", &recorder, "a"]);
    arena.insist(&["deploy", &recorder, "b", "-n", "2"]);
    arena.insist(&["integrate", "a:data", "b:source"]);
    arena.settle_through_deaths();
    arena.insist(&["config", "a", "note=changed"]);
    arena.insist(&["config", "b", "note=changed"]);
    arena.settle_through_deaths();
    assert_ne!(arena.daemon_pid(), Some(first), "the daemon has not passed {point} {early} times");
    for unit in ["a/0", "b/0", "b/1"] {
        audit::recorder(&arena, unit, 1);
    }

    arena.ok(&["daemon", "stop"]);
    let second = arena.arm(point, late);
    arena.insist(&["remove-unit", "b/1", "--no-prompt"]);
    arena.insist(&["config", "a", "note=again"]);
    arena.settle_through_deaths();
    assert_ne!(arena.daemon_pid(), Some(second), "the daemon has not passed {point} {late} times");
    for unit in ["a/0", "b/0"] {
        audit::recorder(&arena, unit, 2);
    }
    audit::check_trace("b/1", &audit::journal(&arena, "b/1"));
    assert!(!arena.home().join("models").join("unit-b-1").exists());
    arena.close();
}

macro_rules! die {
    ($($name:ident: $point:literal at $early:literal, then $late:literal;)*) => {
        $(#[test] fn $name() { dies_at($point, $early, $late); })*

        #[test]
        fn every_point_is_tried() {
            for point in fault::POINTS {
                assert!([$($point),*].contains(&point), "{point}");
            }
        }
    };
}

die! {
    taking_the_first_unit: "before-take" at 1, then 1;
    taking_a_later_unit: "before-take" at 3, then 2;
    before_a_first_step_is_noted: "before-begin-commit" at 1, then 1;
    before_a_step_is_noted: "before-begin-commit" at 12, then 4;
    before_a_late_step_is_noted: "before-begin-commit" at 40, then 9;
    when_the_charm_is_about_to_be_put_in_place: "after-begin-commit" at 1, then 1;
    when_a_step_is_noted: "after-begin-commit" at 9, then 3;
    when_a_late_step_is_noted: "after-begin-commit" at 25, then 5;
    when_install_runs: "after-spawn" at 1, then 1;
    when_a_hook_runs: "after-spawn" at 9, then 2;
    when_a_late_hook_runs: "after-spawn" at 22, then 5;
    in_the_first_hook_command: "in-hook-command" at 1, then 1;
    in_a_hook_command: "in-hook-command" at 40, then 7;
    in_a_late_hook_command: "in-hook-command" at 110, then 20;
    when_install_has_ended: "after-exit" at 1, then 1;
    when_a_hook_has_ended: "after-exit" at 8, then 2;
    when_a_late_hook_has_ended: "after-exit" at 21, then 5;
    before_the_charm_is_recorded_in_place: "before-finish-commit" at 1, then 1;
    before_an_end_is_committed: "before-finish-commit" at 9, then 3;
    before_a_late_end_is_committed: "before-finish-commit" at 24, then 5;
    when_the_charm_is_recorded_in_place: "after-finish-commit" at 1, then 1;
    when_an_end_is_committed: "after-finish-commit" at 10, then 2;
    when_a_late_end_is_committed: "after-finish-commit" at 23, then 5;
}
