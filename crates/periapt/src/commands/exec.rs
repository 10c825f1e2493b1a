//! `exec`

use std::time::Duration;

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::command::ExecOptions;
use periapt_model::names::{AppName, UnitName};

use super::operation::{self, Follow, Format, Kind};
use crate::args::{ModelArgs, boolean, complete, duration};
use crate::error::{CliError, Result};
use crate::output::{Colour, OutputFile};
use crate::session::Session;

/// Run a command line on units, in the context of a hook, or on machines
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt exec --unit db/0 -- relation-ids database
  periapt exec --application db 'ls $CHARM_DIR | wc -l'
  periapt exec --machine 0,1 -- hostname")]
pub struct Exec {
    /// The command and its arguments, after -- where one of them begins with a hyphen; bash reads them, on the unit: words with spaces, quotes or $ as they are, patterns and pipes as its own
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// On these units (APP/NUMBER, or APP/leader)
    #[arg(short, long, visible_alias = "units", value_name = "UNIT", value_delimiter = ',', add = complete::units())]
    unit: Vec<String>,
    /// On all units of these applications
    #[arg(short, long, visible_alias = "app", value_name = "APP", value_delimiter = ',', add = complete::apps())]
    application: Vec<String>,
    /// On all machines of the model
    #[arg(long)]
    all: bool,
    /// On these machines, without the context of a hook
    #[arg(long, visible_alias = "machines", value_name = "MACHINE", value_delimiter = ',')]
    machine: Vec<String>,
    /// Without waiting for the other units of its machine; a unit still does one thing at a time
    #[arg(
        long, value_name = "BOOL", default_value = "true", default_missing_value = "true", num_args = 0..=1,
        require_equals = true, action = clap::ArgAction::Set, value_parser = boolean
    )]
    parallel: bool,
    /// Take turns with what runs in this group on the same machine
    #[arg(long, value_name = "GROUP")]
    execution_group: Option<String>,
    /// Without effect: there are no Kubernetes operators here
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

/// The line that a shell on the unit reads. One word is a script as it is. Of several those are quoted that would come apart or
/// be filled in there; patterns, pipes and assignments are left to the shell (Juju 3.6: `utils.CommandString`).
fn script(words: &[String]) -> Result<String> {
    if words.iter().any(|word| word.contains('\0')) {
        return Err(CliError::usage("a command line cannot hold a zero byte"));
    }
    let quoted = |word: &String| {
        if !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '$' | '\\')) {
            return word.clone();
        }
        let escaped = word.chars().fold(String::new(), |mut out, c| {
            if matches!(c, '"' | '$' | '\\') {
                out.push('\\');
            }
            out.push(c);
            out
        });
        format!("\"{escaped}\"")
    };
    Ok(match words {
        [script] => script.clone(),
        words => words.iter().map(quoted).collect::<Vec<_>>().join(" "),
    })
}

/// Whether a word names a unit: `app/0` or `app/leader`.
fn is_unit(word: &str) -> bool {
    let leader = || word.strip_suffix("/leader").is_some_and(|app| AppName::new(app).is_ok());
    word.parse::<UnitName>().is_ok() || leader()
}

impl Exec {
    /// Who runs it, checked in Juju's order and words (Juju 3.6: `execCommand.Init`).
    fn receivers(&self) -> Result<Vec<String>> {
        if self.command.is_empty() {
            return Err(CliError::usage("no commands specified")
                .hint("write them after the options: exec --unit APP/0 -- COMMAND"));
        }
        let targets = self.unit.iter().chain(&self.application).chain(&self.machine).next();
        match (self.all, targets) {
            (false, None) => {
                return Err(CliError::usage(
                    "You must specify a target, either through --all, --machine, --application or --unit",
                ));
            }
            (true, Some(_)) => {
                let what = match (self.unit.is_empty(), self.application.is_empty()) {
                    (false, _) => "units",
                    (true, false) => "applications",
                    (true, true) => "machines",
                };
                return Err(CliError::usage(format!("You cannot specify --all and individual {what}")));
            }
            _ => {}
        }
        let machines = self.machine.iter().filter(|word| word.parse::<u32>().is_err());
        let machines = machines.map(|word| format!("  {word:?} is not a valid machine id"));
        let apps = self.application.iter().filter(|word| AppName::new(word.as_str()).is_err());
        let apps = apps.map(|word| format!("  {word:?} is not a valid application name"));
        let units = self.unit.iter().filter(|word| !is_unit(word));
        let units = units.map(|word| format!("  {word:?} is not a valid unit name"));
        let wrong: Vec<String> = machines.chain(apps).chain(units).collect();
        if !wrong.is_empty() {
            return Err(CliError::usage(format!(
                "The following exec targets are not valid:\n{}",
                wrong.join("\n")
            )));
        }
        Ok(self.unit.iter().chain(&self.application).chain(&self.machine).cloned().collect())
    }

