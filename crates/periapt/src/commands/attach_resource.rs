//! `attach-resource`

use clap::Args;
use periapt_model::names::AppName;

use super::build;
use crate::args::{ModelArgs, ResourceArg, complete};
use crate::error::Result;
use crate::session::Session;

/// Give an application another file for a resource
#[derive(Args, Debug)]
#[command(visible_alias = "attach")]
pub struct AttachResource {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// The resource and the file
    #[arg(value_name = "NAME=FILE")]
    resource: ResourceArg,
    #[command(flatten)]
    model: ModelArgs,
}

impl AttachResource {
    /// Copies the file into the home and names it to the daemon.
    pub async fn run(self, session: &Session) -> Result {
        let upload = build::put(&session.home.resources(), &self.resource.path)?;
        let model = session.model(&self.model)?;
        model.attach_resource(&self.application, &self.resource.name, &upload).await?;
        Ok(())
    }
}
