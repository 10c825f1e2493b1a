//! Secrets: what is known of one, what is in it, who may read it, and who reads which revision.
//!
//! The three are records of their own: contents are written once and read by few, so that a store may keep them apart
//! and encrypted, and two hundred readers do not write the same record.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::names::{AppName, InvalidName, RelationId, SecretId, UnitName};
use crate::time::Timestamp;

/// Bytes in a secret's content at most, in base64 (Juju: `core/secrets`).
pub const MAX_CONTENT: usize = 1024 * 1024;

/// Who a secret belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretOwner {
    /// One unit.
    Unit(UnitName),
    /// An application: its leader manages it, each of its units reads it.
    Application(AppName),
    /// The operator (a *user secret*): its label is its name, and it is granted to whole applications.
    Model,
}

/// How often a secret is to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotatePolicy {
    /// The default.
    #[default]
    Never,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every seven days.
    Weekly,
    /// Every calendar month.
    Monthly,
    /// Every three calendar months.
    Quarterly,
    /// Every calendar year.
    Yearly,
}

impl RotatePolicy {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Never, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly, Self::Yearly];

    /// As `--rotate` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        }
    }

    /// When a secret that was rotated at `last` is to be rotated next.
    pub fn next_after(self, last: Timestamp) -> Option<Timestamp> {
        const HOUR: u64 = 3600;
        match self {
            Self::Never => None,
            Self::Hourly => Some(last + Duration::from_secs(HOUR)),
            Self::Daily => Some(last + Duration::from_secs(24 * HOUR)),
            Self::Weekly => Some(last + Duration::from_secs(7 * 24 * HOUR)),
            Self::Monthly => Some(last.plus_months(1)),
            Self::Quarterly => Some(last.plus_months(3)),
            Self::Yearly => Some(last.plus_months(12)),
        }
    }
}

impl fmt::Display for RotatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RotatePolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| format!("rotate policy {text:?} not valid"))
    }
}

/// Who a secret is granted to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretReader {
    /// Every unit of an application.
    Application(AppName),
    /// One unit.
    Unit(UnitName),
}

impl SecretReader {
    /// The application, or the unit's.
    pub fn app(&self) -> &AppName {
        match self {
            Self::Application(app) => app,
            Self::Unit(unit) => unit.app(),
        }
    }

    /// Whether that is `unit` or its application.
    pub fn includes(&self, unit: &UnitName) -> bool {
        match self {
            Self::Application(app) => app == unit.app(),
            Self::Unit(own) => own == unit,
        }
    }

    /// Juju's tag: `application-web`, `unit-web-0`.
    pub fn tag(&self) -> String {
        match self {
            Self::Application(app) => format!("application-{app}"),
            Self::Unit(unit) => unit.tag(),
        }
    }
}

impl fmt::Display for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(app) => app.fmt(f),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

impl TryFrom<String> for SecretReader {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.contains('/') {
            true => text.parse().map(Self::Unit),
            false => text.parse().map(Self::Application),
        }
    }
}

impl From<SecretReader> for String {
    fn from(reader: SecretReader) -> String {
        reader.to_string()
    }
}

/// For how long a grant holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantScope {
    /// As long as the relation is there.
    Relation(RelationId),
    /// As long as the secret is there (user secrets).
    Model,
}

/// One revision of a secret. Its content is a record of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRevision {
    /// When it was made.
    pub created: Timestamp,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What is known of a secret; not what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its identity for ever.
    pub id: SecretId,
    /// Whose it is.
    pub owner: SecretOwner,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How often it is to be rotated.
    #[serde(default)]
    pub rotate: RotatePolicy,
    /// When it is to be rotated next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotates: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// By number, from 1; never empty.
    pub revisions: BTreeMap<u32, SecretRevision>,
    /// The next revision's number; never lowered.
    pub next_revision: u32,
    /// Who may read it beside its owner.
    #[serde(default)]
    pub grants: BTreeMap<SecretReader, GrantScope>,
    /// Of the operator's: revisions that nobody reads any more go by themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_prune: bool,
    /// The identity of the model that it belongs to, where this is a copy of what was granted over a relation with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The models that have a copy, with the newest revision that it had when what is read of it there was told here last.
    /// From that one on somebody there may have begun to read unknown to this model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<String, u32>,
}

impl Secret {
    /// One without revisions yet.
    #[must_use]
    pub fn new(id: SecretId, owner: SecretOwner, now: Timestamp) -> Self {
        Self {
            id,
            owner,
            label: None,
            description: None,
            rotate: RotatePolicy::Never,
            rotates: None,
            created: now,
            updated: now,
            revisions: BTreeMap::new(),
            next_revision: 1,
            grants: BTreeMap::new(),
            auto_prune: false,
            origin: None,
            copies: BTreeMap::new(),
        }
    }

