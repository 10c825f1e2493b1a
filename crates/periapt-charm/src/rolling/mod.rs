//! Work that only one unit of the application may do at a time, such as a restart.
//!
//! Units ask for their turn in their peer databags, the leader gives it to one after the other, and a unit keeps it until its
//! work is done: it lies in the databags and is no lock in a process, so neither a deferral nor a failed hook nor a change of
//! leader lets it go.
//!
//! ```
//! use periapt_charm::prelude::*;
//! use periapt_charm::rolling::{Operation, Peers, Rolling, Turn};
//!
//! # static META: Metadata = Metadata { name: "api", json: "{}", files: &[] };
//! # const PEERS: Endpoint = Endpoint::new("peers", Role::Peer, "api-peers");
//! #[derive(Debug)]
//! struct Restart;
//!
//! impl Operation for Restart {
//!     const NAME: &'static str = "restart";
//!     const PEERS: Peers = Peers::of(PEERS);
//! }
//!
//! #[derive(Default)]
//! struct Api { restart: Rolling<Restart> }
//!
//! impl Charm for Api {
//!     const META: &'static Metadata = &META;
//!
//!     fn observe(on: &mut Observe<Self>) {
//!         on.library("restart", |api| &mut api.restart, Rolling::observe);
//!         on.config_changed(Self::config_changed);
//!         on.custom(Self::restart);
//!     }
//! }
//!
//! impl Api {
//!     fn config_changed(&mut self, cx: &mut Context) -> Flow {
//!         self.restart.ask(cx)?;
//!         done()
//!     }
//!
//!     fn restart(&mut self, turn: Turn<Restart>, cx: &mut Context) -> Flow {
//!         turn.work(cx, |cx| {
//!             // Stop, start; `defer(...)` as long as it does not answer: nobody else restarts meanwhile.
//! #           let _ = cx;
//!             done()
//!         })
//!     }
//! }
//! ```

pub mod plan;
mod turn;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use periapt_model::names::UnitName;
use periapt_model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use plan::AfterFailure;
use plan::{AppPlan, UnitPlan, decide, ticket_of};
pub use turn::Turn;

use crate::context::{Context, Relation, RelationSide, StoredState};
use crate::databag::{Interface, Untyped};
use crate::error::Error;
use crate::event::{
    CustomEvent, Event, On, RelationChanged, RelationDeparted, leader_elected, update_status,
};
use crate::flow::{Finish, Flow, done};
use crate::handle::{Endpoint, Role};
use crate::observe::Observe;

/// The peer relation that an operation is planned in.
#[derive(Clone, Copy, Debug)]
pub struct Peers(&'static str);

impl Peers {
    /// Of that endpoint, whatever else its databags hold.
    #[must_use]
    pub const fn of<I: Interface>(endpoint: Endpoint<I>) -> Self {
        Self(endpoint.name())
    }

    fn endpoint(self) -> Endpoint<Untyped> {
        Endpoint::new(self.0, Role::Peer, "")
    }
}

/// What to do when the work of a unit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often it is tried again before the unit gives up.
    pub retries: u32,
    /// How long after a failure.
    pub pause: Duration,
    /// What becomes of the others then.
    pub then: AfterFailure,
}

impl Default for Policy {
    fn default() -> Self {
        Self { retries: 2, pause: Duration::from_secs(10), then: AfterFailure::GoOn }
    }
}

/// Something that one unit does at a time.
pub trait Operation: 'static {
    /// Its name in databags and events. A charm has each name once.
    const NAME: &'static str;
    /// Where it is planned.
    const PEERS: Peers;

    /// What to do when it fails.
    #[must_use]
    fn policy() -> Policy {
        Policy::default()
    }
}

/// Where the unit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It asks for nothing.
    Idle,
    /// It has asked, and so many are before it, as far as the leader has said.
    Waiting {
        /// How many, with the one whose turn it is.
        ahead: usize,
    },
    /// It is its turn.
    Working,
    /// It gave up, and has not asked again.
    GaveUp {
        /// Why.
        reason: String,
    },
}

/// The library's part of a charm: see the [module](self).
pub struct Rolling<O>(PhantomData<fn() -> O>);

