//! One event on one unit: state in, state out.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use periapt_context::{ContextKind, View};
use periapt_model::charm::CharmMeta;
use periapt_model::local::Local;
use periapt_model::model::Model;
use periapt_model::names::{AppName, TaskId, UnitName};
use serde::Serialize;
use serde_json::{Map, Value};

use super::caught::caught;
use super::containers::Pebbles;
use super::error::{Inconsistent, ScenarioError};
use super::hook::{Desk, Hook, Start};
use super::output::Output;
use super::paused::{Paused, failed};
use super::picture::{Unit0, context_of};
use super::rules;
use super::state::State;
use super::trigger::Trigger;
use crate::Charm;
use crate::action::ActionParams;
use crate::context::Context;
use crate::environment::{Dispatched, Environment};
use crate::event::CustomEvent;
use crate::log::{Collector, Lines, least_level};
use crate::memory::{HandlerId, Notice};
use crate::observe::short_name;
use crate::registry::Registry;

/// The task of an action.
const TASK: TaskId = TaskId(2);

/// Runs single events of one unit of the charm `C`.
///
/// It is the unit `0` of an application that is called as the charm, on Periapt, unless said otherwise. It keeps nothing from
/// one event to the next: all there is, is in the [`State`].
pub struct Scenario<C> {
    pub(super) us: Unit0,
    metadata: Rc<CharmMeta>,
    seed: u64,
    juju_version: String,
    machine_id: Option<String>,
    availability_zone: Option<String>,
    principal_unit: Option<String>,
    charm_dir: PathBuf,
    periapt: bool,
    lines: Arc<Lines>,
    pub(super) collector: tracing::Dispatch,
    /// The picture of the last state, which the next event often starts from again.
    last: RefCell<Option<Box<Drawn>>>,
    /// What the charm observes, which is the same at every event.
    registry: OnceCell<Rc<Registry<C>>>,
}

impl<C> fmt::Debug for Scenario<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("unit", &self.us.unit).finish_non_exhaustive()
    }
}

impl<C: Charm> Default for Scenario<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Charm> Scenario<C> {
    /// For unit 0 of an application that is called as the charm.
    #[must_use]
    pub fn new() -> Self {
        let meta = C::META.parse();
        let app = AppName::new(&meta.name).or_else(|_| AppName::new("charm"));
        let app = app.unwrap_or_else(|_| unreachable!("a constant name is well formed"));
        let lines = Arc::new(Lines::new(least_level(None)));
        Self {
            us: Unit0::new(UnitName::new(app, 0), meta.clone()),
            metadata: Rc::new(meta),
            seed: 0,
            juju_version: "3.6.14".to_owned(),
            machine_id: None,
            availability_zone: None,
            principal_unit: None,
            charm_dir: PathBuf::from("."),
            periapt: true,
            collector: tracing::Dispatch::new(Collector(Arc::clone(&lines))),
            lines,
            last: RefCell::new(None),
            registry: OnceCell::new(),
        }
    }

    /// Of an application with another name.
    ///
    /// # Panics
    /// A text that is no name of an application.
    #[must_use]
    #[track_caller]
    pub fn with_app_name(mut self, name: &str) -> Self {
        match AppName::new(name) {
            Ok(app) => self.us.unit = UnitName::new(app, self.us.unit.number()),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Of another unit.
    #[must_use]
    pub fn with_unit(mut self, number: u32) -> Self {
        self.us.unit = UnitName::new(self.us.unit.app().clone(), number);
        self
    }

    /// With another seed for what the charm leaves to chance, such as the jitter of its retries.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// On Juju, where Periapt's own hook commands are missing.
    #[must_use]
    pub fn on_juju(mut self, version: impl Into<String>) -> Self {
        self.juju_version = version.into();
        self.us.juju_major =
            self.juju_version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        self.periapt = false;
        self
    }

    /// With this machine's id.
    #[must_use]
    pub fn with_machine_id(mut self, id: impl Into<String>) -> Self {
        self.machine_id = Some(id.into());
        self
    }

    /// In this zone of the cloud.
    #[must_use]
    pub fn with_availability_zone(mut self, zone: impl Into<String>) -> Self {
        self.availability_zone = Some(zone.into());
        self
    }

    /// As a subordinate of this unit.
    #[must_use]
    pub fn with_principal_unit(mut self, unit: impl Into<String>) -> Self {
        self.principal_unit = Some(unit.into());
        self
    }

    /// In this folder: where the charm finds its own files.
    #[must_use]
    pub fn with_charm_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.charm_dir = dir.into();
        self
    }

    /// Trusted (`juju trust`), or not.
    #[must_use]
    pub fn with_trust(mut self, trust: bool) -> Self {
        self.us.trust = trust;
        self
    }

    /// The unit whose events it runs.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        &self.us.unit
    }

