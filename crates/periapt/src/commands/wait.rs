//! `wait`

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests;
use periapt_controller::api::{Verdict, WaitLine};
use periapt_controller::client::ModelClient;
use periapt_controller::views::settled::{Goal, Subject};
use periapt_model::status::WorkloadStatus;
use tokio::time::Instant;

use crate::args::{ModelArgs, complete, duration};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::render::style::{DIM, NAME, paint};
use crate::render::time::{Clock, span};
use crate::session::Session;

/// Wait until the model is settled: nothing queued, running, failed, deferred or due
///
/// The controller itself knows; no status is polled. Lines on standard error name what is waited for.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt wait
  periapt wait --for active=db --for gone=web/0 --timeout 2m")]
pub struct Wait {
    /// What to wait for, several at once: settled, idle (events may be deferred), gone=APP|UNIT,
    /// active=APP|UNIT (or any other status), gone (the whole model)
    #[arg(long = "for", value_name = "GOAL", value_delimiter = ',', add = complete::goals())]
    goals: Vec<GoalArg>,
    /// Give up after this time
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    model: ModelArgs,
}

/// A goal as a command line writes it: `STATUS=SUBJECT` and `gone=SUBJECT` beside the API's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GoalArg(Goal);

impl FromStr for GoalArg {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let subject = |name: &str| name.parse::<Subject>().map_err(|e| e.to_string());
        if let Some((word, name)) = text.split_once('=') {
            if word == "gone" {
                return subject(name).map(|subject| Self(Goal::Gone(subject)));
            }
            if let Ok(word) = word.parse::<WorkloadStatus>() {
                return subject(name).map(|of| Self(Goal::Status { of, word }));
            }
        }
        text.parse().map(Self).map_err(|_: periapt_controller::views::settled::InvalidGoal| {
            let words: Vec<&str> = WorkloadStatus::ALL.iter().map(|word| word.as_str()).collect();
            format!(
                "expected settled, idle, gone, gone=APP, gone=UNIT, or STATUS=APP or STATUS=UNIT with a status of {}",
                words.join(", ")
            )
        })
    }
}

impl Wait {
    /// Waits.
    pub async fn run(self, session: &Session) -> Result {
        let goals = self.goals.into_iter().map(|GoalArg(goal)| goal).collect();
        until(&session.model(&self.model)?, goals, self.timeout).await
    }
}

/// Waits until all goals are met at once, and names on standard error what has not come.
///
/// # Errors
/// The time is over, or the daemon is ending.
pub async fn until(model: &ModelClient, goals: Vec<Goal>, timeout: Option<Duration>) -> Result {
    let only_gone = goals == [Goal::ModelGone];
    let timeout_ms = timeout.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    let mut lines = match model.wait(&requests::Wait { goals, timeout_ms }).await {
        Err(error) if only_gone && error.is_not_found() => return Ok(()),
        lines => lines?,
    };
    let mut teller = Teller::default();
    loop {
        tokio::select! {
            line = lines.next() => match line? {
                Some(WaitLine { verdict: Some(Verdict::Met), .. }) => return Ok(()),
                Some(line) if line.verdict == Some(Verdict::TimedOut) => return Err(timed_out(timeout, &line)),
                Some(line) => teller.next = Some(line),
                None => break,
            },
            () = teller.turn(), if teller.next.is_some() => teller.tell(),
            () = teller.long(), if teller.stuck.is_some() => teller.hint(),
        }
    }
    Err(CliError::new("the daemon is ending").hint("wait again: the next command starts it"))
}

/// Lines come as fast as hooks run; people are told of the newest, twice a second at most.
#[derive(Default)]
struct Teller {
    next: Option<WaitLine>,
    told: String,
    at: Option<Instant>,
    /// What was told of first, as long as nobody was told how to learn more of it.
    stuck: Option<String>,
    hinted: bool,
}

const PACE: Duration = Duration::from_millis(500);

/// Who waits so long for the same is told how to learn more.
const LONG: Duration = Duration::from_secs(10);

impl Teller {
    async fn turn(&self) {
        if let Some(at) = self.at {
            tokio::time::sleep_until(at + PACE).await;
        }
    }

    async fn long(&self) {
        if let Some(at) = self.at {
            tokio::time::sleep_until(at + LONG).await;
        }
    }

    fn hint(&mut self) {
        if let Some(subject) = self.stuck.take() {
            say(paint(DIM, why(Some(&subject))));
            self.hinted = true;
        }
    }

    fn tell(&mut self) {
        let Some(line) = self.next.take() else { return };
        let clock = Clock::system(false);
        let text = text(&line);
        if text != self.told {
            say(format!("{} {text}", paint(DIM, clock.moment(clock.now))));
            self.told = text;
            self.at = Some(Instant::now());
            self.stuck = first(&line).filter(|_| !self.hinted).map(str::to_owned);
        }
    }
}

/// The unit or application that is waited for first; none: the model.
fn first(line: &WaitLine) -> Option<&str> {
    let mut subjects = line.waiting.iter().map(|waiting| waiting.subject.as_str());
    subjects.find(|subject| subject.parse::<Subject>().is_ok())
}

fn why(subject: Option<&str>) -> String {
    format!("periapt why {} says more", subject.unwrap_or("UNIT|APP"))
}

/// How many of the things that are waited for one line names.
const NAMED: usize = 3;

/// The newest state in one line, without moments: those would make each line a new one.
fn text(line: &WaitLine) -> String {
    let parts: Vec<String> = line
        .waiting
        .iter()
        .take(NAMED)
        .map(|waiting| format!("{} {}", paint(NAME, &waiting.subject), waiting.reason))
        .collect();
    let more = match line.total.saturating_sub(parts.len()) {
        0 => String::new(),
        more => paint(DIM, format!("; and {more} more")),
    };
    format!("{}{more}", parts.join("; "))
}

fn timed_out(timeout: Option<Duration>, line: &WaitLine) -> CliError {
    let after = timeout.map(|t| format!(" after {}", span(t))).unwrap_or_default();
    let mut message = format!("timed out{after} waiting for:");
    for waiting in &line.waiting {
        message.push_str(&format!("\n  {}: {}", waiting.subject, waiting.reason));
    }
    if line.total > line.waiting.len() {
        message.push_str(&format!("\n  and {} more", line.total - line.waiting.len()));
    }
    CliError::new(message).hint(why(first(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_written_with_the_status_first_or_last() {
        let read = |text: &str| text.parse::<GoalArg>().map(|GoalArg(goal)| goal);
        let db: Subject = "db".parse().unwrap();
        let active = Goal::Status { of: db.clone(), word: WorkloadStatus::Active };
        assert_eq!(read("settled"), Ok(Goal::Settled));
        assert_eq!(read("active=db"), Ok(active.clone()));
        assert_eq!(read("db=active"), Ok(active));
        assert_eq!(read("gone=db"), Ok(Goal::Gone(db.clone())));
        assert_eq!(read("gone:db"), Ok(Goal::Gone(db)));
        assert!(matches!(read("gone=db/0"), Ok(Goal::Gone(Subject::Unit(_)))));
        for bad in ["", "active", "well=db", "gone=", "active=DB"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
