//! A charm as a process, with hook commands that are programs on its `PATH`, as on Juju: what it runs, how it ends, and that
//! its memory is whole wherever it is killed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// Every hook command: writes itself down, kills its charm when it is its turn, and answers. Lines of the log are written
/// beside other commands, and outlive a charm that is killed: one at a time, and a file for each dispatch.
const TOOL: &str = r#"#!/bin/sh
exec 9> "$CALLS.lock"
flock 9
echo "${0##*/} $*" >> "$CALLS"
turn="$(wc -l < "$CALLS")"
exec 9>&-
[ "$turn" = "$KILL_AT" ] && kill -9 "$PPID"
case "${0##*/}" in
is-leader) echo true ;;
status-get) echo '{"status": "unknown", "message": "", "status-data": {}}' ;;
action-get) echo '{}' ;;
esac
"#;

struct Unit {
    dir: tempfile::TempDir,
    dispatches: Cell<u32>,
}

impl Unit {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let tools = dir.path().join("tools");
        fs::create_dir(&tools).expect("a folder");
        fs::write(tools.join("tool"), TOOL).expect("written");
        fs::set_permissions(tools.join("tool"), Permissions::from_mode(0o755)).expect("set");
        for name in
            ["juju-log", "is-leader", "status-get", "status-set", "action-get", "action-fail", "action-set"]
        {
            symlink("tool", tools.join(name)).expect("linked");
        }
        Self { dir, dispatches: Cell::new(0) }
    }

    fn command(&self, path: &str, kill_at: Option<usize>) -> Command {
        self.dispatches.set(self.dispatches.get() + 1);
        let mut command = Command::new(charm());
        let tools = self.dir.path().join("tools");
        let system = std::env::var("PATH").expect("a PATH");
        command
            .env_clear()
            .env("PATH", format!("{}:{system}", tools.display()))
            .env("CALLS", self.calls_file())
            .env("KILL_AT", kill_at.map(|at| at.to_string()).unwrap_or_default())
            .env("JUJU_UNIT_NAME", "counting/0")
            .env("JUJU_CHARM_DIR", self.dir.path())
            .env("JUJU_DISPATCH_PATH", path);
        command
    }

    fn dispatch(&self, path: &str, kill_at: Option<usize>) -> Output {
        self.command(path, kill_at).output().expect("the charm starts")
    }

    fn calls_file(&self) -> PathBuf {
        self.dir.path().join(format!("calls-{}", self.dispatches.get()))
    }

    /// The hook commands of the last dispatch.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.calls_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many dispatches have ended well; fails if the memory is anything in between.
    fn count(&self) -> u64 {
        let memory = read(&self.dir.path().join(".charm-state.db"));
        let count = memory.get("state").map_or(0, |states| {
            let state: Value = serde_json::from_str(&states[0]).expect("JSON");
            state["value"]["dispatches"].as_u64().expect("a number")
        });
        // Each row holds several.
        let blocks = memory.get("notice").into_iter().flatten();
        let notices: Vec<Value> =
            blocks.flat_map(|block| serde_json::from_str::<Vec<Value>>(block).expect("JSON")).collect();
        assert_eq!(notices.len() as u64, count, "as many deferred events as dispatches: {memory:?}");
        for (place, notice) in notices.iter().enumerate() {
            assert_eq!(notice["attempts"].as_u64(), Some(count - place as u64), "{notice}");
        }
        count
    }
}

/// The example `counting`, which is built with the tests.
fn charm() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let target = test.parent().and_then(Path::parent).expect("target/debug/deps/TEST");
    target.join("examples/counting")
}

