//! A charm's options: their types, their defaults and the values that operators give them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::read::Reader;
use crate::yaml::{Kind, Map, Node, Resolved, Table, legacy_bool};

/// The type of a config option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Int,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// The URI of a user secret: `secret:…`.
    Secret,
}

impl OptionType {
    const CHOICES: [(&'static str, Self); 5] = [
        ("string", Self::String),
        ("int", Self::Int),
        ("float", Self::Float),
        ("boolean", Self::Boolean),
        ("secret", Self::Secret),
    ];

    /// The word for it in `config.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Secret => "secret",
        }
    }
}

impl fmt::Display for OptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of a config option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConfigValue {
    /// Of a `boolean` option.
    Bool(bool),
    /// Of an `int` option.
    Int(i64),
    /// Of a `float` option; always finite.
    Float(f64),
    /// Of a `string` or a `secret` option.
    String(String),
}

impl ConfigValue {
    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::String(value) => value.as_str().into(),
        }
    }
}

/// The value as an operator would type it.
impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
        }
    }
}

/// One option of `config.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigOption {
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: OptionType,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The value it has until an operator sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ConfigValue>,
}

/// A value that an option cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got}")]
pub struct InvalidConfigValue {
    /// The type of the option.
    pub expected: OptionType,
    /// The value, as words.
    pub got: String,
}

impl ConfigOption {
    fn invalid(&self, got: impl fmt::Debug) -> InvalidConfigValue {
        InvalidConfigValue { expected: self.kind, got: format!("{got:?}") }
    }

    /// Reads a value from a command line (Juju 3.6: Go's `ParseInt` in base 10, `ParseFloat`, `ParseBool`).
    ///
    /// # Errors
    /// Text that is not of the option's type, the empty text too unless the option is a `string` or a `secret`.
    pub fn parse_cli(&self, text: &str) -> Result<ConfigValue, InvalidConfigValue> {
        let value = match self.kind {
            OptionType::String => Some(ConfigValue::String(text.to_owned())),
            OptionType::Int => text.parse().ok().map(ConfigValue::Int),
            OptionType::Float => text.parse().ok().filter(|n: &f64| n.is_finite()).map(ConfigValue::Float),
            OptionType::Boolean => match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(ConfigValue::Bool(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(ConfigValue::Bool(false)),
                _ => None,
            },
            OptionType::Secret => {
                (text.is_empty() || is_secret_uri(text)).then(|| ConfigValue::String(text.to_owned()))
            }
        };
        value.ok_or_else(|| self.invalid(text))
    }

    /// Reads a value from YAML: a default in `config.yaml`, or a value in a file of settings. Nothing gives `None`.
    ///
    /// The declared type decides: `no` is false for a `boolean` and the text `no` for a `string`.
    ///
    /// # Errors
    /// A value of another type. A number or a boolean without quotes is not a `string` (as in Juju); quoted text that
    /// reads as a value of the option's type is taken.
    pub fn from_yaml(&self, node: &Node) -> Result<Option<ConfigValue>, InvalidConfigValue> {
        let scalar = match &node.kind {
            Kind::Scalar(scalar) => scalar,
            Kind::Seq(_) | Kind::Map(_) => {
                return Err(InvalidConfigValue { expected: self.kind, got: node.describe() });
            }
        };
        if scalar.plain
            && self.kind == OptionType::Boolean
            && let Some(value) = legacy_bool(&scalar.text)
        {
            return Ok(Some(ConfigValue::Bool(value)));
        }
        let text = &*scalar.text;
        match (scalar.resolve(Table::Goyaml), self.kind) {
            (Resolved::Null, _) => Ok(None),
            (Resolved::Text, _) => self.parse_cli(text).map(Some),
            (Resolved::Int(n), OptionType::Int) => Ok(Some(ConfigValue::Int(n))),
            (Resolved::Int(n), OptionType::Float) => Ok(Some(ConfigValue::Float(n as f64))),
            (Resolved::Uint(n), OptionType::Float) => Ok(Some(ConfigValue::Float(n as f64))),
            (Resolved::Float(n), OptionType::Float) if n.is_finite() => Ok(Some(ConfigValue::Float(n))),
            _ => Err(InvalidConfigValue { expected: self.kind, got: node.describe() }),
        }
    }

    /// Reads a value from JSON, by the rules of [`ConfigOption::from_yaml`]. Null gives `None`.
    ///
    /// # Errors
    /// A value of another type.
    pub fn from_json(&self, value: &serde_json::Value) -> Result<Option<ConfigValue>, InvalidConfigValue> {
        use serde_json::Value;
        let found = match (value, self.kind) {
            (Value::Null, _) => return Ok(None),
            (Value::String(text), _) => return self.parse_cli(text).map(Some),
            (Value::Bool(value), OptionType::Boolean) => Some(ConfigValue::Bool(*value)),
            (Value::Number(n), OptionType::Int) => n.as_i64().map(ConfigValue::Int),
            (Value::Number(n), OptionType::Float) => n.as_f64().map(ConfigValue::Float),
            _ => None,
        };
        found.map(Some).ok_or_else(|| InvalidConfigValue { expected: self.kind, got: value.to_string() })
    }
}

/// The forms of Juju's secret URIs: `secret:ID` and `secret://MODEL/ID`.
fn is_secret_uri(text: &str) -> bool {
    text.strip_prefix("secret:").is_some_and(|id| {
        let id = id.strip_prefix("//").unwrap_or(id);
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'?' | b'=' | b'_'))
    })
}

