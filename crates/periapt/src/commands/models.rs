//! `models`, `show-model` and `switch`

use std::collections::BTreeMap;

use clap::Args;
use periapt_controller::views::OWNER;
use periapt_controller::views::model::ShowModel as Shown;
use periapt_model::names::ModelName;

use crate::args::controller::{self, ControllerArgs};
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
    /// Show their uuids in the table
    #[arg(long)]
    uuid: bool,
    /// Show when a model was used in full
    #[arg(long)]
    exact_time: bool,
    /// Those of this user; there is one, admin
    #[arg(long, value_name = "USER")]
    user: Option<String>,
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
    #[arg(value_name = "MODEL|:MODEL|CONTROLLER:[MODEL]", add = complete::models())]
    model: Option<String>,
}

impl Models {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        if let Some(user) = self.user.as_deref().filter(|user| ![OWNER, ""].contains(user)) {
            return Err(CliError::new(format!("user {user:?} not found"))
                .hint(format!("the only user here is {OWNER}")));
        }
        let mut list = session.client()?.models(&zone(false)).await?;
        list.models.iter_mut().for_each(|model| rename(session, model));
        let current = session::current(&session.home)?.map(|name| name.to_string()).unwrap_or_default();
        let mut value = to_value(&list)?;
        if list.models.iter().any(|model| model.short_name == current)
            && let Some(map) = value.as_object_mut()
        {
            map.insert("current-model".to_owned(), current.as_str().into());
        }
        let used = match self.exact_time {
            true => jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
            // By whoever asks, who is the one user there is.
            false => "just now".to_owned(),
        };
        for model in value.get_mut("models").and_then(|models| models.as_array_mut()).into_iter().flatten() {
            if let Some(model) = model.as_object_mut() {
                model.insert("access".to_owned(), "admin".into());
                model.insert("last-connection".to_owned(), used.as_str().into());
            }
        }
        let table = || render::models::table(&list, &current, &used, self.uuid);
        self.output.write(&self.format.render(&value, table)?)
    }
}

impl ShowModel {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        let model = ModelArgs { model: self.name.or(self.model.model) };
        let mut shown = session.model(&model)?.show(&zone(false)).await?;
        rename(session, &mut shown);
        let by_name = BTreeMap::from([(shown.short_name.clone(), shown)]);
        self.output.write(&self.format.render(&by_name)?)
    }
}

/// What the daemon does not know: the name that its controller was given, and which model was made for that.
pub(super) fn rename(session: &Session, model: &mut Shown) {
    model.controller_name = controller::name();
    model.is_controller = controller::is_own_model(&session.home, &model.short_name);
}

fn full(name: &impl std::fmt::Display) -> String {
    format!("{}:{OWNER}/{name}", controller::name())
}

/// The current model as `switch` tells it; the controller alone where there is none.
fn full_or_controller(name: Option<&ModelName>) -> String {
    name.map_or_else(controller::name, full)
}

impl Switch {
    /// Shows or changes it. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        let current = session::switched(&session.home);
        let Some(wanted) = self.model else {
            let current = session::current(&session.home)?;
            return print(&format!("{}\n", full_or_controller(current.as_ref())));
        };
        for variable in ["PERIAPT_MODEL", "JUJU_MODEL"] {
            if std::env::var_os(variable).is_some_and(|value| !value.is_empty()) {
                return Err(CliError::new(format!("cannot switch while ${variable} names the model"))
                    .hint(format!("unset {variable}")));
            }
        }
        let no_change = || {
            let current = session::current(&session.home)?;
            say(format!("{} (no change)", full_or_controller(current.as_ref())));
            Ok(())
        };
        if let Some(named) = wanted.strip_suffix(':') {
            // There is one, which is current.
            return controller::check(named).and_then(|()| no_change());
        }
        let wanted = match wanted.parse::<ModelRef>() {
            Ok(ModelRef(wanted)) => wanted,
            // The name of a controller may have other letters than that of a model.
            Err(_) if controller::is_ours(&wanted) => return no_change(),
            Err(error) => return Err(CliError::usage(error)),
        };
        if let Err(error) = session.client()?.model(wanted.as_str()).show(&zone(false)).await {
            // Juju takes a controller's name too, and there is one, which is current.
            if !controller::is_ours(wanted.as_str()) || !error.is_not_found() {
                return Err(error.into());
            }
            return no_change();
        }
        if current.as_ref().is_ok_and(|current| current.as_ref() == Some(&wanted)) {
            say(format!("{} (no change)", full(&wanted)));
            return Ok(());
        }
        session::switch(&session.home, &wanted)?;
        // What named no model is replaced all the same: this is how it is mended.
        match current {
            Ok(Some(current)) => say(format!("{} -> {}", full(&current), full(&wanted))),
            Ok(None) => say(format!("{} (controller) -> {}", controller::name(), full(&wanted))),
            Err(_) => say(format!("-> {}", full(&wanted))),
        }
        Ok(())
    }
}
