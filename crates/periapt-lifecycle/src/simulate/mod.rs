//! The simulator: whole models with their agents, in virtual time, from a seed.
//!
//! A seed draws a list of [`Action`]s: an operator's commands, agents that observe late and decide, processes that end
//! in every way, and faults (an agent or its process dies before, during and after any step, a machine reboots, a lease
//! runs out, an agent that was thought dead commits late). Every action goes through the same `apply`, `observe`,
//! `next`, `begin`, `finish` and `commit` as on a real machine. The invariants of the design are checked after each; at
//! the end the faults stop, and everything must settle.
//!
//! A failure names its seed, and is replayed with the shortest list of actions that still fails.

mod action;
mod charm;
mod charms;
mod containers;
mod draw;
mod driver;
mod invariants;
mod perform;
mod rng;
mod scopes;
mod secrets;
mod settle;
mod shrink;
mod storages;
pub mod two;
mod world;

pub use action::{Action, Ending};
pub use charms::Charms;
pub use driver::{Driver, Finished, Running};
pub use rng::Rng;
pub use storages::StorageAction;
pub use world::World;

use serde::{Deserialize, Serialize};

/// How much a seed draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many actions, before everything is left to settle.
    pub actions: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { actions: 240 }
    }
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Actions that had an effect, those of the settling included.
    pub steps: u64,
    /// Dispatches that were committed.
    pub dispatches: u64,
    /// Faults that happened.
    pub faults: u64,
}

impl std::ops::AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.dispatches += other.dispatches;
        self.faults += other.faults;
    }
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {text}")]
pub struct Broken {
    /// Which: `I1` to `I7`, or `settles`.
    pub invariant: &'static str,
    /// What was seen.
    pub text: String,
}

/// A seed that fails, with the shortest list of actions found that still does.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("seed {seed} breaks {broken}")]
pub struct Failing<A = Action> {
    /// The seed.
    pub seed: u64,
    /// What it breaks.
    pub broken: Broken,
    /// The actions that break it.
    pub actions: Vec<A>,
}

/// Runs one seed.
///
/// # Errors
///
/// [`Failing`] when an invariant is broken.
pub fn run(charms: &Charms, seed: u64, size: Size) -> Result<Done, Box<Failing>> {
    let mut rng = Rng::new(seed);
    let mut world = World::new(charms);
    let mut actions = Vec::new();
    let result = (0..size.actions)
        .try_for_each(|_| {
            let action = draw::draw(&world, &mut rng);
            actions.push(action.clone());
            world.act(&action).map(|_| ())
        })
        .and_then(|()| settle::settle(&mut world));
    match result {
        Ok(()) => Ok(world.done()),
        Err(broken) => {
            let breaks = |actions: &[Action]| replay(charms, actions).err();
            let actions = shrink::shrink(actions, broken.invariant, breaks);
            Err(Box::new(Failing { seed, broken, actions }))
        }
    }
}

/// Runs a list of actions, and lets everything settle.
///
/// # Errors
///
/// What they break.
pub fn replay(charms: &Charms, actions: &[Action]) -> Result<Done, Broken> {
    let mut world = World::new(charms);
    for action in actions {
        world.act(action)?;
    }
    settle::settle(&mut world)?;
    Ok(world.done())
}
