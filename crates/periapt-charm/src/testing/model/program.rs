//! What runs in the units of an application.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use periapt_model::charm::CharmMeta;

use crate::commands::Commands;
use crate::context::Context;
use crate::environment::Environment;
use crate::log::{Collector, Lines, least_level};
use crate::memory::Memory;
use crate::testing::caught::{Ended, caught};
use crate::{Charm, dispatch, run};

/// What runs in the units of an application: a charm, or what stands in for one.
pub(super) trait Program {
    fn meta(&self) -> &CharmMeta;

    /// Runs one dispatch, and gives the memory after it.
    fn dispatch(
        &self,
        environment: Environment,
        commands: Box<dyn Commands>,
        memory: Memory,
    ) -> (Ended, Memory);
}

/// The charm `C`.
pub(super) struct Of<C> {
    meta: Rc<CharmMeta>,
    lines: Arc<Lines>,
    collector: tracing::Dispatch,
    charm: PhantomData<fn() -> C>,
}

impl<C> fmt::Debug for Of<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Of").field(&self.meta.name).finish()
    }
}

impl<C: Charm> Of<C> {
    pub(super) fn new() -> Self {
        let lines = Arc::new(Lines::new(least_level(None)));
        Self {
            meta: Rc::new(C::META.parse()),
            collector: tracing::Dispatch::new(Collector(Arc::clone(&lines))),
            lines,
            charm: PhantomData,
        }
    }
}

impl<C: Charm> Program for Of<C> {
    fn meta(&self) -> &CharmMeta {
        &self.meta
    }

    fn dispatch(
        &self,
        environment: Environment,
        commands: Box<dyn Commands>,
        memory: Memory,
    ) -> (Ended, Memory) {
        let name = environment.dispatched.name();
        let lines = Arc::clone(&self.lines);
        let mut cx = Context::new(environment, Rc::clone(&self.meta), commands, memory, lines);
        let ended = tracing::dispatcher::with_default(&self.collector, || {
            match caught(|| dispatch::dispatch::<C>(&mut cx)) {
                Ended::Well => Ended::of(run::conclude(&cx, &name, Ok(()))),
                Ended::Failed(error) => Ended::of(run::conclude(&cx, &name, Err(error))),
                other => {
                    cx.flush_log();
                    other
                }
            }
        });
        (ended, cx.memory.take())
    }
}
