//! `exec`

use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests;

use super::operation::{self, Follow, Format};
use crate::args::{ModelArgs, complete, duration};
use crate::error::{CliError, Result};
use crate::output::{Colour, OutputFile};
use crate::session::Session;

/// Run a command line on units, in the context of a hook
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt exec --unit db/0 -- relation-ids database
  periapt exec --application db 'ls $CHARM_DIR | wc -l'")]
pub struct Exec {
    /// The command and its arguments; a single word is a script for bash
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// On these units (APP/NUMBER, or APP/leader)
    #[arg(short, long, value_name = "UNIT", value_delimiter = ',', add = complete::units())]
    unit: Vec<String>,
    /// On all units of these applications
    #[arg(short, long, visible_alias = "app", value_name = "APP", value_delimiter = ',', add = complete::apps())]
    application: Vec<String>,
    /// On all units of the model
    #[arg(long, conflicts_with_all = ["unit", "application"])]
    all: bool,
    /// Refused: machines have no command line of their own here
    #[arg(long, value_name = "MACHINE")]
    machine: Vec<String>,
    /// Without waiting for the other units of its machine; a unit still does one thing at a time
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    parallel: Option<bool>,
    /// Without effect
    #[arg(long, hide = true)]
    execution_group: Option<String>,
    /// Without effect
    #[arg(long, hide = true)]
    operator: bool,
    /// How long to wait for the results
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
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

/// One word is a script as it is; several are quoted so that bash reads the same words.
fn script(words: &[String]) -> Result<String> {
    match words {
        [script] => Ok(script.clone()),
        words => shlex::try_join(words.iter().map(String::as_str))
            .map_err(|_| CliError::usage("a command line cannot hold a zero byte")),
    }
}

impl Exec {
    /// Starts the command line, and shows what came of it.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        if !self.machine.is_empty() {
            return Err(CliError::usage("machines have no command line of their own here")
                .hint("use --unit APP/NUMBER"));
        }
        let receivers: Vec<String> = self.unit.iter().chain(&self.application).cloned().collect();
        if receivers.is_empty() && !self.all {
            return Err(CliError::usage(
                "you must specify a target, either through --all, --application or --unit",
            ));
        }
        let request = requests::Exec {
            receivers,
            all: self.all,
            command: script(&self.command)?,
            timeout_ms: (!self.background).then(|| u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX)),
            parallel: self.parallel.unwrap_or(false),
        };
        let model = session.model(&self.model)?;
        let started = match model.exec(&request).await {
            Ok(started) => started,
            Err(error) => return operation::not_started(session, error),
        };
        let follow = Follow {
            wait: (!self.background).then_some(self.wait),
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

    #[test]
    fn one_word_is_a_script_and_several_stay_words() {
        let words =
            |list: &[&str]| script(&list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(words(&["echo $HOME; ls"]), "echo $HOME; ls");
        assert_eq!(words(&["echo", "$HOME", "a b"]), "echo '$HOME' 'a b'");
    }
}
