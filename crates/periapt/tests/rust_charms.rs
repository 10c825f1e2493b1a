//! The example charms in Rust, deployed from their folders and run as a user does, alone and beside charms in other languages.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{Bench, charm, kill, shell_charm, until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(60);

/// Charms are built with cargo's profile `dev`: that takes seconds, where `release` takes minutes.
const DEV: (&str, &str) = ("PERIAPT_CHARM_PROFILE", "dev");

fn bench() -> Bench {
    Bench::with([(DEV.0, DEV.1.into())])
}

/// The message of a unit's status.
fn message(bench: &Bench, unit: &str) -> String {
    let status = bench.json(&["status"]);
    let app = unit.split('/').next().unwrap_or_default();
    let unit = &status["applications"][app]["units"][unit]["workload-status"];
    format!(
        "{}: {}",
        unit["current"].as_str().unwrap_or_default(),
        unit["message"].as_str().unwrap_or_default()
    )
}

#[track_caller]
fn until_message(bench: &Bench, unit: &str, expected: &str) {
    let mut seen = String::new();
    until(&format!("{unit} is {expected:?}"), LONG, || {
        seen = message(bench, unit);
        (seen == expected).then_some(())
    });
}

/// What an action said.
fn run(bench: &Bench, unit: &str, action: &[&str]) -> Value {
    let said = bench.json(&[&["run", unit], action].concat());
    said[unit]["results"].clone()
}

/// The reasons of what a unit has deferred.
fn why(bench: &Bench, unit: &str) -> String {
    bench.ok(&["why", unit])
}

#[test]
fn the_waiter_says_what_it_waits_for_and_is_woken() {
    let bench = bench();
    let guest = "requires:\n  table: {interface: restaurant}\n";
    let hook = "status-set active \"table $(relation-get table) $(relation-get menu)\"";
    let guest = shell_charm(bench.path(), "guest", guest, &[("table-relation-changed", hook)]);
    bench.ok(&["deploy", &charm("waiter"), "--config", "opens-after=2", "--config", "warm-up=2"]);
    bench.ok(&["deploy", &guest]);
    bench.ok(&["integrate", "waiter", "guest"]);
    until("guests wait for the menu", LONG, || {
        why(&bench, "waiter/0").contains("there is no menu").then_some(())
    });
    let text = why(&bench, "waiter/0");
    assert!(text.contains("guests-relation-joined by Waiter.seat is deferred"), "{text}");
    assert!(text.contains("it runs again after the next config-changed"), "{text}");

    // The roast takes three seconds; the soup queues behind it.
    assert_eq!(run(&bench, "waiter/0", &["order", "dish=roast", "minutes=0.05"])["number"], "1");
    run(&bench, "waiter/0", &["order", "dish=soup"]);
    until("both are served", LONG, || {
        let served = run(&bench, "waiter/0", &["show-book"])["served"].clone();
        (served == "roast, soup").then_some(())
    });
    until_message(&bench, "waiter/0", "waiting: there is no menu: set the option `menu`");
    bench.ok(&["config", "waiter", "menu=roast,soup"]);
    bench.settle();
    // A typed databag holds JSON: texts have their quotes.
    until_message(&bench, "guest/0", "active: table 1 \"roast,soup\"");
    assert_eq!(message(&bench, "waiter/0"), "active: 2 dishes served");

    let tail = bench.ok(&["tail", "waiter/0", "--no-follow", "--last", "200"]);
    for part in [
        "install by Waiter.open deferred: the doors are closed",
        "start by Waiter.heat_oven deferred: the oven is not hot yet",
        "Ordered by Waiter.serve deferred",
        "custom event Ordered",
    ] {
        assert!(tail.contains(part), "no {part:?}: {tail}");
    }
    bench.ok(&["remove-application", "waiter", "--no-prompt"]);
    bench.ok(&["wait", "--for", "gone=waiter", "--timeout", "60s"]);
}

/// I2, I3: a charm that is killed half-way has done nothing, and what it had deferred is still deferred.
#[test]
fn a_charm_that_is_killed_loses_nothing() {
    let bench = bench();
    bench.ok(&["deploy", &charm("waiter"), "--config", "warm-up=0"]);
    bench.settle();
    // It waits for a time that does not come here, so nothing wakes the unit meanwhile.
    run(&bench, "waiter/0", &["order", "dish=roast", "minutes=60"]);
    // A cellar that does not answer keeps config-changed busy for about a second.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one").port();
    bench.ok(&["config", "waiter", &format!("cellar-port={closed}")]);
    kill_a_dispatch(&bench);
    // The agent runs the hook again. What was deferred before is still there.
    let text = why(&bench, "waiter/0");
    assert!(text.contains("roast is in the oven"), "{text}");
    let cellar = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = cellar.local_addr().expect("it has one").port();
    bench.ok(&["config", "waiter", &format!("cellar-port={port}")]);
    until("there is wine", LONG, || {
        (run(&bench, "waiter/0", &["show-book"])["drink"] == "wine").then_some(())
    });
    let text = why(&bench, "waiter/0");
    assert!(text.contains("roast is in the oven"), "{text}");
}

