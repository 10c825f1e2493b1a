//! Requests about secrets. None of them shows a value when it is printed for debugging.

use periapt_model::entity::SecretContent;
use periapt_model::names::AppName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A new secret of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSecret {
    /// What it is called.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub info: Option<String>,
    /// What is in it: values in base64, by key.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub content: SecretContent,
}

/// Changes of a secret of the operator's. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateSecret {
    /// What it is called from now on.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub info: Option<String>,
    /// Whether revisions go by themselves that nobody reads any more.
    #[serde(default)]
    pub auto_prune: Option<bool>,
    /// All of the new content: a new revision, unless it is the same as the newest.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub content: Option<SecretContent>,
}

/// Who may read a secret of the operator's from now on, or may no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantSecret {
    /// The applications.
    #[schema(value_type = Vec<String>)]
    pub applications: Vec<AppName>,
    /// They may.
    pub grant: bool,
}

/// Which secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SecretsParams {
    /// Those of this owner only: `application-NAME` or `unit-NAME-NUMBER`.
    #[serde(default)]
    pub owner: Option<String>,
    /// With all revisions.
    #[serde(default)]
    pub revisions: bool,
}

/// What of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SecretParams {
    /// With what is in it.
    #[serde(default)]
    pub reveal: bool,
    /// With all revisions.
    #[serde(default)]
    pub revisions: bool,
    /// The content of this revision; absent: the newest.
    #[serde(default)]
    pub revision: Option<u32>,
}

/// What of a secret goes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RemoveSecretParams {
    /// This revision; absent: all of it.
    #[serde(default)]
    pub revision: Option<u32>,
}
