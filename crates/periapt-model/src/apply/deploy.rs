//! New applications.

use std::sync::Arc;

use crate::charm::{CharmMeta, Features, Role};
use crate::charm_url::{CharmUrl, Origin};
use crate::command::{Answer, Deploy, Refusal, RefusalKind, StorageOptions};
use crate::entity::{Application, Charm, Relation, RelationEnd};
use crate::local::CharmRef;
use crate::model::{Draft, Model, Record};
use crate::names::{AppName, EndpointName, RelationId};
use crate::status::Life;
use crate::time::Timestamp;

use super::{config, machines, scale, storage};

/// How many units one command may ask for: a slip of the finger should not start a million processes.
pub(super) const MOST_UNITS: u32 = 10_000;

pub(super) fn deploy(
    draft: &mut Draft,
    deploy: Deploy,
    placement: &[String],
    stored: &StorageOptions,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let meta = &deploy.charm.meta;
    let name = match &deploy.name {
        Some(name) => name.clone(),
        None => AppName::new(&meta.name).map_err(|e| {
            Refusal::invalid(e.to_string()).hint("give the application a name: deploy CHARM NAME")
        })?,
    };
    if let Some(old) = draft.model.applications.get(&name) {
        let refusal = Refusal::new(
            RefusalKind::AlreadyExists,
            format!("cannot add application {:?}: application already exists", name.as_str()),
        );
        return Err(match old.life {
            Life::Alive => refusal
                .hint(format!("deploy it under another name, or change its charm with `refresh {name}`")),
            _ => refusal.hint(format!("it is being removed; `periapt why {name}` says what it waits for")),
        });
    }
    if draft.model.remote_apps.contains_key(&name) {
        return Err(Refusal::new(
            RefusalKind::AlreadyExists,
            format!(
                "cannot add application {:?}: saas application with same name already exists",
                name.as_str()
            ),
        )
        .hint(format!("deploy it under another name, or take that away: remove-saas {name}")));
    }
    if !deploy.force {
        check_assumes(meta)?;
    }
    let units = if meta.subordinate { subordinate(&deploy, placement)? } else { deploy.units };
    let (config, _, trust) = config::split_trust(meta, &deploy.config, &[])?;
    let values = config::read_config(meta, name.as_str(), &config)?;
    check_resources(meta, &deploy.resources)?;
    storage::check(meta)?;
    let directives = storage::read(&draft.model, meta, &stored.directives)?;
    let constraints = machines::read_constraints(&deploy.constraints)?.to_string();
    if units > 0 {
        scale::check_count(units)?;
    }
    storage::check_amount(meta, &directives, units)?;
    let places = machines::placed(&draft.model, units, placement)?;
    storage::check_attach(&draft.model, meta, &stored.attach, places.len())?;
    let base = deploy.charm.meta.bases.first().cloned();
    let charm = add_charm(draft, deploy.charm);
    let meta = charm.meta.clone();
    let first = draft.model.info.unit_counters.get(&name).copied().unwrap_or(0);
    draft.put(Record::Application(Arc::new(Application {
        name: name.clone(),
        life: Life::Alive,
        charm: CharmRef { id: charm.id.clone(), url: charm.url.clone(), modified: 0 },
        charm_forced: false,
        config: values,
        trust: deploy.trust || trust == Some(true),
        exposed: false,
        exposure: Default::default(),
        next_unit: first,
        status: None,
        workload_version: None,
        resources: deploy.resources,
        constraints,
        channel: deploy.channel,
        base,
        forced_removal: false,
        storage: directives,
    })));
    add_peers(draft, &name, &meta);
    let units =
        if units == 0 { Vec::new() } else { scale::make_units(draft, &name, &places, &stored.attach, now) };
    Ok(Answer::Deployed { app: name, units, url: charm.url.clone() })
}

/// How many units a subordinate comes with: none. One is what a client asks for that was told nothing (Juju 3.6: `deploy`).
fn subordinate(deploy: &Deploy, placement: &[String]) -> Result<u32, Refusal> {
    let hint = "units of a subordinate come with the units of the application it is integrated with, to their machines";
    if !deploy.constraints.is_empty() {
        let text = "cannot use --constraints with subordinate application";
        return Err(Refusal::invalid(text).hint(hint));
    }
    if deploy.units > 1 || !placement.is_empty() {
        let text = "cannot use --num-units or --to with subordinate application";
        return Err(Refusal::invalid(text).hint(hint));
    }
    Ok(0)
}

