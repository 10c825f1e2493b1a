//! How operators name a secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::{Secret, SecretOwner};
use crate::model::Model;
use crate::names::SecretId;

/// A secret by its id or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// By its id.
    Id(SecretId),
    /// By the name that the operator gave it, or the label that its charm did.
    Name(String),
}

impl SecretRef {
    /// Reads `secret:ID`, `secret://MODEL/ID` with the uuid of this model, the id alone, or a name (Juju 3.6). What is
    /// malformed, or a secret of another model, is a name that no secret has.
    #[must_use]
    pub fn parse(text: &str, uuid: &str) -> Self {
        let rest = text.strip_prefix("secret:").unwrap_or(text);
        let id = match rest.strip_prefix("//").map(|path| path.split_once('/')) {
            Some(Some((model, id))) if model == uuid => id,
            Some(_) => "",
            None => rest,
        };
        id.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Model {
    /// The secret of this model that is meant. A name is the operator's own before it is a charm's label.
    pub fn find_secret(&self, wanted: &SecretRef) -> Option<&Secret> {
        let all =
            || self.secrets.values().map(AsRef::as_ref).filter(|secret: &&Secret| secret.origin.is_none());
        match wanted {
            SecretRef::Id(id) => {
                self.secrets.get(id).map(AsRef::as_ref).filter(|found| found.origin.is_none())
            }
            SecretRef::Name(name) => {
                let called = |secret: &&Secret| secret.label.as_deref() == Some(name.as_str());
                let own = self.secrets_of(&SecretOwner::Model).map(AsRef::as_ref).find(called);
                own.or_else(|| all().find(called))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        let id = "9m4e2mr0ui3e8a215n4g";
        let read = |text: &str| SecretRef::parse(text, "this-model");
        for text in [id.to_owned(), format!("secret:{id}"), format!("secret://this-model/{id}")] {
            assert_eq!(read(&text), SecretRef::Id(id.parse().unwrap()), "{text}");
        }
        let names =
            ["", "mine", "secret:", "secret:mine", "secret://other/9m4e2mr0ui3e8a215n4g", "secret://x"];
        for text in names {
            assert_eq!(read(text), SecretRef::Name(text.to_owned()));
        }
    }
}
