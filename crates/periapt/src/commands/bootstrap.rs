//! `bootstrap`, `destroy-controller` and `kill-controller`: a script that makes a controller, works on it and takes it away
//! gets the one there is, by the name that it gives.

use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests;
use periapt_controller::views::model::ShowModel;
use periapt_controller::views::{CLOUD, CONTROLLER};
use periapt_model::names::ModelName;

use super::confirm;
use super::controllers::models;
use super::destroy_model::DestroyModel;
use crate::args::controller::{self, check, given_name, is_ours, is_own_model};
use crate::args::{ModelRef, duration};
use crate::daemon;
use crate::error::{CliError, Result, writing};
use crate::notes::HEADING;
use crate::output::say;
use crate::session::{self, Session, write_whole, zone};

/// Name the controller: the daemon of this home, which is started if it does not run
#[derive(Args, Debug)]
pub struct Bootstrap {
    /// The cloud: localhost, or lxd
    #[arg(value_name = "CLOUD[/REGION]")]
    cloud: Option<String>,
    /// The name by which the controller is known as well [default: CLOUD-REGION]
    name: Option<String>,
    /// A model to add, which becomes the current one
    #[arg(long, value_name = "MODEL")]
    add_model: Option<ModelRef>,
    /// Say where clouds are listed
    #[arg(long, hide = true)]
    clouds: bool,
    #[arg(long, hide = true)]
    no_switch: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    bootstrap_base: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    bootstrap_series: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    bootstrap_constraints: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    bootstrap_image: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    build_agent: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    agent_version: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    auto_upgrade: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    config: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    constraints: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    controller_charm_channel: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    controller_charm_path: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    credential: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    db_snap: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    db_snap_asserts: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    force: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    keep_broken: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    metadata_source: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    model_default: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    regions: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    storage_pool: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    to: Option<String>,
}

/// Destroy what the controller has, and end it: the daemon
#[derive(Args, Debug)]
pub struct DestroyController {
    /// Its name
    name: String,
    /// With the models that are there
    #[arg(long)]
    destroy_all_models: bool,
    /// At once, without hooks
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    end: EndArgs,
}

/// Destroy all that the controller has at once, without hooks, and end it: the daemon
#[derive(Args, Debug)]
pub struct KillController {
    /// Its name
    name: String,
    #[command(flatten)]
    end: EndArgs,
}

