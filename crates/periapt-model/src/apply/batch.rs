//! Many changes as one: what bundles are deployed with.

use crate::command::{
    Answer, Batch, BatchChange, Command, CrossModel, Place, Refusal, RefusalKind, Step, StorageCommand,
};
use crate::model::{Draft, Model};
use crate::names::MachineId;
use crate::shape::Shape;
use crate::time::Timestamp;

use super::deploy::MOST_UNITS;
use super::{alive, apply_to, machines, scale};

/// How many steps one batch may have. A unit is one, unless it comes with its application.
pub const MOST_STEPS: usize = 20_000;

/// How many of the things that have changed a refusal names.
const MOST_NAMED: usize = 5;

/// Does every step, each on what the steps before it left, if the model is as they expect it. The first refusal is the
/// answer for all of them, and the draft is worth nothing then.
pub(super) fn apply(draft: &mut Draft, batch: Batch, now: Timestamp) -> Result<Answer, Refusal> {
    let Batch { steps, expect } = batch;
    alive(&draft.model)?;
    unchanged(&draft.model, &expect)?;
    check_amount(&steps)?;
    let mut answers = Vec::with_capacity(steps.len());
    // Where a machine was made, and what the refusal is called if nobody comes to it.
    let mut empty: Vec<(MachineId, String)> = Vec::new();
    for Step { of, change } in steps {
        let answer = step(draft, change, &answers, now).map_err(|refusal| named(&of, refusal))?;
        match &answer {
            Answer::Machines(made) => empty.extend(made.iter().map(|id| (*id, of.clone()))),
            Answer::Placed { machine, .. } => empty.retain(|(id, _)| id != machine),
            _ => {}
        }
        answers.push(answer);
    }
    match empty.first() {
        None => Ok(Answer::Batch(answers)),
        Some((_, of)) => Err(named(of, Refusal::invalid("no unit is placed on this machine"))),
    }
}

/// A plan says what is to be added to what there was. Done on something else it would add to what others have added.
fn unchanged(model: &Model, expect: &Shape) -> Result<(), Refusal> {
    let differences = expect.differences(model);
    if differences.is_empty() {
        return Ok(());
    }
    let mut words: Vec<String> = differences.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if differences.len() > MOST_NAMED {
        words.push(format!("{} more", differences.len() - MOST_NAMED));
    }
    let what = format!("the model has changed since this was planned: {}", words.join("; "));
    Err(Refusal::new(RefusalKind::Changed, what).hint("look at the model again, and plan anew"))
}

fn named(of: &str, refusal: Refusal) -> Refusal {
    match of.is_empty() {
        true => refusal,
        false => Refusal { message: format!("{of}: {}", refusal.message), ..refusal },
    }
}

fn check_amount(steps: &[Step]) -> Result<(), Refusal> {
    let units: u64 = steps.iter().map(|step| units_of(&step.change)).sum();
    if units > u64::from(MOST_UNITS) {
        return Err(Refusal::invalid(format!(
            "cannot add {units} units at once: ask for at most {MOST_UNITS}"
        )));
    }
    if steps.len() > MOST_STEPS {
        return Err(Refusal::invalid(format!(
            "cannot make {} changes at once: ask for at most {MOST_STEPS}",
            steps.len()
        )));
    }
    Ok(())
}

/// How many units a step asks for. A subordinate comes with none, whatever number its client sent.
fn units_of(change: &BatchChange) -> u64 {
    let BatchChange::Command(command) = change else {
        return u64::from(matches!(change, BatchChange::Unit { .. }));
    };
    match command.as_ref() {
        Command::Deploy(deploy) | Command::DeployTo { deploy, .. } if !deploy.charm.meta.subordinate => {
            u64::from(deploy.units)
        }
        _ => 0,
    }
}

fn step(
    draft: &mut Draft,
    change: BatchChange,
    before: &[Answer],
    now: Timestamp,
) -> Result<Answer, Refusal> {
    match change {
        BatchChange::Command(command) if may_be_part(&command) => apply_to(draft, *command, now),
        BatchChange::Command(_) => Err(Refusal::invalid("this command cannot be part of a batch")),
        BatchChange::Machine { constraints } => machines::add_released(draft, &constraints, now),
        BatchChange::Unit { app, place } => {
            // As by itself, a unit of nothing is refused before it is looked where it goes.
            scale::check_principal(&draft.model, &app)?;
            let machine = machine_of(&draft.model, place, before)?;
            let first = draft.model.info.next_machine;
            let made = scale::add_placed(draft, &app, &[machine], &[], now)?;
            let unit = made.into_iter().next().and_then(|unit| draft.model.units.get(&unit));
            let unit = unit.ok_or_else(|| Refusal::conflict(format!("application {app} got no unit")))?;
            let (unit, machine) = (unit.name.clone(), unit.machine);
            Ok(Answer::Placed { unit, machine, new: machine.0 >= first })
        }
    }
}

/// What a bundle may say. What ends things, and what only agents tell, stays a command of its own.
fn may_be_part(command: &Command) -> bool {
    match command {
        Command::Deploy(_)
        | Command::DeployTo { .. }
        | Command::Refresh { .. }
        | Command::AttachResource { .. }
        | Command::SetConfig { .. }
        | Command::SetConstraints { .. }
        | Command::SetTrust { .. }
        | Command::SetExposed { .. }
        | Command::Expose { .. }
        | Command::Unexpose { .. }
        | Command::Integrate { .. }
        | Command::IntegrateVia { .. }
        | Command::Storage(StorageCommand::Refresh { .. }) => true,
        Command::CrossModel(command) => {
            matches!(**command, CrossModel::Offer { .. } | CrossModel::Consume { .. })
        }
        _ => false,
    }
}

/// The machine that a place means; None: a new one.
fn machine_of(model: &Model, place: Place, before: &[Answer]) -> Result<Option<MachineId>, Refusal> {
    match place {
        Place::New => Ok(None),
        Place::Machine(id) => machines::living(model, id).map(Some),
        Place::Step(number) => match before.get(number) {
            Some(Answer::Placed { machine, .. }) => Ok(Some(*machine)),
            Some(Answer::Machines(made)) if made.len() == 1 => Ok(made.first().copied()),
            _ => Err(Refusal::invalid(format!(
                "cannot place a unit where step {number} did: no earlier step of that number has a machine"
            ))),
        },
    }
}
