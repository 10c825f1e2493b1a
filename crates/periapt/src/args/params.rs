//! The parameters of actions: `k.sub=v` and `--params FILE`.

use std::path::Path;

use periapt_model::yaml::{self, Table};
use serde_json::{Map, Value};

use periapt_context::limits::MOST_LEVELS;

use super::{Pair, file};
use crate::error::{CliError, Result};

/// Puts `a.b=v` into `params` as `{"a": {"b": v}}`. Values are YAML unless `strings` (Juju: `--string-args`).
///
/// # Errors
/// Keys with an empty part, a key that is a value already, and values that are not YAML.
pub fn nested(params: &mut Map<String, Value>, pairs: &[Pair], strings: bool) -> Result {
    for Pair { key, value } in pairs {
        let value = match strings {
            true => Value::String(value.clone()),
            false => yaml::to_json(value, Table::Goyaml).map_err(|e| {
                CliError::new(format!("the value of {key:?} is not YAML: {}", e.message))
                    .hint("--string-args takes all values as text")
            })?,
        };
        let parts: Vec<&str> = key.split('.').collect();
        if parts.len() > MOST_LEVELS {
            return Err(CliError::usage(format!("key {key:?} has more than {MOST_LEVELS} parts")));
        }
        if parts.iter().any(|part| part.is_empty()) {
            return Err(CliError::usage(format!("key {key:?} must be words joined by dots")));
        }
        insert(params, &parts, value).map_err(|taken| {
            CliError::usage(format!("key {key:?} needs {taken:?} to hold keys, but it has a value"))
        })?;
    }
    Ok(())
}

fn insert<'a>(
    map: &mut Map<String, Value>,
    parts: &[&'a str],
    value: Value,
) -> std::result::Result<(), &'a str> {
    match parts {
        [] => {}
        [last] => drop(map.insert((*last).to_owned(), value)),
        [first, rest @ ..] => {
            let inner = map.entry((*first).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            insert(inner.as_object_mut().ok_or(*first)?, rest, value)?;
        }
    }
    Ok(())
}

/// A file of parameters in YAML; `-` is standard input.
///
/// # Errors
/// A file that cannot be read, or that is not a mapping.
pub fn params_file(path: &Path) -> Result<Map<String, Value>> {
    let text = file::text_or_input(path)?;
    let node = yaml::parse(&text).map_err(|e| {
        CliError::new(format!("{}:{}:{}: {}", path.display(), e.span.line, e.span.column, e.message))
    })?;
    match node.to_json(Table::Goyaml) {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => {
            let (shown, place) = (path.display(), node.span);
            let what = node.describe();
            Err(CliError::new(format!(
                "{shown}:{}:{}: expected parameters, not {what}",
                place.line, place.column
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(pairs: &[&str], strings: bool) -> Result<Value> {
        let pairs: Vec<Pair> = pairs.iter().map(|p| p.parse().unwrap()).collect();
        let mut params = json!({"from": "file", "a": {"kept": 1}}).as_object().unwrap().clone();
        nested(&mut params, &pairs, strings)?;
        Ok(Value::Object(params))
    }

    #[test]
    fn dots_nest_and_values_are_yaml() {
        assert_eq!(
            read(&["a.b.c=3", "l=[1, x]", "t=yes", "e=", "from=line"], false).unwrap(),
            json!({"from": "line", "a": {"kept": 1, "b": {"c": 3}}, "l": [1, "x"], "t": "yes", "e": null})
        );
        assert_eq!(read(&["a.b=3"], true).unwrap()["a"]["b"], json!("3"));
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        let deep = format!("{}=1", vec!["a"; MOST_LEVELS + 1].join("."));
        for bad in [&["a..b=1"][..], &[&deep], &[".=1"], &["x=1", "x.y=2"], &["v={"]] {
            assert!(read(bad, false).is_err(), "{bad:?}");
        }
    }
}
