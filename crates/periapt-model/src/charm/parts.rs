//! How a charm is built from its source folder: `parts`, `charm-libs` and `extensions` of `charmcraft.yaml`.

use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value};

use super::read::Reader;
use crate::yaml::{Map, Node, Table};

/// One part of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Which plugin builds it. A part without one is built by the plugin that has its name.
    pub plugin: String,
    /// The folder, archive or address of its source; relative to the charm's source folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// All other keys, those of the plugin too: `build-packages`, `prime`, `charm-requirements`, `override-build`, …
    /// Keys known to hold text, a list of texts or a boolean hold just that; a list may have conditional items beside.
    #[serde(default)]
    pub properties: JsonMap<String, Value>,
}

impl Part {
    /// The texts of a list, such as `charm-python-packages`; none if the key is not there.
    pub fn texts(&self, key: &str) -> Vec<&str> {
        let items = self.properties.get(key).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The text of a key, such as `charm-entrypoint` or `override-build`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key)?.as_str()
    }

    /// The boolean of a key, such as `charm-strict-dependencies`; false if it is not there.
    pub fn flag(&self, key: &str) -> bool {
        self.properties.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The pairs of a mapping to texts, such as `organize`.
    pub fn pairs(&self, key: &str) -> Vec<(&str, &str)> {
        let map = self.properties.get(key).and_then(Value::as_object);
        map.into_iter().flatten().filter_map(|(from, to)| Some((from.as_str(), to.as_str()?))).collect()
    }
}

/// A charm library that a build fetches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharmLib {
    /// The charm that it comes from and its own name: `traefik_k8s.ingress`.
    pub lib: String,
    /// Its version: `MAJOR` or `MAJOR.MINOR`.
    #[serde(default)]
    pub version: String,
}

const TEXT_LISTS: [&str; 20] = [
    "after",
    "build-packages",
    "build-snaps",
    "stage-packages",
    "stage-snaps",
    "prime",
    "stage",
    "charm-requirements",
    "charm-python-packages",
    "charm-binary-python-packages",
    "python-requirements",
    "python-constraints",
    "python-packages",
    "uv-extras",
    "uv-groups",
    "poetry-with",
    "poetry-pip-extra-args",
    "poetry-export-extra-args",
    "reactive-charm-build-arguments",
    "build-attributes",
];

const FLAGS: [&str; 3] = ["charm-strict-dependencies", "poetry-keep-bins", "uv-keep-bins"];

const TEXTS: [&str; 9] = [
    "charm-entrypoint",
    "override-pull",
    "override-build",
    "override-stage",
    "override-prime",
    "source-type",
    "source-branch",
    "source-tag",
    "source-subdir",
];

/// Reads `parts`.
pub(super) fn parts(r: &mut Reader<'_>, root: &Map) -> Vec<Part> {
    let mut all = Vec::new();
    for entry in root.get("parts").and_then(|n| r.map(n, "`parts`")).into_iter().flat_map(Map::iter) {
        let what = format!("part {:?}", entry.key);
        let empty = Map::default();
        let fields = match r.map(&entry.value, &what) {
            Some(fields) => fields,
            None if entry.value.is_null() => &empty,
            None => continue,
        };
        let mut part = Part {
            name: entry.key.as_ref().to_owned(),
            plugin: entry.key.as_ref().to_owned(),
            source: None,
            properties: JsonMap::new(),
        };
        for field in fields.iter() {
            let of = format!("`{}` of {what}", field.key);
            match &*field.key {
                "plugin" => {
                    if let Some(plugin) = r.text(&field.value, &of) {
                        part.plugin = plugin;
                    }
                }
                "source" => part.source = r.any_text(&field.value, &of),
                key => {
                    if let Some(value) = property(r, key, &field.value, &of) {
                        part.properties.insert(key.to_owned(), value);
                    }
                }
            }
        }
        all.push(part);
    }
    all
}

fn property(r: &mut Reader<'_>, key: &str, node: &Node, of: &str) -> Option<Value> {
    if FLAGS.contains(&key) {
        r.boolean(node, of).map(Value::Bool)
    } else if TEXT_LISTS.contains(&key) && !has_conditions(node) {
        Some(r.texts(node, of).into())
    } else if TEXTS.contains(&key) {
        r.any_text(node, of).map(Value::String)
    } else {
        Some(node.to_json(Table::PyYaml))
    }
}

/// Whether a list has items for some architectures only, such as `- to arm64: [gcc]`, which charmcraft's grammar allows.
fn has_conditions(node: &Node) -> bool {
    node.as_seq().is_some_and(|items| items.iter().any(|item| item.as_map().is_some()))
}

/// Reads `charm-libs`.
pub(super) fn charm_libs(r: &mut Reader<'_>, root: &Map) -> Vec<CharmLib> {
    let Some(node) = root.get("charm-libs") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for item in r.list(node, "`charm-libs`") {
        let fields = item.as_map();
        let Some((fields, lib)) = fields.and_then(|f| Some((f, f.get("lib")?))) else {
            r.error(
                item.span,
                "an item of `charm-libs` has no `lib`",
                "write `lib: CHARM.LIBRARY` and `version: \"0\"`",
            );
            continue;
        };
        let version = fields.get("version").and_then(|n| r.any_text(n, "the version of a library"));
        if let Some(lib) = r.text(lib, "`lib`") {
            all.push(CharmLib { lib, version: version.unwrap_or_default() });
        }
    }
    all
}

/// Reads `extensions`.
pub(super) fn extensions(r: &mut Reader<'_>, root: &Map) -> Vec<String> {
    root.get("extensions").map(|n| r.texts(n, "`extensions`")).unwrap_or_default()
}
