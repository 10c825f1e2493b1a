//! What a command does to the model. One file for each family of commands; this one only hands them out.

mod agent;
pub mod batch;
mod config;
mod cross_model;
mod deploy;
pub mod exposure;
mod link;
pub(crate) mod machine_tasks;
mod machines;
mod refresh;
mod relate;
pub(crate) mod removal;
pub(crate) mod scale;
mod secret_copies;
mod secrets;
pub(crate) mod storage;
mod tasks;

use crate::command::{Answer, Command, Refusal, StorageOptions};
use crate::model::{Draft, Model, Write};
use crate::names::{AppName, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

/// The version of Juju whose behaviour this is, as `JUJU_VERSION` and `assumes` see it.
pub const JUJU_VERSION: &str = "3.6.11";

/// What `command` does to `model` at `now`: writes and an answer, or a refusal that changes nothing.
///
/// Equal inputs give equal outputs (I7): the caller draws uuids and reads clocks.
pub fn apply(model: &Model, command: Command, now: Timestamp) -> Result<(Vec<Write>, Answer), Refusal> {
    let mut draft = Draft::new(model);
    let answer = apply_to(&mut draft, command, now)?;
    Ok((draft.into_writes(), answer))
}

/// The same, in a draft that its caller has begun. After a refusal the draft is worth nothing.
pub fn apply_to(draft: &mut Draft, command: Command, now: Timestamp) -> Result<Answer, Refusal> {
    let answer = match command {
        Command::Deploy(deploy) => {
            alive(&draft.model)?;
            deploy::deploy(draft, *deploy, &[], &StorageOptions::default(), now)?
        }
        Command::AddUnits { app, count } => {
            alive(&draft.model)?;
            scale::add_units(draft, &app, count, &[], &[], now)?
        }
        Command::DeployTo { deploy, placement, storage } => {
            alive(&draft.model)?;
            deploy::deploy(draft, *deploy, &placement, &storage, now)?
        }
        Command::AddUnitsTo { app, count, placement, attach } => {
            alive(&draft.model)?;
            scale::add_units(draft, &app, count, &placement, &attach, now)?
        }
        Command::AddMachines { count, constraints } => {
            alive(&draft.model)?;
            machines::add(draft, count, &constraints, now)?
        }
        Command::RemoveMachines { machines, force } => machines::remove(draft, &machines, force, now)?,
        Command::SetConstraints { app, constraints } => {
            machines::set_constraints(draft, app.as_ref(), &constraints)?
        }
        Command::RemoveUnits { units, force } => scale::remove_units(draft, &units, force, now)?,
        Command::RemoveApplication { app, force } => scale::remove_application(draft, &app, force, now)?,
        Command::Integrate { a, b } => {
            alive(&draft.model)?;
            relate::integrate(draft, &a, &b)?
        }
        Command::IntegrateVia { a, b, via } => {
            alive(&draft.model)?;
            let via = exposure::networks(&via)?;
            let answer = relate::integrate(draft, &a, &b)?;
            if let Answer::Related { id, .. } = &answer {
                draft.relation(*id, |relation| relation.via = via);
            }
            answer
        }
        Command::RemoveRelation { relation, force } => relate::remove(draft, &relation, force, now)?,
        Command::SetConfig { app, set, reset } => config::set_config(draft, &app, &set, &reset)?,
        Command::SetTrust { app, trust } => config::set_trust(draft, &app, trust)?,
        Command::SetExposed { app, exposed } => config::set_exposed(draft, &app, exposed)?,
        Command::Expose { app, endpoints, to } => exposure::expose(draft, &app, &endpoints, to)?,
        Command::Unexpose { app, endpoints } => exposure::unexpose(draft, &app, &endpoints)?,
        Command::SetModelConfig { set, reset } => config::set_model_config(draft, &set, &reset)?,
        Command::Refresh { app, charm, force_units, config, resources, channel, trust } => {
            let with = refresh::With { force_units, config, resources, channel, trust };
            refresh::refresh(draft, &app, charm.map(|charm| *charm), with, now)?
        }
        Command::AttachResource { app, resource, file } => refresh::attach(draft, &app, resource, file)?,
        Command::Resolve { units, all, how } => scale::resolve(draft, units, all, how)?,
        Command::Run { receivers, action, params } => tasks::run(draft, &receivers, &action, &params, now)?,
        Command::Exec { receivers, command, timeout_ms, parallel, with } => {
            let script = tasks::Script { command, timeout_ms, parallel, with };
            tasks::exec(draft, &receivers, &script, now)?
        }
        Command::Replay { unit, record, hook } => tasks::replay(draft, &unit, record, hook, now)?,
        Command::MachineTask { task, what } => machine_tasks::told(draft, task, what, now)?,
        Command::CancelTask { task } => tasks::cancel(draft, task, now)?,
        Command::PruneOperations { before } => {
            tasks::prune(draft, before);
            Answer::Done
        }
        Command::DestroyModel { force, storage } => {
            storage::model_ends(draft, storage, now)?;
            scale::destroy_model(draft, force, now)?
        }
        Command::Storage(command) => storage::apply(draft, command, now)?,
        Command::AddSecret { name, info, content } => {
            alive(&draft.model)?;
            secrets::add(draft, &name, info, content, now)?
        }
        Command::UpdateSecret { secret, name, info, auto_prune, content } => {
            secrets::update(draft, &secret, secrets::Update { name, info, auto_prune, content }, now)?
        }
        Command::RemoveSecret { secret, revision } => secrets::remove(draft, &secret, revision)?,
        Command::GrantSecret { secret, apps, grant } => secrets::grant(draft, &secret, &apps, grant)?,
        Command::CrossModel(command) => cross_model::apply(draft, *command, now)?,
        Command::Batch(batch) => batch::apply(draft, batch, now)?,
        Command::Agent { unit, epoch, tell } => agent::tell(draft, &unit, epoch, tell, now)?,
        Command::TakeUnit { unit } => agent::take(draft, &unit, now)?,
        Command::LeaseEnded { app, unit } => agent::lease_ended(draft, &app, &unit),
    };
    Ok(answer)
}

fn alive(model: &Model) -> Result<(), Refusal> {
    match model.info.life {
        Life::Alive => Ok(()),
        _ => Err(Refusal::conflict(format!("model {:?} is being destroyed", model.info.name.as_str()))),
    }
}

/// The application, or the refusal that names it.
fn find_app<'a>(
    model: &'a Model,
    app: &AppName,
) -> Result<&'a std::sync::Arc<crate::entity::Application>, Refusal> {
    model.applications.get(app).ok_or_else(|| {
        let refusal = Refusal::not_found(format!("application {:?} not found", app.as_str()));
        // Of two letters, one is no slip.
        let near = crate::entity::nearest(app.as_str(), model.applications.keys().map(AppName::as_str))
            .filter(|_| app.as_str().len() > 2);
        match near {
            Some(near) => refusal.hint(format!("did you mean {near:?}?")),
            None => refusal,
        }
    })
}

/// As [`find_app`], and not going away.
fn find_living_app<'a>(
    model: &'a Model,
    app: &AppName,
) -> Result<&'a std::sync::Arc<crate::entity::Application>, Refusal> {
    let found = find_app(model, app)?;
    match found.life {
        Life::Alive => Ok(found),
        _ => Err(Refusal::conflict(format!("application {:?} is being removed", app.as_str()))
            .hint("wait until it is gone (`periapt wait`), or see what holds it with `periapt why`")),
    }
}

/// The unit, or the refusal that names it.
fn find_unit<'a>(
    model: &'a Model,
    unit: &UnitName,
) -> Result<&'a std::sync::Arc<crate::entity::Unit>, Refusal> {
    model.units.get(unit).ok_or_else(|| Refusal::not_found(format!("unit \"{unit}\" not found")))
}
