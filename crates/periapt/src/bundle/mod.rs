//! Bundles: files that name applications with their charms, options and units, and the relations between them.
//!
//! [`read`] reads a file and its overlays into one [`Bundle`]; [`plan`] says what a model lacks of it. Both are pure but for the
//! files that a bundle includes. What a bundle may hold and does nothing here is collected in [`Bundle::ignored`].

pub mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use periapt_model::channel::Channel;
use periapt_model::names::{AppName, ResourceName, StorageName};

pub use read::read;

/// A bundle with its overlays merged in.
#[derive(Debug, Default, PartialEq)]
pub struct Bundle {
    /// By name.
    pub applications: BTreeMap<AppName, App>,
    /// Pairs of `APP` or `APP:ENDPOINT`.
    pub relations: Vec<(String, String)>,
    /// Keys that are known and without effect here.
    pub ignored: BTreeSet<String>,
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
        self.options.extend(over.options);
        self.resources.extend(over.resources);
        self.storage.extend(over.storage);
        self.constraints = over.constraints.or(self.constraints.take());
        self.trust = over.trust.or(self.trust);
        self.expose = over.expose.or(self.expose);
    }

    /// The options that are set.
    pub fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
    }
}

/// The application of `APP:ENDPOINT`.
fn app_of(end: &str) -> &str {
    end.split_once(':').map_or(end, |(app, _)| app)
}
