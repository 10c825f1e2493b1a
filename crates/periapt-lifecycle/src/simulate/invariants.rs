//! What must hold after every action, whatever happened.

use periapt_model::names::{RelationId, UnitName};
use periapt_model::observe::observe;

use crate::{RestReason, Step, why};

use super::Broken;
use super::charm;
use super::world::World;

fn broken(invariant: &'static str, text: String) -> Result<(), Broken> {
    Err(Broken { invariant, text })
}

impl World {
    pub(super) fn check(&self) -> Result<(), Broken> {
        self.effects_count_once()?;
        self.nobody_waits_in_the_dark()
    }

    /// I2: what was committed is there once, what was not is not there.
    fn effects_count_once(&self) -> Result<(), Broken> {
        for ((relation, unit), expected) in &self.expected {
            let (there, counted) = match relation {
                Some(id) => (self.model.member(*id, unit).is_some(), charm::counted(&self.model, *id, unit)),
                None => (self.model.units.contains_key(unit), charm::stored(&self.model, unit)),
            };
            if there && counted != *expected {
                let place = |id: &RelationId| format!("its databag of relation {id}");
                let place = relation.as_ref().map_or("its state".to_owned(), place);
                return broken("I2", format!("{unit} wrote {expected} times, {place} says {counted}"));
            }
        }
        Ok(())
    }

    /// I4 and I7: every agent that rests without being settled knows its next moment, or says that it waits for a person.
    fn nobody_waits_in_the_dark(&self) -> Result<(), Broken> {
        for (unit, agent) in self.agents.iter().filter(|(_, agent)| agent.running.is_none()) {
            let (Some(local), Some(remote)) = (self.local(unit), observe(&self.model, unit)) else {
                continue;
            };
            let moment = self.moment(unit);
            let step = crate::next(local, &remote, &moment);
            if step != crate::next(local, &remote, &moment) {
                return broken("I7", format!("{unit}: two answers to one question"));
            }
            if let Step::Rest { until, why: reason } = &step {
                let by_hand = matches!(reason, RestReason::HookFailed { .. }) && !remote.retry_hooks;
                let wakes_off =
                    matches!(reason, RestReason::Deferred { .. }) && remote.deferred_wake.is_none();
                let settled = matches!(reason, RestReason::Settled | RestReason::Gone);
                if until.is_none() && !by_hand && !wakes_off && !settled {
                    return broken(
                        "I4",
                        format!("{unit} (agent {}) rests for {reason:?} without end", agent.epoch),
                    );
                }
                if until.is_some_and(|at| at <= self.now) {
                    return broken("I4", format!("{unit} rests although {until:?} has come: {reason:?}"));
                }
                if !settled && why(local, &remote, &moment).waits.is_empty() {
                    return broken("I4", format!("{unit} rests for {reason:?}, and why says nothing"));
                }
            }
        }
        Ok(())
    }

    /// I3 and convergence: what must be true when everything has settled.
    pub(super) fn check_settled(&self) -> Result<(), Broken> {
        if self.tasks_open() {
            return broken("settles", "a task is still open".to_owned());
        }
        for unit in self.model.units.values() {
            self.check_settled_unit(&unit.name)?;
        }
        for app in self.model.applications.values() {
            if app.life != periapt_model::status::Life::Alive {
                return broken("settles", format!("application {} does not go away", app.name));
            }
        }
        for relation in self.model.relations.values() {
            if relation.life != periapt_model::status::Life::Alive {
                return broken("settles", format!("relation {} does not go away", relation.key()));
            }
        }
        Ok(())
    }

    fn check_settled_unit(&self, unit: &UnitName) -> Result<(), Broken> {
        let (Some(local), Some(remote)) = (self.local(unit), observe(&self.model, unit)) else {
            return broken("settles", format!("{unit} has no agent"));
        };
        if !local.deferred.events.is_empty() || !self.disk_is_empty(unit) {
            return broken("I3", format!("{unit} still has deferred events: {:?}", local.deferred.events));
        }
        if local.leader != remote.leader {
            return broken("settles", format!("{unit} does not know whether it leads"));
        }
        if local.charm.as_ref() != Some(&remote.charm) || local.seen != Some(remote.inputs) {
            return broken("settles", format!("{unit} has old files or config"));
        }
        for (id, theirs) in remote.relations.iter().filter(|(_, r)| r.implemented) {
            let ours = local.relations.get(id);
            if ours.map(|r| &r.members) != Some(&theirs.members)
                || ours.map(|r| &r.apps) != Some(&theirs.apps)
            {
                return broken(
                    "settles",
                    format!("{unit} does not know who is in relation {id}: {ours:?}, {theirs:?}"),
                );
            }
        }
        Ok(())
    }
}
