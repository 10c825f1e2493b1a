//! What must hold after every action, whatever happened.

use std::collections::BTreeSet;

use periapt_model::names::{RelationId, UnitName};
use periapt_model::observe::observe;
use periapt_model::status::Life;
use periapt_model::time::Timestamp;

use crate::{RestReason, Step, why};

use super::Broken;
use super::charm;
use super::world::World;

fn broken<T>(invariant: &'static str, text: String) -> Result<T, Broken> {
    Err(Broken { invariant, text })
}

/// Every so many steps all units are checked, whether they were concerned or not.
const CHECK_ALL_EVERY: u64 = 50;

impl World {
    /// Checks the units that the last action may have concerned.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        if let Some(text) = self.driver.overlooked.take() {
            return broken("wakes", text);
        }
        // Where agents only looked, nothing in the model is new.
        if self.checked != self.driver.changes() {
            self.checked = self.driver.changes();
            self.check_containers()?;
            self.check_storages()?;
        }
        if self.steps.is_multiple_of(CHECK_ALL_EVERY) {
            return self.check_all();
        }
        std::mem::take(&mut self.driver.unchecked).iter().try_for_each(|unit| self.check_unit(unit))
    }

    fn check_all(&mut self) -> Result<(), Broken> {
        self.driver.unchecked.clear();
        if let Some(unit) = self.driver.asleep() {
            return broken("wakes", format!("{unit} is not woken by what concerns it"));
        }
        let counting: BTreeSet<UnitName> = self.expected.keys().map(|(unit, _)| unit.clone()).collect();
        let acting = self.driver.agents.keys().cloned();
        acting.chain(counting).collect::<BTreeSet<_>>().iter().try_for_each(|unit| self.check_unit(unit))
    }

    fn check_unit(&mut self, unit: &UnitName) -> Result<(), Broken> {
        self.effects_count_once(unit)?;
        let until = self.does_not_wait_in_the_dark(unit)?;
        if let Some(agent) = self.driver.agents.get_mut(unit) {
            agent.until = until;
        }
        Ok(())
    }

    /// I2: what was committed is there once, what was not is not there.
    fn effects_count_once(&self, unit: &UnitName) -> Result<(), Broken> {
        let of_unit = self.expected.range((unit.clone(), None)..).take_while(|((of, _), _)| of == unit);
        for ((_, relation), expected) in of_unit {
            let (there, counted) = match relation {
                Some(id) => (
                    self.driver.model.member(*id, unit).is_some(),
                    charm::counted(&self.driver.model, *id, unit),
                ),
                None => (self.driver.model.units.contains_key(unit), charm::stored(&self.driver.model, unit)),
            };
            if there && counted != *expected {
                let place = |id: &RelationId| format!("its databag of relation {id}");
                let place = relation.as_ref().map_or("its state".to_owned(), place);
                return broken("I2", format!("{unit} wrote {expected} times, {place} says {counted}"));
            }
        }
        Ok(())
    }

    /// I4 and I7: an agent that rests without being settled knows its next moment, or says that it waits for a person.
    /// Returns until when it rests.
    fn does_not_wait_in_the_dark(&mut self, unit: &UnitName) -> Result<Option<Timestamp>, Broken> {
        let resting = self.driver.agents.get(unit).filter(|agent| agent.running.is_none());
        let Some(epoch) = resting.map(|agent| agent.epoch) else { return Ok(None) };
        let Some(remote) = self.driver.present(unit) else { return Ok(None) };
        let Some(local) = self.driver.local(unit) else { return Ok(None) };
        let moment = self.driver.moment(unit);
        let step = crate::next(local, &remote, &moment);
        if step != crate::next(local, &remote, &moment) {
            return broken("I7", format!("{unit}: two answers to one question"));
        }
        let Step::Rest { until, why: reason } = &step else { return Ok(None) };
        let by_hand = matches!(reason, RestReason::HookFailed { .. }) && !remote.retry_hooks;
        let wakes_off = matches!(reason, RestReason::Deferred { .. }) && remote.deferred_wake.is_none();
        let settled = matches!(reason, RestReason::Settled | RestReason::Gone);
        // Those that are left are units as well, and this holds for them.
        let others = matches!(reason, RestReason::Subordinates { .. });
        if until.is_none() && !by_hand && !wakes_off && !settled && !others {
            let text = format!("{unit} (agent {epoch}) rests for {reason:?} without end");
            return broken("I4", text);
        }
        if until.is_some_and(|at| at <= self.driver.now) {
            return broken("I4", format!("{unit} rests although {until:?} has come: {reason:?}"));
        }
        if !settled && why(local, &remote, &moment).waits.is_empty() {
            return broken("I4", format!("{unit} rests for {reason:?}, and why says nothing"));
        }
        Ok(*until)
    }

    /// I3 and convergence: what must be true when everything has settled.
    pub(super) fn check_settled(&mut self) -> Result<(), Broken> {
        self.check_all()?;
        if self.tasks_open() {
            return broken("settles", "a task is still open".to_owned());
        }
        for unit in self.driver.model.units.values() {
            self.check_settled_unit(&unit.name)?;
        }
        self.check_settled_containers()?;
        for app in self.driver.model.applications.values() {
            if app.life != periapt_model::status::Life::Alive {
                return broken("settles", format!("application {} does not go away", app.name));
            }
        }
        for relation in self.driver.model.relations.values() {
            if relation.life != periapt_model::status::Life::Alive {
                return broken("settles", format!("relation {} does not go away", relation.key()));
            }
        }
        Ok(())
    }

    pub(super) fn check_settled_unit(&self, unit: &UnitName) -> Result<(), Broken> {
        let (Some(local), Some(remote)) = (self.driver.local(unit), observe(&self.driver.model, unit)) else {
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
        for (id, theirs) in remote.relations.iter().filter(|(_, r)| r.implemented && !r.implicit) {
            let ours = local.relations.get(id);
            // One that is suspended looks empty to both sides, or was never entered.
            if theirs.suspended {
                if theirs.in_scope || ours.is_some_and(|ours| !ours.members.is_empty()) {
                    let text = format!("{unit} is still in relation {id}, which is suspended: {ours:?}");
                    return broken("settles", text);
                }
                continue;
            }
            if ours.map(|r| &r.members) != Some(&theirs.members)
                || ours.map(|r| &r.apps) != Some(&theirs.apps)
            {
                return broken(
                    "settles",
                    format!("{unit} does not know who is in relation {id}: {ours:?}, {theirs:?}"),
                );
            }
        }
        if let Some((id, read)) = remote.secrets_read.iter().find(|(id, read)| {
            let told = local.secrets.changed.get(*id).copied().unwrap_or(0);
            read.readable && read.tracked < read.latest && told < read.latest
        }) {
            return broken("settles", format!("{unit} was not told that secret {id} changed: {read:?}"));
        }
        let told = |id, n: &u32| local.secrets.removed.get(id).is_some_and(|told| told.contains(n));
        if let Some((id, owned)) =
            remote.secrets_owned.iter().find(|(id, owned)| !owned.obsolete.iter().all(|n| told(*id, n)))
        {
            return broken("settles", format!("{unit} was not told what nobody reads of {id}: {owned:?}"));
        }
        if !local.storages.iter().eq(remote.storages.keys())
            || remote.storages.values().any(|l| *l != Life::Alive)
        {
            let text = format!("{unit} knows {:?} of its storages {:?}", local.storages, remote.storages);
            return broken("settles", text);
        }
        Ok(())
    }
}
