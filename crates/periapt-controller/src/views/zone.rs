//! Moments as text: the formats of Juju's commands, in the reader's time zone.

use std::fmt;
use std::str::FromStr;

use jiff::tz::{Offset, TimeZone};
use periapt_model::time::Timestamp;

/// In which time zone moments are shown. Juju's formats differ between `--utc` and local time.
#[derive(Clone, Debug, PartialEq)]
pub enum Zone {
    /// `--utc`: ISO order with a trailing `Z`.
    Utc,
    /// Local time of this zone: day first, with its offset.
    In(TimeZone),
}

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone: use utc, a name such as Europe/Berlin, or an offset such as +02:00")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of this process, in a form that can be sent to another: by its name, else by its offset at `now`.
    pub fn local(now: Timestamp) -> Self {
        let zone = TimeZone::system();
        if zone.iana_name().is_some() {
            return Self::In(zone);
        }
        Self::In(TimeZone::fixed(zone.to_offset(instant(now))))
    }

    fn shown(&self, at: Timestamp) -> jiff::Zoned {
        let zone = match self {
            Self::Utc => TimeZone::UTC,
            Self::In(zone) => zone.clone(),
        };
        instant(at).to_zoned(zone)
    }

    fn print(&self, at: Timestamp, format: &str) -> String {
        self.shown(at).strftime(format).to_string()
    }

    /// Go's `Z07:00`: `Z` for no offset.
    fn offset(&self, at: Timestamp) -> String {
        match self.shown(at).offset() {
            Offset::UTC => "Z".to_owned(),
            _ => self.print(at, "%:z"),
        }
    }

    /// As in `status`: `24 Feb 2025 12:03:17+13:00`, with `--utc` `2025-02-23 23:03:17Z`.
    pub fn since(&self, at: Timestamp) -> String {
        match self {
            Self::Utc => self.print(at, "%Y-%m-%d %H:%M:%SZ"),
            Self::In(_) => self.print(at, "%d %b %Y %H:%M:%S") + &self.offset(at),
        }
    }

    /// As in the `controller` of `status`: `12:04:55+13:00`.
    pub fn time_of_day(&self, at: Timestamp) -> String {
        self.print(at, "%H:%M:%S") + &self.offset(at)
    }

    /// As in the results of actions: `2025-02-25 10:00:00 +0000 UTC`.
    pub fn action_time(&self, at: Timestamp) -> String {
        self.print(at, "%Y-%m-%d %H:%M:%S %z %Z")
    }

    /// Date only, as `models` shows connections: `2025-02-25`.
    pub fn date(&self, at: Timestamp) -> String {
        self.print(at, "%Y-%m-%d")
    }
}

/// Moments outside of the calendar, which only a damaged record can hold, show as the epoch.
fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// What [`Zone::from_str`] reads.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => f.write_str("utc"),
            Self::In(zone) => match (zone.iana_name(), zone.to_fixed_offset()) {
                (Some(name), _) => f.write_str(name),
                (None, Ok(offset)) => {
                    let (sign, seconds) =
                        (if offset.is_negative() { '-' } else { '+' }, offset.seconds().abs());
                    write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
                }
                (None, Err(_)) => f.write_str("Etc/UTC"),
            },
        }
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self::Utc);
        }
        let unknown = || UnknownZone(text.to_owned());
        if let Some(seconds) = offset_seconds(text) {
            let offset = Offset::from_seconds(seconds).map_err(|_| unknown())?;
            return Ok(Self::In(TimeZone::fixed(offset)));
        }
        TimeZone::get(text).map(Self::In).map_err(|_| unknown())
    }
}

/// Reads `+HH:MM` and `-HH:MM`.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |part: &str| part.parse::<u16>().ok().filter(|n| part.len() == 2 && *n < 60);
    Some(sign * (i32::from(number(hours)?) * 3600 + i32::from(number(minutes)?) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_740_351_797_000);

    #[test]
    fn moments_have_jujus_formats() {
        let local: Zone = "Pacific/Auckland".parse().unwrap();
        assert_eq!(local.since(AT), "24 Feb 2025 12:03:17+13:00");
        assert_eq!(local.time_of_day(AT), "12:03:17+13:00");
        assert_eq!(local.action_time(AT), "2025-02-24 12:03:17 +1300 NZDT");
        assert_eq!(Zone::Utc.since(AT), "2025-02-23 23:03:17Z");
        assert_eq!(Zone::Utc.time_of_day(AT), "23:03:17Z");
        assert_eq!(Zone::Utc.action_time(AT), "2025-02-23 23:03:17 +0000 UTC");
        let london: Zone = "Europe/London".parse().unwrap();
        assert_eq!(london.since(AT), "23 Feb 2025 23:03:17Z");
    }

    #[test]
    fn zones_read_what_they_write() {
        for text in ["utc", "Pacific/Auckland", "+05:30", "-03:00"] {
            assert_eq!(text.parse::<Zone>().unwrap().to_string(), text);
        }
        for bad in ["", "Mars/Olympus", "+5", "+99:99", "+ab:cd", "+-5:00"] {
            assert!(bad.parse::<Zone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_outside_of_the_calendar_shows_as_the_epoch() {
        assert_eq!(Zone::Utc.since(Timestamp(i64::MAX)), "1970-01-01 00:00:00Z");
    }
}
