//! Another charm, or other resources, for an application that is there.

use std::collections::BTreeMap;

use crate::charm::{ConfigValue, OptionType, Scope};
use crate::command::{Answer, Refusal};
use crate::entity::{Application, Charm, ResourceFile};
use crate::local::CharmRef;
use crate::model::{Draft, Model};
use crate::names::{AppName, ResourceName, StorageId, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

use super::{config, deploy, find_living_app, removal, storage};

/// What a refresh brings beside the charm.
pub(super) struct With {
    /// Also under units in error, without `upgrade-charm`.
    pub force_units: bool,
    /// Config to set.
    pub config: BTreeMap<String, String>,
    /// Files for resources.
    pub resources: BTreeMap<ResourceName, ResourceFile>,
    /// The channel to follow; None: as before; empty: none.
    pub channel: Option<String>,
    /// `trust`; None: as before.
    pub trust: Option<bool>,
}

pub(super) fn refresh(
    draft: &mut Draft,
    app: &AppName,
    charm: Option<Charm>,
    with: With,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let before = find_living_app(&draft.model, app)?.clone();
    let meta = charm.as_ref().or(draft.model.charm_of(app).map(AsRef::as_ref)).map(|charm| &charm.meta);
    let with = match meta {
        Some(meta) => {
            let (config, _, trust) = config::split_trust(meta, &with.config, &[])?;
            With { config, trust: with.trust.or(trust), ..with }
        }
        None => with,
    };
    let Some(charm) = charm else { return adjust(draft, &before, with) };
    check(&draft.model, app, &charm)?;
    storage::check(&charm.meta)?;
    let values = config::read_config(&charm.meta, app.as_str(), &with.config)?;
    deploy::check_resources(&charm.meta, &with.resources)?;
    let charm = deploy::add_charm(draft, charm);
    draft.application(app, |a| {
        // Values that the new charm cannot have are dropped, as Juju filters them.
        a.config
            .retain(|key, value| charm.meta.config.get(key).is_some_and(|option| fits(option.kind, value)));
        a.config.extend(values);
        a.charm = CharmRef { id: charm.id.clone(), url: charm.url.clone(), modified: a.charm.modified };
        a.charm_forced = with.force_units;
        a.resources.retain(|name, _| charm.meta.resources.contains_key(name));
        a.storage.retain(|name, _| charm.meta.storages.contains_key(name));
    });
    bring(draft, app, with);
    deploy::add_peers(draft, app, &charm.meta);
    // One that goes away would leave new storages behind that nothing was ever in.
    let stay = draft.model.units_of(app).filter(|unit| unit.life == Life::Alive);
    let units: Vec<UnitName> = stay.map(|unit| unit.name.clone()).collect();
    for unit in &units {
        storage::make_minimum(draft, unit, now);
    }
    removal::remove_charm_if_unused(draft, &before.charm.id);
    Ok(Answer::Deployed { app: app.clone(), units: Vec::new(), url: charm.url.clone() })
}

/// The same charm with other files, config or settings.
fn adjust(draft: &mut Draft, before: &Application, with: With) -> Result<Answer, Refusal> {
    let app = &before.name;
    if let Some(charm) = draft.model.charm_of(app) {
        let values = config::read_config(&charm.meta, app.as_str(), &with.config)?;
        deploy::check_resources(&charm.meta, &with.resources)?;
        draft.application(app, |a| a.config.extend(values));
    }
    bring(draft, app, with);
    Ok(Answer::Deployed { app: app.clone(), units: Vec::new(), url: before.charm.url.clone() })
}

/// Files, channel and trust. A file that is there already is not counted again; any other has its units run `upgrade-charm`.
fn bring(draft: &mut Draft, app: &AppName, with: With) {
    draft.application(app, |a| {
        for (name, file) in with.resources {
            let old = a.resources.get(&name);
            if old.is_none_or(|old| old.hash != file.hash || old.store != file.store) {
                let same = old.is_some_and(|old| old.hash == file.hash);
                let revision = old.map_or(1, |old| old.revision.saturating_add(1));
                a.resources.insert(name, ResourceFile { revision, ..file });
                a.charm.modified += u64::from(!same);
            }
        }
        a.channel = with.channel.or(a.channel.take()).filter(|channel| !channel.is_empty());
        a.trust = with.trust.unwrap_or(a.trust);
    });
}

fn check(model: &Model, app: &AppName, charm: &Charm) -> Result<(), Refusal> {
    let refuse = |why: String| {
        Refusal::conflict(format!(
            "cannot refresh application {:?} to charm {:?}: {why}",
            app.as_str(),
            charm.meta.name
        ))
    };
    if model.charm_of(app).is_some_and(|old| old.meta.subordinate != charm.meta.subordinate) {
        return Err(refuse("a principal cannot become a subordinate, nor the other way round".to_owned()));
    }
    for unit in model.units_of(app) {
        let left = |id: &&StorageId| !charm.meta.storages.contains_key(&id.name);
        if let Some(id) = model.storages_of(&unit.name).find(left) {
            return Err(refuse(format!("unit {} has storage {id}, which it does not know", unit.name)));
        }
    }
    for relation in model.relations_of(app) {
        let Some(end) = relation.end_of(app).filter(|e| !e.is_implicit()) else { continue };
        let fits = charm.meta.endpoints.get(&end.endpoint).is_some_and(|new| {
            // A relation of containers may become one that is none no more than the other way round; that one side
            // stops asking for it changes nothing (Juju 3.6: `ImplementedBy`).
            let scope = relation.is_container() || relation.is_peer() || new.scope == Scope::Global;
            new.interface == end.interface && new.role == end.role && scope
        });
        if !fits {
            let refusal = refuse(format!("it would break relation {:?}", relation.key()));
            return Err(match relation.is_peer() {
                true => refusal,
                false => {
                    refusal.hint(format!("remove the relation first: remove-relation {}", relation.key()))
                }
            });
        }
    }
    deploy::check_assumes(&charm.meta)
}

pub(super) fn attach(
    draft: &mut Draft,
    app: &AppName,
    resource: ResourceName,
    file: ResourceFile,
) -> Result<Answer, Refusal> {
    find_living_app(&draft.model, app)?;
    let known = draft.model.charm_of(app).is_some_and(|c| c.meta.resources.contains_key(&resource));
    if !known {
        return Err(Refusal::not_found(format!(
            "the charm of application {:?} has no resource {resource:?}",
            app.as_str()
        )));
    }
    draft.application(app, |a| {
        let revision = a.resources.get(&resource).map_or(1, |old| old.revision + 1);
        a.resources.insert(resource, ResourceFile { revision, ..file });
        a.charm.modified += 1;
    });
    Ok(Answer::Done)
}

fn fits(kind: OptionType, value: &ConfigValue) -> bool {
    matches!(
        (kind, value),
        (OptionType::String | OptionType::Secret, ConfigValue::String(_))
            | (OptionType::Int, ConfigValue::Int(_))
            | (OptionType::Float, ConfigValue::Float(_))
            | (OptionType::Boolean, ConfigValue::Bool(_))
    )
}
