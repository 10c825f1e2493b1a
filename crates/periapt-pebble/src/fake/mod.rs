//! A Pebble in memory, for tests of charms.
//!
//! [`FakeState`] is plain data: it goes into a test, is looked at afterwards, can be compared, and written as JSON.
//! What time it is and which ids come next are part of it, so the same calls give the same state.
//! [`FakePebble`] is a handle on a state that can be used where a [`Pebble`] is asked for.
//!
//! Services really change: a replan starts what is enabled and restarts what is configured in another way than when
//! it was started. Nothing runs, though: commands answer as the test says, and checks pass and fail when it says so.
//!
//! ```
//! use periapt_pebble::fake::FakePebble;
//! use periapt_pebble::{IfPresent, Layer, Pebble};
//!
//! let pebble = FakePebble::default();
//! let web = "services: {web: {override: replace, command: /bin/web, startup: enabled}}";
//! pebble.add_layer("web", &Layer::from_yaml(web)?, IfPresent::Combine)?;
//! pebble.replan()?;
//! assert!(pebble.services(&["web"])?[0].is_running());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changes;
mod checks;
mod exec;
mod files;
mod mounts;
mod notices;
mod services;
mod state;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::combine::Plan;
use crate::error::{Error, Result};
use crate::info::{
    Change, ChangeId, ChangeState, CheckInfo, FileInfo, Identity, Notice, NoticeId, ServiceInfo, SystemInfo,
    Warning, WarningState,
};
use crate::layer::CheckLevel;
use crate::pebble::{FileOptions, IfPresent, NoticeQuery, Pebble, ServiceAction};
use crate::process::{ExecRequest, Process};

pub use exec::{ExecMock, ExecRecord};
pub use files::{Entry, EntryKind};
pub use state::{FakeChange, FakeCheck, FakeService, FakeState, LabelledLayer, SentSignal};

/// Answers a command: see [`FakePebble::on_exec`].
type Answer = Arc<dyn Fn(&ExecRequest) -> ExecMock + Send + Sync>;
/// What commands begin with, and what answers them.
type Answers = Vec<(Vec<String>, Answer)>;

/// A [`Pebble`] on a [`FakeState`]. Copies share the state.
#[derive(Clone, Default)]
pub struct FakePebble {
    state: Arc<Mutex<FakeState>>,
    answers: Arc<Mutex<Answers>>,
}

impl std::fmt::Debug for FakePebble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FakePebble").field(&*self.lock()).finish()
    }
}

impl From<FakeState> for FakePebble {
    fn from(state: FakeState) -> Self {
        Self { state: Arc::new(Mutex::new(state)), answers: Arc::default() }
    }
}

pub(crate) fn refused(code: u16, status: &str, message: impl Into<String>) -> Error {
    Error::Api { code, status: status.to_owned(), message: message.into(), kind: None }
}

pub(crate) fn bad_request(message: impl Into<String>) -> Error {
    refused(400, "Bad Request", message)
}

impl FakePebble {
    /// The state as it is now.
    pub fn state(&self) -> FakeState {
        self.lock().clone()
    }

    /// Looks at or changes the state.
    pub fn with<T>(&self, work: impl FnOnce(&mut FakeState) -> T) -> T {
        work(&mut self.lock())
    }

    /// Has `answer` answer the commands that begin with `prefix`. The longest prefix decides, and of equal ones an
    /// answer goes before the state's [`exec_mocks`](FakeState::exec_mocks). It is called when the command's input
    /// is known and must not use this fake.
    pub fn on_exec<S: Into<String>>(
        &self,
        prefix: impl IntoIterator<Item = S>,
        answer: impl Fn(&ExecRequest) -> ExecMock + Send + Sync + 'static,
    ) {
        let prefix = prefix.into_iter().map(Into::into).collect();
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push((prefix, Arc::new(answer)));
    }

    fn lock(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if it can be reached.
    fn reach(&self) -> Result<MutexGuard<'_, FakeState>> {
        let state = self.lock();
        if state.can_connect {
            Ok(state)
        } else {
            Err(Error::Connection("the fake Pebble is switched off".to_owned()))
        }
    }
}

impl Pebble for FakePebble {
    fn system_info(&self) -> Result<SystemInfo> {
        Ok(self.reach()?.system_info.clone())
    }