    pub(super) fn registry(&self) -> &Rc<Registry<C>> {
        self.registry.get_or_init(|| Rc::new(Registry::of_charm()))
    }

    /// Runs an event.
    ///
    /// # Errors
    /// The state is not consistent, or the hook failed.
    pub fn run(&self, event: impl Into<Trigger>, state: &State) -> Result<Output, ScenarioError> {
        let mut paused = self.begin(event, state)?;
        paused.run()?;
        paused.end()
    }

    /// Runs an event, and looks at the charm and its context before what it did is kept.
    ///
    /// # Errors
    /// As [`Scenario::run`].
    pub fn run_with<T>(
        &self,
        event: impl Into<Trigger>,
        state: &State,
        look: impl FnOnce(&mut C, &mut Context) -> T,
    ) -> Result<(Output, T), ScenarioError> {
        let mut paused = self.begin(event, state)?;
        paused.run()?;
        let seen = look(&mut paused.charm, &mut paused.cx);
        Ok((paused.end()?, seen))
    }

    /// Runs an event of the charm's own, or of a library, as if it had been emitted in a dispatch that has no other event.
    ///
    /// # Errors
    /// As [`Scenario::run`].
    pub fn run_custom<E: CustomEvent>(&self, event: &E, state: &State) -> Result<Output, ScenarioError> {
        self.run(Trigger::custom(event), state)
    }

    /// Runs an action. What it said is in the output; a failure it reported itself (`action-fail`) is there too.
    ///
    /// # Errors
    /// As [`Scenario::run`]; parameters that the action's schema does not allow.
    pub fn run_action<P: ActionParams + Serialize>(
        &self,
        params: P,
        state: &State,
    ) -> Result<Output, ScenarioError> {
        let params = match serde_json::to_value(&params) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        self.run_action_named(P::NAME, params, state)
    }

    /// Runs the action of that name with these parameters, as an operator gives them.
    ///
    /// # Errors
    /// As [`Scenario::run_action`].
    pub fn run_action_named(
        &self,
        name: &str,
        params: Map<String, Value>,
        state: &State,
    ) -> Result<Output, ScenarioError> {
        let mut paused = self.begin_action(name, params, state)?;
        paused.run()?;
        paused.end()
    }

