//! The daemon's own life: one on a home, stores that cannot be used, stopping and starting where it was.

mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use common::{Bench, Said, charm, shell_charm};

#[test]
fn a_second_daemon_on_one_home_says_so_and_ends() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    let said = bench.refused(&["daemon", "run"]);
    assert!(said.stderr.contains("already runs"), "{said:?}");
    assert!(bench.ok(&["daemon", "status"]).contains("runs"));
}

#[test]
fn a_model_is_where_it_was_after_a_restart() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm("reader")]);
    bench.settle();
    let before = bench.trace("reader/0");
    bench.ok(&["daemon", "stop"]);
    assert!(!bench.home().join("periapt.sock").exists());
    let beside = std::fs::read_dir(bench.home()).expect("the home").flatten();
    let left: Vec<_> =
        beside.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with("-wal")).collect();
    assert!(left.is_empty(), "a stopped daemon leaves its store in one file: {left:?}");
    bench.settle();
    assert_eq!(bench.trace("reader/0"), before, "a restart alone runs no hook");
}

#[test]
fn a_store_that_cannot_be_used_is_named_and_left_as_it_was() {
    let bench = Bench::new();
    let store = bench.home().join("periapt.db");
    let rubbish =
        b"this is no database, however long it may be: it only has to be longer than a header of SQLite";
    std::fs::write(&store, rubbish).expect("a file");
    let said = bench.refused(&["status"]);
    assert!(said.stderr.contains("periapt.db"), "{said:?}");
    assert_eq!(std::fs::read(&store).expect("it is still there"), rubbish);
}

#[test]
fn the_socket_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.ok(&["models"]);
    let mode = |name: &str| {
        std::fs::metadata(bench.home().join(name)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode("periapt.sock"), 0o600);
    assert_eq!(mode("periapt.db"), 0o600);
}

#[test]
fn a_home_with_a_long_path_works() {
    let bench = Bench::new();
    let deep = bench.path().join("d".repeat(60)).join("e".repeat(60));
    let run = |arguments: &[&str]| {
        let output = bench.command().env("PERIAPT_HOME", &deep).args(arguments).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let path = shell_charm(bench.path(), "deep", "", &[("install", "status-set active \"$(is-leader)\"")]);
    run(&["deploy", &path]);
    run(&["wait", "--timeout", "60s"]);
    run(&["daemon", "stop"]);
}

#[test]
fn what_is_packed_deploys() {
    let bench = Bench::new();
    bench.ok(&["pack", &charm("reader")]);
    let archive = std::fs::read_dir(bench.path())
        .expect("the folder")
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "charm"))
        .expect("a .charm file");
    bench.ok(&["deploy", &archive.display().to_string(), "packed"]);
    bench.settle();
    assert!(bench.trace("packed/0").contains(&"start".to_owned()));
}

#[test]
fn models_are_apart_and_go_when_destroyed() {
    let bench = Bench::new();
    bench.ok(&["add-model", "other", "--no-switch"]);
    bench.ok(&["deploy", "-m", "other", &charm("reader")]);
    bench.ok(&["wait", "-m", "other", "--timeout", "60s"]);
    assert_eq!(bench.json(&["status"])["applications"], serde_json::json!({}));
    bench.ok(&["destroy-model", "other", "--no-prompt"]);
    let names = bench.json(&["models"])["models"].to_string();
    assert!(!names.contains("other"), "{names}");
    // The folder goes when the model's agents have ended, which nobody who destroys a model has to wait for.
    common::until("its units' folders are gone", std::time::Duration::from_secs(30), || {
        let models = std::fs::read_dir(bench.home().join("models")).expect("the models' folders").count();
        (models <= 1).then_some(())
    });
}

#[test]
fn the_daemon_holds_no_file_of_whoever_started_it() {
    let bench = Bench::new();
    let held = bench.path().join("held");
    let program = bench.command().get_program().to_owned();
    let mut shell = bench.command_of("sh");
    shell.args(["-c", "exec 9>held && flock 9 && \"$0\" models"]).arg(program).current_dir(bench.path());
    let said = Said::of(shell.output().expect("a shell"));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(bench.ok(&["daemon", "status"]).contains("runs"));
    let file = std::fs::File::open(&held).expect("the file");
    let lock = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert_eq!(lock, Ok(()), "the lock of the command that started the daemon is still held");
}

/// Each once cost megabytes, which stayed.
#[test]
fn a_connection_costs_the_daemon_little() {
    const CONNECTIONS: u64 = 200;
    let bench = Bench::new();
    bench.ok(&["models"]);
    let pid = bench.daemon_pid().expect("it runs");
    let resident_kib = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let ask = || {
        let mut stream = UnixStream::connect(bench.home().join("periapt.sock")).expect("it listens");
        stream.write_all(b"GET /v1/version HTTP/1.1\r\nHost: here\r\n\r\n").expect("it reads");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"HTTP/1.1 200");
        stream
    };
    drop(ask());
    let before = resident_kib();
    let open: Vec<UnixStream> = (0..CONNECTIONS).map(|_| ask()).collect();
    let each = resident_kib().saturating_sub(before) / CONNECTIONS;
    drop(open);
    assert!(each < 200, "{each} KiB for each connection");
}

#[test]
fn a_home_that_charms_could_not_use_and_a_model_that_is_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new();
    let home = bench.path().join("a:b");
    let said = bench.command().env("PERIAPT_HOME", &home).arg("models").output().expect("it starts");
    let said = Said::of(said);
    assert!(said.code == 1 && said.stderr.contains("a:b") && said.stderr.contains("colon"), "{said:?}");
    let model = std::ffi::OsStr::from_bytes(b"oth\xff");
    for variable in ["PERIAPT_MODEL", "JUJU_MODEL"] {
        let said = bench.command().env(variable, model).arg("add-machine").output().expect("it starts");
        let said = Said::of(said);
        assert!(said.code == 1 && said.stderr.contains(variable), "{said:?}");
    }
    assert_eq!(bench.json(&["machines"])["machines"], serde_json::json!({}));
}
