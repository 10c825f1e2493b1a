//! Dates: the little of the Gregorian calendar that secrets need. Everything is UTC.

use crate::time::Timestamp;

const MILLIS_PER_DAY: i64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that the leap day is a year's last.
const MARCH_YEAR_ZERO: i64 = 719_468;
const DAYS_PER_ERA: i64 = 146_097;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + MARCH_YEAR_ZERO;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day_of_month)
}

/// The inverse of [`civil`]; months and days beyond their range run over into the next, as Go's `time.Date` has it.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year * 365 + year / 4 - year / 100 + day_of_year - MARCH_YEAR_ZERO
}

impl Timestamp {
    /// The same time of day so many months later; a day that the month does not have runs over into the next month
    /// (Go's `AddDate`).
    #[must_use]
    pub fn plus_months(self, months: i64) -> Timestamp {
        let (days, rest) = (self.0.div_euclid(MILLIS_PER_DAY), self.0.rem_euclid(MILLIS_PER_DAY));
        let (year, month, day) = civil(days);
        Timestamp(days_of(year, month + months, day).saturating_mul(MILLIS_PER_DAY).saturating_add(rest))
    }

    /// `2026-07-23T04:05:06Z`, with a fraction where there is one.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (days, rest) = (self.0.div_euclid(MILLIS_PER_DAY), self.0.rem_euclid(MILLIS_PER_DAY));
        let (year, month, day) = civil(days);
        let (seconds, millis) = (rest / 1000, rest % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let mut out = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if millis > 0 {
            out.push_str(format!(".{millis:03}").trim_end_matches('0'));
        }
        out.push('Z');
        out
    }

    /// Reads RFC 3339, and leniently a moment without zone (UTC) and a date alone. Fractions are cut to milliseconds.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(d, t)| (d, Some(t)));
        let mut parts = date.split('-').map(|part| digits(part).filter(|_| part.len() >= 2));
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let days = days_of(year, month, day);
        if parts.next().is_some() || civil(days) != (year, month, day) {
            return None;
        }
        let millis = match time {
            Some(time) => time_of_day(time)?,
            None => 0,
        };
        days.checked_mul(MILLIS_PER_DAY)?.checked_add(millis).map(Timestamp)
    }
}

fn digits(text: &str) -> Option<i64> {
    let fits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Milliseconds since midnight, UTC: `04:05:06.7+02:00`.
fn time_of_day(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once('.').map_or((clock, ""), |(c, f)| (c, f));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || (clock.len() != 8) {
        return None;
    }
    let mut parts = clock.split(':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
    let offset = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') if zone.len() <= 1 => 0,
        Some(sign @ (b'+' | b'-')) => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = digits(hours)? * 60 + digits(minutes).filter(|m| *m < 60)?;
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    Some(((hour * 60 + minute - offset) * 60 + second) * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn moments_are_read_and_written() {
        for (text, shown) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2024-02-29T23:59:59.120Z", "2024-02-29T23:59:59.12Z"),
            ("2026-07-23T04:05:06.123456+02:00", "2026-07-23T02:05:06.123Z"),
            ("2026-07-23T04:05:06-01:30", "2026-07-23T05:35:06Z"),
            ("2026-07-23T04:05:06", "2026-07-23T04:05:06Z"),
            ("2026-07-23", "2026-07-23T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(at(text).to_rfc3339(), shown);
        }
        for bad in
            ["", "x", "2026-02-29", "2026-13-01", "2026-1-1", "2026-01-01T25:00:00Z", "2026-01-01T1:2:3Z"]
                .into_iter()
                .chain(["2026-01-01T00:00:00X", "2026-01-01T00:00:00+2", "20260101", "2026-01-01T00:00:00Zé"])
        {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn months_are_added_as_go_adds_them() {
        for (from, months, to) in [
            ("2026-01-15T01:02:03Z", 1, "2026-02-15T01:02:03Z"),
            ("2026-01-31", 1, "2026-03-03T00:00:00Z"),
            ("2024-02-29", 12, "2025-03-01T00:00:00Z"),
            ("2026-11-30", 3, "2027-03-02T00:00:00Z"),
        ] {
            assert_eq!(at(from).plus_months(months).to_rfc3339(), to, "{from}");
        }
    }
}
