//! What must hold of principals and their subordinates.

use periapt_model::entity::{Relation, Unit};
use periapt_model::names::UnitName;
use periapt_model::status::Life;

use super::Broken;
use super::world::World;

fn broken(text: String) -> Result<(), Broken> {
    Err(Broken { invariant: "containers", text })
}

impl World {
    /// After every action: a subordinate lives on the machine of a principal that is there, and machines have units.
    pub(super) fn check_containers(&self) -> Result<(), Broken> {
        let model = &self.driver.model;
        for unit in model.units.values() {
            let Some(principal) = &unit.principal else {
                if model.is_subordinate(unit.name.app()) {
                    return broken(format!("{} is a subordinate of nobody", unit.name));
                }
                continue;
            };
            match model.units.get(principal) {
                None => return broken(format!("{} has outlived its principal {principal}", unit.name)),
                Some(host) if host.machine != unit.machine => {
                    return broken(format!("{} is not on the machine of {principal}", unit.name));
                }
                Some(host) if host.principal.is_some() => {
                    return broken(format!(
                        "{} is a subordinate of {principal}, which is one itself",
                        unit.name
                    ));
                }
                Some(host) if host.life != Life::Alive && unit.life == Life::Alive => {
                    return broken(format!("{} stays, and its principal {principal} goes away", unit.name));
                }
                Some(_) => {}
            }
            if unit.life == Life::Alive && !self.is_held(unit, principal) {
                return broken(format!("nothing holds {} to {principal}", unit.name));
            }
            let same = |other: &&UnitName| other.app() == unit.name.app() && **other != unit.name;
            if let Some(other) = model.subordinates_of(principal).find(same) {
                return broken(format!(
                    "{principal} has two subordinates of one application: {other}, {}",
                    unit.name
                ));
            }
        }
        let used = |id| model.units.values().any(|unit| unit.machine == id);
        match model.machines.values().find(|machine| !machine.kept && !used(machine.id)) {
            Some(machine) => broken(format!("machine {} has no units and is there", machine.id)),
            None => Ok(()),
        }
    }

    /// Whether a living relation of containers joins the two applications.
    fn is_held(&self, unit: &Unit, principal: &UnitName) -> bool {
        self.driver.model.relations_of(unit.name.app()).any(|relation| {
            relation.life == Life::Alive
                && relation.is_container()
                && relation.ends.iter().any(|end| &end.app == principal.app())
        })
    }

    /// When everything has settled: every principal in a relation with a subordinate has one, and who met whom in a
    /// relation of containers shares one.
    pub(super) fn check_settled_containers(&self) -> Result<(), Broken> {
        let model = &self.driver.model;
        for relation in model.relations.values().filter(|relation| relation.is_container()) {
            self.check_everybody_is_served(relation)?;
            for end in &relation.ends {
                for unit in model.units_of(&end.app) {
                    let told =
                        self.driver.local(&unit.name).and_then(|local| local.relations.get(&relation.id));
                    let strange = |other: &&UnitName| container(self, other) != container(self, &unit.name);
                    if let Some(other) = told.and_then(|told| told.members.keys().find(strange)) {
                        return broken(format!("{} met {other} in relation {}", unit.name, relation.id));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_everybody_is_served(&self, relation: &Relation) -> Result<(), Broken> {
        let model = &self.driver.model;
        let [a, b] = relation.ends.as_slice() else { return Ok(()) };
        for (principals, subordinates) in [(&a.app, &b.app), (&b.app, &a.app)] {
            if model.is_subordinate(principals) || !model.is_subordinate(subordinates) {
                continue;
            }
            for unit in model.units_of(principals) {
                let own = model.subordinates_of(&unit.name).filter(|name| name.app() == subordinates);
                let in_scope = model.member(relation.id, &unit.name).is_some_and(|member| member.in_scope);
                if !in_scope || own.count() != 1 {
                    let text =
                        format!("{} has no subordinate of {subordinates} (in scope: {in_scope})", unit.name);
                    return broken(text);
                }
            }
        }
        Ok(())
    }
}

/// Not by the model's own function, which this is to check.
fn container(world: &World, unit: &UnitName) -> UnitName {
    let found = world.driver.model.units.get(unit);
    found.and_then(|unit| unit.principal.clone()).unwrap_or_else(|| unit.clone())
}
