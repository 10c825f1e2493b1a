//! `show-application` and `config APP` (reference 8.3).

use std::collections::BTreeMap;

use periapt_model::apply::exposure::shown;
use periapt_model::charm::ConfigValue;
use periapt_model::constraints::Constraints;
use periapt_model::entity::{Exposure, ResourceFile};
use periapt_model::model::Model;
use periapt_model::names::AppName;
use periapt_model::names::ResourceName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::status::{base_of, endpoint_bindings};

/// One application, as `show-application` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShowApplication {
    /// The charm's name.
    pub charm: String,
    /// What the charm was made for: `ubuntu@24.04`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// `--channel`, as it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// What is wanted of its machines, by name; sizes in MiB.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    pub constraints: Map<String, Value>,
    /// Whether it is no subordinate.
    pub principal: bool,
    /// `expose`.
    pub exposed: bool,
    /// Whom it is exposed to, by endpoint; the empty name stands for all. Juju 3.6: everybody, unless told otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_endpoints: BTreeMap<String, ExposedTo>,
    /// Always false: there are no applications of other models yet.
    pub remote: bool,
    /// `alive`, `dying` or `dead`.
    pub life: String,
    /// The network space of each endpoint; the empty name is the default.
    pub endpoint_bindings: BTreeMap<String, String>,
    /// `trust`. Juju shows it in `config` only.
    pub trust: bool,
    /// The charm's url.
    pub charm_url: String,
    /// The hash of the charm's content: another build of the same files has the same.
    #[serde(default)]
    pub charm_id: String,
    /// How its units come by storages, where an operator said: `--storage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<String, String>,
    /// The files that were attached.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ResourceView>)]
    pub resources: BTreeMap<ResourceName, ResourceView>,
}

/// Whom an endpoint is exposed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExposedTo {
    /// Network spaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_to_spaces: Vec<String>,
    /// Networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_to_cidrs: Vec<String>,
}

impl From<Exposure> for ExposedTo {
    fn from(Exposure { spaces, cidrs }: Exposure) -> Self {
        Self { expose_to_spaces: spaces, expose_to_cidrs: cidrs }
    }
}

/// A resource's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceView {
    /// Counts up with each upload.
    pub revision: u32,
    /// Bytes.
    pub size: u64,
    /// The hash of its content.
    pub hash: String,
    /// Its number in the store, where it came from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<u32>,
}

/// One option of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OptionView {
    /// Its value when nobody set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
    /// `user`, `default` or `unset`.
    pub source: String,
    /// `string`, `int`, `float`, `boolean` or `secret`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// `config APP`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShowConfig {
    /// The application.
    pub application: String,
    /// What belongs to the application and not to its charm: `trust`.
    pub application_config: BTreeMap<String, OptionView>,
    /// The charm's name.
    pub charm: String,
    /// The charm's options.
    pub settings: BTreeMap<String, OptionView>,
}

/// One application, or None when it is not there.
pub fn show_application(model: &Model, name: &AppName) -> Option<ShowApplication> {
    let app = model.applications.get(name)?;
    let charm = model.charms.get(&app.charm.id)?;
    let base = base_of(app, charm).map(|base| match base.channel.as_str() {
        "" => base.name,
        channel => format!("{}@{channel}", base.name),
    });
    let resources = app.resources.iter().map(|(name, file)| {
        let ResourceFile { revision, size, hash, store } = file.clone();
        (name.clone(), ResourceView { revision, size, hash, store })
    });
    Some(ShowApplication {
        charm: charm.meta.name.clone(),
        base: base.unwrap_or_default(),
        channel: app.channel.clone().unwrap_or_default(),
        // What an older version stored unchecked counts as none.
        constraints: app.constraints.parse::<Constraints>().unwrap_or_default().to_json(),
        principal: !charm.meta.subordinate,
        exposed: app.exposed,
        exposed_endpoints: shown(app.exposed, &app.exposure)
            .into_iter()
            .map(|(name, to)| (name, to.into()))
            .collect(),
        remote: false,
        life: app.life.to_string(),
        endpoint_bindings: endpoint_bindings(charm),
        trust: app.trust,
        charm_url: app.charm.url.clone(),
        charm_id: app.charm.id.to_string(),
        storage: app
            .storage
            .iter()
            .map(|(name, directive)| (name.to_string(), directive.to_string()))
            .collect(),
        resources: resources.collect(),
    })
}

/// The options of one application, or None when it is not there.
pub fn show_config(model: &Model, name: &AppName) -> Option<ShowConfig> {
    let app = model.applications.get(name)?;
    let charm = model.charms.get(&app.charm.id)?;
    let settings = charm.meta.config.iter().map(|(key, option)| {
        let set = app.config.get(key);
        let source = match (set, &option.default) {
            (Some(_), _) => "user",
            (None, Some(_)) => "default",
            (None, None) => "unset",
        };
        let view = OptionView {
            default: option.default.as_ref().map(ConfigValue::to_json),
            description: option.description.clone(),
            source: source.to_owned(),
            kind: option.kind.to_string(),
            value: set.or(option.default.as_ref()).map(ConfigValue::to_json),
        };
        (key.clone(), view)
    });
    let trust = OptionView {
        default: Some(Value::Bool(false)),
        description: "Does this application have access to trusted credentials".to_owned(),
        source: if app.trust { "user" } else { "default" }.to_owned(),
        kind: "bool".to_owned(),
        value: Some(Value::Bool(app.trust)),
    };
    Some(ShowConfig {
        application: name.to_string(),
        charm: charm.meta.name.clone(),
        application_config: BTreeMap::from([("trust".to_owned(), trust)]),
        settings: settings.collect(),
    })
}
