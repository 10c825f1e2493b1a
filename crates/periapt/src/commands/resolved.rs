//! `resolved`

use clap::Args;
use periapt_controller::api::requests::ResolveUnits;
use periapt_model::names::UnitName;

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::session::Session;

/// Let units in error go on: their failed hook runs again
#[derive(Args, Debug)]
#[command(visible_alias = "resolve")]
pub struct Resolved {
    /// The units
    #[arg(value_name = "UNIT", add = complete::units())]
    units: Vec<UnitName>,
    /// Go on as if the hook had succeeded
    #[arg(long)]
    no_retry: bool,
    /// Every unit in error
    #[arg(long, conflicts_with = "units")]
    all: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl Resolved {
    /// Tells their agents.
    pub async fn run(self, session: &Session) -> Result {
        if self.units.is_empty() && !self.all {
            return Err(
                CliError::usage("no unit specified").hint("name units, or take --all of those in error")
            );
        }
        let request = ResolveUnits { units: self.units, all: self.all, no_retry: self.no_retry };
        session.model(&self.model)?.resolve(&request).await?;
        Ok(())
    }
}
