//! What one unit's agent can see of the model, and whom a change concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::charm::{ConfigValue, OptionType};
use crate::entity::{
    Application, GrantScope, Relation, Secret, SecretOwner, SecretReader, StorageInstance, TaskHost, Unit,
};
use crate::journal::Event;
use crate::local::{Fingerprint, SeenInputs};
use crate::model::{Key, Model, Record, Write};
use crate::names::{AppName, RelationId, SecretId, StorageId, UnitName};
use crate::remote::{Remote, RemoteOwned, RemoteRead, RemoteRelation, RemoteTask};
use crate::secrets::is_own;
use crate::status::Life;

/// The whole picture that the agent of `unit` decides on. None when the unit is gone.
pub fn observe(model: &Model, unit: &UnitName) -> Option<Remote> {
    let this = model.units.get(unit)?;
    let app = model.applications.get(unit.app())?;
    let settings = &model.info.settings;
    let relations = model
        .relations_of(unit.app())
        .filter_map(|relation| Some((relation.id, observe_relation(model, this, relation)?)))
        .collect();
    Some(Remote {
        unit: unit.clone(),
        life: this.life,
        resolved: this.resolved,
        charm: app.charm.clone(),
        charm_forced: app.charm_forced,
        inputs: inputs(model, this, app),
        relations,
        leader: model.is_leader(unit),
        leadership_known: model.leaders.contains_key(unit.app()),
        leader_settings: model.leader_settings.get(unit.app()).map_or(0, |s| s.version),
        secrets_read: secrets_read(model, unit),
        secrets_owned: secrets_owned(model, unit),
        storages: storages(model, this),
        subordinates: model.subordinates_of(unit).cloned().collect(),
        tasks: model
            .open_tasks(&TaskHost::Unit(unit.clone()))
            .map(|task| RemoteTask {
                id: task.id,
                name: task.kind.name(),
                event: Event::of_task(task),
                started: task.started,
                parallel: task.parallel,
                cancelled: task.status == crate::entity::TaskStatus::Aborting,
            })
            .collect(),
        update_status_interval: settings.update_status_interval(),
        retry_hooks: settings.retry_hooks(),
        deferred_wake: settings.deferred_wake(),
    })
}

fn secrets_read(model: &Model, unit: &UnitName) -> BTreeMap<SecretId, RemoteRead> {
    let mut read = BTreeMap::new();
    for (id, consumer) in model.consumed_by(unit) {
        if let Some(secret) = model.secrets.get(id) {
            let label = consumer.label.clone().or_else(|| own_label(secret, unit));
            let (tracked, latest) = (consumer.revision, secret.latest());
            read.insert(
                id.clone(),
                RemoteRead { label, tracked, latest, readable: model.may_read(secret, unit) },
            );
        }
    }
    read
}

/// What an owner that has given no other label knows it by.
fn own_label(secret: &Secret, unit: &UnitName) -> Option<String> {
    secret.label.clone().filter(|_| is_own(&secret.owner, unit))
}

fn secrets_owned(model: &Model, unit: &UnitName) -> BTreeMap<SecretId, RemoteOwned> {
    let own = model.secrets_of(&SecretOwner::Unit(unit.clone()));
    let app = SecretOwner::Application(unit.app().clone());
    let led = model.is_leader(unit).then(|| model.secrets_of(&app)).into_iter().flatten();
    let seen = |secret: &Secret| RemoteOwned {
        label: secret.label.clone(),
        latest: secret.latest(),
        rotates: secret.rotates,
        expires: secret.revisions.iter().filter_map(|(n, revision)| Some((*n, revision.expires?))).collect(),
        obsolete: model.obsolete_revisions(secret),
    };
    own.chain(led).map(|secret| (secret.id.clone(), seen(secret))).collect()
}

