//! Draws what happens next.

use std::time::Duration;

use periapt_model::command::{EndpointRef, RelationRef};
use periapt_model::names::{AppName, EndpointName, UnitName};
use periapt_model::remote::Resolve;

use super::action::{Action, Ending};
use super::rng::Rng;
use super::storages;
use super::world::World;

const NAMES: [&str; 6] = ["db", "web", "log", "ring", "spare", "extra"];

/// An action that probably makes sense now.
pub fn draw(world: &World, rng: &mut Rng) -> Action {
    let units: Vec<UnitName> = world.driver.model.units.keys().cloned().collect();
    let Some(unit) = rng.pick(&units).cloned() else { return operator(world, rng, &units) };
    // Most of what happens is agents at work; an operator's commands and faults come between.
    match rng.below(100) {
        0..7 => operator(world, rng, &units),
        7..52 => Action::Decide(pick_free(world, rng, &units).unwrap_or(unit)),
        52..84 => match pick_running(world, rng, &units) {
            Some(busy) => Action::End(busy, ending(rng), rng.number()),
            None => Action::Decide(unit),
        },
        84..90 => Action::Observe(unit, rng.below(6)),
        90..93 => Action::PassToTimer,
        93..95 => Action::Pass(Duration::from_millis(rng.number() % 20_000)),
        _ => fault(world, rng, unit),
    }
}

fn pick_running(world: &World, rng: &mut Rng, units: &[UnitName]) -> Option<UnitName> {
    let busy: Vec<&UnitName> =
        units.iter().filter(|u| world.driver.agents.get(*u).is_some_and(|a| a.running.is_some())).collect();
    rng.pick(&busy).map(|u| (*u).clone())
}

fn pick_free(world: &World, rng: &mut Rng, units: &[UnitName]) -> Option<UnitName> {
    let free: Vec<&UnitName> =
        units.iter().filter(|u| world.driver.agents.get(*u).is_none_or(|a| a.running.is_none())).collect();
    rng.pick(&free).map(|u| (*u).clone())
}

fn ending(rng: &mut Rng) -> Ending {
    match rng.below(20) {
        0..14 => Ending::Done,
        14 => Ending::Missing,
        15..18 => Ending::Failed,
        18 => Ending::Killed,
        _ => Ending::KilledLate,
    }
}

fn fault(world: &World, rng: &mut Rng, unit: UnitName) -> Action {
    match rng.below(12) {
        0..5 => Action::KillAgent(unit, ending(rng), rng.number()),
        5..7 => Action::Usurp(unit, rng.number()),
        7 => Action::KillDaemon,
        8 => Action::Reboot(unit),
        _ => {
            let led: Vec<AppName> = world.driver.model.leaders.keys().cloned().collect();
            rng.pick(&led).cloned().map_or(Action::KillDaemon, Action::LoseLease)
        }
    }
}

fn operator(world: &World, rng: &mut Rng, units: &[UnitName]) -> Action {
    let apps: Vec<AppName> = world.driver.model.applications.keys().cloned().collect();
    let any_name = |rng: &mut Rng| rng.pick(&NAMES).and_then(|n| AppName::new(n).ok());
    let deploy = |rng: &mut Rng| match any_name(rng) {
        Some(app) => {
            Action::Deploy { app, charm: rng.below(world.charm_count()), units: 1 + rng.below(3) as u32 }
        }
        None => Action::PassToTimer,
    };
    let (Some(app), Some(other)) = (rng.pick(&apps).cloned(), rng.pick(&apps).cloned()) else {
        return deploy(rng);
    };
    let unit = rng.pick(units).cloned();
    if rng.chance(20)
        && let Some(action) = storages::draw(world, rng, &app, unit.as_ref())
    {
        return action;
    }
    match (rng.below(40), unit) {
        (0..5, _) => deploy(rng),
        (5..8, _) => Action::AddUnits(app, 1 + rng.below(2) as u32),
        (8..11, Some(unit)) => Action::RemoveUnit(unit, rng.chance(15)),
        (11..13, _) => Action::RemoveApplication(app, rng.chance(15)),
        (13..19, _) => Action::Integrate(whole(&app), whole(&other)),
        (19..21, _) => Action::Integrate(side(world, rng, &app), whole(&other)),
        (21..24, _) => {
            let ids: Vec<_> = world.driver.model.relations.keys().copied().collect();
            rng.pick(&ids).map_or(Action::PassToTimer, |id| {
                Action::RemoveRelation(RelationRef::Id(*id), rng.chance(20))
            })
        }
        (24..28, _) => Action::Config(app, rng.below(4) as u32),
        (28, _) => Action::Trust(app, rng.chance(50)),
        (29..32, _) => Action::Refresh(app, rng.below(world.charm_count()), rng.chance(30)),
        (32..34, Some(_)) => resolve(world, rng, units),
        (34..37, Some(unit)) => Action::Run(unit),
        (37, _) => Action::CancelTask,
        _ => setting(rng),
    }
}

fn resolve(world: &World, rng: &mut Rng, units: &[UnitName]) -> Action {
    use periapt_model::local::{HookStep, Op};
    let failed: Vec<&UnitName> = units
        .iter()
        .filter(|u| {
            matches!(world.driver.local(u).map(|l| &l.op), Some(Op::Hook { step: HookStep::Failed(_), .. }))
        })
        .collect();
    match rng.pick(&failed) {
        Some(unit) => {
            Action::Resolve((*unit).clone(), if rng.chance(50) { Resolve::Retry } else { Resolve::NoRetry })
        }
        None => Action::PassToTimer,
    }
}

fn setting(rng: &mut Rng) -> Action {
    let (key, values): (&str, &[&str]) = match rng.below(3) {
        0 => ("automatically-retry-hooks", &["true", "false"]),
        1 => ("deferred-wake", &["off", "1s", "500ms"]),
        _ => ("update-status-hook-interval", &["5s", "1m", "5m"]),
    };
    let value = rng.pick(values).copied().unwrap_or_default();
    Action::Setting(key.to_owned(), value.to_owned())
}

/// One endpoint of an application: what is ambiguous otherwise, or only a second relation of the same two.
fn side(world: &World, rng: &mut Rng, app: &AppName) -> EndpointRef {
    let endpoints: Vec<EndpointName> = world
        .driver
        .model
        .charm_of(app)
        .map(|charm| charm.meta.endpoints.keys().cloned().collect())
        .unwrap_or_default();
    EndpointRef { app: app.clone(), endpoint: rng.pick(&endpoints).cloned() }
}

fn whole(app: &AppName) -> EndpointRef {
    EndpointRef { app: app.clone(), endpoint: None }
}
