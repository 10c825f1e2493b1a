//! A charm's metadata: `metadata.yaml`, `config.yaml`, `actions.yaml`, `manifest.yaml` and the one-file
//! `charmcraft.yaml`, read into types and checked by Juju's rules.
//!
//! [`parse`] takes the texts and gives a [`CharmMeta`], or every mistake it found, each with file, line and column. It
//! takes packed charms and source folders alike; [`split`] writes what a packer would make of a source folder.

mod actions;
mod assumes;
mod bases;
mod config;
mod diagnostic;
mod fuzz;
mod meta;
mod metadata;
mod parts;
mod provisions;
mod read;
mod schema;
mod split;
mod version;

use serde::{Deserialize, Serialize};

use crate::yaml::{self, Map, Node, Span};
use diagnostic::Report;
use read::Reader;

pub use actions::ActionSpec;
pub use assumes::{Assumes, Bound, Features};
pub use config::{ConfigOption, ConfigValue, InvalidConfigValue, OptionType};
pub use diagnostic::{Diagnostic, Severity};
#[doc(hidden)]
pub use fuzz::fuzz_metadata;
pub use meta::{
    Base, CharmMeta, CharmUser, Container, Device, Endpoint, Format, JUJU_INFO, Links, Mount, Resource,
    ResourceKind, Role, Scope, Storage, StorageKind,
};
pub use parts::{CharmLib, Part};
pub use split::{Packed, split};
pub use version::{InvalidVersion, Version};

/// The text of a file, and the name that messages call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The name for messages, such as `metadata.yaml`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl SourceText {
    /// A file's text under a name for messages.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// The files at the root of a charm that say what it is. A packed charm has `metadata`; a source folder has
/// `charmcraft`, `metadata` or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CharmFiles {
    /// `metadata.yaml`
    pub metadata: Option<SourceText>,
    /// `charmcraft.yaml`
    pub charmcraft: Option<SourceText>,
    /// `config.yaml`
    pub config: Option<SourceText>,
    /// `actions.yaml`
    pub actions: Option<SourceText>,
    /// `manifest.yaml`
    pub manifest: Option<SourceText>,
}

/// What a charm's files say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parsed {
    /// The charm.
    pub meta: CharmMeta,
    /// How `charmcraft.yaml` has it built.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// The libraries that a build fetches.
    #[serde(default)]
    pub charm_libs: Vec<CharmLib>,
    /// The names of charmcraft's extensions, which are not expanded.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// What may be a mistake.
    #[serde(default)]
    pub warnings: Vec<Diagnostic>,
}

/// The keys that only `charmcraft.yaml` has.
const CHARMCRAFT_KEYS: [&str; 14] = [
    "type",
    "title",
    "config",
    "actions",
    "parts",
    "platforms",
    "bases",
    "base",
    "build-base",
    "charm-libs",
    "extensions",
    "analysis",
    "charmhub",
    "version",
];

/// A file as a tree.
struct Document<'a> {
    name: &'a str,
    root: Node,
}

/// Reads the tree of a file; a report and `None` if it is not YAML, `None` too if there is no such file.
fn document<'a>(report: &mut Report, file: Option<&'a SourceText>) -> Option<Document<'a>> {
    let file = file?;
    match yaml::parse(&file.text) {
        Ok(root) => Some(Document { name: &file.name, root }),
        Err(error) => {
            report.yaml(&file.name, error);
            None
        }
    }
}

/// Reads a charm's files and checks them by Juju's rules (Juju 3.6: package `charm`).
///
/// A file that `charmcraft.yaml` can stand for wins over it, with a warning for each key that is then ignored;
/// `config.yaml` and `actions.yaml` beside the same section of `charmcraft.yaml` are an error.
///
/// # Errors
/// Every mistake that was found, and the warnings with them, in the order of files and lines.
pub fn parse(files: &CharmFiles) -> Result<Parsed, Vec<Diagnostic>> {
    let mut report = Report::default();
    let parsed = read_all(&mut report, files);
    if parsed.is_none() && files.metadata.is_none() && files.charmcraft.is_none() {
        let at = Span { line: 1, column: 1, length: None };
        let help = "is this the folder of a charm?";
        report.error("metadata.yaml", at, "there is neither metadata.yaml nor charmcraft.yaml", Some(help));
    }
    let order = [&files.metadata, &files.charmcraft, &files.config, &files.actions, &files.manifest];
    let order: Vec<&str> = order.into_iter().flatten().map(|file| file.name.as_str()).collect();
    let diagnostics = report.finish(&order)?;
    match parsed {
        Some(parsed) => Ok(Parsed { warnings: diagnostics, ..parsed }),
        // Whatever leaves the metadata unread has been reported.
        None => Err(diagnostics),
    }
}

