//! Makes a failing list of actions shorter, by leaving out what it fails without.

use super::Broken;

/// At most this many tries: a shorter list is a convenience, not a promise.
const TRIES: usize = 400;

/// The shortest list found that still breaks `invariant`, by what `breaks` says of a list.
pub fn shrink<A: Clone>(
    mut actions: Vec<A>,
    invariant: &'static str,
    breaks: impl Fn(&[A]) -> Option<Broken>,
) -> Vec<A> {
    let mut tries = 0;
    let mut chunk = actions.len() / 2;
    while chunk > 0 {
        let mut start = 0;
        while start < actions.len() && tries < TRIES {
            let mut fewer = actions.clone();
            fewer.drain(start..(start + chunk).min(actions.len()));
            tries += 1;
            match breaks(&fewer) {
                Some(broken) if broken.invariant == invariant => actions = fewer,
                _ => start += chunk,
            }
        }
        chunk /= 2;
    }
    actions
}
