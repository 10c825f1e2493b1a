//! Emitting events of the charm's own.

use std::rc::Rc;

use super::Context;
use crate::dispatch;
use crate::error::Error;
use crate::event::{CustomEvent, Emitted};
use crate::registry::Registry;

impl Context {
    /// Emits an event: its handlers run, in this dispatch, as soon as the running handler has returned and before any other.
    ///
    /// # Errors
    /// An event that cannot be written as JSON.
    pub fn emit<E: CustomEvent>(&self, event: &E) -> Result<(), Error> {
        self.outbox.borrow_mut().push(Emitted::new(event)?);
        Ok(())
    }

    /// Emits an event of the charm: its handlers run now, before this returns, as with `ops`.
    ///
    /// # Errors
    /// An event that cannot be written as JSON, or the error of a handler that fails the hook.
    pub fn emit_now<C: 'static, E: CustomEvent>(&mut self, charm: &mut C, event: &E) -> Result<(), Error> {
        let registry = self.registry.borrow().clone().and_then(|any| any.downcast::<Registry<C>>().ok());
        let registry: Rc<Registry<C>> = registry
            .ok_or_else(|| Error::bug("emit_now is for the charm itself; a library emits with `emit`"))?;
        dispatch::emit(&registry, charm, self, Emitted::new(event)?)
    }
}