/// All entries by kind, in the order of their keys.
fn read(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !path.exists() {
        return entries;
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("opens");
    let Ok(mut rows) = db.prepare("SELECT kind, data FROM entry ORDER BY kind, key") else { return entries };
    let found = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
    for (kind, data) in found.map(|row| row.expect("a row")) {
        let (kind, data): (String, String) = (kind, data);
        entries.entry(kind).or_default().push(data);
    }
    entries
}

#[test]
fn a_dispatch_runs_few_hook_commands_and_ends_well() {
    let unit = Unit::new();
    let output = unit.dispatch("hooks/update-status", None);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(unit.count(), 1);
    let calls: Vec<String> = unit.calls().into_iter().filter(|call| !call.starts_with("juju-log")).collect();
    let expected = [
        "status-set --application=false maintenance -- dispatch 1",
        // What is deferred is waiting, which is less than maintenance.
        "status-get --format=json --include-data --application=false",
        "status-set --application=false maintenance -- dispatch 1",
    ];
    assert_eq!(calls, expected);
    assert!(unit.dispatch("hooks/no-such-event", None).status.success());
    let output = unit.dispatch("actions/unheard-of", None);
    assert!(output.status.success());
    assert!(unit.calls().iter().any(|call| call.starts_with("action-fail -- the charm has no handler")));
}

#[test]
fn a_charm_that_nobody_dispatches_says_what_is_missing() {
    let output = Command::new(charm()).env_clear().output().expect("the charm starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("counting: JUJU_UNIT_NAME is not set: a charm is started by"), "{said}");
}

#[test]
fn a_missing_hook_command_fails_the_hook_and_keeps_nothing() {
    let unit = Unit::new();
    fs::remove_file(unit.dir.path().join("tools/status-set")).expect("removed");
    let output = unit.dispatch("hooks/update-status", None);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("status-set") && said.contains("no such hook command"), "{said}");
    assert_eq!(unit.count(), 0);
}

#[test]
fn a_panic_is_logged_with_a_backtrace_after_what_was_said_and_keeps_nothing() {
    let unit = Unit::new();
    let output = unit.dispatch("hooks/config-changed", None);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let calls = unit.calls().join("\n");
    let said =
        calls.find("juju-log --log-level INFO -- about to break down").expect("what was said is logged");
    let error = calls.find("juju-log --log-level ERROR").expect("the panic is logged");
    assert!(said < error && calls[error..].contains("nothing can be done"), "{calls}");
    assert!(calls[error..].contains("break_down"), "no calls: {calls}");
    assert!(!calls.contains("deliver<"), "calls of the library: {calls}");
    // Where it was, in the charm's own source; and nothing that nobody can read.
    let place = "the charm panicked at crates/periapt-charm/examples/counting.rs:";
    assert!(calls.contains(place) && !calls.contains("<unknown>"), "{calls}");
    // What is shown of a hook is the end of what it said.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with(place) && said.trim_end().ends_with("nothing can be done"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(unit.count(), 0);
}

#[test]
fn killed_in_any_hook_command_the_memory_is_that_before_or_that_after() {
    let unit = Unit::new();
    assert!(unit.dispatch("hooks/update-status", None).status.success());
    assert!(unit.dispatch("hooks/update-status", None).status.success());
    let commands = unit.calls().len();
    assert!(commands >= 4, "{:?}", unit.calls());
    for at in 1..=commands {
        let before = unit.count();
        let output = unit.dispatch("hooks/update-status", Some(at));
        assert_eq!(output.status.signal(), Some(9), "command {at}: {output:?}");
        // All hook commands come before the save.
        assert_eq!(unit.count(), before, "killed in command {at}");
    }
    let before = unit.count();
    assert!(unit.dispatch("hooks/update-status", None).status.success());
    assert_eq!(unit.count(), before + 1);
}

#[test]
fn killed_at_any_time_the_memory_is_that_before_or_that_after() {
    let unit = Unit::new();
    // How long one takes, to spread the kills over it. A machine that is busy with other things takes longer at times: as
    // long as all kills come too early, or too late, they are spread over more, or less.
    let begun = Instant::now();
    assert!(unit.dispatch("hooks/update-status", None).status.success());
    let mut usual = begun.elapsed();
    let (mut killed, mut saved) = (0, 0);
    for turn in 0..400_u32 {
        if turn >= 40 && killed > 0 && saved > 0 {
            break;
        }
        if turn % 20 == 19 {
            usual = match (killed, saved) {
                (_, 0) => usual * 2,
                (0, _) => usual / 2,
                _ => usual,
            };
        }
        let before = unit.count();
        let mut child = unit.command("hooks/update-status", None).spawn().expect("the charm starts");
        // The kill must come from outside and in the middle: there is no condition to wait for.
        std::thread::sleep(
            usual.mul_f64(f64::from(turn % 20) / 16.0) + Duration::from_micros(u64::from(turn) * 7),
        );
        let _ = child.kill();
        let status = child.wait().expect("it ends");
        let after = unit.count();
        assert!(after == before || after == before + 1, "turn {turn}: {before} → {after}");
        assert!(after == before + 1 || !status.success(), "turn {turn}: ended well and saved nothing");
        killed += u32::from(status.signal() == Some(9));
        saved += u32::from(after == before + 1);
    }
    assert!(killed > 0 && saved > 0, "{killed} killed, {saved} saved: the kills were all early or all late");
}
