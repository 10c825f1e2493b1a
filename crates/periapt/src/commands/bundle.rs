//! `deploy ./bundle.yaml`

mod present;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use periapt_build::Prepared;
use periapt_controller::api::requests;
use periapt_controller::client::{ClientError, ModelClient};
use periapt_model::channel::Channel;
use periapt_model::charm::CharmMeta;
use periapt_model::charm_url::CharmUrl;
use periapt_model::constraints::{Constraints, InvalidConstraint};
use periapt_model::entity::Charm;
use periapt_model::names::{AppName, MachineId, ResourceName};
use periapt_model::shape::{Names, Shape};

use super::build::{self, Report};
use super::source::{FromStore, Named, named};
use crate::args::{ResourceArg, file};
use crate::bundle::check::check;
use crate::bundle::placement::{Circle, MachineMap};
use crate::bundle::plan::{Now, Present, Ready, plan};
use crate::bundle::{App, Bundle, BundleMachine, Part, read};
use crate::charm_store::CharmStore;
use crate::error::{CliError, Result};
use crate::output::{print, say};
use crate::session::Session;

pub use present::offers;
use present::present;
use steps::Steps;

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
    let text = file::text(&folder.join("charmcraft.yaml")).unwrap_or_default();
    text.lines().any(|line| line.split('#').next().is_some_and(|line| line.trim_end() == "type: bundle"))
}

/// A charm of the bundle, ready to be deployed.
struct Item {
    charm: Charm,
    channel: Option<Channel>,
    source: Option<FromStore>,
    prepared: Prepared,
}

/// What `--map-machines` says of the machines of a bundle (Juju 3.6: `parseMachineMap`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapMachines {
    /// Those of the model that have the bundle's numbers are the bundle's.
    existing: bool,
    /// And these are.
    pairs: MachineMap,
}

impl std::str::FromStr for MapMachines {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut map = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "existing" {
                map.existing = true;
                continue;
            }
            let (ours, theirs) = part.split_once('=').ok_or_else(|| {
                format!("expected \"existing\" or \"<bundle-id>=<machine-id>\", got {part:?}")
            })?;
            let number = |id: &str, what: &str| {
                let id = id.trim();
                id.parse().map_err(|_| format!("{what} {id:?} is not a top level machine id"))
            };
            map.pairs
                .insert(BundleMachine(number(ours, "bundle-id")?), MachineId(number(theirs, "machine-id")?));
        }
        Ok(map)
    }
}

impl MapMachines {
    /// The machines that it means, of those that the model has.
    fn read(&self, bundle: &Bundle, shape: &Shape) -> Result<MachineMap> {
        let mut map = MachineMap::new();
        let found = |id: &MachineId| shape.machines.get(id).copied().flatten();
        if self.existing {
            // One that goes with units that are being removed is what these were on, and none that the bundle wants.
            let there = |number: &&BundleMachine| {
                found(&MachineId(number.0)).is_some_and(|machine| !machine.going && !machine.vacated)
            };
            map.extend(bundle.machines.keys().filter(there).map(|number| (*number, MachineId(number.0))));
        }
        for (ours, theirs) in &self.pairs {
            if !bundle.machines.contains_key(ours) {
                return Err(CliError::new(format!(
                    "--map-machines {ours}={theirs}: the bundle has no machine {ours}"
                )));
            }
            let wrong = match found(theirs) {
                None => "not found",
                Some(machine) if machine.going => "is being removed",
                Some(_) => {
                    map.insert(*ours, *theirs);
                    continue;
                }
            };
            return Err(CliError::new(format!("--map-machines {ours}={theirs}: machine {theirs} {wrong}"))
                .hint("`periapt machines` lists those of the model"));
        }
        Ok(map)
    }

    /// The machines of the model that it speaks of.
    fn names(&self, bundle: &Bundle) -> BTreeSet<MachineId> {
        let same = bundle.machines.keys().filter(|_| self.existing).map(|number| MachineId(number.0));
        same.chain(self.pairs.values().copied()).collect()
    }
}

/// How often a bundle is planned anew when somebody changes what it was planned from, before it is given up.
const PLANS: u32 = 5;

/// How a bundle is deployed.
pub struct Asked<'a> {
    /// Its file.
    pub file: &'a Path,
    /// What lies over it.
    pub overlays: &'a [PathBuf],
    /// Only say what it would change.
    pub dry_run: bool,
    /// `--trust`.
    pub trust: bool,
    /// `--map-machines`.
    pub machines: &'a MapMachines,
}

