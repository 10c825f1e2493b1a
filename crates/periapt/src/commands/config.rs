//! `config`

use std::path::PathBuf;

use clap::Args;
use periapt_controller::api::requests::SetConfig;
use periapt_controller::views::application::{OptionView, ShowConfig};
use periapt_model::entity::nearest;
use periapt_model::names::AppName;

use crate::args::config::{Section, settings, yaml_settings};
use crate::args::{ModelArgs, Pair, complete};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Tabular, say};
use crate::render;
use crate::session::Session;

/// Show, set and reset the options of an application
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt config db                  all options, with where their values come from
  periapt config db size             the value of one
  periapt config db size=3 key=@file
  periapt config db --reset size,key")]
pub struct Config {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// One option to show, or options to set (key=value; key=@file takes a file's content)
    #[arg(value_name = "KEY|KEY=VALUE")]
    values: Vec<String>,
    /// Options to take back to their defaults
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    reset: Vec<String>,
    /// A YAML file of options under the application's name
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// What the words after an application or a model mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything is shown.
    All,
    /// The value of this key is shown.
    Key(String),
    /// These are set.
    Set(Vec<Pair>),
}

/// Reads the words: all are pairs, or there is one key.
///
/// # Errors
/// Both at once, or several keys.
pub fn wanted(values: &[String]) -> Result<Wanted> {
    let (pairs, keys): (Vec<_>, Vec<_>) = values.iter().partition(|value| value.contains('='));
    match (pairs.as_slice(), keys.as_slice()) {
        ([], []) => Ok(Wanted::All),
        ([], [key]) => Ok(Wanted::Key((*key).clone())),
        ([], _) => Err(CliError::usage("can only show one option at a time, or all of them")),
        (pairs, []) => {
            let read = |pair: &&String| pair.parse().map_err(|e| CliError::usage(format!("{pair:?}: {e}")));
            pairs.iter().map(read).collect::<Result<_>>().map(Wanted::Set)
        }
        (_, [key, ..]) => {
            Err(CliError::usage(format!("cannot show {key:?} and set options at the same time")))
        }
    }
}

/// Refuses keys that are set and reset at once.
///
/// # Errors
/// The first of them.
pub fn exclusive(change: &SetConfig) -> Result {
    match change.reset.iter().find(|key| change.set.contains_key(*key)) {
        Some(key) => {
            Err(CliError::usage(format!("key {key:?} cannot be both set and reset in the same command")))
        }
        None => Ok(()),
    }
}

impl Config {
    /// Shows or changes.
    pub async fn run(self, session: &Session) -> Result {
        let app = &self.application;
        let mut change = SetConfig { reset: self.reset.clone(), ..SetConfig::default() };
        if let Some(path) = &self.file {
            change.set = yaml_settings(path, Section::Application(app.as_str()))?;
        }
        let wanted = wanted(&self.values)?;
        if let Wanted::Set(pairs) = &wanted {
            change.set.extend(settings(pairs.iter().cloned())?);
        }
        exclusive(&change)?;
        let model = session.model(&self.model)?;
        if change == SetConfig::default() {
            let config = model.config(app).await?;
            let text = match wanted {
                Wanted::Key(key) => self.one(&config, &key)?,
                _ => self.format.render(&config, || render::config::table(&config))?,
            };
            return self.output.write(&text);
        }
        if let Wanted::Key(key) = &wanted {
            return Err(CliError::usage(format!("cannot show {key:?} and change options at the same time")));
        }
        let changed = model.set_config(app, &change).await?;
        changed.note.iter().for_each(say);
        Ok(())
    }

    fn one(&self, config: &ShowConfig, key: &str) -> Result<String> {
        let option: &OptionView =
            config.settings.get(key).or_else(|| config.application_config.get(key)).ok_or_else(|| {
                CliError::new(format!(
                    "key {key:?} not found in {:?} application config or charm settings",
                    config.application
                ))
                .hint({
                    let known = config.settings.keys().chain(config.application_config.keys());
                    let near = nearest(key, known.map(String::as_str));
                    let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
                    format!("{near}periapt config {} lists them", config.application)
                })
            })?;
        match (self.format, &option.value) {
            (Tabular::Json, value) => crate::output::json(value),
            (_, None) => Ok(String::new()),
            (_, Some(serde_json::Value::String(text))) => Ok(format!("{text}\n")),
            (_, Some(value)) => Ok(format!("{value}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<Wanted> {
        wanted(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_one_key_or_pairs() {
        assert_eq!(words(&[]).unwrap(), Wanted::All);
        assert_eq!(words(&["size"]).unwrap(), Wanted::Key("size".into()));
        assert!(matches!(words(&["a=1", "b=x=y"]).unwrap(), Wanted::Set(pairs) if pairs[1].value == "x=y"));
        for bad in [&["a", "b"][..], &["a=1", "b"], &["=1"]] {
            assert_eq!(words(bad).unwrap_err().code, crate::error::USAGE, "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_not_set_and_reset_at_once() {
        let change =
            SetConfig { set: [("a".to_owned(), "1".to_owned())].into(), reset: vec!["a".to_owned()] };
        assert!(exclusive(&change).is_err());
    }
}
