//! A whole little model: applications with their units, the lifecycle that a controller and its agents go through, and
//! virtual time.

mod program;
mod report;
mod step;
mod stub;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use periapt_lifecycle::simulate::{Broken, Driver, Rng};
use periapt_lifecycle::{RestReason, Step, next};
use periapt_model::charm::Role;
use periapt_model::command::{Answer, Command, Deploy, EndpointRef, Receiver, Refusal, RelationRef};
use periapt_model::entity::{Charm as CharmRecord, ModelInfo};
use periapt_model::names::{AppName, CharmId, ModelName, TaskId, UnitName};
use periapt_model::observe::observe;
use periapt_model::remote::Resolve;
use periapt_model::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

pub use report::{ActionRun, Logged};
pub use stub::StubCx;

use super::containers::Pebbles;
use super::state::State;
use crate::action::ActionParams;
use crate::event::Event;
use crate::memory::Memory;
use crate::{Charm, Error};
use program::{Of, Program};
use stub::Stub;

/// How long, in virtual time, [`Model::settle`] lets things go on before it says who waits for what.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// So many dispatches without rest are too many.
const MOST_DISPATCHES: usize = 20_000;

/// Why a model did not do what a test asked of it.
#[derive(Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// An operator's command was refused.
    #[error("{message}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
    Refused {
        /// Why.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A text that is no name of what was asked for.
    #[error("{0}")]
    BadName(String),
    /// The order of events is not the one that Juju keeps, or another promise was broken: a bug in Periapt.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// The model does not come to rest.
    #[error("the model has not settled after {} s:{}", .after.as_secs(), .waiting.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    NotSettled {
        /// How long it was given.
        after: Duration,
        /// Who waits for what, one line each.
        waiting: Vec<String>,
    },
}

impl From<Refusal> for ModelError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { message: refusal.message, hint: refusal.hint }
    }
}

