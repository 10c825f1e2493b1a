//! What a process leaves behind when its daemon dies: a footprint in the unit's folder, by which the next daemon finds
//! and kills it before it does anything else with the unit (I2, I5).
//!
//! A process is taken for part of the hook if it is in the hook's process group *and* carries the hook's context id in
//! its environment: ids of groups are used again by the system, context ids never are. What a charm started with
//! `setsid`, such as a service, has a group of its own and lives on.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use periapt_model::names::UnitName;
use rustix::process::{Pid, Signal, kill_process, test_kill_process_group};
use serde::{Deserialize, Serialize};

/// The variable that marks the processes of a machine's task, which have no context.
pub(crate) const TASK_VARIABLE: &str = "PERIAPT_TASK";

/// A process that was about to start, or has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Its `JUJU_CONTEXT_ID`; for a task of a machine, its mark.
    pub context: String,
    /// The boot identity of its substrate.
    pub boot: Option<String>,
    /// Its process group. None: it was not yet known, so that any group may hold it.
    #[serde(skip)]
    pub group: Option<i32>,
}

impl Footprint {
    /// Writes it to `path`, before the process starts: a line of JSON, to which [`Footprint::started`] adds the group.
    /// A power failure needs no care: after it, the process is gone as well.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn write(&self, path: &Path) -> io::Result<File> {
        let mut text = serde_json::to_vec(self).map_err(io::Error::other)?;
        text.push(b'\n');
        let mut file = File::create(path)?;
        file.write_all(&text)?;
        Ok(file)
    }

    /// Adds the group of the process that has started.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn started(&mut self, file: &mut File, group: i32) -> io::Result<()> {
        self.group = Some(group);
        file.write_all(format!("{group}\n").as_bytes())
    }

    /// Reads it from `path`. None when there is none, or when its writer died before its first line was whole: then no
    /// process had started.
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (first, rest) = text.split_once('\n')?;
        let footprint: Self = serde_json::from_str(first).ok()?;
        let group = rest.strip_suffix('\n').and_then(|line| line.parse().ok());
        Some(Self { group, ..footprint })
    }
}

/// How long a killed process may take to go. One that hangs in the kernel longer cannot run any more of its code.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Kills the footprint's processes and waits until they are gone. Blocks.
pub(crate) fn kill(footprint: &Footprint, proc: &Path) {
    if let Some(group) = footprint.group
        && Pid::from_raw(group)
            .is_none_or(|group| test_kill_process_group(group) == Err(rustix::io::Errno::SRCH))
    {
        return;
    }
    kill_all(|| find(footprint, proc));
}

/// Kills what lives in `folder` (its working directory, or a file that it was told of, lies there; or its `/var/lib` does)
/// and has no terminal, which a person's editor or shell would have. Waits until it is gone. Blocks.
pub(crate) fn kill_in(folder: &Path, proc: &Path) {
    kill_all(|| find_in(folder, proc));
}

/// As [`kill_in`], but only what the hooks of `unit` have started. Blocks.
pub(crate) fn kill_of_unit_in(unit: &UnitName, folder: &Path, proc: &Path) {
    let started_by_it = |pid: &Pid| {
        let process = proc.join(pid.as_raw_nonzero().to_string());
        marks_of(&process).any(|mark| is_of_unit(&mark, unit))
    };
    kill_all(|| find_in(folder, proc).into_iter().filter(started_by_it).collect());
}

/// Kills what `find` finds until it finds nothing more.
fn kill_all(find: impl Fn() -> Vec<Pid>) {
    let deadline = Instant::now() + GONE_WITHIN;
    let mut pause = Duration::from_millis(1);
    // Again and again, since what is being killed may be starting processes.
    loop {
        let found = find();
        for pid in &found {
            let _ = kill_process(*pid, Signal::KILL);
        }
        if found.is_empty() || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn find(footprint: &Footprint, proc: &Path) -> Vec<Pid> {
    let variables = [periapt_hook::vars::CONTEXT_ID, TASK_VARIABLE];
    let wanted = variables.map(|name| format!("{name}={}", footprint.context).into_bytes());
    let own = rustix::process::getpid();
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let group = group_of(&entry.path())?;
            let in_group = footprint.group.is_none_or(|wanted| wanted == group);
            (pid != own && in_group && carries(&entry.path(), &wanted)).then_some(pid)
        })
        .collect()
}

