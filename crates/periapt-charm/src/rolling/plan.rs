//! Whose turn it is: data and pure functions.
//!
//! Each unit says in its own databag which *ticket* it asks for and which it has finished; tickets are numbers that only grow.
//! The leader says in the application's databag which unit has the turn for which ticket. A unit works as long as it has the
//! turn for a ticket that it has not finished. So nothing has to be taken back or acknowledged: whoever reads an old databag
//! comes to a decision that is late, and never to one that is wrong.

use std::collections::BTreeMap;

use periapt_model::names::UnitName;
use serde::{Deserialize, Serialize};

/// What one unit says, in its own databag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitPlan {
    /// The last ticket it has asked for; 0: none ever.
    pub asked: u64,
    /// The last ticket whose work has begun.
    pub begun: u64,
    /// The last ticket that is finished, well or not.
    pub finished: u64,
    /// How often the work for the ticket after that has failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Why the work for the last finished ticket was given up; none if it went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl UnitPlan {
    /// Whether it asks for a turn.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.asked > self.finished
    }
}

/// A unit's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Whose.
    pub unit: UnitName,
    /// For which of its tickets.
    pub ticket: u64,
}

/// What the leader says, in the application's databag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppPlan {
    /// Who has the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<Granted>,
    /// Who waits for it, first to last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<UnitName>,
    /// The unit whose failure holds all others up ([`AfterFailure::Stop`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_up_by: Option<UnitName>,
}

/// What becomes of the other units when one has given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// They go on without it.
    #[default]
    GoOn,
    /// They wait until it has asked again and finished well, or is gone.
    Stop,
}

/// What the leader says next, of what it said before and what the units say now. Units that are gone are not among `units`.
#[must_use]
pub fn decide(before: &AppPlan, units: &BTreeMap<UnitName, UnitPlan>, after: AfterFailure) -> AppPlan {
    let mut plan = before.clone();
    let of = |unit: &UnitName| units.get(unit);
    if let Some(turn) = &plan.turn {
        let unit = of(&turn.unit);
        if unit.is_none_or(|unit| unit.finished >= turn.ticket) {
            if after == AfterFailure::Stop && unit.is_some_and(|unit| unit.gave_up.is_some()) {
                plan.held_up_by = Some(turn.unit.clone());
            }
            plan.turn = None;
        }
    }
    // The failed unit itself may try again; when that went well, or it is gone, the others go on.
    let holds_up =
        |unit: &UnitName| after == AfterFailure::Stop && of(unit).is_some_and(|unit| unit.gave_up.is_some());
    plan.held_up_by = plan.held_up_by.filter(holds_up);
    let has_turn = plan.turn.as_ref().map(|turn| turn.unit.clone());
    let waits =
        |unit: &UnitName| has_turn.as_ref() != Some(unit) && of(unit).is_some_and(UnitPlan::is_waiting);
    plan.queue.retain(waits);
    let new: Vec<UnitName> =
        units.keys().filter(|unit| waits(unit) && !plan.queue.contains(unit)).cloned().collect();
    plan.queue.extend(new);
    if plan.turn.is_none() {
        let next = match &plan.held_up_by {
            None => (!plan.queue.is_empty()).then_some(0),
            Some(failed) => plan.queue.iter().position(|unit| unit == failed),
        };
        plan.turn = next.map(|index| plan.queue.remove(index)).and_then(|unit| {
            let ticket = of(&unit)?.asked;
            Some(Granted { unit, ticket })
        });
    }
    plan
}