const KEYS: [&str; 3] = ["type", "description", "default"];

/// Reads `config.yaml`.
pub(super) fn read_file(r: &mut Reader<'_>, node: &Node) -> BTreeMap<String, ConfigOption> {
    let empty = "write `options: {}` for a charm without options, or remove the file";
    let Some(map) = r.map(node, "the file") else {
        if node.is_null() {
            r.error(node.span, "empty configuration", empty);
        }
        return BTreeMap::new();
    };
    if map.get("options").is_none() {
        r.error(node.span, "empty configuration: there is no key `options`", empty);
    }
    read(r, map)
}

/// Reads the mapping that has the key `options`.
pub(super) fn read(r: &mut Reader<'_>, map: &Map) -> BTreeMap<String, ConfigOption> {
    r.near_misses(map, &["options"], "the configuration");
    let mut all = BTreeMap::new();
    let Some(options) = map.get("options").and_then(|node| r.map(node, "`options`")) else {
        return all;
    };
    for entry in options.iter() {
        if entry.key.is_empty() {
            r.error(entry.key_span, "an option needs a name", "");
            continue;
        }
        let what = format!("option {:?}", entry.key);
        let Some(fields) = r.map(&entry.value, &what) else {
            if entry.value.is_null() {
                r.error(
                    entry.value.span,
                    format!("{what} must be a mapping, not nothing"),
                    "give it a `type`",
                );
            }
            continue;
        };
        if let Some(option) = read_option(r, &what, entry.key_span, fields) {
            all.insert(entry.key.as_ref().to_owned(), option);
        }
    }
    all
}

fn read_option(r: &mut Reader<'_>, what: &str, at: crate::yaml::Span, fields: &Map) -> Option<ConfigOption> {
    r.near_misses(fields, &KEYS, what);
    let kind = match fields.get("type") {
        Some(node) => r.choice(node, &format!("the type of {what}"), &OptionType::CHOICES)?,
        None => {
            r.warning(
                at,
                format!("{what} has no type and counts as a string"),
                "ops refuses it: add `type: string`",
            );
            OptionType::String
        }
    };
    let description =
        fields.get("description").and_then(|n| r.any_text(n, &format!("the description of {what}")));
    let mut option = ConfigOption { kind, description: description.unwrap_or_default(), default: None };
    if let Some(node) = fields.get("default") {
        match option.from_yaml(node) {
            Ok(default) => option.default = default,
            Err(error) => {
                let help = match kind {
                    OptionType::String if node.as_scalar().is_some() => "put the default in quotes",
                    OptionType::Secret => "the URI of a secret: `secret:ID`",
                    _ => "",
                };
                r.error(node.span, format!("the default of {what} does not fit: {error}"), help);
            }
        }
    }
    Some(option)
}