/// How a controller ends.
#[derive(Args, Debug)]
struct EndArgs {
    /// Do not ask
    #[arg(long, short_alias = 'y', visible_short_alias = 'y', alias = "yes")]
    no_prompt: bool,
    /// With storages that outlive their units, and what is in them
    #[arg(long, conflicts_with = "release_storage")]
    destroy_storage: bool,
    /// What is in storages that outlive their units is put aside, in released-storage of the home
    #[arg(long)]
    release_storage: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    /// Wait no longer than this for a model
    #[arg(short, long, visible_alias = "model-timeout", value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// Whether there is nothing in the model, which each home begins with.
async fn is_unused(session: &Session, model: &ShowModel) -> Result<bool> {
    if model.short_name != daemon::FIRST_MODEL || model.unit_count > 0 || !model.machines.is_empty() {
        return Ok(false);
    }
    let client = session.client()?.model(&model.short_name);
    let status = client.status(&[], &zone(true)).await?.status;
    Ok(status.applications.is_empty()
        && status.application_endpoints.is_empty()
        && client.secrets(&requests::SecretsParams::default()).await?.is_empty()
        && client.storage(&zone(true)).await?.storage.is_empty())
}

/// The models in which there is something.
async fn used(session: &Session, models: &[ShowModel]) -> Result<Vec<String>> {
    let mut used = Vec::new();
    for model in models.iter().filter(|model| !is_own_model(&session.home, &model.short_name)) {
        if !is_unused(session, model).await? {
            used.push(model.short_name.clone());
        }
    }
    Ok(used)
}

/// Letters, digits and `-_.`, beginning with a letter or digit (Juju 3.6: names of controllers).
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

impl Bootstrap {
    /// Gives the controller of a home that is not used yet a name. A second one is refused: it would not be another controller.
    pub async fn run(self, session: &Session) -> Result {
        if self.bootstrap_series.is_some() && self.bootstrap_base.is_some() {
            return Err(CliError::usage("cannot specify both --bootstrap-series and --bootstrap-base"));
        }
        if self.db_snap_asserts.is_some() && self.db_snap.is_none() {
            return Err(CliError::usage("--db-snap-asserts requires --db-snap"));
        }
        if self.clouds {
            say(format!("{CLOUD} is this machine; periapt clouds lists what is known of others"));
            return Ok(());
        }
        let models = models(session).await?;
        let cloud = self.cloud.as_deref().unwrap_or(CLOUD);
        let (cloud, region) = cloud.split_once('/').unwrap_or((cloud, CLOUD));
        let name = match (self.name, self.cloud.is_some()) {
            (Some(name), _) => name,
            (None, true) => format!("{cloud}-{region}"),
            (None, false) => CONTROLLER.to_owned(),
        };
        if !is_name(&name) {
            return Err(CliError::usage(format!("{name:?} is not a valid controller name"))
                .hint("use letters, digits, dashes, dots and underscores; start with a letter or digit"));
        }
        if is_ours(&name) {
            return Err(CliError::new(format!("controller {name:?} already exists")).hint(format!(
                "it runs for this home, {}; periapt add-model makes models",
                session.home.path().display()
            )));
        }
        if ![CLOUD, "lxd"].contains(&cloud) {
            return Err(CliError::new(format!(
                "cannot make controller {name:?}: nothing runs in cloud {cloud:?}"
            ))
            .hint(format!("charms run on this machine, which is cloud {CLOUD}")));
        }
        if given_name(&session.home).is_some() || !used(session, &models).await?.is_empty() {
            return Err(CliError::new(format!(
                "cannot make controller {name:?}: the daemon of this home is the only controller, {CONTROLLER:?}, and in use"
            ))
            .hint("another home has another: set PERIAPT_HOME to another folder"));
        }
        if let Some(ModelRef(model)) = &self.add_model {
            let request = requests::AddModel { name: model.clone(), config: Default::default() };
            session.client()?.add_model(&request).await?;
        }
        // This machine, under the name by which Juju's own model has the controller's.
        let own = controller::MODEL.parse::<ModelName>()?;
        let request = requests::AddModel { name: own.clone(), config: Default::default() };
        session.client()?.add_model(&request).await?;
        let machine = requests::AddMachines { count: 1, constraints: String::new() };
        session.client()?.model(own.as_str()).add_machines(&machine).await?;
        let path = session.home.controller_name();
        write_whole(&path, format!("{name}\n").as_bytes()).map_err(writing(&path))?;
        say(format!("The daemon of this home is controller {name:?} now, as well as {CONTROLLER:?}"));
        if let Some(ModelRef(model)) = self.add_model {
            session::switch(&session.home, &model)?;
            say(format!("Added {model:?} model"));
        }
        Ok(())
    }
}

impl DestroyController {
    /// Asks, and ends it.
    pub async fn run(self, session: &Session) -> Result {
        check(&self.name)?;
        let models = models(session).await?;
        let hosted = used(session, &models).await?;
        if !self.destroy_all_models && !hosted.is_empty() {
            return Err(CliError::new(format!("cannot destroy controller {:?}: it has models", self.name))
                .hint(format!("--destroy-all-models destroys these with it: {}", hosted.join(", "))));
        }
        self.end.run(session, &self.name, models, self.force).await
    }
}

impl KillController {
    /// Asks, and ends it.
    pub async fn run(self, session: &Session) -> Result {
        check(&self.name)?;
        let models = models(session).await?;
        self.end.run(session, &self.name, models, true).await
    }
}

impl EndArgs {
    async fn run(self, session: &Session, name: &str, models: Vec<ShowModel>, force: bool) -> Result {
        // Before anything goes: what one model refuses for, the others are not to be gone by then.
        if !self.destroy_storage && !self.release_storage {
            for model in &models {
                let storages = session.client()?.model(&model.short_name).storage(&zone(true)).await?.storage;
                if let Some((outlives, _)) = storages.iter().find(|(_, storage)| storage.persistent) {
                    return Err(CliError::new(format!(
                        "cannot destroy controller {name:?}: model {:?} has persistent storage, {outlives} among it",
                        model.short_name
                    ))
                    .hint("--destroy-storage destroys it, --release-storage puts aside what is in it"));
                }
            }
        }
        if !self.no_prompt {
            say(format!(
                "This destroys controller {name} with {} models and everything in them.",
                models.len()
            ));
            confirm::name("controller", name)?;
        }
        for model in &models {
            let destroy = DestroyModel {
                name: ModelRef(model.short_name.parse()?),
                no_prompt: true,
                force,
                destroy_storage: self.destroy_storage,
                release_storage: self.release_storage,
                no_wait: false,
                timeout: self.timeout,
                with_controller: true,
            };
            destroy.run(session).await?;
        }
        for path in [session.home.controller_name(), session.home.current_model()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(writing(&path)(error));
                }
                _ => {}
            }
        }
        daemon::stop(&session.home)
            .map_err(|error| CliError::new(format!("cannot stop the daemon: {error}")))?;
        say(format!("Controller {name} is destroyed: its models are gone, and the daemon has ended"));
        Ok(())
    }
}
