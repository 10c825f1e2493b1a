//! `show-status-log`

use std::collections::BTreeMap;

use clap::Args;
use periapt_controller::api::requests::StatusLogParams;
use periapt_controller::status_log::{StatusEntry, StatusKind};
use periapt_controller::views::Zone;
use periapt_model::names::UnitName;
use periapt_model::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Tabular};
use crate::render::style::of_status;
use crate::render::table::{Cell, Table};
use crate::session::{Session, zone};

/// Show which statuses a unit, an application, a machine or the model had
#[derive(Args, Debug)]
pub struct ShowStatusLog {
    /// Whose
    #[arg(value_name = "NAME", add = complete::apps_and_units())]
    name: Option<String>,
    /// Which of its statuses: unit (workload and agent), workload, juju-unit, application, machine, juju-machine, model
    /// [default: by the form of NAME]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// So many of the last at most [default: 20]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Those of the last so many days
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Those since this day: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    from_date: Option<String>,
    /// Without effect: the statuses of agents are not many
    #[arg(long, hide = true)]
    include_status_updates: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// One entry in Juju's form.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<String, Value>,
    since: String,
    #[serde(rename = "type")]
    kind: StatusKind,
}

/// So many are shown where nobody says how many.
const USUAL: usize = 20;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The first moment of a day, in UTC.
fn beginning(date: &str) -> Result<i64> {
    let day: jiff::civil::Date = date.parse().map_err(|_| {
        CliError::usage(format!("parsing backlog date: {date:?} is not a day")).hint("write it YYYY-MM-DD")
    })?;
    let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| CliError::usage(error.to_string()))?;
    Ok(zoned.timestamp().as_millisecond())
}

impl ShowStatusLog {
    fn params(&self, model: &str, now: i64) -> Result<StatusLogParams> {
        let Some(name) = &self.name else { return Err(CliError::usage("entity name is missing.")) };
        let bounds = [self.count.is_some(), self.days.is_some(), self.from_date.is_some()];
        if bounds.into_iter().filter(|given| *given).count() > 1 {
            return Err(CliError::usage(
                "backlog size, backlog date and backlog days back cannot be specified together",
            ));
        }
        let kind = match &self.kind {
            Some(kind) if StatusKind::of_word(kind).is_none() => {
                return Err(CliError::usage(format!("unexpected status type {kind:?}"))
                    .hint("unit, workload, juju-unit, application, machine, juju-machine or model"));
            }
            Some(kind) => kind.clone(),
            None if name.parse::<UnitName>().is_ok() => "unit".to_owned(),
            None if name.parse::<u32>().is_ok() => "machine".to_owned(),
            None if name == model => "model".to_owned(),
            None => "application".to_owned(),
        };
        let since = match (&self.from_date, self.days) {
            (Some(date), _) => Some(beginning(date)?),
            (None, Some(days)) => Some((Timestamp(now) - DAY * days).0),
            (None, None) => None,
        };
        let last = if since.is_some() { None } else { Some(self.count.unwrap_or(USUAL)) };
        Ok(StatusLogParams { entity: name.clone(), kind, since, last })
    }

    /// Shows them, oldest first.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let params = self.params(model.name(), jiff::Timestamp::now().as_millisecond())?;
        let entries = model.status_log(&params).await?;
        if entries.is_empty() {
            return Err(CliError::new("no status history available"));
        }
        let shown: Vec<Shown<'_>> = entries.iter().map(shown).collect();
        let zone = zone(self.utc);
        self.output.write(&self.format.render(&shown, || table(&entries, &zone))?)
    }
}

fn shown(entry: &StatusEntry) -> Shown<'_> {
    let moment = jiff::Timestamp::from_millisecond(entry.since.0).unwrap_or_default();
    Shown {
        status: &entry.status,
        message: &entry.message,
        data: &entry.data,
        since: moment.to_string(),
        kind: entry.kind,
    }
}

fn table(entries: &[StatusEntry], zone: &Zone) -> String {
    let mut table = Table::new(&["Time", "Type", "Status", "Message"]);
    for entry in entries {
        table.row([
            zone.since(entry.since).into(),
            entry.kind.as_str().into(),
            Cell::styled(entry.status.as_str(), of_status(&entry.status)),
            entry.message.as_str().into(),
        ]);
    }
    table.render()
}
