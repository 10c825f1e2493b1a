//! `show-application`

use std::collections::BTreeMap;

use clap::Args;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{OutputFile, Structured};
use crate::session::Session;

/// Show applications: charm, bindings, resources
#[derive(Args, Debug)]
pub struct ShowApplication {
    /// The applications
    #[arg(required = true, value_name = "APPLICATION", add = complete::apps())]
    applications: Vec<AppName>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl ShowApplication {
    /// Shows them; one that is not there fails the command.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let mut shown = BTreeMap::new();
        for app in &self.applications {
            shown.insert(app.to_string(), model.application(app).await?);
        }
        self.output.write(&self.format.render(&shown)?)
    }
}
