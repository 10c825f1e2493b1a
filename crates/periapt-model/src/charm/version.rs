//! Juju's version numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of Juju or of a substrate's API: `3.6`, `3.6.2`, `4.0-beta1`.
///
/// A pre-release sorts before the release of the same number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number, 0 if not given.
    pub minor: u32,
    /// The third number, 0 if not given; for a pre-release the number behind its tag.
    pub patch: u32,
    /// The tag of a pre-release, such as `beta`.
    pub pre: Option<String>,
}

/// Text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version such as 3.6 or 3.6.2")]
pub struct InvalidVersion(pub String);

impl Version {
    /// A release.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, pre: None }
    }
}

fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let parse = || {
            let (major, rest) = match text.split_once('.') {
                Some((major, rest)) => (number(major)?, rest),
                None => return Some(Self::new(number(text)?, 0, 0)),
            };
            if let Some((minor, pre)) = rest.split_once('-') {
                let tag: String = pre.chars().take_while(char::is_ascii_lowercase).collect();
                // A build number may follow: `4.0-beta1.2`; it does not decide anything.
                let patch = pre[tag.len()..].split('.').next().unwrap_or_default();
                let pre = (!tag.is_empty()).then_some(tag)?;
                return Some(Self { major, minor: number(minor)?, patch: number(patch)?, pre: Some(pre) });
            }
            let mut parts = rest.splitn(3, '.').map(number);
            let minor = parts.next()??;
            let patch = parts.next().unwrap_or(Some(0))?;
            parts.next().unwrap_or(Some(0))?;
            Some(Self::new(major, minor, patch))
        };
        parse().ok_or_else(|| InvalidVersion(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pre {
            None => write!(f, "{}.{}.{}", self.major, self.minor, self.patch),
            Some(tag) => write!(f, "{}.{}-{tag}{}", self.major, self.minor, self.patch),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = |v: &Self| v.pre.is_none();
        (self.major, self.minor)
            .cmp(&(other.major, other.minor))
            .then_with(|| release(self).cmp(&release(other)))
            .then_with(|| self.pre.cmp(&other.pre))
            .then_with(|| self.patch.cmp(&other.patch))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;
    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_and_round_trip() {
        let sorted = ["2.9", "3.0-beta1", "3.0-beta2", "3.0-rc1", "3.0.0", "3.0.1", "3.1", "10"];
        let versions: Vec<Version> = sorted.iter().map(|t| t.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        for version in versions {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        for bad in ["", ".", "3.", "3.x", "v3", "3.6.1.2.3", "3.6-", "3.6-1", "-1", "3.-1", "4294967296"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