/// The ticket that a unit has the turn for, if it has not finished it.
#[must_use]
pub fn ticket_of(app: &AppPlan, me: &UnitName, mine: &UnitPlan) -> Option<u64> {
    app.turn.as_ref().filter(|turn| turn.unit == *me && turn.ticket > mine.finished).map(|turn| turn.ticket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(number: u32) -> UnitName {
        UnitName::new("web".parse().unwrap(), number)
    }

    fn waiting() -> UnitPlan {
        UnitPlan { asked: 1, ..UnitPlan::default() }
    }

    #[test]
    fn the_first_that_was_seen_goes_first_and_a_failure_holds_up_only_where_it_is_to() {
        for after in [AfterFailure::GoOn, AfterFailure::Stop] {
            let mut units = BTreeMap::from([(unit(2), waiting())]);
            let plan = decide(&AppPlan::default(), &units, after);
            assert_eq!(plan.turn, Some(Granted { unit: unit(2), ticket: 1 }));
            units.insert(unit(0), waiting());
            let plan = decide(&plan, &units, after);
            assert_eq!((plan.turn.as_ref().unwrap().unit.number(), plan.queue.clone()), (2, vec![unit(0)]));
            let gave_up = Some("broken".to_owned());
            units.insert(
                unit(2),
                UnitPlan { asked: 1, begun: 1, finished: 1, gave_up, ..UnitPlan::default() },
            );
            let plan = decide(&plan, &units, after);
            let has_turn = plan.turn.clone().map(|turn| turn.unit);
            match after {
                AfterFailure::GoOn => assert_eq!(has_turn, Some(unit(0))),
                AfterFailure::Stop => {
                    assert_eq!((has_turn, plan.held_up_by.clone()), (None, Some(unit(2))));
                    // It asks again, goes first, and ends well.
                    units.insert(unit(2), UnitPlan { asked: 2, ..units[&unit(2)].clone() });
                    let plan = decide(&plan, &units, after);
                    assert_eq!(plan.turn, Some(Granted { unit: unit(2), ticket: 2 }));
                    let well = UnitPlan { finished: 2, gave_up: None, ..units[&unit(2)].clone() };
                    units.insert(unit(2), well);
                    let plan = decide(&plan, &units, after);
                    assert_eq!(plan.turn.map(|turn| turn.unit), Some(unit(0)));
                }
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u32),
        Gone(u32),
        /// The leader decides on what it saw so many steps ago.
        Decide(usize),
        /// The unit whose turn it is, by what it saw so many steps ago, works: well or not.
        Work(u32, bool),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..5_u32).prop_map(Step::Ask),
            1 => (0..5_u32).prop_map(Step::Gone),
            4 => (0..3_usize).prop_map(Step::Decide),
            4 => (0..5_u32, any::<bool>()).prop_map(|(unit, well)| Step::Work(unit, well)),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// Each unit works in two steps: it begins, and it finishes.
    fn work(app: &AppPlan, me: &UnitName, mine: &mut UnitPlan, well: bool) {
        let Some(ticket) = ticket_of(app, me, mine) else { return };
        if mine.begun < ticket {
            mine.begun = ticket;
        } else {
            mine.finished = ticket;
            mine.gave_up = (!well).then(|| "broken".to_owned());
        }
    }

    fn at_work(units: &BTreeMap<UnitName, UnitPlan>) -> Vec<&UnitName> {
        units.iter().filter(|(_, plan)| plan.begun > plan.finished).map(|(unit, _)| unit).collect()
    }

    proptest! {
        /// Whatever is asked, seen late or lost: never two at work, and in the end everybody was served.
        #[test]
        fn one_at_a_time_and_everybody_in_the_end(steps in steps(), stop in any::<bool>()) {
            let after = if stop { AfterFailure::Stop } else { AfterFailure::GoOn };
            let mut app = AppPlan::default();
            let mut units: BTreeMap<UnitName, UnitPlan> = (0..5).map(|n| (unit(n), UnitPlan::default())).collect();
            let mut seen = vec![units.clone()];
            for step in steps {
                match step {
                    Step::Ask(n) => drop(units.get_mut(&unit(n)).map(|plan| plan.asked += 1)),
                    Step::Gone(n) => {
                        units.remove(&unit(n));
                        // All that anybody saw of it is gone with it.
                        seen.iter_mut().for_each(|units| drop(units.remove(&unit(n))));
                    }
                    Step::Decide(late) => {
                        let old = seen[seen.len().saturating_sub(late + 1)].clone();
                        app = decide(&app, &old, after);
                        prop_assert_eq!(&decide(&app, &old, after), &app, "deciding twice is deciding once");
                    }
                    Step::Work(n, well) => {
                        if let Some(plan) = units.get_mut(&unit(n)) {
                            work(&app, &unit(n), plan, well);
                        }
                    }
                }
                prop_assert!(at_work(&units).len() <= 1, "{:?}", at_work(&units));
                seen.push(units.clone());
            }
            // From here on all goes well.
            for _ in 0..50 {
                app = decide(&app, &units, after);
                for (name, plan) in &mut units {
                    work(&app, name, plan, true);
                }
                if let Some(failed) = &app.held_up_by {
                    let plan = units.get_mut(failed).expect("only who is there holds up");
                    if !plan.is_waiting() {
                        plan.asked += 1;
                    }
                }
            }
            prop_assert!(units.values().all(|plan| !plan.is_waiting()), "{units:?} {app:?}");
            prop_assert_eq!(app.turn, None);
            prop_assert_eq!(app.queue, vec![]);
        }
    }
}
