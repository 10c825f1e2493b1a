//! The output formats smart, json and yaml (Juju: `juju/cmd` `output.go`).

use std::io;

use periapt_model::yaml;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// How a value is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For shells: texts bare, lists one a line, anything structured as YAML.
    Smart,
    /// On one line.
    Json,
    /// In block style.
    Yaml,
}

/// A list of texts in the smart format.
pub(crate) fn lines(lines: &[String]) -> String {
    ended(lines.join("\n"))
}

/// `text` and a line break; nothing for nothing.
fn ended(mut text: String) -> String {
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// A value in `format`, with its line break.
pub(crate) fn value(value: &Value, format: Format) -> String {
    match (format, value) {
        (Format::Json, value) => json(value),
        (Format::Smart | Format::Yaml, Value::Null) => String::new(),
        (Format::Smart, Value::String(text)) => ended(text.clone()),
        (Format::Smart, Value::Bool(true)) => "True\n".to_owned(),
        (Format::Smart, Value::Bool(false)) => "False\n".to_owned(),
        (Format::Smart | Format::Yaml, value) => {
            let mut text = yaml::to_string(&whole_numbers(value));
            text.truncate(text.trim_end_matches('\n').len());
            ended(text)
        }
    }
}

/// Go's YAML, as its JSON, writes whole floats without a fraction.
fn whole_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let exact = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15);
            // Exact: a float has all whole numbers up to 2^53.
            exact.map_or_else(|| value.clone(), |float| Value::from(float as i64))
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), whole_numbers(value))).collect(),
        Value::Array(items) => items.iter().map(whole_numbers).collect(),
        other => other.clone(),
    }
}

fn json(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, GoFormatter);
    // Neither a JSON value nor a Vec can make this fail.
    let _ = value.serialize(&mut serializer);
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

/// JSON as Go's `encoding/json` writes it: safe inside HTML, and whole floats without a fraction.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (place, character) in fragment.char_indices() {
            let escape: &[u8] = match character {
                '<' => b"\\u003c",
                '>' => b"\\u003e",
                '&' => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            writer.write_all(&fragment.as_bytes()[start..place])?;
            writer.write_all(escape)?;
            start = place + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            // Go writes at least one digit of exponent with its sign: 1e+21, 1e-7.
            let text = format!("{value:e}");
            let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
            return writer.write_all(text.as_bytes());
        }
        write!(writer, "{value}")
    }

    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        CompactFormatter.write_null(writer)
    }
}

/// `value` with the keys of its maps in order, as Go prints its maps.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all(v: &Value) -> [String; 3] {
        [value(v, Format::Smart), value(v, Format::Json), value(v, Format::Yaml)]
    }

    #[test]
    fn every_kind_of_value_prints_as_juju_prints_it() {
        assert_eq!(all(&Value::Null), ["", "null\n", ""]);
        assert_eq!(all(&json!("")), ["", "\"\"\n", "\"\"\n"]);
        assert_eq!(all(&json!("a b")), ["a b\n", "\"a b\"\n", "a b\n"]);
        assert_eq!(all(&json!(true)), ["True\n", "true\n", "true\n"]);
        assert_eq!(all(&json!(false)), ["False\n", "false\n", "false\n"]);
        assert_eq!(all(&json!(42)), ["42\n", "42\n", "42\n"]);
        assert_eq!(all(&json!([2.0, -0.5])), ["- 2\n- -0.5\n", "[2,-0.5]\n", "- 2\n- -0.5\n"]);
        assert_eq!(all(&json!({})), ["{}\n", "{}\n", "{}\n"]);
        assert_eq!(all(&json!([])), ["[]\n", "[]\n", "[]\n"]);
        assert_eq!(all(&json!({"a": ["x"]})), ["a:\n- x\n", "{\"a\":[\"x\"]}\n", "a:\n- x\n"]);
        assert_eq!(lines(&["a".into(), "b".into()]), "a\nb\n");
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn json_is_gos() {
        assert_eq!(json(&json!("<a&b>\u{2028}\n\"é")), "\"\\u003ca\\u0026b\\u003e\\u2028\\n\\\"é\"\n");
        let floats = [(2.0, "2"), (1.5, "1.5"), (0.0, "0"), (1e21, "1e+21"), (1e20, "100000000000000000000")];
        for (number, text) in
            floats.into_iter().chain([(1e-7, "1e-7"), (-0.25, "-0.25"), (1.5e300, "1.5e+300")])
        {
            assert_eq!(json(&json!(number)), format!("{text}\n"));
        }
    }

    #[test]
    fn sorting_reaches_every_map() {
        let unsorted = json!({"b": 1, "a": [{"d": 1, "c": 2}]});
        assert_eq!(sorted(&unsorted).to_string(), r#"{"a":[{"c":2,"d":1}],"b":1}"#);
    }
}
