//! What names a secret, and what its owner can know of it.

use std::fmt;

use periapt_model::entity::RotatePolicy;
use periapt_model::time::Timestamp;
use serde::Deserialize;

use crate::config::SecretUri;
use crate::event::SecretRef;

/// Whose a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The application's: its leader changes it, and all of its units read it.
    App,
    /// The unit's.
    Unit,
}

impl Owner {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::App => "application",
            Self::Unit => "unit",
        }
    }
}

impl SecretUri {
    /// The URI of a secret of the model: text that is a URI stays as it is, a bare id gets the model in front.
    #[must_use]
    pub fn canonical(text: &str, model_uuid: &str) -> Self {
        let text = text.trim();
        Self(match (text.starts_with("secret:"), model_uuid) {
            (true, _) => text.to_owned(),
            (false, "") => format!("secret:{text}"),
            (false, model) => format!("secret://{model}/{text}"),
        })
    }

    /// The part that no other secret has: without scheme and model.
    #[must_use]
    pub fn unique_id(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or(&self.0)
    }
}

impl fmt::Display for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a secret: its URI or bare id, what an event says of it, or an option's value.
pub trait IntoSecretId {
    /// The URI or the bare id.
    fn secret_id(&self) -> &str;
}

impl IntoSecretId for SecretUri {
    fn secret_id(&self) -> &str {
        &self.0
    }
}

impl IntoSecretId for SecretRef {
    fn secret_id(&self) -> &str {
        &self.id
    }
}

impl IntoSecretId for str {
    fn secret_id(&self) -> &str {
        self
    }
}

/// What a secret's owner can know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its URI.
    pub id: SecretUri,
    /// The owner's name for it.
    pub label: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The newest revision.
    pub revision: u32,
    /// Whose it is, if the agent says so.
    pub owner: Option<Owner>,
    /// When the newest revision expires.
    pub expiry: Option<Timestamp>,
    /// How often it is to be rotated.
    pub rotation: RotatePolicy,
    /// When it is to be rotated next.
    pub rotates: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawInfo {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
    revision: u32,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    expiry: Option<String>,
    #[serde(default)]
    rotation: Option<RotatePolicy>,
    #[serde(default)]
    rotates: Option<String>,
}

impl SecretInfo {
    /// What `secret-info-get` prints of one secret.
    pub(super) fn of_json(id: SecretUri, value: serde_json::Value) -> Result<Self, serde_json::Error> {
        let raw: RawInfo = serde_json::from_value(value)?;
        let owner = match raw.owner.as_deref() {
            Some("application") => Some(Owner::App),
            Some("unit") => Some(Owner::Unit),
            _ => None,
        };
        let moment = |text: Option<String>| text.as_deref().and_then(Timestamp::parse_rfc3339);
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            id,
            label: some(raw.label),
            description: some(raw.description),
            revision: raw.revision,
            owner,
            expiry: moment(raw.expiry),
            rotation: raw.rotation.unwrap_or_default(),
            rotates: moment(raw.rotates),
        })
    }
}
