//! What a test asks a model for.

use periapt_lifecycle::{Wait, Waits, why};
use periapt_model::entity::TaskStatus;
use periapt_model::journal::{Entry, JournalRecord};
use periapt_model::log::Level;
use periapt_model::names::{AppName, EndpointName, TaskId, UnitName};
use periapt_model::observe::observe;
use periapt_model::time::Timestamp;
use serde_json::{Map, Value};

use std::sync::Arc;

use super::Model;
use crate::context::StoredState;
use crate::databag::RawBag;
use crate::error::Error;
use crate::memory::{Memory, Notice};
use crate::status::Status;
use crate::testing::output::LogLine;
use crate::testing::state::State;

/// A line of a unit's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When its dispatch ended.
    pub at: Timestamp,
    /// Whose.
    pub unit: UnitName,
    /// What.
    pub line: LogLine,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRun {
    /// How.
    pub status: TaskStatus,
    /// Why it failed, if it did.
    pub message: String,
    /// Its results, with `return-code` as Juju adds it.
    pub results: Map<String, Value>,
    /// What it said while it ran.
    pub log: Vec<String>,
}

impl ActionRun {
    /// Its results, if it completed: `run.completed().unwrap()["path"]`.
    ///
    /// # Errors
    /// It did not: how it ended, why, and what it said.
    pub fn completed(&self) -> Result<&Map<String, Value>, String> {
        match self.status {
            TaskStatus::Completed => Ok(&self.results),
            status => {
                let said = std::iter::once(self.message.as_str()).chain(self.log.iter().map(String::as_str));
                let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
                Err(format!("the action {status}: {}", said.join("; ")))
            }
        }
    }
}

impl Model {
    /// What the unit's charm says of the workload; none for what a charm cannot say, such as `unknown` and `error`.
    #[must_use]
    pub fn unit_status(&self, unit: &str) -> Option<Status> {
        let unit = self.driver.model.units.get(&unit.parse::<UnitName>().ok()?)?;
        Status::of(unit.workload.status.as_str(), unit.workload.message.clone())
    }

    /// The unit's workload status and its agent's, as `juju status` has them: `("active", "idle")`. A unit whose hook failed
    /// is in `error`.
    #[must_use]
    pub fn words(&self, unit: &str) -> Option<(&'static str, &'static str)> {
        let unit = self.driver.model.units.get(&unit.parse::<UnitName>().ok()?)?;
        let agent = unit.agent.status.as_str();
        Some((if agent == "error" { agent } else { unit.workload.status.as_str() }, agent))
    }

    /// What the leader said of the application.
    #[must_use]
    pub fn app_status(&self, app: &str) -> Option<Status> {
        let app = self.driver.model.applications.get(&app.parse::<AppName>().ok()?)?;
        let status = app.status.as_ref()?;
        Status::of(status.status.as_str(), status.message.clone())
    }

    /// The units that there are.
    #[must_use]
    pub fn units(&self) -> Vec<String> {
        self.driver.model.units.keys().map(UnitName::to_string).collect()
    }

    /// Who leads an application.
    #[must_use]
    pub fn leader(&self, app: &str) -> Option<String> {
        let leadership = self.driver.model.leaders.get(&app.parse::<AppName>().ok()?)?;
        Some(leadership.unit.to_string())
    }

    /// What the unit waits for, as `periapt why` has it.
    #[must_use]
    pub fn why(&self, unit: &str) -> Option<Waits> {
        self.why_of(&unit.parse().ok()?)
    }

    fn why_of(&self, unit: &UnitName) -> Option<Waits> {
        let remote = observe(&self.driver.model, unit)?;
        Some(why(self.driver.local(unit)?, &remote, &self.driver.moment(unit)))
    }

    /// What the unit's charm said last of an error.
    fn last_error(&self, unit: &UnitName) -> Option<&str> {
        let errors =
            self.logs.iter().rev().filter(|said| said.unit == *unit && said.line.level == Level::Error);
        errors.map(|said| said.line.message.as_str()).next()
    }

