//! From JSON to YAML text, in the style of Juju's `--format yaml` (goyaml v2).

use serde_json::Value;

use super::scalar::{Resolved, goyaml, legacy_bool, pyyaml};

/// A key longer than this is written as an explicit key (`? …`): YAML readers give up looking for the colon after
/// 1,024 characters.
const MAX_SIMPLE_KEY: usize = 900;

/// Writes `value` as a YAML document in block style: two spaces of indent, lists not indented under their key, several
/// lines of text as a `|` block, and quotes around every text that goyaml or PyYAML would read as something else.
///
/// Keys come out in the order of the map. The text ends with a line break.
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        scalar => {
            out.push_str(&inline(scalar, 0));
            out.push('\n');
        }
    }
    out
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// The entries, one a line; the cursor stands at the indent of the first already when `indent` has been written.
fn mapping(out: &mut String, map: &serde_json::Map<String, Value>, indent: usize) {
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            pad(out, indent);
        }
        let key = quoted_key(key);
        if key.len() > MAX_SIMPLE_KEY {
            out.push_str("? ");
            out.push_str(&key);
            out.push('\n');
            pad(out, indent);
        } else {
            out.push_str(&key);
        }
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                pad(out, indent + 2);
                mapping(out, inner, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                pad(out, indent);
                list(out, items, indent);
            }
            scalar => {
                out.push(' ');
                out.push_str(&inline(scalar, indent));
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(out, inner, indent + 2),
            Value::Array(inner) if !inner.is_empty() => list(out, inner, indent + 2),
            scalar => {
                out.push_str(&inline(scalar, indent));
                out.push('\n');
            }
        }
    }
}

/// A scalar, or an empty collection, without the line break that ends it.
fn inline(value: &Value, indent: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => string_text(text, indent),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
    }
}

/// Floats keep a dot, and a sign in the exponent: PyYAML reads `1e3` and `1.0e3` as text.
fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text;
    };
    let dot = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{dot}e{sign}{exponent}")
}

fn quoted_key(key: &str) -> String {
    if key.contains('\n') { double_quoted(key) } else { string_text(key, 0) }
}

fn string_text(text: &str, indent: usize) -> String {
    if text.contains('\n') && fits_block(text) {
        return block(text, indent);
    }
    if text.contains('\n') || text.chars().any(needs_escape) || reads_as_other(text) {
        return double_quoted(text);
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Whether one of the tables, or a reader that knows YAML 1.1 dates or single-letter booleans, sees no text in `text`.
fn reads_as_other(text: &str) -> bool {
    goyaml(text) != Resolved::Text
        || pyyaml(text) != Resolved::Text
        || legacy_bool(text).is_some()
        || matches!(text, "<<" | "=")
        || looks_like_date(text)
        || looks_like_base60(text)
}

/// `2001-12-14` and what follows it: every reader but ours makes a date of it.
fn looks_like_date(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4
        && text.as_bytes().get(4) == Some(&b'-')
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b' ' | b'+' | b'T' | b't' | b'Z'))
}

fn looks_like_base60(text: &str) -> bool {
    text.contains(':')
        && text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'_' | b'.' | b'+' | b'-'))
}

/// Characters that no unquoted or single-quoted text may hold.
fn needs_escape(c: char) -> bool {
    match c {
        '\n' => false,
        ' '..='~' => false,
        '\u{a0}'..='\u{d7ff}' => matches!(c, '\u{2028}' | '\u{2029}'),
        '\u{e000}'..='\u{fffd}' => c == '\u{feff}',
        '\u{10000}'.. => false,
        _ => true,
    }
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else {
        return false;
    };
    let lonely_indicator = || matches!(bytes.get(1), None | Some(b' '));
    let bad_start = match first {
        b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
        | b'@' | b'`' | b' ' => true,
        b'-' | b'?' | b':' => lonely_indicator(),
        _ => false,
    };
    !bad_start
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
}

/// Whether a `|` block gives the text back exactly: no escapes, no blanks before a line's end.
fn fits_block(text: &str) -> bool {
    !text.chars().any(needs_escape) && !text.contains(" \n") && !text.ends_with(' ') && text.trim() != ""
}

fn block(text: &str, indent: usize) -> String {
    // Without a number the reader takes the indent from the first line that is not empty.
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let (body, chomp) = match text.strip_suffix('\n') {
        None => (text, "-"),
        Some(body) if body.ends_with('\n') => (body, "+"),
        Some(body) => (body, ""),
    };
    let mut out = format!("|{hint}{chomp}");
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(&mut out, indent + 2);
            out.push_str(line);
        }
    }
    out
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c if !needs_escape(c) => out.push(c),
            c if u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}
