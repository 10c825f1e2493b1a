//! The hook commands of one dispatch: drives [`periapt_context::answer`], fetches what it needs from outside, and
//! carries out what counts at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_context::{
    Call, Immediate, Need, Output, Reply, Session, Supplied, View, answer, decode_arguments, describe,
    describe_tell,
};
use periapt_hook::frame::{MAX_BODY, Request, Response};
use periapt_model::command::{Command, Tell};
use periapt_model::effects::{Effects, Reboot};
use periapt_model::log::Level;

use crate::caller::Caller;
use crate::control::Control;
use crate::folder::UnitFolder;
use crate::output::Tail;
use crate::report::Report;

/// A command asks for one thing at a time; none needs more than this.
const MOST_NEEDS: usize = 64;
/// So many custom events of one dispatch are remembered.
const MOST_CUSTOM_EVENTS: usize = 100;

/// One dispatch as its hook commands know it.
#[derive(Debug)]
pub(crate) struct Serving {
    outside: Outside,
    view: View,
    session: Session,
    served: Served,
}

/// What the commands reach through the agent.
pub(crate) struct Outside {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) report: Report,
    /// Where the charm's errors are kept for the record of a failure.
    pub(crate) tail: Tail,
    /// The agent's number.
    pub(crate) epoch: u64,
    pub(crate) folder: UnitFolder,
    /// Where uploaded resources lie, by hash.
    pub(crate) resources: PathBuf,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside")
            .field("report", &self.report)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// What the commands of a dispatch did.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) effects: Effects,
    /// How many there were.
    pub(crate) commands: u32,
    /// What it wrote, one line for each kind of write; first what counted at once.
    pub(crate) writes: Vec<String>,
    /// Whether the charm set its unit's status.
    pub(crate) status_set: bool,
    /// The names of the custom events that `ops` logged, in order.
    pub(crate) custom_events: Vec<String>,
    /// The last of them with its path, since `ops` logs an event once for each observer.
    last_custom_event: String,
}

impl Serving {
    pub(crate) fn new(outside: Outside, view: View) -> Self {
        Self { outside, view, session: Session::default(), served: Served::default() }
    }

    /// What was done; nothing more counts.
    pub(crate) fn take(&mut self) -> Served {
        let mut served = std::mem::take(&mut self.served);
        served.writes.extend(describe(&self.view, &served.effects));
        served
    }

    /// Whether the charm wants to be killed for a restart of its machine.
    pub(crate) fn reboots_now(&self) -> bool {
        self.served.effects.reboot == Some(Reboot::Now)
    }

    /// Runs one hook command of `caller` to its end.
    pub(crate) async fn run(&mut self, request: &Request, caller: Caller) -> Response {
        let command = String::from_utf8_lossy(&request.command).into_owned();
        let output = match decode_arguments(&command, &request.args) {
            Err(output) => output,
            Ok(args) => match self.answer(request, caller, &command, &args).await {
                Some(output) => output,
                None => return Response::NeedStdin,
            },
        };
        self.served.commands = self.served.commands.saturating_add(1);
        let Output { code, stdout, stderr, .. } = self.carry_out(output, caller, &request.dir).await;
        Response::Done { code, stdout, stderr }
    }

    /// Asks the pure core until it has what it needs. None: the caller must send its standard input.
    async fn answer(
        &mut self,
        request: &Request,
        caller: Caller,
        command: &str,
        args: &[String],
    ) -> Option<Output> {
        let mut supplied = Supplied::default();
        for _ in 0..MOST_NEEDS {
            let call = Call { command, args, stdin: request.stdin.as_deref(), supplied: &supplied };
            let need = match answer(&self.view, &mut self.served.effects, &call, &mut self.session) {
                Reply::Done(output) => return Some(output),
                Reply::Need(need) => need,
            };
            match need {
                Need::Stdin if request.stdin.is_none() => return None,
                // It has that already.
                Need::Stdin => break,
                Need::File(path) => {
                    let content = read_file(caller, &request.dir, &path).await;
                    supplied.files.insert(path, content);
                }
                Need::Leadership => {
                    supplied.leader = Some(self.outside.control.renew_leadership(&self.view.unit).await);
                }
                Need::FreshModel => supplied.model = Some(self.outside.control.snapshot()),
                Need::Storage(id) => {
                    let (folder, made) = (self.outside.folder.clone(), id.clone());
                    let path = blocking(move || folder.make_storage(&made).map_err(|error| in_words(&error)));
                    let path = path.await.map(|path| path.display().to_string());
                    supplied.storages.insert(id, path);
                }
                Need::Resource(name) => {
                    let model = self.outside.control.snapshot();
                    let store = &self.outside.resources;
                    let file =
                        self.outside.folder.bring_resource(&model, &self.view.unit, &name, store).await;
                    supplied.resources.insert(name, file);
                }
            }
        }
        Some(Output::error(1, &format!("{command} cannot be answered; this is a bug in periapt")))
    }

