//! Commands that answer as the test says.

use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::changes::Outcome;
use super::files::bytes_or_text;
use super::{Answer, FakePebble, bad_request};
use crate::error::{Error, Result};
use crate::info::ChangeId;
use crate::process::{Control, ExecRequest, Process, Stdin};

/// How the commands that begin with `command` answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecMock {
    /// What they begin with; nothing for all of them.
    pub command: Vec<String>,
    /// How they end.
    pub exit_code: i32,
    /// What they write.
    #[serde(with = "bytes_or_text")]
    pub stdout: Vec<u8>,
    /// What they write to their standard error.
    #[serde(with = "bytes_or_text")]
    pub stderr: Vec<u8>,
    /// Whether they run into their time-out.
    pub times_out: bool,
}

impl ExecMock {
    /// Commands that begin so, write nothing and end well.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// An answer for [`FakePebble::on_exec`].
    pub fn answer(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    /// They write this.
    #[must_use]
    pub fn stdout(mut self, stdout: impl Into<Vec<u8>>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// They write this to their standard error.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Vec<u8>>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// They end with this.
    #[must_use]
    pub fn exit_code(mut self, exit_code: i32) -> Self {
        self.exit_code = exit_code;
        self
    }
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRecord {
    /// The command.
    pub command: Vec<String>,
    /// The service whose context it had.
    pub service_context: Option<String>,
    /// The variables it was given.
    pub environment: std::collections::BTreeMap<String, String>,
    /// Where it ran, if that was said.
    pub working_dir: Option<String>,
    /// Its user, if that was said.
    pub user: Option<String>,
    /// Its group, if that was said.
    pub group: Option<String>,
    /// What it was given to read, as far as that was written when it ended or was first read from.
    #[serde(with = "bytes_or_text")]
    pub stdin: Vec<u8>,
    /// The signals it was sent.
    pub signals: Vec<String>,
}

/// A command between its start and its end.
struct Running {
    pebble: FakePebble,
    request: ExecRequest,
    mock: ExecMock,
    answer: Option<Answer>,
    /// Where it is recorded.
    record: usize,
    change: ChangeId,
    stdin: Vec<u8>,
    answered: bool,
}

type Shared = Arc<Mutex<Running>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Running> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// What the command says, now that its input is known.
    fn answer(&mut self) -> &mut ExecMock {
        if !self.answered {
            self.answered = true;
            if let Some(answer) = self.answer.take() {
                let mut request = self.request.clone();
                request.stdin = Stdin::Bytes(self.stdin.clone());
                self.mock = answer(&request);
            }
            if self.request.combine_stderr {
                let stderr = std::mem::take(&mut self.mock.stderr);
                self.mock.stdout.extend(stderr);
            }
            let (stdin, record) = (self.stdin.clone(), self.record);
            self.pebble.with(|state| {
                if let Some(record) = state.execs.get_mut(record) {
                    record.stdin = stdin;
                }
            });
        }
        &mut self.mock
    }
}

struct Input(Shared);

impl Write for Input {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut running = lock(&self.0);
        if running.answered {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        running.stdin.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Output {
    running: Shared,
    is_stderr: bool,
    read: Option<Cursor<Vec<u8>>>,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (running, is_stderr) = (&self.running, self.is_stderr);
        let all = self.read.get_or_insert_with(|| {
            let mut running = lock(running);
            let mock = running.answer();
            Cursor::new(std::mem::take(if is_stderr { &mut mock.stderr } else { &mut mock.stdout }))
        });
        all.read(buffer)
    }
}

struct End(Shared);

impl Control for End {
    fn signal(&mut self, name: &str) -> Result<()> {
        let running = lock(&self.0);
        let record = running.record;
        running.pebble.with(|state| {
            if let Some(record) = state.execs.get_mut(record) {
                record.signals.push(name.to_owned());
            }
        });
        Ok(())
    }

    fn wait(&mut self) -> Result<i32> {
        let mut running = lock(&self.0);
        let (exit_code, times_out) = {
            let mock = running.answer();
            (mock.exit_code, mock.times_out)
        };
        let id = running.change.clone();
        running.pebble.with(|state| state.end_command(&id, exit_code, times_out))
    }
}

impl super::FakeState {
    fn end_command(&mut self, id: &ChangeId, exit_code: i32, times_out: bool) -> Result<i32> {
        let time = self.tick();
        if let Some(task) = self.change_mut(id).and_then(|change| change.tasks.first_mut()) {
            use crate::info::ChangeStatus::{Done, Error};
            task.status = if times_out { Error } else { Done };
            task.ready_time = Some(time);
            task.progress.done = 1;
            let code = if times_out { -1 } else { exit_code };
            task.data = Some([("exit-code".to_owned(), code.into())].into());
            if times_out {
                task.log.push(format!("{time} ERROR timed out"));
            }
        }
        self.settle_change(id);
        let change = self.find_change(id)?;
        match change.err.clone() {
            Some(err) => Err(Error::Change { err, change: Box::new(change.clone()) }),
            None => Ok(exit_code),
        }
    }
}

impl FakePebble {
    /// The answer with the longest prefix.
    fn find_answer(&self, command: &[String], mocks: &[ExecMock]) -> Option<(ExecMock, Option<Answer>)> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let closure = answers.iter().rev().filter(|(prefix, _)| command.starts_with(prefix));
        // The first of those with the longest prefix: `max_by_key` gives the last.
        let closure = closure.rev().max_by_key(|(prefix, _)| prefix.len());
        let mock = mocks
            .iter()
            .filter(|mock| command.starts_with(&mock.command))
            .max_by_key(|mock| mock.command.len());
        match (closure, mock) {
            (Some((prefix, _)), Some(mock)) if mock.command.len() > prefix.len() => {
                Some((mock.clone(), None))
            }
            (Some((_, answer)), _) => Some((ExecMock::default(), Some(Arc::clone(answer)))),
            (None, mock) => mock.map(|mock| (mock.clone(), None)),
        }
    }

    pub(super) fn start_command(&self, request: ExecRequest) -> Result<Process> {
        let mut state = self.reach()?;
        let Some(program) = request.command.first() else {
            return Err(bad_request("a command needs at least one word"));
        };
        if let Some(context) = &request.service_context
            && !state.plan()?.services.contains_key(context)
        {
            return Err(bad_request(format!("context service {context:?} not found")));
        }
        let Some((mock, answer)) = self.find_answer(&request.command, &state.exec_mocks) else {
            let message =
                format!("the fake Pebble does not know how {:?} answers: give it a mock", request.command);
            return Err(Error::Local(message));
        };
        let summary = format!("Execute command {program:?}");
        let task = state.new_task("exec", summary.clone(), Outcome::Hangs);
        let change = state.new_change("exec", summary, vec![task], Vec::new());
        let record = state.execs.len();
        state.execs.push(ExecRecord {
            command: request.command.clone(),
            service_context: request.service_context.clone(),
            environment: request.environment.clone(),
            working_dir: request.working_dir.clone(),
            user: request.user.clone().or_else(|| request.user_id.map(|id| id.to_string())),
            group: request.group.clone().or_else(|| request.group_id.map(|id| id.to_string())),
            stdin: Vec::new(),
            signals: Vec::new(),
        });
        drop(state);
        let piped = request.stdin == Stdin::Piped;
        let stdin = if let Stdin::Bytes(bytes) = &request.stdin { bytes.clone() } else { Vec::new() };
        let (command, split) = (request.command.clone(), !request.combine_stderr);
        let pebble = self.clone();
        let running = Running { pebble, request, mock, answer, record, change, stdin, answered: false };
        let running = Arc::new(Mutex::new(running));
        let output = |is_stderr| -> Box<dyn Read + Send> {
            Box::new(Output { running: Arc::clone(&running), is_stderr, read: None })
        };
        Ok(Process {
            stdin: piped.then(|| -> Box<dyn Write + Send> { Box::new(Input(Arc::clone(&running))) }),
            stdout: Some(output(false)),
            stderr: split.then(|| output(true)),
            command,
            control: Box::new(End(Arc::clone(&running))),
        })
    }
}
