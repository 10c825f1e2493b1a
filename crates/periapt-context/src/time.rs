//! Moments as Juju prints them to charms.

use periapt_model::time::Timestamp;

/// `2026-07-23 04:05:06Z`: UTC, whole seconds.
pub(crate) fn utc(moment: Timestamp) -> String {
    let seconds = moment.0.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is a year's
/// last, and in eras of 400 years, which are all alike.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    // Days from 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day_of_month)
}

/// `2026-07-23T04:05:06.007Z`, without a fraction where there is none.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    let whole = utc(moment).replace(' ', "T");
    match moment.0.rem_euclid(1000) {
        0 => whole,
        millis => format!("{}.{millis:03}Z", whole.trim_end_matches('Z')),
    }
}

/// Reads a moment as RFC 3339 has it, to the millisecond: `2026-07-23T04:05:06.5+02:00`. A blank may stand for the T, as
/// in what Juju prints, and a leap second counts as the second after it.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let well_formed = separators.iter().all(|(place, mark)| text.get(*place..place + 1) == Some(*mark))
        && matches!(text.get(10..11), Some("T" | "t" | " "));
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days_of(year, month, day);
    // A day that the month does not have is another day.
    if !well_formed || civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
    };
    if rest.starts_with('.') && fraction.is_empty() {
        return None;
    }
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
    let offset = match zone {
        "Z" | "z" => 0,
        zone => {
            let sign = match zone.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let start = text.len() - zone.len();
            let (hours, minutes) = (number(start + 1, start + 3)?, number(start + 4, start + 6)?);
            if zone.len() != 6 || zone.get(3..4) != Some(":") || hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    Some(Timestamp(seconds * 1000 + millis))
}

/// The day of a date, counted from 1970-01-01: the inverse of [`civil`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_they_are_written() {
        for ms in [0, 1, -1, 951_782_400_000, 1_709_251_199_999, 4_107_542_400_120, 1_767_323_045_000] {
            assert_eq!(
                parse_rfc3339(&rfc3339(Timestamp(ms))),
                Some(Timestamp(ms)),
                "{}",
                rfc3339(Timestamp(ms))
            );
        }
        for (text, ms) in [
            ("1970-01-01T00:00:01.5Z", 1_500),
            ("1970-01-01t00:00:01.123456z", 1_123),
            ("1970-01-01 02:00:00+02:00", 0),
            ("1969-12-31T23:30:00.000001-00:30", 0),
        ] {
            assert_eq!(parse_rfc3339(text), Some(Timestamp(ms)), "{text}");
        }
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-02-30T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+0200",
            "1970-01-01T00:00:00+02:00x",
            "1970-01-01T00:00:00é",
            "+970-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_right_around_leap_days_and_centuries() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (-1, "1969-12-31 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (951_868_800, "2000-03-01 00:00:00Z"),
            (1_709_251_199, "2024-02-29 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
            (1_000_000_000, "2001-09-09 01:46:40Z"),
        ] {
            assert_eq!(utc(Timestamp(seconds * 1000)), text);
        }
    }
}
