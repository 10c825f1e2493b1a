//! What a dispatch did to the events that a charm has deferred, and to the wakes that wait.

use std::collections::{BTreeMap, BTreeSet};

use periapt_model::deferral::{DeferralReport, ReportedDeferral};
use periapt_model::hook::Hook;
use periapt_model::journal::{Deferrals, NewlyDeferred};
use periapt_model::local::{Deferred, DeferredQueue, Notice};
use periapt_model::time::Timestamp;
use periapt_model::wake::{Alarm, Wake, WakeWhen};

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
    let queue = after.iter().cloned().map(ReportedDeferral::of).collect();
    let report = DeferralReport { queue, ..DeferralReport::default() };
    let (mut queue, deferrals) = compare(before, &report, wake, &Ending { hook: None, begun: now, now });
    // The order of the rows is the order in which they are run.
    queue.events.sort_by_key(|event| event.notice.sequence);
    (queue, deferrals)
}

/// A dispatch that has ended.
pub(crate) struct Ending<'a> {
    /// The hook that ended well, if it was one.
    pub hook: Option<&'a Hook>,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub now: Timestamp,
}

/// The same for a charm whose framework tells what is deferred.
///
/// An event that waited for that hook and still waits for it has not seen what the hook's handler did, since what is
/// deferred runs first: it is woken at once.
pub(crate) fn reported(
    before: &DeferredQueue,
    report: &DeferralReport,
    ending: &Ending<'_>,
) -> (DeferredQueue, Deferrals) {
    compare(before, report, ending.hook == Some(&Hook::DeferredWake), ending)
}

fn compare(
    before: &DeferredQueue,
    report: &DeferralReport,
    wake: bool,
    ending: &Ending<'_>,
) -> (DeferredQueue, Deferrals) {
    // By notice: queues may be long.
    let known: BTreeMap<&Notice, &Deferred> =
        before.dead.iter().chain(&before.events).map(|event| (&event.notice, event)).collect();
    let mut said = Deferrals::default();
    let mut events = Vec::with_capacity(report.queue.len());
    for item in &report.queue {
        let known = known.get(&item.notice).copied();
        let (event, tried) = follow(item, known, ending);
        match known {
            Some(_) if tried => said.again.push(event.clone()),
            Some(_) => {}
            None => {
                let (notice, reason) = (event.notice.clone(), event.reason.clone());
                said.deferred.push(NewlyDeferred { notice, reason });
            }
        }
        events.push(event);
    }
    let dead: Vec<Deferred> = report
        .dead
        .iter()
        .map(|item| Deferred { wake: None, ..follow(item, known.get(&item.notice).copied(), ending).0 })
        .collect();
    let already: BTreeSet<&Notice> = before.dead.iter().map(|event| &event.notice).collect();
    said.dead = dead.iter().filter(|event| !already.contains(&event.notice)).cloned().collect();
    said.dropped.clone_from(&report.dropped);
    let left = report.queue.iter().chain(&report.dead).map(|item| &item.notice);
    let not_done: BTreeSet<&Notice> =
        left.chain(report.dropped.iter().map(|dropped| &dropped.notice)).collect();
    said.done = before.events.iter().filter(|event| !not_done.contains(&event.notice)).cloned().collect();

    let progress = !said.done.is_empty()
        || !said.dropped.is_empty()
        || !said.dead.is_empty()
        || (!wake && !said.deferred.is_empty());
    let fruitless = match (progress, wake && has_backoff(before)) {
        (true, _) => 0,
        (false, true) => before.fruitless.saturating_add(1),
        (false, false) => before.fruitless,
    };
    (DeferredQueue { events, fruitless, since: ending.now, dead, reported_by: None }, said)
}

