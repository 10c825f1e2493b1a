//! The end of a run: faults stop, processes end well, and everything must come to rest.

use periapt_model::names::UnitName;
use periapt_model::observe::observe;

use crate::{RestReason, Step};

use super::Broken;
use super::action::{Action, Ending};
use super::world::World;

/// Lets the model come to rest, and checks what must be true then.
pub fn settle(world: &mut World) -> Result<(), Broken> {
    begin(world)?;
    let end = world.driver.now + World::PATIENCE;
    loop {
        if advance(world)? {
            continue;
        }
        if unsettled(world).is_empty() {
            return world.check_settled();
        }
        if !world.act(&Action::PassToTimer)? || world.driver.now > end {
            return Err(stuck(&unsettled(world)));
        }
    }
}

/// From now on nothing is put off by charms, and no tick is taken for unrest.
pub(super) fn begin(world: &mut World) -> Result<(), Broken> {
    world.giving_up = true;
    for (key, value) in [
        ("automatically-retry-hooks", "true"),
        ("deferred-wake", "1s"),
        // Its ticks would have to be told from unrest.
        ("update-status-hook-interval", "24h"),
    ] {
        world.act(&Action::Setting(key.to_owned(), value.to_owned()))?;
    }
    Ok(())
}

/// What runs ends well, and who has something to do begins it. False: nobody has.
pub(super) fn advance(world: &mut World) -> Result<bool, Broken> {
    let units: Vec<UnitName> = world.driver.model.units.keys().cloned().collect();
    let mut moved = false;
    for unit in &units {
        moved |= world.act(&Action::End(unit.clone(), Ending::Done, 0))?;
        moved |= world.act(&Action::Observe(unit.clone(), 0))? && world.act(&Action::Decide(unit.clone()))?;
    }
    Ok(moved)
}

/// Nothing happens any more, and these are in the middle of something.
pub(super) fn stuck(units: &[String]) -> Broken {
    let text = format!("nothing happens any more, but these are not settled: {}", units.join(", "));
    Broken { invariant: "settles", text }
}

/// The units that have not come to rest, and what they are in the middle of.
pub(super) fn unsettled(world: &World) -> Vec<String> {
    let units = world.driver.model.units.keys().filter(|unit| !is_settled(world, unit));
    let op = |unit: &UnitName| {
        format!("{unit} ({:?}, {:?})", world.running_hook(unit), world.driver.local(unit).map(|l| &l.op))
    };
    units.map(op).collect()
}

fn is_settled(world: &World, unit: &UnitName) -> bool {
    let (Some(local), Some(remote)) = (world.driver.local(unit), observe(&world.driver.model, unit)) else {
        return false;
    };
    if local.wakes.iter().any(|wake| wake.alarm.due.is_some()) {
        return false;
    }
    let step = crate::next(local, &remote, &world.driver.moment(unit));
    matches!(step, Step::Rest { why: RestReason::Settled, .. })
}
