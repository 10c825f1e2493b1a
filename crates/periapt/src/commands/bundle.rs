//! `deploy ./bundle.yaml`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use periapt_build::Prepared;
use periapt_controller::api::requests::{self, SetConfig, SetConstraints};
use periapt_controller::client::ModelClient;
use periapt_model::channel::Channel;
use periapt_model::charm_url::CharmUrl;
use periapt_model::constraints::{Constraints, InvalidConstraint};
use periapt_model::entity::Charm;
use periapt_model::names::{AppName, ResourceName};

use super::build::{self, Report};
use super::source::{FromStore, Named, named};
use crate::args::ResourceArg;
use crate::bundle::plan::{Change, Present, Ready, plan};
use crate::bundle::{App, Bundle, read};
use crate::charm_store::CharmStore;
use crate::error::{CliError, Result};
use crate::output::{print, say};
use crate::session::Session;

/// The bundle's file that a path means: itself, or `bundle.yaml` in a folder that is no charm.
pub fn bundle_file(path: &Path) -> Option<PathBuf> {
    let is_yaml = path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
    if path.is_file() && is_yaml {
        return Some(path.to_owned());
    }
    let inside = path.join("bundle.yaml");
    let is_charm = ["metadata.yaml", "charmcraft.yaml"].iter().any(|name| path.join(name).exists());
    let is_bundle =
        inside.is_file() && (!is_charm || !path.join("metadata.yaml").exists() && says_bundle(path));
    is_bundle.then_some(inside)
}

/// Charmcraft packs bundles too: `type: bundle`.
fn says_bundle(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("charmcraft.yaml")).unwrap_or_default();
    text.lines().any(|line| line.split('#').next().is_some_and(|line| line.trim_end() == "type: bundle"))
}

/// A charm of the bundle, ready to be deployed.
struct Item {
    charm: Charm,
    channel: Option<Channel>,
    source: Option<FromStore>,
    prepared: Prepared,
}

/// Deploys what a model lacks of a bundle, or says what that is.
///
/// Everything is read and built before anything is changed. A change that the model refuses ends the deployment; what was
/// done before stays, and the next run goes on from there.
///
/// # Errors
/// Mistakes in the bundle; charms that cannot be found or built; what the model refuses.
pub async fn deploy(
    session: &Session,
    model: &ModelClient,
    file: &Path,
    overlays: &[PathBuf],
    dry_run: bool,
    trust: bool,
) -> Result {
    let bundle = read(file, overlays)?;
    if !bundle.ignored.is_empty() {
        let keys: Vec<&str> = bundle.ignored.iter().map(String::as_str).collect();
        say(format!(
            "note: the bundle's {} have no effect here: everything runs on this machine",
            keys.join(", ")
        ));
    }
    let untrusted =
        bundle.applications.iter().filter(|(_, app)| app.trust == Some(true)).map(|(name, _)| name.as_str());
    let untrusted: Vec<&str> = untrusted.collect();
    if !trust && !dry_run && !untrusted.is_empty() {
        return Err(CliError::new(format!(
            "Bundle cannot be deployed without trusting applications with your cloud credentials.\nPlease repeat the deploy \
             command with the --trust argument if you consent to trust the following application(s):\n  - {}",
            untrusted.join("\n  - ")
        )));
    }
    let store = CharmStore::of(&session.home);
    let mut items = BTreeMap::new();
    for (name, app) in &bundle.applications {
        let item = item(session, &store, app).map_err(|error| of_app(name, error))?;
        if item.prepared.meta.subordinate && app.units.is_some_and(|units| units > 0) {
            return Err(CliError::new(format!(
                "application {:?} is subordinate but has non-zero num_units",
                name.as_str()
            ))
            .hint("its units come with those that it is related to"));
        }
        items.insert(name.clone(), item);
    }
    check_relations(&bundle, &items)?;
    let (present, related) = present(model, &bundle).await?;
    let mut ready = BTreeMap::new();
    for (name, (app, item)) in
        bundle.applications.iter().filter_map(|(name, app)| Some((name, (app, items.get(name)?))))
    {
        let constraints = app.constraints.as_ref().map(|text| text.parse::<Constraints>()).transpose();
        let constraints = constraints.map_err(|error| of_app(name, CliError::new(error.to_string())))?;
        // What the bundle does not name stays, also where the store has something newer.
        let given = resources(session, app, item, |resource| !app.resources.contains_key(resource))
            .map_err(|error| of_app(name, error))?;
        let ready_item = Ready {
            url: item.source.as_ref().map(|source| source.url.to_string()),
            id: item.charm.id.to_string(),
            channel: item.source.as_ref().and(item.channel.as_ref()).map(Channel::to_string),
            resources: given.into_iter().map(|(name, upload)| (name, upload.hash)).collect(),
            constraints: constraints.filter(|_| !item.prepared.meta.subordinate),
        };
        ready.insert(name.clone(), ready_item);
    }
    let changes = plan(&bundle, &ready, &present, &related);
    if changes.is_empty() {
        say("No changes to apply.");
        return Ok(());
    }
    if dry_run {
        let lines: Vec<String> = changes.iter().map(|change| format!("- {change}\n")).collect();
        return print(&format!("Changes to deploy bundle:\n{}", lines.concat()));
    }
    say("Executing changes:");
    for change in &changes {
        say(format!("- {change}"));
        run(session, model, &bundle, &items, change).await?;
    }
    for item in items.values() {
        Report { warnings: &item.prepared.warnings, missing: build::missing(&item.prepared.meta).as_deref() }
            .print();
    }
    say("Deploy of bundle completed.");
    Ok(())
}

