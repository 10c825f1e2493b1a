//! `remove-unit`

use clap::Args;
use periapt_controller::api::requests::RemoveUnits;
use periapt_controller::client::ModelClient;
use periapt_controller::views::Zone;
use periapt_model::names::{AppName, UnitName};

use super::confirm;
use super::storage::fates;
use crate::args::{ModelArgs, complete, positive};
use crate::error::{CliError, Result};
use crate::output::print;
use crate::session::Session;

/// Remove units: each runs its last hooks and goes
#[derive(Args, Debug)]
pub struct RemoveUnit {
    /// The units; with --num-units an application
    #[arg(required = true, value_name = "UNIT", add = complete::units())]
    units: Vec<String>,
    /// So many units of an application, the highest numbers first; this does not ask
    #[arg(long, value_name = "N", value_parser = positive)]
    num_units: Option<u32>,
    /// At once, without hooks of its own
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(long)]
    no_prompt: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// With all of their storages; otherwise those that outlive units are detached
    #[arg(long)]
    destroy_storage: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl RemoveUnit {
    /// Asks for their end. With `--num-units` nobody is asked first: Juju 3.6 takes it in Kubernetes models only, and does not
    /// ask there.
    pub async fn run(self, session: &Session) -> Result {
        confirm::check_no_wait(self.no_wait, self.force)?;
        let model = session.model(&self.model)?;
        let units: Vec<UnitName> = match self.num_units {
            Some(count) => highest(&model, &self.units, count).await?,
            None => self.units.iter().map(|unit| named(unit)).collect::<Result<_>>()?,
        };
        let asks =
            !self.dry_run && self.num_units.is_none() && confirm::is_wanted(&model, self.no_prompt).await;
        if self.dry_run || asks {
            confirm::show(&self.remove(&model, &units, true).await?)?;
        }
        if self.dry_run {
            return Ok(());
        }
        if asks {
            confirm::yes("unit removal")?;
        }
        let list = self.remove(&model, &units, false).await?;
        if asks { Ok(()) } else { print(&list) }
    }

    /// Removes them, or finds out what that would do; and lists what goes.
    async fn remove(&self, model: &ModelClient, units: &[UnitName], dry_run: bool) -> Result<String> {
        let storage = model.storage(&Zone::Utc).await?;
        let status = model.status(&[], &Zone::Utc).await?.status;
        let request = RemoveUnits {
            units: units.to_vec(),
            force: self.force,
            destroy_storage: self.destroy_storage,
            dry_run,
        };
        let mut list = String::new();
        for unit in model.remove_units(&request).await?.units {
            list.push_str(&format!("will remove unit {unit}\n"));
            list.push_str(&fates(&status, &storage, &unit, self.destroy_storage));
        }
        Ok(list)
    }
}

fn named(unit: &str) -> Result<UnitName> {
    let usage = |error: periapt_model::names::InvalidName| CliError::usage(error.to_string());
    unit.parse().map_err(usage).map_err(|error| match unit.parse::<AppName>() {
        Ok(app) => error.hint(format!("periapt remove-unit {app} --num-units 1 takes its highest unit")),
        Err(_) => error,
    })
}

/// The highest units of the one application that was named.
async fn highest(model: &ModelClient, names: &[String], count: u32) -> Result<Vec<UnitName>> {
    let [name] = names else {
        return Err(CliError::usage("--num-units takes one application"));
    };
    let app: AppName = name
        .parse()
        .map_err(|_| CliError::usage(format!("--num-units takes an application, and {name:?} is none")))?;
    let status = model.status(&[], &Zone::Utc).await?.status;
    if !status.applications.contains_key(&app) {
        return Err(CliError::new(format!("application {:?} not found", app.as_str())));
    }
    let units = status.units_of(&app);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > units.len() {
        return Err(CliError::new(format!("{app} has {} units, which is fewer than {count}", units.len())));
    }
    Ok(units.into_iter().rev().take(count).map(|(name, _)| name.clone()).collect())
}
