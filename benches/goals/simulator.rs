//! Steps of the simulator a second on one core, with every invariant checked.

use periapt_lifecycle::simulate::{self, Charms, Done, Size};

use crate::measure::thread_time;
use crate::table::Row;

const SEEDS: u64 = 400;
const GOAL: f64 = 100_000.0;

pub fn measure() -> Vec<Row> {
    let charms = Charms::new().expect("the simulator's own charms are valid");
    let start = thread_time();
    let mut done = Done::default();
    for seed in 0..SEEDS {
        match simulate::run(&charms, seed, Size::default()) {
            Ok(one) => done += one,
            Err(failing) => panic!("{failing}"),
        }
    }
    let rate = done.steps as f64 / thread_time().saturating_sub(start).as_secs_f64();
    vec![
        Row::new(
            "the simulator's steps a second on one core",
            "≥ 100,000",
            format!(
                "{rate:.0} ({} steps, {} dispatches, {} faults)",
                done.steps, done.dispatches, done.faults
            ),
            "–".to_owned(),
        )
        .met(rate >= GOAL),
    ]
}
