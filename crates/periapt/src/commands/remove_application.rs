//! `remove-application`

use clap::Args;
use periapt_controller::api::requests::RemoveParams;
use periapt_controller::client::ModelClient;
use periapt_model::names::{AppName, UnitName};

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
    /// At once, without hooks
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
            let (storage, units) = (model.storage(&zone(true)).await?, units_of(&model, app).await?);
            let params = RemoveParams { force: self.force, destroy_storage: self.destroy_storage };
            model.remove_application(app, &params).await?;
            say(format!("will remove application {app}"));
            for unit in units {
                say(format!("- will remove unit {unit}"));
                say_fates(&storage, &unit, self.destroy_storage);
            }
        }
        Ok(())
    }
}

async fn units_of(model: &ModelClient, app: &AppName) -> Result<Vec<UnitName>> {
    let status = model.status(&[app.to_string()], &zone(true)).await?.status;
    let units = status.applications.get(app).map(|app| app.units.keys().cloned().collect());
    Ok(units.unwrap_or_default())
}
