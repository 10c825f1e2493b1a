//! Moments and spans as people read them.

use std::time::Duration;

use jiff::tz::TimeZone;
use periapt_model::time::{Timestamp, parse_duration};

/// The time of day, the present and the reader's zone.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// Where the reader is.
    pub zone: TimeZone,
}

impl Clock {
    /// The wall clock; `utc` shows moments in UTC.
    pub fn system(utc: bool) -> Self {
        let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
        Self { now: Timestamp(jiff::Timestamp::now().as_millisecond()), zone }
    }

    /// The same with the present moved to the real one.
    pub fn tick(&mut self) {
        self.now = Timestamp(jiff::Timestamp::now().as_millisecond());
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        // What is out of a calendar's range (an interval of ten thousand years) is shown as the end of that range.
        let end = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_millisecond(at.0).unwrap_or(end).to_zoned(self.zone.clone())
    }

    /// `at` by a `strftime` format.
    pub fn format(&self, at: Timestamp, format: &str) -> String {
        self.zoned(at).strftime(format).to_string()
    }

    /// `14:02:11`, with the date in front when it is another day's.
    pub fn moment(&self, at: Timestamp) -> String {
        let same_day = self.zoned(at).date() == self.zoned(self.now).date();
        self.format(at, if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" })
    }

    /// `14:02:11.042`, with the date in front when it is another day's.
    pub fn precise(&self, at: Timestamp) -> String {
        format!("{}.{:03}", self.moment(at), at.0.rem_euclid(1000))
    }

    /// `in 3 s (14:02:11)`, `now` or `4 s ago (14:02:04)`.
    pub fn relative(&self, at: Timestamp) -> String {
        let (ahead, behind) = (at.since(self.now), self.now.since(at));
        if ahead.max(behind) < Duration::from_secs(1) {
            return format!("now ({})", self.moment(at));
        }
        match ahead > behind {
            true => format!("in {} ({})", span(ahead), self.moment(at)),
            false => format!("{} ago ({})", span(behind), self.moment(at)),
        }
    }

    /// RFC 3339, to the millisecond.
    pub fn rfc3339(&self, at: Timestamp) -> String {
        let offset = match self.zone == TimeZone::UTC {
            true => "Z".to_owned(),
            false => self.format(at, "%:z"),
        };
        format!("{}.{:03}{offset}", self.format(at, "%Y-%m-%dT%H:%M:%S"), at.0.rem_euclid(1000))
    }

    /// Reads `--since`: how long ago (`5m`), a moment (`2025-02-24T12:03:17Z`) or a time of today (`14:02`).
    ///
    /// # Errors
    /// What to write instead.
    pub fn since(&self, text: &str) -> Result<Timestamp, String> {
        if let Some(span) = parse_duration(text) {
            return Ok(self.now - span);
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp(at.as_millisecond()));
        }
        let today = || {
            let time: jiff::civil::Time = text.parse().ok()?;
            self.zoned(self.now).date().to_datetime(time).to_zoned(self.zone.clone()).ok()
        };
        let civil = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(self.zone.clone()).ok();
        // A time of day before a date: the latter's reader takes `2025-02-24` too, and no date reads as a time.
        let at = if text.contains('-') { civil() } else { today() };
        at.map(|at| Timestamp(at.timestamp().as_millisecond())).ok_or_else(|| {
            format!(
                "{text:?} is no moment: use how long ago (5m, 1h30m), a time of today (14:02) or a date and time \
                 (2025-02-24T12:03:17Z)"
            )
        })
    }
}

/// `412 ms`, `3.2 s`, `45 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub fn span(span: Duration) -> String {
    let (millis, secs) = (span.as_millis(), span.as_secs());
    let two = |big: u64, small: u64, names: (&str, &str)| match small {
        0 => format!("{big} {}", names.0),
        _ => format!("{big} {} {small} {}", names.0, names.1),
    };
    match secs {
        0 => format!("{millis} ms"),
        1..10 => {
            let tenths = (millis + 50) / 100;
            match tenths % 10 {
                0 => format!("{} s", tenths / 10),
                tenth => format!("{}.{tenth} s", tenths / 10),
            }
        }
        10..60 => format!("{secs} s"),
        60..3600 => two(secs / 60, secs % 60, ("min", "s")),
        3600..86_400 => two(secs / 3600, secs % 3600 / 60, ("h", "min")),
        _ => two(secs / 86_400, secs % 86_400 / 3600, ("d", "h")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 2025-02-24 12:03:17 UTC.
    pub(crate) const NOW: Timestamp = Timestamp(1_740_398_597_000);

    pub(crate) fn utc() -> Clock {
        Clock { now: NOW, zone: TimeZone::UTC }
    }

    #[test]
    fn spans_are_as_exact_as_people_want_them() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (3210, "3.2 s"),
            (9960, "10 s"),
            (45_900, "45 s"),
            (250_000, "4 min 10 s"),
            (300_000, "5 min"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_no_calendar_reaches_is_not_the_epoch() {
        let clock = utc();
        assert!(clock.relative(NOW + Duration::from_secs(3600 * 99_999_999)).contains("(9999-12-30"));
        assert!(clock.moment(Timestamp(i64::MIN)).starts_with('-'), "{}", clock.moment(Timestamp(i64::MIN)));
    }

    #[test]
    fn moments_near_and_far() {
        let clock = utc();
        assert_eq!(clock.relative(NOW + Duration::from_secs(3)), "in 3 s (12:03:20)");
        assert_eq!(clock.relative(NOW - Duration::from_secs(86_400)), "1 d ago (2025-02-23 12:03:17)");
        assert_eq!(clock.relative(NOW + Duration::from_millis(40)), "now (12:03:17)");
        assert_eq!(clock.precise(NOW + Duration::from_millis(42)), "12:03:17.042");
        assert_eq!(clock.rfc3339(NOW), "2025-02-24T12:03:17.000Z");
    }

    #[test]
    fn since_reads_spans_moments_and_times_of_today() {
        let clock = utc();
        assert_eq!(clock.since("5m"), Ok(NOW - Duration::from_secs(300)));
        for text in ["2025-02-24T12:03:17Z", "2025-02-24T13:03:17+01:00", "12:03:17", "2025-02-24T12:03:17"] {
            assert_eq!(clock.since(text), Ok(NOW), "{text}");
        }
        assert_eq!(clock.since("12:00"), Ok(NOW - Duration::from_secs(197)));
        for bad in ["", "yesterday", "5", "25:00", "2025-13-01T00:00:00Z", "-5m"] {
            assert!(clock.since(bad).unwrap_err().contains("is no moment"), "{bad}");
        }
    }
}
