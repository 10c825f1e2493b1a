//! One dispatch: what is deferred, then the event, then the statuses.
//!
//! The order is that of ops 3.9 (`_main.py`, `framework.py`): everything deferred runs oldest first, before the new event;
//! a notice that is deferred again keeps its place. Beyond it: lanes, reconciling handlers, bounds, subjects that are gone,
//! and dead letters instead of silent loss.

mod deliver;
mod gone;
mod statuses;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::rc::Rc;

pub(crate) use deliver::emit;
use deliver::{Turn, deliver};

use crate::Charm;
use crate::context::Context;
use crate::environment::Dispatched;
use crate::error::Error;
use crate::event::{Commit, Event, PreCommit};
use crate::memory::DeadLetter;
use crate::registry::{Registration, Registry};

/// Runs a dispatch in the memory that the context has. On an error nothing of it may be kept.
pub(crate) fn dispatch<C: Charm>(cx: &mut Context) -> Result<(), Error> {
    dispatch_to(&Rc::new(Registry::of_charm()), &mut C::default(), cx)
}

/// The same, with what the charm observes and its value at hand.
pub(crate) fn dispatch_to<C: Charm>(
    registry: &Rc<Registry<C>>,
    charm: &mut C,
    cx: &mut Context,
) -> Result<(), Error> {
    if !registry.mistakes.is_empty() {
        return Err(Error::bug(registry.mistakes.join("; ")));
    }
    cx.juju_wakes.set(registry.juju_wakes);
    let keep: Rc<dyn std::any::Any> = Rc::<Registry<C>>::clone(registry);
    cx.registry.replace(Some(keep));
    let result = run(registry, charm, cx);
    cx.registry.replace(None);
    result
}

fn run<C: Charm>(registry: &Registry<C>, charm: &mut C, cx: &mut Context) -> Result<(), Error> {
    let dispatched = cx.environment().dispatched.clone();
    let event = match &dispatched {
        Dispatched::Event(event) => Some(Rc::new(event.clone())),
        _ => None,
    };
    let restricted = event.as_deref().is_some_and(Event::is_restricted);
    if !restricted {
        revive(registry, cx);
        run_deferred(registry, charm, cx, event.as_deref())?;
    }
    match (&dispatched, &event) {
        (_, Some(event)) => {
            let handlers = registry.of(event);
            match handlers.is_empty() {
                true => tracing::debug!("No handler for {}.", event.name()),
                false => tracing::debug!("Emitting Juju event {}.", event.name().replace('-', "_")),
            }
            for handler in handlers {
                offer(registry, charm, cx, handler, event)?;
            }
        }
        (Dispatched::Action { name, .. }, None) => run_action(registry, charm, cx, name)?,
        (other, None) => tracing::debug!("Event {:?} not defined.", other.name()),
    }
    cx.sum_details_up();
    if !restricted {
        statuses::evaluate(registry, charm, cx)?;
    }
    for event in [Event::from(PreCommit {}), Event::from(Commit {})].map(Rc::new) {
        for handler in registry.of(&event) {
            deliver(registry, charm, cx, handler, &event, Turn::New)?;
        }
    }
    Ok(())
}

/// Dead letters whose handler is known again go back to their place in the queue.
fn revive<C>(registry: &Registry<C>, cx: &Context) {
    let mut memory = cx.memory.borrow_mut();
    if memory.dead.is_empty() {
        return;
    }
    let letters = std::mem::take(&mut memory.dead);
    for letter in letters {
        match letter.notice().filter(|notice| registry.find(&notice.handler).is_some()) {
            Some(notice) => {
                tracing::info!("{} is handled again by {}.", notice.event.name(), notice.handler);
                memory.queue.restore(notice);
            }
            None => memory.dead.push(letter),
        }
    }
}

/// Everything deferred, oldest first. What is deferred meanwhile waits for the next dispatch.
fn run_deferred<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    coming: Option<&Event>,
) -> Result<(), Error> {
    let sequences = cx.memory.borrow().queue.sequences();
    let count = sequences.len();
    let coming = coming.map(|event| registry.of(event)).unwrap_or_default();
    // The lanes in which something older still waits.
    let mut held = HashSet::new();
    for (place, sequence) in sequences.into_iter().enumerate() {
        if let Some((index, event)) = turn_of(registry, cx, sequence, &coming, &held)? {
            cx.detail(|| {
                let (name, id) = (event.name(), &registry.handlers[index].id);
                format!("Re-emitting deferred event <{name} via {id}> ({} of {count} in queue).", place + 1)
            });
            deliver(registry, charm, cx, index, &event, Turn::Again(sequence))?;
        }
        if let Some(lane) = cx.memory.borrow().queue.get(sequence).and_then(|notice| notice.lane.as_ref())
            && !held.contains(lane)
        {
            held.insert(lane.clone());
        }
    }
    Ok(())
}

