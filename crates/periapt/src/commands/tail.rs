//! `tail`

use clap::{Args, ValueEnum};
use periapt_controller::api::requests::JournalParams;
use periapt_controller::client::ModelClient;
use periapt_controller::views::Zone;
use periapt_controller::views::settled::Subject;
use periapt_model::journal::JournalRecord;

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::{self, Colour};
use crate::render::tail::{self as render, Columns};
use crate::render::time::Clock;
use crate::session::Session;

/// Show each event as it happens: what was deferred, re-emitted and dropped, by which handler, how long it took
#[derive(Args, Debug)]
#[command(after_help = "Marks:
  ✓ done   ✗ failed   – no such hook   » skipped   ↯ interrupted
  ❮ deferred   ● run again and deferred again   ❯ run again and done   ✂ dropped   ◆ custom event
  #17 is the event's number, for periapt replay")]
pub struct Tail {
    /// Only these units, or all units of these applications
    #[arg(value_name = "UNIT|APP", add = complete::apps_and_units())]
    subjects: Vec<Subject>,
    /// How to show
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Begin with so many of the past ones [default: 10, with --since all]
    #[arg(long, short = 'n', value_name = "N")]
    last: Option<usize>,
    /// Begin so long ago (5m), or at a moment (14:02, 2025-02-24T12:03:17Z)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Begin with the oldest one that is kept
    #[arg(long, conflicts_with_all = ["last", "since"])]
    all: bool,
    /// Go on with what happens from now on [default: on a terminal]
    #[arg(long, short)]
    follow: bool,
    /// End when the past ones are shown
    #[arg(long, conflicts_with = "follow")]
    no_follow: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each event, and one for each thing that became of it
    Text,
    /// A record of JSON for each event, one a line
    Json,
}

/// Past records that are printed at once, so that their columns line up.
const PAGE: usize = 200;

impl Tail {
    /// Prints past records, and then those that come.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let clock = Clock::system(self.utc);
        let since = match &self.since {
            Some(text) => Some(clock.since(text).map_err(CliError::usage)?),
            None => None,
        };
        let follow = !self.no_follow && (self.follow || output::stdout_is_terminal());
        let last = match (self.last, self.all || since.is_some()) {
            (None, true) => None,
            (last, _) => Some(last.unwrap_or(10)),
        };
        let params = JournalParams {
            units: (!self.subjects.is_empty()).then(|| subjects(&self.subjects).join(",")),
            since: since.map(|at| at.0),
            last,
            ..JournalParams::default()
        };
        let model = session.model(&self.model)?;
        let mut printer = Printer { format: self.format, clock, columns: Columns::default() };
        // The past first, as a whole: its columns are then as wide as they need to be.
        let mut past = model.journal(&params).await?;
        let (mut page, mut newest) = (Vec::new(), None);
        while let Some(record) = past.next().await? {
            newest = Some(record.id);
            page.push(record);
            if page.len() == PAGE {
                printer.print(&page)?;
                page.clear();
            }
        }
        printer.print(&page)?;
        if newest.is_none() {
            self.check(&model, session).await?;
        }
        if !follow {
            return Ok(());
        }
        // What came in between is not lost: the stream begins after the newest that was seen.
        let params = match newest {
            Some(_) => JournalParams { after: newest, last: None, since: None, follow: true, ..params },
            // None was seen because none was asked for, or because there is none yet.
            None => JournalParams { last: self.last.filter(|last| *last == 0), follow: true, ..params },
        };
        let mut coming = model.journal(&params).await?;
        loop {
            tokio::select! {
                record = coming.next() => match record? {
                    Some(record) => printer.print(std::slice::from_ref(&record))?,
                    None => return Err(CliError::new("the daemon is ending, or the model is gone")),
                },
                _ = tokio::signal::ctrl_c() => return Err(CliError::silent(130)),
            }
        }
    }
}

fn subjects(subjects: &[Subject]) -> Vec<String> {
    subjects.iter().map(ToString::to_string).collect()
}

impl Tail {
    /// Refuses names that never were: units that are gone have records, and those that are new are in the model.
    async fn check(&self, model: &ModelClient, session: &Session) -> Result {
        let status = model.status(&[], &Zone::Utc).await?.status;
        let is_there = |subject: &&Subject| match subject {
            Subject::Application(app) => status.applications.contains_key(app),
            Subject::Unit(unit) => status.unit(unit).is_some(),
        };
        match self.subjects.iter().find(|subject| !is_there(subject)) {
            Some(subject) if self.since.is_none() => {
                let kind = if matches!(subject, Subject::Unit(_)) { "unit" } else { "application" };
                Err(CliError::new(format!(
                    "{kind} {:?} not found, and nothing is recorded of it",
                    subject.to_string()
                ))
                .hint(format!("{} status shows what is there", session.program)))
            }
            _ => Ok(()),
        }
    }
}

struct Printer {
    format: Format,
    clock: Clock,
    columns: Columns,
}

impl Printer {
    fn print(&mut self, records: &[JournalRecord]) -> Result {
        if records.is_empty() {
            return Ok(());
        }
        self.clock.tick();
        let mut text = String::new();
        match self.format {
            Format::Text => {
                self.columns.fit(records);
                for record in records {
                    text.push_str(&render::text(record, &self.clock, &mut self.columns));
                }
            }
            Format::Json => {
                for record in records {
                    text.push_str(
                        &render::json(record, &self.clock).map_err(|e| CliError::new(e.to_string()))?,
                    );
                }
            }
        }
        output::print(&text)
    }
}
