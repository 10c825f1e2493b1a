//! What a step that begins or ends does to the model: one transaction with the agent's memory and the journal (I2).

use std::sync::Arc;

use crate::apply::{exposure, removal, scale, storage};
use crate::effects::{BagChanges, Changes, Effects};
use crate::entity::{Agent, AppBag, CharmState, Databag, TaskStatus};
use crate::local::{HookStep, Op};
use crate::model::{Draft, Key, Model, Record, Write};
use crate::names::{RelationId, UnitName};
use crate::secrets::apply_secrets;
use crate::status::{Life, Status};
use crate::step_commit::{Act, Commit, CommitRefusal};
use crate::time::Timestamp;

/// Turns what an agent hands over into writes, or refuses all of it.
pub fn commit(model: &Model, commit: Commit, now: Timestamp) -> Result<Vec<Write>, CommitRefusal> {
    let mut draft = Draft::new(model);
    commit_to(&mut draft, commit, now)?;
    Ok(draft.into_writes())
}

/// The same, in a draft that its caller has begun. After a refusal the draft is worth nothing.
pub fn commit_to(draft: &mut Draft, commit: Commit, now: Timestamp) -> Result<(), CommitRefusal> {
    let Commit { unit, epoch, mut local, acts, effects, journal } = commit;
    if !draft.model.units.contains_key(&unit) {
        return Err(CommitRefusal::UnitGone(unit));
    }
    let current = draft.model.agents.get(&unit).map_or(0, |agent| agent.epoch);
    if current != epoch {
        return Err(CommitRefusal::Fenced { unit, epoch, current });
    }
    for (id, version) in apply_effects(draft, &unit, effects, now)? {
        // The writer of a peer relation's application databag is never told of its own write.
        if let Some(relation) = local.relations.get_mut(&id).filter(|r| r.peer) {
            relation.apps.insert(unit.app().clone(), version);
        }
    }
    // An operator's `resolved` that arrives just as the hook is tried again must not skip a later failure.
    if !matches!(local.op, Op::Hook { step: HookStep::Failed(_), .. }) {
        clear_resolved(draft, &unit);
    }
    draft.put(Record::Agent(unit.clone(), Arc::new(Agent { epoch, local })));
    for entry in journal {
        draft.journal(now, unit.clone(), entry);
    }
    for act in acts {
        perform(draft, &unit, act, now);
    }
    Ok(())
}

/// Returns the application databags that were written, with their new versions.
fn apply_effects(
    draft: &mut Draft,
    unit: &UnitName,
    effects: Effects,
    now: Timestamp,
) -> Result<Vec<(RelationId, u64)>, CommitRefusal> {
    let mut written = Vec::new();
    for (id, BagChanges { unit: own, app }) in effects.relations {
        // A relation that was removed by force while the hook ran has nobody left to read what was written.
        if !draft.model.relations.contains_key(&id) {
            continue;
        }
        if !app.is_empty() {
            if !draft.model.is_leader(unit) {
                return Err(CommitRefusal::Effects(format!(
                    "cannot write relation settings: {unit} is not the leader of {} any more",
                    unit.app()
                )));
            }
            let mut bag = draft.model.app_bag(id, unit.app()).map(|b| AppBag::clone(b)).unwrap_or_default();
            if change(&mut bag.settings, app) {
                bag.version += 1;
                written.push((id, bag.version));
                draft.put(Record::AppBag(id, unit.app().clone(), Arc::new(bag)));
            }
        }
        if !own.is_empty() {
            let mut member = draft.model.member(id, unit).map(|m| (**m).clone()).unwrap_or_default();
            if change(&mut member.settings, own) {
                member.version += 1;
                draft.put(Record::Member(id, unit.clone(), Arc::new(member)));
            }
        }
    }
    if !effects.ports.is_empty() {
        exposure::check_ports(&draft.model, unit, &effects.ports).map_err(CommitRefusal::Effects)?;
        draft.unit(unit, |u| effects.ports.iter().for_each(|port| port.apply_to(&mut u.ports)));
    }
    if !effects.state.is_empty() {
        let mut state = draft.model.charm_states.get(unit).map(|s| CharmState::clone(s)).unwrap_or_default();
        for (key, value) in effects.state {
            match value {
                Some(value) => drop(state.insert(key, value)),
                None => drop(state.remove(&key)),
            }
        }
        draft.put(Record::CharmState(unit.clone(), Arc::new(state)));
    }
    storage::add(draft, unit, &effects.storages, now).map_err(CommitRefusal::Effects)?;
    apply_secrets(draft, unit, effects.secrets, now)?;
    Ok(written)
}

