//! When something is due. What looks random is a hash of names and counters, so that equal inputs give equal moments.

use std::time::Duration;

use periapt_model::local::{DeferredQueue, Local};
use periapt_model::names::UnitName;
use periapt_model::remote::Remote;
use periapt_model::time::{Moment, Timestamp};
use periapt_model::wake::Alarm;

/// The first delay before a failed hook runs again (Juju 3.6: `retrystrategy`).
pub const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest delay between two tries of a failed hook.
pub const RETRY_LONGEST: Duration = Duration::from_secs(300);
/// An update-status interval below this counts as this. Juju takes any value, and one of zero keeps it busy for ever.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// A first wake delay below this counts as this.
pub const SHORTEST_WAKE: Duration = Duration::from_millis(100);

/// FNV-1a over texts with a mark after each.
fn hash(unit: &UnitName, purpose: &str, count: u32) -> u64 {
    let app = unit.app().as_str().bytes();
    let rest = unit.number().to_le_bytes().into_iter().chain(purpose.bytes()).chain(count.to_le_bytes());
    let mut hash = app.chain([0]).chain(rest).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // FNV's low bits are weak for inputs that differ in the last byte only.
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

/// `span` times a factor of `1 ± spread/10000`, by `hash`.
fn jittered(span: Duration, spread: u64, hash: u64) -> Duration {
    let factor = 10_000 - spread + hash % (2 * spread + 1);
    let millis = span.as_millis().saturating_mul(u128::from(factor)) / 10_000;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// The delay after the `attempts`th failure in a row: 5 s doubling to 5 min, each ±3 %.
pub fn retry_delay(unit: &UnitName, attempts: u32) -> Duration {
    let delay = doubled(RETRY_FIRST, attempts.saturating_sub(1), RETRY_LONGEST);
    jittered(delay, 300, hash(unit, "retry", attempts))
}

/// When a process that was ended from outside may run again: at once the first two times, then as if it had failed, so
/// that a process which is killed each time (for its memory, say) does not keep the machine busy.
pub fn interrupted_until(unit: &UnitName, since: Timestamp, interrupted: u32) -> Option<Timestamp> {
    (interrupted >= 3).then(|| since + retry_delay(unit, interrupted - 2))
}

/// When `update-status` is due: one interval ±20 % after the timer was set off, and never earlier than one interval after
/// the agent's start (Juju 3.6: `remotestate` watcher).
pub fn update_status_due(local: &Local, remote: &Remote, moment: &Moment) -> Timestamp {
    let interval = remote.update_status_interval.max(SHORTEST_INTERVAL);
    let jitter = hash(&remote.unit, "update-status", local.update_status_period);
    let from = local.update_status_armed.max(moment.agent_started);
    // A clock that was set back must not make the wait longer than it is meant to be.
    if moment.now < from { moment.now } else { from + jittered(interval, 2_000, jitter) }
}

/// How long after a hook that asked for a new revision in vain it asks again (reference 1.8).
pub const SECRET_AGAIN: Duration = Duration::from_secs(300);

/// When something is due that was due `at` and was told of at `told`.
fn due_again(at: Timestamp, told: Option<Timestamp>) -> Timestamp {
    told.map_or(at, |told| at.max(told + SECRET_AGAIN))
}

/// Whether it is due now. A clock that was set back must not make the wait longer than it is meant to be.
pub fn is_due_again(at: Timestamp, told: Option<Timestamp>, now: Timestamp) -> bool {
    due_again(at, told) <= now || (at <= now && told.is_some_and(|told| now < told))
}

/// When the next secret that the unit manages is to be rotated or expires.
pub fn secrets_due(local: &Local, remote: &Remote) -> Option<Timestamp> {
    let rotations = remote
        .secrets_owned
        .iter()
        .filter_map(|(id, owned)| Some(due_again(owned.rotates?, local.secrets.rotated.get(id).copied())));
    let expiries = remote.secrets_owned.iter().flat_map(|(id, owned)| {
        let told = local.secrets.expired.get(id);
        owned
            .expires
            .iter()
            .map(move |(revision, at)| due_again(*at, told.and_then(|told| told.get(revision)).copied()))
    });
    rotations.chain(expiries).min()
}

/// When deferred events that do not say when are woken; None if there are none or waking is off.
pub fn backoff_due(queue: &DeferredQueue, remote: &Remote) -> Option<Timestamp> {
    let waiting = queue.events.iter().any(|event| event.wake.is_none());
    let first = remote.deferred_wake.filter(|_| waiting)?.max(SHORTEST_WAKE);
    let longest = remote.update_status_interval.max(SHORTEST_INTERVAL);
    Some(queue.since + doubled(first, queue.fruitless, longest))
}

/// All that the charm asked to be woken for.
fn alarms(local: &Local) -> impl Iterator<Item = &Alarm> {
    let events = local.deferred.events.iter().filter_map(|event| event.wake.as_ref());
    local.wakes.iter().map(|wake| &wake.alarm).chain(events)
}

/// When the charm asked to be woken first; None where it did not, or waits for events only.
pub fn asked_due(local: &Local) -> Option<Timestamp> {
    alarms(local).filter_map(|alarm| alarm.due).min()
}

/// Whether a wake that the charm asked for is due.
pub fn asked_is_due(local: &Local, now: Timestamp) -> bool {
    alarms(local).any(|alarm| alarm.is_due(now))
}

/// When the unit is woken next; None: never.
pub fn wake_due(local: &Local, remote: &Remote) -> Option<Timestamp> {
    backoff_due(&local.deferred, remote).into_iter().chain(asked_due(local)).min()
}

/// Whether the unit is to be woken now.
pub fn wake_is_due(local: &Local, remote: &Remote, now: Timestamp) -> bool {
    // A clock that was set back must not make the wait longer than it is meant to be.
    let backoff = backoff_due(&local.deferred, remote);
    backoff.is_some_and(|at| at <= now || now < local.deferred.since) || asked_is_due(local, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_from_five_seconds_to_five_minutes() {
        let unit: UnitName = "app/0".parse().unwrap();
        for (attempts, seconds) in
            [(1, 5.0), (2, 10.0), (3, 20.0), (6, 160.0), (7, 300.0), (40, 300.0), (u32::MAX, 300.0)]
        {
            let delay = retry_delay(&unit, attempts).as_secs_f64();
            assert!((delay / seconds - 1.0).abs() <= 0.0301, "{attempts}: {delay}");
        }
        assert_eq!(retry_delay(&unit, 3), retry_delay(&unit, 3));
    }

    #[test]
    fn jitter_covers_its_whole_range() {
        let spans: Vec<u128> = (0..2_000)
            .map(|n| {
                let unit = UnitName::new("app".parse().unwrap(), n % 40);
                jittered(Duration::from_secs(300), 2_000, hash(&unit, "update-status", n)).as_millis()
            })
            .collect();
        assert!(spans.iter().all(|ms| (240_000..=360_000).contains(ms)));
        assert!(spans.iter().any(|ms| *ms < 246_000) && spans.iter().any(|ms| *ms > 354_000));
    }

    #[test]
    fn the_third_interruption_in_a_row_waits() {
        let unit: UnitName = "app/0".parse().unwrap();
        assert_eq!(interrupted_until(&unit, Timestamp(0), 2), None);
        assert!(interrupted_until(&unit, Timestamp(0), 3).is_some_and(|at| at.0 > 4_000));
    }
}
