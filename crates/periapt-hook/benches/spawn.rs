//! What a hook command costs from start to exit, against the least that any process costs.
//!
//! `cargo bench -p periapt-hook` starts `/bin/true` and the hook program in turns, so that both meet the same machine, and
//! prints the ratio of the medians; then criterion measures each by itself. The hook program calls an agent that is a thread of
//! this benchmark and does nothing. `PERIAPT_HOOK_PROGRAM` names another program to measure than the one built here.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use support::{Agent, done};

#[path = "../tests/support/mod.rs"]
mod support;

/// The goal: a hook command's median is at most this many times that of `/bin/true`.
const GOAL: f64 = 1.5;

const ROUNDS: usize = 2000;

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null())
}

fn start_true() -> Command {
    let mut command = Command::new("/bin/true");
    quiet(&mut command);
    command
}

fn start_hook(agent: &Agent) -> Command {
    let program = std::env::var_os("PERIAPT_HOOK_PROGRAM")
        .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_hook")));
    let mut command = Command::new(program);
    quiet(command.arg0("config-get"))
        .args(["--format=json", "size"])
        .env("JUJU_CONTEXT_ID", "app/0-config-changed-1")
        .env("JUJU_AGENT_SOCKET_ADDRESS", &agent.socket);
    command
}

fn run(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.status().expect("start");
    let took = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took
}

fn print_ratio(agent: &Agent) {
    let (mut empty, mut hook) = (start_true(), start_hook(agent));
    let (mut empty_times, mut hook_times): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (run(&mut empty), run(&mut hook))).unzip();
    empty_times.sort_unstable();
    hook_times.sort_unstable();
    let at = |times: &[Duration], percent: usize| times[times.len() * percent / 100];
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    for percent in [50, 90, 99] {
        let empty = micros(at(&empty_times, percent));
        let hook = micros(at(&hook_times, percent));
        println!("p{percent}: /bin/true {empty:.0} µs, hook command {hook:.0} µs, ratio {:.2}", hook / empty);
    }
    println!("goal: p50 ratio at most {GOAL}\n");
}

fn main() {
    let agent = Agent::start(|request| done(0, request.args.concat(), ""));
    // Cargo passes --bench to measure; anything else (a test run, --list) only wants to see that it works.
    if std::env::args().any(|arg| arg == "--bench") {
        print_ratio(&agent);
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("start to exit");
    let (mut empty, mut hook) = (start_true(), start_hook(&agent));
    group.bench_function("/bin/true", |b| b.iter(|| run(&mut empty)));
    group.bench_function("hook command", |b| b.iter(|| run(&mut hook)));
    group.finish();
    criterion.final_summary();
}
