//! `model-defaults`, and lists that never change: `secret-backends`, `show-secret-backend`, `storage-pools`.

use clap::Args;
use periapt_model::entity::{SETTINGS, StoragePool};
use serde_json::{Map, Value, json};

use crate::args::ModelArgs;
use crate::args::controller::ControllerArgs;
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular};
use crate::render::table::Table;
use crate::session::{Session, zone};

/// Show what the settings of a new model are
#[derive(Args, Debug)]
#[command(visible_alias = "model-default")]
pub struct ModelDefaults {
    /// Only this setting
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Refused: the defaults cannot be changed
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    reset: Vec<String>,
    /// Without effect: nothing can be set
    #[arg(long, hide = true)]
    ignore_read_only_fields: bool,
    /// The cloud; there is one
    #[arg(long, hide = true)]
    cloud: Option<String>,
    /// The region; there is one
    #[arg(long, hide = true)]
    region: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// List the places where secrets are kept: there is one
#[derive(Args, Debug)]
#[command(visible_alias = "list-secret-backends")]
pub struct SecretBackends {
    /// Show credentials too; there are none
    #[arg(long)]
    reveal: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// Show a place where secrets are kept: there is one
#[derive(Args, Debug)]
pub struct ShowSecretBackend {
    /// Its name
    name: String,
    /// Show credentials too; there are none
    #[arg(long)]
    reveal: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// List the pools of storage
#[derive(Args, Debug)]
#[command(visible_alias = "list-storage-pools")]
pub struct StoragePools {
    /// Only those of this provider
    #[arg(long)]
    provider: Vec<String>,
    /// Only those of this name
    #[arg(long)]
    name: Vec<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl ModelDefaults {
    /// Shows them. Needs no daemon.
    pub fn run(self) -> Result {
        self.controller.check()?;
        let set = self.keys.iter().find_map(|key| key.split_once('=')).map(|(key, _)| key);
        if let Some(key) = set.or(self.reset.first().map(String::as_str)) {
            return Err(CliError::new(format!("the default of {key:?} cannot be changed here"))
                .hint("set it in each model: model-config KEY=VALUE, or add-model NAME --config KEY=VALUE"));
        }
        if let Some(key) = self.keys.iter().find(|key| SETTINGS.iter().all(|setting| setting.key != *key)) {
            return Err(CliError::new(format!("there are no default model values for {key:?}"))
                .hint("without a key all are shown"));
        }
        let shown =
            || SETTINGS.iter().filter(|s| self.keys.is_empty() || self.keys.iter().any(|k| k == s.key));
        let value: Map<String, Value> =
            shown().map(|setting| (setting.key.to_owned(), json!({"default": setting.default}))).collect();
        let table = || {
            let mut table = Table::new(&["Attribute", "Default", "Controller"]);
            for setting in shown() {
                let default = if setting.default.is_empty() { "\"\"" } else { setting.default };
                table.row([setting.key.into(), default.into(), "-".into()]);
            }
            table.render()
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}

/// How many secrets all models have together.
async fn secrets(session: &Session) -> Result<usize> {
    let models = session.client()?.models(&zone(false)).await?.models;
    Ok(models
        .iter()
        .flat_map(|model| model.secret_backends.values())
        .map(|backend| backend.num_secrets)
        .sum())
}

async fn internal(session: &Session) -> Result<Value> {
    let count = secrets(session).await?;
    Ok(
        json!({"internal": {"name": "internal", "backend": "controller", "secrets": count, "status": "active"}}),
    )
}

impl SecretBackends {
    /// Lists it.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        let value = internal(session).await?;
        let table = || {
            let mut table = Table::new(&["Name", "Type", "Secrets", "Message"]).right(2);
            table.row([
                "internal".into(),
                "controller".into(),
                value["internal"]["secrets"].to_string().into(),
                "".into(),
            ]);
            table.render()
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}

impl ShowSecretBackend {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        if self.name != "internal" {
            return Err(CliError::new(format!("secret backend {:?} not found", self.name))
                .hint("the only one here is internal"));
        }
        self.output.write(&self.format.render(&internal(session).await?)?)
    }
}

impl StoragePools {
    /// Lists it. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.show(&zone(false)).await?;
        let wanted =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|wanted| wanted == name);
        let shown = || {
            StoragePool::ALL
                .into_iter()
                .filter(|pool| wanted(&self.provider, pool.provider()) && wanted(&self.name, pool.as_str()))
        };
        let one = |pool: StoragePool| {
            let mut value = Map::from_iter([("provider".to_owned(), json!(pool.provider()))]);
            let attrs: Map<String, Value> =
                pool.attributes().iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
            if !attrs.is_empty() {
                value.insert("attrs".to_owned(), Value::Object(attrs));
            }
            (pool.as_str().to_owned(), Value::Object(value))
        };
        let value: Map<String, Value> = shown().map(one).collect();
        let table = || {
            let mut table = Table::new(&["Name", "Provider", "Attributes"]);
            for pool in shown() {
                let attrs: Vec<String> =
                    pool.attributes().iter().map(|(key, value)| format!("{key}={value}")).collect();
                table.row([pool.as_str().into(), pool.provider().into(), attrs.join(" ").into()]);
            }
            table.render()
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}
