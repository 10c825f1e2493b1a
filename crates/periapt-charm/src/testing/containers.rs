//! The containers of a state: a Pebble in memory for each. With the feature `pebble`; without it there are none.

#[cfg(feature = "pebble")]
use std::collections::BTreeMap;

use periapt_model::time::Timestamp;
#[cfg(feature = "pebble")]
use periapt_pebble::Pebble;
#[cfg(feature = "pebble")]
use periapt_pebble::fake::FakePebble;

use super::error::Inconsistent;
use super::picture::Unit0;
use super::state::State;
use crate::event::Event;

/// The Pebbles that one hook can reach. Copies share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pebbles {
    #[cfg(feature = "pebble")]
    by_name: BTreeMap<String, FakePebble>,
}

impl Pebbles {
    /// Those of a state, at its time.
    pub(super) fn of_state(state: &State) -> Self {
        let pebbles = Self {
            #[cfg(feature = "pebble")]
            by_name: state
                .containers
                .iter()
                .map(|(name, state)| (name.clone(), FakePebble::from(state.clone())))
                .collect(),
        };
        pebbles.pass_to(state.time);
        pebbles
    }

    /// Puts what became of them into a state.
    pub(super) fn read_back(&self, state: &mut State) {
        #[cfg(feature = "pebble")]
        for (name, container) in &mut state.containers {
            if let Some(pebble) = self.by_name.get(name) {
                *container = pebble.state();
            }
        }
        #[cfg(not(feature = "pebble"))]
        let _ = state;
    }

    /// Lets them know the time.
    pub(super) fn pass_to(&self, now: Timestamp) {
        #[cfg(feature = "pebble")]
        if let Ok(now) = jiff::Timestamp::from_millisecond(now.0) {
            for pebble in self.by_name.values() {
                pebble.with(|state| state.now = state.now.max(now));
            }
        }
        #[cfg(not(feature = "pebble"))]
        let _ = now;
    }

    /// One of them. A container that the state does not have cannot be reached yet.
    #[cfg(feature = "pebble")]
    pub(super) fn get(&self, name: &str) -> Box<dyn Pebble> {
        match self.by_name.get(name) {
            Some(pebble) => Box::new(pebble.clone()),
            None => {
                let pebble = FakePebble::default();
                pebble.with(|state| state.can_connect = false);
                Box::new(pebble)
            }
        }
    }

    /// One of them, made if it is not there.
    #[cfg(feature = "pebble")]
    pub(super) fn make(&mut self, name: &str) -> FakePebble {
        self.by_name.entry(name.to_owned()).or_default().clone()
    }
}

/// Whether the charm has the containers of a state.
#[cfg(feature = "pebble")]
pub(super) fn check(us: &Unit0, state: &State) -> Result<(), Inconsistent> {
    let known: Vec<&str> = us.meta().containers.keys().map(|name| name.as_str()).collect();
    match state.containers.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Inconsistent::new(
            format!("containers.{name}"),
            "the charm has no such container",
            super::rules::one_of(&known),
        )),
        None => Ok(()),
    }
}

#[cfg(not(feature = "pebble"))]
pub(super) fn check(_us: &Unit0, _state: &State) -> Result<(), Inconsistent> {
    Ok(())
}

/// Whether a container's event is about something that its state has.
#[cfg(feature = "pebble")]
pub(super) fn check_event(state: &State, event: &Event) -> Result<(), Inconsistent> {
    let name = match event {
        Event::PebbleReady(e) => &e.container,
        Event::PebbleCustomNotice(e) => &e.container,
        Event::PebbleCheckFailed(e) => &e.container,
        Event::PebbleCheckRecovered(e) => &e.container,
        _ => return Ok(()),
    };
    let field = format!("containers.{name}");
    let Some(container) = state.containers.get(name) else {
        return Err(Inconsistent::new(
            field,
            format!("the event is about container {name}, which the state does not have"),
            format!("add .with_container({name:?}, FakeState::default())"),
        ));
    };
    if !container.can_connect {
        return Err(Inconsistent::new(
            field,
            format!("{} comes from a Pebble that cannot be reached", event.name()),
            "set its can_connect",
        ));
    }
    match event {
        Event::PebbleCustomNotice(e) => {
            let there = container.notices.iter().any(|notice| notice.key == e.key);
            if !there {
                let problem = format!("it has no notice with the key {}", e.key);
                let remedy = "write it first: FakePebble::from(state).notify(key, ...), then its state()";
                return Err(Inconsistent::new(field, problem, remedy));
            }
        }
        Event::PebbleCheckFailed(e) if !container.checks.contains_key(&e.check) => {
            return Err(no_check(field, &e.check));
        }
        Event::PebbleCheckRecovered(e) if !container.checks.contains_key(&e.check) => {
            return Err(no_check(field, &e.check));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(not(feature = "pebble"))]
pub(super) fn check_event(_state: &State, _event: &Event) -> Result<(), Inconsistent> {
    Ok(())
}

#[cfg(feature = "pebble")]
fn no_check(field: String, check: &str) -> Inconsistent {
    let remedy = "add a layer with it: FakePebble::from(state).add_layer(...), then its state()";
    Inconsistent::new(field, format!("its plan has no check {check:?}"), remedy)
}
