//! Wakes: a charm asks to be dispatched at a time, or after an event, although nothing else happens then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A unit has so many wakes at most.
pub const MOST_WAKES: usize = 100;
/// A delay is so long at most.
pub const LONGEST_DELAY: Duration = Duration::from_secs(30 * 24 * 3600);
/// A delay below this counts as this.
pub const SHORTEST_DELAY: Duration = Duration::from_millis(100);
/// A wake for a time that is already past comes after this, so that a charm that asks for it each time does not keep the
/// machine busy.
pub const PAST_DELAY: Duration = Duration::from_secs(1);

/// When a charm wants to be woken, as it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WakeWhen {
    /// So many milliseconds after the end of the dispatch that asked.
    AfterMs(u64),
    /// At a time.
    At(Timestamp),
    /// After the next dispatch of that hook that ends well: `db-relation-changed`.
    On(String),
}

/// Whether two names are the same event: frameworks write `db_relation_changed` for the hook `db-relation-changed`.
pub fn is_same_event(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.bytes().map(|b| if b == b'_' { b'-' } else { b }).collect::<Vec<_>>();
    one == other || (one.len() == other.len() && letters(one) == letters(other))
}

/// A wish with what is known of when it comes true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What was asked for.
    pub when: WakeWhen,
    /// When the dispatch that asked for it ended.
    pub asked: Timestamp,
    /// When it is due; None as long as it waits for its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

impl Alarm {
    /// An alarm asked for by a dispatch that ended `now`.
    pub fn set(when: WakeWhen, now: Timestamp) -> Self {
        let due = match &when {
            WakeWhen::AfterMs(ms) => {
                Some(now + Duration::from_millis(*ms).clamp(SHORTEST_DELAY, LONGEST_DELAY))
            }
            WakeWhen::At(at) if *at <= now => Some(now + PAST_DELAY),
            WakeWhen::At(at) => Some(*at),
            WakeWhen::On(_) => None,
        };
        Self { when, asked: now, due }
    }

    /// Whether it is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back must not make the wait longer than it is meant to be.
        let set_back = now < self.asked && matches!(self.when, WakeWhen::AfterMs(_));
        self.due.is_some_and(|due| due <= now || set_back)
    }

    /// Whether it waits for this event.
    pub fn waits_for(&self, event: &str) -> bool {
        self.due.is_none() && matches!(&self.when, WakeWhen::On(on) if is_same_event(on, event))
    }

    /// A dispatch of `event` has ended well: what waited for it is due at once.
    pub fn event_came(&mut self, event: &str, now: Timestamp) {
        if self.waits_for(event) {
            self.due = Some(now);
        }
    }
}

/// A wake that the charm asked for with `periapt-wake`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// Its name: another of the same name replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why the charm wants it, in its words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When.
    pub alarm: Alarm,
}

/// One `periapt-wake`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WakeChange {
    /// Wake the unit.
    Ask {
        /// Its name, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// When.
        when: WakeWhen,
        /// Why; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Do not wake it for the wake of this name.
    Cancel(String),
}

/// Changes `wakes` as a dispatch that ended `now` asked for.
///
/// One with a name replaces the one of its name. Of equal ones without a name that wait at the same time the first and
/// the last are kept: the first, or a charm that asks at every event would be put off for ever; the last, or what asked
/// last would be woken too early, and not again.
pub fn change_wakes(wakes: &mut Vec<Wake>, changes: &[WakeChange], now: Timestamp) {
    for change in changes {
        match change {
            WakeChange::Cancel(name) => wakes.retain(|wake| wake.name.as_ref() != Some(name)),
            WakeChange::Ask { name, when, reason } => {
                let alarm = Alarm::set(when.clone(), now);
                if name.is_some() {
                    wakes.retain(|wake| wake.name != *name);
                } else if !make_room(wakes, &alarm, reason) {
                    continue;
                }
                wakes.push(Wake { name: name.clone(), reason: reason.clone(), alarm });
            }
        }
    }
}

