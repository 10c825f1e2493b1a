//! What an action reads and says.

use serde_json::{Map, Value};

use super::Context;
use crate::action::Results;
use crate::error::Error;

impl Context {
    /// Tells the action's operator something while it runs.
    ///
    /// # Errors
    /// Those of `action-log`.
    pub fn action_log(&self, message: &str) -> Result<(), Error> {
        self.run("action-log", &["--".to_owned(), message.to_owned()], None)?;
        Ok(())
    }

    pub(crate) fn action_params(&self) -> Result<Value, Error> {
        let params: Option<Map<String, Value>> = self.json("action-get", &[])?;
        Ok(Value::Object(params.unwrap_or_default()))
    }

    pub(crate) fn fail_action(&self, message: &str) -> Result<(), Error> {
        self.run("action-fail", &["--".to_owned(), message.to_owned()], None)?;
        Ok(())
    }

    pub(crate) fn set_results(&self, results: &Results) -> Result<(), Error> {
        let mut args = Vec::new();
        for (key, value) in &results.0 {
            flatten(key, value, &mut args)?;
        }
        if !args.is_empty() {
            self.run("action-set", &args, None)?;
        }
        Ok(())
    }
}

/// Nested maps as `a.b=value`, each key checked by Juju's rule.
fn flatten(key: &str, value: &Value, args: &mut Vec<String>) -> Result<(), Error> {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = key.starts_with(is_end)
        && key.ends_with(is_end)
        && key.chars().all(|c| is_end(c) || c == '-' || c == '.');
    if !valid {
        return Err(Error::bug(format!(
            "{key:?} is no key of an action's result: use lower-case letters, digits, dashes and dots"
        )));
    }
    match value {
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, value)| flatten(&format!("{key}.{name}"), value, args))
        }
        Value::String(text) => {
            args.push(format!("{key}={text}"));
            Ok(())
        }
        Value::Null => Ok(()),
        other => {
            args.push(format!("{key}={other}"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_flattened_and_their_keys_checked() {
        let results = Results::new().with("user", serde_json::json!({"name": "x=y", "id": 3}));
        let mut args = Vec::new();
        results.0.iter().try_for_each(|(key, value)| flatten(key, value, &mut args)).unwrap();
        assert_eq!(args, ["user.name=x=y", "user.id=3"]);
        assert!(flatten("Bad", &Value::Null, &mut args).is_err());
    }
}
