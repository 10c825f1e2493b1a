//! `wait-for`: Juju's way of waiting, by a query. `wait` knows more, and says what it waits for.

mod query;

use std::time::Duration;

use clap::{Args, Subcommand};
use periapt_controller::views::Zone;
use periapt_controller::views::status::{
    ApplicationStatus, FullStatus, MachineStatus, StatusInfo, UnitStatus,
};
use periapt_model::names::{AppName, MachineId, UnitName};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::args::{ModelArgs, boolean, complete, duration};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::Session;
use query::Query;

/// Wait until a query holds of an application, a unit, a machine or the model
///
/// A query compares fields, as in: life=="alive" && forEach(units, unit => unit.workload-status=="active")
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt wait-for application db --query='status==\"active\" && len(units)==3'
  periapt wait-for unit db/0 --timeout 2m")]
pub struct WaitFor {
    #[command(subcommand)]
    what: What,
}

/// Of what the query has to hold.
#[derive(Debug, Subcommand)]
enum What {
    /// Wait for an application: name, life, status, exposed, charm-url, workload-version, scale, units
    Application(Goal),
    /// Wait for a unit: name, application, life, workload-status, workload-message, agent-status, machine-id, leader,
    /// public-address
    Unit(Goal),
    /// Wait for a machine: id, life, status, instance-id, units
    Machine(Goal),
    /// Wait for a model: name, life, status, applications, machines, units
    Model(Goal),
}

#[derive(Args, Debug)]
struct Goal {
    /// Its name
    #[arg(value_name = "NAME", add = complete::apps_and_units())]
    name: String,
    /// What has to hold [default: that it is alive and active, started or available]
    #[arg(long, value_name = "QUERY")]
    query: Option<Query>,
    /// Give up after this time
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Say what it came to
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true",
        default_missing_value = "true", action = clap::ArgAction::Set, value_parser = boolean
    )]
    summary: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// How often the model is looked at.
const PACE: Duration = Duration::from_millis(200);

fn life(of: &StatusInfo) -> &str {
    if of.life.is_empty() { "alive" } else { &of.life }
}

fn unit_fields(name: &UnitName, unit: &UnitStatus) -> Value {
    json!({
        "name": name,
        "application": name.app(),
        "life": life(&unit.juju_status),
        "workload-status": unit.workload_status.current,
        "workload-message": unit.workload_status.message,
        "agent-status": unit.juju_status.current,
        "machine-id": unit.machine,
        "leader": unit.leader,
        "public-address": unit.public_address,
    })
}

fn application_fields(name: &AppName, app: &ApplicationStatus, status: &FullStatus) -> Value {
    let units =
        status.units_of(name).into_iter().map(|(name, unit)| (name.to_string(), unit_fields(name, unit)));
    json!({
        "name": name,
        "life": if app.life.is_empty() { "alive" } else { &app.life },
        "status": app.application_status.current,
        "exposed": app.exposed,
        "charm-url": app.charm,
        "workload-version": app.version,
        "scale": app.scale,
        "units": units.collect::<Map<_, _>>(),
    })
}

fn machine_fields(id: MachineId, machine: &MachineStatus, status: &FullStatus) -> Value {
    let units = all_units(status).filter(|(_, unit)| unit.machine == id.to_string());
    json!({
        "id": id.to_string(),
        "life": life(&machine.juju_status),
        "status": machine.juju_status.current,
        "instance-id": machine.instance_id,
        "units": units.map(|(name, unit)| (name.to_string(), unit_fields(name, unit))).collect::<Map<_, _>>(),
    })
}

fn all_units(status: &FullStatus) -> impl Iterator<Item = (&UnitName, &UnitStatus)> {
    status.all_units()
}

fn model_fields(status: &FullStatus) -> Value {
    let applications = status
        .applications
        .iter()
        .map(|(name, app)| (name.to_string(), application_fields(name, app, status)));
    let machines =
        status.machines.iter().map(|(id, machine)| (id.to_string(), machine_fields(*id, machine, status)));
    let units = all_units(status).map(|(name, unit)| (name.to_string(), unit_fields(name, unit)));
    let word = &status.model.model_status.current;
    json!({
        "name": status.model.name,
        "life": if word == "available" { "alive" } else { "dying" },
        "status": word,
        "applications": applications.collect::<Map<_, _>>(),
        "machines": machines.collect::<Map<_, _>>(),
        "units": units.collect::<Map<_, _>>(),
    })
}