/// Takes away all but the first of the wakes that are equal to a new one. False: one of them is as good as the new one.
fn make_room(wakes: &mut Vec<Wake>, alarm: &Alarm, reason: &str) -> bool {
    let is_equal =
        |wake: &Wake| wake.name.is_none() && wake.reason == reason && wake.alarm.when == alarm.when;
    if wakes.iter().any(|wake| is_equal(wake) && wake.alarm.due == alarm.due) {
        return false;
    }
    // One that waited for the event and has seen it is not equal any more: it is about to be served.
    if alarm.due.is_some() {
        let mut first = true;
        wakes.retain(|wake| !is_equal(wake) || std::mem::take(&mut first));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: Option<&str>, when: WakeWhen, reason: &str) -> WakeChange {
        WakeChange::Ask { name: name.map(str::to_owned), when, reason: reason.to_owned() }
    }

    fn after(ms: u64) -> WakeWhen {
        WakeWhen::AfterMs(ms)
    }

    fn dues(wakes: &[Wake]) -> Vec<Option<i64>> {
        wakes.iter().map(|wake| wake.alarm.due.map(|due| due.0)).collect()
    }

    #[test]
    fn delays_count_from_the_end_and_past_times_come_in_a_second() {
        let due = |when| Alarm::set(when, Timestamp(1_000)).due.map(|due| due.0);
        assert_eq!(due(after(5_000)), Some(6_000));
        assert_eq!(due(after(0)), Some(1_100));
        assert_eq!(due(after(u64::MAX)), Some(1_000 + 30 * 24 * 3_600_000));
        assert_eq!(due(WakeWhen::At(Timestamp(1_000))), Some(2_000));
        assert_eq!(due(WakeWhen::At(Timestamp(1_001))), Some(1_001));
        assert_eq!(due(WakeWhen::On("start".into())), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_a_delay_due_and_no_time() {
        assert!(Alarm::set(after(5_000), Timestamp(1_000)).is_due(Timestamp(999)));
        assert!(!Alarm::set(after(5_000), Timestamp(1_000)).is_due(Timestamp(1_000)));
        assert!(!Alarm::set(WakeWhen::At(Timestamp(9_000)), Timestamp(1_000)).is_due(Timestamp(999)));
    }

    #[test]
    fn an_event_is_known_by_its_hook_and_by_its_python_name() {
        let mut alarm = Alarm::set(WakeWhen::On("my_db-relation-changed".into()), Timestamp(0));
        alarm.event_came("my-db-relation-joined", Timestamp(5));
        assert_eq!(alarm.due, None);
        alarm.event_came("my_db-relation-changed", Timestamp(6));
        assert_eq!(alarm.due, Some(Timestamp(6)));
        assert!(is_same_event("db_relation_changed", "db-relation-changed"));
    }

    #[test]
    fn names_replace_and_equal_ones_keep_their_first_and_last() {
        let mut wakes = Vec::new();
        let named = |ms| ask(Some("a"), after(ms), "x");
        change_wakes(&mut wakes, &[named(1_000), named(2_000)], Timestamp(0));
        assert_eq!(dues(&wakes), [Some(2_000)]);
        change_wakes(
            &mut wakes,
            &[WakeChange::Cancel("a".into()), WakeChange::Cancel("b".into())],
            Timestamp(0),
        );
        assert!(wakes.is_empty());
        for now in [0, 0, 10, 20, 30] {
            change_wakes(&mut wakes, &[ask(None, after(1_000), "x")], Timestamp(now));
        }
        assert_eq!(dues(&wakes), [Some(1_000), Some(1_030)]);
        change_wakes(&mut wakes, &[ask(None, after(1_000), "y")], Timestamp(0));
        assert_eq!(wakes.len(), 3, "another reason is another wake");
    }

    #[test]
    fn a_wake_whose_event_came_leaves_room_for_the_next() {
        let (mut wakes, on) = (Vec::new(), WakeWhen::On("start".into()));
        change_wakes(&mut wakes, &[ask(None, on.clone(), ""), ask(None, on.clone(), "")], Timestamp(0));
        assert_eq!(dues(&wakes), [None]);
        wakes[0].alarm.event_came("start", Timestamp(7));
        change_wakes(&mut wakes, &[ask(None, on, "")], Timestamp(7));
        assert_eq!(dues(&wakes), [Some(7), None]);
    }
}
