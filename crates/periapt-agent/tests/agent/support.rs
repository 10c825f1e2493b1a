//! A controller in memory, and charms written for one test.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use periapt_agent::control::{Answering, Control, ControlError};
use periapt_agent::{AgentOptions, Agents};
use periapt_model::apply::apply;
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Receiver, Refusal};
use periapt_model::commit::commit;
use periapt_model::entity::{Charm, ModelInfo, ResourceFile, Task};
use periapt_model::journal::{Dispatch, Entry, JournalRecord, Outcome};
use periapt_model::local::{HookStep, Op};
use periapt_model::log::{Level, LogLine};
use periapt_model::model::{Key, Model, Record, Write};
use periapt_model::names::{AppName, CharmId, ModelName, RelationId, ResourceName, TaskId, UnitName};
use periapt_model::observe::concerned;
use periapt_model::step_commit::Commit;
use periapt_model::time::Timestamp;
use tokio::sync::watch;

/// Ends a run that hangs; nothing here waits as long.
const HUNG: Duration = Duration::from_secs(60);

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

pub fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

pub fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

pub fn end(app_name: &str, endpoint: &str) -> EndpointRef {
    EndpointRef { app: app(app_name), endpoint: Some(endpoint.parse().unwrap()) }
}

struct State {
    model: Model,
    journal: Vec<Arc<JournalRecord>>,
    watches: HashMap<UnitName, watch::Sender<u64>>,
}

/// The controller's half without a store.
pub struct Memory {
    state: Mutex<State>,
    logs: Mutex<Vec<LogLine>>,
    units: watch::Sender<u64>,
    changed: watch::Sender<u64>,
    /// So many commits to come find the store unavailable.
    pub unavailable: AtomicUsize,
    pub renewals: AtomicUsize,
}

impl Memory {
    fn new() -> Self {
        let info = ModelInfo::new("0a1b".into(), ModelName::new("testing").unwrap(), now());
        Self {
            state: Mutex::new(State {
                model: Model::new(info),
                journal: Vec::new(),
                watches: HashMap::new(),
            }),
            logs: Mutex::default(),
            units: watch::Sender::new(0),
            changed: watch::Sender::new(0),
            unavailable: AtomicUsize::new(0),
            renewals: AtomicUsize::new(0),
        }
    }

    fn write(&self, state: &mut State, writes: &[Write]) {
        let before = state.model.clone();
        for write in writes {
            state.model.write(write);
            if let Write::Journal(record) = write {
                state.journal.push(Arc::clone(record));
            }
        }
        for unit in concerned(&before, &state.model, writes) {
            if let Some(watch) = state.watches.get(&unit) {
                watch.send_modify(|n| *n += 1);
            }
        }
        let of_machine = |write: &Write| match write {
            Write::Put(Record::Task(task)) => task.host.machine().is_some(),
            Write::Put(record) => matches!(record, Record::Storage(_)),
            Write::Delete(key) => matches!(key, Key::Machine(_) | Key::Storage(_)),
            _ => false,
        };
        if !before.units.keys().eq(state.model.units.keys()) || writes.iter().any(of_machine) {
            self.units.send_modify(|n| *n += 1);
        }
        self.changed.send_modify(|n| *n += 1);
    }

    pub fn command(&self, command: Command) -> Result<Answer, Refusal> {
        let mut state = self.state.lock().unwrap();
        let (writes, answer) = apply(&state.model, command, now())?;
        self.write(&mut state, &writes);
        Ok(answer)
    }

    pub fn model(&self) -> Model {
        self.state.lock().unwrap().model.clone()
    }

    /// What happened to a unit, oldest first.
    pub fn dispatches(&self, unit: &UnitName) -> Vec<Dispatch> {
        let state = self.state.lock().unwrap();
        let of_unit = state.journal.iter().filter(|record| record.unit == *unit);
        of_unit
            .filter_map(|record| match &record.entry {
                Entry::Dispatch(dispatch) => Some(Dispatch::clone(dispatch)),
                Entry::Mark(_) => None,
            })
            .collect()
    }

    pub fn violations(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let marks = state.journal.iter().map(|record| format!("{:?}", record.entry));
        marks.filter(|mark| mark.contains("Violation")).collect()
    }

    pub fn logs(&self) -> Vec<LogLine> {
        self.logs.lock().unwrap().clone()
    }

