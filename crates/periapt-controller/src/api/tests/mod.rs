//! The API through its client: a server on a Unix socket, a controller over the store in memory.

mod batch;
mod changes;
mod description;
mod streams;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use periapt_model::command::Command;
use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Outcome};
use periapt_model::log::{Level, LogLine};
use periapt_model::names::{AppName, CharmId, UnitName};
use periapt_model::time::Timestamp;
use periapt_store::Memory;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::requests::{
    AddModel, Deploy, Exec, JournalParams, LogParams, OperationParams, RemoveRelation, ResolveUnits, Run,
    SetConfig, UnitParams, Upload, Wait, WantedRelation,
};
use super::{Api, CharmStore, ErrorKind, Verdict, router, serve};
use crate::client::{Client, ClientError, ModelClient};
use crate::controller::{Controller, Options};
use crate::handle::ModelHandle;
use crate::views::Zone;
use crate::views::settled::Goal;
use crate::views::testing::{AgentStep, agent_step, db_charm, failed, host, web_charm};

struct Home;

impl CharmStore for Home {
    fn has_charm(&self, id: &CharmId) -> bool {
        ["db-1", "web-1"].contains(&id.0.as_str())
    }

    fn has_resource(&self, hash: &str) -> bool {
        hash == "f00d"
    }
}

/// A daemon with one model, `test`.
struct Daemon {
    controller: Controller,
    client: Client,
    shutdown: CancellationToken,
    /// Hooks of these names fail.
    failing: Arc<Mutex<BTreeSet<String>>>,
    _folder: tempfile::TempDir,
}

impl Daemon {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Memory::open(&periapt_store::Options::default()).unwrap());
        let controller = Controller::open(store, Options::new(folder.path().to_owned())).await.unwrap();
        let shutdown = CancellationToken::new();
        let api = Api::new(controller.clone(), Arc::new(Home), host(), shutdown.clone());
        let socket = folder.path().join("api.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(serve(listener, router(api), shutdown.clone()));
        let client = Client::new(socket);
        let name = "test".parse().unwrap();
        client.add_model(&AddModel { name, config: Default::default() }).await.unwrap();
        Self { controller, client, shutdown, failing: Arc::default(), _folder: folder }
    }

    fn model(&self) -> ModelClient {
        self.client.model("test")
    }

    fn handle(&self) -> ModelHandle {
        self.controller.model("test").unwrap()
    }

    async fn deploy(&self, units: u32) {
        self.model().deploy(&deployment(units)).await.unwrap();
    }

    /// Every unit gets an agent; they run until none has anything to do.
    async fn run_agents(&self) {
        let Some(handle) = self.controller.model("test") else { return };
        let outcome = |hook: &Hook| match self.failing.lock().unwrap().contains(&hook.name()) {
            true => failed(),
            false => Outcome::Done,
        };
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for unit in handle.snapshot().units.keys().cloned().collect::<Vec<UnitName>>() {
                if !handle.snapshot().agents.contains_key(&unit) {
                    handle.apply(Command::TakeUnit { unit: unit.clone() }).await.unwrap();
                }
                match agent_step(&handle.snapshot(), &unit, handle.now(), &outcome) {
                    AgentStep::Rest => continue,
                    AgentStep::Claim(command) => drop(handle.apply(command).await.unwrap()),
                    AgentStep::Commits(commits) => {
                        for commit in commits {
                            handle.commit(commit).await.unwrap();
                        }
                    }
                }
                moved = true;
            }
        }
    }
}

fn deployment(units: u32) -> Deploy {
    Deploy {
        name: None,
        charm: db_charm(),
        units,
        config: Default::default(),
        trust: false,
        resources: Default::default(),
        constraints: String::new(),
        placement: Vec::new(),
        channel: None,
        force: false,
        storage: Default::default(),
        attach_storage: Vec::new(),
    }
}

fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

/// Ends a run that hangs.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("nothing came for a minute")
}

/// The kind and the message of what was refused.
fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (ErrorKind, String) {
    match result {
        Err(ClientError::Refused { kind, message, .. }) => (kind, message),
        other => panic!("not refused: {other:?}"),
    }
}
