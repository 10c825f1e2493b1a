//! What a plain scalar means: the tables of goyaml and of PyYAML.

use std::sync::Arc;

/// Whose rules decide the type of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// goyaml v3, into an untyped value: as Juju reads what has no declared type.
    ///
    /// Booleans are only `true` and `false`; integers may be `0x`, `0o`, `0b` or octal with a leading zero, and
    /// may hold underscores; `1e3` is a number; `1:30` is text.
    Goyaml,
    /// PyYAML 6, YAML 1.1: as a Python charm reads its own files.
    ///
    /// Booleans include `yes`, `no`, `on` and `off`; `1:30` is the number 90; `1e3` and `0o755` are text.
    PyYaml,
}

/// The type that a table gives to a scalar. Text is not repeated here: it is the scalar's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer too large for [`Resolved::Int`].
    Uint(u64),
    /// Any other number, infinities and NaN among them.
    Float(f64),
    /// Text, and whatever the table does not know (dates too).
    Text,
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// Its text, with quotes, escapes and folding undone.
    pub text: Arc<str>,
    /// Whether it was written without quotes and not as a block, so that its type is open.
    pub plain: bool,
    /// An explicit core tag, such as `str` of `!!str`; `str` too for the non-specific `!`.
    pub(super) tag: Option<CoreTag>,
}

/// The core tags that change what a scalar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreTag {
    Str,
    Null,
    Bool,
    Int,
    Float,
}

impl Scalar {
    /// The type of this scalar by `table`.
    pub fn resolve(&self, table: Table) -> Resolved {
        let by_text = || match table {
            Table::Goyaml => goyaml(&self.text),
            Table::PyYaml => pyyaml(&self.text),
        };
        match self.tag {
            Some(CoreTag::Str) => Resolved::Text,
            Some(CoreTag::Null) => Resolved::Null,
            Some(CoreTag::Bool) => legacy_bool(&self.text).map_or(Resolved::Text, Resolved::Bool),
            Some(CoreTag::Int) => match by_text() {
                int @ (Resolved::Int(_) | Resolved::Uint(_)) => int,
                _ => Resolved::Text,
            },
            Some(CoreTag::Float) => match by_text() {
                Resolved::Int(n) => Resolved::Float(n as f64),
                Resolved::Uint(n) => Resolved::Float(n as f64),
                float @ Resolved::Float(_) => float,
                _ => Resolved::Text,
            },
            None if self.plain => by_text(),
            None => Resolved::Text,
        }
    }

    /// The value as JSON. What JSON cannot say (infinity, NaN) stays text.
    pub fn to_json(&self, table: Table) -> serde_json::Value {
        use serde_json::{Number, Value};
        let text = || Value::String(self.text.as_ref().to_owned());
        match self.resolve(table) {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Int(n) => Value::Number(n.into()),
            Resolved::Uint(n) => Value::Number(n.into()),
            Resolved::Float(n) => Number::from_f64(n).map_or_else(text, Value::Number),
            Resolved::Text => text(),
        }
    }
}