/// The unit's storages. One that only newer files know is attached after the upgrade, unless it goes before that.
fn storages(model: &Model, unit: &Unit) -> BTreeMap<StorageId, Life> {
    let charm = unit.charm.as_ref().and_then(|has| model.charms.get(&has.id));
    let known = |id: &StorageId| charm.is_none_or(|charm| charm.meta.storages.contains_key(&id.name));
    let attached = model.storages_of(&unit.name).filter_map(|id| model.storages.get(id));
    let life = |storage: &StorageInstance| match storage.life {
        Life::Alive if !storage.detaching => Life::Alive,
        _ => Life::Dying,
    };
    attached
        .map(|storage| (storage.id.clone(), life(storage)))
        .filter(|(id, life)| *life != Life::Alive || known(id))
        .collect()
}

fn observe_relation(model: &Model, unit: &Unit, relation: &Relation) -> Option<RemoteRelation> {
    let app = unit.name.app();
    let ours = relation.end_of(app)?;
    let theirs = relation.other_end(app)?;
    if !model.takes_part(relation, &unit.name) {
        return None;
    }
    let version_of = |app: &AppName| model.app_bag(relation.id, app).map_or(0, |bag| bag.version);
    let members = model.seen_in(relation, &unit.name);
    let members = members.into_iter().map(|(name, member)| (name.clone(), member.version)).collect();
    let apps = match version_of(&theirs.app) {
        0 => BTreeMap::new(),
        version => BTreeMap::from([(theirs.app.clone(), version)]),
    };
    Some(RemoteRelation {
        endpoint: ours.endpoint.clone(),
        role: ours.role,
        remote_app: theirs.app.clone(),
        life: relation.life,
        suspended: relation.suspended,
        implicit: ours.is_implicit(),
        implemented: ours.is_implicit() || implements(model, unit, &ours.endpoint),
        in_scope: model.member(relation.id, &unit.name).is_some_and(|m| m.in_scope),
        members,
        apps,
        remote_app_dying: !model.is_living(&theirs.app),
        closed: relation.is_container() && has_dying_subordinate(model, &unit.name, &theirs.app),
    })
}

/// Whether a subordinate of that application is still leaving the unit: only then may another come.
fn has_dying_subordinate(model: &Model, unit: &UnitName, app: &AppName) -> bool {
    let dying = |name: &UnitName| model.units.get(name).is_some_and(|unit| unit.life != Life::Alive);
    model.subordinates_of(unit).any(|name| name.app() == app && dying(name))
}

/// Whether the charm files that the unit has know the endpoint. A charm without a record is trusted to.
fn implements(model: &Model, unit: &Unit, endpoint: &crate::names::EndpointName) -> bool {
    let charm = unit.charm.as_ref().and_then(|has| model.charms.get(&has.id));
    charm.is_none_or(|charm| charm.meta.endpoints.contains_key(endpoint))
}

/// The config a charm sees: what was set over the charm's defaults; options without either are absent.
pub fn effective_config(model: &Model, app: &AppName) -> BTreeMap<String, ConfigValue> {
    let Some(application) = model.applications.get(app) else { return BTreeMap::new() };
    config_in_force(model, application).into_iter().map(|(k, value)| (k.clone(), value.clone())).collect()
}

fn config_in_force<'a>(model: &'a Model, app: &'a Application) -> BTreeMap<&'a String, &'a ConfigValue> {
    let options = model.charms.get(&app.charm.id).map(|charm| &charm.meta.config);
    let options = options.into_iter().flatten();
    let mut config: BTreeMap<_, _> =
        options.filter_map(|(key, option)| Some((key, option.default.as_ref()?))).collect();
    config.extend(&app.config);
    config
}

fn inputs(model: &Model, unit: &Unit, app: &Application) -> SeenInputs {
    let mut config = Hasher::default();
    for (key, value) in config_in_force(model, app) {
        config.text(key);
        config.shown(value);
        if is_granted(model, &app.name, key, value) {
            config.text("granted");
        }
    }
    let mut addresses = Hasher::default();
    addresses.text(model.machines.get(&unit.machine).map_or("", |m| m.address.as_str()));
    SeenInputs {
        config: config.done(),
        trust: Fingerprint(u64::from(app.trust)),
        addresses: addresses.done(),
    }
}

