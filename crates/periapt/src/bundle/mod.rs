//! Bundles: files that name applications with their charms, options and units, the machines that these go to, the relations
//! between them, and what they offer to other models and consume of them.
//!
//! [`read`] reads a file and its overlays into one [`Bundle`]; [`check`] holds it against its charms; [`plan`] says what a
//! model lacks of it. All are pure but for the files that a bundle includes. What a bundle may hold and does nothing here is
//! collected in [`Bundle::ignored`].

pub mod check;
pub mod placement;
pub mod plan;
mod read;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use periapt_model::channel::Channel;
use periapt_model::entity::Exposure;
use periapt_model::names::{AppName, EndpointName, OfferName, ResourceName, StorageName};
use periapt_model::offer_url::OfferUrl;

use crate::error::CliError;
use placement::Placement;
pub use read::read;

/// What an endpoint is exposed to when nothing is said (Juju 3.6: `firewall.AllNetworksIPV4CIDR` and its sister).
pub const EVERYBODY: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// A bundle with its overlays merged in.
#[derive(Debug, Default, PartialEq)]
pub struct Bundle {
    /// By name.
    pub applications: BTreeMap<AppName, App>,
    /// The machines that placements name, by their numbers in the bundle.
    pub machines: BTreeMap<BundleMachine, Machine>,
    /// Pairs of `APP` or `APP:ENDPOINT`; an application of the bundle, or one of `saas`.
    pub relations: Vec<(String, String)>,
    /// Offers of other models, by their names here.
    pub saas: BTreeMap<AppName, OfferUrl>,
    /// Keys that are known and without effect here.
    pub ignored: BTreeSet<String>,
    /// Users that offers name and that are not here.
    pub strangers: BTreeSet<String>,
    /// `bundle: kubernetes`: its placements are selectors of nodes.
    pub kubernetes: bool,
    /// Where it says what.
    pub places: Places,
}

/// The number of a machine in a bundle. Which machine of the model that is shows when it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BundleMachine(pub u32);

impl fmt::Display for BundleMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A machine of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// What it is made with, where it is new.
    pub constraints: String,
}

/// Endpoints of an application that a bundle offers to other models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Which, at least one.
    pub endpoints: BTreeSet<EndpointName>,
}

/// One application of a bundle, or what an overlay says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    /// The charm's name, or its path as it is written.
    pub charm: Option<String>,
    /// Where paths of this application begin: the folder of the file that names its charm.
    pub folder: PathBuf,
    /// The store's channel.
    pub channel: Option<Channel>,
    /// The store's revision.
    pub revision: Option<u32>,
    /// How many units.
    pub units: Option<u32>,
    /// Where the first of them go, in order.
    pub to: Option<Vec<Placement>>,
    /// Options, as they are written; None takes one back that the bundle below sets.
    pub options: BTreeMap<String, Option<String>>,
    /// Files for resources, or numbers of the store.
    pub resources: BTreeMap<ResourceName, PathBuf>,
    /// `--constraints`.
    pub constraints: Option<String>,
    /// `--storage`: directives by the charm's names. They count when the application is new.
    pub storage: BTreeMap<StorageName, String>,
    /// `--trust`.
    pub trust: Option<bool>,
    /// `expose`.
    pub expose: Option<bool>,
    /// Whom its endpoints are exposed to, each with somebody; the empty name stands for all of them.
    pub exposed: BTreeMap<String, Exposure>,
    /// What is offered of it; None takes an offer back that the bundle below makes.
    pub offers: BTreeMap<OfferName, Option<Offer>>,
}

impl App {
    /// What `over` says of the same application wins.
    fn merge(&mut self, over: Self) {
        if over.charm.is_some() {
            self.charm = over.charm;
            self.folder = over.folder;
        }
        self.channel = over.channel.or(self.channel.take());
        self.revision = over.revision.or(self.revision);
        self.units = over.units.or(self.units);
        self.to = over.to.or(self.to.take());
        self.options.extend(over.options);
        self.resources.extend(over.resources);
        self.storage.extend(over.storage);
        self.constraints = over.constraints.or(self.constraints.take());
        self.trust = over.trust.or(self.trust);
        self.expose = over.expose.or(self.expose);
        self.exposed.extend(over.exposed);
        self.offers.extend(over.offers);
    }

    /// The options that are set.
    pub fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
    }

    /// Where the first of its units go.
    pub fn placements(&self) -> &[Placement] {
        self.to.as_deref().unwrap_or_default()
    }

    /// The offers that are made of it.
    pub fn offered(&self) -> impl Iterator<Item = (&OfferName, &Offer)> {
        self.offers.iter().filter_map(|(name, offer)| Some((name, offer.as_ref()?)))
    }
}

/// A part of a bundle that something can be wrong with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An application.
    App(AppName),
    /// A key of an application, such as `to` or `options.size`.
    Key(AppName, String),
    /// A machine.
    Machine(BundleMachine),
    /// An offer of another model.
    Saas(AppName),
    /// A relation.
    Relation(String, String),
}

impl Part {
    /// A key of an application.
    pub fn key(app: &AppName, key: impl Into<String>) -> Self {
        Self::Key(app.clone(), key.into())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) | Self::Key(app, _) => write!(f, "application {:?} of the bundle", app.as_str()),
            Self::Machine(number) => write!(f, "machine {:?} of the bundle", number.to_string()),
            Self::Saas(name) => write!(f, "saas {:?} of the bundle", name.as_str()),
            Self::Relation(a, b) => write!(f, "the bundle's relation {a} - {b}"),
        }
    }
}

/// Where a bundle and its overlays say what: `FILE:LINE:COLUMN`. What is said last counts.
#[derive(Debug, Default, PartialEq)]
pub struct Places(BTreeMap<Part, String>);

impl Places {
    fn put(&mut self, part: Part, place: String) {
        self.0.insert(part, place);
    }

    /// A part with its place, for people: what a message of a mistake in it begins with.
    pub fn name(&self, part: &Part) -> String {
        let whole = || match part {
            Part::Key(app, _) => self.0.get(&Part::App(app.clone())),
            _ => None,
        };
        match self.0.get(part).or_else(whole) {
            Some(place) => format!("{place}: {part}"),
            None => part.to_string(),
        }
    }

    /// A mistake in a part.
    pub fn wrong(&self, part: &Part, what: impl fmt::Display) -> CliError {
        CliError::new(format!("{}: {what}", self.name(part)))
    }
}

/// The application of `APP:ENDPOINT`.
fn app_of(end: &str) -> &str {
    end.split_once(':').map_or(end, |(app, _)| app)
}