fn read_all(report: &mut Report, files: &CharmFiles) -> Option<Parsed> {
    let metadata = document(report, files.metadata.as_ref());
    let charmcraft = document(report, files.charmcraft.as_ref());
    let config = document(report, files.config.as_ref());
    let actions = document(report, files.actions.as_ref());
    let manifest = document(report, files.manifest.as_ref());

    let empty = Map::default();
    let mut bases = Vec::new();
    if let Some(doc) = &manifest {
        let r = &mut Reader { file: doc.name, report };
        bases = r.map(&doc.root, "the file").map(|root| bases::manifest(r, root)).unwrap_or_default();
    }
    let packed = !bases.is_empty();

    let mut build = Build::default();
    if let Some(doc) = &charmcraft {
        let r = &mut Reader { file: doc.name, report };
        let root = r.map(&doc.root, "the file").unwrap_or(&empty);
        check_charmcraft(r, root, files);
        let run_bases = bases::charmcraft(r, root);
        if !packed {
            bases = run_bases;
        }
        build = Build {
            parts: parts::parts(r, root),
            charm_libs: parts::charm_libs(r, root),
            extensions: parts::extensions(r, root),
        };
    }

    // A broken metadata.yaml has been reported; charmcraft.yaml does not stand in for it.
    let source = if files.metadata.is_some() { &metadata } else { &charmcraft };
    let mut meta = source.as_ref().and_then(|doc| {
        let r = &mut Reader { file: doc.name, report };
        let root = match r.map(&doc.root, "the file") {
            Some(root) => root,
            None if doc.root.is_null() => &empty,
            None => return None,
        };
        if files.metadata.is_some() {
            r.near_misses(root, metadata::KEYS, "the metadata");
        }
        if files.metadata.is_some() {
            return metadata::read(r, root, doc.root.span, packed);
        }
        let keys: Vec<&str> = metadata::SHARED_KEYS.iter().chain(&["title"]).copied().collect();
        metadata::read(r, &root.only(&keys), doc.root.span, packed)
    });
    let charm = meta.as_ref().map(|m| m.name.clone()).unwrap_or_default();

    let section =
        |key: &str| charmcraft.as_ref().and_then(|doc| Some((doc.name, doc.root.as_map()?.get(key)?)));
    let options = match &config {
        Some(doc) => config::read_file(&mut Reader { file: doc.name, report }, &doc.root),
        None => section("config")
            .and_then(|(name, node)| {
                let r = &mut Reader { file: name, report };
                let map = r.map(node, "`config`")?;
                Some(config::read(r, map))
            })
            .unwrap_or_default(),
    };
    let specs = match &actions {
        Some(doc) => actions::read(&mut Reader { file: doc.name, report }, &doc.root, &charm),
        None => section("actions")
            .map(|(name, node)| actions::read(&mut Reader { file: name, report }, node, &charm))
            .unwrap_or_default(),
    };
    if let Some(meta) = &mut meta {
        meta.config = options;
        meta.actions = specs;
        meta.bases = bases;
    }
    let Build { parts, charm_libs, extensions } = build;
    meta.map(|meta| Parsed { meta, parts, charm_libs, extensions, warnings: Vec::new() })
}

#[derive(Default)]
struct Build {
    parts: Vec<Part>,
    charm_libs: Vec<CharmLib>,
    extensions: Vec<String>,
}

/// What is wrong with `charmcraft.yaml` as a whole, and against the files beside it.
fn check_charmcraft(r: &mut Reader<'_>, root: &Map, files: &CharmFiles) {
    let known: Vec<&str> = CHARMCRAFT_KEYS.iter().chain(metadata::SHARED_KEYS).copied().collect();
    r.near_misses(root, &known, "charmcraft.yaml");
    if let Some(node) = root.get("type").filter(|n| !n.is_null()) {
        r.choice(node, "`type`", &[("charm", ())]);
    }
    for (key, file) in [("config", &files.config), ("actions", &files.actions)] {
        if let (Some(entry), Some(file)) = (root.entry(key), file) {
            let message = format!("`{key}` is given here and in {} as well", file.name);
            r.error(entry.key_span, message, "keep one of the two");
        }
    }
    for entry in root.iter().filter(|e| metadata::KEYS.contains(&&*e.key) && !known.contains(&&*e.key)) {
        let message = format!("`{}` is a key of metadata.yaml and is ignored here", entry.key);
        r.warning(entry.key_span, message, "charmcraft.yaml does not have it");
    }
    if let Some(file) = &files.metadata {
        for entry in root.iter().filter(|e| metadata::SHARED_KEYS.contains(&&*e.key)) {
            let message = format!("`{}` is ignored here, because there is a {}", entry.key, file.name);
            r.warning(entry.key_span, message, "keep the metadata in one file");
        }
    }
    if let Some(entry) = root.entry("extensions").filter(|e| !e.value.is_null()) {
        let message = "extensions are not expanded: what they would add to the charm is missing";
        r.warning(entry.key_span, message, "write out what `charmcraft expand-extensions` shows");
    }
}
