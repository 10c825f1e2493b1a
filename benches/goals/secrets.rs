//! A secret that two hundred units read, against twenty.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::measure::{micros, percentile};
use crate::table::Row;
use crate::worker;

const FEW: usize = 20;
const MANY: usize = 200;
/// How often one of the units reads it while the others have read it.
const TIMES: &str = "1000";

struct Reads {
    /// What one `secret-get` of a unit that reads it again takes, from start to exit.
    again: Duration,
    /// `/bin/true` in its place.
    floor: Duration,
    /// The daemon's processor time for the first `secret-get` of all units, for each, with the `exec` that runs it.
    first: Duration,
}

fn reads(units: usize) -> Reads {
    let daemon = Daemon::new();
    daemon.deploy_still("app", units);
    daemon.wait();
    let uri = daemon.ok(&["add-secret", "shared", "password=correct-horse"]);
    let uri = uri.trim();
    daemon.ok(&["grant-secret", "shared", "app"]);
    daemon.wait();
    let before = daemon.processor();
    daemon.ok(&["exec", "--application", "app", "--", &format!("secret-get {uri} >/dev/null")]);
    let first = daemon.processor().saturating_sub(before).div_f64(units as f64);
    let out = daemon.path().join("times");
    let worker = worker::command_line(&["spawn", &out.display().to_string(), TIMES, "secret-get", uri]);
    let mut arguments = vec!["exec", "--unit", "app/0", "--"];
    arguments.extend(worker.iter().map(String::as_str));
    daemon.ok(&arguments);
    let (mut floor, mut measured) = worker::times(&out);
    Reads { again: percentile(&mut measured, 50), floor: percentile(&mut floor, 50), first }
}

pub fn measure() -> Vec<Row> {
    let (few, many) = (reads(FEW), reads(MANY));
    let again = many.again.as_secs_f64() / few.again.as_secs_f64();
    let first = many.first.as_secs_f64() / few.first.as_secs_f64();
    let beside = |few: Duration| format!("{} with {FEW}", micros(few));
    vec![
        Row::new(
            "a `secret-get` when 200 units read the secret, start to exit, p50",
            "flat: ≤ 1.25 ×",
            format!("{again:.2} × ({})", micros(many.again)),
            format!("{}; /bin/true {}", beside(few.again), micros(many.floor)),
        )
        .met(again <= 1.25),
        Row::new(
            "the daemon's processor time for the first read of each of 200 units, with its `exec`",
            "flat: ≤ 1.25 ×",
            format!("{first:.2} × ({})", micros(many.first)),
            beside(few.first),
        )
        .met(first <= 1.25),
    ]
}
