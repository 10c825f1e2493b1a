//! What a dispatch did to the events that a charm has deferred.

use periapt_model::journal::Deferrals;
use periapt_model::local::{Deferred, DeferredQueue, Notice};
use periapt_model::time::Timestamp;

/// Compares the queue before a dispatch that ran the charm's framework with the notices after it.
///
/// A framework runs everything that is deferred before the new event. A notice that is still there was tried and
/// deferred again (`ops` keeps its row); one that is gone is done; one that is new was deferred now. `wake` tells
/// whether the dispatch was our own wake: only wakes without progress lengthen the delay to the next one, and only
/// those that finish something, or another dispatch that defers something new, take it back to the start.
pub fn deferrals(
    before: &DeferredQueue,
    after: &[Notice],
    wake: bool,
    now: Timestamp,
) -> (DeferredQueue, Deferrals) {
    let mut queue =
        DeferredQueue { events: Vec::with_capacity(after.len()), fruitless: before.fruitless, since: now };
    let mut report = Deferrals::default();
    for notice in after {
        match before.events.iter().find(|known| known.notice == *notice) {
            Some(known) => {
                let again = Deferred { last: now, tries: known.tries.saturating_add(1), ..known.clone() };
                report.again.push(again.clone());
                queue.events.push(again);
            }
            None => {
                report.deferred.push(notice.clone());
                queue.events.push(Deferred { notice: notice.clone(), first: now, last: now, tries: 1 });
            }
        }
    }
    report.done = before.events.iter().filter(|known| !after.contains(&known.notice)).cloned().collect();
    // The order of the rows is the order in which they are run.
    queue.events.sort_by_key(|event| event.notice.sequence);
    let progress = !report.done.is_empty() || (!wake && !report.deferred.is_empty());
    queue.fruitless = match (progress, wake) {
        (true, _) => 0,
        (false, true) => before.fruitless.saturating_add(1),
        (false, false) => before.fruitless,
    };
    (queue, report)
}

/// The queue after a dispatch of which nothing is known: it stays, and the wait for the next wake begins anew.
pub(crate) fn unknown(before: &DeferredQueue, wake: bool, now: Timestamp) -> DeferredQueue {
    let fruitless = before.fruitless.saturating_add(u32::from(wake && !before.events.is_empty()));
    DeferredQueue { events: before.events.clone(), fruitless, since: now }
}

/// Whether `after` is what was there before.
pub(crate) fn is_unchanged(before: &DeferredQueue, after: &[Notice]) -> bool {
    before.events.len() == after.len() && before.events.iter().all(|known| after.contains(&known.notice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(sequence: i64, event: &str) -> Notice {
        Notice {
            sequence,
            event: format!("MyCharm/on/{event}[{sequence}]"),
            observer: "MyCharm".into(),
            method: format!("_on_{event}"),
        }
    }

    /// The reference trace of `ops` (ops-framework.md 11.1), dispatch by dispatch.
    #[test]
    fn the_reference_trace_of_ops_is_told_truly() {
        let (install, start, lib) = (notice(1, "install"), notice(5, "start"), notice(4, "start"));
        let (q, d) =
            deferrals(&DeferredQueue::default(), std::slice::from_ref(&install), false, Timestamp(10));
        assert_eq!(d.deferred, std::slice::from_ref(&install));
        let (q, d) = deferrals(&q, &[install.clone(), lib.clone(), start.clone()], false, Timestamp(20));
        assert_eq!((d.again.len(), d.deferred.len()), (1, 2));
        assert_eq!((d.again[0].tries, d.again[0].first, d.again[0].last), (2, Timestamp(10), Timestamp(20)));
        let (q, d) = deferrals(&q, std::slice::from_ref(&lib), false, Timestamp(30));
        assert_eq!(d.done.iter().map(|x| x.notice.sequence).collect::<Vec<_>>(), [1, 5]);
        let (q, d) = deferrals(&q, &[], false, Timestamp(40));
        assert_eq!((q.events.len(), d.done.len(), q.since), (0, 1, Timestamp(40)));
    }

    #[test]
    fn only_fruitless_wakes_lengthen_the_delay() {
        let (a, b) = (notice(1, "a"), notice(2, "b"));
        let (q, _) = deferrals(&DeferredQueue::default(), &[a.clone(), b.clone()], false, Timestamp(0));
        let (q, _) = deferrals(&q, &[a.clone(), b.clone()], true, Timestamp(1));
        let (q, _) = deferrals(&q, &[a.clone(), b.clone()], true, Timestamp(2));
        assert_eq!(q.fruitless, 2);
        let (q, _) = deferrals(&q, &[a.clone(), b.clone()], false, Timestamp(3));
        assert_eq!(q.fruitless, 2, "another hook says nothing about wakes");
        // A wake that only defers more is no progress, or it could go on every second for ever.
        let (q, _) = deferrals(&q, &[a.clone(), b.clone(), notice(3, "c")], true, Timestamp(4));
        assert_eq!(q.fruitless, 3);
        let (progressed, _) = deferrals(&q, &[b, notice(3, "c")], true, Timestamp(5));
        assert_eq!(progressed.fruitless, 0);
        let (fresh, _) = deferrals(&q, &[a, notice(9, "d")], false, Timestamp(5));
        assert_eq!(fresh.fruitless, 0);
    }
}
