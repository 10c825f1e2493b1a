//! What a Periapt agent is told of a dispatch: what is deferred now, what was dropped, and what was emitted (the hook command
//! `periapt-deferred`; `docs/semantics/deferred-wakes.md`).

use serde::Serialize;

use crate::context::Context;
use crate::flow::Wake;
use crate::memory::{DeadLetter, Notice};

/// Where an `ops` charm keeps what it has deferred. A unit whose charm was one before may still have it.
pub(crate) const STATE_OF_OPS: &str = ".unit-state.db";

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    queue: Vec<Waiting<'a>>,
    dropped: Vec<Dropped<'a>>,
    dead: Vec<Dead>,
    emitted: &'a [String],
}

#[derive(Serialize)]
struct Waiting<'a> {
    sequence: u64,
    event: String,
    observer: &'a str,
    handler: &'a str,
    reason: &'a str,
    attempts: u32,
    first: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wake: Option<When<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum When<'a> {
    At(String),
    On(&'a str),
}

#[derive(Serialize)]
struct Dropped<'a> {
    sequence: u64,
    event: &'a str,
    observer: &'a str,
    handler: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Dead {
    sequence: u64,
    event: String,
    observer: String,
    handler: String,
    reason: String,
}

/// The first moment that counts, or an event if there is none.
fn first_of(wakes: &[Wake]) -> Option<When<'_>> {
    let moments = wakes.iter().filter_map(|wake| match wake {
        Wake::At { at } => Some(*at),
        _ => None,
    });
    let events = wakes.iter().find_map(|wake| match wake {
        Wake::On { on } => Some(When::On(on)),
        _ => None,
    });
    moments.min().map(|at| When::At(at.to_rfc3339())).or(events)
}

fn waiting(notice: &Notice) -> Waiting<'_> {
    Waiting {
        sequence: notice.sequence,
        event: notice.event.name(),
        observer: &notice.handler.observer,
        handler: &notice.handler.handler,
        reason: &notice.reason,
        attempts: notice.attempts,
        first: notice.first.to_rfc3339(),
        lane: notice.lane.as_deref(),
        wake: first_of(&notice.wakes),
    }
}

fn dead(letter: &DeadLetter) -> Dead {
    let field = |place: &str| {
        let text = letter.notice.pointer(place).and_then(|value| value.as_str());
        text.unwrap_or("unknown").to_owned()
    };
    Dead {
        sequence: letter.sequence,
        event: letter.notice().map_or_else(|| field("/event/event"), |notice| notice.event.name()),
        observer: field("/handler/observer"),
        handler: field("/handler/handler"),
        reason: letter.why.clone(),
    }
}

/// Tells the agent, unless there is nothing to tell and was nothing before. On Juju nobody asks.
pub(crate) fn send(cx: &Context) {
    if !cx.is_periapt() {
        return;
    }
    let (memory, told) = (cx.memory.borrow(), cx.told.borrow());
    let nothing = memory.queue.is_empty()
        && memory.dead.is_empty()
        && told.emitted.is_empty()
        && told.dropped.is_empty()
        && !cx.had_deferred
        && !cx.was_ops;
    if nothing {
        return;
    }
    let dropped = told.dropped.iter().map(|(sequence, event, handler, reason)| Dropped {
        sequence: *sequence,
        event,
        observer: &handler.observer,
        handler: &handler.handler,
        reason,
    });
    let report = Report {
        version: 1,
        queue: memory.queue.iter().map(waiting).collect(),
        dropped: dropped.collect(),
        dead: memory.dead.iter().map(dead).collect(),
        emitted: &told.emitted,
    };
    let sent = serde_json::to_vec(&report).map_err(|error| error.to_string()).and_then(|json| {
        let args = ["--file".to_owned(), "-".to_owned()];
        cx.run("periapt-deferred", &args, Some(&json)).map_err(|error| error.to_string())
    });
    if let Err(error) = sent {
        tracing::warn!("the agent was not told what is deferred: {error}");
    }
}
