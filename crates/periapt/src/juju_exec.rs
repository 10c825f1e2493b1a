//! `juju-exec` and `juju-run`: a command line in a hook's context, asked for on the unit itself (reference 1.10).
//!
//! These are links to this program beside the hook commands. A process that a charm has left running has neither the home
//! of whoever started the daemon nor its variables: which daemon, model and unit are meant is read off the unit's folder,
//! which its environment, its working directory and its `PATH` know. In a machine's view of the file system that folder is
//! `/var/lib/juju`: a file in it says which it is. No daemon is ever started from here.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use periapt_controller::api::requests;
use periapt_controller::client::{Client, ModelClient};
use periapt_controller::views::Zone;
use periapt_controller::views::operation::TaskResult;
use periapt_hook::vars;
use periapt_model::command::{AskedRelation, ExecOptions};
use periapt_model::entity::TaskStatus;
use periapt_model::names::{AppName, RelationId, TaskId, UnitName};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CliError, FAILED, Result};
use crate::home::Home;
use crate::session;

/// How long one question to the daemon waits.
const LOOK: Duration = Duration::from_secs(10);

/// Run a command line in the context of a hook of a unit, from the unit's own machine
///
/// It waits for the unit's hooks. Output and exit code are the command's.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, args_override_self = true, max_term_width = 120)]
#[command(after_help = "Examples:
  juju-exec -u app/0 'JUJU_DISPATCH_PATH=hooks/update-status ./dispatch'
  juju-exec -u app/0 -r db:3 relation-list")]
struct Words {
    /// The unit: APP/NUMBER or unit-APP-NUMBER [default: the one whose folder this is, or the only one]
    #[arg(short, long, value_name = "UNIT", default_value = "")]
    unit: String,
    /// Without a hook's context: a shell, and nothing of the unit
    #[arg(long)]
    no_context: bool,
    /// The relation that the context is about: NUMBER or ENDPOINT:NUMBER
    #[arg(short, long, value_name = "ID")]
    relation: Option<String>,
    /// The unit on its other side [default: the only one there]
    #[arg(long, value_name = "UNIT")]
    remote_unit: Option<String>,
    /// The application on its other side
    #[arg(long, value_name = "APP")]
    remote_app: Option<String>,
    /// Although the remote unit is not in the relation
    #[arg(long)]
    force_remote_unit: bool,
    /// Without effect: there are no Kubernetes operators here
    #[arg(long, hide = true)]
    operator: bool,
    /// A script for bash; several words are joined by blanks. A unit may stand in front
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Which unit, and what it is to run.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    unit: Option<UnitName>,
    script: String,
}

/// `app/0` or `unit-app-0`.
fn unit_name(text: &str) -> Option<UnitName> {
    text.parse().ok().or_else(|| UnitName::from_tag(text))
}

impl Words {
    fn wanted(&self) -> Result<Wanted> {
        let named = match self.unit.as_str() {
            "" => None,
            text => Some(unit_name(text).ok_or_else(|| {
                CliError::usage(format!("{text:?} is not a valid unit name")).hint("write it APP/NUMBER")
            })?),
        };
        // The form of Juju 2: the unit without an option.
        let in_front = self.command.first().and_then(|word| unit_name(word)).filter(|_| named.is_none());
        let words = self.command.get(usize::from(in_front.is_some())..).unwrap_or_default();
        let script = words.join(" ");
        if script.trim().is_empty() {
            return Err(CliError::usage("missing commands").hint("juju-exec -u UNIT 'COMMANDS'"));
        }
        Ok(Wanted { unit: named.or(in_front), script })
    }

    fn relation(&self) -> Result<Option<AskedRelation>> {
        let Some(text) = &self.relation else {
            return match (&self.remote_unit, &self.remote_app) {
                (Some(_), _) => Err(CliError::usage("remote unit not valid without relation")),
                (None, Some(_)) => Err(CliError::usage("remote application not valid without relation")),
                (None, None) => Ok(None),
            };
        };
        let number = text.rsplit_once(':').map_or(text.as_str(), |(_, number)| number);
        let id = number.parse().map_err(|_| CliError::usage(format!("invalid relation id {text:?}")))?;
        let remote_unit = self.remote_unit.as_deref().map(|text| {
            unit_name(text)
                .ok_or_else(|| CliError::usage(format!("{text:?} is not a valid remote unit name")))
        });
        let remote_app = self.remote_app.as_deref().map(|text| {
            AppName::new(text)
                .map_err(|_| CliError::usage(format!("{text:?} is not a valid remote application name")))
        });
        Ok(Some(AskedRelation {
            id: RelationId(id),
            remote_unit: remote_unit.transpose()?,
            remote_app: remote_app.transpose()?,
            force: self.force_remote_unit,
        }))
    }
}

