//! The status of a thousand units, as `jubilant` asks for it every second.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::measure::{millis, percentile, run};
use crate::table::Row;

const APPLICATIONS: usize = 50;
const UNITS_EACH: usize = 20;
const TIMES: usize = 50;
const GOAL: Duration = Duration::from_millis(100);

/// How long `status --format json` takes from start to exit, half and nine tenths of the times.
fn status(daemon: &Daemon) -> (Duration, Duration) {
    let mut command = daemon.command(&["status", "--format", "json"]);
    let mut took: Vec<Duration> = (0..TIMES).map(|_| run(&mut command)).collect();
    (percentile(&mut took, 50), percentile(&mut took, 90))
}

pub fn measure() -> Vec<Row> {
    let daemon = Daemon::new();
    let (empty, _) = status(&daemon);
    for application in 0..APPLICATIONS {
        daemon.deploy_still(&format!("app{application}"), UNITS_EACH);
    }
    daemon.wait();
    let bytes = daemon.ok(&["status", "--format", "json"]).len();
    let (p50, p90) = status(&daemon);
    let measured = format!("{} (p90 {}), {} KiB of JSON", millis(p50), millis(p90), bytes / 1024);
    let floor = format!("{}: the same of an empty model", millis(empty));
    vec![Row::new("`status --format json` of 1,000 units, p50", "< 100 ms", measured, floor).met(p50 < GOAL)]
}