/// A Juju model in which charms run, in this process and in virtual time.
///
/// Applications are deployed, related, scaled and removed as by an operator; each unit's agent decides with the real
/// lifecycle core which hook comes next, and the charm runs in it as in a [`Scenario`](super::Scenario). What is deferred is
/// woken as Periapt wakes it, failed hooks are tried again by Juju's policy, and time jumps to the next moment at which
/// something happens. Each trace is held against the lifecycle's table.
///
/// ```
/// # use periapt_charm::prelude::*;
/// use periapt_charm::testing::Model;
/// # static META: Metadata = Metadata {
/// #     name: "api",
/// #     json: r#"{"name": "api", "summary": "", "description": "", "format": "v2"}"#,
/// #     files: &[],
/// # };
/// # #[derive(Default)]
/// # struct Api;
/// # impl Charm for Api {
/// #     const META: &'static Metadata = &META;
/// #     fn observe(on: &mut Observe<Self>) { on.start(Self::start); }
/// # }
/// # impl Api {
/// #     fn start(&mut self, cx: &mut Context) -> Flow {
/// #         if cx.attempt().number < 3 { return defer("not yet").wake_after(secs(30)); }
/// #         cx.set_status(Status::Active(String::new()))?;
/// #         done()
/// #     }
/// # }
/// # fn main() -> Result<(), periapt_charm::testing::ModelError> {
/// let mut model = Model::new();
/// model.deploy::<Api>("api", 3)?.settle()?;
/// assert_eq!(model.unit_status("api/2"), Some(Status::Active(String::new())));
/// # Ok(())
/// # }
/// ```
pub struct Model {
    driver: Driver,
    /// What runs, by the charm's files.
    programs: BTreeMap<CharmId, Rc<dyn Program>>,
    /// What the charms have in their folders.
    memories: BTreeMap<UnitName, Memory>,
    pebbles: BTreeMap<UnitName, Pebbles>,
    logs: Vec<Logged>,
    seed: u64,
    order: Rng,
    uploads: u32,
    dispatches: usize,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: Vec<String> = self.driver.model.units.keys().map(UnitName::to_string).collect();
        f.debug_struct("Model").field("now", &self.driver.now).field("units", &units).finish_non_exhaustive()
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// A model with nothing in it. Units take turns in the order of their names.
    #[must_use]
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// The same, with another seed for all that is left to chance: also which unit is next. Run a test with many seeds to see
    /// many orders of events.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let state = State::new();
        let name = ModelName::new(&state.model.name).or_else(|_| ModelName::new("testing"));
        let name = name.unwrap_or_else(|_| unreachable!("a constant name is well formed"));
        let mut driver = Driver::new(ModelInfo::new(state.model.uuid, name, state.time), state.time);
        driver.keep_journal();
        Self {
            driver,
            programs: BTreeMap::new(),
            memories: BTreeMap::new(),
            pebbles: BTreeMap::new(),
            logs: Vec::new(),
            seed,
            order: Rng::new(seed),
            uploads: 0,
            dispatches: 0,
        }
    }

    /// Deploys so many units of a charm.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn deploy<C: Charm>(&mut self, app: &str, units: u32) -> Result<&mut Self, ModelError> {
        self.deploy_with::<C>(app, units, &[])
    }

    /// The same, with options as an operator types them.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn deploy_with<C: Charm>(
        &mut self,
        app: &str,
        units: u32,
        config: &[(&str, &str)],
    ) -> Result<&mut Self, ModelError> {
        self.deploy_program(app, units, config, Rc::new(Of::<C>::new()))
    }

    /// Deploys a unit that stands in for a charm that is not here: an application with one endpoint, whose relation events
    /// are handled by `handle`, which reads and writes databags.
    ///
    /// # Errors
    /// The model refuses it; an error of `handle` fails the stand-in's hook.
    pub fn deploy_stub(
        &mut self,
        app: &str,
        endpoint: &str,
        role: Role,
        interface: &str,
        handle: impl Fn(&Event, &mut StubCx<'_>) -> Result<(), Error> + 'static,
    ) -> Result<&mut Self, ModelError> {
        let stub = Stub::new(app, endpoint, role, interface, handle);
        let stub = stub.map_err(|error| ModelError::BadName(error.to_string()))?;
        self.deploy_program(app, 1, &[], Rc::new(stub))
    }

    fn deploy_program(
        &mut self,
        app: &str,
        units: u32,
        config: &[(&str, &str)],
        program: Rc<dyn Program>,
    ) -> Result<&mut Self, ModelError> {
        let charm = self.upload(program);
        let deploy = Deploy {
            name: Some(parse(app)?),
            charm,
            units,
            config: texts(config),
            trust: false,
            resources: BTreeMap::new(),
            constraints: String::new(),
            channel: None,
            force: true,
        };
        self.command(Command::Deploy(Box::new(deploy)))
    }

    fn upload(&mut self, program: Rc<dyn Program>) -> CharmRecord {
        self.uploads += 1;
        let meta = program.meta().clone();
        let id = CharmId(format!("{}-{}", meta.name, self.uploads));
        self.programs.insert(id.clone(), program);
        CharmRecord { id, url: String::new(), revision: 0, version: None, meta }
    }

    /// Gives an application another charm (`juju refresh`): its units run `upgrade-charm` with it.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn upgrade<C: Charm>(&mut self, app: &str) -> Result<&mut Self, ModelError> {
        let charm = self.upload(Rc::new(Of::<C>::new()));
        self.command(Command::Refresh {
            app: parse(app)?,
            charm: Some(Box::new(charm)),
            force_units: false,
            config: BTreeMap::new(),
            resources: BTreeMap::new(),
            channel: None,
            trust: None,
        })
    }

    /// Relates two applications: `("api:db", "pg:db")`, or without the endpoints where only one pair fits.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn integrate(&mut self, a: &str, b: &str) -> Result<&mut Self, ModelError> {
        self.command(Command::Integrate { a: end(a)?, b: end(b)? })
    }

    /// Ends a relation.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn remove_relation(&mut self, a: &str, b: &str) -> Result<&mut Self, ModelError> {
        let relation = RelationRef::Ends(end(a)?, end(b)?);
        self.command(Command::RemoveRelation { relation, force: false })
    }

    /// Adds units.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn add_units(&mut self, app: &str, count: u32) -> Result<&mut Self, ModelError> {
        self.command(Command::AddUnits { app: parse(app)?, count })
    }

    /// Removes a unit, after its hooks.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn remove_unit(&mut self, unit: &str) -> Result<&mut Self, ModelError> {
        self.command(Command::RemoveUnits { units: vec![parse(unit)?], force: false })
    }

    /// Removes an application, after its units' hooks.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn remove(&mut self, app: &str) -> Result<&mut Self, ModelError> {
        self.command(Command::RemoveApplication { app: parse(app)?, force: false })
    }

    /// Sets an option, as an operator types it.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn config(&mut self, app: &str, option: &str, value: &str) -> Result<&mut Self, ModelError> {
        let set = texts(&[(option, value)]);
        self.command(Command::SetConfig { app: parse(app)?, set, reset: Vec::new() })
    }

    /// Sets a setting of the model, such as `update-status-hook-interval`.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn setting(&mut self, name: &str, value: &str) -> Result<&mut Self, ModelError> {
        self.command(Command::SetModelConfig { set: texts(&[(name, value)]), reset: Vec::new() })
    }

    /// Trusts an application, or no longer.
    ///
    /// # Errors
    /// The model refuses it.
    pub fn trust(&mut self, app: &str, trust: bool) -> Result<&mut Self, ModelError> {
        self.command(Command::SetTrust { app: parse(app)?, trust })
    }

    /// Has a failed hook run again now (`juju resolved`).
    ///
    /// # Errors
    /// The unit is not in error.
    pub fn resolve(&mut self, unit: &str) -> Result<&mut Self, ModelError> {
        self.command(Command::Resolve { units: vec![parse(unit)?], all: false, how: Resolve::Retry })
    }

    /// Takes the leadership of an application away from whoever has it, as when its machine is cut off. The first unit that
    /// looks takes it.
    ///
    /// # Errors
    /// No such application.
    pub fn lose_leadership(&mut self, app: &str) -> Result<&mut Self, ModelError> {
        let app: AppName = parse(app)?;
        match self.driver.model.leaders.get(&app).map(|leadership| leadership.unit.clone()) {
            Some(unit) => self.command(Command::LeaseEnded { app, unit }),
            None => Ok(self),
        }
    }

    fn command(&mut self, command: Command) -> Result<&mut Self, ModelError> {
        self.driver.command(command)?;
        Ok(self)
    }

    /// Runs an action on a unit, and lets the model go on until it has ended.
    ///
    /// # Errors
    /// The model refuses it; it does not end.
    pub fn run_action<P: ActionParams + Serialize>(
        &mut self,
        unit: &str,
        params: P,
    ) -> Result<ActionRun, ModelError> {
        let params = match serde_json::to_value(&params) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        self.run_action_named(unit, P::NAME, params)
    }

    /// The same, of the action of that name.
    ///
    /// # Errors
    /// As [`Model::run_action`].
    pub fn run_action_named(
        &mut self,
        unit: &str,
        name: &str,
        params: Map<String, Value>,
    ) -> Result<ActionRun, ModelError> {
        let unit: UnitName = parse(unit)?;
        let receivers = vec![Receiver::Unit(unit)];
        let answer = self.driver.command(Command::Run { receivers, action: parse(name)?, params })?;
        let Answer::Operation { tasks, .. } = answer else {
            return Err(ModelError::BadName(format!("{name} was not queued")));
        };
        let task = tasks.first().map_or(TaskId(0), |(task, _)| *task);
        let is_over = |model: &Self| model.task(task).is_none_or(|run| run.status.is_final());
        self.go_on_until(PATIENCE, is_over)?;
        self.task(task).ok_or_else(|| ModelError::BadName(format!("the task of {name} is gone")))
    }

    /// Lets everything happen until all is done: no hook is due, nothing is deferred or has failed, no wake is to come. Time
    /// jumps over what nobody needs.
    ///
    /// # Errors
    /// [`ModelError::NotSettled`], with who waits for what, when that takes more than two hours of virtual time.
    pub fn settle(&mut self) -> Result<&mut Self, ModelError> {
        self.go_on_until(PATIENCE, |model| {
            model.driver.model.units.keys().all(|unit| model.is_settled(unit))
        })?;
        Ok(self)
    }

    /// Lets this much time pass, with all that happens in it. Units need not come to rest.
    ///
    /// # Errors
    /// A broken promise of the core, or units that never come to rest.
    pub fn pass(&mut self, time: Duration) -> Result<&mut Self, ModelError> {
        let end = self.driver.now + time;
        loop {
            self.go_on_until(time, |model| model.nothing_due())?;
            match self.driver.first_timer() {
                Some(at) if at <= end => self.driver.pass_to(at.max(self.driver.now)),
                _ => break,
            }
        }
        if self.driver.now < end {
            self.driver.pass_to(end);
        }
        Ok(self)
    }

    fn nothing_due(&self) -> bool {
        let units = self.driver.model.units.keys();
        units.into_iter().all(|unit| self.next_step(unit).is_some_and(|step| step.is_rest()))
    }

    fn next_step(&self, unit: &UnitName) -> Option<Step> {
        let (local, remote) = (self.driver.local(unit)?, observe(&self.driver.model, unit)?);
        Some(next(local, &remote, &self.driver.moment(unit)))
    }

    fn is_settled(&self, unit: &UnitName) -> bool {
        let waits =
            self.driver.local(unit).is_some_and(|local| local.wakes.iter().any(|w| w.alarm.due.is_some()));
        !waits && matches!(self.next_step(unit), Some(Step::Rest { why: RestReason::Settled, .. }))
    }

    fn go_on_until(&mut self, patience: Duration, is_over: impl Fn(&Self) -> bool) -> Result<(), ModelError> {
        let begun = self.driver.now;
        let most = self.dispatches.saturating_add(MOST_DISPATCHES);
        loop {
            if is_over(self) {
                return Ok(());
            }
            let mut moved = false;
            for unit in self.turns() {
                moved |= self.take_turn(&unit)?;
            }
            let is_late = self.driver.now.since(begun) > patience || self.dispatches > most;
            if is_late || (!moved && !is_over(self) && !self.driver.pass_to_timer()) {
                let waiting = self.waiting();
                return Err(ModelError::NotSettled { after: self.driver.now.since(begun), waiting });
            }
        }
    }

    /// The units in the order of this round.
    fn turns(&mut self) -> Vec<UnitName> {
        let mut units: Vec<UnitName> = self.driver.model.units.keys().cloned().collect();
        if self.seed != 0 {
            for place in (1..units.len()).rev() {
                units.swap(place, self.order.below(place + 1));
            }
        }
        units
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.driver.now
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, ModelError>
where
    T::Err: fmt::Display,
{
    text.parse().map_err(|error: T::Err| ModelError::BadName(error.to_string()))
}

/// `app` or `app:endpoint`.
fn end(text: &str) -> Result<EndpointRef, ModelError> {
    let (app, endpoint) = text.split_once(':').map_or((text, None), |(app, name)| (app, Some(name)));
    Ok(EndpointRef { app: parse(app)?, endpoint: endpoint.map(parse).transpose()? })
}