/// Does it, under the name that the program was called by.
pub fn run(name: &'static str, args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    // Before anything is read, as Juju does: its own words count on it.
    if let Some(context) = std::env::var_os(vars::CONTEXT_ID).filter(|context| !context.is_empty()) {
        let context = context.to_string_lossy();
        return CliError::usage(format!(
            "{name} cannot be called from within a hook, have context {context:?}"
        ))
        .report();
    }
    let parsed = Words::command()
        .name(name)
        .bin_name(name)
        .try_get_matches_from(args.clone())
        .and_then(|matches| Words::from_arg_matches(&matches));
    let words = match parsed {
        Ok(words) => words,
        Err(error) => return crate::cli::refuse(name, None, &error),
    };
    let program = args.first().map(PathBuf::from).unwrap_or_default();
    match execute(&words, &program) {
        Ok(code) => ExitCode::from(code),
        Err(error) => error.report(),
    }
}

fn execute(words: &Words, program: &Path) -> Result<u8> {
    let wanted = words.wanted()?;
    let relation = words.relation()?;
    if words.no_context {
        let error = std::process::Command::new("/bin/bash").arg("-c").arg(&wanted.script).exec();
        return Err(CliError::new(format!("cannot run /bin/bash: {error}")));
    }
    let surroundings = Surroundings::find(program)?;
    crate::commands::block_on(async {
        let client = Client::new(surroundings.home.socket()).model(surroundings.model.clone());
        let unit = match wanted.unit.or(surroundings.unit) {
            Some(unit) => unit,
            None => only_unit(&client).await?,
        };
        ask(&client, &unit, wanted.script, relation).await
    })?
}

/// The one unit of the model.
async fn only_unit(client: &ModelClient) -> Result<UnitName> {
    let status = client.status(&[], &Zone::Utc).await?.status;
    let units: Vec<UnitName> = status.all_units().map(|(name, _)| name.clone()).collect();
    match units.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CliError::new("no unit found: the model has none")),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(CliError::usage(format!("more than one unit: {}", names.join(", ")))
                .hint("name one with -u UNIT"))
        }
    }
}

/// Has the unit run it, and passes on what it printed and how it ended.
async fn ask(
    client: &ModelClient,
    unit: &UnitName,
    script: String,
    relation: Option<AskedRelation>,
) -> Result<u8> {
    let request = requests::Exec {
        receivers: vec![unit.to_string()],
        command: script,
        with: ExecOptions { relation, local: true, ..ExecOptions::default() },
        ..requests::Exec::default()
    };
    let started = client.exec(&request).await.map_err(|error| match error.is_not_found() {
        true if error.to_string().starts_with("unit ") => {
            CliError::new(format!("unit {:?} not found on this machine", unit.to_string()))
        }
        _ => error.into(),
    })?;
    let Some(task) = started.tasks.first() else { return Err(CliError::new("nothing was started")) };
    let stop =
        |kind| signal(kind).map_err(|error| CliError::new(format!("cannot listen for signals: {error}")));
    let (mut terminated, mut interrupted) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    tokio::select! {
        ended = result(client, task.id) => finish(&ended?),
        _ = terminated.recv() => cancel(client, task.id, 128 + 15).await,
        _ = interrupted.recv() => cancel(client, task.id, 128 + 2).await,
    }
}

async fn result(client: &ModelClient, id: TaskId) -> Result<TaskResult> {
    loop {
        let task = client.task(id, Some(LOOK), &Zone::Utc).await?.task;
        if task.status.is_final() {
            return Ok(task);
        }
    }
}

/// Nobody waits for it any more.
async fn cancel(client: &ModelClient, id: TaskId, code: u8) -> Result<u8> {
    client.cancel(id).await?;
    Err(CliError::silent(code))
}

fn finish(task: &TaskResult) -> Result<u8> {
    use std::io::Write as _;
    let text = |key: &str| task.results.get(key).and_then(Value::as_str).unwrap_or_default().as_bytes();
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text("stdout")).and_then(|()| stdout.flush());
    // Its own errors first: they may say why nobody reads its output.
    std::io::stderr().lock().write_all(text("stderr")).ok();
    written.map_err(|error| CliError::output(&error))?;
    match task.results.get("return-code").and_then(Value::as_u64) {
        Some(code) => Ok(u8::try_from(code).unwrap_or(FAILED)),
        None if task.status == TaskStatus::Completed => Ok(0),
        None => Err(CliError::new(
            task.message.clone().unwrap_or_else(|| format!("the command is {}", task.status)),
        )),
    }
}

