//! Three applications of the bench charm, each related to the next, from the first command to settled.

use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::measure::{median, processes_floor, seconds};
use crate::table::Row;

const ROUNDS: usize = 5;
const GOAL: Duration = Duration::from_secs(2);

pub fn measure() -> Vec<Row> {
    let mut took = Vec::new();
    let mut floor = Vec::new();
    for _ in 0..ROUNDS {
        let daemon = Daemon::new();
        let start = Instant::now();
        for application in ["a", "b", "c"] {
            daemon.deploy(application, 1);
        }
        daemon.ok(&["integrate", "a:out", "b:in"]);
        daemon.ok(&["integrate", "b:out", "c:in"]);
        daemon.wait();
        took.push(start.elapsed());
        let work = daemon.work();
        floor.push(processes_floor(work.processes, work.hook_commands, 3));
    }
    let p50 = median(&mut took);
    let floor = format!("{} (the charms' processes alone)", seconds(median(&mut floor)));
    vec![Row::new("three applications, related, to settled", "< 2 s", seconds(p50), floor).met(p50 < GOAL)]
}
