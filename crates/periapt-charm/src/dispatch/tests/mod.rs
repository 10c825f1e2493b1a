//! Whole dispatches over a stand-in for the agent that answers what it is told to.

mod beyond;
mod reference;
mod status;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::log::Level;
use periapt_model::time::Timestamp;

use crate::commands::{Commands, Output};
use crate::environment::Environment;
use crate::error::Error;
use crate::log::Lines;
use crate::memory::{Entries, Keep, KeepError, Memory};
use crate::{Charm, run};

/// What the handlers of a test say of themselves, and what they are told to do.
#[derive(Default)]
struct Stage {
    calls: RefCell<Vec<String>>,
    /// The handlers that defer.
    defers: RefCell<Vec<&'static str>>,
}

thread_local! {
    /// A charm is made by the library with `Default`: this is how it finds its test.
    static STAGE: Rc<Stage> = Rc::new(Stage::default());
}

fn called(what: &str) {
    STAGE.with(|stage| stage.calls.borrow_mut().push(what.to_owned()));
}

fn is_deferring(what: &str) -> bool {
    STAGE.with(|stage| stage.defers.borrow().contains(&what))
}

fn deferring(what: &[&'static str]) {
    STAGE.with(|stage| *stage.defers.borrow_mut() = what.to_vec());
}

fn calls() -> Vec<String> {
    STAGE.with(|stage| std::mem::take(&mut *stage.calls.borrow_mut()))
}

/// The hook commands that a dispatch ran, and the status it left.
#[derive(Debug, Default)]
struct World {
    commands: Vec<String>,
    status: (String, String),
    now: i64,
    relations: Vec<&'static str>,
    config: String,
}

#[derive(Clone, Default)]
struct Agent(Rc<RefCell<World>>);

impl Commands for Agent {
    fn run(&mut self, command: &str, args: &[String], _stdin: Option<&[u8]>) -> io::Result<Output> {
        let mut world = self.0.borrow_mut();
        world.commands.push(format!("{command} {}", args.join(" ")));
        let said = match command {
            "is-leader" => "true".to_owned(),
            "config-get" if world.config.is_empty() => "{}".to_owned(),
            "config-get" => world.config.clone(),
            "relation-ids" => serde_json::to_string(&world.relations).unwrap(),
            "relation-list" => "[]".to_owned(),
            "action-get" => "{}".to_owned(),
            "status-get" => format!(r#"{{"status":"{}","message":"{}"}}"#, world.status.0, world.status.1),
            "status-set" if args[0].ends_with("true") => String::new(),
            "status-set" => {
                world.status = (args[1].clone(), args[3].clone());
                String::new()
            }
            _ => String::new(),
        };
        Ok(Output { code: 0, stdout: said.into_bytes(), stderr: Vec::new() })
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.0.borrow().now)
    }

    fn sleep(&mut self, pause: Duration) {
        self.0.borrow_mut().now += pause.as_millis() as i64;
    }

    fn chance(&mut self) -> f64 {
        0.5
    }

    fn is_periapt(&self) -> bool {
        false
    }
}

/// A memory in memory.
#[derive(Default)]
struct Kept(Entries);

impl Keep for Kept {
    fn load(&mut self) -> Result<&Entries, KeepError> {
        Ok(&self.0)
    }

    fn save(&mut self, entries: Entries) -> Result<(), KeepError> {
        self.0 = entries;
        Ok(())
    }
}

/// One unit with its memory.
#[derive(Default)]
struct Unit {
    kept: Kept,
    agent: Agent,
}

impl Unit {
    fn dispatch<C: Charm>(&mut self, path: &str) -> Result<Vec<String>, Error> {
        self.dispatch_with::<C>(path, &[])
    }

    fn dispatch_with<C: Charm>(&mut self, path: &str, more: &[(&str, &str)]) -> Result<Vec<String>, Error> {
        let mut variables = BTreeMap::from([("JUJU_UNIT_NAME", "api/0"), ("JUJU_DISPATCH_PATH", path)]);
        variables.extend(more.iter().copied());
        let environment = Environment::read(&|name| variables.get(name).map(|v| (*v).to_owned())).unwrap();
        self.agent.0.borrow_mut().now += 1_000;
        let lines = Arc::new(Lines::new(Level::Error));
        let ended = run::run_once::<C>(environment, Box::new(self.agent.clone()), &mut self.kept, lines);
        let calls = calls();
        ended.map(|()| calls)
    }

    fn memory(&self) -> Memory {
        Memory::from_entries(&self.kept.0)
    }

    /// The queue: number, event and handler.
    fn queue(&self) -> Vec<String> {
        let memory = self.memory();
        memory.queue.iter().map(|n| format!("{} {} {}", n.sequence, n.event.name(), n.handler)).collect()
    }

    fn status(&self) -> (String, String) {
        self.agent.0.borrow().status.clone()
    }
}
