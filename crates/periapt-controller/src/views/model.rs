//! `models`, `show-model` and `model-config` (reference 8.3).

use std::collections::BTreeMap;

use periapt_model::apply::JUJU_VERSION;
use periapt_model::entity::{ModelInfo, SETTINGS, SettingValue};
use periapt_model::model::Model;
use periapt_model::names::MachineId;
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::StatusInfo;
use super::{CLOUD, CLOUD_KIND, CONTROLLER, OWNER, Viewpoint};

/// The identity of the controller. There is one for each home, and nobody compares them.
const CONTROLLER_UUID: &str = "7065726c-6170-4000-8000-000000000001";

/// A user's access to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UserAccess {
    /// The name for people.
    pub display_name: String,
    /// `admin`.
    pub access: String,
    /// When they were last seen, in words as Juju's; here always now.
    pub last_connection: String,
}

/// A machine, in `show-model`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineCores {
    /// How many processors it has.
    pub cores: usize,
}

/// One model, as `show-model` and `models` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShowModel {
    /// `admin/NAME`.
    pub name: String,
    /// Its name.
    pub short_name: String,
    /// Its identity.
    pub model_uuid: String,
    /// `iaas`.
    pub model_type: String,
    /// The controller's identity.
    pub controller_uuid: String,
    /// The controller's name.
    pub controller_name: String,
    /// Whether it is the controller's own model: never.
    pub is_controller: bool,
    /// `admin`.
    pub owner: String,
    /// The cloud's name.
    pub cloud: String,
    /// The cloud's one region.
    #[serde(default)]
    pub region: String,
    /// The cloud's kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// `alive` or `dying`.
    pub life: String,
    /// `available` or `destroying`.
    pub status: StatusInfo,
    /// Who may use it.
    pub users: BTreeMap<String, UserAccess>,
    /// By number.
    #[schema(value_type = BTreeMap<String, MachineCores>)]
    pub machines: BTreeMap<MachineId, MachineCores>,
    /// Where its secrets are kept.
    #[serde(default)]
    pub secret_backends: BTreeMap<String, SecretBackend>,
    /// How many units it has.
    pub unit_count: usize,
    /// `unsupported`, as everywhere by now.
    #[serde(default)]
    pub sla: String,
    /// The version of Juju whose behaviour this is.
    pub agent_version: String,
    /// What charms may assume.
    #[serde(default)]
    pub supported_features: Vec<Feature>,
}

/// A place where secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SecretBackend {
    /// How many of the model's are there.
    pub num_secrets: usize,
    /// `active`.
    pub status: String,
}

/// Something that charms may assume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Feature {
    /// Its name in `assumes`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its version.
    pub version: String,
}

/// `models`, without `current-model`, which is the command line's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// By name.
    pub models: Vec<ShowModel>,
}

/// One model.
pub fn show_model(model: &Model, view: Viewpoint<'_>) -> ShowModel {
    let info = &model.info;
    let admin = UserAccess {
        display_name: OWNER.to_owned(),
        access: "admin".to_owned(),
        // Whoever asks is the one user there is.
        last_connection: "just now".to_owned(),
    };
    ShowModel {
        name: format!("{OWNER}/{}", info.name),
        short_name: info.name.to_string(),
        model_uuid: info.uuid.clone(),
        model_type: "iaas".to_owned(),
        controller_uuid: CONTROLLER_UUID.to_owned(),
        controller_name: CONTROLLER.to_owned(),
        is_controller: false,
        owner: OWNER.to_owned(),
        cloud: CLOUD.to_owned(),
        region: CLOUD.to_owned(),
        kind: CLOUD_KIND.to_owned(),
        life: info.life.to_string(),
        status: status(info, view),
        users: BTreeMap::from([(OWNER.to_owned(), admin)]),
        machines: model.machines.keys().map(|id| (*id, MachineCores { cores: view.host.cores })).collect(),
        secret_backends: BTreeMap::from([(
            "internal".to_owned(),
            SecretBackend {
                num_secrets: model.secrets.values().filter(|secret| secret.origin.is_none()).count(),
                status: "active".to_owned(),
            },
        )]),
        unit_count: model.units.len(),
        sla: "unsupported".to_owned(),
        agent_version: JUJU_VERSION.to_owned(),
        supported_features: vec![Feature {
            name: "juju".to_owned(),
            description: "the version of Juju used by the model".to_owned(),
            version: JUJU_VERSION.to_owned(),
        }],
    }
}

fn status(info: &ModelInfo, view: Viewpoint<'_>) -> StatusInfo {
    let current = if info.life == Life::Alive { "available" } else { "destroying" };
    StatusInfo { current: current.to_owned(), since: view.zone.since(info.created), ..StatusInfo::default() }
}

/// One setting of `model-config`. Juju capitalises these keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SettingView {
    /// Its value.
    #[schema(value_type = serde_json::Value)]
    pub value: SettingValue,
    /// `default` or `model`.
    pub source: String,
}

/// `model-config`: by key.
pub type ModelConfig = BTreeMap<String, SettingView>;

/// Every setting and who set it. `agent-version`, `name`, `type` and `uuid` are told too, as Juju does; they cannot be set.
pub fn model_config(model: &Model) -> ModelConfig {
    let text =
        |text: &str| SettingView { value: SettingValue::Text(text.to_owned()), source: "model".to_owned() };
    let mut config = BTreeMap::from([
        ("agent-version".to_owned(), text(JUJU_VERSION)),
        ("name".to_owned(), text(model.info.name.as_str())),
        ("type".to_owned(), text(CLOUD_KIND)),
        ("uuid".to_owned(), text(&model.info.uuid)),
    ]);
    for setting in SETTINGS {
        if let Some((value, set)) = model.info.settings.get(setting.key) {
            let source = if set { "model" } else { "default" };
            config.insert(setting.key.to_owned(), SettingView { value, source: source.to_owned() });
        }
    }
    for (key, value) in model.info.settings.unknown() {
        config.insert(key.to_owned(), SettingView { value: value.clone(), source: "model".to_owned() });
    }
    config
}
