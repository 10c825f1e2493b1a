//! Secrets of a state.

use std::collections::BTreeMap;
use std::fmt;

use periapt_model::entity::{GrantScope, RotatePolicy, SecretContent, SecretOwner, SecretReader};
use periapt_model::names::{AppName, RelationId, SecretId, UnitName};
use periapt_model::time::Timestamp;

/// One secret that our unit owns or may read.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretState {
    /// Its id, without `secret:`.
    pub id: SecretId,
    /// Whose it is.
    pub owner: SecretOwner,
    /// The owner's name for it.
    pub label: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How often it is to be rotated.
    pub rotate: RotatePolicy,
    /// When it is to be rotated next.
    pub rotates: Option<Timestamp>,
    /// Its revisions with their content, from 1.
    pub revisions: BTreeMap<u32, BTreeMap<String, String>>,
    /// When revisions expire.
    pub expires: BTreeMap<u32, Timestamp>,
    /// Who may read it beside its owner.
    pub grants: BTreeMap<SecretReader, GrantScope>,
    /// The revision that our unit reads; none if it has not read it yet.
    pub tracked: Option<u32>,
    /// Our unit's name for a secret that is not its own.
    pub our_label: Option<String>,
}

/// Without what is in it.
impl fmt::Debug for SecretState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: BTreeMap<u32, Vec<&String>> =
            self.revisions.iter().map(|(number, content)| (*number, content.keys().collect())).collect();
        f.debug_struct("SecretState")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("label", &self.label)
            .field("rotate", &self.rotate)
            .field("revisions", &keys)
            .field("grants", &self.grants)
            .field("tracked", &self.tracked)
            .field("our_label", &self.our_label)
            .finish_non_exhaustive()
    }
}

impl SecretState {
    /// A secret with one revision. `name` decides its id: the same name gives the same id.
    #[must_use]
    pub fn new<K: Into<String>, V: Into<String>>(
        name: &str,
        owner: SecretOwner,
        content: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let content = content.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self {
            id: SecretId::derived(&["testing", name]),
            owner,
            label: None,
            description: None,
            rotate: RotatePolicy::Never,
            rotates: None,
            revisions: BTreeMap::from([(1, content)]),
            expires: BTreeMap::new(),
            grants: BTreeMap::new(),
            tracked: None,
            our_label: None,
        }
    }

    /// Its URI, as databags and config hold it: `secret:…`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("secret:{}", self.id)
    }

    /// With its owner's name for it.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With one more revision.
    #[must_use]
    pub fn with_revision<K: Into<String>, V: Into<String>>(
        mut self,
        content: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let content = content.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.revisions.insert(self.latest() + 1, content);
        self
    }

    /// Readable by an application as long as a relation is there.
    #[must_use]
    pub fn with_grant(mut self, app: AppName, relation: u32) -> Self {
        let scope = GrantScope::Relation(RelationId(relation));
        self.grants.insert(SecretReader::Application(app), scope);
        self
    }

    /// Readable by one unit as long as a relation is there.
    #[must_use]
    pub fn with_unit_grant(mut self, unit: UnitName, relation: u32) -> Self {
        self.grants.insert(SecretReader::Unit(unit), GrantScope::Relation(RelationId(relation)));
        self
    }

    /// A user secret that is granted to an application.
    #[must_use]
    pub fn with_user_grant(mut self, app: AppName) -> Self {
        self.grants.insert(SecretReader::Application(app), GrantScope::Model);
        self
    }

    /// Read by our unit: this revision.
    #[must_use]
    pub fn with_tracked(mut self, revision: u32) -> Self {
        self.tracked = Some(revision);
        self
    }

    /// With our unit's name for it.
    #[must_use]
    pub fn with_our_label(mut self, label: impl Into<String>) -> Self {
        self.our_label = Some(label.into());
        self
    }

    /// To be rotated.
    #[must_use]
    pub fn with_rotation(mut self, policy: RotatePolicy) -> Self {
        self.rotate = policy;
        self
    }

    /// The newest revision.
    #[must_use]
    pub fn latest(&self) -> u32 {
        self.revisions.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// What the newest revision holds.
    #[must_use]
    pub fn content(&self) -> Option<&BTreeMap<String, String>> {
        self.revisions.last_key_value().map(|(_, content)| content)
    }

    /// The content of a revision as Juju keeps it; the key that it does not take, if there is one.
    pub(super) fn encoded(content: &BTreeMap<String, String>) -> Result<SecretContent, String> {
        let mut encoded = SecretContent::default();
        for (key, value) in content {
            encoded.insert(key, value.as_bytes()).map_err(|error| error.to_string())?;
        }
        Ok(encoded)
    }
}
