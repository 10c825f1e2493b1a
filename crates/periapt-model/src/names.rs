//! Names and ids: one type for each kind, checked once where they enter.
//!
//! The shapes are Juju's (`juju/names`): see each type. A value of one of these types is always well formed, so
//! code that holds one never checks again, and an application can never be passed where a unit is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not a name of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind} name: {rule}")]
pub struct InvalidName {
    /// What was asked for, such as `application`.
    pub kind: &'static str,
    /// The text as given.
    pub text: String,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

/// Bytes of a name at most. Juju has no such rule, but names are part of the names of folders and files, which end at 255.
const LONGEST_NAME: usize = 200;
const TOO_LONG: &str = "it has at most 200 characters";

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase()
}

fn is_lower_or_digit(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Juju's application shape: `[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*`.
/// Every part after a dash holds a letter, so that `app-1` can never be mistaken for a unit.
fn is_application(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default().as_bytes();
    first.first().copied().is_some_and(is_lower)
        && first.iter().copied().all(is_lower_or_digit)
        && parts.all(|p| p.bytes().all(is_lower_or_digit) && p.bytes().any(is_lower))
}

/// Words of lower-case letters and digits joined by single `-` or `_`, starting with a letter.
fn is_words(text: &str) -> bool {
    text.as_bytes().first().copied().is_some_and(is_lower)
        && text.split(['-', '_']).all(|p| !p.is_empty() && p.bytes().all(is_lower_or_digit))
}

/// Action names: `[a-z0-9]([a-z0-9-]*[a-z0-9])?`.
fn is_action(text: &str) -> bool {
    let b = text.as_bytes();
    !b.is_empty()
        && b.iter().copied().all(|c| is_lower_or_digit(c) || c == b'-')
        && b.first() != Some(&b'-')
        && b.last() != Some(&b'-')
}

/// Model names: lower-case letters, digits and dashes, not starting or ending with a dash.
fn is_model(text: &str) -> bool {
    is_action(text)
}

/// Names that metadata gives to things Juju puts few rules on (resources, extra bindings, containers).
fn is_loose(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        && !text.starts_with('.')
        && !text.starts_with('-')
}

/// Twenty lower-case letters and digits: the shape of Juju's secret ids (`rs/xid`).
fn is_secret_id(text: &str) -> bool {
    text.len() == 20 && text.bytes().all(is_lower_or_digit)
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                // Maps are full of copies of one name, such as the application's in its units' names.
                if std::sync::Arc::ptr_eq(&self.0, &other.0) {
                    std::cmp::Ordering::Equal
                } else {
                    self.0.cmp(&other.0)
                }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Checks `text` and makes a name of it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                if text.len() > LONGEST_NAME {
                    Err(InvalidName { kind: $kind, text: text.to_owned(), rule: TOO_LONG })
                } else if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, text: text.to_owned(), rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of an application, such as `postgres` or `my-app`.
    AppName,
    "application",
    is_application,
    "use lower-case letters, digits and dashes; start with a letter; each part after a dash needs a letter"
);
name_type!(
    /// The name of an offer: what other models call the endpoints that they may relate to.
    OfferName,
    "offer",
    is_application,
    "use lower-case letters, digits and dashes; start with a letter; each part after a dash needs a letter"
);
name_type!(
    /// The name of an endpoint in a charm's metadata, such as `db` (Juju calls it a relation name).
    EndpointName,
    "endpoint",
    is_words,
    "use lower-case letters, digits, single dashes or underscores; start with a letter"
);
name_type!(
    /// The name of an action in a charm's metadata.
    ActionName,
    "action",
    is_action,
    "use lower-case letters, digits and dashes; start and end with a letter or digit"
);
name_type!(
    /// The name of a model.
    ModelName,
    "model",
    is_model,
    "use lower-case letters, digits and dashes; start and end with a letter or digit"
);
name_type!(
    /// The name of a resource in a charm's metadata.
    ResourceName,
    "resource",
    is_loose,
    "use letters, digits, dashes, dots and underscores"
);
name_type!(
    /// The name of a storage in a charm's metadata.
    StorageName,
    "storage",
    is_words,
    "use lower-case letters, digits, single dashes or underscores; start with a letter"
);
name_type!(
    /// The name of a workload container in a charm's metadata.
    ContainerName,
    "container",
    is_loose,
    "use letters, digits, dashes, dots and underscores"
);
name_type!(
    /// The id of a secret, without `secret:` in front.
    SecretId,
    "secret",
    is_secret_id,
    "a secret's id is twenty lower-case letters and digits"
);

impl SecretId {
    /// The id that belongs to `parts`: equal parts give equal ids, and parts that differ give ids that differ, but for a
    /// chance of one in 10^30. Nothing depends on an id being hard to guess.
    #[must_use]
    pub fn derived(parts: &[&str]) -> Self {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        // FNV-1a of 128 bits, and a last stirring, since its upper bits know little of the last bytes.
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        for byte in parts.iter().flat_map(|part| part.bytes().chain([0xff])) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        for shift in [65, 61] {
            hash = (hash ^ (hash >> shift)).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
        }
        hash ^= hash >> 67;
        let mut text = String::with_capacity(20);
        for _ in 0..20 {
            text.push(char::from(DIGITS[(hash % 36) as usize]));
            hash /= 36;
        }
        Self(text.into())
    }
}

/// A unit of an application: `app/0`. Its number is never used again while the application exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName {
    app: AppName,
    number: u32,
}

