//! What `run`, `exec` and `replay` share: following an operation to its end, and showing what came of it.

use std::time::Duration;

use clap::ValueEnum;
use periapt_controller::api::replies::Started;
use periapt_controller::client::{ClientError, ModelClient};
use periapt_controller::views::Zone;
use periapt_controller::views::operation::Results;
use periapt_model::entity::TaskHost;
use tokio::time::Instant;

use crate::error::{CliError, Result};
use crate::output::{OutputFile, json, say, yaml};
use crate::render::style::{DIM, paint};
use crate::render::task;
use crate::session::{Session, zone};

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// What the task printed and said
    Plain,
    /// YAML
    Yaml,
    /// JSON on one line
    Json,
}

/// What an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Actions: it is told what happens meanwhile.
    Actions,
    /// A command line: what it prints is all that is shown, as scripts take it for its output.
    Command,
}

/// How long one question to the daemon waits: lines of `action-log` are at most this late.
const LOOK: Duration = Duration::from_millis(250);

/// How an operation is followed.
#[derive(Debug)]
pub struct Follow<'a> {
    /// How long at most; None: not at all.
    pub wait: Option<Duration>,
    /// What was started.
    pub kind: Kind,
    /// How results are shown.
    pub format: Format,
    /// Times in UTC.
    pub utc: bool,
    /// Where they go.
    pub output: &'a OutputFile,
}

/// An operation that was refused. To scripts written for Juju that is a success without results (reference 7.4);
/// whoever calls us by our own name gets a failure.
///
/// # Errors
/// The refusal.
pub fn not_started(session: &Session, error: ClientError) -> Result {
    let is_refusal = matches!(error, ClientError::Refused { .. });
    let not_found = error.is_not_found();
    let error = CliError::from(error);
    if session.is_juju() && is_refusal {
        let suffix = if not_found { " (not found)" } else { "" };
        say(format!("{}{suffix}", error.message));
        return Ok(());
    }
    Err(error)
}

impl Follow<'_> {
    /// Says what was started, waits, and shows the results.
    ///
    /// # Errors
    /// The time was over, or a task failed.
    pub async fn run(&self, model: &ModelClient, started: &Started) -> Result {
        let count = started.tasks.len();
        let Some(wait) = self.wait else {
            match started.tasks.as_slice() {
                [task] => say(format!("Scheduled operation {} with task {}", started.operation, task.id)),
                _ => say(format!("Scheduled operation {} with {count} tasks", started.operation)),
            }
            say(format!("Check operation status with 'periapt show-operation {}'", started.operation));
            return Ok(());
        };
        if self.kind == Kind::Actions {
            announce(started);
        }
        let deadline = Instant::now().checked_add(wait);
        let zone = zone(self.utc);
        if let [task] = started.tasks.as_slice() {
            self.follow_log(model, task.id, deadline, &zone).await?;
        }
        let results = wait_for_all(model, started, deadline, &zone).await?;
        self.show(&results)?;
        let open: Vec<&TaskHost> =
            // What was ended by its limit is what was waited for too long, whoever saw it first.
            results.iter().filter(|(_, task)| task.timed_out || !task.status.is_final()).map(|(host, _)| host).collect();
        if !open.is_empty() {
            let goes_on = results.values().any(|task| !task.status.is_final());
            return Err(timed_out(&open, started, goes_on));
        }
        task::failure(&results).map_or(Ok(()), Err)
    }

    /// Says each line of `action-log` as it comes, until the task has ended or the time is over.
    async fn follow_log(
        &self,
        model: &ModelClient,
        id: periapt_model::names::TaskId,
        deadline: Option<Instant>,
        zone: &Zone,
    ) -> Result {
        let (mut told, mut behind) = (0, None);
        loop {
            let left = remaining(deadline);
            let view = model.task(id, Some(LOOK.min(left)), zone).await?;
            for line in view.task.log.iter().skip(told) {
                say(line);
            }
            told = view.task.log.len();
            if view.behind.is_some() && view.behind != behind {
                behind = view.behind;
                behind.iter().for_each(|text| say(paint(DIM, text)));
            }
            if view.task.status.is_final() || left.is_zero() {
                return Ok(());
            }
        }
    }

    fn show(&self, results: &Results) -> Result {
        let text = match self.format {
            Format::Json => json(results)?,
            Format::Yaml => yaml(results)?,
            Format::Plain if self.kind == Kind::Command => task::of_commands(results),
            Format::Plain => task::of_actions(results),
        };
        self.output.write(&text)
    }
}

fn remaining(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::from_secs(3600), |end| end.saturating_duration_since(Instant::now()))
}

async fn wait_for_all(
    model: &ModelClient,
    started: &Started,
    deadline: Option<Instant>,
    zone: &Zone,
) -> Result<Results> {
    loop {
        let left = remaining(deadline);
        // The daemon may bound how long one question waits.
        let results = model.results(started.operation, Some(left.min(Duration::from_secs(10))), zone).await?;
        if left.is_zero() || results.values().all(|task| task.status.is_final()) {
            return Ok(results);
        }
    }
}

/// Says what runs now.
fn announce(started: &Started) {
    let (operation, count) = (started.operation, started.tasks.len());
    say(format!("Running operation {operation} with {count} task{}", if count == 1 { "" } else { "s" }));
    for task in &started.tasks {
        say(format!("  - task {} on {}", task.id, task.host.tag()));
    }
    say("");
    for task in &started.tasks {
        say(format!("Waiting for task {}...", task.id));
    }
}

/// Juju's words, which programs look for; `goes_on` where a task still runs.
fn timed_out(hosts: &[&TaskHost], started: &Started, goes_on: bool) -> CliError {
    let names = hosts.iter().map(|host| match host {
        TaskHost::Unit(unit) => format!("unit {unit}"),
        TaskHost::Machine(id) => format!("machine {id}"),
    });
    let names: Vec<String> = names.collect();
    let id = started.operation;
    let error = CliError::new(format!("timed out waiting for results from: {}", names.join(", ")));
    error.hint(match goes_on {
        true => format!(
            "the operation goes on: periapt show-operation {id} --wait 5m; periapt why UNIT names what a unit does first"
        ),
        false => format!("the command was ended; periapt show-operation {id} has what it printed"),
    })
}
