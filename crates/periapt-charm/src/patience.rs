//! How long to try in the handler itself before it ends for now, and what then. Pure: the delays are data, time and chance
//! are arguments.

use std::time::Duration;

use crate::error::{Error, Kind};
use crate::flow::{Deferral, StopKind};

/// What to do when patience runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Defer the event, with a waiting status. A handler that cannot defer fails instead.
    Defer,
    /// Wait without deferring: the event is done with, the status is waiting.
    Wait,
    /// The event is done with, the status is blocked.
    Block,
    /// Fail the hook.
    Fail,
}

/// How often and how long to try something whose errors are temporary.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Patience {
    /// At most so many tries; at least one is made.
    pub attempts: u32,
    /// The pause after the first try.
    pub delay: Duration,
    /// Each pause is so many times the one before.
    pub factor: f64,
    /// No pause is longer.
    pub max_delay: Duration,
    /// Each pause is longer or shorter by up to this part of it, by chance: 0.0 to 1.0.
    pub jitter: f64,
    /// No try begins later than so long after the first.
    pub deadline: Duration,
    /// What to do then.
    pub then: Then,
}

impl Patience {
    /// About a second: five tries.
    pub const fn brief() -> Self {
        Self {
            attempts: 5,
            delay: Duration::from_millis(60),
            factor: 2.0,
            max_delay: Duration::from_secs(1),
            jitter: 0.2,
            deadline: Duration::from_millis(1_200),
            then: Then::Defer,
        }
    }

    /// About two minutes: as often as pauses of up to ten seconds allow.
    pub const fn steady() -> Self {
        Self {
            attempts: u32::MAX,
            delay: Duration::from_millis(500),
            factor: 2.0,
            max_delay: Duration::from_secs(10),
            jitter: 0.2,
            deadline: Duration::from_secs(120),
            then: Then::Defer,
        }
    }

    /// One try.
    pub const fn none() -> Self {
        Self { attempts: 1, deadline: Duration::ZERO, ..Self::brief() }
    }

    /// The same with another end.
    pub const fn or(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// The same with so many tries at most.
    pub const fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The same with another deadline.
    pub const fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same with other pauses.
    pub const fn delays(self, delay: Duration, factor: f64, max_delay: Duration) -> Self {
        Self { delay, factor, max_delay, ..self }
    }

    /// The pause after try number `tried` (from 1), `elapsed` after the first began; none when patience has run out.
    /// `chance` is evenly drawn from 0.0 to 1.0.
    #[must_use]
    pub fn pause(&self, tried: u32, elapsed: Duration, chance: f64) -> Option<Duration> {
        if tried >= self.attempts {
            return None;
        }
        let longest = self.max_delay.as_secs_f64();
        let exponent = i32::try_from(tried.saturating_sub(1)).unwrap_or(i32::MAX);
        let pause = (self.delay.as_secs_f64() * self.factor.max(0.0).powi(exponent)).min(longest);
        let jitter = 1.0 + self.jitter.clamp(0.0, 1.0) * (chance.clamp(0.0, 1.0) * 2.0 - 1.0);
        let pause = Duration::try_from_secs_f64((pause * jitter).min(longest)).unwrap_or(self.max_delay);
        (elapsed.saturating_add(pause) <= self.deadline).then_some(pause)
    }
}

/// Patience has run out, or the error was not one to be patient with. `?` makes of it what the [`Patience`] says.
#[derive(Debug)]
#[must_use]
pub struct Exhausted {
    pub(crate) error: Error,
    pub(crate) then: Then,
}

impl Exhausted {
    /// The last error.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    pub(crate) fn into_stop(self) -> StopKind {
        let reason = self.error.to_string();
        match (self.error.kind(), self.then) {
            (Kind::Temporary, Then::Defer) => StopKind::Defer(Deferral { reason, wakes: Vec::new() }),
            (Kind::Temporary, Then::Wait) => StopKind::Wait(reason),
            (Kind::Temporary, Then::Block) => StopKind::Block(reason),
            (Kind::Temporary, Then::Fail) => StopKind::Error(self.error.as_kind(Kind::Bug)),
            (Kind::NeedsHuman | Kind::Bug, _) => StopKind::Error(self.error),
        }
    }
}

/// For handlers that cannot defer: the error as it was.
impl From<Exhausted> for Error {
    fn from(exhausted: Exhausted) -> Self {
        exhausted.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All pauses, each try taking `work`.
    fn pauses(patience: &Patience, work: Duration, chance: f64) -> Vec<Duration> {
        let (mut all, mut elapsed) = (Vec::new(), work);
        while let Some(pause) = patience.pause(all.len() as u32 + 1, elapsed, chance) {
            elapsed += pause + work;
            all.push(pause);
        }
        all
    }

    #[test]
    fn presets_last_as_long_as_they_say() {
        let total = |patience| pauses(&patience, Duration::ZERO, 0.5).iter().sum::<Duration>();
        let brief = total(Patience::brief());
        assert!(brief >= Duration::from_millis(800) && brief <= Duration::from_secs(1), "{brief:?}");
        let steady = total(Patience::steady());
        assert!(steady >= Duration::from_secs(105) && steady <= Duration::from_secs(120), "{steady:?}");
        assert!(pauses(&Patience::none(), Duration::ZERO, 0.5).is_empty());
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_allowed_and_the_last_try_begins_in_time(
            attempts in 1..50_u32, delay in 0..5_000_u64, factor in 0.0..4.0_f64, longest in 1..5_000_u64,
            jitter in 0.0..1.0_f64, deadline in 0..60_000_u64, chance in 0.0..1.0_f64,
        ) {
            let ms = Duration::from_millis;
            let patience = Patience {
                attempts, delay: ms(delay), factor, max_delay: ms(longest), jitter, deadline: ms(deadline), then: Then::Fail,
            };
            let all = pauses(&patience, ms(1), chance);
            prop_assert!(all.len() < attempts as usize);
            prop_assert!(all.iter().all(|pause| *pause <= ms(longest)));
            let last = ms(all.len() as u64) + all.iter().sum::<Duration>();
            prop_assert!(last <= patience.deadline.max(ms(0)) + ms(1));
        }
    }
}
