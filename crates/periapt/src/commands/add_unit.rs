//! `add-unit`

use clap::Args;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete, positive};
use crate::error::Result;
use crate::session::Session;

/// Add units to an application
#[derive(Args, Debug)]
pub struct AddUnit {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value = "1", value_parser = positive)]
    num_units: u32,
    /// Put the first of them on these machines of the model
    #[arg(long, value_name = "MACHINE", value_delimiter = ',')]
    to: Vec<String>,
    /// Without effect: storage comes later
    #[arg(long)]
    attach_storage: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl AddUnit {
    /// Asks for them.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.add_units_to(&self.application, self.num_units, self.to).await?;
        Ok(())
    }
}
