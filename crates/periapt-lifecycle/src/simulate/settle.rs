//! The end of a run: faults stop, processes end well, and everything must come to rest.

use periapt_model::names::UnitName;
use periapt_model::observe::observe;

use crate::{RestReason, Step};

use super::Broken;
use super::action::{Action, Ending};
use super::world::World;

/// Lets the model come to rest, and checks what must be true then.
pub fn settle(world: &mut World) -> Result<(), Broken> {
    world.giving_up = true;
    for (key, value) in [
        ("automatically-retry-hooks", "true"),
        ("deferred-wake", "1s"),
        // Its ticks would have to be told from unrest.
        ("update-status-hook-interval", "24h"),
    ] {
        world.act(&Action::Setting(key.to_owned(), value.to_owned()))?;
    }
    let end = world.driver.now + World::PATIENCE;
    loop {
        let units: Vec<UnitName> = world.driver.model.units.keys().cloned().collect();
        let mut moved = false;
        for unit in &units {
            moved |= world.act(&Action::End(unit.clone(), Ending::Done, 0))?;
            moved |=
                world.act(&Action::Observe(unit.clone(), 0))? && world.act(&Action::Decide(unit.clone()))?;
        }
        if moved {
            continue;
        }
        if units.iter().all(|unit| is_settled(world, unit)) {
            return world.check_settled();
        }
        if !world.act(&Action::PassToTimer)? || world.driver.now > end {
            let waiting: Vec<String> = units
                .iter()
                .filter(|unit| !is_settled(world, unit))
                .map(|unit| {
                    format!(
                        "{unit} ({:?}, {:?})",
                        world.running_hook(unit),
                        world.driver.local(unit).map(|l| &l.op)
                    )
                })
                .collect();
            let text = format!("nothing happens any more, but these are not settled: {}", waiting.join(", "));
            return Err(Broken { invariant: "settles", text });
        }
    }
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