/// Deploys what a model lacks of a bundle, or says what that is.
///
/// Everything is read, checked and built before anything is changed, and the model is changed in one transaction: by all
/// of it, or by nothing. That transaction does what was planned only if the model is still what it was planned from; when
/// it is not, as when the same bundle is deployed twice at once, it is planned again. Charms and files that were put into
/// the home for it before lie there under their hashes.
///
/// # Errors
/// Mistakes in the bundle, with their place; charms that cannot be found or built; what the model refuses.
pub async fn deploy(session: &Session, model: &ModelClient, asked: Asked<'_>) -> Result {
    let bundle = read(asked.file, asked.overlays)?;
    notes(&bundle);
    let untrusted =
        bundle.applications.iter().filter(|(_, app)| app.trust == Some(true)).map(|(name, _)| name.as_str());
    let untrusted: Vec<&str> = untrusted.collect();
    if !asked.trust && !asked.dry_run && !untrusted.is_empty() {
        return Err(CliError::new(format!(
            "Bundle cannot be deployed without trusting applications with your cloud credentials.\nPlease repeat the deploy \
             command with the --trust argument if you consent to trust the following application(s):\n  - {}",
            untrusted.join("\n  - ")
        )));
    }
    let mut items = BTreeMap::new();
    for left in (0..PLANS).rev() {
        let Some(overtaken) = attempt(session, model, &bundle, &asked, &mut items).await? else {
            return Ok(());
        };
        if left == 0 {
            let hint =
                "somebody keeps changing what the bundle is about: deploy it again when that has ended";
            return Err(CliError::from(overtaken).hint(hint));
        }
        say(format!("note: {overtaken}. Planning again"));
    }
    Ok(())
}

/// Plans a bundle from what the model is now, and does it; or says that the model has changed in between.
async fn attempt(
    session: &Session,
    model: &ModelClient,
    bundle: &Bundle,
    asked: &Asked<'_>,
    items: &mut BTreeMap<AppName, Item>,
) -> Result<Option<ClientError>> {
    let shape = model.shape().await?;
    let now = present(&shape, bundle)?;
    prepare(session, bundle, &now, items)?;
    let machines = asked.machines.read(bundle, &shape)?;
    let mut ready = BTreeMap::new();
    for (name, app) in &bundle.applications {
        // One that keeps its charm may not have kept it when it was planned before.
        let item = items.get(name).filter(|_| !keeps_charm(app, now.applications.get(name)));
        ready.insert(name.clone(), ready_of(session, bundle, name, app, item)?);
    }
    let changes = plan(bundle, &ready, &now, &machines).map_err(|Circle(apps)| {
        let names: Vec<&str> = apps.iter().map(AppName::as_str).collect();
        let what = format!("cycle in placement directives for: {}", names.join(", "));
        match apps.first() {
            Some(first) => bundle.places.wrong(&Part::key(first, "to"), what),
            None => CliError::new(what),
        }
    })?;
    if changes.is_empty() {
        say("No changes to apply.");
        return Ok(None);
    }
    let steps = Steps { session, bundle, items, now: &now };
    let expect = shape.about(&Names {
        applications: bundle.applications.keys().cloned().collect(),
        machines: asked.machines.names(bundle),
        offers: bundle.applications.values().flat_map(App::offered).map(|(name, _)| name.clone()).collect(),
        saas: bundle.saas.keys().cloned().collect(),
    });
    let request = requests::Batch { steps: steps.of(&changes)?, dry_run: asked.dry_run, expect };
    let done = match model.batch(&request).await {
        Err(error) if error.has_changed() => return Ok(Some(error)),
        done => done?,
    };
    let lines: Vec<String> =
        steps.lines(&changes, &done.steps).into_iter().map(|line| format!("- {line}\n")).collect();
    if asked.dry_run {
        return print(&format!("Changes to deploy bundle:\n{}", lines.concat())).map(|()| None);
    }
    say(format!("Executing changes:\n{}", lines.concat().trim_end()));
    for item in items.values() {
        Report { warnings: &item.prepared.warnings, missing: build::missing(&item.prepared.meta).as_deref() }
            .print();
    }
    say("Deploy of bundle completed.");
    Ok(None)
}

/// What is said and does nothing here.
fn notes(bundle: &Bundle) {
    if !bundle.ignored.is_empty() {
        let keys: Vec<&str> = bundle.ignored.iter().map(String::as_str).collect();
        say(format!(
            "note: the bundle's {} have no effect here: everything runs on this machine",
            keys.join(", ")
        ));
    }
    if !bundle.strangers.is_empty() {
        let users: Vec<&str> = bundle.strangers.iter().map(String::as_str).collect();
        say(format!(
            "note: the bundle's offers name {} in their acl: there is one user here, admin, who may use every offer",
            users.join(", ")
        ));
    }
}

/// The charms of a bundle, ready to be deployed. What is wrong with what it says of them need not wait for their building,
/// as far as they can be read before. An application that keeps its charm has none; those that are ready stay so.
fn prepare(session: &Session, bundle: &Bundle, now: &Now, items: &mut BTreeMap<AppName, Item>) -> Result {
    let store = CharmStore::of(&session.home);
    let mut found = BTreeMap::new();
    for (name, app) in &bundle.applications {
        if keeps_charm(app, now.applications.get(name)) || items.contains_key(name) {
            continue;
        }
        let charm = find(&store, app).map_err(|error| of_app(bundle, name, error))?;
        found.insert(name, charm);
    }
    if found.is_empty() {
        return Ok(());
    }
    let early = found.iter().filter_map(|(name, found)| Some(((*name).clone(), found.meta()?)));
    check(bundle, &early.collect())?;
    for (name, found) in found {
        if let Found::Store(source, channel) = &found {
            say(format!("Located charm {:?} in charm-hub, channel {channel}", source.url.name.as_str()));
        }
        let item = found.prepare(session).map_err(|error| of_app(bundle, name, error))?;
        items.insert(name.clone(), item);
    }
    let metas = items.iter().map(|(name, item)| (name.clone(), item.prepared.meta.clone()));
    check(bundle, &metas.collect())
}

