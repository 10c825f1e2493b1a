//! A hook command from its start to its exit, inside a real hook context, against `/bin/true`.

use crate::daemon::Daemon;
use crate::measure::{micros, percentile};
use crate::table::Row;
use crate::worker;

const TIMES: &str = "2000";
const GOAL: f64 = 1.5;

pub fn measure() -> Vec<Row> {
    let daemon = Daemon::new();
    daemon.deploy("app", 1);
    daemon.wait();
    let out = daemon.path().join("times");
    let worker = worker::command_line(&["spawn", &out.display().to_string(), TIMES, "config-get", "size"]);
    let mut arguments = vec!["exec", "--unit", "app/0", "--"];
    arguments.extend(worker.iter().map(String::as_str));
    daemon.ok(&arguments);
    let (mut floor, mut measured) = worker::times(&out);
    let mut row = |percent: usize| {
        let (floor, measured) = (percentile(&mut floor, percent), percentile(&mut measured, percent));
        let ratio = measured.as_secs_f64() / floor.as_secs_f64();
        let goal = if percent == 50 { format!("≤ {GOAL} × /bin/true") } else { "–".to_owned() };
        let what = format!("`config-get`, start to exit, p{percent}");
        let row = Row::new(&what, &goal, format!("{ratio:.2} × ({})", micros(measured)), micros(floor));
        if percent == 50 { row.met(ratio <= GOAL) } else { row }
    };
    vec![row(50), row(90)]
}
