//! Nobody loses a relation in silence: it is there until all of its units have left, which they do after their hooks.

use periapt_model::model::Model;
use periapt_model::names::UnitName;
use periapt_model::status::Life;

use super::Broken;
use super::action::Action;

/// Who may leave a relation by what happens, without being seen to.
pub(super) enum Leaves<'a> {
    /// Nobody.
    Nobody,
    /// The unit that acts: what it does is held against the order of its hooks.
    Unit(&'a UnitName),
    /// Everybody: somebody forced it on this relation, and wants to wait for nobody.
    Everybody,
}

/// Who may leave by `action`.
pub(super) fn leaves<'a>(before: &Model, action: &'a Action) -> Leaves<'a> {
    match action {
        Action::Decide(unit)
        | Action::End(unit, ..)
        | Action::KillAgent(unit, ..)
        | Action::Usurp(unit, ..) => Leaves::Unit(unit),
        Action::RemoveRelation(_, true) => Leaves::Everybody,
        // The first time it is its own units that it does not wait for.
        Action::RemoveApplication(app, true) => match before.applications.get(app) {
            Some(found)
                if found.life != Life::Alive
                    && (found.forced_removal || before.units_of(app).next().is_none()) =>
            {
                Leaves::Everybody
            }
            _ => Leaves::Nobody,
        },
        _ => Leaves::Nobody,
    }
}

/// Units that are there before and after are in all the relations still that they were in.
pub(super) fn check(before: &Model, after: &Model, leaves: &Leaves<'_>) -> Result<(), Broken> {
    if matches!(leaves, Leaves::Everybody) {
        return Ok(());
    }
    let gone = before.relations.values().filter(|relation| !after.relations.contains_key(&relation.id));
    for relation in gone.filter(|relation| !relation.is_peer()) {
        let data = before.relation_data.get(&relation.id);
        let members = data.into_iter().flat_map(|data| &data.members);
        let in_scope = members.filter(|(_, member)| member.in_scope).map(|(unit, _)| unit);
        let left = |unit: &&UnitName| match leaves {
            Leaves::Unit(acting) => *acting == *unit,
            _ => false,
        };
        let mut lost = in_scope.filter(|unit| after.units.contains_key(*unit)).filter(|unit| !left(unit));
        if let Some(unit) = lost.next() {
            let text = format!("relation {} is taken away from {unit}, which is in it", relation.key());
            return Err(Broken { invariant: "scopes", text });
        }
    }
    Ok(())
}
