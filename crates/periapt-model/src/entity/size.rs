//! Amounts of bytes in settings.

/// An amount of bytes as Juju's settings tell it (Juju 3.6: `utils.ParseSize`): a number of MiB, or one with a unit from `M`
/// on, also `MB` and `MiB`, each 1024 times the one before.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')).unwrap_or(text);
    let (number, unit) = match text.char_indices().next_back()? {
        (at, unit) if unit.is_ascii_alphabetic() => (&text[..at], unit),
        _ => (text, 'M'),
    };
    let power = "MGTPEZY".find(unit)? as i32;
    let mebibytes: f64 = number.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
    // Rounded up to a whole MiB as there; what is too much for a number of bytes is no bound.
    Some(((mebibytes * 1024_f64.powi(power)).ceil() * f64::from(1 << 20)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("5G", Some(5 << 30)),
            ("5GiB", Some(5 << 30)),
            ("100", Some(100 << 20)),
            ("100MB", Some(100 << 20)),
            ("0.5G", Some(512 << 20)),
            ("0", Some(0)),
            ("9Y", Some(u64::MAX)),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for wrong in ["", "G", "-1M", "5K", "five", "NaN", "infM", "1e999M", "5 G", "ä"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