/// Refuses relations of endpoints that a charm does not have: found when the applications are there, that would leave them.
fn check_relations(bundle: &Bundle, items: &BTreeMap<AppName, Item>) -> Result {
    for end in bundle.relations.iter().flat_map(|(a, b)| [a, b]) {
        let Some((app, endpoint)) = end.split_once(':') else { continue };
        let item = items.iter().find(|(name, _)| name.as_str() == app).map(|(_, item)| item);
        if item.is_some_and(|item| item.prepared.meta.endpoint(endpoint).is_none()) {
            return Err(CliError::new(format!(
                "the bundle's relation of {end}: charm {:?} has no endpoint {endpoint:?}",
                item.map(|item| item.prepared.meta.name.to_string()).unwrap_or_default()
            )));
        }
    }
    Ok(())
}

fn of_app(name: &AppName, error: CliError) -> CliError {
    CliError { message: format!("application {:?} of the bundle: {}", name.as_str(), error.message), ..error }
}

fn item(session: &Session, store: &CharmStore, app: &App) -> Result<Item> {
    let text = app.charm.as_deref().unwrap_or_default();
    let inside = app.folder.join(text);
    let is_store = text.starts_with("ch:");
    let is_path = !is_store && (text.starts_with('.') || text.contains('/') || text.ends_with(".charm"));
    let mut revision = app.revision;
    let named = match text.strip_prefix("local:") {
        _ if is_path => Named::Path(inside),
        Some(_) => {
            return Err(CliError::new(format!("{text} was a charm of the model that the bundle comes from"))
                .hint("write the path of its folder or .charm file instead"));
        }
        None => match text.parse::<CharmUrl>() {
            // As `export-bundle` of Juju 2 wrote it: `ch:amd64/jammy/x-3`.
            Ok(url) => {
                revision = revision.or(Some(url.revision));
                Named::Store(url.name)
            }
            Err(_) => named(store, &format!("ch:{}", text.rsplit(['/', ':']).next().unwrap_or(text)))?,
        },
    };
    match named {
        Named::Path(path) => {
            let prepared = build::prepare(&path, &build::options(session))?;
            let charm = build::charm(&prepared);
            Ok(Item { charm, channel: app.channel.clone(), source: None, prepared })
        }
        Named::Store(name) => {
            let channel = app.channel.clone().unwrap_or_default();
            let source = FromStore::choose(store, &name, &channel, revision)?;
            let prepared = source.prepare(session)?;
            Ok(Item {
                charm: source.charm(&prepared),
                channel: Some(channel),
                source: Some(source),
                prepared,
            })
        }
    }
}

/// The bundle's applications as they are in the model, and the model's relations.
async fn present(
    model: &ModelClient,
    bundle: &Bundle,
) -> Result<(BTreeMap<AppName, Present>, Vec<(String, String)>)> {
    let status = model.status(&[], &crate::session::zone(true)).await?;
    let mut present = BTreeMap::new();
    for (name, shown) in
        status.status.applications.iter().filter(|(name, _)| bundle.applications.contains_key(*name))
    {
        let app = model.application(name).await?;
        let config = model.config(name).await?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let options =
            config.settings.into_iter().filter_map(|(key, option)| Some((key, text(option.value?))));
        let now = Present {
            url: app.charm_url,
            id: app.charm_id,
            units: u32::try_from(shown.scale).unwrap_or(u32::MAX),
            trust: app.trust,
            exposed: app.exposed,
            options: options.collect(),
            channel: app.channel,
            constraints: constraints_of(model, name).await?,
            resources: app.resources.into_iter().map(|(name, file)| (name, file.hash)).collect(),
        };
        present.insert(name.clone(), now);
    }
    let related = model.relations().await?.into_iter().map(|row| (row.provider, row.requirer)).collect();
    Ok((present, related))
}