impl What {
    fn goal(&self) -> &Goal {
        match self {
            Self::Application(goal) | Self::Unit(goal) | Self::Machine(goal) | Self::Model(goal) => goal,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Unit(_) => "unit",
            Self::Machine(_) => "machine",
            Self::Model(_) => "model",
        }
    }

    fn usual_query(&self) -> &'static str {
        match self {
            Self::Application(_) => "life==\"alive\" && status==\"active\"",
            Self::Unit(_) => "life==\"alive\" && workload-status==\"active\"",
            Self::Machine(_) => "life==\"alive\" && status==\"started\"",
            Self::Model(_) => "life==\"alive\" && status==\"available\"",
        }
    }

    /// Refuses a name that can never be there.
    fn check_name(&self) -> Result {
        let name = &self.goal().name;
        let possible = match self {
            Self::Application(_) => AppName::new(name.as_str()).is_ok(),
            Self::Unit(_) => name.parse::<UnitName>().is_ok(),
            Self::Machine(_) => name.parse::<u32>().is_ok(),
            Self::Model(_) => name.parse::<crate::args::ModelRef>().is_ok(),
        };
        match possible {
            true => Ok(()),
            false => Err(CliError::usage(format!("{name:?} is not a valid {} name", self.kind()))),
        }
    }

    /// The fields of what is waited for, if it is there.
    fn fields(&self, status: &FullStatus) -> Option<Value> {
        let name = &self.goal().name;
        match self {
            Self::Application(_) => {
                let (name, app) = status.applications.iter().find(|(app, _)| app.as_str() == name)?;
                Some(application_fields(name, app, status))
            }
            Self::Unit(_) => {
                let (name, unit) = all_units(status).find(|(unit, _)| unit.to_string() == *name)?;
                Some(unit_fields(name, unit))
            }
            Self::Machine(_) => {
                let (id, machine) = status.machines.iter().find(|(id, _)| id.to_string() == *name)?;
                Some(machine_fields(*id, machine, status))
            }
            Self::Model(_) => Some(model_fields(status)),
        }
    }
}

impl WaitFor {
    /// Waits.
    pub async fn run(self, session: &Session) -> Result {
        let what = &self.what;
        let goal = what.goal();
        what.check_name()?;
        let query = match &goal.query {
            Some(query) => query.clone(),
            None => what.usual_query().parse().map_err(CliError::new)?,
        };
        let model = match what {
            What::Model(_) => {
                let named: crate::args::ModelRef = goal.name.parse().map_err(CliError::usage)?;
                session.client()?.model(named.0)
            }
            _ => session.model(&goal.model)?,
        };
        let of = format!("{} {:?}", what.kind(), goal.name);
        let deadline = Instant::now().checked_add(goal.timeout);
        let mut there = None;
        loop {
            let fields = match model.status(&[], &Zone::Utc).await {
                Ok(report) => what.fields(&report.status),
                // A model may be yet to come, like all else.
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            };
            if let Some(fields) = &fields
                && query.holds(fields).map_err(CliError::new)?
            {
                if goal.summary {
                    say(format!("{of} is there, and the query holds"));
                }
                return Ok(());
            }
            if there != Some(fields.is_some()) {
                there = Some(fields.is_some());
                let found = if fields.is_some() { "found" } else { "not found" };
                say(format!("{of} {found}, waiting..."));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(CliError::new(format!(
                    "timed out waiting for {:?} to reach goal state",
                    goal.name
                ))
                .hint("periapt why NAME says what it waits for itself"));
            }
            let rest = deadline
                .map_or(PACE, |deadline| PACE.min(deadline.saturating_duration_since(Instant::now())));
            tokio::time::sleep(rest).await;
        }
    }
}