impl<O> Default for Rolling<O> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<O: Operation> fmt::Debug for Rolling<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rolling").field(&O::NAME).finish()
    }
}

impl<O: Operation> Rolling<O> {
    /// What [`Observe::library`] takes.
    pub fn observe(on: &mut Observe<Self>) {
        let changed: On<RelationChanged> = O::PEERS.endpoint().changed();
        let departed: On<RelationDeparted> = O::PEERS.endpoint().departed();
        on.any((changed, departed, leader_elected(), update_status())).reconcile(Self::go_on);
        on.pre_commit(Self::close);
    }

    /// Asks for a turn. The charm gets a [`Turn`] when it has it: in this dispatch, if this unit leads and nobody else works.
    /// If the unit has asked already and its work has not begun, that is enough.
    ///
    /// # Errors
    /// The peer relation is not there yet, as in `install`: that is temporary.
    pub fn ask(&self, cx: &Context) -> Result<(), Error> {
        let Some(table) = Table::<O>::find(cx)? else {
            return Err(Error::temporary(format!(
                "{} cannot be planned: there is no peer relation yet",
                O::NAME
            )));
        };
        let mut mine = table.mine()?;
        if mine.asked <= mine.begun.max(mine.finished) {
            mine.asked = mine.begun.max(mine.finished) + 1;
            table.say(&mine)?;
        }
        table.go_on()
    }

    /// Where this unit stands.
    ///
    /// # Errors
    /// Those of the databags.
    pub fn standing(&self, cx: &Context) -> Result<Standing, Error> {
        let Some(table) = Table::<O>::find(cx)? else { return Ok(Standing::Idle) };
        let (app, mine) = (table.app()?, table.mine()?);
        if ticket_of(&app, cx.unit(), &mine).is_some() {
            return Ok(Standing::Working);
        }
        if mine.is_waiting() {
            let place = app.queue.iter().position(|unit| unit == cx.unit()).unwrap_or(app.queue.len());
            return Ok(Standing::Waiting { ahead: place + usize::from(app.turn.is_some()) });
        }
        Ok(mine.gave_up.map_or(Standing::Idle, |reason| Standing::GaveUp { reason }))
    }

    /// What all units say, and the leader: for a status or an action.
    ///
    /// # Errors
    /// Those of the databags.
    pub fn plans(&self, cx: &Context) -> Result<(AppPlan, BTreeMap<UnitName, UnitPlan>), Error> {
        match Table::<O>::find(cx)? {
            Some(table) => Ok((table.app()?, table.units()?)),
            None => Ok((AppPlan::default(), BTreeMap::new())),
        }
    }

    fn go_on(&mut self, cx: &mut Context) -> Flow {
        if let Some(table) = Table::<O>::find(cx)? {
            table.go_on()?;
        }
        done()
    }

    /// Work that has begun and is not deferred any more is over: its handler has returned without [`Turn::work`], or was given
    /// up. The turn must not stay with it.
    fn close(&mut self, cx: &mut Context) -> Finish {
        // Most dispatches are about something else, and cost no hook command here.
        if cx.state_at::<Mark>(&key::<O>())?.ticket == 0 || is_deferred::<O>(cx) {
            return done();
        }
        if let Some(table) = Table::<O>::find(cx)? {
            let mine = table.mine()?;
            if mine.begun > mine.finished {
                tracing::debug!("The work of {} is over, as its event is.", O::NAME);
                return table.finish(None).and_then(|()| done());
            }
        }
        cx.set_state_at(&key::<O>(), &Mark::default())?;
        done()
    }
}

fn key<O: Operation>() -> String {
    format!("rolling-{}", O::NAME)
}

/// The ticket whose work this unit remembers to have begun. What it does not remember was lost with the pod, and with it the
/// deferred event: it begins again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    ticket: u64,
    /// After a failure: not tried again before that, whichever events come meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
}

impl StoredState for Mark {
    const KEY: &'static str = "rolling";
}

/// Whether the event of the turn waits to be handled again.
fn is_deferred<O: Operation>(cx: &Context) -> bool {
    let memory = cx.memory.borrow();
    memory
        .queue
        .iter()
        .any(|notice| matches!(&notice.event, Event::Custom(event) if event.name == Turn::<O>::name()))
}

