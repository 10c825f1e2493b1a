//! What several commands' arguments have in common.

pub mod base;
pub mod complete;
pub mod config;
pub mod controller;
pub mod file;
mod model;
pub mod params;
pub mod secret;
pub mod storage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use config::ConfigArg;
pub use model::{ModelArgs, ModelRef};
pub use storage::StorageArg;

use periapt_model::time::parse_duration;

/// `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Before the first `=`.
    pub key: String,
    /// All that follows it.
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected key=value".to_owned()),
        }
    }
}

/// A span of time above zero, as Juju writes it: `30s`, `5m`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(span) if !span.is_zero() => Ok(span),
        _ => Err("expected a time above zero, such as 30s, 5m or 1h30m".to_owned()),
    }
}

/// A truth as Juju's command line takes it (Go: `strconv.ParseBool`).
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A number of units: at least one.
pub fn positive(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// `NAME=FILE` of `--resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceArg {
    /// The resource.
    pub name: periapt_model::names::ResourceName,
    /// The file.
    pub path: PathBuf,
}

impl FromStr for ResourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=FILE")?;
        let name = name.parse().map_err(|e: periapt_model::names::InvalidName| e.to_string())?;
        match path {
            "" => Err("expected NAME=FILE, and the file is missing".to_owned()),
            path => Ok(Self { name, path: path.into() }),
        }
    }
}

/// The pairs as a map.
///
/// # Errors
/// The key that is given twice.
pub fn unique(pairs: impl IntoIterator<Item = Pair>) -> Result<BTreeMap<String, String>, String> {
    let mut map = BTreeMap::new();
    for Pair { key, value } in pairs {
        if map.insert(key.clone(), value).is_some() {
            return Err(format!("key {key:?} specified more than once"));
        }
    }
    Ok(map)
}
