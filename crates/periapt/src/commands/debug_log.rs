//! `debug-log`

use clap::Args;
use periapt_controller::api::requests::{LogParams, UnitParams};
use periapt_controller::client::ModelClient;
use periapt_model::log::Level;
use periapt_model::names::{AppName, UnitName};

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::{self, Colour, say};
use crate::render::debug_log::{Columns, line as render};
use crate::render::time::Clock;
use crate::session::Session;

/// Show the log of a model
#[derive(Args, Debug)]
pub struct DebugLog {
    /// Only these: a unit, an application, a machine, or a pattern in which * stands for any text
    #[arg(short, long, value_name = "ENTITY", value_delimiter = ',', add = complete::apps_and_units())]
    include: Vec<String>,
    /// Not these
    #[arg(short = 'x', long, value_name = "ENTITY", value_delimiter = ',', add = complete::apps_and_units())]
    exclude: Vec<String>,
    /// Only these modules and what is below them
    #[arg(long, value_name = "MODULE", value_delimiter = ',')]
    include_module: Vec<String>,
    /// Not these modules
    #[arg(long, value_name = "MODULE", value_delimiter = ',')]
    exclude_module: Vec<String>,
    /// Without effect: lines have no labels
    #[arg(long, visible_alias = "include-label", value_name = "LABEL")]
    include_labels: Vec<String>,
    /// Without effect: lines have no labels
    #[arg(long, visible_alias = "exclude-label", value_name = "LABEL")]
    exclude_labels: Vec<String>,
    /// At least this level: TRACE, DEBUG, INFO, WARNING, ERROR
    #[arg(short, long, value_parser = level)]
    level: Option<Level>,
    /// Begin with so many of the last lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Show so many of the last lines at most, and end; 0: all of them
    #[arg(long, value_name = "N", conflicts_with = "tail")]
    limit: Option<usize>,
    /// Begin with the first line that is kept
    #[arg(long)]
    replay: bool,
    /// End when the past lines are shown
    #[arg(long)]
    no_tail: bool,
    /// Go on with what comes [default: on a terminal]
    #[arg(long, conflicts_with = "no_tail")]
    tail: bool,
    /// Show dates too
    #[arg(long)]
    date: bool,
    /// Show milliseconds too
    #[arg(long)]
    ms: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    /// Without effect: lines have no place in a source
    #[arg(long)]
    location: bool,
    /// Without effect: the daemon is on this machine
    #[arg(long)]
    retry: bool,
    /// Without effect: the daemon is on this machine
    #[arg(long, hide = true)]
    retry_delay: Option<String>,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    model: ModelArgs,
}

/// Juju's words for what is no level.
fn level(text: &str) -> std::result::Result<Level, String> {
    text.parse().map_err(|_| {
        format!("level value {text:?} is not one of \"TRACE\", \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\"")
    })
}

/// So much is printed at once while more is there.
const PRINTED_AT_ONCE: usize = 64 << 10;

/// What is no name of anything that logs (Juju 3.6: `debugLogCommand.parseEntity`).
fn unrecognised(words: &[String]) -> impl Iterator<Item = &String> {
    let of_machine = |word: &str| word.strip_prefix("machine-").unwrap_or(word).parse::<u32>().is_ok();
    let of_unit = |word: &str| {
        let leader = || word.strip_suffix("/leader").is_some_and(|app| AppName::new(app).is_ok());
        word.parse::<UnitName>().is_ok() || UnitName::from_tag(word).is_some() || leader()
    };
    let known = move |word: &str| {
        word.contains('*') || of_machine(word) || of_unit(word) || AppName::new(word).is_ok()
    };
    words.iter().filter(move |word| !known(word))
}

fn list(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(","))
}

impl DebugLog {
    /// The units and applications to be shown that are not there. What they have said before may be.
    async fn missing(&self, model: &ModelClient) -> Vec<String> {
        let mut missing = Vec::new();
        for word in &self.include {
            let unit = word.parse::<UnitName>().ok().or_else(|| UnitName::from_tag(word));
            let app = || AppName::new(word.strip_suffix("/leader").unwrap_or(word)).ok();
            if let Some(unit) = unit {
                let found = model.unit(&unit, &UnitParams::default()).await;
                if found.is_err_and(|error| error.is_not_found()) {
                    missing.push(format!("unit {unit}"));
                }
            } else if let Some(app) = app()
                && model.application(&app).await.is_err_and(|error| error.is_not_found())
            {
                missing.push(format!("application {app}"));
            }
        }
        missing
    }

    /// Prints past lines, and then those that come.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        for word in unrecognised(&self.include).chain(unrecognised(&self.exclude)) {
            say(format!("WARNING {word:?} was not recognised as a valid application, machine or unit name"));
        }
        let follow = self.limit.is_none() && !self.no_tail && (self.tail || output::stdout_is_terminal());
        let last = match (self.replay, self.limit) {
            (true, _) | (false, Some(0)) => None,
            // `--limit` counts from the lines that would be shown: the last ones.
            (false, Some(limit)) => Some(limit),
            (false, None) => Some(self.lines),
        };
        let params = LogParams {
            include: list(&self.include),
            exclude: list(&self.exclude),
            include_module: list(&self.include_module),
            exclude_module: list(&self.exclude_module),
            level: self.level,
            last,
            follow,
        };
        let model = session.model(&self.model)?;
        let mut lines = model.logs(&params).await?;
        for what in self.missing(&model).await {
            let then = if follow { "; what it says is shown when it is there" } else { "" };
            say(format!("note: there is no {what} in the model now{then}"));
        }
        let clock = Clock::system(self.utc);
        let columns = Columns { date: self.date, ms: self.ms };
        let mut left = self.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut waiting = String::new();
        let ended = tokio::signal::ctrl_c();
        tokio::pin!(ended);
        while left > 0 {
            let next = tokio::select! {
                biased;
                line = lines.next() => Some(line?),
                _ = &mut ended => return Err(CliError::silent(130)),
                // Nothing has come yet: what is there is shown meanwhile.
                () = std::future::ready(()), if !waiting.is_empty() => None,
            };
            match next {
                Some(Some(line)) => {
                    waiting.push_str(&render(&line, &clock, columns));
                    left -= 1;
                }
                Some(None) => {
                    output::print(&waiting)?;
                    return match follow {
                        true => Err(CliError::new("the daemon is ending, or the model is gone")),
                        false => Ok(()),
                    };
                }
                None => output::print(&std::mem::take(&mut waiting))?,
            }
            if waiting.len() >= PRINTED_AT_ONCE {
                output::print(&std::mem::take(&mut waiting))?;
            }
        }
        output::print(&waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nothing_that_logs_is_told_of() {
        let words = ["a", "a/0", "unit-a-0", "0", "machine-0", "unit-*", "a/leader", "A", "a/x", "app_b", ""];
        let words = words.map(str::to_owned);
        let found: Vec<&str> = unrecognised(&words).map(String::as_str).collect();
        assert_eq!(found, ["A", "a/x", "app_b", ""]);
    }

    #[test]
    fn a_level_that_is_none_is_refused_in_jujus_words() {
        assert_eq!(level("warning"), Ok(Level::Warning));
        let expected = r#"level value "LOUD" is not one of "TRACE", "DEBUG", "INFO", "WARNING", "ERROR""#;
        assert_eq!(level("LOUD").unwrap_err(), expected);
    }
}
