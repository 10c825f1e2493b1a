//! `machines`, `show-machine`, `add-machine` and `remove-machine`. A machine is a folder with a loopback address.

use clap::Args;
use periapt_controller::api::requests;
use periapt_controller::client::ModelClient;
use periapt_controller::views::status::FullStatus;
use periapt_model::names::MachineId;
use serde_json::{Value, json};

use super::confirm;
use crate::args::{ModelArgs, base, positive};
use crate::error::{CliError, Result};
use crate::output::{Colour, OutputFile, Tabular, print, say, to_value};
use crate::render::status::machine_table;
use crate::session::{Session, zone};

/// List the machines of a model
#[derive(Args, Debug)]
#[command(visible_alias = "list-machines")]
pub struct Machines {
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show machines
#[derive(Args, Debug)]
pub struct ShowMachine {
    /// Which [default: all]
    #[arg(value_name = "MACHINE")]
    machines: Vec<u32>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Tabular,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Add machines without units, which stay until they are removed
#[derive(Args, Debug)]
pub struct AddMachine {
    /// Refused: containers and other hosts are not reached from here
    target: Option<String>,
    /// How many
    #[arg(short = 'n', value_name = "N", default_value = "1", value_parser = positive)]
    count: u32,
    /// What is wanted of them: kept and shown
    #[arg(long, value_name = "KEY=VALUE")]
    constraints: Vec<String>,
    /// Without effect: everything runs on this machine's operating system
    #[arg(long)]
    base: Option<String>,
    /// Without effect: everything runs on this machine's operating system
    #[arg(long, hide = true)]
    series: Option<String>,
    /// Without effect: machines are folders on one file system
    #[arg(long)]
    disks: Option<String>,
    /// Without effect: nothing logs in to a machine
    #[arg(long, value_name = "FILE")]
    private_key: Option<String>,
    /// Without effect: nothing logs in to a machine
    #[arg(long, value_name = "FILE")]
    public_key: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Remove machines that have no units
#[derive(Args, Debug)]
pub struct RemoveMachine {
    /// Which
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<u32>,
    /// With their units, at once, without hooks
    #[arg(long)]
    force: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    no_prompt: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    /// Without effect: there is no instance behind a machine
    #[arg(long)]
    keep_instance: bool,
    #[command(flatten)]
    model: ModelArgs,
}

async fn status(session: &Session, model: &ModelArgs, utc: bool) -> Result<FullStatus> {
    Ok(session.model(model)?.status(&[], &zone(utc)).await?.status)
}

/// Juju's document: the model's name and its machines.
fn document(status: &FullStatus) -> Result<Value> {
    Ok(json!({"model": status.model.name, "machines": to_value(&status.machines)?}))
}

fn missing(id: MachineId) -> CliError {
    CliError::new(format!("machine {id} not found")).hint("periapt machines lists them")
}

impl Machines {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let status = status(session, &self.model, self.utc).await?;
        self.output.write(&self.format.render(&document(&status)?, || machine_table(&status))?)
    }
}

impl ShowMachine {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let mut status = status(session, &self.model, self.utc).await?;
        let wanted: Vec<MachineId> = self.machines.iter().copied().map(MachineId).collect();
        if let Some(id) = wanted.iter().find(|id| !status.machines.contains_key(id)) {
            return Err(missing(*id));
        }
        if !wanted.is_empty() {
            status.machines.retain(|id, _| wanted.contains(id));
        }
        self.output.write(&self.format.render(&document(&status)?, || machine_table(&status))?)
    }
}

impl AddMachine {
    /// Adds them.
    pub async fn run(self, session: &Session) -> Result {
        base::chosen(self.base.as_deref(), self.series.as_deref())?;
        if let Some(target) = &self.target {
            let reason = match target.split_once([':', '=']).map_or(target.as_str(), |(word, _)| word) {
                number if number.parse::<u32>().is_ok() => {
                    "machine-id cannot be specified when adding machines".to_owned()
                }
                "lxd" | "kvm" => format!("cannot add {target:?}: there are no containers of machines here"),
                "ssh" => format!("cannot add {target:?}: other hosts are not reached from here"),
                "zone" => format!("cannot add a machine in {target:?}: this machine has no zones"),
                _ => format!("cannot add {target:?}: machines are made on this machine only"),
            };
            return Err(CliError::new(reason).hint("periapt add-machine adds a machine of this model"));
        }
        let request = requests::AddMachines { count: self.count, constraints: self.constraints.join(" ") };
        for id in session.model(&self.model)?.add_machines(&request).await?.machines {
            say(format!("created machine {id}"));
        }
        Ok(())
    }
}

impl RemoveMachine {
    /// Removes them, or says what would be removed.
    pub async fn run(self, session: &Session) -> Result {
        confirm::check_no_wait(self.no_wait, self.force)?;
        let model = session.model(&self.model)?;
        let asks = !self.dry_run && confirm::is_wanted(&model, self.no_prompt).await;
        if self.dry_run || asks {
            confirm::show(&self.remove(&model, true).await?)?;
        }
        if self.dry_run {
            return Ok(());
        }
        if asks {
            confirm::yes("machine removal")?;
        }
        let list = self.remove(&model, false).await?;
        if asks { Ok(()) } else { print(&list) }
    }

    /// Removes them, or finds out what that would do; and lists what goes.
    async fn remove(&self, model: &ModelClient, dry_run: bool) -> Result<String> {
        let status = model.status(&[], &zone(false)).await?.status;
        let wanted: Vec<MachineId> = self.machines.iter().copied().map(MachineId).collect();
        if let Some(id) = wanted.iter().find(|id| !status.machines.contains_key(id)) {
            return Err(missing(*id));
        }
        let request = requests::RemoveMachines { machines: wanted.clone(), force: self.force, dry_run };
        model.remove_machines(&request).await?;
        let mut list = String::new();
        for id in wanted {
            list.push_str(&format!("will remove machine {id}\n"));
            let principals = status.applications.values().flat_map(|app| &app.units);
            for (unit, shown) in principals.filter(|(_, unit)| unit.machine == id.to_string()) {
                for unit in std::iter::once(unit).chain(shown.subordinates.keys()) {
                    list.push_str(&format!("- will remove unit {unit}\n"));
                }
            }
        }
        Ok(list)
    }
}
