//! `show-unit`

use std::collections::BTreeMap;

use clap::Args;
use periapt_controller::api::requests::UnitParams;
use periapt_model::names::UnitName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{OutputFile, Structured};
use crate::session::Session;

/// Show units and their relations with all databags
#[derive(Args, Debug)]
pub struct ShowUnit {
    /// The units
    #[arg(required = true, value_name = "UNIT", add = complete::units())]
    units: Vec<UnitName>,
    /// Only the relations of this endpoint
    #[arg(long)]
    endpoint: Option<String>,
    /// Only the relations with this unit, and only it
    #[arg(long, value_name = "UNIT")]
    related_unit: Option<UnitName>,
    /// Only the databags of applications
    #[arg(long)]
    app: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl ShowUnit {
    /// Shows them; one that is not there fails the command.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let params = UnitParams {
            endpoint: self.endpoint,
            related_unit: self.related_unit.map(|unit| unit.to_string()),
            app: self.app,
        };
        let mut shown = BTreeMap::new();
        for unit in &self.units {
            shown.insert(unit.to_string(), model.unit(unit, &params).await?);
        }
        self.output.write(&self.format.render(&shown)?)
    }
}