impl UnitName {
    /// Unit `number` of `app`.
    pub fn new(app: AppName, number: u32) -> Self {
        Self { app, number }
    }

    /// The application it belongs to.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// Its number within the application.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The form used in paths and log entities: `unit-app-0`.
    pub fn tag(&self) -> String {
        format!("unit-{}-{}", self.app, self.number)
    }

    /// Reads the form that [`UnitName::tag`] writes.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let (app, number) = tag.strip_prefix("unit-")?.rsplit_once('-')?;
        Some(Self { app: AppName::new(app).ok()?, number: unit_number(number)? })
    }
}

/// Decimal without sign or leading zero, as Juju's unit pattern has it.
fn unit_number(text: &str) -> Option<u32> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

impl FromStr for UnitName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            kind: "unit",
            text: text.to_owned(),
            rule: "a unit is written APPLICATION/NUMBER, such as app/0",
        };
        let (app, number) = text.split_once('/').ok_or_else(invalid)?;
        let app = AppName::new(app).map_err(|_| invalid())?;
        Ok(Self { app, number: unit_number(number).ok_or_else(invalid)? })
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.app, self.number))
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}/{}\"", self.app, self.number)
    }
}

impl TryFrom<String> for UnitName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> String {
        name.to_string()
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

/// One storage of a unit: `data/0`. The number is the model's, whatever the name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StorageId {
    /// The charm's name for it.
    pub name: StorageName,
    /// Its number.
    pub number: u32,
}

impl FromStr for StorageId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            kind: "storage",
            text: text.to_owned(),
            rule: "a storage is written NAME/NUMBER, such as data/0",
        };
        let (name, number) = text.split_once('/').ok_or_else(invalid)?;
        let name = StorageName::new(name).map_err(|_| invalid())?;
        Ok(Self { name, number: unit_number(number).ok_or_else(invalid)? })
    }
}

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.name, self.number))
    }
}

impl fmt::Debug for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}/{}\"", self.name, self.number)
    }
}

impl TryFrom<String> for StorageId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<StorageId> for String {
    fn from(id: StorageId) -> String {
        id.to_string()
    }
}

number_id!(
    /// A relation's number: increases for ever within its model.
    RelationId,
    u32
);
number_id!(
    /// A task's or an operation's number: one counter for both in a model, printed as text.
    TaskId,
    u64
);
number_id!(
    /// A machine's number. In the `process` substrate a machine is a folder and an address of its own.
    MachineId,
    u32
);

/// The identity of a charm's content: the hash of the tree that [`deploy`](crate::command) was given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CharmId(pub String);

impl fmt::Display for CharmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_follow_jujus_shape() {
        for ok in ["a", "mysql", "my-app", "k8s", "a1-b2c", "x-1a"] {
            assert!(AppName::new(ok).is_ok(), "{ok}");
        }
        for bad in ["", "1a", "A", "my-", "-a", "app-1", "a--b", "a_b", "a/0", "é"] {
            assert!(AppName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn units_round_trip_and_sort_by_number() {
        let nine: UnitName = "my-app/9".parse().unwrap();
        let ten: UnitName = "my-app/10".parse().unwrap();
        assert!(nine < ten);
        assert_eq!(nine.to_string(), "my-app/9");
        assert_eq!(UnitName::from_tag(&ten.tag()), Some(ten));
        for bad in ["app", "app/", "app/01", "app/-1", "app/+1", "/1", "App/1", "app/4294967296"] {
            assert!(bad.parse::<UnitName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_may_hold_underscores_but_not_double_dashes() {
        assert!(EndpointName::new("juju-info").is_ok());
        assert!(EndpointName::new("db_admin").is_ok());
        assert!(EndpointName::new("db--admin").is_err());
        assert!(EndpointName::new("0db").is_err());
    }
}
