//! `add-unit`

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete, positive, storage};
use crate::error::{CliError, Result};
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
    /// Detached storages that the one new unit starts with
    #[arg(long, value_name = "STORAGE", value_delimiter = ',')]
    attach_storage: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl AddUnit {
    /// Asks for them.
    pub async fn run(self, session: &Session) -> Result {
        let attach_storage = storage::ids(&self.attach_storage)?;
        if !attach_storage.is_empty() && self.num_units > 1 {
            return Err(CliError::usage("--attach-storage cannot be used with -n")
                .hint("add one unit at a time, each with its storage"));
        }
        let request = requests::AddUnits { count: self.num_units, placement: self.to, attach_storage };
        session.model(&self.model)?.add_units_to(&self.application, &request).await?;
        Ok(())
    }
}
