//! One hook, action or exec: its hook commands are answered here, as an agent answers them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use periapt_context::{Call, Immediate, Need, Reply, Session, Supplied, View, answer, is_known_command};
use periapt_lifecycle::simulate::Rng;
use periapt_model::apply::apply_to;
use periapt_model::command::{Command, Tell};
use periapt_model::effects::Effects;
use periapt_model::log::Level;
use periapt_model::model::{Draft, Model};
use periapt_model::names::StorageId;
use periapt_model::time::Timestamp;

use super::containers::Pebbles;
use super::output::{CommandRun, LogLine};
use crate::commands::{Commands, Output, Timer};
use crate::status::Status;

/// Ends a hook's process at once, as `juju-reboot --now` does: it is thrown, and caught around the dispatch.
pub(super) struct EndedByReboot;

/// What one hook sees and has done.
pub(super) struct Hook {
    pub(super) view: View,
    pub(super) effects: Effects,
    session: Session,
    /// The model as it is now: what counts at once is in it.
    pub(super) model: Arc<Model>,
    epoch: u64,
    pub(super) now: Timestamp,
    rng: Rng,
    /// Whether Periapt's own hook commands are there.
    periapt: bool,
    resources: BTreeMap<String, PathBuf>,
    storages: BTreeMap<StorageId, PathBuf>,
    pub(super) pebbles: Pebbles,
    pub(super) lines: Vec<LogLine>,
    pub(super) tells: Vec<Tell>,
    pub(super) commands: Vec<CommandRun>,
    pub(super) timers: Vec<Timer>,
    /// Whether the unit's status was set.
    pub(super) status_set: bool,
}

/// What a hook is started with.
pub(super) struct Start {
    pub(super) view: View,
    pub(super) epoch: u64,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
    pub(super) periapt: bool,
    pub(super) resources: BTreeMap<String, PathBuf>,
    pub(super) storages: BTreeMap<StorageId, PathBuf>,
    pub(super) pebbles: Pebbles,
}

impl Hook {
    pub(super) fn new(start: Start) -> Rc<RefCell<Self>> {
        let Start { view, epoch, now, seed, periapt, resources, storages, pebbles } = start;
        Rc::new(RefCell::new(Self {
            model: Arc::clone(&view.model),
            view,
            effects: Effects::default(),
            session: Session::default(),
            epoch,
            now,
            rng: Rng::new(seed),
            periapt,
            resources,
            storages,
            pebbles,
            lines: Vec::new(),
            tells: Vec::new(),
            commands: Vec::new(),
            timers: Vec::new(),
            status_set: false,
        }))
    }

    /// The statuses that were set, of the unit or of the application.
    pub(super) fn statuses(&self, of_app: bool) -> Vec<Status> {
        let told = self.tells.iter().filter_map(|tell| match tell {
            Tell::UnitStatus { status, message } if !of_app => Status::of(status.as_str(), message.clone()),
            Tell::ApplicationStatus { status, message } if of_app => {
                Status::of(status.as_str(), message.clone())
            }
            _ => None,
        });
        told.collect()
    }