    /// The newest revision.
    pub fn latest(&self) -> u32 {
        self.revisions.last_key_value().map_or(0, |(number, _)| *number)
    }
}

/// Which revision of a secret a unit reads, and what it calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SecretConsumer {
    /// The unit's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The revision it reads until it asks for a newer one.
    pub revision: u32,
}

/// What is wrong with a piece of a secret's content. The value is never named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// Keys are `[a-z](-?[a-z0-9]){2,}` (Juju: `core/secrets`).
    #[error("key {0:?} not valid")]
    Key(String),
    /// Not base64.
    #[error("value of key {0:?} is not valid base64")]
    Base64(String),
    /// Beyond [`MAX_CONTENT`].
    #[error("secret content of {0} bytes is larger than {MAX_CONTENT} bytes")]
    TooLarge(usize),
}

/// What is in a secret: values of bytes by key. `Debug` shows the keys alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct SecretContent(BTreeMap<String, String>);

impl SecretContent {
    /// Adds a value.
    ///
    /// # Errors
    /// When the key is malformed.
    pub fn insert(&mut self, key: &str, value: &[u8]) -> Result<(), InvalidContent> {
        check_key(key)?;
        self.0.insert(key.to_owned(), STANDARD.encode(value));
        Ok(())
    }

    /// Adds a value that is base64 already.
    ///
    /// # Errors
    /// When the key is malformed or the value is no base64.
    pub fn insert_base64(&mut self, key: &str, value: &str) -> Result<(), InvalidContent> {
        let bytes = STANDARD.decode(value.trim()).map_err(|_| InvalidContent::Base64(key.to_owned()))?;
        self.insert(key, &bytes)
    }

    /// The same, once each key and value has been looked at: what came from outside may be anything.
    ///
    /// # Errors
    /// A malformed key, a value that is no base64, or too much of all.
    pub fn checked(self) -> Result<Self, InvalidContent> {
        let mut content = Self::default();
        for (key, value) in &self.0 {
            content.insert_base64(key, value)?;
        }
        content.check_size()?;
        Ok(content)
    }

    /// Checks the size of all of it.
    ///
    /// # Errors
    /// When it is beyond [`MAX_CONTENT`].
    pub fn check_size(&self) -> Result<(), InvalidContent> {
        let size = self.0.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > MAX_CONTENT { Err(InvalidContent::TooLarge(size)) } else { Ok(()) }
    }

    /// A value in base64.
    pub fn base64(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A value as text; what is no UTF-8 in it is replaced.
    pub fn text(&self, key: &str) -> Option<String> {
        let bytes = STANDARD.decode(self.0.get(key)?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn check_key(key: &str) -> Result<(), InvalidContent> {
    let letters = key.bytes().filter(|b| *b != b'-').count();
    let valid = key.starts_with(|c: char| c.is_ascii_lowercase())
        && letters >= 3
        && key.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    if valid { Ok(()) } else { Err(InvalidContent::Key(key.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_and_values_never_shown() {
        let mut content = SecretContent::default();
        for good in ["abc", "a-bc", "user-name1", "a1b"] {
            content.insert(good, b"hunter2").unwrap();
        }
        for bad in ["", "ab", "a-b", "Abc", "1bc", "ab_c", "abc-", "-abc", "a--bc", "ab c"] {
            assert_eq!(content.insert(bad, b"x"), Err(InvalidContent::Key(bad.to_owned())));
        }
        let shown = format!("{content:?}");
        assert_eq!(shown, r#"{"a-bc", "a1b", "abc", "user-name1"}"#);
        content.insert_base64("raw", "/wA=").unwrap();
        assert_eq!(content.text("raw").unwrap(), "\u{fffd}\0");
        assert_eq!(content.base64("raw"), Some("/wA="));
        let error = content.insert_base64("raw", "hunter2!").unwrap_err();
        assert_eq!(error.to_string(), "value of key \"raw\" is not valid base64");
    }

    #[test]
    fn policies_step_by_the_calendar() {
        let start = Timestamp::parse_rfc3339("2026-01-31T10:00:00Z").unwrap();
        for (policy, next) in [
            ("never", None),
            ("hourly", Some("2026-01-31T11:00:00Z")),
            ("daily", Some("2026-02-01T10:00:00Z")),
            ("weekly", Some("2026-02-07T10:00:00Z")),
            ("monthly", Some("2026-03-03T10:00:00Z")),
            ("quarterly", Some("2026-05-01T10:00:00Z")),
            ("yearly", Some("2027-01-31T10:00:00Z")),
        ] {
            let policy: RotatePolicy = policy.parse().unwrap();
            assert_eq!(policy.next_after(start).map(Timestamp::to_rfc3339).as_deref(), next, "{policy}");
        }
        assert_eq!("often".parse::<RotatePolicy>().unwrap_err(), "rotate policy \"often\" not valid");
    }
}
