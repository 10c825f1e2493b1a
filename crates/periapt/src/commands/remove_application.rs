//! `remove-application`

use clap::Args;
use periapt_controller::api::requests::RemoveParams;
use periapt_controller::client::ModelClient;
use periapt_model::names::AppName;

use super::storage::say_fates;
use crate::args::{ModelArgs, complete};
use crate::error::{CliError, FAILED, Result};
use crate::output::say;
use crate::session::{Session, zone};

/// Remove applications with their relations and units
#[derive(Args, Debug)]
pub struct RemoveApplication {
    /// The applications
    #[arg(required = true, value_name = "APPLICATION", add = complete::apps())]
    applications: Vec<AppName>,
    /// At once, without hooks of its own; others run theirs. Said again: without those, too
    #[arg(long)]
    force: bool,
    /// Do not ask, which it never does; and remove the others where one cannot be
    #[arg(long)]
    no_prompt: bool,
    /// With all storages of its units; otherwise those that outlive units are detached
    #[arg(long)]
    destroy_storage: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl RemoveApplication {
    /// Asks for their end. One that cannot be removed is named, and the others go; unless Juju would have asked first, and
    /// by that have found it: then nothing is removed (Juju 3.6: `performDryRun`, `logResults`).
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        if !self.no_prompt {
            for app in &self.applications {
                model.application(app).await.map_err(|error| failed(app, error.into()))?;
            }
        }
        let mut all = true;
        for app in &self.applications {
            if let Err(error) = self.remove(&model, app).await {
                all = false;
                let _ = failed(app, error).report();
            }
        }
        if all { Ok(()) } else { Err(CliError::silent(FAILED)) }
    }

    async fn remove(&self, model: &ModelClient, app: &AppName) -> Result {
        let storage = model.storage(&zone(true)).await?;
        let status = model.status(&[], &zone(true)).await?.status;
        let params = RemoveParams { force: self.force, destroy_storage: self.destroy_storage };
        model.remove_application(app, &params).await?;
        say(format!("will remove application {app}"));
        for (unit, _) in status.units_of(app) {
            say(format!("- will remove unit {unit}"));
            say_fates(&status, &storage, unit, self.destroy_storage);
        }
        Ok(())
    }
}

fn failed(app: &AppName, error: CliError) -> CliError {
    CliError { message: format!("removing application {app} failed: {}", error.message), ..error }
}