    /// Starts the command line, and shows what came of it.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let receivers = self.receivers()?;
        let request = requests::Exec {
            receivers,
            all: self.all,
            command: script(&self.command)?,
            timeout_ms: (!self.background).then(|| u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX)),
            parallel: self.parallel,
            with: ExecOptions {
                group: self.execution_group.clone().unwrap_or_default(),
                ..Default::default()
            },
        };
        let model = session.model(&self.model)?;
        let started = match model.exec(&request).await {
            Ok(started) => started,
            Err(error) => return operation::not_started(session, error),
        };
        let follow = Follow {
            wait: (!self.background).then_some(self.wait),
            kind: Kind::Command,
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
    fn one_word_is_a_script_and_what_would_come_apart_of_several_is_quoted() {
        let words =
            |list: &[&str]| script(&list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(words(&["echo $HOME; ls"]), "echo $HOME; ls");
        assert_eq!(words(&["echo", "$HOME", "a b"]), "echo \"\\$HOME\" \"a b\"");
        assert_eq!(words(&["echo", r#"say "hi" \o/"#]), r#"echo "say \"hi\" \\o/""#);
        assert_eq!(words(&["A=1", "ls", "hooks/*", "|", "wc", "-l"]), "A=1 ls hooks/* | wc -l");
    }

    /// Only the arguments of `exec`.
    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        exec: Exec,
    }

    #[test]
    fn who_runs_it_is_checked_in_jujus_words() {
        use clap::Parser as _;
        let receivers = |line: &str| {
            let words = std::iter::once("exec").chain(line.split_whitespace());
            Alone::try_parse_from(words).unwrap().exec.receivers().map_err(|error| error.message)
        };
        let of = |list: &[&str]| Ok(list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(receivers("ls -u a/0,b/leader -a c"), of(&["a/0", "b/leader", "c"]));
        assert_eq!(receivers("ls --machine 0,12 -u a/0"), of(&["a/0", "0", "12"]));
        assert_eq!(receivers("--all ls"), of(&[]));
        for (line, message) in [
            ("", "no commands specified"),
            ("-u a/0", "no commands specified"),
            ("ls", "You must specify a target, either through --all, --machine, --application or --unit"),
            ("ls --all -u a/0", "You cannot specify --all and individual units"),
            ("ls --all -a a", "You cannot specify --all and individual applications"),
            ("ls --all --machine 0", "You cannot specify --all and individual machines"),
            ("ls -u a", "The following exec targets are not valid:\n  \"a\" is not a valid unit name"),
            (
                "ls -u a/x -a B --machine m",
                "The following exec targets are not valid:\n  \"m\" is not a valid machine id\n  \
                 \"B\" is not a valid application name\n  \"a/x\" is not a valid unit name",
            ),
        ] {
            assert_eq!(receivers(line), Err(message.to_owned()), "{line}");
        }
    }

    #[test]
    fn tasks_are_parallel_unless_told_otherwise() {
        use clap::Parser as _;
        for (line, parallel) in [
            ("ls --all", true),
            ("ls --all --parallel", true),
            ("ls --all --parallel=false", false),
            ("ls --all --parallel=0", false),
        ] {
            let words = std::iter::once("exec").chain(line.split(' '));
            assert_eq!(Alone::try_parse_from(words).unwrap().exec.parallel, parallel, "{line}");
        }
    }
}