    fn services(&self, names: &[&str]) -> Result<Vec<ServiceInfo>> {
        self.reach()?.list_services(names)
    }

    fn request(&self, action: &ServiceAction, services: &[&str]) -> Result<ChangeId> {
        self.reach()?.act_on_services(action, services)
    }

    fn plan(&self) -> Result<Plan> {
        self.reach()?.plan()
    }

    fn add_layer_yaml(&self, label: &str, yaml: &str, present: IfPresent) -> Result<()> {
        self.reach()?.add_layer(label, yaml, present)
    }

    fn send_signal(&self, signal: &str, services: &[&str]) -> Result<()> {
        self.reach()?.signal_services(signal, services)
    }

    fn changes(&self, wanted: &ChangeState, service: Option<&str>) -> Result<Vec<Change>> {
        self.reach()?.list_changes(wanted, service)
    }

    fn change(&self, id: &ChangeId) -> Result<Change> {
        self.reach()?.find_change(id).cloned()
    }

    fn abort_change(&self, id: &ChangeId) -> Result<Change> {
        self.reach()?.abort(id)
    }

    /// Never waits: a change that is not over now will not be over later.
    fn wait_change(&self, id: &ChangeId, _: Option<Duration>) -> Result<Change> {
        let change = self.change(id)?;
        if change.ready { Ok(change) } else { Err(Error::Timeout(format!("change {id} is not over"))) }
    }

    fn push(&self, path: &str, mut source: Box<dyn Read + Send>, options: &FileOptions) -> Result<()> {
        let mut content = Vec::new();
        let failed = |e| Error::Local(format!("cannot read what is to be pushed: {e}"));
        source.read_to_end(&mut content).map_err(failed)?;
        self.reach()?.write_file(path, content, options)
    }

    fn pull_to(&self, path: &str, sink: &mut dyn Write) -> Result<u64> {
        let content = self.reach()?.read_file(path)?;
        sink.write_all(&content).map_err(|e| Error::Local(format!("cannot write what is pulled: {e}")))?;
        Ok(content.len() as u64)
    }

    fn list_files(&self, path: &str, pattern: Option<&str>, itself: bool) -> Result<Vec<FileInfo>> {
        self.reach()?.list(path, pattern, itself)
    }

    fn make_dir(&self, path: &str, options: &FileOptions) -> Result<()> {
        self.reach()?.make_folder(path, options)
    }

    fn remove_path(&self, path: &str, recursive: bool) -> Result<()> {
        self.reach()?.remove(path, recursive)
    }

    fn exec(&self, request: ExecRequest) -> Result<Process> {
        self.start_command(request)
    }

    fn checks(&self, level: Option<&CheckLevel>, names: &[&str]) -> Result<Vec<CheckInfo>> {
        self.reach()?.list_checks(level, names)
    }

    fn start_checks(&self, checks: &[&str]) -> Result<Vec<String>> {
        self.reach()?.switch_checks(checks, true)
    }

    fn stop_checks(&self, checks: &[&str]) -> Result<Vec<String>> {
        self.reach()?.switch_checks(checks, false)
    }

    fn notify(
        &self,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> Result<NoticeId> {
        self.reach()?.record_custom(key, data, repeat_after)
    }

    fn notice(&self, id: &NoticeId) -> Result<Notice> {
        self.reach()?.find_notice(id)
    }

    /// Never waits.
    fn notices(&self, query: &NoticeQuery) -> Result<Vec<Notice>> {
        Ok(self.reach()?.list_notices(query))
    }

    fn identities(&self) -> Result<BTreeMap<String, Identity>> {
        Ok(self.reach()?.masked_identities())
    }

    fn replace_identities(&self, identities: &BTreeMap<String, Option<Identity>>) -> Result<()> {
        self.reach()?.put_identities(identities)
    }

    fn remove_identities(&self, names: &[&str]) -> Result<()> {
        self.reach()?.drop_identities(names)
    }

    fn warnings(&self, wanted: &WarningState) -> Result<Vec<Warning>> {
        Ok(self.reach()?.list_warnings(wanted))
    }

    fn ack_warnings(&self, until: Timestamp) -> Result<u64> {
        Ok(self.reach()?.okay_warnings(until))
    }
}
