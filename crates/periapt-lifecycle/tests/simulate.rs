//! A thousand seeds of whole models with faults: every invariant after every step, and everything settles at the end.

use periapt_lifecycle::simulate::{self, Charms, Done, Size};

fn run(seeds: std::ops::Range<u64>) -> Done {
    let charms = Charms::new().expect("the simulator's own charms are valid");
    let mut done = Done::default();
    for seed in seeds {
        match simulate::run(&charms, seed, Size::default()) {
            Ok(one) => done += one,
            Err(failing) => {
                for action in &failing.actions {
                    eprintln!("  {}", serde_json::to_string(action).expect("an action is JSON"));
                }
                panic!(
                    "{failing}\nreplay it: cargo run --release -p periapt -- simulate --seeds {seed}..={seed}"
                );
            }
        }
    }
    done
}

#[test]
fn a_thousand_seeds_hold_every_invariant() {
    let done = run(0..1000);
    // A simulator that does nothing breaks nothing.
    assert!(done.steps > 100_000, "{done:?}");
    assert!(done.dispatches > 20_000, "{done:?}");
    assert!(done.faults > 5_000, "{done:?}");
}

#[test]
fn the_same_seed_does_the_same() {
    let charms = Charms::new().expect("the simulator's own charms are valid");
    assert_eq!(simulate::run(&charms, 7, Size::default()), simulate::run(&charms, 7, Size::default()));
}