/// Which daemon, model and unit a process belongs to.
#[derive(Debug, PartialEq, Eq)]
struct Surroundings {
    home: Home,
    model: String,
    unit: Option<UnitName>,
}

impl Surroundings {
    /// By the first folder of a model that the environment, the working directory or the way to this program names; else
    /// the current model of the caller's home, unless one of these is where a machine of Juju's has its model.
    fn find(program: &Path) -> Result<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let of_environment =
            ["JUJU_CHARM_DIR", "CHARM_DIR", vars::SOCKET_ADDRESS].into_iter().filter_map(variable);
        let mut candidates: Vec<PathBuf> =
            of_environment.chain(std::env::current_dir().ok()).chain([program.to_owned()]).collect();
        let on_machine = candidates.iter().any(|path| path.starts_with(JUJU));
        candidates.extend(std::env::split_paths(&path));
        // A home that is named is meant, wherever one stands.
        let named = match variable("PERIAPT_HOME").filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Some(Home::at(&path)?),
            None => None,
        };
        for folder in candidates.iter().filter_map(|path| ModelFolder::of(path)) {
            if named.as_ref().is_none_or(|home| home.path() == folder.home) {
                return Ok(Self { home: Home::at(&folder.home)?, model: folder.uuid, unit: folder.unit });
            }
        }
        if on_machine {
            return Err(CliError::new(format!("no model of Periapt's found in {JUJU}"))
                .hint("the model's folder is there for what runs on its machines; PERIAPT_HOME may name another home"));
        }
        let home = named.map_or_else(Home::find, Ok)?;
        let model = session::current_model(&home)?;
        Ok(Self { home, model: model.to_string(), unit: None })
    }
}

/// Where a machine of Juju's has what the model's folder has here, and where machines with a view of their own show it.
const JUJU: &str = "/var/lib/juju";

/// A file in a model's folder: the way to that folder, for those who see it elsewhere.
const MARK: &str = ".model";

/// Writes the mark of a model's folder, which is made if it is not there.
///
/// # Errors
/// Those of the file system.
pub fn mark(folder: &Path) -> std::io::Result<()> {
    let mark = folder.join(MARK);
    let text = folder.as_os_str().as_bytes();
    if std::fs::read(&mark).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(mark, text)
}

/// What a path says: `HOME/models/UUID/agents/unit-app-0/…`, or the same behind another way to the model's folder.
#[derive(Debug, PartialEq, Eq)]
struct ModelFolder {
    home: PathBuf,
    uuid: String,
    unit: Option<UnitName>,
}

impl ModelFolder {
    fn of(path: &Path) -> Option<Self> {
        let (folder, there) = path.ancestors().find_map(|folder| match is_model_folder(folder) {
            true => Some((folder, folder.to_owned())),
            false => marked(folder).map(|there| (folder, there)),
        })?;
        let home = std::fs::canonicalize(there.parent()?.parent()?).ok()?;
        // A folder that only looks like one has no daemon.
        if !home.join("daemon.lock").is_file() {
            return None;
        }
        let mut below = path.strip_prefix(folder).ok()?.iter();
        let agent = below.next().filter(|name| *name == "agents").and_then(|_| below.next());
        let unit = agent.and_then(|tag| UnitName::from_tag(tag.to_str()?));
        Some(Self { home, uuid: there.file_name()?.to_str()?.to_owned(), unit })
    }
}

/// Whether a folder is called as a model's is: `models/UUID`.
fn is_model_folder(folder: &Path) -> bool {
    let is_uuid = |name: &str| name.len() == 36 && uuid_like(name);
    let in_models = folder.parent().and_then(Path::file_name).is_some_and(|name| name == "models");
    in_models && folder.file_name().and_then(|name| name.to_str()).is_some_and(is_uuid)
}

/// The model's folder that `folder` is, as its mark says. A copy of one is none.
fn marked(folder: &Path) -> Option<PathBuf> {
    let mark = folder.join(MARK);
    // Another's pipe of that name would have no end.
    let text = if mark.symlink_metadata().ok()?.is_file() { std::fs::read(mark).ok()? } else { return None };
    let there = PathBuf::from(OsString::from_vec(text));
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    (is_model_folder(&there) && id(&there)? == id(folder)?).then_some(there)
}