/// Changes a databag; an empty value removes its key. Returns whether anything ended up different.
pub(crate) fn change(bag: &mut Databag, changes: Changes) -> bool {
    let mut differs = false;
    for (key, value) in changes {
        match value.filter(|v| !v.is_empty()) {
            Some(value) => {
                differs |= bag.get(&key) != Some(&value);
                bag.insert(key, value);
            }
            None => differs |= bag.remove(&key).is_some(),
        }
    }
    differs
}

fn perform(draft: &mut Draft, unit: &UnitName, act: Act, now: Timestamp) {
    match act {
        Act::EnterScope(id) => enter_scope(draft, unit, id, now),
        Act::LeaveScope(id) => removal::leave_scope(draft, unit, id),
        Act::AgentStatus { status, message, data } => {
            let status = Status { status, message, data, since: now };
            draft.unit(unit, |u| {
                if !u.agent.says_the_same(&status) {
                    u.agent = status;
                }
            });
        }
        Act::WorkloadStatus { status, message } => {
            draft.unit(unit, |u| u.workload = Status::new(status, message, now));
        }
        Act::CharmInstalled(charm) => {
            let old = draft.model.units.get(unit).and_then(|u| u.charm.clone());
            draft.unit(unit, |u| u.charm = Some(charm));
            if let Some(old) = old {
                removal::remove_charm_if_unused(draft, &old.id);
            }
        }
        Act::ClearResolved => clear_resolved(draft, unit),
        Act::TaskStarted(id) => draft.task(id, |t| {
            // Somebody may have taken it back a moment before.
            if !t.status.is_final() {
                t.started = Some(now);
            }
            if t.status == TaskStatus::Pending {
                t.status = TaskStatus::Running;
            }
        }),
        // What was taken back before it began stays what it was called, and is not heard of twice.
        Act::TaskEnded { task, .. } if draft.model.tasks.get(&task).is_some_and(|t| t.status.is_final()) => {}
        Act::TaskEnded { task, status, timed_out, message, results } => draft.task(task, |t| {
            t.status = status;
            t.keep_results(timed_out, message, results, now);
        }),
        Act::RefreshAddresses => {
            let ids: Vec<RelationId> = draft.model.relations_of(unit.app()).map(|r| r.id).collect();
            for id in ids {
                if draft.model.member(id, unit).is_some_and(|m| m.in_scope) {
                    write_addresses(draft, unit, id);
                }
            }
        }
        Act::DetachStorage(id) => storage::detached_by(draft, unit, &id, now),
        Act::ReleaseLeadership => {
            if draft.model.is_leader(unit) {
                draft.delete(Key::Leadership(unit.app().clone()));
            }
        }
        Act::Dead => removal::remove_unit(draft, unit, now),
    }
}

fn clear_resolved(draft: &mut Draft, unit: &UnitName) {
    if draft.model.units.get(unit).is_some_and(|u| u.resolved.is_some()) {
        draft.unit(unit, |u| u.resolved = None);
    }
}

fn enter_scope(draft: &mut Draft, unit: &UnitName, id: RelationId, now: Timestamp) {
    if draft.model.relations.get(&id).is_none_or(|r| r.life != Life::Alive) {
        return;
    }
    draft.member(id, unit, |member| member.in_scope = true);
    write_addresses(draft, unit, id);
    scale::make_subordinate(draft, unit, id, now);
}

fn write_addresses(draft: &mut Draft, unit: &UnitName, id: RelationId) {
    let address = draft
        .model
        .units
        .get(unit)
        .and_then(|u| draft.model.machines.get(&u.machine))
        .map(|m| m.address.clone())
        .unwrap_or_default();
    let keys = [
        ("egress-subnets", draft.model.egress_subnets(Some(id), &address).join(",")),
        ("ingress-address", address.clone()),
        ("private-address", address),
    ];
    let changes = keys.into_iter().map(|(k, v)| (k.to_owned(), Some(v))).collect();
    draft.member(id, unit, |member| {
        if change(&mut member.settings, changes) {
            member.version += 1;
        }
    });
}
