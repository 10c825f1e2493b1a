//! A unit's turn, as the event that the charm handles.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::plan::UnitPlan;
use super::{Mark, Operation, Table, key};
use crate::context::Context;
use crate::event::CustomEvent;
use crate::flow::{DeferExt, DeferralOrError, Flow, StopKind, defer, done};

/// It is this unit's turn. Handle it with `on.custom(Self::restart)` and [`Turn::work`].
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Turn<O> {
    ticket: u64,
    #[serde(skip)]
    operation: PhantomData<fn() -> O>,
}

impl<O> Clone for Turn<O> {
    fn clone(&self) -> Self {
        Self { ticket: self.ticket, operation: PhantomData }
    }
}

impl<O> fmt::Debug for Turn<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("ticket", &self.ticket).finish()
    }
}

impl<O: Operation> CustomEvent for Turn<O> {
    fn name() -> &'static str {
        O::NAME
    }
}

impl<O: Operation> Turn<O> {
    pub(super) fn new(ticket: u64) -> Self {
        Self { ticket, operation: PhantomData }
    }

    /// Does the work, and says how it went.
    ///
    /// - `done()`: the next unit has its turn.
    /// - `defer(…)`: the unit keeps its turn, and the handler is called again.
    /// - an error: the work has failed. It is tried again, by the operation's [`Policy`](super::Policy), with the turn kept;
    ///   when all tries have failed the unit gives up: it is blocked, with the reason, and the turn goes on.
    ///
    /// # Errors
    /// The handler's outcome: return it.
    pub fn work(self, cx: &mut Context, work: impl FnOnce(&mut Context) -> Flow) -> Flow {
        if self.current(cx)?.is_none() {
            return done();
        }
        let mark: Mark = cx.state_at(&key::<O>())?;
        if let Some(at) = mark.not_before.filter(|at| cx.now() < *at) {
            // Another event has come before the pause was over.
            let reason = cx.attempt().reason.unwrap_or_else(|| format!("{} is tried again soon", O::NAME));
            return defer(reason).wake_at(at);
        }
        let reason = match work(cx) {
            Ok(_) => {
                self.table(cx, |table| table.finish(None))?;
                return done();
            }
            Err(stop) => match stop.into_kind() {
                StopKind::Error(error) => error.to_string(),
                StopKind::Block(reason) | StopKind::Wait(reason) => reason,
                deferral @ StopKind::Defer(_) => return Err(DeferralOrError::new(deferral)),
            },
        };
        // Read again: the work itself may have asked for another turn.
        let Some(mine) = self.current(cx)? else { return done() };
        let (policy, failures) = (O::policy(), mine.failures.saturating_add(1));
        if failures <= policy.retries {
            self.table(cx, |table| table.say(&UnitPlan { failures, ..mine.clone() }))?;
            let at = cx.now() + policy.pause;
            cx.set_state_at(&key::<O>(), &Mark { not_before: Some(at), ..mark })?;
            let tries = policy.retries.saturating_add(1);
            return defer(format!("{} failed (try {failures} of {tries}): {reason}", O::NAME)).wake_at(at);
        }
        let why = format!("{} failed: {reason}", O::NAME);
        tracing::error!("{why} (given up after {failures} tries)");
        self.table(cx, |table| table.finish(Some(reason)))?;
        Err(DeferralOrError::new(StopKind::Block(why)))
    }

    /// What this unit says, if the turn is still for this ticket.
    fn current(&self, cx: &Context) -> Result<Option<UnitPlan>, crate::Error> {
        let mine = match Table::<O>::find(cx)? {
            Some(table) => table.mine()?,
            None => return Ok(None),
        };
        Ok((mine.begun == self.ticket && mine.finished < self.ticket).then_some(mine))
    }

    fn table(
        &self,
        cx: &Context,
        then: impl FnOnce(&Table<'_, O>) -> Result<(), crate::Error>,
    ) -> Result<(), crate::Error> {
        match Table::<O>::find(cx)? {
            Some(table) => then(&table),
            None => Ok(()),
        }
    }
}