    /// Prepares an event without running it: look at the charm, change it, then [`Paused::run`] and [`Paused::end`].
    ///
    /// # Errors
    /// The state is not consistent.
    pub fn begin(&self, event: impl Into<Trigger>, state: &State) -> Result<Paused<'_, C>, ScenarioError> {
        rules::check_state(&self.us, state)?;
        let event = event.into().resolve(&self.us, state)?;
        rules::check_event(&self.us, state, &event)?;
        let context = context_of(&event);
        self.pause(Dispatched::Event(event), context, state)
    }

    /// Prepares an action without running it.
    ///
    /// # Errors
    /// As [`Scenario::run_action`].
    pub fn begin_action(
        &self,
        name: &str,
        params: Map<String, Value>,
        state: &State,
    ) -> Result<Paused<'_, C>, ScenarioError> {
        rules::check_state(&self.us, state)?;
        let (name, params) = rules::check_action(&self.us, name, params)?;
        let dispatched = Dispatched::Action { name: name.to_string(), id: TASK.to_string() };
        self.pause(dispatched, ContextKind::Action { task: TASK, name, params }, state)
    }

    /// An event that a handler has deferred before, to be put into a state with [`State::with_deferred`].
    ///
    /// `handler` is the method's name, or that given with `named`; for a library's, its path: `db/changed`.
    ///
    /// # Errors
    /// What is missing of the event is not in `state`; the charm has no such handler for the event.
    pub fn deferred(
        &self,
        event: impl Into<Trigger>,
        handler: &str,
        state: &State,
    ) -> Result<Notice, Inconsistent> {
        let event = event.into().resolve(&self.us, state)?;
        let registry = self.registry();
        let id = handler_id(short_name::<C>(), handler);
        let fits: Vec<&HandlerId> =
            registry.of(&event).into_iter().map(|index| &registry.handlers[index].id).collect();
        if !fits.contains(&&id) {
            let known: Vec<String> = fits.iter().map(|id| id.handler.clone()).collect();
            return Err(Inconsistent::new(
                "deferred",
                format!("{id} does not handle {}", event.name()),
                match known.is_empty() {
                    true => "name an event that the charm handles".to_owned(),
                    false => format!("name one of its handlers: {}", known.join(", ")),
                },
            ));
        }
        Ok(Notice {
            sequence: 0,
            event,
            handler: id,
            lane: None,
            reason: "deferred before".to_owned(),
            attempts: 1,
            first: state.time,
            last: state.time,
            wakes: Vec::new(),
            seen: std::collections::BTreeMap::new(),
        })
    }

    /// What the hook sees of a state, whose memory it does not see.
    fn view(&self, state: &State, context: ContextKind) -> Result<View, Inconsistent> {
        let mut last = self.last.borrow_mut();
        let whose = self.us.whose();
        let (model, local) = match &*last {
            Some(drawn) if drawn.whose == whose && drawn.state == *state => {
                (Arc::clone(&drawn.model), drawn.local.clone())
            }
            _ => {
                let (model, local) = self.us.draw(state)?;
                let model = Arc::new(model);
                let (shared, remembered) = (Arc::clone(&model), local.clone());
                *last = Some(Box::new(Drawn { whose, state: state.clone(), model, local }));
                (shared, remembered)
            }
        };
        Ok(View { model, unit: self.us.unit.clone(), context, local })
    }

    fn pause(
        &self,
        dispatched: Dispatched,
        context: ContextKind,
        state: &State,
    ) -> Result<Paused<'_, C>, ScenarioError> {
        let name = dispatched.name();
        let mut before = state.clone();
        let memory = std::mem::take(&mut before.memory);
        let view = self.view(&before, context)?;
        let environment = Environment {
            unit: self.us.unit.clone(),
            model: state.model.name.clone(),
            model_uuid: state.model.uuid.clone(),
            charm_dir: self.charm_dir.clone(),
            juju_version: self.juju_version.clone(),
            machine_id: self.machine_id.clone(),
            availability_zone: self.availability_zone.clone(),
            principal_unit: self.principal_unit.clone(),
            dispatched,
        };
        let start = Start {
            view,
            epoch: 0,
            now: state.time,
            // The time is part of it, or the charm would draw the same numbers at every event.
            seed: self.seed ^ state.time.0.unsigned_abs(),
            periapt: self.periapt,
            resources: state.resources.clone(),
            storages: state.storages.clone(),
            pebbles: Pebbles::of_state(state),
        };
        let hook = Hook::new(start);
        let desk = Box::new(Desk(Rc::clone(&hook)));
        let lines = Arc::clone(&self.lines);
        let cx = Context::new(environment, Rc::clone(&self.metadata), desk, memory, lines);
        let mut charm = None;
        let made = caught(|| {
            charm = Some(tracing::dispatcher::with_default(&self.collector, C::default));
            Ok(())
        });
        match charm {
            Some(charm) => Ok(Paused { scenario: self, charm, cx, hook, before, name, ran: false }),
            None => Err(failed(&name, made, &hook.borrow())),
        }
    }
}

/// The picture of a state.
struct Drawn {
    whose: (UnitName, bool, u32),
    state: State,
    model: Arc<Model>,
    local: Local,
}

fn handler_id(charm: &str, handler: &str) -> HandlerId {
    match handler.rsplit_once('/') {
        Some((library, handler)) => {
            HandlerId { observer: format!("{charm}/{library}"), handler: handler.to_owned() }
        }
        None => HandlerId { observer: charm.to_owned(), handler: handler.to_owned() },
    }
}
