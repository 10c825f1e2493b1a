//! A charm's process is killed in the middle of each kind of hook, and so are the hook programs that it waits for.

use periapt_model::journal::Outcome;
use rustix::process::Signal;

use crate::arena::{Arena, SOON};
use crate::audit::{self, dispatches, journal};
use crate::common::{charm, kill, shell_charm, until};
use crate::processes::{self, Kind};
use crate::recorder::{held, release};

/// What became of each try of `name`, in order: the number of the try and the outcome's first word.
fn tries(arena: &Arena, unit: &str, name: &str) -> Vec<(u32, &'static str)> {
    let records = journal(arena, unit);
    let of_name = dispatches(&records).filter(|dispatch| dispatch.event.name() == name);
    let word = |outcome: &Outcome| match outcome {
        Outcome::Done => "done",
        Outcome::Missing => "missing",
        Outcome::Skipped => "skipped",
        Outcome::Failed { .. } => "failed",
        Outcome::Interrupted { .. } => "interrupted",
    };
    of_name.map(|dispatch| (dispatch.attempt, word(&dispatch.outcome))).collect()
}

/// Kills the unit's process while it is held in `hook`, and lets the next one go on.
fn kill_in(arena: &Arena, unit: &str, hook: &str) {
    let path = format!("hooks/{hook}");
    let first = held(arena, unit, &path, &[]);
    kill(first, Signal::KILL);
    held(arena, unit, &path, &[first]);
    // A process that was killed from outside is no error of the charm.
    let status = arena.json(&["status"]);
    let shown = &status["applications"]["a"]["units"][unit]["workload-status"]["current"];
    assert_ne!(shown, "error");
    release(arena, unit);
}

#[test]
fn a_process_that_is_killed_runs_again() {
    for hook in ["install", "leader-elected", "config-changed", "start", "data-relation-joined"] {
        let arena = Arena::new();
        let recorder = charm("testing/recorder");
        arena.ok(&["deploy", &recorder, "a", "--config", &format!("hold={hook}")]);
        arena.ok(&["deploy", &recorder, "b"]);
        arena.ok(&["integrate", "a:data", "b:source"]);
        kill_in(&arena, "a/0", hook);
        arena.settle();
        assert_eq!(tries(&arena, "a/0", hook), [(1, "interrupted"), (2, "done")]);
        audit::recorder(&arena, "a/0", 0);
        audit::recorder(&arena, "b/0", 0);
        arena.close();
    }
}

#[test]
fn a_process_that_is_killed_at_the_end_of_a_unit_runs_again() {
    for hook in ["data-relation-departed", "data-relation-broken", "stop", "remove"] {
        let arena = Arena::new();
        let recorder = charm("testing/recorder");
        arena.ok(&["deploy", &recorder, "a", "-n", "2", "--config", &format!("hold={hook}")]);
        arena.ok(&["deploy", &recorder, "b"]);
        arena.ok(&["integrate", "a:data", "b:source"]);
        arena.settle();
        arena.ok(&["remove-unit", "a/1", "--no-prompt"]);
        kill_in(&arena, "a/1", hook);
        arena.settle();
        assert_eq!(tries(&arena, "a/1", hook), [(1, "interrupted"), (2, "done")]);
        audit::check_trace("a/1", &journal(&arena, "a/1"));
        audit::recorder(&arena, "a/0", 0);
        audit::recorder(&arena, "b/0", 0);
        arena.close();
    }
}

#[test]
fn a_process_that_is_killed_each_time_is_given_rest() {
    let arena = Arena::new();
    arena.ok(&["deploy", &charm("testing/recorder"), "a", "--config", "hold=start"]);
    let mut killed = Vec::new();
    for _ in 0..3 {
        let pid = held(&arena, "a/0", "hooks/start", &killed);
        kill(pid, Signal::KILL);
        killed.push(pid);
    }
    // Nobody waits in the dark: `why` names the hook and the moment of its next try.
    let why = until("the third kill is seen", SOON, || {
        let why = arena.ok(&["why", "a/0"]);
        why.contains("in attempt 3").then_some(why)
    });
    assert!(why.contains("start was interrupted") && why.contains("it runs again in "), "{why}");
    assert!(why.contains("next: start runs again in "), "{why}");
    std::fs::write(arena.charm_dir("a/0").join("go"), "").expect("the unit's folder is there");
    arena.settle();
    let expected = [(1, "interrupted"), (2, "interrupted"), (3, "interrupted"), (4, "done")];
    assert_eq!(tries(&arena, "a/0", "start"), expected);
    audit::recorder(&arena, "a/0", 0);
    arena.close();
}