/// Puts a charm into the model. One of the store keeps its revision, and so does one that is there already and is named by its
/// url; any other gets the next local one of its name.
pub(super) fn add_charm(draft: &mut Draft, charm: Charm) -> Arc<Charm> {
    if let Some(url) = known_url(&draft.model, &charm) {
        return Arc::new(Charm { url: url.to_string(), revision: url.revision, ..charm });
    }
    let name = charm.meta.name.clone();
    if let Some(url) = store_url(&charm) {
        let charm = Arc::new(Charm { url: url.to_string(), revision: url.revision, ..charm });
        draft.put(Record::Charm(charm.clone()));
        return charm;
    }
    let revision = draft.model.info.next_revision.get(&name).copied().unwrap_or(0);
    draft.info(|info| {
        info.next_revision.insert(name.clone(), revision + 1);
    });
    let charm = Arc::new(Charm { url: format!("local:{name}-{revision}"), revision, ..charm });
    draft.put(Record::Charm(charm.clone()));
    charm
}

/// The url of a local charm that an application has.
fn known_url(model: &Model, charm: &Charm) -> Option<CharmUrl> {
    let is_there = |app: &Arc<Application>| app.charm.url == charm.url && app.charm.id == charm.id;
    let url = charm.url.parse::<CharmUrl>().ok().filter(|url| url.origin == Origin::Local)?;
    model.applications.values().any(is_there).then_some(url)
}

/// The url of a charm of the store, where it is that charm's own.
fn store_url(charm: &Charm) -> Option<CharmUrl> {
    let url: CharmUrl = charm.url.parse().ok()?;
    (url.origin == Origin::Store && url.name.as_str() == charm.meta.name).then_some(url)
}

/// Peer relations come into being with their application, or with the refresh that brings their endpoint.
pub(super) fn add_peers(draft: &mut Draft, app: &AppName, meta: &CharmMeta) {
    let peers: Vec<RelationEnd> = meta
        .endpoints
        .iter()
        .filter(|(_, endpoint)| endpoint.role == Role::Peer)
        .map(|(name, endpoint)| end(app, name, endpoint))
        .collect();
    for peer in peers {
        let there = draft
            .model
            .relations_of(app)
            .any(|r| r.is_peer() && r.end_of(app).is_some_and(|e| e.endpoint == peer.endpoint));
        if !there {
            add_relation(draft, vec![peer]);
        }
    }
}

pub(super) fn end(app: &AppName, name: &EndpointName, endpoint: &crate::charm::Endpoint) -> RelationEnd {
    RelationEnd {
        app: app.clone(),
        endpoint: name.clone(),
        role: endpoint.role,
        interface: endpoint.interface.clone(),
        scope: endpoint.scope,
    }
}

pub(super) fn add_relation(draft: &mut Draft, ends: Vec<RelationEnd>) -> Arc<Relation> {
    let id = RelationId(draft.model.info.next_relation);
    draft.info(|info| info.next_relation += 1);
    let relation = Arc::new(Relation::new(id, ends));
    draft.put(Record::Relation(relation.clone()));
    relation
}

/// What a charm may assume of this controller. `k8s-api` is claimed so that a charm of workload containers deploys; the
/// command line warns of what it will miss.
fn features() -> Features {
    let version = |text: &str| text.parse().ok();
    Features::from([
        ("juju".to_owned(), version(super::JUJU_VERSION)),
        ("k8s-api".to_owned(), version("1.32.0")),
    ])
}

pub(super) fn check_assumes(meta: &CharmMeta) -> Result<(), Refusal> {
    let unmet = meta.assumes.as_ref().map(|a| a.unmet(&features())).unwrap_or_default();
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Refusal::conflict(format!(
        "charm {:?} cannot be deployed: what it assumes is not met: {}",
        meta.name,
        unmet.join("; ")
    ))
    .hint("deploy it all the same with --force"))
}

pub(super) fn check_resources(
    meta: &CharmMeta,
    given: &std::collections::BTreeMap<crate::names::ResourceName, crate::entity::ResourceFile>,
) -> Result<(), Refusal> {
    match given.keys().find(|name| !meta.resources.contains_key(*name)) {
        None => Ok(()),
        Some(unknown) => Err(Refusal::invalid(format!("charm {:?} has no resource {unknown:?}", meta.name))
            .hint(match meta.resources.is_empty() {
                true => "it has no resources".to_owned(),
                false => format!(
                    "it has: {}",
                    meta.resources.keys().map(|r| r.as_str()).collect::<Vec<_>>().join(", ")
                ),
            })),
    }
}
