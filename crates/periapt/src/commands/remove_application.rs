//! `remove-application`

use clap::Args;
use periapt_controller::api::requests::RemoveParams;
use periapt_model::names::AppName;

use super::storage::say_fates;
use crate::args::{ModelArgs, complete};
use crate::error::Result;
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
    /// Do not ask; nothing is asked anyway
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
    /// Asks for their end, if all of them are there.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        for app in &self.applications {
            model.application(app).await?;
        }
        for app in &self.applications {
            let storage = model.storage(&zone(true)).await?;
            let status = model.status(&[], &zone(true)).await?.status;
            let params = RemoveParams { force: self.force, destroy_storage: self.destroy_storage };
            model.remove_application(app, &params).await?;
            say(format!("will remove application {app}"));
            for (unit, _) in status.units_of(app) {
                say(format!("- will remove unit {unit}"));
                say_fates(&status, &storage, unit, self.destroy_storage);
            }
        }
        Ok(())
    }
}