fn uuid_like(name: &str) -> bool {
    name.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Words {
        Words::try_parse_from(std::iter::once(&"juju-exec").chain(line)).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Words::command().debug_assert();
    }

    #[test]
    fn the_unit_is_an_option_or_the_first_word() {
        let wanted = |line: &[&str]| words(line).wanted().map(|w| (w.unit.map(|u| u.to_string()), w.script));
        let of = |unit: Option<&str>, script: &str| Ok((unit.map(str::to_owned), script.to_owned()));
        assert_eq!(wanted(&["-u", "a/0", "A=b ./dispatch"]), of(Some("a/0"), "A=b ./dispatch"));
        assert_eq!(wanted(&["-u", "a/0", "A=b", "./dispatch", "-x"]), of(Some("a/0"), "A=b ./dispatch -x"));
        assert_eq!(wanted(&["--unit", "unit-a-0", "ls"]), of(Some("a/0"), "ls"));
        assert_eq!(wanted(&["a/0", "ls -l"]), of(Some("a/0"), "ls -l"));
        assert_eq!(wanted(&["unit-a-0", "ls", "-l"]), of(Some("a/0"), "ls -l"));
        assert_eq!(wanted(&["./dispatch"]), of(None, "./dispatch"));
        for (line, message) in [
            (&[][..], "missing commands"),
            (&["-u", "a/0"][..], "missing commands"),
            (&["a/0"][..], "missing commands"),
            (&["-u", "a", "ls"][..], "\"a\" is not a valid unit name"),
        ] {
            let error = words(line).wanted().unwrap_err();
            assert_eq!((error.message.as_str(), error.code), (message, crate::error::USAGE));
        }
    }

    #[test]
    fn a_relation_is_needed_for_whoever_is_on_its_other_side() {
        let relation = |line: &[&str]| words(line).relation();
        assert_eq!(relation(&["ls"]), Ok(None));
        for id in ["3", "db:3"] {
            assert_eq!(relation(&["-r", id, "ls"]).unwrap().unwrap().id, RelationId(3));
        }
        for (line, message) in [
            (&["--remote-unit", "b/0", "ls"][..], "remote unit not valid without relation"),
            (&["--remote-app", "b", "ls"][..], "remote application not valid without relation"),
            (&["-r", "db", "ls"][..], "invalid relation id \"db\""),
            (&["-r", "3", "--remote-unit", "b", "ls"][..], "\"b\" is not a valid remote unit name"),
        ] {
            assert_eq!(relation(line).unwrap_err().message, message);
        }
    }

    #[test]
    fn the_units_folder_says_whose_a_process_is() {
        let home = tempfile::tempdir().unwrap();
        let home = std::fs::canonicalize(home.path()).unwrap();
        let uuid = "0b7c2a34-1111-4222-8333-444455556666";
        let model = home.join("models").join(uuid);
        let unit =
            |path: &str| ModelFolder::of(&model.join(path)).map(|found| found.unit.map(|u| u.to_string()));
        assert_eq!(unit("agents/unit-my-app-3/charm"), None, "no daemon was ever there");
        std::fs::write(home.join("daemon.lock"), "").unwrap();
        std::fs::create_dir_all(&model).unwrap();
        for path in ["agents/unit-my-app-3/charm/src", "agents/unit-my-app-3/agent.socket"] {
            assert_eq!(unit(path), Some(Some("my-app/3".to_owned())), "{path}");
        }
        assert_eq!(unit("tools/juju-exec"), Some(None));
        assert_eq!(ModelFolder::of(&home.join("models/other/agents/unit-a-0")), None);
        // The same folder elsewhere, as /var/lib/juju is on a machine.
        let elsewhere = home.join("juju");
        std::os::unix::fs::symlink(&model, &elsewhere).unwrap();
        let found = || ModelFolder::of(&elsewhere.join("agents/unit-a-0/charm"));
        assert_eq!(found(), None, "it does not say which model it is");
        mark(&model).unwrap();
        let unit = Some("a/0".parse().unwrap());
        assert_eq!(found(), Some(ModelFolder { home: home.clone(), uuid: uuid.to_owned(), unit }));
        let copy = home.join("copy");
        std::fs::create_dir_all(copy.join("agents/unit-a-0")).unwrap();
        std::fs::copy(model.join(MARK), copy.join(MARK)).unwrap();
        assert_eq!(ModelFolder::of(&copy.join("agents/unit-a-0")), None);
        assert_eq!(ModelFolder::of(Path::new("/")), None);
    }
}
