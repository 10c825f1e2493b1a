//! The status at a dispatch's end: what the charm's collecting handlers say, what it set itself, what its handlers left
//! behind, and what it waits for.

use crate::context::Context;
use crate::error::Error;
use crate::registry::{Registry, StatusCall};
use crate::status::{Status, Statuses};

/// Evaluates and sets the application's and the unit's status, where there is anything to say.
pub(crate) fn evaluate<C>(registry: &Registry<C>, charm: &mut C, cx: &mut Context) -> Result<(), Error> {
    if !registry.app_status.is_empty() && cx.is_leader()? {
        let statuses = collect(&registry.app_status, charm, cx)?;
        if let Some(status) = Status::most_urgent(statuses) {
            cx.put_status(&status, true)?;
        }
    }
    let collected = collect(&registry.unit_status, charm, cx)?;
    let own = match Status::most_urgent(collected) {
        Some(status) => Some(status),
        None => cx.memory.borrow().status.clone(),
    };
    let owed = owed(cx);
    let has_owed = !owed.is_empty();
    let was_overridden = cx.memory.borrow().overridden;
    let collects = !registry.unit_status.is_empty();
    if !collects && !has_owed && !was_overridden {
        return Ok(());
    }
    // A charm that never said how it is, is well when it waits for nothing.
    let own = own.or_else(|| (!has_owed && was_overridden).then(|| Status::Active(String::new())));
    if let Some(status) = Status::most_urgent(own.into_iter().chain(owed))
        && cx.status()? != Some(status.clone())
    {
        cx.put_status(&status, false)?;
    }
    cx.memory.borrow_mut().overridden = has_owed;
    Ok(())
}

fn collect<C>(handlers: &[StatusCall<C>], charm: &mut C, cx: &mut Context) -> Result<Vec<Status>, Error> {
    let mut statuses = Statuses::default();
    for handler in handlers {
        let ended = handler(charm, &mut statuses, cx);
        cx.flush_log();
        match ended {
            Ok(_) => {}
            // A status that cannot be told tells that.
            Err(error) if error.kind() == crate::Kind::NeedsHuman => statuses.blocked(error.to_string()),
            Err(error) if error.kind() == crate::Kind::Temporary => statuses.waiting(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(statuses.0)
}

/// What handlers left behind, and what the unit waits for.
fn owed(cx: &Context) -> Vec<Status> {
    let memory = cx.memory.borrow();
    let complaints = memory.complaints.values().map(|complaint| complaint.status.clone());
    let mut all: Vec<Status> = complaints.collect();
    let mut reasons = memory.queue.iter().filter(|notice| notice.attempts > 0 && !notice.reason.is_empty());
    if let Some(first) = reasons.next() {
        let more = reasons.filter(|notice| notice.reason != first.reason).count();
        let reason = match more {
            0 => first.reason.clone(),
            more => format!("{} (and {more} more)", first.reason),
        };
        all.push(Status::Waiting(reason));
    }
    all
}
