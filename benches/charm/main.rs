//! Measures a charm in Rust beside the same charm with `ops`, in one run.
//!
//! `benches/run.sh charm`; `benches/README.md` says what each row is and what was last measured.
#![allow(missing_docs)]

#[path = "../goals/measure.rs"]
#[allow(dead_code)]
mod measure;
#[path = "../goals/table.rs"]
mod table;
mod transition;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use measure::{median, millis, percentile, run, spawn_floor};
use table::Row;

const COMMANDS: [&str; 8] = [
    "juju-log",
    "is-leader",
    "status-get",
    "status-set",
    "config-get",
    "relation-ids",
    "storage-list",
    "secret-get",
];

/// A unit's folder, with hook commands that do nothing in front of its `PATH`.
struct Unit {
    dir: tempfile::TempDir,
    program: PathBuf,
    args: Vec<PathBuf>,
}

impl Unit {
    fn new(program: &Path, args: &[&Path]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let tools = dir.path().join("tools");
        std::fs::create_dir(&tools).expect("a folder");
        for name in COMMANDS {
            symlink(built("bench-command"), tools.join(name)).expect("a link");
        }
        std::fs::copy(python_charm().join("metadata.yaml"), dir.path().join("metadata.yaml"))
            .expect("a copy");
        let args = args.iter().map(|arg| arg.to_path_buf()).collect();
        Self { dir, program: program.to_owned(), args }
    }

    fn dispatch(&self, hook: &str, queue: usize) -> Duration {
        let mut command = Command::new(&self.program);
        let path = format!("{}:/usr/bin:/bin", self.dir.path().join("tools").display());
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", path)
            .env("JUJU_UNIT_NAME", "bench/0")
            .env("JUJU_MODEL_NAME", "m")
            .env("JUJU_MODEL_UUID", "d0a1f6b2-0000-4000-8000-000000000001")
            .env("JUJU_VERSION", "3.6.14")
            .env("JUJU_CHARM_DIR", self.dir.path())
            .env("JUJU_DISPATCH_PATH", format!("hooks/{hook}"))
            .env("BENCH_QUEUE", queue.to_string());
        run(&mut command)
    }
}

/// A program of `program/`, which `benches/run.sh` builds for a named target.
fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("BENCH_TARGET").expect("BENCH_TARGET: run benches/run.sh charm");
    let this = std::env::current_exe().expect("a path");
    let targets = this.ancestors().nth(3).expect("target/release/deps/BENCH");
    targets.join(target).join("release").join(name)
}

fn python_charm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/charm/python")
}

/// The interpreter that has `ops` (`benches/run.sh` makes it).
fn python() -> PathBuf {
    std::env::var_os("BENCH_PYTHON").map(PathBuf::from).expect("BENCH_PYTHON: run benches/run.sh charm")
}

fn rust_unit() -> Unit {
    Unit::new(&built("bench-charm"), &[])
}

fn python_unit() -> Unit {
    Unit::new(&python(), &[&python_charm().join("src/charm.py")])
}

fn dispatch() -> Vec<Row> {
    let (rust, python) = (rust_unit(), python_unit());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    rust.dispatch("start", 0);
    python.dispatch("start", 0);
    for _ in 0..40 {
        theirs.push(python.dispatch("start", 0));
        ours.extend((0..5).map(|_| rust.dispatch("start", 0)));
    }
    let floor = spawn_floor("/bin/true", &[], 200);
    let (p90, ours, theirs) = (percentile(&mut ours, 90), median(&mut ours), median(&mut theirs));
    let times = theirs.as_secs_f64() / ours.as_secs_f64();
    let beside = format!("{}: `/bin/true`; ops: {}", millis(floor), millis(theirs));
    vec![
        Row::new(
            "one dispatch, start to exit, p50",
            "< 4 ms",
            format!("{} (p90 {})", millis(ours), millis(p90)),
            beside,
        )
        .met(ours < Duration::from_millis(4)),
        Row::new("… against the same charm with ops", "≥ 50 ×", format!("{times:.0} ×"), String::new())
            .met(times >= 50.0),
    ]
}

/// The median of dispatches that run so many deferred events, all deferring again.
fn queue_of(unit: &Unit, count: usize, times: usize) -> Duration {
    unit.dispatch("install", count);
    let mut took: Vec<Duration> = (0..times).map(|_| unit.dispatch("update-status", 0)).collect();
    median(&mut took)
}

fn queue() -> Vec<Row> {
    let small = queue_of(&rust_unit(), 500, 21);
    let large = queue_of(&rust_unit(), 10_000, 11);
    let larger = queue_of(&rust_unit(), 40_000, 5);
    let theirs = queue_of(&python_unit(), 500, 5);
    let linear = larger.as_secs_f64() / (4.0 * large.as_secs_f64());
    vec![
        Row::new(
            "10,000 deferred events, all deferring again, one dispatch",
            "< 100 ms",
            millis(large),
            String::new(),
        )
        .met(large < Duration::from_millis(100)),
        Row::new(
            "… 40,000 against four times that",
            "linear: ≤ 1.25 ×",
            format!("{linear:.2} ×"),
            millis(larger),
        )
        .met(linear <= 1.25),
        Row::new(
            "500 of them, against ops",
            "–",
            format!("{:.0} ×", theirs.as_secs_f64() / small.as_secs_f64()),
            format!("{}; ops: {}", millis(small), millis(theirs)),
        ),
    ]
}

/// In turns, as a machine that does other work slows both down; the median of the rounds' ratios counts.
fn transition() -> Vec<Row> {
    let seconds = 1.0;
    let theirs = || -> f64 {
        let output = Command::new(python())
            .arg(python_charm().join("transitions.py"))
            .arg(python_charm())
            .arg(seconds.to_string())
            .output()
            .expect("python runs");
        let said = String::from_utf8_lossy(&output.stdout);
        said.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let mut rounds: Vec<(f64, f64, f64)> = Vec::new();
    for _ in 0..7 {
        let (ours, theirs) = (transition::per_second(seconds), theirs());
        rounds.push((ours / theirs, ours, theirs));
    }
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (times, ours, theirs) = rounds[rounds.len() / 2];
    let (least, most) = (rounds[0].0, rounds[rounds.len() - 1].0);
    let beside = format!("{ours:.0} a second; ops.testing: {theirs:.0}; rounds {least:.0} to {most:.0} ×");
    vec![
        Row::new("test transitions, against ops.testing", "≥ 500 ×", format!("{times:.0} ×"), beside)
            .met(times >= 500.0),
    ]
}

fn size() -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let stripped = dir.path().join("bench");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(built("bench-charm")).status();
    assert!(status.is_ok_and(|status| status.success()), "strip (of binutils) runs");
    let bytes = stripped.metadata().expect("a size").len();
    let measured = format!("{:.2} MB", bytes as f64 / 1e6);
    vec![Row::new("a minimal charm, stripped", "< 5 MB", measured, String::new()).met(bytes < 5_000_000)]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes --bench to measure; a test run only wants to see that it builds.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    type Benchmark = (&'static str, fn() -> Vec<Row>);
    let benchmarks: [Benchmark; 4] =
        [("dispatch", dispatch), ("queue", queue), ("transition", transition), ("size", size)];
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut rows = Vec::new();
    for (name, measure) in benchmarks {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            eprintln!("measuring: {name}");
            rows.extend(measure());
        }
    }
    print!("{}", table::render(&rows));
}