/// What is known of a deferred event after a dispatch, and whether its handler was run in it.
fn follow(item: &ReportedDeferral, known: Option<&Deferred>, ending: &Ending<'_>) -> (Deferred, bool) {
    let before = known.map_or(0, |known| known.tries);
    // A framework that counts does not try what waits behind another event of its lane.
    let tries = item.attempts.unwrap_or_else(|| before.saturating_add(1)).max(1);
    let tried = item.attempts.is_none_or(|attempts| attempts != before);
    let first = item.first.or(known.map(|known| known.first)).unwrap_or(ending.now);
    let last = known.filter(|_| !tried).map_or(ending.now, |known| known.last);
    let waited = known.and_then(|known| known.wake.as_ref());
    let event = Deferred {
        notice: item.notice.clone(),
        first,
        last,
        tries,
        reason: item.reason.clone(),
        lane: item.lane.clone(),
        wake: item.wake.as_ref().and_then(|when| alarm(when, waited, tried, ending)),
    };
    (event, tried)
}

/// What a deferred event waits for. None for a time that had passed when the dispatch began, and so is not meant anew:
/// then it is for the agent to find one, or the unit would be woken without end.
fn alarm(when: &WakeWhen, waited: Option<&Alarm>, tried: bool, ending: &Ending<'_>) -> Option<Alarm> {
    let now = ending.now;
    if matches!(when, WakeWhen::At(at) if *at <= ending.begun) {
        return None;
    }
    let same = waited.filter(|alarm| alarm.when == *when);
    if let Some(alarm) = same.filter(|alarm| !tried && alarm.due.is_some_and(|due| due > now)) {
        return Some(alarm.clone());
    }
    let mut alarm = Alarm::set(when.clone(), now);
    if let Some(event) =
        ending.hook.map(Hook::name).filter(|event| same.is_some_and(|same| same.waits_for(event)))
    {
        alarm.event_came(&event, now);
    }
    Some(alarm)
}

fn has_backoff(queue: &DeferredQueue) -> bool {
    queue.events.iter().any(|event| event.wake.is_none())
}

/// The queue after a dispatch of which nothing is known: it stays, and the wait for the next wake begins anew.
pub(crate) fn unknown(before: &DeferredQueue, wake: bool, now: Timestamp) -> DeferredQueue {
    let fruitless = before.fruitless.saturating_add(u32::from(wake && has_backoff(before)));
    DeferredQueue { fruitless, since: now, ..before.clone() }
}

/// A dispatch that began at `begun` and ended well `now` has served the wakes that were due by then. Those that waited
/// for its event are due.
pub(crate) fn wakes_after(wakes: &mut Vec<Wake>, hook: Option<&Hook>, begun: Timestamp, now: Timestamp) {
    wakes.retain(|wake| !wake.alarm.is_due(begun));
    if let Some(name) = hook.map(Hook::name) {
        wakes.iter_mut().for_each(|wake| wake.alarm.event_came(&name, now));
    }
}

/// The same for a queue that nobody told of. What is still in it, though its own wake has come, is left to the agent's.
pub(crate) fn queue_after(queue: &mut DeferredQueue, hook: Option<&Hook>, begun: Timestamp, now: Timestamp) {
    let name = hook.map(Hook::name);
    for event in &mut queue.events {
        event.wake.take_if(|alarm| alarm.is_due(begun));
        if let (Some(alarm), Some(name)) = (&mut event.wake, &name) {
            alarm.event_came(name, now);
        }
    }
}

/// Whether `after` is what was there before.
pub(crate) fn is_unchanged(before: &DeferredQueue, after: &[Notice]) -> bool {
    let known: BTreeSet<&Notice> = before.events.iter().map(|event| &event.notice).collect();
    known.len() == after.len() && after.iter().all(|notice| known.contains(notice))
}

#[cfg(test)]
mod tests {
    use periapt_model::journal::Dropped;

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
        assert_eq!(d.deferred, [NewlyDeferred { notice: install.clone(), reason: String::new() }]);
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

    fn item(sequence: i64, attempts: u32, wake: Option<WakeWhen>) -> ReportedDeferral {
        let notice = notice(sequence, "start");
        ReportedDeferral {
            attempts: Some(attempts),
            wake,
            reason: "why".into(),
            ..ReportedDeferral::of(notice)
        }
    }

