//! Settings on a command line and in files: `key=value` and maps of texts.

use std::collections::BTreeMap;

use periapt_model::yaml::{self, Kind};

use crate::context::Context;
use crate::outcome::Stop;

/// Reads `key=value` arguments: split at the first `=`, space around both dropped, each key once, empty values allowed
/// (Juju: `utils/keyvalues`).
pub(crate) fn parse(args: &[&str]) -> Result<BTreeMap<String, String>, Stop> {
    let mut out = BTreeMap::new();
    for arg in args {
        let expected = || Stop::usage(format!("expected \"key=value\", got {arg:?}"));
        let (key, value) = arg.split_once('=').ok_or_else(expected)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(expected());
        }
        if out.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Stop::usage(format!("key {key:?} specified more than once")));
        }
    }
    Ok(out)
}

/// The settings of a command line: those of its `--file`, overridden by its arguments.
pub(crate) fn with_file(cx: &Context<'_>) -> Result<BTreeMap<String, String>, Stop> {
    let arguments = parse(&cx.args.positional)?;
    let Some(path) = cx.args.text("file").filter(|path| !path.is_empty()) else { return Ok(arguments) };
    let mut settings = read(cx.file(path)?).map_err(Stop::Failed)?;
    settings.extend(arguments);
    Ok(settings)
}

/// Reads a map of texts. Numbers and booleans count as the text they are written in, nothing as the empty text.
pub(crate) fn read(content: &[u8]) -> Result<BTreeMap<String, String>, String> {
    // JSON first: it is what frameworks send, and its surrogate pairs are no YAML.
    if let Ok(settings) = serde_json::from_slice(content) {
        return Ok(settings);
    }
    let text =
        std::str::from_utf8(content).map_err(|e| format!("cannot read settings: not valid UTF-8: {e}"))?;
    let node = yaml::parse(text).map_err(|e| format!("cannot read settings: {e}"))?;
    if node.is_null() {
        return Ok(BTreeMap::new());
    }
    let map = node
        .as_map()
        .ok_or_else(|| format!("cannot read settings: expected a map, got {}", node.describe()))?;
    let mut out = BTreeMap::new();
    for entry in map.iter() {
        let value = match &entry.value.kind {
            Kind::Scalar(_) if entry.value.is_null() => String::new(),
            Kind::Scalar(scalar) => scalar.text.as_ref().to_owned(),
            Kind::Seq(_) | Kind::Map(_) => {
                let got = entry.value.describe();
                return Err(format!(
                    "cannot read settings: the value of {:?} must be a string, got {got}",
                    entry.key
                ));
            }
        };
        out.insert(entry.key.as_ref().to_owned(), value);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(map: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
        map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
    }

    #[test]
    fn arguments_split_at_the_first_equals_sign() {
        let settings = parse(&["a=b=c", " d = e ", "f="]).unwrap();
        assert_eq!(texts(&settings), [("a", "b=c"), ("d", "e"), ("f", "")]);
        for (bad, text) in [
            (vec!["a"], "expected \"key=value\", got \"a\""),
            (vec!["=a"], "expected \"key=value\", got \"=a\""),
            (vec!["a=1", "a=2"], "key \"a\" specified more than once"),
        ] {
            let Err(Stop::Usage(message)) = parse(&bad) else { panic!("{bad:?}") };
            assert_eq!(message, text);
        }
    }

    #[test]
    fn files_are_yaml_or_json_maps_of_scalars() {
        let settings = read(b"a: 1.0\nb: yes\nc: ''\nd:\ne: |\n  x\n  y\n").unwrap();
        assert_eq!(texts(&settings), [("a", "1.0"), ("b", "yes"), ("c", ""), ("d", ""), ("e", "x\ny\n")]);
        let settings = read("{\"a\": \"\\ud83d\\ude00\", \"b\": \"\"}".as_bytes()).unwrap();
        assert_eq!(texts(&settings), [("a", "😀"), ("b", "")]);
        assert!(read(b"").unwrap().is_empty());
        for bad in ["a: [1]", "- a", "a: {b: c}", "text", "a: 1\na: 2"] {
            assert!(read(bad.as_bytes()).unwrap_err().starts_with("cannot read settings: "), "{bad}");
        }
    }
}
