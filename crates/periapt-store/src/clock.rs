//! Where the time of leases comes from.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Called when a clock was changed by hand; answers whether it wants to be called again.
pub type Wake = Box<dyn Fn() -> bool + Send + Sync>;

/// A monotonic clock.
pub trait Clock: Send + Sync {
    /// The time since some fixed moment of the clock's own choosing. Never goes back.
    fn now(&self) -> Duration;

    /// How long a thread that waits for `deadline` should sleep before it looks at the clock again; `None` if it need
    /// not look before it is woken (see [`Clock::on_change`]).
    fn sleep_until(&self, deadline: Duration) -> Option<Duration>;

    /// Asks to be told when the clock moves otherwise than by itself.
    fn on_change(&self, wake: Wake);
}

/// The machine's monotonic clock. On Linux it stands still while the machine is suspended, so that leases outlive a
/// closed laptop lid.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> Option<Duration> {
        Some(deadline.saturating_sub(self.now()))
    }

    fn on_change(&self, _wake: Wake) {}
}

/// A clock that moves only when told to, for tests and simulations.
#[derive(Default)]
pub struct ManualClock {
    now: Mutex<Duration>,
    wakes: Mutex<Vec<Wake>>,
}

impl ManualClock {
    /// A clock that stands at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock on. A store then deletes the keys of the leases that are over before it commits anything that
    /// is submitted after this call.
    pub fn advance(&self, by: Duration) {
        {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.saturating_add(by);
        }
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner).retain(|wake| wake());
    }
}

impl std::fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, deadline: Duration) -> Option<Duration> {
        (self.now() >= deadline).then_some(Duration::ZERO)
    }

    fn on_change(&self, wake: Wake) {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner).push(wake);
    }
}
