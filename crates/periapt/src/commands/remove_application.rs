//! `remove-application`

use clap::Args;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::say;
use crate::session::Session;

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
    /// With its storage, which goes with it anyway
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
            model.remove_application(app, self.force).await?;
            say(format!("will remove application {app}"));
        }
        Ok(())
    }
}
