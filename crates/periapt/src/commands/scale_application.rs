//! `scale-application`

use clap::Args;
use periapt_controller::api::requests::RemoveUnits;
use periapt_model::names::{AppName, UnitName};

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::{Session, zone};

/// Bring an application to a number of units: more are added, or the highest go
#[derive(Args, Debug)]
pub struct ScaleApplication {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// How many units it shall have
    scale: u32,
    #[command(flatten)]
    model: ModelArgs,
}

impl ScaleApplication {
    /// Adds or removes what is missing or too much. Units on their way out count as gone.
    pub async fn run(self, session: &Session) -> Result {
        let app = &self.application;
        let model = session.model(&self.model)?;
        let status = model.status(&[], &zone(false)).await?.status;
        let Some(view) = status.applications.get(app) else {
            return Err(CliError::new(format!("application {:?} not found", app.as_str())));
        };
        let alive: Vec<&UnitName> = view
            .units
            .iter()
            .filter(|(_, unit)| unit.juju_status.life.is_empty())
            .map(|(name, _)| name)
            .collect();
        let wanted = usize::try_from(self.scale).unwrap_or(usize::MAX);
        match alive.len() {
            there if there < wanted => {
                let missing = u32::try_from(wanted - there).unwrap_or(u32::MAX);
                model.add_units(app, missing).await?;
            }
            there if there > wanted => {
                let mut highest: Vec<UnitName> = alive.into_iter().cloned().collect();
                highest.sort_by_key(UnitName::number);
                let units = highest.split_off(wanted);
                model.remove_units(&RemoveUnits { units, ..RemoveUnits::default() }).await?;
            }
            _ => {}
        }
        say(format!("{app} scaled to {} units", self.scale));
        Ok(())
    }
}