/// Whether an option names a secret of the operator's that the application may read. Beyond Juju 3.6, where nothing tells a
/// charm of a grant that comes after the URI: with it the option gets its meaning, so it counts as a change of config.
fn is_granted(model: &Model, app: &AppName, key: &str, value: &ConfigValue) -> bool {
    let ConfigValue::String(uri) = value else { return false };
    let kind = model.charm_of(app).and_then(|charm| charm.meta.config.get(key)).map(|option| option.kind);
    if kind != Some(OptionType::Secret) {
        return false;
    }
    let id = uri.rsplit(['/', ':']).next().and_then(|id| id.parse::<SecretId>().ok());
    let secret = id.and_then(|id| model.secrets.get(&id));
    let grant = secret.and_then(|secret| secret.grants.get(&SecretReader::Application(app.clone())));
    grant == Some(&GrantScope::Model)
}

/// FNV-1a: the fingerprints are stored, so they must not depend on a library's version.
struct Hasher(u64);

impl Default for Hasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}

impl Hasher {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn text(&mut self, text: &str) {
        text.bytes().chain([0]).for_each(|byte| self.byte(byte));
    }

    /// The same for what a value is shown as, without making a text of it.
    fn shown(&mut self, value: &impl std::fmt::Debug) {
        // A hasher takes every text.
        let _ = write!(self, "{value:?}");
        self.byte(0);
    }

    fn done(self) -> Fingerprint {
        Fingerprint(self.0)
    }
}

/// The units whose [`Remote`] may differ after `writes`, which turn `before` into `after`. It may name too many, never
/// too few: their agents look again and find nothing new.
pub fn concerned(before: &Model, after: &Model, writes: &[Write]) -> BTreeSet<UnitName> {
    let mut units = BTreeSet::new();
    for write in writes {
        match write {
            Write::Journal(_) => {}
            Write::Put(record) => concerned_by_put(before, after, record, &mut units),
            Write::Delete(key) => concerned_by_key(before, after, key, &mut units),
        }
    }
    units
}

fn concerned_by_put(before: &Model, after: &Model, record: &Record, units: &mut BTreeSet<UnitName>) {
    match record {
        Record::Info(info) => {
            if info.settings != before.info.settings {
                units.extend(after.units.keys().cloned());
            }
        }
        Record::Application(app) => {
            units.extend(after.units_of(&app.name).map(|u| u.name.clone()));
            if before.applications.get(&app.name).is_none_or(|old| old.life != app.life) {
                for relation in after.relations_of(&app.name) {
                    units_of_relation(after, relation.id, units);
                }
            }
        }
        Record::Unit(unit) => {
            let differs = |old: &Unit| {
                old.life != unit.life || old.resolved != unit.resolved || old.machine != unit.machine
            };
            if before.units.get(&unit.name).is_none_or(|old| differs(old)) {
                units.insert(unit.name.clone());
                units.extend(unit.principal.clone());
            }
        }
        // The files that a unit has may be those of a charm that had gone from the model, and is known again.
        Record::Charm(charm) if !before.charms.contains_key(&charm.id) => {
            let has = |unit: &Unit| unit.charm.as_ref().is_some_and(|has| has.id == charm.id);
            units.extend(after.units.values().filter(|unit| has(unit)).map(|unit| unit.name.clone()));
        }
        // An agent's memory is its own; charms and what is kept for readers concern nobody.
        Record::Agent(..)
        | Record::CharmState(..)
        | Record::Charm(_)
        | Record::Operation(_)
        | Record::Offer(_)
        | Record::SecretContent(..) => {}
        Record::Machine(_)
        | Record::Relation(_)
        | Record::Member(..)
        | Record::AppBag(..)
        | Record::Leadership(_)
        | Record::LeaderSettings(..)
        | Record::Task(_)
        | Record::Secret(_)
        | Record::Storage(_)
        | Record::RemoteApp(_)
        | Record::SecretConsumer(..) => concerned_by_key(before, after, &record.key(), units),
    }
}

