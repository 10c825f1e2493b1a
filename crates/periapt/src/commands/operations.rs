//! `show-operation`, `show-task`, `operations` and `cancel-task`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests::OperationParams;
use periapt_controller::views::operation::ShowOperation as Shown;
use periapt_model::names::{MachineId, TaskId};
use tokio::time::Instant;

use crate::args::{ModelArgs, duration};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular, print, say};
use crate::render;
use crate::session::{Session, zone};

/// Show an operation with its tasks and their results
#[derive(Args, Debug)]
pub struct ShowOperation {
    /// Its number
    id: TaskId,
    /// Wait so long for its end
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Show it again whenever it changes, until its end
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show a task with its results
#[derive(Args, Debug)]
pub struct ShowTask {
    /// Its number
    id: TaskId,
    /// Wait so long for its end
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Wait for its end however long it takes
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// List the operations that are remembered
#[derive(Args, Debug)]
#[command(visible_alias = "list-operations")]
pub struct Operations {
    /// Only those on these applications
    #[arg(long, visible_alias = "applications", value_name = "APP,…", value_delimiter = ',')]
    apps: Vec<String>,
    /// Only those on these units
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    units: Vec<String>,
    /// Only those on these machines
    #[arg(long, value_name = "MACHINE,…", value_delimiter = ',')]
    machines: Vec<MachineId>,
    /// Only those of these actions
    #[arg(long, value_name = "ACTION,…", value_delimiter = ',')]
    actions: Vec<String>,
    /// Only those in these states
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',')]
    status: Vec<String>,
    /// So many of the newest at most
    #[arg(long, default_value_t = MOST)]
    limit: usize,
    /// Leave out so many of the newest
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
    offset: usize,
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

/// Cancel tasks: one that waits is taken back, one that runs is ended
#[derive(Args, Debug)]
pub struct CancelTask {
    /// Their numbers
    #[arg(required = true, value_name = "ID")]
    ids: Vec<TaskId>,
    #[command(flatten)]
    model: ModelArgs,
}

/// So many operations are shown where nobody says how many (Juju 3.6: `defaultMaxOperationsLimit`).
const MOST: usize = 50;

/// How long one question to the daemon waits at most.
const LOOK: Duration = Duration::from_secs(10);

/// Ends of questions: None asks once, and what is too far away for a clock never comes.
fn deadline(wait: Option<Duration>, watch: bool) -> Option<Option<Instant>> {
    match (wait, watch) {
        (_, true) => Some(None),
        (Some(span), false) => Some(Instant::now().checked_add(span)),
        (None, false) => None,
    }
}

fn left(end: Option<Instant>) -> Duration {
    end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()).min(LOOK))
}

impl ShowOperation {
    /// Shows it now, at its end, or both.
    pub async fn run(self, session: &Session) -> Result {
        let (model, zone) = (session.model(&self.model)?, zone(self.utc));
        let Some(end) = deadline(self.wait, self.watch) else {
            return self.show(&model.operation(self.id, None, &zone).await?);
        };
        let mut shown: Option<Shown> = None;
        loop {
            let span = if self.watch { Duration::from_millis(250) } else { left(end) };
            let operation = model.operation(self.id, Some(span), &zone).await?;
            let ended = operation.status.is_final();
            if self.watch && shown.as_ref() != Some(&operation) {
                self.show(&operation)?;
                shown = Some(operation);
            } else if !self.watch && (ended || end.is_some_and(|end| Instant::now() >= end)) {
                self.show(&operation)?;
                return Ok(());
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn show(&self, operation: &Shown) -> Result {
        self.output.write(&self.format.render(&BTreeMap::from([(self.id.to_string(), operation)]))?)
    }
}

impl ShowTask {
    /// Shows it now or at its end.
    pub async fn run(self, session: &Session) -> Result {
        let (model, zone) = (session.model(&self.model)?, zone(self.utc));
        let view = match deadline(self.wait, self.watch) {
            None => model.task(self.id, None, &zone).await?,
            Some(end) => loop {
                let view = model.task(self.id, Some(left(end)), &zone).await?;
                if view.task.status.is_final() || end.is_some_and(|end| Instant::now() >= end) {
                    break view;
                }
            },
        };
        self.output.write(&self.format.render(&view.task)?)
    }
}

impl Operations {
    /// Lists the newest that are asked for.
    pub async fn run(self, session: &Session) -> Result {
        // As in Juju 0 is no limit of one's own. One more than is shown tells whether there are more.
        let limit = if self.limit == 0 { MOST } else { self.limit };
        let mut params = self.params();
        params.limit = Some(limit.saturating_add(1));
        let mut newest = session.model(&self.model)?.operations(&params).await?;
        let more = newest.len() > limit;
        while newest.len() > limit {
            newest.pop_first();
        }
        if self.format == Tabular::Table && !newest.is_empty() && (more || self.offset > 0) {
            let last = self.offset.saturating_add(newest.len());
            print(&format!("Displaying operation results {} to {last}.\n", self.offset.saturating_add(1)))?;
            if more {
                print(&format!(
                    "Run the command again with --offset={} --limit={limit} to see the next batch.\n\n",
                    self.offset.saturating_add(limit)
                ))?;
            }
        }
        if newest.is_empty() && self.format == Tabular::Table {
            say("no matching operations");
        }
        self.output.write(&self.format.render(&newest, || render::operations::table(&newest))?)
    }

    /// What the daemon is asked for: the table shows no results, so that none are fetched for it.
    fn params(&self) -> OperationParams {
        let joined = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(","));
        let machines: Vec<String> = self.machines.iter().map(ToString::to_string).collect();
        OperationParams {
            apps: joined(&self.apps),
            units: joined(&self.units),
            machines: joined(&machines),
            actions: joined(&self.actions),
            status: joined(&self.status),
            offset: (self.offset > 0).then_some(self.offset),
            limit: Some(self.limit),
            brief: self.format == Tabular::Table,
            zone: Some(zone(self.utc).to_string()),
        }
    }
}

impl CancelTask {
    /// Cancels them one after the other; the first refusal stops it.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let mut not_cancelled = Vec::new();
        for id in &self.ids {
            let cancelled = model.cancel(*id).await?;
            match (cancelled.status, cancelled.note) {
                (Some(status), _) => say(format!("task {id} is {status}")),
                (None, note) => not_cancelled.push(note.unwrap_or_else(|| format!("task {id} has ended"))),
            }
        }
        match not_cancelled.is_empty() {
            true => Ok(()),
            false => Err(CliError::new(not_cancelled.join("\n"))),
        }
    }
}
