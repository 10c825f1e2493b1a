//! Moments and spans. The core never asks what time it is: it is told.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch, UTC. Formatting belongs to the outermost floor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The span from `earlier` to `self`; zero when `earlier` is later (clocks may step back).
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A moment and what the agent knows of its own start, the `now` of [`next`](../periapt_lifecycle/fn.next.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The present.
    pub now: Timestamp,
    /// When this agent (re)started: timers never fire earlier than one interval after it.
    pub agent_started: Timestamp,
    /// The machine's boot identity, where the substrate knows one. A change means the machine was rebooted.
    pub boot: Option<String>,
    /// The agent is asked to stop (the daemon is going down): start nothing new.
    pub stopping: bool,
}

impl Moment {
    /// A moment of an agent that has always run and is not stopping: what tests and simulations start from.
    pub fn at(now: Timestamp) -> Self {
        Self { now, agent_started: Timestamp(0), boot: None, stopping: false }
    }
}

/// Reads Juju's durations (`5m`, `1h30m`, `10s`, `250ms`), Go's `time.ParseDuration` without sign.
/// Plain `0` is zero; any other bare number is refused, as Go does.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (unit, tail) = rest.split_at(letters);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Writes a duration in the form [`parse_duration`] reads, largest units first: `5m`, `1h30m`, `1.5s`.
pub fn format_duration(span: Duration) -> String {
    let millis = span.as_millis();
    let (hours, rest) = (millis / 3_600_000, millis % 3_600_000);
    let (minutes, rest) = (rest / 60_000, rest % 60_000);
    let mut out = String::new();
    if hours > 0 {
        out.push_str(&format!("{hours}h"));
    }
    if minutes > 0 {
        out.push_str(&format!("{minutes}m"));
    }
    if rest > 0 || out.is_empty() {
        if rest % 1000 == 0 {
            out.push_str(&format!("{}s", rest / 1000));
        } else if rest < 1000 && out.is_empty() {
            out.push_str(&format!("{rest}ms"));
        } else {
            let text = format!("{}.{:03}", rest / 1000, rest % 1000);
            out.push_str(text.trim_end_matches('0'));
            out.push('s');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        for bad in ["", "5", "m", "5x", "-5m", "5m3", "1e400s", "."] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_write_what_they_read() {
        for text in ["5m", "1h30m", "1.5s", "250ms", "0s", "1m2.005s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_a_zero_span() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_millis(4));
    }
}
