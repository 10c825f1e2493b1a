//! A stand-in for a charm that is not here.

use std::rc::Rc;
use std::sync::Arc;

use periapt_model::charm::{CharmMeta, Role};
use periapt_model::names::{AppName, UnitName};
use serde_json::json;

use super::program::Program;
use crate::commands::Commands;
use crate::context::{Context, Relation, RelationSide};
use crate::databag::{Databag, RawBag, Untyped};
use crate::environment::Environment;
use crate::error::Error;
use crate::event::{Event, RelationRef};
use crate::handle::Endpoint;
use crate::log::{Lines, least_level};
use crate::memory::Memory;
use crate::testing::caught::{Ended, caught};

type Handle = dyn Fn(&Event, &mut StubCx<'_>) -> Result<(), Error>;

/// An application with one endpoint and no charm.
pub(super) struct Stub {
    meta: Rc<CharmMeta>,
    endpoint: Endpoint<Untyped>,
    handle: Box<Handle>,
}

impl Stub {
    pub(super) fn new(
        app: &str,
        endpoint: &str,
        role: Role,
        interface: &str,
        handle: impl Fn(&Event, &mut StubCx<'_>) -> Result<(), Error> + 'static,
    ) -> Result<Self, serde_json::Error> {
        let meta = serde_json::from_value(json!({
            "name": app, "summary": "a stand-in", "description": "", "format": "v2",
            "endpoints": {endpoint: {"role": role, "interface": interface}},
        }))?;
        // Names of endpoints live as long as the program, as those that `charm!` makes do.
        let name: &'static str = Box::leak(endpoint.to_owned().into_boxed_str());
        let endpoint = Endpoint::new(name, role, "");
        Ok(Self { meta: Rc::new(meta), endpoint, handle: Box::new(handle) })
    }
}

impl Program for Stub {
    fn meta(&self) -> &CharmMeta {
        &self.meta
    }

    fn dispatch(
        &self,
        environment: Environment,
        commands: Box<dyn Commands>,
        memory: Memory,
    ) -> (Ended, Memory) {
        let lines = Arc::new(Lines::new(least_level(None)));
        let event = environment.event().cloned();
        let cx = Context::new(environment, Rc::clone(&self.meta), commands, memory, lines);
        let ended = caught(|| {
            let Some((event, relation)) = event.as_ref().and_then(|e| Some((e, e.relation()?))) else {
                return Ok(());
            };
            (self.handle)(event, &mut StubCx { cx: &cx, relation: relation.clone(), endpoint: self.endpoint })
        });
        (ended, cx.memory.take())
    }
}

/// What a stand-in sees and does in one of its relation's events.
#[derive(Debug)]
pub struct StubCx<'a> {
    cx: &'a Context,
    relation: RelationRef,
    endpoint: Endpoint<Untyped>,
}

impl StubCx<'_> {
    /// The stand-in's unit.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        self.cx.unit()
    }

    /// Whether it leads, so that it may write its application's databag.
    ///
    /// # Errors
    /// Those of `is-leader`.
    pub fn is_leader(&self) -> Result<bool, Error> {
        self.cx.is_leader()
    }

    /// The application on the other side.
    ///
    /// # Errors
    /// Those of `relation-list`.
    pub fn app(&self) -> Result<Option<AppName>, Error> {
        self.with(|relation| relation.app())
    }

    /// The units on the other side.
    ///
    /// # Errors
    /// Those of `relation-list`.
    pub fn units(&self) -> Result<Vec<UnitName>, Error> {
        self.with(|relation| relation.units().map(|units| units.to_vec()))
    }

    /// What the other application wrote.
    ///
    /// # Errors
    /// Those of `relation-get`.
    pub fn remote_app(&self) -> Result<RawBag, Error> {
        let Some(app) = self.app()? else { return Ok(RawBag::new()) };
        self.with(|relation| relation.raw(&RelationSide::App(app)).map(|bag| (*bag).clone()))
    }

    /// What a unit of the other side wrote.
    ///
    /// # Errors
    /// Those of `relation-get`.
    pub fn remote_unit(&self, unit: &UnitName) -> Result<RawBag, Error> {
        self.with(|relation| relation.raw(&RelationSide::Unit(unit.clone())).map(|bag| (*bag).clone()))
    }

    /// Writes the stand-in's application databag.
    ///
    /// # Errors
    /// Its unit does not lead.
    pub fn set_app(&self, data: &impl Databag) -> Result<(), Error> {
        let side = RelationSide::App(self.cx.app().clone());
        let changes = data.to_raw()?;
        self.with(|relation| relation.write(side, changes))
    }

    /// Writes the stand-in's unit databag.
    ///
    /// # Errors
    /// Those of `relation-set`.
    pub fn set_unit(&self, data: &impl Databag) -> Result<(), Error> {
        let side = RelationSide::Unit(self.cx.unit().clone());
        let changes = data.to_raw()?;
        self.with(|relation| relation.write(side, changes))
    }

    fn with<T>(&self, work: impl FnOnce(Relation<'_, Untyped>) -> Result<T, Error>) -> Result<T, Error> {
        work(self.cx.relation_of(self.endpoint, &self.relation)?)
    }
}