/// Kills the first `dispatch` that runs in the bench.
fn kill_a_dispatch(bench: &Bench) {
    let home = bench.home().display().to_string();
    let pid = until("a charm runs", LONG, || running_dispatches(&home).first().copied());
    kill(pid, rustix::process::Signal::KILL);
}

/// The numbers of processes that run a unit's `dispatch` below this folder.
fn running_dispatches(below: &str) -> Vec<i32> {
    let is_ours = |pid: i32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        program.starts_with(below) && program.file_name().is_some_and(|name| name == "dispatch")
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_ours(*pid)).collect()
}

#[test]
fn the_reader_in_rust_reads_from_the_ledger_in_python() {
    let bench = bench();
    bench.ok(&["deploy", &charm("ledger"), "--config", "warmup=0.2"]);
    bench.ok(&["deploy", &charm("reader-rs"), "--config", "key=greeting"]);
    bench.ok(&["wait", "--for", "idle", "--timeout", "120s"]);
    assert_eq!(message(&bench, "reader-rs/0"), "blocked: integrate me with a ledger");
    bench.ok(&["integrate", "ledger", "reader-rs"]);
    until_message(&bench, "reader-rs/0", "waiting: the ledger has no greeting");
    // The status is set by a hook that still runs: what it defers is there when it has ended.
    until("the reader has deferred", LONG, || {
        let text = why(&bench, "reader-rs/0");
        (text.contains("by Reader.follow is deferred") && text.contains("the ledger has no greeting"))
            .then_some(())
    });
    run(&bench, "ledger/leader", &["put", "key=greeting", "value=hello"]);
    // Nothing happens in the model: it is the reader's own wake that finds the value.
    until_message(&bench, "reader-rs/0", "active: greeting is hello");
    bench.settle();
    assert_eq!(run(&bench, "reader-rs/0", &["read", "key=greeting"])["value"], "hello");
    let missing = bench.run(&["run", "reader-rs/0", "read", "key=nothing"]);
    assert!(format!("{missing:?}").contains("the ledger has no nothing"), "{missing:?}");
    bench.ok(&["remove-relation", "ledger", "reader-rs"]);
    until_message(&bench, "reader-rs/0", "blocked: integrate me with a ledger");
}

#[test]
fn the_cache_runs_its_service() {
    let bench = bench();
    let client = shell_charm(
        bench.path(),
        "client",
        "requires:\n  cache: {interface: cache}\n",
        &[("cache-relation-changed", "status-set active \"at $(relation-get host) $(relation-get port)\"")],
    );
    bench.ok(&["deploy", &charm("cache")]);
    bench.ok(&["deploy", &client]);
    bench.ok(&["integrate", "cache", "client"]);
    bench.settle();
    let ask = |port: u16, line: &str| -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        writeln!(stream, "{line}").ok()?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).ok()?;
        Some(answer)
    };
    let port = || {
        let status = bench.json(&["status"]);
        let unit = &status["applications"]["cache"]["units"]["cache/0"];
        let open = unit["open-ports"][0].as_str().unwrap_or_default().to_owned();
        open.trim_end_matches("/tcp").parse::<u16>().unwrap_or_else(|_| panic!("no open port: {status}"))
    };
    let first = port();
    assert_eq!(ask(first, "PING").as_deref(), Some("OK pong\n"));
    let told = message(&bench, "client/0");
    assert!(told.starts_with("active: at ") && told.ends_with(&first.to_string()), "{told}");
    run(&bench, "cache/0", &["set", "key=a", "value=one"]);
    assert_eq!(ask(first, "GET a").as_deref(), Some("OK one\n"));
    assert_eq!(run(&bench, "cache/0", &["get", "key=a"])["value"], "one");

    bench.ok(&["config", "cache", "max-keys=3"]);
    bench.settle();
    assert_eq!(message(&bench, "cache/0"), "active: 3 keys at most");
    let second = port();
    assert!(ask(second, "PING").is_some());
    // The daemon dies, and the service does not.
    bench.kill_daemon();
    assert!(ask(second, "PING").is_some());
    bench.ok(&["remove-application", "cache", "--no-prompt"]);
    bench.ok(&["wait", "--for", "gone=cache", "--timeout", "60s"]);
    assert_eq!(ask(second, "PING"), None, "the service ends with its unit");
}