fn find_in(folder: &Path, proc: &Path) -> Vec<Pid> {
    let own = rustix::process::getpid();
    let own_session = session_of(&proc.join("self"));
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let others: Vec<(Pid, PathBuf, Option<i32>)> = entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let live = pid != own && group_of(&entry.path()).is_some() && has_no_terminal(&entry.path());
            live.then(|| (pid, entry.path(), session_of(&entry.path())))
        })
        .collect();
    let found: HashSet<Pid> =
        others.iter().filter(|(_, process, _)| is_in(folder, process)).map(|(pid, ..)| *pid).collect();
    // A service's own session goes with it, but not that of a script in which somebody looks into the folder: its leader
    // must live there too, or have been started by a hook. The daemon's session is also that of whoever started the
    // daemon; session 0 is none that this process could know of.
    let sessions: HashSet<i32> =
        others.iter().filter(|(pid, ..)| found.contains(pid)).filter_map(|(.., session)| *session).collect();
    let goes = |session: &i32| {
        let leader = Pid::from_raw(*session);
        *session > 0
            && Some(*session) != own_session
            && leader.is_some_and(|leader| {
                found.contains(&leader) || was_started_for(folder, &proc.join(session.to_string()))
            })
    };
    let sessions: HashSet<i32> = sessions.into_iter().filter(goes).collect();
    others
        .iter()
        .filter(|(pid, _, session)| found.contains(pid) || session.is_some_and(|s| sessions.contains(&s)))
        .map(|(pid, ..)| *pid)
        .collect()
}

/// The marks of hooks and of machines' tasks that a process carries.
fn marks_of(process: &Path) -> impl Iterator<Item = String> + use<> {
    let variables = [periapt_hook::vars::CONTEXT_ID, TASK_VARIABLE];
    let environment = environment_of(process);
    let entries: Vec<String> =
        environment.split(|b| *b == 0).map(|entry| String::from_utf8_lossy(entry).into_owned()).collect();
    entries.into_iter().filter_map(move |entry| {
        let (name, mark) = entry.split_once('=')?;
        variables.contains(&name).then(|| mark.to_owned())
    })
}

fn is_of_unit(mark: &str, unit: &UnitName) -> bool {
    mark.strip_prefix(&unit.to_string()).is_some_and(|rest| rest.starts_with('-'))
}

/// Whether a process carries the mark of a hook: of the unit whose folder this is, of any unit if it is none's.
fn was_started_for(folder: &Path, process: &Path) -> bool {
    let unit = folder.file_name().and_then(OsStr::to_str).and_then(UnitName::from_tag);
    marks_of(process).any(|mark| unit.as_ref().is_none_or(|unit| is_of_unit(&mark, unit)))
}

/// The fields of a process's `stat` after its name, which may hold anything: state, parent, group, session, terminal.
fn stat_field(process: &Path, index: usize) -> Option<String> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(index)?.to_owned())
}

fn session_of(process: &Path) -> Option<i32> {
    stat_field(process, 3)?.parse().ok()
}

fn has_no_terminal(process: &Path) -> bool {
    stat_field(process, 4).as_deref() == Some("0")
}

fn is_in(folder: &Path, process: &Path) -> bool {
    let told = || {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        line.split(|b| *b == 0).any(|word| Path::new(OsStr::from_bytes(word)).starts_with(folder))
    };
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
        || told()
        || sees(folder, process)
}

/// Whether a process's `/var/lib` is the one in `folder`, a machine's: its mount namespace may be one that a daemon made
/// which is no more.
fn sees(folder: &Path, process: &Path) -> bool {
    // Tables of mounts are long: none is read for a unit's folder, nor of a process that sees what this one does.
    let is_machine = folder.parent().and_then(Path::file_name) == Some(OsStr::new("machines"));
    let namespace = |process: &Path| fs::read_link(process.join("ns/mnt")).ok();
    let same = namespace(process).is_some_and(|its| namespace(Path::new("/proc/self")) == Some(its));
    if !is_machine || same {
        return false;
    }
    // The uuid of the model makes the end of the path unique.
    let parts: Vec<_> = folder.components().rev().take(3).collect();
    let Ok(machine) =
        parts.into_iter().rev().collect::<PathBuf>().join("var-lib").into_os_string().into_string()
    else {
        return false;
    };
    let mounts = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next().unwrap_or_default(), fields.next());
        point == Some("/var/lib") && Path::new(root).ends_with(&machine)
    })
}

/// The process group of a live process; None for one that is gone or a zombie.
fn group_of(process: &Path) -> Option<i32> {
    let live = !matches!(stat_field(process, 0)?.as_str(), "Z" | "X" | "x");
    stat_field(process, 2)?.parse().ok().filter(|_| live)
}

fn carries(process: &Path, variables: &[Vec<u8>]) -> bool {
    environment_of(process).split(|b| *b == 0).any(|entry| variables.iter().any(|wanted| wanted == entry))
}

/// How often an environment that cannot be read yet is read again, with a millisecond between.
const ENVIRONMENT_TRIES: u32 = 10;

