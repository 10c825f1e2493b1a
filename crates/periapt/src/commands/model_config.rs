//! `model-config`

use std::path::PathBuf;

use clap::Args;
use periapt_controller::api::requests::SetConfig;
use periapt_controller::views::model::ModelConfig as Shown;

use super::config::{Wanted, exclusive, wanted};
use crate::args::ModelArgs;
use crate::args::config::{Section, settings, yaml_settings};
use crate::error::{CliError, Result};
use crate::notes;
use crate::output::{OutputFile, Tabular, json, say};
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
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl ModelConfig {
    /// Shows or changes.
    pub async fn run(self, session: &Session) -> Result {
        let mut change = SetConfig { reset: self.reset.clone(), ..SetConfig::default() };
        if let Some(path) = &self.file {
            change.set = yaml_settings(path, Section::Whole)?;
        }
        let wanted = wanted(&self.values)?;
        if let Wanted::Set(pairs) = &wanted {
            change.set.extend(settings(pairs.iter().cloned())?);
        }
        exclusive(&change)?;
        let model = session.model(&self.model)?;
        match (change == SetConfig::default(), wanted) {
            (true, Wanted::Key(key)) => {
                let text = self.one(&model.model_config().await?, &key)?;
                self.output.write(&text)
            }
            (true, _) => {
                let shown = model.model_config().await?;
                self.output.write(&self.format.render(&shown, || render::config::settings_table(&shown))?)
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
            Tabular::Json => json(&setting.value),
            _ => Ok(format!("{}\n", render::config::setting_text(&setting.value))),
        }
    }
}
