//! What is left running when a daemon dies.

use rustix::process::Signal;

use crate::arena::{Arena, SOON};
use crate::audit::{self, journal};
use crate::common::{charm, kill, shell_charm, until};
use crate::processes::{self, is_alive};
use crate::recorder::{held, release};

/// Everything that was started in the hook's process group is a part of it; a service has a session of its own.
const CHANGED: &str = r#"
[ -e service ] || {
    setsid sleep 1000 </dev/null >/dev/null 2>&1 &
    echo $! >service
}
if [ -e part ]; then
    # One that nobody has waited for has no program any more.
    [ -e "/proc/$(cat part)/exe" ] && echo lives >fate.part || echo gone >fate.part
    [ -e "/proc/$(cat service)/exe" ] && echo lives >fate.service || echo gone >fate.service
    exit 0
fi
sleep 1000 &
echo $! >part.new
mv part.new part
wait
"#;

#[test]
fn a_hook_is_ended_before_anything_else_of_its_unit_and_a_service_lives_on() {
    let arena = Arena::new();
    let path = shell_charm(arena.path(), "left", "", &[("config-changed", CHANGED)]);
    arena.ok(&["deploy", &path, "a"]);
    let file = |name: &str| std::fs::read_to_string(arena.charm_dir("a/0").join(name));
    let number = |name: &str| file(name).ok()?.trim().parse::<i32>().ok();
    let part = until("the hook waits", SOON, || number("part"));
    let service = number("service").expect("the service was started first");
    arena.kill_daemon();
    assert!(is_alive(part) && is_alive(service), "nothing ends with the daemon itself");

    arena.settle();
    assert_eq!(file("fate.part").expect("the hook ran again"), "gone\n");
    assert_eq!(file("fate.service").expect("the hook ran again"), "lives\n");
    assert!(is_alive(service));
    audit::check_trace("a/0", &journal(&arena, "a/0"));

    arena.ok(&["daemon", "stop"]);
    assert!(is_alive(service), "a service outlives its daemon");
    kill(service, Signal::KILL);
    until("the service is gone", SOON, || (!is_alive(service)).then_some(()));
    arena.close();
}

#[test]
fn the_daemon_dies_in_the_middle_of_each_hook() {
    for hook in ["install", "config-changed", "start", "data-relation-changed"] {
        let arena = Arena::new();
        let recorder = charm("testing/recorder");
        arena.ok(&["deploy", &recorder, "a", "--config", &format!("hold={hook}")]);
        arena.ok(&["deploy", &recorder, "b"]);
        arena.ok(&["integrate", "a:data", "b:source"]);
        let path = format!("hooks/{hook}");
        let first = held(&arena, "a/0", &path, &[]);
        arena.kill_daemon();
        assert!(is_alive(first), "a hook does not end with its daemon");
        arena.ok(&["status"]);
        let second = held(&arena, "a/0", &path, &[first]);
        assert!(!is_alive(first), "the first {hook} still runs while the second does");
        // The next daemon's death finds a second try.
        arena.kill_daemon();
        arena.ok(&["status"]);
        held(&arena, "a/0", &path, &[first, second]);
        // What b/0 writes after it has come is another change, and held as well.
        until("both are settled", SOON, || {
            release(&arena, "a/0");
            (arena.run(&["wait", "--timeout", "2s"]).code == 0).then_some(())
        });
        arena.settle();
        audit::recorder(&arena, "a/0", 2);
        audit::recorder(&arena, "b/0", 2);
        arena.close();
    }
}

#[test]
fn a_hook_whose_daemon_dies_each_time_is_given_rest() {
    let arena = Arena::new();
    arena.ok(&["deploy", &charm("testing/recorder"), "a", "--config", "hold=start"]);
    let mut before = Vec::new();
    for _ in 0..3 {
        before.push(held(&arena, "a/0", "hooks/start", &before));
        arena.kill_daemon();
        arena.ok(&["status"]);
    }
    // Nothing runs now, and nobody says that it does.
    let why = until("the third death is seen", SOON, || {
        let why = arena.ok(&["why", "a/0"]);
        why.contains("in attempt 3").then_some(why)
    });
    assert!(why.contains("start was interrupted") && why.contains("it runs again in "), "{why}");
    held(&arena, "a/0", "hooks/start", &before);
    release(&arena, "a/0");
    arena.settle();
    audit::recorder(&arena, "a/0", 3);
    arena.close();
}

#[test]
fn an_action_whose_daemon_dies_has_failed() {
    let arena = Arena::new();
    arena.ok(&["deploy", &charm("testing/recorder"), "a", "--config", "hold=echo"]);
    arena.settle();
    arena.ok(&["run", "a/0", "echo", "text=hello", "--background"]);
    let action = held(&arena, "a/0", "actions/echo", &[]);
    arena.kill_daemon();
    arena.settle();
    assert!(!is_alive(action));
    let operations = arena.json(&["operations"]).to_string();
    assert!(operations.contains("failed"), "{operations}");
    audit::recorder(&arena, "a/0", 1);
    arena.close();
}

#[test]
fn a_unit_that_is_removed_by_force_after_a_death_leaves_nothing() {
    let arena = Arena::new();
    arena.ok(&["deploy", &charm("testing/recorder"), "a", "--config", "hold=stop"]);
    arena.settle();
    arena.ok(&["remove-application", "a", "--no-prompt"]);
    let first = held(&arena, "a/0", "hooks/stop", &[]);
    arena.kill_daemon();
    arena.ok(&["remove-application", "a", "--no-prompt", "--force"]);
    arena.settle();
    until("what its hook left is ended", SOON, || (!is_alive(first)).then_some(()));
    assert!(processes::of_home(&arena.home()).iter().all(|process| process.kind == processes::Kind::Daemon));
    arena.close();
}
