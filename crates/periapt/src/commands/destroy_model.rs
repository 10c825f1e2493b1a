//! `destroy-model`

use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests::DestroyParams;
use periapt_controller::views::OWNER;
use periapt_controller::views::settled::Goal;
use periapt_model::entity::StorageFate;

use super::confirm;
use crate::args::{ModelRef, complete, controller, duration};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::{self, Session, zone};

/// Destroy a model with everything in it
#[derive(Args, Debug)]
pub struct DestroyModel {
    /// The model
    #[arg(value_name = "MODEL", add = complete::models())]
    pub(super) name: ModelRef,
    /// Do not ask
    #[arg(long, short_alias = 'y', visible_short_alias = 'y', alias = "yes")]
    pub(super) no_prompt: bool,
    /// At once, without hooks
    #[arg(long)]
    pub(super) force: bool,
    /// With storages that outlive their units, and what is in them
    #[arg(long, conflicts_with = "release_storage")]
    pub(super) destroy_storage: bool,
    /// What is in storages that outlive their units is put aside, in released-storage of the home
    #[arg(long)]
    pub(super) release_storage: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Wait no longer than this
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// The controller's own model too: its controller goes with it.
    #[arg(skip)]
    pub(super) with_controller: bool,
}

impl DestroyModel {
    /// Asks, destroys, and waits until it is gone.
    pub async fn run(self, session: &Session) -> Result {
        let ModelRef(name) = &self.name;
        if !self.with_controller && controller::is_own_model(&session.home, name.as_str()) {
            return Err(CliError::new(format!(
                "{:?} is a controller; use 'juju destroy-controller' to destroy it",
                name.as_str()
            )));
        }
        let client = session.client()?;
        let model = client.model(name.as_str());
        let shown = model.show(&zone(false)).await?;
        if !self.no_prompt {
            say(format!(
                "This destroys model {OWNER}/{name} with {} units and everything in it.",
                shown.unit_count
            ));
            confirm::name("model", name.as_str())?;
        }
        let storage = match (self.destroy_storage, self.release_storage) {
            (true, _) => Some(StorageFate::Destroy),
            (_, true) => Some(StorageFate::Release),
            _ => None,
        };
        model.destroy(&DestroyParams { force: self.force, storage }).await?;
        say("Destroying model");
        session::forget(&session.home, name)?;
        if self.no_wait {
            return Ok(());
        }
        // By its uuid: a new model may get the same name.
        let gone = client.model(shown.model_uuid.as_str());
        let hint =
            format!("periapt why APP -m {name} names what it waits for; --force does not wait for hooks");
        super::wait::until(&gone, vec![Goal::ModelGone], self.timeout)
            .await
            .map_err(|error| if error.hint.is_some() { error } else { error.hint(hint) })?;
        say("Model destroyed.");
        Ok(())
    }
}
