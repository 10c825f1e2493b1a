//! `add-model`

use clap::Args;
use periapt_controller::api::requests;
use periapt_controller::views::OWNER;

use crate::args::config::{Section, all};
use crate::args::controller::{self, is_ours};
use crate::args::{ConfigArg, ModelRef};
use crate::error::{CliError, Result};
use crate::notes;
use crate::output::say;
use crate::session::{self, Session};

/// Add a model, and make it the current one
#[derive(Args, Debug)]
pub struct AddModel {
    /// Its name
    name: ModelRef,
    /// Without effect: everything runs on this machine
    #[arg(value_name = "CLOUD[/REGION]")]
    cloud: Option<String>,
    /// A setting (key=value), or a YAML file of settings
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<ConfigArg>,
    /// Do not make it the current model
    #[arg(long)]
    no_switch: bool,
    /// The controller; there is one
    #[arg(short, long)]
    controller: Option<String>,
    /// Without effect: everything runs on this machine
    #[arg(long)]
    credential: Option<String>,
    /// The owner; there is one
    #[arg(long)]
    owner: Option<String>,
}

impl AddModel {
    /// Adds it.
    pub async fn run(self, session: &Session) -> Result {
        check("controller", self.controller.as_deref().filter(|name| !is_ours(name)), &controller::name())?;
        check("user", self.owner.as_deref(), OWNER)?;
        let ModelRef(name) = self.name;
        let request = requests::AddModel { name: name.clone(), config: all(&self.config, Section::Whole)? };
        session.client()?.add_model(&request).await?;
        notes::inert_settings(request.config.keys().map(String::as_str)).iter().for_each(say);
        say(format!("Added '{name}' model on {} for user '{OWNER}'", controller::name()));
        if !self.no_switch {
            session::switch(&session.home, &name).map_err(|error| CliError {
                message: format!("the model is there, but is not the current one: {}", error.message),
                hint: Some(format!(
                    "mend that (a full disk, a folder in the file's place), then: periapt switch {name}; or name the model in \
                     each command: -m {name}"
                )),
                ..error
            })?;
        }
        Ok(())
    }
}

fn check(kind: &str, given: Option<&str>, only: &str) -> Result {
    match given {
        Some(other) if other != only => Err(CliError::new(format!("{kind} {other:?} not found"))
            .hint(format!("the only {kind} here is {only}"))),
        _ => Ok(()),
    }
}
