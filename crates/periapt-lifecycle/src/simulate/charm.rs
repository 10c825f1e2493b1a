//! The charm of simulated units: it counts, writes databags, and defers.

use periapt_model::deferral::{DeferralReport, ReportedDeferral};
use periapt_model::effects::Effects;
use periapt_model::hook::{Hook, RelationEvent};
use periapt_model::local::Notice;
use periapt_model::model::Model;
use periapt_model::names::{RelationId, UnitName};
use periapt_model::time::Timestamp;
use periapt_model::wake::{WakeChange, WakeWhen};

use super::rng::Rng;
use super::secrets;

/// A simulated charm's own file: the queue of deferred events, as `ops` keeps it. It is stored by the charm's process, not
/// by the agent, and so may be ahead of what the agent committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    pub notices: Vec<Notice>,
    sequence: i64,
}

/// The databag key that counts how often this unit's charm has written it.
pub const COUNT: &str = "count";

/// What one successful run of a hook does: how the queue looks afterwards, and what is written. `giving_up` makes handlers
/// finish, so that a model can settle.
pub fn run(
    model: &Model,
    unit: &UnitName,
    hook: Option<&Hook>,
    disk: &Disk,
    choice: u64,
    giving_up: bool,
) -> (Disk, Effects, bool) {
    let mut rng = Rng::new(choice);
    let mut after = disk.clone();
    let still = if giving_up { 0 } else { 50 };
    after.notices.retain(|_| rng.chance(still));
    let deferrable = hook.is_some_and(|h| h.is_event() && !matches!(h, Hook::Stop | Hook::Remove));
    if deferrable && !giving_up && rng.chance(20) {
        after.sequence += 1;
        let name = hook.map(Hook::name).unwrap_or_default().replace('-', "_");
        after.notices.push(Notice {
            sequence: after.sequence,
            event: format!("Sim/on/{name}[{}]", after.sequence),
            observer: "Sim".to_owned(),
            method: format!("_on_{name}"),
        });
    }
    let mut effects = Effects::default();
    // Not in `changed`: two units would wake each other for ever.
    let writes = hook.is_some_and(|h| match h {
        Hook::ConfigChanged => true,
        Hook::Relation(r) => matches!(r.event, RelationEvent::Created | RelationEvent::Joined),
        _ => false,
    });
    if writes {
        for relation in model.relations_of(unit.app()) {
            if model.member(relation.id, unit).is_some_and(|m| m.in_scope) {
                let bag = effects.relations.entry(relation.id).or_default();
                bag.unit.insert(COUNT.to_owned(), Some((counted(model, relation.id, unit) + 1).to_string()));
                if model.is_leader(unit) && rng.chance(50) {
                    bag.app.insert("leader".to_owned(), Some(unit.to_string()));
                }
            }
        }
        effects.state.insert(COUNT.to_owned(), Some((stored(model, unit) + 1).to_string()));
    }
    secrets::write(model, unit, hook, &mut rng, giving_up, &mut effects);
    if !giving_up {
        effects.wakes.extend((0..rng.below(20).saturating_sub(17)).map(|_| wish(&mut rng)));
    }
    if reports(unit) {
        let queue = after.notices.iter().map(|notice| ReportedDeferral {
            wake: rng.chance(60).then(|| when(&mut rng)),
            attempts: rng.chance(30).then_some(1),
            ..ReportedDeferral::of(notice.clone())
        });
        let report = DeferralReport { queue: queue.collect(), ..DeferralReport::default() };
        effects.deferrals = Some(Box::new(report));
    }
    (after, effects, rng.chance(30))
}

/// Whether a unit's charm tells itself what it has deferred; the others' agents look into their files.
pub fn reports(unit: &UnitName) -> bool {
    unit.number() % 2 == 1
}

fn when(rng: &mut Rng) -> WakeWhen {
    match rng.below(4) {
        0 => WakeWhen::AfterMs(rng.number() % 400_000),
        // Most of these are past: the agent's own time must do.
        1 => WakeWhen::At(Timestamp(i64::try_from(rng.number() % 3_000_000).unwrap_or(0))),
        2 => WakeWhen::On("config-changed".to_owned()),
        _ => WakeWhen::On("db_relation_changed".to_owned()),
    }
}

fn wish(rng: &mut Rng) -> WakeChange {
    let name = rng.chance(30).then(|| "named".to_owned());
    match &name {
        Some(name) if rng.chance(30) => WakeChange::Cancel(name.clone()),
        _ => WakeChange::Ask { name, when: when(rng), reason: String::new() },
    }
}

/// What a unit's databag counts.
pub fn counted(model: &Model, relation: RelationId, unit: &UnitName) -> u64 {
    model.member(relation, unit).and_then(|m| m.settings.get(COUNT)?.parse().ok()).unwrap_or(0)
}

/// What a unit's own state counts.
pub fn stored(model: &Model, unit: &UnitName) -> u64 {
    model.charm_states.get(unit).and_then(|s| s.get(COUNT)?.parse().ok()).unwrap_or(0)
}