/// The databags of one operation.
struct Table<'a, O> {
    cx: &'a Context,
    relation: Relation<'a, Untyped>,
    operation: PhantomData<fn() -> O>,
}

impl<'a, O: Operation> Table<'a, O> {
    fn find(cx: &'a Context) -> Result<Option<Self>, Error> {
        let relation = cx.relation(O::PEERS.endpoint())?;
        Ok(relation.map(|relation| Self { cx, relation, operation: PhantomData }))
    }

    fn read<T: DeserializeOwned + Default>(&self, side: RelationSide) -> Result<T, Error> {
        let bag = self.relation.raw(&side)?;
        let Some(text) = bag.get(&key::<O>()) else { return Ok(T::default()) };
        serde_json::from_str(text).map_err(|error| {
            Error::bug(format!("{} of {side} in {}: {error}", key::<O>(), self.relation.name()))
        })
    }

    fn write(&self, side: RelationSide, plan: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(plan)?;
        self.relation.write(side, BTreeMap::from([(key::<O>(), Some(text))]))
    }

    fn app(&self) -> Result<AppPlan, Error> {
        self.read(RelationSide::App(self.cx.app().clone()))
    }

    fn mine(&self) -> Result<UnitPlan, Error> {
        self.read(RelationSide::Unit(self.cx.unit().clone()))
    }

    fn say(&self, mine: &UnitPlan) -> Result<(), Error> {
        self.write(RelationSide::Unit(self.cx.unit().clone()), mine)
    }

    fn units(&self) -> Result<BTreeMap<UnitName, UnitPlan>, Error> {
        let mut all = BTreeMap::from([(self.cx.unit().clone(), self.mine()?)]);
        for unit in self.relation.units()?.iter() {
            all.insert(unit.clone(), self.read(RelationSide::Unit(unit.clone()))?);
        }
        Ok(all)
    }

    /// The leader decides; then the unit whose turn it is begins, if it is this one. Nobody hears of its own writes, so
    /// whatever they lead to is done here.
    fn go_on(&self) -> Result<(), Error> {
        let mut app = self.app()?;
        if self.cx.is_leader()? {
            let units = self.units()?;
            if self.knows_who_works(&app, &units) {
                let decided = decide(&app, &units, O::policy().then);
                if decided != app {
                    self.write(RelationSide::App(self.cx.app().clone()), &decided)?;
                    app = decided;
                }
            }
        }
        let mut mine = self.mine()?;
        let remembered = self.cx.state_at::<Mark>(&key::<O>())?;
        let ticket = ticket_of(&app, self.cx.unit(), &mine).filter(|ticket| *ticket != remembered.ticket);
        if let Some(ticket) = ticket {
            if mine.begun != ticket {
                mine.begun = ticket;
                self.say(&mine)?;
            }
            self.cx.set_state_at(&key::<O>(), &Mark { ticket, not_before: None })?;
            self.cx.emit(&Turn::<O>::new(ticket))?;
        }
        Ok(())
    }

    /// A unit that has the turn and cannot be seen may be gone. It may also be that this unit is new, and has not been told of
    /// it yet: then the turn must not be taken from it.
    fn knows_who_works(&self, app: &AppPlan, units: &BTreeMap<UnitName, UnitPlan>) -> bool {
        let unseen = app.turn.as_ref().map(|turn| &turn.unit).filter(|unit| !units.contains_key(unit));
        let Some(unit) = unseen else { return true };
        if let Some(Event::RelationDeparted(event)) = self.cx.environment().event()
            && event.relation.id == self.relation.id()
            && event.unit == *unit
        {
            return true;
        }
        match self.cx.goal_state() {
            Ok(goal) => !goal.units.contains_key(unit),
            Err(error) => {
                tracing::warn!("{} waits for {unit}, of which nothing is known: {error}", O::NAME);
                false
            }
        }
    }

    /// The work for the ticket at hand is over. The leader gives the turn to the next at once.
    fn finish(&self, gave_up: Option<String>) -> Result<(), Error> {
        let mine = self.mine()?;
        self.cx.set_state_at(&key::<O>(), &Mark::default())?;
        self.say(&UnitPlan { finished: mine.begun, failures: 0, gave_up, ..mine })?;
        self.go_on()
    }
}
