//! What is in a secret, and how it gets to the agent without being seen.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;

/// What is in a secret: texts by key. Its values are never shown, neither by `{:?}` nor in an error.
///
/// ```
/// use periapt_charm::prelude::*;
///
/// let content = SecretContent::new([("username", "admin"), ("password", "hunter2")])?;
/// assert_eq!(content.get("password"), Some("hunter2"));
/// assert!(!format!("{content:?}").contains("hunter2"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretContent(BTreeMap<String, String>);

/// Juju's rule: a lower-case letter, then at least two more letters or digits, each of which may have a dash in front.
fn is_key(key: &str) -> bool {
    let mut rest = key.chars();
    if !rest.next().is_some_and(|c| c.is_ascii_lowercase()) {
        return false;
    }
    let (mut count, mut after_dash) = (0, false);
    for c in rest {
        match c {
            '-' if after_dash => return false,
            '-' => after_dash = true,
            'a'..='z' | '0'..='9' => (count, after_dash) = (count + 1, false),
            _ => return false,
        }
    }
    count >= 2 && !after_dash
}

impl SecretContent {
    /// Content for a new secret or a new revision.
    ///
    /// # Errors
    /// There is no key, or one that Juju does not take: it starts with a lower-case letter, has at least three letters or
    /// digits, and no dash at its end or next to another.
    pub fn new<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let map: BTreeMap<String, String> =
            pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        if map.is_empty() {
            return Err(Error::bug("a secret has at least one key"));
        }
        if let Some(key) = map.keys().find(|key| !is_key(key)) {
            return Err(Error::bug(format!(
                "{key:?} is no key of a secret: start with a lower-case letter, use at least three lower-case letters or \
                 digits, and dashes only between them"
            )));
        }
        Ok(Self(map))
    }

    /// What Juju printed. No message says a value.
    pub(super) fn of_json(value: serde_json::Value) -> Result<Self, String> {
        let serde_json::Value::Object(fields) = value else {
            return Err("it is no map of keys to texts".to_owned());
        };
        let text = |(key, value)| match value {
            serde_json::Value::String(text) => Ok((key, text)),
            _ => Err(format!("the value of {key:?} is no text")),
        };
        fields.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// It is not, which needs a human: whoever made the secret left it out.
    pub fn require(&self, key: &str) -> Result<&str, Error> {
        self.get(key).ok_or_else(|| {
            let keys: Vec<&str> = self.keys().collect();
            Error::needs_human(format!("the secret has no key {key:?}, only {}", keys.join(", ")))
        })
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As `--file -` takes it.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        Ok(serde_json::to_vec(&self.0)?)
    }
}

impl fmt::Debug for SecretContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.0.keys().map(|key| (key, format_args!("***").to_string()));
        f.debug_map().entries(hidden).finish()
    }
}

/// Content as files that only this user can read, one for each key. They are gone when this is dropped.
pub(super) struct Files {
    folder: PathBuf,
    /// `key#file=PATH`
    pub(super) args: Vec<String>,
}

impl Files {
    pub(super) fn write(content: &SecretContent) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("periapt-secret-{}-{count}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => break folder,
                // Left behind by a process that had our number, or put there by somebody: not ours to use.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let mut files = Self { folder, args: Vec::new() };
        for (key, value) in content.iter() {
            let path = files.folder.join(key);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(value.as_bytes())?;
            files.args.push(format!("{key}#file={}", path.display()));
        }
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(
                "{} holds parts of a secret and cannot be removed: {error}",
                self.folder.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_as_juju_does() {
        for good in ["abc", "a-bc", "a-b-c", "a1b", "password-2"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "ab", "a-b", "Abc", "1bc", "-abc", "abc-", "a--bc", "a_bc", "abc#file", "äbc", "ab=c"]
        {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(SecretContent::new([("", ""); 0]).is_err());
    }

    #[test]
    fn nothing_shows_a_value() {
        let content = SecretContent::new([("password", "hunter2")]).unwrap();
        assert_eq!(format!("{content:?}"), r#"{"password": "***"}"#);
        let error = content.require("user").unwrap_err();
        assert_eq!(error.to_string(), "the secret has no key \"user\", only password");
        let wrong = SecretContent::of_json(serde_json::json!({"pin": 4711})).unwrap_err();
        assert_eq!(wrong, "the value of \"pin\" is no text");
    }

    #[test]
    fn files_are_gone_when_they_are_not_needed_any_more() {
        let files = Files::write(&SecretContent::new([("password", "hunter2")]).unwrap()).unwrap();
        let path = PathBuf::from(files.args[0].strip_prefix("password#file=").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "hunter2");
        drop(files);
        assert!(!path.parent().unwrap().exists());
    }
}