#[test]
fn an_action_that_is_killed_has_failed_and_is_not_run_again() {
    let arena = Arena::new();
    arena.ok(&["deploy", &charm("testing/recorder"), "a", "--config", "hold=echo"]);
    arena.settle();
    arena.ok(&["run", "a/0", "echo", "text=hello", "--background"]);
    kill(held(&arena, "a/0", "actions/echo", &[]), Signal::KILL);
    arena.settle();
    assert_eq!(tries(&arena, "a/0", "echo").len(), 1);
    let operations = arena.json(&["operations"]).to_string();
    assert!(operations.contains("failed"), "{operations}");
    audit::recorder(&arena, "a/0", 0);
    arena.close();
}

/// A charm whose config-changed waits for a hook command that reads a pipe into which nobody writes, until its folder
/// has a file `calm`. `patient`: the script goes on when the command fails.
fn blocking_charm(arena: &Arena, command: &str, patient: bool) -> String {
    let after = if patient { "|| echo $? >code" } else { "" };
    let script = format!(
        r#"state-set "early=$(($(state-get early || true) + 1))"
relation-set -r "$(relation-ids mates)" early=yes
[ -e calm ] && exit 0
[ -p pipe ] || mkfifo pipe
{command} <>pipe &
echo $! >program.new
mv program.new program
wait $! {after}
state-set late=yes"#
    );
    let metadata = "peers:\n  mates: {interface: mates}\n";
    shell_charm(arena.path(), "blocking", metadata, &[("config-changed", &script)])
}

/// The hook program that the charm waits for, once it is one: the shell that becomes it has the same number.
fn blocked_program(arena: &Arena, unit: &str) -> i32 {
    until("the hook program waits", SOON, || {
        let text = std::fs::read_to_string(arena.charm_dir_if_made(unit)?.join("program")).ok()?;
        let pid = text.trim().parse().ok()?;
        let process = processes::process(pid, &arena.home())?;
        (process.kind == Kind::HookProgram).then_some(pid)
    })
}

#[test]
fn a_hook_whose_command_is_killed_fails_and_is_tried_again() {
    for command in ["state-set --file -", "relation-set -r $(relation-ids mates) --file -"] {
        let arena = Arena::new();
        arena.ok(&["deploy", &blocking_charm(&arena, command, false), "a"]);
        kill(blocked_program(&arena, "a/0"), Signal::KILL);
        arena.ok(&["wait", "--for", "a/0=error", "--timeout", "60s"]);
        // The script ended with the code of a command that was killed; what it had written before is dropped.
        let records = journal(&arena, "a/0");
        let failed = dispatches(&records).find_map(|dispatch| match &dispatch.outcome {
            Outcome::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(failed.as_deref(), Some("exit status 137"), "{}", audit::shown(&records));
        assert_eq!(
            arena
                .exec("a/0", "state-get; relation-get -r $(relation-ids mates) early $JUJU_UNIT_NAME")
                .trim(),
            "{}"
        );
        std::fs::write(arena.charm_dir("a/0").join("calm"), "").expect("the unit's folder is there");
        arena.ok(&["resolved", "a/0"]);
        arena.settle();
        assert_eq!(tries(&arena, "a/0", "config-changed"), [(1, "failed"), (2, "done")]);
        let early =
            arena.exec("a/0", "state-get early; relation-get -r $(relation-ids mates) early $JUJU_UNIT_NAME");
        assert_eq!(early, "1\nyes\n");
        audit::check_trace("a/0", &journal(&arena, "a/0"));
        arena.close();
    }
}

#[test]
fn a_charm_may_go_on_when_its_command_is_killed() {
    let arena = Arena::new();
    arena.ok(&["deploy", &blocking_charm(&arena, "state-set --file -", true), "a"]);
    kill(blocked_program(&arena, "a/0"), Signal::KILL);
    arena.settle();
    assert_eq!(tries(&arena, "a/0", "config-changed"), [(1, "done")]);
    assert_eq!(std::fs::read_to_string(arena.charm_dir("a/0").join("code")).expect("written").trim(), "137");
    assert_eq!(arena.exec("a/0", "state-get early; state-get late"), "1\nyes\n");
    arena.close();
}