    /// Who waits for what, one line for each.
    pub(super) fn waiting(&self) -> Vec<String> {
        let units = self.driver.model.units.keys().filter(|unit| !self.is_settled(unit));
        units
            .map(|unit| match self.why_of(unit) {
                None => format!("{unit}: its agent has not started"),
                Some(waits) => {
                    let mut all: Vec<String> = waits.waits.iter().map(ToString::to_string).collect();
                    let has_failed = waits.waits.iter().any(|wait| matches!(wait, Wait::HookFailed { .. }));
                    all.extend(self.last_error(unit).filter(|_| has_failed).map(str::to_owned));
                    match all.is_empty() {
                        true => format!("{unit}: always has something to do"),
                        false => format!("{unit}: {}", all.join("; ")),
                    }
                }
            })
            .collect()
    }

    /// All that has happened, as `periapt tail` has it.
    #[must_use]
    pub fn journal(&self) -> &[Arc<JournalRecord>] {
        self.driver.journal()
    }

    /// The events and actions of a unit that were dispatched, in order, failed tries too.
    #[must_use]
    pub fn events(&self, unit: &str) -> Vec<String> {
        let of = self.driver.journal().iter().filter(|record| record.unit.to_string() == unit);
        let names = of.filter_map(|record| match &record.entry {
            Entry::Dispatch(dispatch) => Some(dispatch.event.name()),
            _ => None,
        });
        names.collect()
    }

    /// The lines of a unit's log.
    pub fn log<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a Logged> {
        self.logs.iter().filter(move |line| line.unit.to_string() == unit)
    }

    /// What is deferred in a unit, oldest first.
    #[must_use]
    pub fn deferred(&self, unit: &str) -> Vec<&Notice> {
        self.memory(unit).map(|memory| memory.queue.iter().collect()).unwrap_or_default()
    }

    /// What a unit's charm remembers.
    #[must_use]
    pub fn memory(&self, unit: &str) -> Option<&Memory> {
        self.memories.get(&unit.parse().ok()?)
    }

    /// The stored state of a unit; its default if nothing was stored.
    ///
    /// # Errors
    /// As [`State::stored`].
    pub fn stored<S: StoredState>(&self, unit: &str) -> Result<S, Error> {
        let memory = self.memory(unit).cloned().unwrap_or_default();
        State { memory, ..State::new() }.stored()
    }

    /// A databag of the first relation of an endpoint (`api:db`): that of a unit (`pg/0`) or of an application (`pg`).
    #[must_use]
    pub fn databag(&self, endpoint: &str, whose: &str) -> Option<RawBag> {
        let (app, name) = endpoint.split_once(':')?;
        let (app, name): (AppName, EndpointName) = (app.parse().ok()?, name.parse().ok()?);
        let model = &self.driver.model;
        let relation = model
            .relations_of(&app)
            .find(|relation| relation.ends.iter().any(|end| end.app == app && end.endpoint == name))?;
        match whose.parse::<UnitName>() {
            Ok(unit) => model.member(relation.id, &unit).map(|member| member.settings.clone()),
            Err(_) => {
                let app: AppName = whose.parse().ok()?;
                Some(model.app_bag(relation.id, &app).map(|bag| bag.settings.clone()).unwrap_or_default())
            }
        }
    }

    /// A container's Pebble in a unit: what is done to it, its charm sees. None: the unit has no such container.
    #[cfg(feature = "pebble")]
    #[must_use]
    pub fn container(&mut self, unit: &str, name: &str) -> Option<periapt_pebble::fake::FakePebble> {
        let unit: UnitName = unit.parse().ok()?;
        let charm = self.driver.model.charm_of(unit.app())?;
        let known = charm.meta.containers.keys().any(|container| container.as_str() == name);
        (known && self.driver.model.units.contains_key(&unit))
            .then(|| self.pebbles.entry(unit).or_default().make(name))
    }

    /// The model as the controller has it, for all that there is no method for.
    #[must_use]
    pub fn records(&self) -> &periapt_model::model::Model {
        &self.driver.model
    }

    pub(super) fn task(&self, id: TaskId) -> Option<ActionRun> {
        let task = self.driver.model.tasks.get(&id)?;
        Some(ActionRun {
            status: task.status,
            message: task.message.clone(),
            results: task.results.clone(),
            log: task.log.iter().map(|(_, line)| line.clone()).collect(),
        })
    }
}
