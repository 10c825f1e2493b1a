//! The trait that a charm speaks to, whatever answers: a real Pebble or a fake one.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::time::Duration;

use jiff::Timestamp;

use crate::combine::Plan;
use crate::error::{Error, Result};
use crate::info::{
    Change, ChangeId, ChangeState, CheckInfo, FileInfo, FileType, Identity, Notice, NoticeId, NoticeType,
    ServiceInfo, SystemInfo, Warning, WarningState,
};
use crate::layer::{CheckLevel, Layer};
use crate::process::{ExecRequest, Process};
use crate::text::open_enum;

/// How long the service actions wait for their change.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(30);

open_enum! {
    /// What can be done with services. A change's kind is the action's word.
    ServiceAction {
        Start = "start",
        Stop = "stop",
        Restart = "restart",
        /// Starts the enabled services; takes no names.
        Autostart = "autostart",
        /// Restarts the services whose configuration is another than when they were started, starts the enabled ones
        /// and the enabled checks; takes no names.
        Replan = "replan",
    }
}

/// What to do with a layer whose label is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IfPresent {
    /// Refuse it.
    Refuse,
    /// Combine it with the layer that is there, in its place.
    Combine,
}

/// Mode and owner of what is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileOptions {
    /// The mode, at most `0o777`. If not given, `0o644` for files and `0o755` for folders.
    pub permissions: Option<u32>,
    /// The owner.
    pub user_id: Option<u32>,
    /// The owner; must agree with `user_id` if both are given.
    pub user: Option<String>,
    /// The group. If not given, the user's own.
    pub group_id: Option<u32>,
    /// The group; must agree with `group_id` if both are given.
    pub group: Option<String>,
    /// Whether to make the folders above it. Also lets a folder be there already.
    pub make_parents: bool,
}

impl FileOptions {
    /// The default mode, and the folders above are made.
    pub fn with_parents() -> Self {
        Self { make_parents: true, ..Self::default() }
    }
}

/// Which notices are wanted. By default one's own and the public ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoticeQuery {
    /// Those of all users. For admins.
    pub all_users: bool,
    /// Those of this user, and the public ones. For admins.
    pub user_id: Option<u32>,
    /// Of these types only, if there are any.
    pub types: Vec<NoticeType>,
    /// With these keys only, if there are any.
    pub keys: Vec<String>,
    /// Told later than this.
    pub after: Option<Timestamp>,
    /// If there is none, wait this long for one.
    pub wait: Option<Duration>,
}

/// The Pebble of one container. Calls block until there is an answer.
///
/// Everywhere: [`Error::Connection`] if Pebble cannot be reached, [`Error::Timeout`] if it does not answer in time,
/// [`Error::Api`] if it refuses, [`Error::Protocol`] if the answer makes no sense.
#[allow(clippy::missing_errors_doc, reason = "said once above, and where there is more, there")]
pub trait Pebble: Send + Sync {
    /// Its version and boot id.
    fn system_info(&self) -> Result<SystemInfo>;

    /// Whether it answers.
    fn can_connect(&self) -> bool {
        self.system_info().is_ok()
    }

    /// How services are, sorted by name; all of them if `names` is empty. Names that the plan does not have are
    /// left out.
    fn services(&self, names: &[&str]) -> Result<Vec<ServiceInfo>>;

    /// Asks for an action and does not wait for it.
    fn request(&self, action: &ServiceAction, services: &[&str]) -> Result<ChangeId>;

    /// Asks for an action and waits for its change.
    ///
    /// # Errors
    /// [`Error::Change`] if the change fails, [`Error::Timeout`] if it is not over within `wait`.
    fn act(&self, action: &ServiceAction, services: &[&str], wait: Duration) -> Result<ChangeId> {
        let id = self.request(action, services)?;
        let change = self.wait_change(&id, Some(wait))?;
        match change.err.clone() {
            Some(err) => Err(Error::Change { err, change: Box::new(change) }),
            None => Ok(id),
        }
    }

    /// Starts services and what they require, and waits: see [`act`](Self::act).
    fn start(&self, services: &[&str]) -> Result<ChangeId> {
        self.act(&ServiceAction::Start, services, DEFAULT_WAIT)
    }

    /// Stops services and those that require them, and waits: see [`act`](Self::act).
    fn stop(&self, services: &[&str]) -> Result<ChangeId> {
        self.act(&ServiceAction::Stop, services, DEFAULT_WAIT)
    }

    /// Stops and starts services, and waits: see [`act`](Self::act).
    fn restart(&self, services: &[&str]) -> Result<ChangeId> {
        self.act(&ServiceAction::Restart, services, DEFAULT_WAIT)
    }

    /// Starts the enabled services, and waits: see [`act`](Self::act). Refused with kind `no-default-services` if
    /// there are none.
    fn autostart(&self) -> Result<ChangeId> {
        self.act(&ServiceAction::Autostart, &[], DEFAULT_WAIT)
    }

    /// Makes what runs fit the plan, and waits: see [`act`](Self::act).
    fn replan(&self) -> Result<ChangeId> {
        self.act(&ServiceAction::Replan, &[], DEFAULT_WAIT)
    }

    /// The combined plan.
    fn plan(&self) -> Result<Plan>;

    /// Adds a layer as it is written, with keys that this crate need not know. Starts no service; checks of the
    /// layer begin at once.
    fn add_layer_yaml(&self, label: &str, yaml: &str, present: IfPresent) -> Result<()>;

