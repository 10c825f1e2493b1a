//! `trust`

use clap::Args;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::session::Session;

/// Give an application access to the credentials of the cloud
#[derive(Args, Debug)]
pub struct Trust {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Take it back
    #[arg(long)]
    remove: bool,
    /// How far the trust goes; only `cluster` is known
    #[arg(long)]
    scope: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Trust {
    /// Gives or takes it.
    pub async fn run(self, session: &Session) -> Result {
        if let Some(scope) = self.scope.filter(|scope| scope != "cluster") {
            return Err(CliError::usage(format!("scope {scope:?} not valid: use cluster")));
        }
        session.model(&self.model)?.trust(&self.application, !self.remove).await?;
        Ok(())
    }
}