/// The handler and the event of a notice whose turn it is now; none if it waits on, or has left the queue.
fn turn_of<C: 'static>(
    registry: &Registry<C>,
    cx: &Context,
    sequence: u64,
    coming: &[usize],
    held: &HashSet<String>,
) -> Result<Option<(usize, Rc<Event>)>, Error> {
    let memory = cx.memory.borrow();
    let Some(notice) = memory.queue.get(sequence) else { return Ok(None) };
    let Some(index) = registry.find(&notice.handler) else {
        let why = format!("{} is no handler of this charm", notice.handler);
        tracing::warn!("{} was deferred and cannot be run: {why}.", notice.event.name());
        drop(memory);
        bury(cx, sequence, why);
        return Ok(None);
    };
    let handler = &registry.handlers[index];
    let lane = handler.lane.as_ref().or(notice.lane.as_ref());
    let lane_is_held = lane.is_some_and(|lane| held.contains(lane));
    let renamed = notice.handler != handler.id;
    let event = Rc::new(notice.event.clone());
    drop(memory);
    if renamed {
        // It was deferred under a name that the handler had once.
        cx.memory.borrow_mut().queue.replace(sequence, |kept| kept.handler.clone_from(&handler.id));
    }
    // A reconciling handler is there for all that has happened, whatever it was deferred for first.
    if !handler.keeps_when_gone
        && !handler.reconciles
        && let Some(why) = gone::subject(cx, &event)?
    {
        tracing::info!("{}, deferred by {}, is dropped: {why}.", event.name(), handler.id);
        cx.memory.borrow_mut().queue.remove(sequence);
        cx.told.borrow_mut().dropped.push((sequence, event.name(), handler.id.clone(), why));
        return Ok(None);
    }
    // A reconciling handler runs once, for the new event.
    let comes = handler.reconciles && coming.contains(&index);
    Ok((!lane_is_held && !comes).then_some((index, event)))
}

/// Offers a new event to a handler: it runs, unless the event has to queue, or already does.
pub(crate) fn offer<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    index: usize,
    event: &Rc<Event>,
) -> Result<(), Error> {
    let handler: &Registration<C> = &registry.handlers[index];
    let is_running = |(running, with): &(usize, Rc<Event>)| *running == index && with == event;
    if cx.active.borrow().iter().any(is_running) {
        // A handler that emits its own event again stops there, as with ops.
        cx.detail(|| format!("Skipping {} for {}: it is being handled.", event.name(), handler.id));
        return Ok(());
    }
    let waiting = {
        let memory = cx.memory.borrow();
        match handler.reconciles {
            true => memory.queue.first_of(&handler.id),
            false => memory.queue.find(&handler.id, event),
        }
    };
    if let Some(sequence) = waiting {
        if handler.reconciles {
            return deliver(registry, charm, cx, index, event, Turn::Instead(sequence));
        }
        // It has run in this dispatch already, and was deferred again.
        cx.detail(|| format!("Skipping {} for {}: already deferred.", event.name(), handler.id));
        return Ok(());
    }
    let ahead = handler.lane.as_deref().and_then(|lane| {
        let memory = cx.memory.borrow();
        memory.queue.ahead_in_lane(lane, u64::MAX).map(|notice| (lane.to_owned(), notice.event.name()))
    });
    match ahead {
        Some((lane, first)) => {
            deliver::queue_behind(cx, handler, event, &lane, &first);
            Ok(())
        }
        None => deliver(registry, charm, cx, index, event, Turn::New),
    }
}

/// Puts a notice that nobody can handle aside, where people see it.
pub(crate) fn bury(cx: &Context, sequence: u64, why: impl Into<String>) {
    let mut memory = cx.memory.borrow_mut();
    if let Some(notice) = memory.queue.remove(sequence) {
        memory.dead.push(DeadLetter::of(&notice, why));
    }
}

/// Runs an action. Its handler cannot defer; an error is what the operator reads.
fn run_action<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    name: &str,
) -> Result<(), Error> {
    let Some(handler) = registry.action(name) else {
        // Under ops this succeeds without a word, and the operator believes it was done.
        return cx.fail_action(&format!("the charm has no handler for the action {name}"));
    };
    let params = cx.action_params()?;
    let outcome = handler(charm, params, cx);
    cx.flush_log();
    deliver::deliver_outbox(registry, charm, cx)?;
    match outcome {
        Ok(results) => cx.set_results(&results),
        Err(error) if error.kind() == crate::Kind::Bug => Err(error),
        Err(error) => cx.fail_action(&error.to_string()),
    }
}
