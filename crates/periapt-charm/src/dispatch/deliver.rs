//! One event, one handler.

use std::collections::BTreeMap;
use std::rc::Rc;

use periapt_model::time::Timestamp;

use super::{bury, offer};
use crate::context::{Attempt, Context, Running};
use crate::error::{Error, Kind};
use crate::event::{Emitted, Event};
use crate::flow::{Deferral, StopKind};
use crate::memory::{Complaint, Notice, Pushed};
use crate::registry::{Registration, Registry, Unfit};
use crate::status::Status;

/// Which turn of the event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The first.
    New,
    /// The notice's next.
    Again(u64),
    /// The first of a new event that takes the place of a notice of the same reconciling handler.
    Instead(u64),
}

impl Turn {
    fn sequence(self) -> Option<u64> {
        match self {
            Self::New => None,
            Self::Again(sequence) | Self::Instead(sequence) => Some(sequence),
        }
    }
}

/// Runs a handler and does what its outcome says.
pub(crate) fn deliver<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    index: usize,
    event: &Rc<Event>,
    turn: Turn,
) -> Result<(), Error> {
    let handler = &registry.handlers[index];
    let place = match turn.sequence() {
        Some(sequence) => sequence,
        None => cx.memory.borrow_mut().queue.reserve(),
    };
    let (attempt, seen) = {
        let memory = cx.memory.borrow();
        let notice = turn.sequence().and_then(|sequence| memory.queue.get(sequence));
        let attempt = Attempt {
            number: notice.map_or(1, |notice| notice.attempts.saturating_add(1)),
            first: notice.map(|notice| notice.first),
            reason: notice.map(|notice| notice.reason.clone()),
        };
        (attempt, notice.map(|notice| notice.seen.clone()).unwrap_or_default())
    };
    #[cfg(feature = "testing")]
    cx.handled.borrow_mut().push((Rc::clone(event), handler.id.clone(), attempt.number));
    let (number, first) = (attempt.number, attempt.first);
    let running = Running { event: Rc::clone(event), attempt, seen };
    cx.active.borrow_mut().push((index, Rc::clone(event)));
    cx.flush_log_aside();
    let ended = cx.while_running(running, |cx| (handler.call)(charm, event, cx));
    cx.flush_log();
    // What it emitted comes before anything else, as if it had been delivered within the handler.
    let delivered = deliver_outbox(registry, charm, cx);
    cx.active.borrow_mut().pop();
    delivered?;
    let flow = match ended {
        Ok(flow) => flow,
        Err(unfit) => {
            let why = match unfit {
                Unfit::Event => format!("{} does not handle {} any more", handler.id, event.name()),
                Unfit::Data(error) => error.to_string(),
            };
            tracing::warn!("{} cannot be handled by {}: {why}.", event.name(), handler.id);
            match turn.sequence() {
                Some(sequence) => bury(cx, sequence, why),
                None => return Err(Error::bug(why)),
            }
            return Ok(());
        }
    };
    match flow {
        Ok(_) => {
            finished(cx, handler, turn, None);
            Ok(())
        }
        Err(stop) => {
            stopped(registry, charm, cx, index, event, (turn, place), (number, first), stop.into_kind())
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the whole of one delivery")]
fn stopped<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    index: usize,
    event: &Rc<Event>,
    (turn, place): (Turn, u64),
    (tries, first): (u32, Option<Timestamp>),
    stop: StopKind,
) -> Result<(), Error> {
    let handler = &registry.handlers[index];
    let can_keep = handler.deferrable && event.kind().is_deferrable();
    let mut status = None;
    let deferral = match stop {
        StopKind::Defer(deferral) => deferral,
        StopKind::Error(error) => match error.kind() {
            Kind::Bug => return Err(error.context(format!("{} ({})", handler.id, event.name()))),
            Kind::NeedsHuman if error.is_retried() && can_keep => {
                tracing::warn!("{}: {error}", handler.id);
                let reason = error.to_string();
                status = Some(Status::Blocked(reason.clone()));
                Deferral { reason, wakes: Vec::new() }
            }
            Kind::NeedsHuman => {
                tracing::warn!("{}: {error}", handler.id);
                finished(cx, handler, turn, Some(Status::Blocked(error.to_string())));
                return Ok(());
            }
            Kind::Temporary => Deferral { reason: error.to_string(), wakes: Vec::new() },
        },
        StopKind::Wait(reason) => {
            finished(cx, handler, turn, Some(Status::Waiting(reason)));
            return Ok(());
        }
        StopKind::Block(reason) => {
            finished(cx, handler, turn, Some(Status::Blocked(reason)));
            return Ok(());
        }
    };
    if !can_keep {
        // Only errors come here: the return type of such a handler has no deferral. Juju tries the hook again.
        return Err(Error::bug(format!("{} ({}): {}", handler.id, event.name(), deferral.reason)));
    }
    let now = cx.now();
    // Who waits for a person has not tried too often.
    if let Some(bound) = handler.bound.as_ref().filter(|_| status.is_none()) {
        let too_often = bound.attempts.is_some_and(|most| tries >= most);
        let too_long = bound.within.is_some_and(|within| first.is_some_and(|at| now.since(at) >= within));
        if too_often || too_long {
            let name = event.name();
            let why = format!("gave up after {tries} {}: {}", plural(tries), deferral.reason);
            let Some(then) = &bound.then else {
                return Err(Error::bug(format!("{} ({name}): {why}", handler.id)));
            };
            tracing::warn!("{} ({name}): {why}", handler.id);
            if let Some(sequence) = turn.sequence() {
                cx.memory.borrow_mut().queue.remove(sequence);
                cx.told.borrow_mut().dropped.push((sequence, name, handler.id.clone(), why));
            }
            let running = Running {
                event: Rc::clone(event),
                attempt: Attempt { number: tries, first, reason: Some(deferral.reason) },
                seen: BTreeMap::new(),
            };
            let ended = cx.while_running(running, |cx| then(charm, event, cx));
            cx.flush_log();
            deliver_outbox(registry, charm, cx)?;
            return match ended {
                Ok(_) => Ok(()),
                Err(error) if error.kind() == Kind::NeedsHuman => {
                    complain(cx, handler, Some(Status::Blocked(error.to_string())));
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
    }
    keep(cx, handler, event, (turn, place), deferral, status, now);
    Ok(())
}

fn plural(tries: u32) -> &'static str {
    if tries == 1 { "try" } else { "tries" }
}

/// The handler is done with the event.
fn finished<C>(cx: &Context, handler: &Registration<C>, turn: Turn, status: Option<Status>) {
    if let Some(sequence) = turn.sequence() {
        cx.memory.borrow_mut().queue.remove(sequence);
    }
    complain(cx, handler, status);
}

/// Leaves a status behind, or takes back the one left before.
fn complain<C>(cx: &Context, handler: &Registration<C>, status: Option<Status>) {
    let mut memory = cx.memory.borrow_mut();
    if status.is_none() && memory.complaints.is_empty() {
        return;
    }
    let key = handler.id.to_string();
    match status {
        Some(status) => {
            memory.complaints.insert(key, Complaint { handler: handler.id.clone(), status });
        }
        None => {
            memory.complaints.remove(&key);
        }
    }
}

/// Puts an event off. `status` is what it leaves behind beside the reason.
fn keep<C>(
    cx: &Context,
    handler: &Registration<C>,
    event: &Event,
    (turn, place): (Turn, u64),
    deferral: Deferral,
    status: Option<Status>,
    now: Timestamp,
) {
    let Deferral { reason, wakes } = deferral;
    cx.detail(|| format!("Deferring <{} via {}>: {reason}", event.name(), handler.id));
    complain(cx, handler, status);
    let wakes = wakes.into_iter().map(|wake| wake.from(now)).collect();
    let seen = if matches!(turn, Turn::Again(_)) { BTreeMap::new() } else { cx.fingerprints() };
    let mut memory = cx.memory.borrow_mut();
    match turn.sequence() {
        Some(sequence) => {
            memory.queue.update(sequence, |notice| {
                notice.lane.clone_from(&handler.lane);
                notice.reason = reason;
                notice.attempts = notice.attempts.saturating_add(1);
                notice.last = now;
                notice.wakes = wakes;
            });
        }
        None => {
            let notice = Notice {
                sequence: 0,
                event: event.clone(),
                handler: handler.id.clone(),
                lane: handler.lane.clone(),
                reason,
                attempts: 1,
                first: now,
                last: now,
                wakes,
                seen,
            };
            let pushed = memory.queue.push_at(place, notice);
            debug_assert!(
                matches!(pushed, Pushed::Queued(_)),
                "an event that waits already is not offered again"
            );
        }
    }
}

/// Queues an event behind those of its lane, without running its handler.
pub(crate) fn queue_behind<C>(
    cx: &Context,
    handler: &Registration<C>,
    event: &Event,
    lane: &str,
    first: &str,
) {
    let reason = format!("waits behind {first} in lane {lane:?}");
    cx.detail(|| format!("{} for {} {reason}.", event.name(), handler.id));
    let now = cx.now();
    let notice = Notice {
        sequence: 0,
        event: event.clone(),
        handler: handler.id.clone(),
        lane: Some(lane.to_owned()),
        reason,
        attempts: 0,
        first: now,
        last: now,
        wakes: Vec::new(),
        seen: BTreeMap::new(),
    };
    cx.memory.borrow_mut().queue.push(notice);
}

/// Delivers what the last handler emitted, in order.
pub(crate) fn deliver_outbox<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
) -> Result<(), Error> {
    let emitted = std::mem::take(&mut *cx.outbox.borrow_mut());
    emitted.into_iter().try_for_each(|event| emit(registry, charm, cx, event))
}

/// Delivers a custom event to its handlers.
pub(crate) fn emit<C: 'static>(
    registry: &Registry<C>,
    charm: &mut C,
    cx: &mut Context,
    emitted: Emitted,
) -> Result<(), Error> {
    cx.detail(|| format!("Emitting custom event <{0} via {0}>.", emitted.name));
    cx.told.borrow_mut().emitted.push(emitted.name.clone());
    let event = Rc::new(Event::Custom(emitted));
    registry.of(&event).into_iter().try_for_each(|index| offer(registry, charm, cx, index, &event))
}
