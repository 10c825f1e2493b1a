//! Durable hook commands a second from units that run at once: each is stored with an fsync before it is answered.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::measure::disk_floor;
use crate::table::Row;
use crate::worker;

const UNITS: usize = 32;
const GOAL: f64 = 2000.0;

pub fn measure() -> Vec<Row> {
    let daemon = Daemon::new();
    daemon.deploy("app", UNITS);
    daemon.wait();
    let calls = rate(&daemon, "calls", 500);
    let disk = 1.0 / disk_floor(daemon.path()).as_secs_f64();
    let processes = rate(&daemon, "processes", 100);
    let empty = rate(&daemon, "floor", 100);
    vec![
        Row::new(
            "durable hook commands a second, 32 units at once",
            "≥ 2000",
            format!("{calls:.0}"),
            format!("{disk:.0} (one page write with fsync for each)"),
        )
        .met(calls >= GOAL),
        Row::new(
            "the same with a process for each",
            "–",
            format!("{processes:.0}"),
            format!("{empty:.0} (/bin/true in its place)"),
        ),
    ]
}

/// Commands a second, from when all workers were let go to when the last had ended.
fn rate(daemon: &Daemon, how: &str, times: usize) -> f64 {
    let folder = daemon.path().join(how);
    std::fs::create_dir(&folder).expect("a new folder");
    let go = File::create(folder.join("go")).expect("a file");
    rustix::fs::flock(go.as_fd(), rustix::fs::FlockOperation::LockExclusive).expect("the lock");
    let worker = worker::command_line(&["commands", how, &folder.display().to_string(), &times.to_string()]);
    let mut arguments = vec!["exec", "--application", "app", "--"];
    arguments.extend(worker.iter().map(String::as_str));
    let mut running = daemon.start(&arguments);
    let patience = Instant::now() + Duration::from_secs(120);
    while count(&folder, "ready") < UNITS {
        assert!(Instant::now() < patience, "the workers do not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    drop(go);
    while count(&folder, "took") < UNITS {
        assert!(Instant::now() < patience, "the workers do not end");
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = start.elapsed();
    assert!(running.wait().expect("the command ends").success(), "exec failed");
    (UNITS * times) as f64 / took.as_secs_f64()
}

fn count(folder: &Path, extension: &str) -> usize {
    let files = std::fs::read_dir(folder).expect("our folder").flatten();
    files.filter(|file| file.path().extension().is_some_and(|found| found == extension)).count()
}