    /// Adds a layer: see [`add_layer_yaml`](Self::add_layer_yaml).
    fn add_layer(&self, label: &str, layer: &Layer, present: IfPresent) -> Result<()> {
        self.add_layer_yaml(label, &layer.to_yaml()?, present)
    }

    /// Sends a signal, such as `SIGHUP`, to the main processes of services.
    fn send_signal(&self, signal: &str, services: &[&str]) -> Result<()>;

    /// Changes, of one service if there is one; in no order.
    fn changes(&self, state: &ChangeState, service: Option<&str>) -> Result<Vec<Change>>;

    /// One change.
    fn change(&self, id: &ChangeId) -> Result<Change>;

    /// Ends a change early. Refused if it is over.
    fn abort_change(&self, id: &ChangeId) -> Result<Change>;

    /// Waits until a change is over, well or not: look at its `err`. For ever if there is no limit.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it is not over in time.
    fn wait_change(&self, id: &ChangeId, limit: Option<Duration>) -> Result<Change>;

    /// Writes a file, a bit at a time: it may be larger than memory. Takes the place of what is there in one step.
    ///
    /// # Errors
    /// [`Error::Path`]; [`Error::Local`] if `source` fails, with what was there before left as it was.
    fn push(&self, path: &str, source: Box<dyn Read + Send>, options: &FileOptions) -> Result<()>;

    /// Writes a file.
    ///
    /// # Errors
    /// [`Error::Path`].
    fn write(&self, path: &str, content: &[u8], options: &FileOptions) -> Result<()> {
        self.push(path, Box::new(Cursor::new(content.to_vec())), options)
    }

    /// Reads a file into `sink`, a bit at a time: it may be larger than memory. Returns the number of bytes. After
    /// an error, what `sink` was given is of no use.
    ///
    /// # Errors
    /// [`Error::Path`]; [`Error::Local`] if `sink` fails.
    fn pull_to(&self, path: &str, sink: &mut dyn Write) -> Result<u64>;

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Path`].
    fn pull(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.pull_to(path, &mut content)?;
        Ok(content)
    }

    /// Reads a file of text.
    ///
    /// # Errors
    /// [`Error::Path`]; [`Error::Local`] if it is not UTF-8.
    fn pull_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.pull(path)?).map_err(|_| Error::Local(format!("{path} is not UTF-8 text")))
    }

    /// The entries of a folder, sorted by name, or the one entry that `path` is. `pattern` is a glob on names.
    /// `itself` asks for the folder instead of what is in it.
    ///
    /// # Errors
    /// [`Error::Path`], as everywhere with files.
    fn list_files(&self, path: &str, pattern: Option<&str>, itself: bool) -> Result<Vec<FileInfo>>;

    /// Whether there is something at `path`.
    fn exists(&self, path: &str) -> Result<bool> {
        match self.list_files(path, None, true) {
            Ok(_) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether there is a folder at `path`.
    fn is_dir(&self, path: &str) -> Result<bool> {
        match self.list_files(path, None, true) {
            Ok(files) => Ok(files.first().is_some_and(|file| file.kind == FileType::Directory)),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes a folder. It must not be there yet, unless `make_parents` is set.
    ///
    /// # Errors
    /// [`Error::Path`].
    fn make_dir(&self, path: &str, options: &FileOptions) -> Result<()>;

    /// Removes a file, a link or an empty folder; with `recursive` a folder with all that is in it, and then it need
    /// not be there.
    ///
    /// # Errors
    /// [`Error::Path`].
    fn remove_path(&self, path: &str, recursive: bool) -> Result<()>;

    /// Starts a command.
    ///
    /// # Errors
    /// [`Error::Api`] if the program cannot be found; [`Error::Change`] if it cannot be started.
    fn exec(&self, request: ExecRequest) -> Result<Process>;

    /// How checks are, sorted by name; all of them if `names` is empty.
    fn checks(&self, level: Option<&CheckLevel>, names: &[&str]) -> Result<Vec<CheckInfo>>;

    /// Starts checks. Returns those that did not run before. Needs Juju 3.6.
    fn start_checks(&self, checks: &[&str]) -> Result<Vec<String>>;

    /// Stops checks. Returns those that ran before. Needs Juju 3.6.
    fn stop_checks(&self, checks: &[&str]) -> Result<Vec<String>>;

    /// Records a custom notice. Until `repeat_after` has passed, more of the same are not told. Needs Juju 3.4.
    fn notify(
        &self,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> Result<NoticeId>;

    /// One notice.
    fn notice(&self, id: &NoticeId) -> Result<Notice>;

    /// Notices, by when they were told last. None if the query waits and nothing came.
    fn notices(&self, query: &NoticeQuery) -> Result<Vec<Notice>>;

    /// Whom Pebble knows. Secrets are masked.
    fn identities(&self) -> Result<BTreeMap<String, Identity>>;

    /// Adds, replaces and, where there is nothing, removes identities, all or none of them.
    fn replace_identities(&self, identities: &BTreeMap<String, Option<Identity>>) -> Result<()>;

    /// Removes identities, which must be there.
    fn remove_identities(&self, names: &[&str]) -> Result<()>;

    /// Warnings. Only old Pebbles have them; others refuse with 404.
    fn warnings(&self, state: &WarningState) -> Result<Vec<Warning>>;

    /// Marks the warnings up to a moment as seen. Returns how many. Only old Pebbles have them.
    fn ack_warnings(&self, until: Timestamp) -> Result<u64>;
}
