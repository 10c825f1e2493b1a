//! What goes into a secret: `key=value`, `key#base64=value`, `key#file=path`, and a file of YAML. No message repeats a
//! value.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use periapt_model::entity::{InvalidContent, SecretContent};
use periapt_model::yaml;

use super::file;
use crate::error::{CliError, Result};

/// A word of the command line that is not shown again.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl FromStr for Hidden {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The content of a secret on a command line.
#[derive(Args, Clone, Debug)]
pub struct ContentArgs {
    /// Values; key#base64=… is in base64 already, key#file=… names a file
    #[arg(value_name = "KEY=VALUE")]
    values: Vec<Hidden>,
    /// A YAML file of keys and values; values of the command line go before its
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ContentArgs {
    /// All of it; None when nothing was given.
    ///
    /// # Errors
    /// Malformed words, keys and files; more than a mebibyte.
    pub fn read(&self) -> Result<Option<SecretContent>> {
        let mut given: BTreeMap<&str, &str> = BTreeMap::new();
        for (place, Hidden(word)) in self.values.iter().enumerate() {
            let Some((key, value)) = word.split_once('=') else {
                return Err(CliError::usage(format!("expected \"key=value\" as value {}", place + 1)));
            };
            if given.insert(key, value).is_some() {
                return Err(CliError::usage(format!("key {key:?} specified more than once")));
            }
        }
        let mut content = SecretContent::default();
        if let Some(path) = &self.file {
            for (key, value) in yaml_values(path)? {
                add(&mut content, &key, &value)?;
            }
        }
        for (key, value) in given {
            add(&mut content, key, value)?;
        }
        content.check_size().map_err(|error| CliError::usage(error.to_string()))?;
        Ok(Some(content).filter(|content| !content.is_empty()))
    }
}

fn add(content: &mut SecretContent, key: &str, value: &str) -> Result {
    let added = match key.rsplit_once('#') {
        Some((key, "base64")) => content.insert_base64(key, value),
        Some((key, "file")) => content.insert(key, &file::bytes(Path::new(value))?),
        _ => content.insert(key, value.as_bytes()),
    };
    added.map_err(|error| {
        let refused = CliError::usage(error.to_string());
        match error {
            InvalidContent::Key(_) => refused.hint(
                "a key begins with a lower-case letter and has at least three letters, digits and single hyphens",
            ),
            _ => refused,
        }
    })
}

fn yaml_values(path: &Path) -> Result<Vec<(String, String)>> {
    let text = file::text_or_input(path)?;
    let shown = path.display();
    let root = yaml::parse(&text).map_err(|error| {
        CliError::new(format!("{shown}:{}:{}: not YAML", error.span.line, error.span.column))
            .hint("put values in quotes")
    })?;
    let expected = || CliError::new(format!("{shown}: expected a map of keys to texts"));
    let map = root.as_map().ok_or_else(expected)?;
    map.iter()
        .map(|entry| match entry.value.as_scalar().filter(|_| !entry.value.is_null()) {
            Some(scalar) => Ok((entry.key.to_string(), scalar.text.to_string())),
            None => Err(CliError::new(format!(
                "{shown}:{}:{}: expected a text for {:?}",
                entry.value.span.line, entry.value.span.column, entry.key
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str], file: Option<PathBuf>) -> Result<Option<SecretContent>> {
        let values = words.iter().map(|word| Hidden((*word).to_owned())).collect();
        ContentArgs { values, file }.read()
    }

    #[test]
    fn words_files_and_base64_make_content() {
        let folder = tempfile::tempdir().unwrap();
        let (values, blob) = (folder.path().join("values.yaml"), folder.path().join("blob"));
        std::fs::write(&values, "user: admin\nport: 5432\nraw#base64: /wA=\n").unwrap();
        std::fs::write(&blob, b"\xff\xfe").unwrap();
        let word = format!("blob#file={}", blob.display());
        let content = read(&["user=root", "eqs=a=b", &word], Some(values)).unwrap().unwrap();
        assert_eq!(content.keys().collect::<Vec<_>>(), ["blob", "eqs", "port", "raw", "user"]);
        assert_eq!(content.text("user").as_deref(), Some("root"), "the command line goes first");
        assert_eq!(content.text("eqs").as_deref(), Some("a=b"));
        assert_eq!(content.text("port").as_deref(), Some("5432"));
        assert_eq!((content.base64("raw"), content.base64("blob")), (Some("/wA="), Some("//4=")));
        assert!(read(&[], None).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let path = folder.path().join(format!("{}.yaml", text.len()));
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let long = format!("key={}", "hunter2".repeat(200_000));
        for (words, file, wanted) in [
            (&["password=x", "hunter2"][..], None, "expected \"key=value\" as value 2"),
            (&["password=hunter2", "password=hunter2"], None, "\"password\" specified more than once"),
            (&["pw=hunter2"], None, "key \"pw\" not valid"),
            (&["password#base64=hunter2!"], None, "value of key \"password\" is not valid base64"),
            (&[&long], None, "larger than 1048576 bytes"),
            (&[], file("hunter2"), "expected a map of keys to texts"),
            (&[], file("password: [hunter2]"), "19.yaml:1:11: expected a text for \"password\""),
            (&[], file("password: \"hunter2"), "not YAML"),
            (&["key#file=/nonexistent"], None, "cannot read /nonexistent"),
        ] {
            let error = read(words, file).unwrap_err();
            let shown = format!("{error:?}");
            assert!(shown.contains(&wanted.replace('"', "\\\"")), "{words:?}: {shown}");
            assert!(!shown.contains("hunter2"), "{words:?}: {shown}");
        }
        assert_eq!(format!("{:?}", Hidden("hunter2".to_owned())), "(hidden)");
    }
}
