//! Makes a failing list of actions shorter, by leaving out what it fails without.

use super::action::Action;
use super::charms::Charms;
use super::world::World;
use super::{Broken, settle};

/// At most this many tries: a shorter list is a convenience, not a promise.
const TRIES: usize = 400;

/// The shortest list found that still breaks `invariant`.
pub fn shrink(charms: &Charms, mut actions: Vec<Action>, invariant: &'static str) -> Vec<Action> {
    let mut tries = 0;
    let mut chunk = actions.len() / 2;
    while chunk > 0 {
        let mut start = 0;
        while start < actions.len() && tries < TRIES {
            let mut fewer = actions.clone();
            fewer.drain(start..(start + chunk).min(actions.len()));
            tries += 1;
            match breaks(charms, &fewer) {
                Some(broken) if broken.invariant == invariant => actions = fewer,
                _ => start += chunk,
            }
        }
        chunk /= 2;
    }
    actions
}

fn breaks(charms: &Charms, actions: &[Action]) -> Option<Broken> {
    let mut world = World::new(charms);
    for action in actions {
        if let Err(broken) = world.act(action) {
            return Some(broken);
        }
    }
    settle::settle(&mut world).err()
}