fn concerned_by_key(before: &Model, after: &Model, key: &Key, units: &mut BTreeSet<UnitName>) {
    match key {
        Key::Info
        | Key::Charm(_)
        | Key::CharmState(_)
        | Key::Operation(_)
        | Key::Agent(_)
        | Key::Offer(_)
        | Key::SecretContent(..) => {}
        Key::Application(app) | Key::Leadership(app) | Key::LeaderSettings(app) => {
            units.extend(after.units_of(app).map(|u| u.name.clone()));
        }
        Key::Machine(id) => {
            units.extend(after.units.values().filter(|u| u.machine == *id).map(|u| u.name.clone()));
        }
        Key::Unit(unit) => {
            units.insert(unit.clone());
            // It waits for its subordinates to be gone.
            units.extend(before.principal_of(unit).cloned());
        }
        Key::Task(id) => {
            let task = after.tasks.get(id).or_else(|| before.tasks.get(id));
            units.extend(task.and_then(|t| t.host.unit().cloned()));
        }
        Key::Secret(id) => {
            units_of_secret(before, id, units);
            units_of_secret(after, id, units);
        }
        Key::Storage(id) => {
            let owner = |model: &Model| model.storages.get(id).and_then(|storage| storage.owner.clone());
            units.extend(owner(before));
            units.extend(owner(after));
        }
        Key::SecretConsumer(id, unit) => {
            units.insert(unit.clone());
            if reading_moved(before, after, id, unit) {
                owners_of_secret(after, id, units);
            }
        }
        Key::Member(id, unit) if is_container(before, *id) || is_container(after, *id) => {
            // Nobody outside of its container sees the unit there.
            for model in [before, after] {
                units.extend(model.container(model.container_of(unit)).cloned());
            }
        }
        Key::RemoteApp(app) => {
            for relation in after.relations_of(app) {
                units_of_relation(after, relation.id, units);
            }
        }
        Key::Relation(id) | Key::Member(id, _) | Key::AppBag(id, _) => {
            units_of_relation(before, *id, units);
            units_of_relation(after, *id, units);
        }
    }
}

/// Whether a revision may have lost or found a reader, which only its owner is told of: a first look at the newest does
/// neither, so two hundred readers do not wake the owner two hundred times.
fn reading_moved(before: &Model, after: &Model, id: &SecretId, unit: &UnitName) -> bool {
    let revision = |model: &Model| model.secret_consumer(id, unit).map(|consumer| consumer.revision);
    match (revision(before), revision(after)) {
        (None, Some(now)) => after.secrets.get(id).is_none_or(|secret| secret.latest() != now),
        (before, after) => before != after,
    }
}

/// Its owner, all who read it, and those it is granted to by the operator: their config may name it.
fn units_of_secret(model: &Model, id: &SecretId, units: &mut BTreeSet<UnitName>) {
    owners_of_secret(model, id, units);
    units.extend(model.consumers_of(id).map(|(unit, _)| unit.clone()));
    let grants = model.secrets.get(id).into_iter().flat_map(|secret| &secret.grants);
    for (reader, _) in grants.filter(|(_, scope)| **scope == GrantScope::Model) {
        units.extend(model.units_of(reader.app()).map(|unit| unit.name.clone()));
    }
}

fn owners_of_secret(model: &Model, id: &SecretId, units: &mut BTreeSet<UnitName>) {
    match model.secrets.get(id).map(|secret| &secret.owner) {
        Some(SecretOwner::Unit(unit)) => drop(units.insert(unit.clone())),
        Some(SecretOwner::Application(app)) => {
            units.extend(model.leaders.get(app).map(|leadership| leadership.unit.clone()));
        }
        Some(SecretOwner::Model) | None => {}
    }
}

fn is_container(model: &Model, id: RelationId) -> bool {
    model.relations.get(&id).is_some_and(|relation| relation.is_container())
}

fn units_of_relation(model: &Model, id: RelationId, units: &mut BTreeSet<UnitName>) {
    let Some(relation) = model.relations.get(&id) else { return };
    for end in &relation.ends {
        units.extend(model.units_of(&end.app).map(|u| u.name.clone()));
    }
}
