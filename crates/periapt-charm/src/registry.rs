//! A charm's handlers as data: what [`Observe`](crate::Observe) takes and a dispatch looks up.

use std::rc::Rc;
use std::time::Duration;

use crate::Charm;
use crate::action::ActionResult;
use crate::context::{Context, JujuWakes};
use crate::error::Error;
use crate::event::{Event, Pattern};
use crate::flow::{Finish, Flow};
use crate::memory::HandlerId;
use crate::observe::{Observe, short_name};
use crate::status::Statuses;

/// Why a handler was not run.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It does not take such an event.
    Event,
    /// The event's data does not fit its type.
    Data(Error),
}

pub(crate) type Call<C> = Rc<dyn Fn(&mut C, &Event, &mut Context) -> Result<Flow, Unfit>>;
pub(crate) type GaveUp<C> = Rc<dyn Fn(&mut C, &Event, &mut Context) -> Finish>;
pub(crate) type ActionCall<C> = Rc<dyn Fn(&mut C, serde_json::Value, &mut Context) -> ActionResult>;
pub(crate) type StatusCall<C> = Rc<dyn Fn(&mut C, &mut Statuses, &mut Context) -> Finish>;

/// When a handler that goes on deferring is to stop.
pub(crate) struct Bound<C> {
    pub(crate) attempts: Option<u32>,
    pub(crate) within: Option<Duration>,
    /// None: the hook fails.
    pub(crate) then: Option<GaveUp<C>>,
}

impl<C> Clone for Bound<C> {
    fn clone(&self) -> Self {
        Self { attempts: self.attempts, within: self.within, then: self.then.clone() }
    }
}

/// One handler of a charm.
pub(crate) struct Registration<C> {
    pub(crate) id: HandlerId,
    pub(crate) former: Vec<String>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) call: Call<C>,
    pub(crate) deferrable: bool,
    pub(crate) lane: Option<String>,
    pub(crate) reconciles: bool,
    pub(crate) keeps_when_gone: bool,
    pub(crate) bound: Option<Bound<C>>,
}

/// All handlers of a charm, in the order in which they were named.
pub(crate) struct Registry<C> {
    pub(crate) handlers: Vec<Registration<C>>,
    pub(crate) actions: Vec<(&'static str, ActionCall<C>)>,
    pub(crate) unit_status: Vec<StatusCall<C>>,
    pub(crate) app_status: Vec<StatusCall<C>>,
    /// What becomes of wakes on Juju.
    pub(crate) juju_wakes: JujuWakes,
    /// Mistakes in how the charm observes; any fails every dispatch.
    pub(crate) mistakes: Vec<String>,
}

impl<C: Charm> Registry<C> {
    /// What the charm says that it observes.
    pub(crate) fn of_charm() -> Self {
        let mut on = Observe::<C>::new(short_name::<C>());
        C::observe(&mut on);
        on.into_registry()
    }
}

impl<C> Registry<C> {
    /// The handler of that name, or that had it once.
    pub(crate) fn find(&self, id: &HandlerId) -> Option<usize> {
        let same = |h: &Registration<C>| h.id == *id;
        let former = |h: &Registration<C>| {
            h.id.observer == id.observer && h.former.contains(&id.handler)
                || h.former.contains(&id.to_string())
        };
        self.handlers.iter().position(same).or_else(|| self.handlers.iter().position(former))
    }

    /// The handlers of an event, in order.
    pub(crate) fn of(&self, event: &Event) -> Vec<usize> {
        let matching = |h: &Registration<C>| h.patterns.iter().any(|pattern| pattern.matches(event));
        self.handlers.iter().enumerate().filter(|(_, h)| matching(h)).map(|(index, _)| index).collect()
    }

    /// The action's handler.
    pub(crate) fn action(&self, name: &str) -> Option<ActionCall<C>> {
        self.actions.iter().find(|(known, _)| *known == name).map(|(_, call)| Rc::clone(call))
    }
}
