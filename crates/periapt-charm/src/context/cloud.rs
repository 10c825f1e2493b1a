//! The cloud and the models around the unit.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{Context, Relation};
use crate::databag::Interface;
use crate::error::Error;

/// The cloud that the model is on, and how to speak to it (`credential-get`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CloudSpec {
    /// What it is: `lxd`, `ec2`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name with the operator.
    pub name: String,
    /// The region.
    #[serde(default)]
    pub region: Option<String>,
    /// Its API.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Where one identifies oneself.
    #[serde(default)]
    pub identity_endpoint: Option<String>,
    /// The API of its storage.
    #[serde(default)]
    pub storage_endpoint: Option<String>,
    /// Who one is there.
    #[serde(default)]
    pub credential: Option<CloudCredential>,
    /// Whom to trust, as PEM.
    #[serde(default, rename = "cacertificates")]
    pub ca_certificates: Option<Vec<String>>,
    /// Whether its certificate is not to be checked.
    #[serde(default)]
    pub skip_tls_verify: bool,
    /// Whether the controller runs there.
    #[serde(default)]
    pub is_controller_cloud: bool,
}

/// Who one is in a cloud. Its values are never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct CloudCredential {
    /// How one identifies oneself: `userpass`, `certificate`, …
    #[serde(rename = "auth-type")]
    pub auth_type: String,
    /// With what.
    #[serde(default, rename = "attrs")]
    pub attributes: BTreeMap<String, String>,
    /// What Juju keeps to itself.
    #[serde(default)]
    pub redacted: Vec<String>,
}

impl fmt::Debug for CloudCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.attributes.keys().collect();
        f.debug_struct("CloudCredential").field("auth_type", &self.auth_type).field("keys", &keys).finish()
    }
}

/// The UUID of a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct ModelUuid(pub String);

impl fmt::Display for ModelUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct RemoteModel {
    uuid: ModelUuid,
}

impl Context {
    /// The cloud that the model is on and its credential (`credential-get`). Asked anew each time.
    ///
    /// # Errors
    /// The application is not trusted, which needs a human; those of `credential-get`, which is not for Kubernetes.
    pub fn cloud_spec(&self) -> Result<CloudSpec, Error> {
        self.json("credential-get", &[]).map_err(|error| {
            let said = error.message.to_ascii_lowercase();
            match said.contains("cannot access cloud credentials") || said.contains("permission denied") {
                true => Error::needs_human(format!(
                    "{app} may not see the cloud's credential: run `juju trust {app}`",
                    app = self.app()
                )),
                false => error.into(),
            }
        })
    }

    /// The model of the application on the other side (`relation-model-get -r db:3`). Ours, unless the relation crosses
    /// models.
    ///
    /// # Errors
    /// Those of `relation-model-get`.
    pub fn remote_model<I: Interface>(&self, relation: &Relation<'_, I>) -> Result<ModelUuid, Error> {
        let found: RemoteModel = self.json("relation-model-get", &["-r", &relation.name()])?;
        Ok(found.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;
    use crate::Kind;
    use crate::databag::Untyped;
    use crate::handle::{Endpoint, Role};

    #[test]
    fn the_cloud_is_told_and_its_credential_never_shown() {
        let said = r#"{"type": "lxd", "name": "localhost", "endpoint": "https://10.0.0.1:8443",
            "credential": {"auth-type": "certificate", "attrs": {"client-key": "hunter2"}, "redacted": ["server-key"]},
            "skip-tls-verify": true}"#;
        let agent = FakeAgent::new().says("credential-get --format=json", said);
        let cloud = agent.context().cloud_spec().unwrap();
        assert_eq!((cloud.kind.as_str(), cloud.skip_tls_verify, cloud.region.clone()), ("lxd", true, None));
        assert_eq!(cloud.credential.as_ref().unwrap().attributes["client-key"], "hunter2");
        let shown = format!("{cloud:?}");
        assert!(!shown.contains("hunter2") && shown.contains("client-key"), "{shown}");
        let denied =
            FakeAgent::new().fails("credential-get --format=json", "ERROR cannot access cloud credentials");
        let error = denied.context().cloud_spec().unwrap_err();
        assert_eq!(error.kind(), Kind::NeedsHuman);
        assert!(error.to_string().ends_with("run `juju trust web`"), "{error}");
    }

    #[test]
    fn a_relation_knows_its_model() {
        let agent = FakeAgent::new()
            .says("relation-ids --format=json db", r#"["db:7"]"#)
            .says("relation-model-get --format=json -r db:7", r#"{"uuid": "1234"}"#);
        let cx = agent.context();
        let relation = cx.relation(Endpoint::<Untyped>::new("db", Role::Requirer, "sql")).unwrap().unwrap();
        assert_eq!(cx.remote_model(&relation).unwrap(), ModelUuid("1234".into()));
    }
}
