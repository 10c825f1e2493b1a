//! `assumes`: what a charm needs from the controller that it is deployed to.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::read::Reader;
use super::version::Version;
use crate::yaml::Node;

/// A condition on the features of a controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumes {
    /// Every one of these holds. The list under `assumes` is one such.
    AllOf(Vec<Assumes>),
    /// At least one of these holds.
    AnyOf(Vec<Assumes>),
    /// The controller has this feature, in a version within the bound.
    Feature {
        /// The feature's name, such as `juju` or `k8s-api`.
        name: String,
        /// The versions that will do; `None` means any, and that the feature need not have a version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bound: Option<Bound>,
    },
}

/// The versions of a feature that will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// `>= V`
    AtLeast(Version),
    /// `< V`
    Below(Version),
}

/// The features of a controller, with their versions where they have one.
pub type Features = BTreeMap<String, Option<Version>>;

impl Assumes {
    /// Whether `features` are enough.
    #[must_use]
    pub fn holds(&self, features: &Features) -> bool {
        match self {
            Self::AllOf(all) => all.iter().all(|a| a.holds(features)),
            Self::AnyOf(any) => any.iter().any(|a| a.holds(features)),
            Self::Feature { name, bound } => match (features.get(name), bound) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(None), Some(_)) => false,
                (Some(Some(have)), Some(Bound::AtLeast(want))) => have >= want,
                (Some(Some(have)), Some(Bound::Below(want))) => have < want,
            },
        }
    }

    /// The conditions that `features` do not meet, one line each; empty if all do (Juju refuses a deploy or a refresh
    /// with these, unless forced).
    #[must_use]
    pub fn unmet(&self, features: &Features) -> Vec<String> {
        match self {
            _ if self.holds(features) => Vec::new(),
            Self::AllOf(all) => all.iter().flat_map(|a| a.unmet(features)).collect(),
            Self::AnyOf(_) => vec![self.to_string()],
            Self::Feature { name, .. } => {
                let have = match features.get(name) {
                    None => "this controller does not have it".to_owned(),
                    Some(None) => "this controller gives no version for it".to_owned(),
                    Some(Some(version)) => format!("this controller has {version}"),
                };
                vec![format!("{self} ({have})")]
            }
        }
    }
}

impl fmt::Display for Assumes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |f: &mut fmt::Formatter<'_>, word: &str, items: &[Self]| {
            let items: Vec<String> = items.iter().map(Self::to_string).collect();
            write!(f, "{word} [{}]", items.join(", "))
        };
        match self {
            Self::AllOf(all) => group(f, "all of", all),
            Self::AnyOf(any) => group(f, "any of", any),
            Self::Feature { name, bound: None } => f.write_str(name),
            Self::Feature { name, bound: Some(Bound::AtLeast(v)) } => write!(f, "{name} >= {v}"),
            Self::Feature { name, bound: Some(Bound::Below(v)) } => write!(f, "{name} < {v}"),
        }
    }
}

/// Reads the value of `assumes`.
pub(super) fn read(r: &mut Reader<'_>, node: &Node) -> Option<Assumes> {
    if node.is_null() {
        return None;
    }
    Some(Assumes::AllOf(items(r, node, "`assumes`")))
}

fn items(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<Assumes> {
    r.list(node, what).iter().filter_map(|item| one(r, item)).collect()
}

const FORMS: &str = "write `juju`, `juju >= 3.1`, `juju < 4`, `any-of: […]` or `all-of: […]`";

fn one(r: &mut Reader<'_>, node: &Node) -> Option<Assumes> {
    if let Some(map) = node.as_map() {
        let mut entries = map.iter();
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            r.error(node.span, "a group in `assumes` must have one key", "`any-of` or `all-of`");
            return None;
        };
        return match &*entry.key {
            "any-of" => Some(Assumes::AnyOf(items(r, &entry.value, "`any-of`"))),
            "all-of" => Some(Assumes::AllOf(items(r, &entry.value, "`all-of`"))),
            key => {
                r.error(
                    entry.key_span,
                    format!("unknown group {key:?} in `assumes`"),
                    "`any-of` or `all-of`",
                );
                None
            }
        };
    }
    let text = r.text(node, "an item of `assumes`")?;
    match feature(&text) {
        Ok(feature) => Some(feature),
        Err(why) => {
            r.error(node.span, format!("{text:?} is not a condition: {why}"), FORMS);
            None
        }
    }
}

fn feature(text: &str) -> Result<Assumes, String> {
    let (name, bound) = if let Some((name, version)) = text.split_once(">=") {
        (name, Some(Bound::AtLeast(version.trim().parse::<Version>().map_err(|e| e.to_string())?)))
    } else if let Some((name, version)) = text.split_once('<') {
        (name, Some(Bound::Below(version.trim().parse::<Version>().map_err(|e| e.to_string())?)))
    } else {
        (text, None)
    };
    let name = name.trim();
    let b = name.as_bytes();
    let is_word = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = b.first().is_some_and(u8::is_ascii_lowercase)
        && b.last().is_some_and(is_word)
        && b.iter().all(|c| is_word(c) || *c == b'-');
    if !valid {
        return Err(format!("{name:?} is not the name of a feature"));
    }
    Ok(Assumes::Feature { name: name.to_owned(), bound })
}
