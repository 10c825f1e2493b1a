//! `expose` and `unexpose`

use clap::Args;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::session::Session;

/// Mark an application as reachable from outside
#[derive(Args, Debug)]
pub struct Expose {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Without effect: there is no firewall
    #[arg(long)]
    endpoints: Option<String>,
    /// Without effect: there is no firewall
    #[arg(long)]
    to_spaces: Option<String>,
    /// Without effect: there is no firewall
    #[arg(long)]
    to_cidrs: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Take the mark of expose back
#[derive(Args, Debug)]
pub struct Unexpose {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Without effect: there is no firewall
    #[arg(long)]
    endpoints: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Expose {
    /// Sets the mark.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.expose(&self.application, true).await?;
        Ok(())
    }
}

impl Unexpose {
    /// Takes the mark.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.expose(&self.application, false).await?;
        Ok(())
    }
}
