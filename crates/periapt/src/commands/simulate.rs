//! `simulate`

use std::ops::Range;
use std::time::Instant;

use clap::Args;
use periapt_lifecycle::simulate::{self, Charms, Done, Size};

use crate::error::{CliError, Result};

/// Run simulated models with faults from seeds, and check every invariant after every step
///
/// For those who work on Periapt itself. A seed that fails prints the shortest list of steps found that still does.
#[derive(Args, Debug)]
pub struct Simulate {
    /// Which seeds: one, A..B (without B) or A..=B
    #[arg(long, value_parser = seeds, default_value = "0..1000")]
    seeds: Range<u64>,
    /// How many steps each seed draws before its model is left to settle
    #[arg(long, default_value_t = Size::default().actions)]
    steps: usize,
}

fn seeds(text: &str) -> std::result::Result<Range<u64>, String> {
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| format!("{text:?} is no seed: expected 7, 0..1000 or 0..=999"))
    };
    if let Some((from, to)) = text.split_once("..=") {
        Ok(number(from)?..number(to)?.saturating_add(1))
    } else if let Some((from, to)) = text.split_once("..") {
        Ok(number(from)?..number(to)?)
    } else {
        let seed = number(text)?;
        Ok(seed..seed.saturating_add(1))
    }
}

impl Simulate {
    /// Runs them. Needs no daemon.
    pub fn run(self) -> Result {
        let charms = Charms::new().ok_or_else(|| CliError::new("the simulator's own charms are invalid"))?;
        let started = Instant::now();
        let mut done = Done::default();
        for seed in self.seeds.clone() {
            match simulate::run(&charms, seed, Size { actions: self.steps }) {
                Ok(one) => done += one,
                Err(failing) => {
                    for action in &failing.actions {
                        println!(
                            "{}",
                            serde_json::to_string(action).map_err(|e| CliError::new(e.to_string()))?
                        );
                    }
                    return Err(CliError::new(failing.to_string()).hint(format!(
                        "the steps above break it; again: cargo run --release -p periapt -- simulate --seeds {seed} --steps {}",
                        self.steps
                    )));
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{} seeds held: {} steps, {} dispatches, {} faults, {:.0} steps a second",
            self.seeds.end.saturating_sub(self.seeds.start),
            done.steps,
            done.dispatches,
            done.faults,
            done.steps as f64 / seconds.max(1e-9)
        );
        Ok(())
    }
}