async fn constraints_of(model: &ModelClient, app: &AppName) -> Result<Constraints> {
    let shown = model.constraints(Some(app.clone())).await?;
    shown.text.parse().map_err(|error: InvalidConstraint| CliError::new(error.to_string()))
}

fn resources(
    session: &Session,
    app: &App,
    item: &Item,
    kept: impl Fn(&ResourceName) -> bool,
) -> Result<BTreeMap<ResourceName, requests::Upload>> {
    let given: Vec<ResourceArg> = app
        .resources
        .iter()
        .map(|(name, path)| ResourceArg { name: name.clone(), path: path.clone() })
        .collect();
    match &item.source {
        Some(source) => source.resources(session, &given, kept),
        None => build::upload(session, &item.prepared.meta, &given),
    }
}

async fn run(
    session: &Session,
    model: &ModelClient,
    bundle: &Bundle,
    items: &BTreeMap<AppName, Item>,
    change: &Change,
) -> Result {
    let found = |name: &AppName| bundle.applications.get(name).zip(items.get(name));
    match change {
        Change::Deploy(name) => {
            let Some((app, item)) = found(name) else { return Ok(()) };
            let request = requests::Deploy {
                name: Some(name.clone()),
                charm: item.charm.clone(),
                units: app.units.unwrap_or(0),
                config: app.set().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
                trust: app.trust.unwrap_or(false),
                resources: resources(session, app, item, |_| false)?,
                // A subordinate has no machines to constrain (Juju 3.6: `bundlehandler.go`).
                constraints: app
                    .constraints
                    .clone()
                    .filter(|_| !item.prepared.meta.subordinate)
                    .unwrap_or_default(),
                placement: Vec::new(),
                channel: item.channel.as_ref().map(Channel::to_string),
                force: false,
                storage: app.storage.clone(),
                attach_storage: Vec::new(),
            };
            model.deploy(&request).await.map(drop)?;
        }
        Change::Refresh(name) => {
            let Some((app, item)) = found(name) else { return Ok(()) };
            // A file that an operator gave stays, until he gives another.
            let now = model.application(name).await?;
            let kept = |name: &ResourceName| now.resources.get(name).is_some_and(|file| file.store.is_none());
            let request = requests::Refresh {
                charm: Some(item.charm.clone()),
                force_units: false,
                config: BTreeMap::new(),
                resources: resources(session, app, item, kept)?,
                channel: Some(item.channel.as_ref().map(Channel::to_string).unwrap_or_default()),
                trust: None,
                storage: BTreeMap::new(),
            };
            model.refresh(name, &request).await.map(drop)?;
        }
        Change::Follow(name, channel) => {
            let request =
                requests::Refresh { channel: Some(channel.clone()), ..requests::Refresh::default() };
            model.refresh(name, &request).await.map(drop)?;
        }
        Change::Attach(name, wanted) => {
            let Some((app, item)) = found(name) else { return Ok(()) };
            let mut given = resources(session, app, item, |_| true)?;
            given.retain(|name, _| wanted.contains(name));
            let request = requests::Refresh { resources: given, ..requests::Refresh::default() };
            model.refresh(name, &request).await.map(drop)?;
        }
        Change::Constrain(name, constraints) => {
            let request =
                SetConstraints { application: Some(name.clone()), constraints: constraints.to_string() };
            model.set_constraints(&request).await.map(drop)?;
        }
        Change::Configure(name, options) => {
            let request = SetConfig { set: options.clone(), reset: Vec::new() };
            model.set_config(name, &request).await.map(drop)?;
        }
        Change::AddUnits(name, count) => model.add_units(name, *count).await.map(drop)?,
        Change::Trust(name, on) => model.trust(name, *on).await.map(drop)?,
        Change::Expose(name, on) => model.expose(name, *on).await.map(drop)?,
        Change::Relate(a, b) => model.integrate(a, b).await.map(drop)?,
    }
    Ok(())
}