    /// Waits until `found` finds something in what this controller holds.
    pub async fn until<T>(&self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = found(self) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(HUNG, waiting).await {
            Ok(found) => found,
            Err(_) => {
                let lines: Vec<String> =
                    self.logs().iter().map(|l| format!("{} {} {}", l.level, l.module, l.message)).collect();
                panic!("never: {what}\n{}\n{:#?}", lines.join("\n"), self.model().agents);
            }
        }
    }
}

impl Control for Memory {
    fn snapshot(&self) -> Model {
        self.model()
    }

    fn watch_unit(&self, unit: &UnitName) -> watch::Receiver<u64> {
        let mut state = self.state.lock().unwrap();
        state.watches.entry(unit.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    fn watch_units(&self) -> watch::Receiver<u64> {
        self.units.subscribe()
    }

    fn apply(&self, command: Command) -> Answering<'_, Result<Answer, ControlError>> {
        Box::pin(async move { Ok(self.command(command)?) })
    }

    fn commit(&self, step: Commit) -> Answering<'_, Result<(), ControlError>> {
        Box::pin(async move {
            let fails =
                self.unavailable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if fails.is_ok() {
                return Err(ControlError::Unavailable("no space left on device".into()));
            }
            let mut state = self.state.lock().unwrap();
            let writes = commit(&state.model, step, now())?;
            self.write(&mut state, &writes);
            Ok(())
        })
    }

    fn renew_leadership(&self, unit: &UnitName) -> Answering<'_, bool> {
        let leads = self.model().is_leader(unit);
        self.renewals.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { leads })
    }

    fn log(&self, line: LogLine) {
        self.logs.lock().unwrap().push(line);
        self.changed.send_modify(|n| *n += 1);
    }
}

/// A daemon's home for one test.
pub struct Home {
    dir: tempfile::TempDir,
    pub control: Arc<Memory>,
}

/// A file of a charm; one below `hooks` or `actions`, and `dispatch`, may be executed.
pub type File<'a> = (&'a str, &'a str);

