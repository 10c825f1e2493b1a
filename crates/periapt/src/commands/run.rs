//! `run`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::{ActionName, AppName, UnitName};
use serde_json::Map;

use super::operation::{self, Follow, Format, Kind};
use crate::args::params::{nested, params_file};
use crate::args::{ModelArgs, Pair, complete, duration};
use crate::error::{CliError, Result};
use crate::output::{Colour, OutputFile};
use crate::session::Session;

/// Run an action on units, and wait for its results
#[derive(Args, Debug)]
#[command(visible_alias = "run-action")]
#[command(override_usage = "periapt run [OPTIONS] <UNIT>... <ACTION> [KEY.SUB=VALUE]...")]
#[command(after_help = "Examples:
  periapt run db/0 backup
  periapt run db/leader restore file=/tmp/dump options.quick=true --wait 5m")]
pub struct Run {
    /// Units (APP/NUMBER, or APP/leader), then the action, then its parameters
    #[arg(required = true, value_name = "UNIT… ACTION [KEY=VALUE…]", add = complete::units())]
    words: Vec<String>,
    /// A YAML file of parameters; those on the command line win
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Take values as text, not as YAML
    #[arg(long)]
    string_args: bool,
    /// How long to wait for the results
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// Do not wait
    #[arg(long, conflicts_with = "wait")]
    background: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "plain")]
    format: Format,
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

/// The words of a command line, sorted.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    receivers: Vec<String>,
    action: ActionName,
    params: Vec<Pair>,
}

/// Whether a word is `app/0` or `app/leader`.
fn is_receiver(word: &str) -> bool {
    let leader = || word.strip_suffix("/leader").is_some_and(|app| AppName::new(app).is_ok());
    word.parse::<UnitName>().is_ok() || leader()
}

/// Units come first; the first word that is none is the action; the rest are its parameters.
fn sort(words: &[String]) -> Result<Words> {
    let first = words.iter().position(|word| !is_receiver(word)).unwrap_or(words.len());
    let (receivers, rest) = words.split_at(first);
    let Some((action, params)) = rest.split_first() else {
        return Err(
            CliError::usage("no action specified").hint("periapt actions APP lists those of an application")
        );
    };
    if receivers.is_empty() {
        return Err(CliError::usage(format!("no unit specified: {action:?} is none"))
            .hint("name units as APP/NUMBER, or the leader as APP/leader"));
    }
    if action.contains('/') {
        return Err(CliError::usage(format!("invalid unit or action name {action:?}")));
    }
    let action = action.parse().map_err(|e| CliError::usage(format!("{e}")))?;
    let pair = |word: &String| {
        word.parse().map_err(|_| {
            CliError::usage(format!("argument {word:?} must be of the form key.key.key...=value"))
        })
    };
    Ok(Words {
        receivers: receivers.to_vec(),
        action,
        params: params.iter().map(pair).collect::<Result<_>>()?,
    })
}

impl Run {
    /// Starts the action, and shows what came of it.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let words = sort(&self.words)?;
        let mut params = match &self.params {
            Some(path) => params_file(path)?,
            None => Map::new(),
        };
        nested(&mut params, &words.params, self.string_args)?;
        let model = session.model(&self.model)?;
        let request = requests::Run { receivers: words.receivers, action: words.action, params };
        let started = match model.run(&request).await {
            Ok(started) => started,
            Err(error) => return operation::not_started(session, error),
        };
        let follow = Follow {
            wait: (!self.background).then_some(self.wait),
            kind: Kind::Actions,
            format: self.format,
            utc: self.utc,
            output: &self.output,
        };
        follow.run(&model, &started).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Words> {
        sort(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn units_then_the_action_then_parameters() {
        let read = words("db/0 my-app/leader backup a.b=c=d").unwrap();
        assert_eq!(read.receivers, ["db/0", "my-app/leader"]);
        assert_eq!(read.action.as_str(), "backup");
        assert_eq!(read.params, ["a.b=c=d".parse().unwrap()]);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        for (line, what) in [
            ("db/0", "no action"),
            ("backup", "no unit"),
            ("db/x backup", "no unit"),
            ("db/0 db/x", "invalid unit or action"),
            ("db/0 backup key", "must be of the form"),
            ("db/0 Backup", "not a valid action"),
        ] {
            let error = words(line).unwrap_err();
            assert!(error.message.contains(what), "{line}: {error:?}");
            assert_eq!(error.code, crate::error::USAGE);
        }
    }
}
