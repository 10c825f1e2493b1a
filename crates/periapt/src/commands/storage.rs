//! `storage` and `show-storage`

use clap::Args;
use periapt_controller::views::status::FullStatus;
use periapt_controller::views::storage::StorageStatus;
use periapt_model::names::UnitName;
use serde_json::{Map, Value, json};

use crate::args::{ModelArgs, storage};
use crate::error::{CliError, Result};
use crate::output::{Colour, OutputFile, Structured, Tabular, say, to_value};
use crate::render;
use crate::session::{Session, zone};

/// List the storages of the model
#[derive(Args, Debug)]
#[command(visible_alias = "list-storage")]
pub struct Storage {
    /// Only these storages
    #[arg(value_name = "STORAGE")]
    storages: Vec<String>,
    /// Show their filesystems
    #[arg(long, conflicts_with = "volume")]
    filesystem: bool,
    /// Show their volumes; there are none
    #[arg(long)]
    volume: bool,
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

/// Show storages
#[derive(Args, Debug)]
pub struct ShowStorage {
    /// Which: NAME/NUMBER
    #[arg(required = true, value_name = "STORAGE")]
    storages: Vec<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Only those that were named.
fn select(status: &mut StorageStatus, named: &[String]) -> Result {
    if named.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = storage::ids(named)?.iter().map(ToString::to_string).collect();
    if let Some(id) = ids.iter().find(|id| !status.storage.contains_key(*id)) {
        return Err(CliError::new(format!("storage {id} not found")).hint("periapt storage lists them"));
    }
    status.storage.retain(|id, _| ids.contains(id));
    status.filesystems.retain(|_, filesystem| ids.contains(&filesystem.storage));
    Ok(())
}

impl Storage {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let mut status = session.model(&self.model)?.storage(&zone(self.utc)).await?;
        select(&mut status, &self.storages)?;
        if self.volume {
            status = StorageStatus::default();
        }
        if status.storage.is_empty() && matches!(self.format, Tabular::Table) {
            say("No storage to display.");
            return self.output.write("");
        }
        let value = match self.filesystem {
            true => json!({"filesystems": to_value(&status.filesystems)?}),
            false => to_value(&status)?,
        };
        let table = || match self.filesystem {
            true => render::storage::filesystems(&status),
            false => render::storage::storages(&status),
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}

impl ShowStorage {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        let mut status = session.model(&self.model)?.storage(&zone(self.utc)).await?;
        select(&mut status, &self.storages)?;
        let mut shown: Map<String, Value> = Map::new();
        for (id, storage) in &status.storage {
            shown.insert(id.clone(), to_value(storage)?);
        }
        self.output.write(&self.format.render(&shown)?)
    }
}

/// What goes with a unit when it is removed, a line each: its storages, or where they stay, and its subordinates with theirs
/// (Juju 3.6: `remove-unit`).
pub fn fates(model: &FullStatus, storage: &StorageStatus, unit: &UnitName, destroy: bool) -> String {
    let mut list = own_fates(storage, unit, destroy);
    let subordinates = model.unit(unit).into_iter().flat_map(|unit| unit.subordinates.keys());
    for subordinate in subordinates {
        list.push_str(&format!("- will remove unit {subordinate}\n"));
        list.push_str(&own_fates(storage, subordinate, destroy));
    }
    list
}

fn own_fates(status: &StorageStatus, unit: &UnitName, destroy: bool) -> String {
    let mut list = String::new();
    for (id, storage) in &status.storage {
        if storage.attachments.as_ref().is_some_and(|attached| attached.units.contains_key(unit)) {
            let detached = storage.persistent && !destroy && storage.life == "alive";
            let verb = if detached { "detach" } else { "remove" };
            list.push_str(&format!("- will {verb} storage {id}\n"));
        }
    }
    list
}
