//! Containers: a principal unit with its subordinates. Relations of container scope end at their edge (Juju 3.6:
//! `state/relationunit.go`; reference 1.6).

use std::sync::Arc;

use super::{Model, remove_from};
use crate::entity::{Member, Relation, Unit};
use crate::names::{AppName, UnitName};

impl Model {
    pub(super) fn put_unit(&mut self, unit: Arc<Unit>) {
        if let Some(principal) = &unit.principal {
            self.subordinates_of.entry(principal.clone()).or_default().insert(unit.name.clone());
        }
        self.units.insert(unit.name.clone(), unit);
    }

    pub(super) fn delete_unit(&mut self, name: &UnitName) {
        if let Some(principal) = self.units.remove(name).and_then(|unit| unit.principal.clone()) {
            remove_from(&mut self.subordinates_of, &principal, name);
        }
    }

    /// The subordinates of a principal, by name. None of a subordinate.
    pub fn subordinates_of<'a>(&'a self, unit: &UnitName) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        self.subordinates_of.get(unit).into_iter().flatten()
    }

    /// The principal of a subordinate.
    pub fn principal_of(&self, unit: &UnitName) -> Option<&UnitName> {
        self.units.get(unit)?.principal.as_ref()
    }

    /// The container that a unit is in, by the name of its principal: the unit itself if it is none's subordinate.
    pub fn container_of<'a>(&'a self, unit: &'a UnitName) -> &'a UnitName {
        self.principal_of(unit).unwrap_or(unit)
    }

    /// The units of a container: the principal and its subordinates.
    pub fn container<'a>(&'a self, principal: &'a UnitName) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        std::iter::once(principal).chain(self.subordinates_of(principal))
    }

    /// Whether an application's charm is a subordinate.
    pub fn is_subordinate(&self, app: &AppName) -> bool {
        self.charm_of(app).is_some_and(|charm| charm.meta.subordinate)
    }

    /// Whether `relation`, one of the unit's application, is one for the unit as well (Juju 3.6: `RelationUnit.Valid`). A
    /// subordinate is in a relation of container scope only if its other side is its principal's application, or another
    /// subordinate.
    pub fn takes_part(&self, relation: &Relation, unit: &UnitName) -> bool {
        let Some(principal) = self.principal_of(unit).filter(|_| relation.is_container()) else {
            return true;
        };
        relation
            .other_end(unit.app())
            .is_some_and(|other| &other.app == principal.app() || self.is_subordinate(&other.app))
    }

    /// Whether `unit` may see `other` in `relation`: where its scope is the container, only the units of its own.
    pub fn sees_in(&self, relation: &Relation, unit: &UnitName, other: &UnitName) -> bool {
        !relation.is_container() || self.container_of(unit) == self.container_of(other)
    }

    /// The units of the other side that are in scope and that `unit` sees there, never itself; in the order of their names
    /// by application and number.
    pub fn seen_in<'a>(
        &'a self,
        relation: &Relation,
        unit: &'a UnitName,
    ) -> Vec<(&'a UnitName, &'a Arc<Member>)> {
        let data = self.relation_data.get(&relation.id);
        let (Some(data), Some(other)) = (data, relation.other_end(unit.app())) else { return Vec::new() };
        let fits =
            |name: &UnitName, member: &Member| member.in_scope && name.app() == &other.app && name != unit;
        if relation.is_container() {
            // A container is small, and a relation of a thousand containers is not.
            let neighbours = self.container(self.container_of(unit));
            return neighbours
                .filter_map(|name| data.members.get_key_value(name))
                .filter(|(name, member)| fits(name, member))
                .collect();
        }
        data.members.iter().filter(|(name, member)| fits(name, member)).collect()
    }
}
