//! Asking to be dispatched again, whether or not anything is deferred.
//!
//! On Periapt the agent does it, and it is as durable as the unit. Juju has no such thing: there, nothing happens but with the
//! next event, unless the charm allows a timer of its machine ([`JujuWakes::SystemdRun`]).

use std::time::Duration;

use periapt_model::time::{Timestamp, format_duration};

use super::Context;
use crate::commands::Timer;
use crate::environment::Dispatched;
use crate::error::Error;
use crate::event::{EventKind, On};
use crate::flow::Wake;

/// What becomes of wakes on Juju, which has none of its own. Chosen with
/// [`Observe::wake_on_juju`](crate::Observe::wake_on_juju).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JujuWakes {
    /// They come with the next event, which may be the next `update-status`.
    #[default]
    NextEvent,
    /// On machines, a timer of `systemd-run` calls `juju-exec` for the earliest of them.
    SystemdRun,
}

/// A wish to be dispatched again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is only a wish until `Context::wake` is told"]
pub struct WakeUp {
    when: Wake,
    reason: Option<String>,
    name: Option<String>,
}

impl WakeUp {
    /// So long after the end of the hook.
    pub fn after(delay: Duration) -> Self {
        Self::new(Wake::After { after_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) })
    }

    /// At that time.
    pub fn at(at: Timestamp) -> Self {
        Self::new(Wake::At { at })
    }

    /// As soon as the next such event has been handled.
    pub fn on<E>(event: On<E>) -> Self {
        Self::new(Wake::On { on: event.name() })
    }

    fn new(when: Wake) -> Self {
        Self { when, reason: None, name: None }
    }

    /// Why, for people: `periapt why` shows it.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Replaces the wish of the same name, and can be taken back by it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl Context {
    /// Asks to be dispatched again, if the hook ends well (`periapt-wake`). The event is [`woken`](crate::event::woken), or
    /// whichever comes when the wake is due. On Juju see [`JujuWakes`].
    ///
    /// # Errors
    /// Those of `periapt-wake`: an event that the charm does not have, more than 30 days.
    pub fn wake(&self, wish: WakeUp) -> Result<(), Error> {
        if !self.is_periapt() {
            let mut cache = self.cache.borrow_mut();
            let wakes = &mut cache.model.wakes;
            wakes.retain(|(name, _)| name.is_none() || *name != wish.name);
            wakes.push((wish.name, wish.when.from(self.now())));
            return Ok(());
        }
        let mut args = match wish.when {
            Wake::After { after_ms } => {
                vec!["--after".to_owned(), format_duration(Duration::from_millis(after_ms))]
            }
            Wake::At { at } => vec!["--at".to_owned(), at.to_rfc3339()],
            Wake::On { on } => vec!["--on".to_owned(), on],
        };
        args.extend(wish.reason.into_iter().flat_map(|reason| ["--reason".to_owned(), reason]));
        args.extend(wish.name.into_iter().flat_map(|name| ["--name".to_owned(), name]));
        self.run("periapt-wake", &args, None)?;
        Ok(())
    }

    /// Asks to be dispatched again after so long. See [`Context::wake`].
    ///
    /// # Errors
    /// As [`Context::wake`].
    pub fn wake_after(&self, delay: Duration) -> Result<(), Error> {
        self.wake(WakeUp::after(delay))
    }

    /// Asks to be dispatched again at that time. See [`Context::wake`].
    ///
    /// # Errors
    /// As [`Context::wake`].
    pub fn wake_at(&self, at: Timestamp) -> Result<(), Error> {
        self.wake(WakeUp::at(at))
    }

    /// Asks to be dispatched again as soon as the next such event has been handled. See [`Context::wake`].
    ///
    /// # Errors
    /// As [`Context::wake`].
    pub fn wake_on<E>(&self, event: On<E>) -> Result<(), Error> {
        self.wake(WakeUp::on(event))
    }

    /// Takes a wish back by its name (`periapt-wake --cancel NAME`). One that is not there is no error.
    ///
    /// # Errors
    /// Those of `periapt-wake`.
    pub fn cancel_wake(&self, name: &str) -> Result<(), Error> {
        if self.is_periapt() {
            self.run("periapt-wake", &["--cancel".to_owned(), name.to_owned()], None)?;
        } else {
            let mut cache = self.cache.borrow_mut();
            cache.model.wakes.retain(|(known, _)| known.as_deref() != Some(name));
        }
        Ok(())
    }

    /// Sets the machine's timer for the earliest wake, where the charm allows it. Called at the dispatch's end. A timer that
    /// cannot be set fails nothing: the next event comes all the same.
    pub(crate) fn set_timer(&self) {
        if self.is_periapt() || self.juju_wakes.get() != JujuWakes::SystemdRun {
            return;
        }
        // A unit that goes away is not woken, and a pod has no systemd.
        let leaving = match &self.environment.dispatched {
            Dispatched::Event(event) => matches!(event.kind(), EventKind::Stop | EventKind::Remove),
            _ => false,
        };
        if leaving || self.environment.machine_id.is_none() {
            return;
        }
        let Some(at) = self.earliest_wake() else { return };
        let timer = Timer {
            unit: self.unit().clone(),
            charm_dir: self.environment.charm_dir.clone(),
            // What is due already waits for this hook to end.
            delay: at.since(self.now()).max(Duration::from_secs(1)),
            at,
        };
        if let Err(error) = self.commands.borrow_mut().set_timer(&timer) {
            tracing::warn!("no timer could be set to wake {}: {error}", self.unit());
        }
    }

    fn earliest_wake(&self) -> Option<Timestamp> {
        let memory = self.memory.borrow();
        let cache = self.cache.borrow();
        let deferred = memory.queue.iter().flat_map(|notice| &notice.wakes);
        let asked = cache.model.wakes.iter().map(|(_, wake)| wake);
        let moments = deferred.chain(asked).filter_map(|wake| match wake {
            Wake::At { at } => Some(*at),
            Wake::After { .. } | Wake::On { .. } => None,
        });
        moments.min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;
    use crate::event::config_changed;

    #[test]
    fn on_periapt_the_agent_is_asked() {
        let agent = FakeAgent::new().periapt();
        let cx = agent.context();
        cx.wake_after(Duration::from_millis(90_500)).unwrap();
        cx.wake_at(Timestamp::parse_rfc3339("2026-01-03T00:00:00Z").unwrap()).unwrap();
        cx.wake_on(config_changed()).unwrap();
        cx.wake(WakeUp::after(Duration::from_secs(10)).reason("the API is away").name("api")).unwrap();
        cx.cancel_wake("api").unwrap();
        cx.juju_wakes.set(JujuWakes::SystemdRun);
        cx.set_timer();
        assert_eq!(
            agent.calls(),
            [
                format!("periapt-wake --after {}", format_duration(Duration::from_millis(90_500))),
                "periapt-wake --at 2026-01-03T00:00:00Z".to_owned(),
                "periapt-wake --on config-changed".to_owned(),
                "periapt-wake --after 10s --reason the API is away --name api".to_owned(),
                "periapt-wake --cancel api".to_owned(),
            ]
        );
        assert_eq!(agent.timers(), []);
    }

    #[test]
    fn on_juju_a_timer_is_set_for_the_earliest_wake_if_the_charm_allows_it() {
        let agent = FakeAgent::new();
        let wished = |cx: &Context| {
            cx.wake(WakeUp::after(Duration::from_secs(5)).name("soon")).unwrap();
            cx.wake(WakeUp::after(Duration::from_secs(60)).name("soon")).unwrap();
            cx.wake_after(Duration::from_secs(30)).unwrap();
            cx.wake(WakeUp::after(Duration::from_secs(2)).name("never")).unwrap();
            cx.cancel_wake("never").unwrap();
        };
        let cx = agent.context();
        wished(&cx);
        cx.set_timer();
        assert_eq!(agent.timers(), [], "nothing happens unless the author allowed it");
        cx.juju_wakes.set(JujuWakes::SystemdRun);
        cx.set_timer();
        let delays: Vec<Duration> = agent.timers().iter().map(|timer| timer.delay).collect();
        assert_eq!(delays, [Duration::from_secs(30)]);
        assert_eq!(agent.calls(), [""; 0], "Juju has no such command");
        for (name, value) in [("JUJU_MACHINE_ID", ""), ("JUJU_DISPATCH_PATH", "hooks/stop")] {
            let agent = FakeAgent::new().with(name, value);
            let cx = agent.context();
            cx.juju_wakes.set(JujuWakes::SystemdRun);
            wished(&cx);
            cx.set_timer();
            assert_eq!(agent.timers(), [], "{name}={value}");
        }
    }
}
