//! `models`, `show-model` and `switch`

use std::collections::BTreeMap;

use clap::Args;
use periapt_controller::views::{CONTROLLER, OWNER};

use crate::args::controller::{ControllerArgs, is_ours};
use crate::args::{ModelArgs, ModelRef, complete};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular, print, say, to_value};
use crate::render;
use crate::session::{self, Session, zone};

/// List the models
#[derive(Args, Debug)]
#[command(visible_alias = "list-models")]
pub struct Models {
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    /// All of them, which is what is shown
    #[arg(long, hide = true)]
    all: bool,
    /// Without effect: --format json shows them
    #[arg(long, hide = true)]
    uuid: bool,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// Show a model: the current one, unless another is named
#[derive(Args, Debug)]
pub struct ShowModel {
    /// The model
    #[arg(value_name = "MODEL", add = complete::models())]
    name: Option<ModelRef>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show or change the current model
#[derive(Args, Debug)]
pub struct Switch {
    /// The model that commands mean from now on
    #[arg(value_name = "MODEL", add = complete::models())]
    model: Option<ModelRef>,
}

impl Models {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        let list = session.client()?.models(&zone(false)).await?;
        let current = session::current_model(&session.home)?;
        let mut value = to_value(&list)?;
        if list.models.iter().any(|model| model.short_name == current.as_str())
            && let Some(map) = value.as_object_mut()
        {
            map.insert("current-model".to_owned(), current.as_str().into());
        }
        self.output.write(&self.format.render(&value, || render::models::table(&list, current.as_str()))?)
    }
}

impl ShowModel {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        let model = ModelArgs { model: self.name.or(self.model.model) };
        let shown = session.model(&model)?.show(&zone(false)).await?;
        let by_name = BTreeMap::from([(shown.short_name.clone(), shown)]);
        self.output.write(&self.format.render(&by_name)?)
    }
}

fn full(name: &impl std::fmt::Display) -> String {
    format!("{CONTROLLER}:{OWNER}/{name}")
}

impl Switch {
    /// Shows or changes it. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        let current = session::switched(&session.home);
        let Some(ModelRef(wanted)) = self.model else {
            return print(&format!("{}\n", full(&session::current_model(&session.home)?)));
        };
        for variable in ["PERIAPT_MODEL", "JUJU_MODEL"] {
            if std::env::var_os(variable).is_some_and(|value| !value.is_empty()) {
                return Err(CliError::new(format!("cannot switch while ${variable} names the model"))
                    .hint(format!("unset {variable}")));
            }
        }
        if let Err(error) = session.client()?.model(wanted.as_str()).show(&zone(false)).await {
            // Juju takes a controller's name too, and there is one, which is current.
            if !is_ours(wanted.as_str()) || !error.is_not_found() {
                return Err(error.into());
            }
            say(format!("{} (no change)", full(&session::current_model(&session.home)?)));
            return Ok(());
        }
        if current.as_ref().is_ok_and(|current| *current == wanted) {
            say(format!("{} (no change)", full(&wanted)));
            return Ok(());
        }
        session::switch(&session.home, &wanted)?;
        // What named no model is replaced all the same: this is how it is mended.
        match current {
            Ok(current) => say(format!("{} -> {}", full(&current), full(&wanted))),
            Err(_) => say(format!("-> {}", full(&wanted))),
        }
        Ok(())
    }
}
