//! What agents tell at once, and the taking over of units.

use std::sync::Arc;

use crate::command::{Answer, Refusal, Tell};
use crate::entity::{Agent, LeaderSettings, Leadership, Payload, PayloadChange, PayloadKey, PayloadStatus};
use crate::journal::{Entry, Mark};
use crate::local::{HookStep, Op};
use crate::model::{Draft, Key, Record};
use crate::names::{AppName, UnitName};
use crate::status::{Life, Status};
use crate::time::Timestamp;

use super::find_unit;

/// Lines and bytes that a task's log keeps. Each new line writes the task again, so it must not grow without end.
const MOST_TASK_LINES: usize = 2000;
const MOST_TASK_BYTES: usize = 256 << 10;

/// Adds a line to a task's log, or the one note that it is full.
fn add_to_log(log: &mut Vec<(Timestamp, String)>, now: Timestamp, line: String) {
    if log.last().is_some_and(|(_, last)| last == TASK_LOG_FULL) {
        return;
    }
    let bytes: usize = log.iter().map(|(_, line)| line.len()).sum();
    let fits = log.len() < MOST_TASK_LINES && bytes + line.len() <= MOST_TASK_BYTES;
    log.push((now, if fits { line } else { TASK_LOG_FULL.to_owned() }));
}

/// What a task's log ends with when it had more to say.
const TASK_LOG_FULL: &str = "(the log of this task is full: what came after this is left out)";

pub(super) fn take(draft: &mut Draft, unit: &UnitName, now: Timestamp) -> Result<Answer, Refusal> {
    find_unit(&draft.model, unit)?;
    let mut agent = draft.model.agents.get(unit).map(|a| Agent::clone(a)).unwrap_or_default();
    agent.epoch += 1;
    let epoch = agent.epoch;
    // What the agent before this one ran has ended with it, or is ended before anything else runs.
    if let Op::Hook { step: HookStep::Pending { ended: ended @ None, .. }, .. } = &mut agent.local.op {
        *ended = Some(now);
    }
    draft.put(Record::Agent(unit.clone(), Arc::new(agent)));
    draft.journal(now, unit.clone(), Entry::Mark(Mark::AgentStarted { epoch }));
    Ok(Answer::Epoch(epoch))
}

pub(super) fn lease_ended(draft: &mut Draft, app: &AppName, unit: &UnitName) -> Answer {
    if draft.model.leaders.get(app).is_some_and(|l| &l.unit == unit) {
        draft.delete(Key::Leadership(app.clone()));
    }
    Answer::Done
}

pub(super) fn tell(
    draft: &mut Draft,
    unit: &UnitName,
    epoch: u64,
    tell: Tell,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    find_unit(&draft.model, unit)?;
    let current = draft.model.agents.get(unit).map_or(0, |a| a.epoch);
    if current != epoch {
        return Err(Refusal::not_allowed(format!(
            "agent {epoch} of {unit} is fenced: agent {current} has taken the unit"
        )));
    }
    match tell {
        Tell::UnitStatus { status, message } => {
            let status = Status::new(status, message, now);
            draft.unit(unit, |u| {
                if !u.workload.says_the_same(&status) {
                    u.workload = status;
                }
            });
        }
        Tell::ApplicationStatus { status, message } => {
            leader_only(draft, unit, "this unit is not the leader")?;
            let status = Status::new(status, message, now);
            draft.application(unit.app(), |a| {
                if a.status.as_ref().is_none_or(|old| !old.says_the_same(&status)) {
                    a.status = Some(status);
                }
            });
        }
        Tell::WorkloadVersion(version) => {
            draft.unit(unit, |u| u.workload_version = Some(version.clone()));
            draft.application(unit.app(), |a| a.workload_version = Some(version));
        }
        Tell::LeaderSettings(changes) => {
            leader_only(
                draft,
                unit,
                "cannot write leadership settings: cannot write settings: not the leader",
            )?;
            let mut settings = draft
                .model
                .leader_settings
                .get(unit.app())
                .map(|s| LeaderSettings::clone(s))
                .unwrap_or_default();
            if crate::commit::change(&mut settings.settings, changes) {
                settings.version += 1;
                draft.put(Record::LeaderSettings(unit.app().clone(), Arc::new(settings)));
            }
        }
        Tell::TaskLog { task, line } => draft.task(task, |t| add_to_log(&mut t.log, now, line)),
        Tell::TrackSecret { secret, label, revision } => {
            let Some(found) = draft.model.secrets.get(&secret) else {
                return Err(Refusal::not_found(format!("secret {secret:?} not found")));
            };
            if !draft.model.may_read(found, unit) {
                return Err(Refusal::not_allowed("permission denied"));
            }
            crate::secrets::track(draft, &secret, unit, label, revision);
        }
        Tell::Payload { key, change } => payload(draft, unit, key, change)?,
        Tell::ClaimLeadership => return Ok(Answer::Leader(claim(draft, unit))),
    }
    Ok(Answer::Done)
}

/// How many payloads a unit may tell of. Nobody lists more, and each write of the unit's record carries them all.
const MOST_PAYLOADS: usize = 1000;

fn payload(
    draft: &mut Draft,
    unit: &UnitName,
    key: PayloadKey,
    change: PayloadChange,
) -> Result<(), Refusal> {
    let payloads = &find_unit(&draft.model, unit)?.payloads;
    let known = payloads.contains_key(&key);
    match change {
        PayloadChange::Register { kind, labels } => {
            if !known && payloads.len() >= MOST_PAYLOADS {
                return Err(Refusal::conflict(format!("unit {unit} has {MOST_PAYLOADS} payloads already")));
            }
            let payload = Payload { kind, labels, status: PayloadStatus::Started };
            draft.unit(unit, |u| drop(u.payloads.insert(key, payload)));
        }
        PayloadChange::Status(_) if !known => {
            return Err(Refusal::not_found(format!("payload \"{}/{}\" not found", key.class, key.id)));
        }
        PayloadChange::Status(status) => draft.unit(unit, |u| {
            if let Some(payload) = u.payloads.get_mut(&key) {
                payload.status = status;
            }
        }),
        // What is gone already is no reason to fail a hook that tidies up (Juju 3.6).
        PayloadChange::Unregister => draft.unit(unit, |u| drop(u.payloads.remove(&key))),
    }
    Ok(())
}

fn leader_only(draft: &Draft, unit: &UnitName, otherwise: &str) -> Result<(), Refusal> {
    if draft.model.is_leader(unit) { Ok(()) } else { Err(Refusal::not_allowed(otherwise)) }
}

fn claim(draft: &mut Draft, unit: &UnitName) -> bool {
    if let Some(leader) = draft.model.leaders.get(unit.app()) {
        return &leader.unit == unit;
    }
    let alive = draft.model.units.get(unit).is_some_and(|u| u.life == Life::Alive);
    if alive {
        let leadership = Leadership { app: unit.app().clone(), unit: unit.clone() };
        draft.put(Record::Leadership(Arc::new(leadership)));
    }
    alive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_log_ends_with_a_note_when_it_is_full() {
        let mut many = Vec::new();
        (0..MOST_TASK_LINES + 5).for_each(|n| add_to_log(&mut many, Timestamp(0), n.to_string()));
        assert_eq!(many.len(), MOST_TASK_LINES + 1);
        let mut long = Vec::new();
        for line in ["x".repeat(MOST_TASK_BYTES), "y".to_owned(), String::new()] {
            add_to_log(&mut long, Timestamp(0), line);
        }
        assert_eq!(long.len(), 2);
        assert_eq!(long[1].1, TASK_LOG_FULL);
    }
}
