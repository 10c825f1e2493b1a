//! `resources APP`: what an application's charm declares, and which files it has.

use periapt_model::charm::ResourceKind;
use periapt_model::model::Model;
use periapt_model::names::{AppName, ResourceName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OWNER;

/// The resources of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceList {
    /// By name.
    pub resources: Vec<ResourceStatus>,
}

/// One resource that a charm declares, in the shape of Juju 3.6's `resources --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceStatus {
    /// `APPLICATION/NAME`.
    #[serde(rename = "resourceid")]
    pub id: String,
    /// The application.
    #[serde(rename = "applicationid")]
    #[schema(value_type = String)]
    pub application: AppName,
    /// Its name.
    #[schema(value_type = String)]
    pub name: ResourceName,
    /// `file` or `oci-image`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name that the charm would have the file have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The file's number: in the store, or how often one was uploaded. Absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// `store` or `upload`.
    pub origin: String,
    /// Whether it has a file.
    pub used: bool,
    /// The hash of the file's content.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
    /// Who gave it; empty while there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
}

/// The resources of one application, or None when it is not there.
#[must_use]
pub fn resources(model: &Model, name: &AppName) -> Option<ResourceList> {
    let app = model.applications.get(name)?;
    let charm = model.charms.get(&app.charm.id)?;
    let view = charm.meta.resources.iter().map(|(resource, declared)| {
        let file = app.resources.get(resource);
        let from_store = file.and_then(|file| file.store);
        ResourceStatus {
            id: format!("{name}/{resource}"),
            application: name.clone(),
            name: resource.clone(),
            kind: match declared.kind {
                ResourceKind::File => "file",
                ResourceKind::OciImage => "oci-image",
            }
            .to_owned(),
            path: Some(declared.filename.clone()).filter(|path| !path.is_empty()),
            description: declared.description.clone(),
            revision: from_store.or(file.map(|file| file.revision)),
            origin: if from_store.is_some() { "store" } else { "upload" }.to_owned(),
            used: file.is_some(),
            fingerprint: file.map(|file| file.hash.clone()).unwrap_or_default(),
            size: file.map_or(0, |file| file.size),
            username: file.map(|_| OWNER.to_owned()).unwrap_or_default(),
        }
    });
    Some(ResourceList { resources: view.collect() })
}
