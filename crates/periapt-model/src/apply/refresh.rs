//! Another charm, or other resources, for an application that is there.

use std::collections::BTreeMap;

use crate::charm::{ConfigValue, OptionType};
use crate::command::{Answer, Refusal};
use crate::entity::{Charm, ResourceFile};
use crate::local::CharmRef;
use crate::model::{Draft, Model};
use crate::names::{AppName, ResourceName, StorageId, UnitName};

use super::{config, deploy, find_living_app, removal, storage};

pub(super) fn refresh(
    draft: &mut Draft,
    app: &AppName,
    charm: Charm,
    force_units: bool,
    set: &BTreeMap<String, String>,
    resources: BTreeMap<ResourceName, ResourceFile>,
) -> Result<Answer, Refusal> {
    find_living_app(&draft.model, app)?;
    check(&draft.model, app, &charm)?;
    storage::check(&charm.meta)?;
    let values = config::read_config(&charm.meta, app.as_str(), set)?;
    let charm = deploy::add_charm(draft, charm);
    let mut old_id = None;
    draft.application(app, |a| {
        old_id = Some(a.charm.id.clone());
        // Values that the new charm cannot have are dropped, as Juju filters them.
        a.config
            .retain(|key, value| charm.meta.config.get(key).is_some_and(|option| fits(option.kind, value)));
        a.config.extend(values);
        a.charm = CharmRef { id: charm.id.clone(), url: charm.url.clone(), modified: a.charm.modified };
        a.charm_forced = force_units;
        a.resources.retain(|name, _| charm.meta.resources.contains_key(name));
        a.resources.extend(resources);
    });
    deploy::add_peers(draft, app, &charm.meta);
    let units: Vec<UnitName> = draft.model.units_of(app).map(|unit| unit.name.clone()).collect();
    for unit in &units {
        storage::make_minimum(draft, unit);
    }
    if let Some(old) = old_id {
        removal::remove_charm_if_unused(draft, &old);
    }
    Ok(Answer::Deployed { app: app.clone(), units: Vec::new(), url: charm.url.clone() })
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
        let fits = charm
            .meta
            .endpoints
            .get(&end.endpoint)
            .is_some_and(|new| new.interface == end.interface && new.role == end.role);
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