/// A new charm builds, passes its own tests and runs: what `periapt new` promises.
#[test]
fn a_new_charm_in_rust_is_tested_and_deployed() {
    // What is built stays for the next run.
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust");
    let bench = Bench::with([(DEV.0, DEV.1.into()), ("CARGO_TARGET_DIR", target.into())]);
    let written = bench.json(&["new", "first-one", "--kind", "kubernetes"]);
    assert_eq!(written["files"][4], "src/main.rs");
    let again = bench.refused(&["new", "first-one"]);
    assert!(again.stderr.contains("is there already and has something in it"), "{again:?}");
    let folder = bench.path().join("first-one");
    // The versions that the library is tested with; nothing is fetched that is not there.
    std::fs::copy(common::repository().join("Cargo.lock"), folder.join("Cargo.lock")).expect("copied");
    let mut cargo = bench.command_of(env!("CARGO"));
    let tested =
        cargo.args(["test", "--quiet", "--offline"]).current_dir(&folder).output().expect("cargo runs");
    let said =
        String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success() && said.contains("3 passed"), "{said}");
    assert!(!said.contains("warning"), "a new charm has no warnings: {said}");

    bench.ok(&["deploy", "./first-one"]);
    bench.settle();
    assert_eq!(message(&bench, "first-one/0"), "active: ");
    assert_eq!(run(&bench, "first-one/0", &["greet", "name=Ann"])["greeting"], "Hello, Ann!");
    bench.ok(&["config", "first-one", "greeting="]);
    until_message(&bench, "first-one/0", "waiting: there is no greeting: set the option `greeting`");
    bench.ok(&["config", "first-one", "greeting=Moin"]);
    bench.settle();
    assert_eq!(message(&bench, "first-one/0"), "active: ");
    // The same source is the same charm.
    let said = bench.run(&["refresh", "first-one", "--path", "./first-one"]);
    assert!(format!("{said:?}").contains("up-to-date") || said.code == 0, "{said:?}");
}

#[test]
fn a_new_charm_in_python_is_tested_and_deployed() {
    let bench = bench();
    bench.ok(&["new", "second", "--language", "python", "--path", "here/second"]);
    let folder = bench.path().join("here/second");
    bench.ok(&["deploy", "./here/second"]);
    bench.settle();
    assert_eq!(run(&bench, "second/0", &["greet", "name=Ann"])["greeting"], "Hello, Ann!");
    // A virtual environment of its own, made once for all runs.
    let venv = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-python");
    let sh = "set -e; [ -e \"$0/ready\" ] || { python3 -m venv \"$0\"; \"$0/bin/pip\" install -q -r tests/requirements.txt; touch \"$0/ready\"; }; exec \"$0/bin/python\" -m pytest -q tests";
    let mut tests = bench.command_of("sh");
    let tested = tests.args(["-c", sh]).arg(venv).current_dir(folder).output().expect("sh runs");
    let said =
        String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success() && said.contains("3 passed"), "{said}");
}

/// A ledger that answers late: the charm is in the middle of a request when it is killed, and the next try gets the value.
#[test]
fn a_reader_that_is_killed_in_a_request_reads_again() {
    let bench = bench();
    let ledger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = ledger.local_addr().expect("it has one").port();
    let provider = "provides:\n  ledger: {interface: ledger}\n";
    let hook = format!("relation-set --app host=127.0.0.1 port={port} namespace=main token=x");
    let path = shell_charm(bench.path(), "fake", provider, &[("ledger-relation-created", &hook)]);
    bench.ok(&["deploy", &charm("reader-rs"), "--config", "key=greeting"]);
    bench.ok(&["deploy", &path]);
    bench.ok(&["integrate", "fake", "reader-rs"]);
    let (mut stream, _) = ledger.accept().expect("the charm asks");
    kill_a_dispatch(&bench);
    let mut request = String::new();
    // It ends without an answer: the other side is dead.
    stream.read_to_string(&mut request).ok();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in ledger.incoming() {
            let mut stream = stream.expect("a request");
            let mut lines = BufReader::new(stream.try_clone().expect("cloned")).lines().map_while(Result::ok);
            lines.find(String::is_empty);
            // A charm that is gone needs no answer.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").ok();
        }
    });
    until_message(&bench, "reader-rs/0", "active: greeting is hello");
}
