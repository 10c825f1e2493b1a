//! `--config` and the options of `config`: pairs, files of YAML, and values that are the content of a file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use periapt_model::yaml::{self, Map, Node};

use super::{Pair, file};
use crate::error::{CliError, Result};

/// One `--config` of `deploy`, `refresh` and `add-model`: `key=value`, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigArg {
    /// One option.
    Pair(Pair),
    /// Options in YAML.
    File(PathBuf),
}

impl FromStr for ConfigArg {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Pair))
    }
}

/// Which part of a file of YAML counts.
#[derive(Clone, Copy, Debug)]
pub enum Section<'a> {
    /// What stands under this application's name (Juju's form).
    Application(&'a str),
    /// All of it: settings of a model.
    Whole,
    /// The same, as `model-config --format yaml` writes them too: each with its `value` and its `source`.
    Settings,
}

/// Pairs as options; `@file` stands for the content of the file, as in Juju.
///
/// # Errors
/// A file that cannot be read; a key given twice.
pub fn settings(pairs: impl IntoIterator<Item = Pair>) -> Result<BTreeMap<String, String>> {
    let mut read = Vec::new();
    for Pair { key, value } in pairs {
        let value = match value.strip_prefix('@') {
            Some(path) => file::text(Path::new(path))?,
            None => value,
        };
        read.push(Pair { key, value });
    }
    super::unique(read).map_err(CliError::usage)
}

/// All of `--config`: files first, so that pairs win over them.
///
/// # Errors
/// What [`settings`] and [`yaml_settings`] refuse.
pub fn all(args: &[ConfigArg], section: Section<'_>) -> Result<BTreeMap<String, String>> {
    let mut set = BTreeMap::new();
    for arg in args {
        if let ConfigArg::File(path) = arg {
            set.extend(yaml_settings(path, section)?);
        }
    }
    let pairs = args.iter().filter_map(|arg| match arg {
        ConfigArg::Pair(pair) => Some(pair.clone()),
        ConfigArg::File(_) => None,
    });
    set.extend(settings(pairs)?);
    Ok(set)
}

/// The options in a file of YAML (`-` is standard input), each value as it is written.
///
/// # Errors
/// A file that cannot be read, is not YAML, has nothing for the application, or has lists and maps for values.
pub fn yaml_settings(path: &Path, section: Section<'_>) -> Result<BTreeMap<String, String>> {
    let text = file::text_or_input(path)?;
    let shown = path.display();
    let wrong = |node: &Node, what: &str| {
        CliError::new(format!(
            "{shown}:{}:{}: {what}, not {}",
            node.span.line,
            node.span.column,
            node.describe()
        ))
    };
    let root = yaml::parse(&text)
        .map_err(|e| CliError::new(format!("{shown}:{}:{}: {}", e.span.line, e.span.column, e.message)))?;
    let empty = Map::default();
    let map = match root.as_map() {
        Some(map) => map,
        None if root.is_null() => &empty,
        None => return Err(wrong(&root, "expected options")),
    };
    let options = match section {
        Section::Whole | Section::Settings => map,
        Section::Application(app) => match map.get(app) {
            Some(node) if node.is_null() => &empty,
            Some(node) => {
                node.as_map().ok_or_else(|| wrong(node, &format!("expected the options of {app}")))?
            }
            None => {
                return Err(CliError::new(format!("no settings found for application {app:?} in {shown}"))
                    .hint(format!("put the options under a key {app}: of their own")));
            }
        },
    };
    let mut set = BTreeMap::new();
    for entry in options.iter() {
        let shown = entry.value.as_map().filter(|_| matches!(section, Section::Settings));
        let value = shown.and_then(|shown| shown.get("value")).unwrap_or(&entry.value);
        if value.is_null() {
            continue;
        }
        let scalar = value
            .as_scalar()
            .ok_or_else(|| wrong(value, &format!("expected one value for {}", entry.key)))?;
        set.insert(entry.key.to_string(), scalar.text.to_string());
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn pairs_win_over_files_and_at_means_a_file() {
        let yaml = file("app:\n  size: 03\n  on: yes\n  gone: ~\nother:\n  size: 9\n");
        let content = file("line one\nline two\n");
        let args = [
            format!("key=@{}", content.path().display()).parse().unwrap(),
            "size=4".parse().unwrap(),
            yaml.path().to_str().unwrap().parse().unwrap(),
        ];
        let set = all(&args, Section::Application("app")).unwrap();
        let expected = [("key", "line one\nline two\n"), ("on", "yes"), ("size", "4")];
        assert_eq!(set, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn mistakes_name_their_place() {
        let shown = |text: &str| {
            let file = file(text);
            let error = yaml_settings(file.path(), Section::Application("app")).unwrap_err();
            error.message.replace(&file.path().display().to_string(), "FILE")
        };
        assert_eq!(shown("app:\n  a: [1]\n"), "FILE:2:6: expected one value for a, not a list");
        assert_eq!(shown("- a\n"), "FILE:1:1: expected options, not a list");
        assert_eq!(shown("other: {}\n"), "no settings found for application \"app\" in FILE");
        assert!(shown("a: [\n").starts_with("FILE:"));
        let twice = ["a=1", "a=2"].map(|p| p.parse().unwrap());
        assert_eq!(settings(twice).unwrap_err().code, crate::error::USAGE);
    }
}