/// The YAML 1.1 booleans, for places that declare one. goyaml accepts the same words into a boolean field.
pub fn legacy_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// goyaml v3's table for an untyped value.
pub(super) fn goyaml(text: &str) -> Resolved {
    if is_null(text) {
        return Resolved::Null;
    }
    match text {
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    if let Some(special) = non_finite(text) {
        return Resolved::Float(special);
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Resolved::Text;
    }
    let digits = text.replace('_', "");
    if let Some(int) = go_int(&digits) {
        return int;
    }
    if is_goyaml_float(&digits) {
        // Go reports a number out of range as an error, and the scalar stays text.
        if let Some(n) = digits.parse::<f64>().ok().filter(|n| n.is_finite()) {
            return Resolved::Float(n);
        }
    }
    Resolved::Text
}

/// `.inf` and `.nan` in the three spellings each that both tables know.
fn non_finite(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    matches!(rest, ".inf" | ".Inf" | ".INF").then_some(sign * f64::INFINITY)
}

/// Splits a sign off; true means negative.
fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn signed(negative: bool, magnitude: u64) -> Option<Resolved> {
    if !negative {
        return Some(i64::try_from(magnitude).map_or(Resolved::Uint(magnitude), Resolved::Int));
    }
    // Below 64 bits a float is the nearest there is.
    let int = 0i64.checked_sub_unsigned(magnitude).map(Resolved::Int);
    Some(int.unwrap_or(Resolved::Float(-(magnitude as f64))))
}

fn radix(digits: &str, base: u32) -> Option<u64> {
    // `from_str_radix` takes a sign of its own, which has been dealt with already.
    if !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// Go's `ParseInt` with base 0, on text without underscores.
fn go_int(text: &str) -> Option<Resolved> {
    let (negative, rest) = sign(text);
    let magnitude = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => radix(&rest[2..], 16)?,
        [b'0', b'o' | b'O', ..] => radix(&rest[2..], 8)?,
        [b'0', b'b' | b'B', ..] => radix(&rest[2..], 2)?,
        [b'0', _, ..] => radix(&rest[1..], 8)?,
        _ => radix(rest, 10)?,
    };
    signed(negative, magnitude)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_goyaml_float(text: &str) -> bool {
    let (_, rest) = sign(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    mantissa_ok
        && exponent.is_none_or(|e| {
            let (_, e) = sign(e);
            !e.is_empty() && all_digits(e)
        })
}

/// PyYAML's table (`yaml.SafeLoader`).
pub(super) fn pyyaml(text: &str) -> Resolved {
    if is_null(text) {
        return Resolved::Null;
    }
    // PyYAML's pattern has no single letters, unlike YAML 1.1.
    if text.len() > 1
        && let Some(value) = legacy_bool(text)
    {
        return Resolved::Bool(value);
    }
    if let Some(special) = non_finite(text) {
        return Resolved::Float(special);
    }
    py_int(text).or_else(|| py_float(text)).unwrap_or(Resolved::Text)
}

/// Base-60 numbers: every part but the first is 0 to 59.
fn sexagesimal(text: &str) -> Option<f64> {
    let mut total = 0.0;
    for (i, part) in text.split(':').enumerate() {
        // Only the last part has a fraction, and the callers have checked that.
        let digits = part.split('.').next().unwrap_or_default();
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if i > 0 && !matches!(digits.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']) {
            return None;
        }
        let value: f64 = part.parse().ok()?;
        total = total * 60.0 + value;
    }
    Some(total)
}

fn py_int(text: &str) -> Option<Resolved> {
    let (negative, rest) = sign(text);
    let plain = rest.replace('_', "");
    let magnitude = match rest.as_bytes() {
        [b'0', b'b', _, ..] => radix(&plain[2..], 2)?,
        [b'0', b'x', _, ..] => radix(&plain[2..], 16)?,
        [b'0', _, ..] if plain.len() > 1 => radix(&plain[1..], 8)?,
        [b'0', ..] => 0,
        [b'1'..=b'9', ..] if rest.contains(':') => {
            let (_, parts) = rest.split_once(':')?;
            if rest.contains('.') || parts.contains('_') {
                return None;
            }
            let value = sexagesimal(&plain).filter(|v| *v < 9e15)?;
            value as u64
        }
        [b'1'..=b'9', ..] if plain.bytes().all(|b| b.is_ascii_digit()) => match plain.parse::<u64>() {
            Ok(n) => n,
            // Python's integers have no bound; ours do.
            Err(_) => {
                return plain.parse::<f64>().ok().map(|n| Resolved::Float(if negative { -n } else { n }));
            }
        },
        _ => return None,
    };
    signed(negative, magnitude)
}

/// PyYAML wants a dot in every float and a sign in every exponent.
fn py_float(text: &str) -> Option<Resolved> {
    let (negative, rest) = sign(text);
    let (whole, fraction) = rest.split_once('.')?;
    let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if whole.contains(':') {
        if !is_digits(fraction) || !whole.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let head = whole.split(':').next().unwrap_or_default();
        if whole[head.len()..].contains('_') {
            return None;
        }
        let value = sexagesimal(&rest.replace('_', ""))?;
        return Some(Resolved::Float(if negative { -value } else { value }));
    }
    let (digits, exponent) = match fraction.find(['e', 'E']) {
        Some(at) => (&fraction[..at], &fraction[at..]),
        None => (fraction, ""),
    };
    let exponent_ok = match exponent.as_bytes() {
        [] => true,
        [_, b'+' | b'-', e @ ..] => !e.is_empty() && e.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let mantissa_ok = if whole.is_empty() {
        // `.5`, and never `+.5`
        rest.len() == text.len() && digits.starts_with(|c: char| c.is_ascii_digit()) && is_digits(digits)
    } else {
        whole.starts_with(|c: char| c.is_ascii_digit()) && is_digits(whole) && is_digits(digits)
    };
    if !(exponent_ok && mantissa_ok) {
        return None;
    }
    text.replace('_', "").parse().ok().map(Resolved::Float)
}