    fn answer(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output> {
        let hidden = !self.periapt && command.starts_with("periapt-");
        if hidden || !is_known_command(command) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut supplied = Supplied::default();
        let mut given = None;
        loop {
            let call = Call { command, args, stdin: given, supplied: &supplied };
            match answer(&self.view, &mut self.effects, &call, &mut self.session) {
                Reply::Need(Need::Stdin) => given = Some(stdin.unwrap_or_default()),
                Reply::Need(need) => self.supply(need, &mut supplied),
                Reply::Done(output) => return Ok(self.carry_out(output)),
            }
        }
    }

    fn supply(&self, need: Need, supplied: &mut Supplied) {
        match need {
            Need::Stdin => {}
            Need::File(path) => {
                let content = std::fs::read(&path).map_err(|error| format!("open {path}: {error}"));
                supplied.files.insert(path, content);
            }
            Need::Leadership => supplied.leader = Some(self.model.is_leader(&self.view.unit)),
            Need::FreshModel => supplied.model = Some((*self.model).clone()),
            Need::Resource(name) => {
                let path = self.resources.get(name.as_str()).map(|path| text(path));
                let missing = || format!("resource {:?} has no file", name.as_str());
                supplied.resources.insert(name.clone(), path.ok_or_else(missing));
            }
            Need::Storage(id) => {
                let path = self.storages.get(&id).map(|path| text(path));
                let missing = || format!("storage {id} has no folder");
                supplied.storages.insert(id.clone(), path.ok_or_else(missing));
            }
        }
    }

    /// Does what a command does at once. What the model refuses makes the command fail.
    fn carry_out(&mut self, output: periapt_context::Output) -> Output {
        let failed = |message: &str| {
            let output = periapt_context::Output::error(1, message);
            Output { code: output.code.into(), stdout: Vec::new(), stderr: output.stderr }
        };
        for immediate in output.immediate {
            match immediate {
                Immediate::Log { level, message } => self.lines.push(LogLine { level, message }),
                Immediate::RebootNow => std::panic::resume_unwind(Box::new(EndedByReboot)),
                Immediate::Tell(tell) => {
                    let command = Command::Agent {
                        unit: self.view.unit.clone(),
                        epoch: self.epoch,
                        tell: tell.clone(),
                    };
                    let mut draft = Draft::new(&self.model);
                    match apply_to(&mut draft, command, self.now) {
                        Ok(_) => self.model = Arc::new(draft.model),
                        Err(refusal) => return failed(&refusal.message),
                    }
                    self.tells.push(tell);
                }
            }
        }
        if let Some((path, content)) = output.write_file
            && let Err(error) = std::fs::write(&path, content)
        {
            return failed(&format!("open {path}: {error}"));
        }
        Output { code: output.code.into(), stdout: output.stdout, stderr: output.stderr }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The charm's way to its hook.
pub(super) struct Desk(pub(super) Rc<RefCell<Hook>>);

impl Commands for Desk {
    fn run(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output> {
        let mut hook = self.0.borrow_mut();
        let place = hook.commands.len();
        hook.commands.push(CommandRun { command: command.to_owned(), args: args.to_vec(), code: 0 });
        let answer = hook.answer(command, args, stdin);
        hook.commands[place].code = answer.as_ref().map_or(127, |output| output.code);
        answer
    }

    fn log(&mut self, level: &str, message: String) {
        let mut hook = self.0.borrow_mut();
        let args = vec!["--log-level".to_owned(), level.to_owned(), "--".to_owned(), message.clone()];
        hook.commands.push(CommandRun { command: "juju-log".to_owned(), args, code: 0 });
        // A word that is no level is what `juju-log` takes for INFO.
        hook.lines.push(LogLine { level: level.parse().unwrap_or(Level::Info), message });
    }

    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn sleep(&mut self, pause: Duration) {
        let mut hook = self.0.borrow_mut();
        hook.now = hook.now + pause;
        hook.pebbles.pass_to(hook.now);
    }

    fn chance(&mut self) -> f64 {
        (self.0.borrow_mut().rng.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[cfg(feature = "pebble")]
    fn pebble(&mut self, container: &str) -> Result<Box<dyn periapt_pebble::Pebble>, crate::Error> {
        let hook = self.0.borrow();
        let charm = hook.view.model.charm_of(hook.view.unit.app());
        match charm.is_some_and(|charm| charm.meta.containers.keys().any(|name| name.as_str() == container)) {
            true => Ok(hook.pebbles.get(container)),
            false => Err(crate::Error::bug(format!("the charm has no container {container}"))),
        }
    }

    fn set_timer(&mut self, timer: &Timer) -> io::Result<()> {
        self.0.borrow_mut().timers.push(timer.clone());
        Ok(())
    }

    fn is_periapt(&self) -> bool {
        self.0.borrow().periapt
    }
}