    fn at(hook: Option<&Hook>, now: i64) -> Ending<'_> {
        Ending { hook, begun: Timestamp(now), now: Timestamp(now) }
    }

    fn report(queue: Vec<ReportedDeferral>) -> DeferralReport {
        DeferralReport { queue, ..DeferralReport::default() }
    }

    #[test]
    fn what_leaves_the_queue_is_done_dropped_or_dead() {
        let first = report(vec![item(1, 1, None), item(2, 1, None), item(3, 1, None), item(4, 1, None)]);
        let (q, d) = reported(&DeferredQueue::default(), &first, &at(None, 10));
        assert_eq!(d.deferred.iter().map(|d| d.reason.as_str()).collect::<Vec<_>>(), ["why"; 4]);
        let then = DeferralReport {
            queue: vec![item(2, 1, None)],
            dropped: vec![Dropped { notice: notice(3, "start"), reason: "gone".into() }],
            dead: vec![item(4, 1, None)],
            emitted: Vec::new(),
        };
        let (q, d) = reported(&q, &then, &at(None, 20));
        assert_eq!(d.done.iter().map(|x| x.notice.sequence).collect::<Vec<_>>(), [1]);
        assert_eq!((d.dropped.len(), d.dead.len(), q.dead.len()), (1, 1, 1));
        assert_eq!(d.again, [], "its count says that it was not tried");
        assert_eq!((q.events[0].last, q.events[0].tries), (Timestamp(10), 1));
        let (q, d) = reported(&q, &then, &at(None, 30));
        assert_eq!(
            (d.dead.len(), q.dead[0].first),
            (0, Timestamp(10)),
            "a dead letter is told once, and kept"
        );
    }

    #[test]
    fn a_wake_that_a_report_asks_for_waits_for_its_time_or_event() {
        let changed = Hook::ConfigChanged;
        let on = || Some(WakeWhen::On("config_changed".into()));
        let due = |q: &DeferredQueue| q.events[0].wake.as_ref().map(|wake| wake.due.map(|due| due.0));
        let after = |n| report(vec![item(1, n, Some(WakeWhen::AfterMs(500)))]);
        let (q, _) = reported(&DeferredQueue::default(), &after(1), &at(None, 1_000));
        assert_eq!(due(&q), Some(Some(1_500)));
        let (same, _) = reported(&q, &after(1), &at(None, 1_200));
        assert_eq!(due(&same), Some(Some(1_500)), "it was not tried: its time stays");
        let (again, _) = reported(&q, &after(2), &at(None, 1_200));
        assert_eq!(due(&again), Some(Some(1_700)));
        let past = report(vec![item(1, 2, Some(WakeWhen::At(Timestamp(1_200))))]);
        assert_eq!(due(&reported(&q, &past, &at(None, 1_200)).0), None, "left to the agent");
        let while_it_ran = Ending { begun: Timestamp(1_199), ..at(None, 1_200) };
        assert_eq!(
            due(&reported(&q, &past, &while_it_ran).0),
            Some(Some(2_200)),
            "meant anew, but no spinning"
        );
        // Deferred by the event's own handler: it waits for the next one.
        let waiting = |n| report(vec![item(1, n, on())]);
        let (q, _) = reported(&DeferredQueue::default(), &waiting(1), &at(Some(&changed), 1));
        assert_eq!(due(&q), Some(None));
        let (q, _) = reported(&q, &waiting(2), &at(Some(&Hook::Start), 2));
        assert_eq!(due(&q), Some(None));
        let (q, _) = reported(&q, &waiting(3), &at(Some(&changed), 3));
        assert_eq!(due(&q), Some(Some(3)), "it ran before the handler of the event that it waits for");
        let (q, _) = reported(&q, &waiting(4), &at(Some(&Hook::DeferredWake), 4));
        assert_eq!((due(&q), q.fruitless), (Some(None), 0), "it waits for the next one, and for no backoff");
    }
}
