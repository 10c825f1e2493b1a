//! The leases that are alive, and when each of them ends. Memory only: the stores keep the identifiers and times to
//! live, never the deadlines.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::LeaseId;

#[derive(Debug)]
struct Lease {
    ttl: Duration,
    deadline: Duration,
}

/// The live leases. Times are a [`Clock`](crate::Clock)'s.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: HashMap<LeaseId, Lease>,
    by_deadline: BTreeSet<(Duration, LeaseId)>,
}

impl Leases {
    /// Starts a lease.
    pub(crate) fn insert(&mut self, id: LeaseId, ttl: Duration, now: Duration) {
        let deadline = now.saturating_add(ttl);
        self.leases.insert(id, Lease { ttl, deadline });
        self.by_deadline.insert((deadline, id));
    }

    /// Whether the lease exists and has time left.
    pub(crate) fn is_live(&self, id: LeaseId, now: Duration) -> bool {
        self.leases.get(&id).is_some_and(|lease| now < lease.deadline)
    }

    /// Starts the time to live anew and answers it. A lease whose time is up is lost, even if it was not collected
    /// yet: its holder may have been told of its end by the clock.
    pub(crate) fn keep_alive(&mut self, id: LeaseId, now: Duration) -> Option<Duration> {
        let lease = self.leases.get_mut(&id).filter(|lease| now < lease.deadline)?;
        self.by_deadline.remove(&(lease.deadline, id));
        lease.deadline = now.saturating_add(lease.ttl);
        self.by_deadline.insert((lease.deadline, id));
        Some(lease.ttl)
    }

    /// Ends a lease; false if it had ended before.
    pub(crate) fn remove(&mut self, id: LeaseId) -> bool {
        let Some(lease) = self.leases.remove(&id) else { return false };
        self.by_deadline.remove(&(lease.deadline, id))
    }

    /// When the next lease ends.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Removes and answers one lease whose time is up, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<LeaseId> {
        let &(deadline, id) = self.by_deadline.first()?;
        if deadline > now {
            return None;
        }
        self.remove(id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn leases_end_in_the_order_of_their_deadlines() {
        let mut leases = Leases::default();
        leases.insert(LeaseId(1), seconds(10), seconds(0));
        leases.insert(LeaseId(2), seconds(5), seconds(0));
        assert_eq!(leases.next_deadline(), Some(seconds(5)));
        assert_eq!(leases.keep_alive(LeaseId(2), seconds(4)), Some(seconds(5)));
        assert_eq!(leases.next_deadline(), Some(seconds(9)));
        assert_eq!(leases.pop_due(seconds(8)), None);
        assert_eq!(leases.pop_due(seconds(10)), Some(LeaseId(2)));
        assert_eq!(leases.pop_due(seconds(10)), Some(LeaseId(1)));
        assert_eq!(leases.pop_due(seconds(10)), None);
        assert_eq!(leases.next_deadline(), None);
    }

    #[test]
    fn time_that_is_up_cannot_be_extended() {
        let mut leases = Leases::default();
        leases.insert(LeaseId(1), seconds(10), seconds(0));
        assert!(leases.is_live(LeaseId(1), seconds(9)));
        assert!(!leases.is_live(LeaseId(1), seconds(10)));
        assert_eq!(leases.keep_alive(LeaseId(1), seconds(10)), None);
    }
}