impl Home {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), control: Arc::new(Memory::new()) }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn options(&self) -> AgentOptions {
        let hook_program = PathBuf::from(env!("CARGO_BIN_EXE_agent-test-hook"));
        let at = |name: &str| self.dir.path().join(name);
        let mut options = AgentOptions::new(at("model"), at("charms"), at("resources"), hook_program);
        options.kill_grace = Duration::from_secs(2);
        options
    }

    pub fn start(&self) -> Agents {
        Agents::start(self.control.clone(), self.options()).unwrap()
    }

    pub fn unit_dir(&self, name: &str) -> PathBuf {
        self.dir.path().join("model/agents").join(unit(name).tag())
    }

    pub fn charm_dir(&self, name: &str) -> PathBuf {
        self.unit_dir(name).join("charm")
    }

    /// A charm's text file that its hooks write, as lines.
    pub fn lines(&self, unit: &str, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.charm_dir(unit).join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn charm(&self, id: &str, metadata: &str, files: &[File<'_>]) -> Charm {
        let tree = self.dir.path().join("charms").join(id);
        for (name, text) in files.iter().chain(&[("metadata.yaml", metadata)]) {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if ["hooks/", "actions/", "dispatch"].iter().any(|start| name.starts_with(start)) {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let meta = periapt_build::load_meta(&tree).unwrap();
        Charm { id: CharmId(id.into()), url: String::new(), revision: 0, version: None, meta }
    }

    pub fn deploy(&self, charm: Charm) {
        self.deploy_with(charm, BTreeMap::new());
    }

    pub fn deploy_with(&self, charm: Charm, resources: BTreeMap<ResourceName, ResourceFile>) {
        let deploy = Deploy {
            name: None,
            charm,
            units: 1,
            config: Default::default(),
            trust: false,
            resources,
            constraints: String::new(),
            channel: None,
            force: false,
        };
        self.control.command(Command::Deploy(Box::new(deploy))).unwrap();
    }

    /// Puts a charm whose every event runs `script` and deploys it.
    pub fn deploy_script(&self, name: &str, script: &str) {
        let metadata = format!("name: {name}\nsummary: s\ndescription: d\n");
        let script = format!("#!/bin/bash\n{script}\n");
        let charm = self.charm(name, &metadata, &[("dispatch", &script)]);
        self.deploy(charm);
    }

    pub fn setting(&self, key: &str, value: &str) {
        let set = [(key.to_owned(), value.to_owned())].into();
        self.control.command(Command::SetModelConfig { set, reset: vec![] }).unwrap();
    }

    /// Waits until the unit is at rest after its setup.
    pub async fn idle(&self, name: &str) {
        let unit = unit(name);
        let idle = |control: &Memory| {
            let model = control.model();
            let agent = model.agents.get(&unit)?;
            (agent.local.started && agent.local.idle && agent.local.op == Op::Continue).then_some(())
        };
        self.control.until(&format!("{name} is idle"), idle).await;
    }

    /// Waits until a hook of the unit has failed; gives why.
    pub async fn failed(&self, name: &str) -> periapt_model::local::Failure {
        let unit = unit(name);
        let failed = |control: &Memory| match &control.model().agents.get(&unit)?.local.op {
            Op::Hook { step: HookStep::Failed(failure), .. } => Some(failure.clone()),
            _ => None,
        };
        self.control.until(&format!("a hook of {name} fails"), failed).await
    }

    /// Waits until the charm has written a line that starts so into a file of its folder.
    pub async fn line(&self, unit: &str, file: &str, start: &str) -> String {
        let waiting = async {
            loop {
                if let Some(line) = self.lines(unit, file).into_iter().find(|line| line.starts_with(start)) {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(HUNG, waiting)
            .await
            .unwrap_or_else(|_| panic!("no {start:?} in {file} of {unit}"))
    }

    pub fn run(&self, receiver: &str, action: &str, params: serde_json::Value) -> TaskId {
        let serde_json::Value::Object(params) = params else { panic!("an object") };
        let receivers = vec![Receiver::Unit(unit(receiver))];
        task_of(self.control.command(Command::Run { receivers, action: action.parse().unwrap(), params }))
    }

    pub fn exec(&self, receiver: &str, command: &str, timeout_ms: Option<u64>) -> TaskId {
        let receivers = vec![Receiver::Unit(unit(receiver))];
        let command = command.to_owned();
        task_of(self.control.command(Command::Exec {
            receivers,
            command,
            timeout_ms,
            parallel: false,
            with: Default::default(),
        }))
    }

    /// Waits for a task's end.
    pub async fn task(&self, id: TaskId) -> Task {
        let ended = |control: &Memory| {
            let model = control.model();
            model.tasks.get(&id).filter(|task| task.status.is_final()).map(|task| Task::clone(task))
        };
        self.control.until(&format!("task {id} ends"), ended).await
    }

    pub async fn gone(&self, name: &str) {
        let (unit, dir) = (unit(name), self.unit_dir(name));
        self.control
            .until("the unit is gone", |c| (!c.model().units.contains_key(&unit)).then_some(()))
            .await;
        let removed = async {
            while dir.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(HUNG, removed).await.expect("the unit's folder is removed");
    }

    /// The names and outcomes of a unit's dispatches.
    pub fn trace(&self, name: &str) -> Vec<String> {
        self.control
            .dispatches(&unit(name))
            .iter()
            .map(|d| format!("{} {}", d.event.name(), word(&d.outcome)))
            .collect()
    }

    /// Stops everything and holds every trace against the table.
    pub async fn finish(self, agents: Agents) {
        agents.shutdown().await;
        assert_eq!(self.control.violations(), Vec::<String>::new());
    }
}

fn task_of(answer: Result<Answer, Refusal>) -> TaskId {
    match answer.unwrap() {
        Answer::Operation { tasks, .. } => tasks[0].0,
        other => panic!("{other:?}"),
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Missing => "missing",
        Outcome::Skipped => "skipped",
        Outcome::Failed { .. } => "failed",
        Outcome::Interrupted { .. } => "interrupted",
    }
}

pub fn has_line(logs: &[LogLine], level: Level, module: &str, message: &str) -> bool {
    logs.iter().any(|line| line.level == level && line.module == module && line.message == message)
}

pub fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !matches!(stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()), Some('Z' | 'X'))
    })
}

pub fn relation_of(answer: Answer) -> RelationId {
    match answer {
        Answer::Related { id, .. } => id,
        other => panic!("{other:?}"),
    }
}
