//! Durations as Pebble writes them: `1.5s`, `300ms`, `1m30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const SECOND: u128 = 1_000_000_000;

/// A span of time that is text in layers and in the API, in the way of Go: a sequence of numbers with units among
/// `ns us µs ms s m h`. A bare number is an error, but for `0`. Pebble accepts negative spans in some places and then
/// misbehaves; here they are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;
    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        text.parse()
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: {rule}")]
pub struct InvalidSpan {
    /// The text as given.
    pub text: String,
    /// What is wrong with it, in words.
    pub rule: &'static str,
}

fn unit(text: &str) -> Option<(u128, &str)> {
    // Longer names first: "ms" also begins with "m".
    const UNITS: [(&str, u128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", SECOND),
        ("m", 60 * SECOND),
        ("h", 3600 * SECOND),
    ];
    UNITS.iter().find_map(|(name, nanos)| text.strip_prefix(name).map(|rest| (*nanos, rest)))
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let fail = |rule| InvalidSpan { text: text.to_owned(), rule };
        let too_long = "it is too long";
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if rest.starts_with('-') {
            return Err(fail("it is negative"));
        }
        if rest.is_empty() {
            return Err(fail("it is empty"));
        }
        let mut total: u128 = 0;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
                return Err(fail("a number was expected, as in 1m30s"));
            }
            let (scale, next) =
                unit(after).ok_or_else(|| fail("a unit is missing (ns, us, ms, s, m or h)"))?;
            let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| fail(too_long))? };
            total =
                whole.checked_mul(scale).and_then(|n| n.checked_add(total)).ok_or_else(|| fail(too_long))?;
            // Digits beyond a nanosecond are cut off.
            let mut place = scale;
            for digit in fraction.bytes() {
                place /= 10;
                total += u128::from(digit - b'0') * place;
            }
            rest = next;
        }
        let seconds = u64::try_from(total / SECOND).map_err(|_| fail(too_long))?;
        Ok(Self(Duration::new(seconds, u32::try_from(total % SECOND).unwrap_or(0))))
    }
}

/// `value / unit` with its fraction, without trailing zeros.
fn decimal(f: &mut fmt::Formatter<'_>, value: u128, unit: u128, name: &str) -> fmt::Result {
    write!(f, "{}", value / unit)?;
    let rest = value % unit;
    if rest != 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_str(name)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => decimal(f, nanos, 1_000, "µs"),
            1_000_000..SECOND => decimal(f, nanos, 1_000_000, "ms"),
            _ => {
                let minutes = nanos / (60 * SECOND);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                decimal(f, nanos % (60 * SECOND), SECOND, "s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_as_go_does() {
        for (text, millis, canonical) in [
            ("10s", 10_000, "10s"),
            ("1.5s", 1_500, "1.5s"),
            ("90s", 90_000, "1m30s"),
            ("300ms", 300, "300ms"),
            ("168h", 604_800_000, "168h0m0s"),
            ("1h2m3.004s", 3_723_004, "1h2m3.004s"),
            (".5s", 500, "500ms"),
            ("0", 0, "0s"),
            ("+2m", 120_000, "2m0s"),
        ] {
            let span: Span = text.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(span, Span::millis(millis), "{text}");
            assert_eq!(span.to_string(), canonical);
        }
        assert_eq!(Span(Duration::from_nanos(1_500)).to_string(), "1.5µs");
    }

    #[test]
    fn refuses_what_go_refuses_and_the_negative() {
        for text in ["", "10", "s", "1x", "1d", "-1s", "1..5s", "1.2.3s", " 1s", "99999999999999999999h"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(nanos: u64) {
            let span = Span(Duration::from_nanos(nanos));
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }
    }
}
