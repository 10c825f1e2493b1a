//! `model-config`

use std::path::PathBuf;

use clap::Args;
use periapt_controller::api::requests::SetConfig;
use periapt_controller::views::model::{ModelConfig as Shown, SettingView};
use serde_json::{Map, Value, json};

use super::config::{Wanted, exclusive, wanted};
use crate::args::ModelArgs;
use crate::args::config::{Section, settings, yaml_settings};
use crate::error::{CliError, Result};
use crate::notes;
use crate::output::{OutputFile, Tabular, json as to_json, say, yaml};
use crate::render;
use crate::session::Session;

/// Show, set and reset the settings of a model
#[derive(Args, Debug)]
#[command(after_help = render::config::settings_help())]
pub struct ModelConfig {
    /// One setting to show, or settings to set
    #[arg(value_name = "KEY|KEY=VALUE")]
    values: Vec<String>,
    /// Settings to take back to their defaults
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    reset: Vec<String>,
    /// A YAML file of settings
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Leave out of a file what cannot be set: agent-version, charmhub-url and the like
    #[arg(long)]
    ignore_read_only_fields: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// What `--ignore-read-only-fields` leaves out (Juju 3.6: `model-config`).
const READ_ONLY: [&str; 2] = ["agent-version", "charmhub-url"];

/// What tells one model from another.
const IDENTITY: [&str; 3] = ["name", "type", "uuid"];

fn lower_case((key, setting): (&String, &SettingView)) -> (String, Value) {
    (key.clone(), json!({"value": setting.value, "source": setting.source}))
}

impl ModelConfig {
    /// Shows or changes.
    pub async fn run(self, session: &Session) -> Result {
        let mut change = SetConfig { reset: self.reset.clone(), ..SetConfig::default() };
        if let Some(path) = &self.file {
            change.set = yaml_settings(path, Section::Settings)?;
            if self.ignore_read_only_fields {
                change.set.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
            }
        }
        let wanted = wanted(&self.values)?;
        if let Wanted::Set(pairs) = &wanted {
            change.set.extend(settings(pairs.iter().cloned())?);
        }
        exclusive(&change)?;
        let model = session.model(&self.model)?;
        if self.file.is_some() {
            // What a file says of the model's identity is no change where it is as it is.
            let shown = model.model_config().await?;
            let is_same = |key: &str, value: &str| {
                shown.get(key).is_some_and(|setting| render::config::setting_text(&setting.value) == value)
            };
            change.set.retain(|key, value| !IDENTITY.contains(&key.as_str()) || !is_same(key, value));
        }
        match (change == SetConfig::default(), wanted) {
            (true, Wanted::Key(key)) => {
                let text = self.one(&model.model_config().await?, &key)?;
                self.output.write(&text)
            }
            (true, _) => {
                let shown = model.model_config().await?;
                let text = match self.format {
                    // Juju capitalises the keys in JSON only.
                    Tabular::Yaml => yaml(&shown.iter().map(lower_case).collect::<Map<_, _>>())?,
                    _ => self.format.render(&shown, || render::config::settings_table(&shown))?,
                };
                self.output.write(&text)
            }
            (false, Wanted::Key(key)) => {
                Err(CliError::usage(format!("cannot show {key:?} and change settings at the same time")))
            }
            (false, _) => {
                let changed = model.set_model_config(&change).await?;
                changed.note.iter().for_each(say);
                let keys = || change.set.keys().map(String::as_str);
                notes::inert_settings(keys()).iter().for_each(say);
                notes::unknown_settings(keys()).iter().for_each(say);
                Ok(())
            }
        }
    }

    fn one(&self, config: &Shown, key: &str) -> Result<String> {
        let setting = config.get(key).ok_or_else(|| {
            CliError::new(format!("key {key:?} not found in the model's settings"))
                .hint("periapt model-config lists them")
        })?;
        match self.format {
            Tabular::Json => to_json(&setting.value),
            _ => Ok(format!("{}\n", render::config::setting_text(&setting.value))),
        }
    }
}
