//! `controllers`, `show-controller`, `controller-config` and `whoami`: the one controller there is.

use clap::Args;
use periapt_controller::views::model::ShowModel;
use periapt_controller::views::version::version;
use periapt_controller::views::{CLOUD, CONTROLLER, OWNER};
use periapt_model::apply::JUJU_VERSION;
use serde_json::{Map, Value, json};

use crate::args::controller::{self, ControllerArgs};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular};
use crate::render::table::Table;
use crate::session::{self, Session, zone};

/// List the controllers: this home's daemon is the only one
#[derive(Args, Debug)]
#[command(visible_alias = "list-controllers")]
pub struct Controllers {
    /// Ask the controller, which is always done
    #[arg(long)]
    refresh: bool,
    /// Also those that are managed elsewhere; there are none
    #[arg(long, hide = true)]
    managed: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
}

/// Show the controller
#[derive(Args, Debug)]
pub struct ShowController {
    /// Its name; there is one
    names: Vec<String>,
    /// Show passwords too; there are none
    #[arg(long)]
    show_password: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
}

/// Show what is fixed for the whole controller
#[derive(Args, Debug)]
pub struct ControllerConfig {
    /// Only this key
    key: Option<String>,
    /// Without effect: nothing can be set
    #[arg(long, hide = true)]
    ignore_read_only_fields: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// Print the current controller, model and user
#[derive(Args, Debug)]
pub struct Whoami {
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// The current model as Juju qualifies it, when it is there.
fn current(session: &Session, models: &[ShowModel]) -> Result<Option<String>> {
    let current = session::current(&session.home)?;
    let is_current =
        |model: &&ShowModel| current.as_ref().is_some_and(|name| model.short_name == name.as_str());
    Ok(models.iter().find(is_current).map(|model| model.name.clone()))
}

pub(super) async fn models(session: &Session) -> Result<Vec<ShowModel>> {
    Ok(session.client()?.models(&zone(false)).await?.models)
}

/// How many machines the models have.
fn machines(models: &[ShowModel]) -> usize {
    models.iter().map(|model| model.machines.len()).sum()
}

/// Where the API is: there is no address, but a socket.
fn endpoint(session: &Session) -> String {
    format!("unix://{}", session.home.socket().display())
}

fn uuid(models: &[ShowModel]) -> String {
    models.first().map(|model| model.controller_uuid.clone()).unwrap_or_default()
}

impl Controllers {
    /// Lists it (reference 8.3).
    pub async fn run(self, session: &Session) -> Result {
        let models = models(session).await?;
        let current = current(session, &models)?;
        let mut entry = json!({
            "user": OWNER,
            "access": "superuser",
            "recent-server": endpoint(session),
            "uuid": uuid(&models),
            "api-endpoints": [endpoint(session)],
            "ca-cert": "",
            "cloud": CLOUD,
            "region": CLOUD,
            "agent-version": JUJU_VERSION,
            "model-count": models.len(),
            "machine-count": machines(&models),
            "controller-machines": {"Active": 1, "Total": 1},
        });
        if let (Some(entry), Some(current)) = (entry.as_object_mut(), &current) {
            entry.insert("current-model".to_owned(), current.as_str().into());
        }
        let given = controller::given_name(&session.home);
        let names = given.into_iter().chain([CONTROLLER.to_owned()]);
        let entries: Map<String, Value> = names.map(|name| (name, entry.clone())).collect();
        let current_name = controller::name();
        let value = json!({"controllers": entries, "current-controller": current_name});
        let table = || {
            let header =
                ["Controller", "Model", "User", "Access", "Cloud/Region", "Models", "Nodes", "HA", "Version"];
            let mut table = Table::new(&header).right(5).right(6).right(7);
            let short =
                current.as_deref().and_then(|name| name.split_once('/')).map_or("-", |(_, name)| name);
            for name in entries.keys() {
                let star = if *name == current_name { "*" } else { "" };
                table.row([
                    format!("{name}{star}").into(),
                    short.into(),
                    OWNER.into(),
                    "superuser".into(),
                    format!("{CLOUD}/{CLOUD}").into(),
                    models.len().to_string().into(),
                    machines(&models).to_string().into(),
                    "-".into(),
                    JUJU_VERSION.into(),
                ]);
            }
            table.render()
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}

impl ShowController {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        self.names.iter().try_for_each(|name| controller::check(name))?;
        let name = self.names.first().cloned().unwrap_or_else(controller::name);
        let models = models(session).await?;
        let by_name: Map<String, Value> = models
            .iter()
            .map(|model| {
                let view = json!({
                    "model-uuid": model.model_uuid,
                    "machine-count": model.machines.len(),
                    "core-count": model.machines.values().map(|machine| machine.cores).sum::<usize>(),
                    "unit-count": model.unit_count,
                });
                (model.short_name.clone(), view)
            })
            .collect();
        let mut view = json!({
            "details": {
                "controller-uuid": uuid(&models),
                "api-endpoints": [endpoint(session)],
                "cloud": CLOUD,
                "region": CLOUD,
                "agent-version": JUJU_VERSION,
                "agent-git-commit": version().git_commit,
                "controller-model-version": JUJU_VERSION,
            },
            "models": by_name,
            "account": {"user": OWNER, "access": "superuser"},
        });
        if let (Some(view), Some(current)) = (view.as_object_mut(), current(session, &models)?) {
            view.insert("current-model".to_owned(), current.into());
        }
        self.output.write(&self.format.render(&json!({ name: view }))?)
    }
}

impl ControllerConfig {
    /// Shows it, or one value of it.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        let models = models(session).await?;
        let config = json!({
            "controller-name": controller::name(),
            "controller-uuid": uuid(&models),
            "features": [],
            "juju-ha-space": "",
            "juju-mgmt-space": "",
            "max-agent-state-size": 0,
        });
        if let Some(key) = &self.key {
            if let Some((key, _)) = key.split_once('=') {
                return Err(CliError::new(format!("controller setting {key:?} cannot be set here"))
                    .hint("settings of a model are set with model-config"));
            }
            let value = config.get(key).ok_or_else(|| {
                CliError::new(format!("key {key:?} not found in {:?} controller", controller::name()))
            })?;
            let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return self.output.write(&self.format.render(value, || format!("{plain}\n"))?);
        }
        let table = || {
            let mut table = Table::new(&["Attribute", "Value"]);
            for (key, value) in config.as_object().into_iter().flatten() {
                let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                table.row([key.as_str().into(), plain.into()]);
            }
            table.render()
        };
        self.output.write(&self.format.render(&config, table)?)
    }
}

impl Whoami {
    /// Prints it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        let (name, model) = (controller::name(), session::current(&session.home)?);
        let mut value = json!({"controller": name});
        if let (Some(value), Some(model)) = (value.as_object_mut(), &model) {
            value.insert("model".to_owned(), model.as_str().into());
        }
        if let Some(value) = value.as_object_mut() {
            value.insert("user".to_owned(), OWNER.into());
        }
        let shown = model.as_ref().map_or("<no-current-model>", |model| model.as_str());
        let table = || format!("Controller:  {name}\nModel:       {shown}\nUser:        {OWNER}\n");
        self.output.write(&self.format.render(&value, table)?)
    }
}