/// A process's environment. One that is just becoming another program has none for a moment, in which its parent may go
/// on already (the kernel ends a `vfork` before it has set the new environment up).
fn environment_of(process: &Path) -> Vec<u8> {
    // What the kernel itself runs has neither a program nor an environment.
    let is_program = fs::read_link(process.join("exe")).is_ok();
    for _ in 0..ENVIRONMENT_TRIES {
        match fs::read(process.join("environ")) {
            Ok(environment) if environment.is_empty() && is_program => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(environment) => return environment,
            Err(_) => return Vec::new(),
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn sleeper(context: &str, own_group: bool) -> Child {
        let mut command = Command::new("sleep");
        command.arg("600").env(periapt_hook::vars::CONTEXT_ID, context);
        if own_group {
            command.process_group(0);
        }
        command.spawn().unwrap()
    }

    fn killed(child: &mut Child) -> bool {
        use std::os::unix::process::ExitStatusExt;
        child.try_wait().unwrap().is_some_and(|status| status.signal() == Some(9))
    }

    #[test]
    fn only_what_lives_in_the_folder_is_killed() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("script");
        fs::write(&file, "sleep 600 & wait").unwrap();
        // In a session of its own it has no terminal, whoever runs the tests.
        let start = |command: &mut Command| {
            let child = command.spawn().unwrap();
            let process = Path::new("/proc").join(child.id().to_string());
            while session_of(&process).map(i64::from) != Some(child.id().into()) {
                std::thread::yield_now();
            }
            child
        };
        let mut at_home = start(Command::new("setsid").args(["sleep", "600"]).current_dir(folder.path()));
        let mut told = start(Command::new("setsid").arg("sh").arg(&file).current_dir("/"));
        let mut stranger = start(Command::new("setsid").args(["sleep", "600"]).current_dir(other.path()));
        kill_in(folder.path(), Path::new("/proc"));
        // A stranger that had just been killed would be gone by now, as those are that kill_in waited for.
        assert!(killed(&mut at_home) && killed(&mut told));
        assert!(!killed(&mut stranger));
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    /// Waits until there is something in a file, and reads it.
    fn written(path: &Path) -> String {
        loop {
            match fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn a_session_goes_only_with_a_leader_that_belongs_there() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let unit = "c/0".parse::<UnitName>().unwrap();
        let agents = folder.path().join(unit.tag());
        fs::create_dir_all(&agents).unwrap();
        // Each is a script elsewhere, of which one child looks into the folder.
        let start = |name: &str, context: Option<&str>| {
            let script = other.path().join(name);
            let [looks, ready] = ["looks", "ready"].map(|what| other.path().join(format!("{name}.{what}")));
            let text = format!(
                "(cd '{}' && echo so > '{}' && exec sleep 600) & sleep 600 & echo $! > '{}'; wait",
                agents.display(),
                looks.display(),
                ready.display()
            );
            fs::write(&script, text).unwrap();
            let mut command = Command::new("setsid");
            command.arg("sh").arg(&script).current_dir("/").env_remove(periapt_hook::vars::CONTEXT_ID);
            if let Some(context) = context {
                command.env(periapt_hook::vars::CONTEXT_ID, context);
            }
            let child = command.spawn().unwrap();
            written(&looks);
            (child, Path::new("/proc").join(written(&ready)))
        };
        let (mut script, sleeper) = start("script", None);
        let (mut another, _) = start("another", Some("c/01-start-x"));
        let (mut service, its) = start("service", Some("c/0-start-x"));
        kill_of_unit_in(&unit, &agents, Path::new("/proc"));
        assert!(killed(&mut service) && group_of(&its).is_none());
        assert!(!killed(&mut script) && !killed(&mut another));
        kill_in(&agents, Path::new("/proc"));
        assert!(!killed(&mut script) && !killed(&mut another), "they only look into the folder");
        assert!(group_of(&sleeper).is_some());
        for child in [&mut script, &mut another] {
            let session = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            let _ = rustix::process::kill_process_group(session, Signal::KILL);
            child.wait().unwrap();
        }
    }

    #[test]
    fn only_the_group_with_the_context_is_killed() {
        let context = format!("app/0-install-{}", std::process::id());
        let (mut hook, mut other) = (sleeper(&context, true), sleeper("app/0-install-other", true));
        let group = i32::try_from(hook.id()).unwrap();
        let mut service = sleeper(&context, true);

        let footprint = Footprint { context, boot: None, group: Some(group) };
        kill(&footprint, Path::new("/proc"));
        assert!(killed(&mut hook));
        assert!(!killed(&mut service) && !killed(&mut other));

        // With the group unknown, the context alone decides.
        kill(&Footprint { group: None, ..footprint }, Path::new("/proc"));
        assert!(killed(&mut service));
        assert!(!killed(&mut other));
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_file_cut_short_names_the_context_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("process");
        assert_eq!(Footprint::read(&path), None);
        let mut footprint = Footprint { context: "c".into(), boot: Some("b".into()), group: None };
        let mut file = footprint.write(&path).unwrap();
        assert_eq!(Footprint::read(&path), Some(footprint.clone()));
        footprint.started(&mut file, 71).unwrap();
        assert_eq!(Footprint::read(&path), Some(footprint.clone()));
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let read = Footprint::read(&path);
            assert!(read.is_none_or(|read| read.context == "c" && read.group.is_none()));
        }
    }
}