    /// Does what counts at once and writes the output file. Where that fails, the command fails.
    async fn carry_out(&mut self, mut output: Output, caller: Caller, dir: &Path) -> Output {
        for immediate in std::mem::take(&mut output.immediate) {
            match immediate {
                Immediate::Log { level, message } => {
                    self.note_custom_event(&message);
                    if level >= Level::Error {
                        self.outside.tail.add(&message);
                    }
                    let module = format!("unit.{}.juju-log", self.view.unit);
                    self.outside.report.log(level, &module, message);
                }
                // Seen in the effects by `reboots_now`.
                Immediate::RebootNow => {}
                Immediate::Tell(tell) => {
                    if let Err(refused) = self.tell(tell).await {
                        return refused;
                    }
                }
            }
        }
        if let Some((path, content)) = output.write_file.take()
            && let Err(message) = write_file(caller, dir, path, content).await
        {
            return Output::error(1, &message);
        }
        output
    }

    async fn tell(&mut self, tell: Tell) -> Result<(), Output> {
        let unit = self.view.unit.clone();
        let (line, status) = (describe_tell(&tell), matches!(tell, Tell::UnitStatus { .. }));
        let command = Command::Agent { unit, epoch: self.outside.epoch, tell };
        let told = self.outside.control.apply(command).await;
        told.map_err(|error| Output::error(1, &error.to_string()))?;
        self.served.status_set |= status;
        self.served.writes.extend(line);
        Ok(())
    }

    /// Remembers the event that a line of `ops` announces.
    fn note_custom_event(&mut self, message: &str) {
        if let Some((path, name)) = custom_event(message)
            && self.served.last_custom_event != path
            && self.served.custom_events.len() < MOST_CUSTOM_EVENTS
        {
            self.served.custom_events.push(name.to_owned());
            path.clone_into(&mut self.served.last_custom_event);
        }
    }
}

/// The path and the name in `Emitting custom event <Cls via MyCharm/on/name[12]>.`, which may have a relation in front.
fn custom_event(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once("Emitting custom event <")?;
    let shown = rest.strip_suffix(">.")?;
    let path = shown.rsplit_once(" via ").map_or(shown, |(_, path)| path);
    let name = path.rsplit('/').next().unwrap_or(path);
    Some((path, name.split('[').next().unwrap_or(name)))
}

/// A path as a hook command's caller means it.
fn resolve(dir: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => dir.join(path),
    }
}

/// In Go's words, which are those that Juju's commands print.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("interrupted".to_owned()))
}

async fn read_file(caller: Caller, dir: &Path, path: &str) -> Result<Vec<u8>, String> {
    let (full, path) = (resolve(dir, path), path.to_owned());
    blocking(move || {
        let read = caller.open(&full).and_then(read_regular);
        read.map_err(|error| format!("open {path}: {}", in_words(&error)))
    })
    .await
}

/// Only regular files: a pipe would wait for its writer, and `/dev/stdin` is not the caller's here.
fn read_regular(file: File) -> io::Result<Vec<u8>> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let limit = MAX_BODY as u64;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    match content.len() as u64 <= limit {
        true => Ok(content),
        false => Err(io::Error::other(format!("the file is larger than {limit} bytes"))),
    }
}

async fn write_file(caller: Caller, dir: &Path, path: String, content: Vec<u8>) -> Result<(), String> {
    let full = resolve(dir, &path);
    blocking(move || {
        let written = caller.write(&full, &content);
        written.map_err(|error| format!("open {path}: {}", in_words(&error)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_events_are_found_in_the_lines_of_ops() {
        for line in [
            "Emitting custom event <Custom via MyCharm/Lib[lib]/on/custom_a[12]>.",
            "db:3: Emitting custom event <Custom via MyCharm/Lib[lib]/on/custom_a[12]>.",
        ] {
            assert_eq!(custom_event(line), Some(("MyCharm/Lib[lib]/on/custom_a[12]", "custom_a")));
        }
        assert_eq!(custom_event("Emitting Juju event start."), None);
        assert_eq!(custom_event("Emitting custom event <cut"), None);
    }

    #[test]
    fn only_regular_files_within_reach_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "text").unwrap();
        let read = |path: &Path| Caller::default().open(path).and_then(read_regular);
        assert_eq!(read(&resolve(dir.path(), "a")).unwrap(), b"text");
        assert!(read(Path::new("/dev/stdin")).is_err());
        assert!(read(dir.path()).is_err());
        let error = read(&dir.path().join("b")).unwrap_err();
        assert_eq!(in_words(&error), "no such file or directory");
    }
}
