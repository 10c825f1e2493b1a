//! What the charm of simulated units does with secrets and storages.

use periapt_model::command::Tell;
use periapt_model::effects::Effects;
use periapt_model::entity::{RotatePolicy, Secret, SecretContent, SecretOwner, SecretReader};
use periapt_model::hook::{Hook, SecretEvent};
use periapt_model::model::Model;
use periapt_model::names::{SecretId, StorageName, UnitName};
use periapt_model::secrets::{Expiry, SecretUpdate, SecretWrite, add_write, manages};

use super::rng::Rng;

/// An owner has so many at most.
const MOST: usize = 2;

fn content(rng: &mut Rng) -> Option<SecretContent> {
    let mut content = SecretContent::default();
    content.insert("value", rng.number().to_string().as_bytes()).ok()?;
    Some(content)
}

fn managed<'a>(model: &'a Model, unit: &UnitName) -> Vec<&'a Secret> {
    let all = model.secrets.values().map(AsRef::as_ref);
    all.filter(|secret| manages(&secret.owner, unit, model.is_leader(unit))).collect()
}

/// What a successful run of `hook` writes.
pub fn write(
    model: &Model,
    unit: &UnitName,
    hook: Option<&Hook>,
    rng: &mut Rng,
    giving_up: bool,
    effects: &mut Effects,
) {
    let changes = &mut effects.secrets;
    match hook {
        Some(Hook::Secret(hook)) => {
            let serves = giving_up || rng.chance(70);
            if !serves || !managed(model, unit).iter().any(|secret| secret.id == hook.secret) {
                return;
            }
            if matches!(hook.event, SecretEvent::Expired | SecretEvent::Rotate) {
                let update = SecretUpdate { content: content(rng), ..SecretUpdate::default() };
                add_write(changes, hook.secret.clone(), SecretWrite::Update(update));
            }
            if matches!(hook.event, SecretEvent::Expired | SecretEvent::Remove) {
                add_write(changes, hook.secret.clone(), SecretWrite::Remove(Some(hook.revision)));
            }
        }
        Some(Hook::ConfigChanged | Hook::Relation(_) | Hook::UpdateStatus) if !giving_up => {
            let own = managed(model, unit);
            let offers = model.remote_apps.values().any(|app| app.saas().is_none());
            if own.len() < MOST && rng.chance(if offers { 80 } else { 30 }) {
                let owner = match model.is_leader(unit) {
                    true => SecretOwner::Application(unit.app().clone()),
                    false => SecretOwner::Unit(unit.clone()),
                };
                let id = SecretId::derived(&[&unit.to_string(), &rng.number().to_string()]);
                let update = SecretUpdate {
                    content: content(rng),
                    rotate: rng.chance(20).then_some(RotatePolicy::Hourly),
                    expire: rng
                        .chance(20)
                        .then(|| Expiry::After(std::time::Duration::from_millis(rng.number() % 9_000_000))),
                    ..SecretUpdate::default()
                };
                add_write(changes, id, SecretWrite::Create(owner, update));
            }
            for secret in own {
                change(model, unit, secret, rng, effects);
                grant_abroad(model, unit, secret, rng, effects);
            }
            add_storage(model, unit, rng, effects);
        }
        _ => {}
    }
}

fn change(model: &Model, unit: &UnitName, secret: &Secret, rng: &mut Rng, effects: &mut Effects) {
    let mut write = |write| add_write(&mut effects.secrets, secret.id.clone(), write);
    match rng.below(8) {
        0 | 1 => {
            write(SecretWrite::Update(SecretUpdate { content: content(rng), ..SecretUpdate::default() }))
        }
        2 if rng.chance(20) => write(SecretWrite::Remove(None)),
        3 => {
            if let Some(reader) = secret.grants.keys().next() {
                write(SecretWrite::Revoke(reader.clone()));
            }
        }
        4..6 => {
            for relation in model.relations_of(unit.app()) {
                let Some(other) = relation.other_end(unit.app()) else { continue };
                // Who consumes an offer grants nothing over it.
                if model.remote_apps.get(&other.app).is_some_and(|app| app.saas().is_some()) {
                    continue;
                }
                let units: Vec<_> = model.units_of(&other.app).collect();
                let reader = match rng.pick(&units).filter(|_| secret.grants.is_empty()) {
                    Some(one) if rng.chance(30) => SecretReader::Unit(one.name.clone()),
                    _ => SecretReader::Application(other.app.clone()),
                };
                write(SecretWrite::Grant(reader, relation.id));
            }
        }
        _ => {}
    }
}

/// Grants a secret to who consumes an offer of the unit's application: rare things would else be rare twice.
fn grant_abroad(model: &Model, unit: &UnitName, secret: &Secret, rng: &mut Rng, effects: &mut Effects) {
    for relation in model.relations_of(unit.app()).filter(|relation| model.is_offering(relation)) {
        let Some(other) = relation.other_end(unit.app()) else { continue };
        let reader = SecretReader::Application(other.app.clone());
        if !secret.grants.contains_key(&reader) && rng.chance(50) {
            let write = SecretWrite::Grant(reader, relation.id);
            add_write(&mut effects.secrets, secret.id.clone(), write);
        }
    }
}

fn add_storage(model: &Model, unit: &UnitName, rng: &mut Rng, effects: &mut Effects) {
    let known =
        |name: &StorageName| model.charm_of(unit.app()).is_some_and(|c| c.meta.storages.contains_key(name));
    if let Some(name) = StorageName::new("extra").ok().filter(known)
        && model.storages_of(unit).count() < 4
        && rng.chance(10)
    {
        effects.storages.insert(name, 1);
    }
}

/// What a run of `hook` reads. It counts at once, whatever becomes of the hook.
pub fn read(
    model: &Model,
    unit: &UnitName,
    hook: Option<&Hook>,
    rng: &mut Rng,
    giving_up: bool,
) -> Vec<Tell> {
    let told = hook.and_then(Hook::secret).filter(|hook| hook.event == SecretEvent::Changed);
    let mut tells = Vec::new();
    for secret in model.secrets.values().filter(|secret| model.may_read(secret, unit)) {
        let wanted = match told {
            Some(hook) => hook.secret == secret.id && (giving_up || rng.chance(80)),
            None => !giving_up && rng.chance(if secret.origin.is_some() { 60 } else { 10 }),
        };
        if wanted {
            let (secret, revision) = (secret.id.clone(), Some(secret.latest()));
            tells.push(Tell::TrackSecret { secret, label: None, revision });
        }
    }
    tells
}