/// Whether a bundle names the local charm that an application has already, as `export-bundle` writes it.
fn keeps_charm(app: &App, now: Option<&Present>) -> bool {
    let is_local = |charm: &&str| charm.starts_with("local:");
    app.charm.as_deref().filter(is_local).is_some_and(|charm| now.is_some_and(|now| now.url == charm))
}

fn ready_of(
    session: &Session,
    bundle: &Bundle,
    name: &AppName,
    app: &App,
    item: Option<&Item>,
) -> Result<Ready> {
    let constraints = app.constraints.as_ref().map(|text| text.parse::<Constraints>()).transpose();
    let wrong = |error: InvalidConstraint| bundle.places.wrong(&Part::key(name, "constraints"), error);
    let constraints = constraints.map_err(wrong)?;
    let Some(item) = item else {
        if !app.resources.is_empty() {
            return Err(bundle
                .places
                .wrong(&Part::key(name, "resources"), "files come with a charm, and this one keeps its own")
                .hint(format!(
                    "write the path of the charm, or attach them: attach-resource {name} NAME=FILE"
                )));
        }
        return Ok(Ready { url: app.charm.clone(), constraints, ..Ready::default() });
    };
    // What the bundle does not name stays, also where the store has something newer.
    let given = resources(session, app, item, |resource| !app.resources.contains_key(resource))
        .map_err(|error| of_key(bundle, Part::key(name, "resources"), error))?;
    Ok(Ready {
        url: item.source.as_ref().map(|source| source.url.to_string()),
        id: item.charm.id.to_string(),
        channel: item.source.as_ref().and(item.channel.as_ref()).map(Channel::to_string),
        resources: given.into_iter().map(|(name, upload)| (name, upload.hash)).collect(),
        constraints: constraints.filter(|_| !item.prepared.meta.subordinate),
    })
}

fn of_app(bundle: &Bundle, name: &AppName, error: CliError) -> CliError {
    of_key(bundle, Part::key(name, "charm"), error)
}

fn of_key(bundle: &Bundle, part: Part, error: CliError) -> CliError {
    CliError { hint: error.hint, code: error.code, ..bundle.places.wrong(&part, error.message) }
}

/// A charm that was not made ready. It does not come about: every application of a bundle has one by then.
fn no_item(name: &AppName) -> CliError {
    CliError::new(format!("application {:?} of the bundle has no charm", name.as_str()))
}

/// A charm of the bundle that is there.
enum Found {
    Path(PathBuf, Option<Channel>),
    Store(Box<FromStore>, Channel),
}

impl Found {
    /// What it says of itself, where that shows without building it.
    fn meta(&self) -> Option<CharmMeta> {
        match self {
            Self::Path(path, _) => build::meta_of_folder(path),
            Self::Store(source, _) => Some(source.meta.clone()),
        }
    }

    fn prepare(self, session: &Session) -> Result<Item> {
        match self {
            Self::Path(path, channel) => {
                let prepared = build::prepare(&path, &build::quick(session))?;
                Ok(Item { charm: build::charm(&prepared), channel, source: None, prepared })
            }
            Self::Store(source, channel) => {
                let prepared = source.prepare(session)?;
                let charm = source.charm(&prepared);
                Ok(Item { charm, channel: Some(channel), source: Some(*source), prepared })
            }
        }
    }
}

fn find(store: &CharmStore, app: &App) -> Result<Found> {
    let text = app.charm.as_deref().unwrap_or_default();
    let inside = app.folder.join(text);
    let is_store = text.starts_with("ch:");
    let is_path = !is_store && (text.starts_with('.') || text.contains('/') || text.ends_with(".charm"));
    let mut revision = app.revision;
    let named = match text.strip_prefix("local:") {
        _ if is_path => Named::Path(inside),
        Some(_) => {
            return Err(CliError::new(format!(
                "{text} was a charm of the model that the bundle comes from, and the application does not have it here"
            ))
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
        Named::Path(path) if !path.exists() => {
            Err(CliError::new(format!("{} does not exist", path.display()))
                .hint("paths of charms begin at the folder of the bundle's file"))
        }
        Named::Path(path) => Ok(Found::Path(path, app.channel.clone())),
        Named::Store(name) => {
            let channel = app.channel.clone().unwrap_or_default();
            let source = FromStore::choose(store, &name, &channel, revision)?;
            Ok(Found::Store(Box::new(source), channel))
        }
    }
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
