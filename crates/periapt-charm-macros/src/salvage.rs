//! What can still be said of a charm whose files have mistakes in them.
//!
//! The mistakes are reported; but if nothing were made of the rest, each use of an endpoint or option would be reported as
//! well, and the one message that matters would drown.

use periapt_model::charm::CharmMeta;
use periapt_model::yaml::{self, Entry, Map, Node, Table};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::files::{Files, Source};

/// The names in the files, with what is right about them; what is wrong is left out or taken for the simplest.
pub(crate) fn salvage(files: &Files) -> CharmMeta {
    let root = |source: &Option<Source>| source.as_ref().and_then(|s| yaml::parse(&s.text).ok());
    let (charmcraft, config, actions) = (root(&files.charmcraft), root(&files.config), root(&files.actions));
    let metadata = root(&files.metadata).or_else(|| charmcraft.clone());
    let mut meta = empty();
    let section = |key: &str| metadata.as_ref().and_then(|root| map(root, key));
    for (key, role) in [("provides", "provider"), ("requires", "requirer"), ("peers", "peer")] {
        each(section(key), |name, node| {
            let interface = node.as_scalar().or_else(|| node.as_map()?.get("interface")?.as_scalar());
            let interface = interface.map(|s| s.text.clone()).unwrap_or_default();
            insert(&mut meta.endpoints, name, json!({"role": role, "interface": interface}));
        });
    }
    each(section("containers"), |name, _| insert(&mut meta.containers, name, json!({})));
    each(section("storage"), |name, _| {
        insert(&mut meta.storages, name, json!({"type": "filesystem", "count_min": 0, "count_max": null}));
    });
    each(section("resources"), |name, _| insert(&mut meta.resources, name, json!({"type": "oci-image"})));
    let options = match &config {
        Some(root) => map(root, "options"),
        None => charmcraft.as_ref().and_then(|root| map(map_node(root, "config")?, "options")),
    };
    each(options, |name, node| {
        let option = node.to_json(Table::Goyaml);
        let kind = option.get("type").cloned().unwrap_or_default();
        let plain = json!({"type": kind, "default": option.get("default")});
        insert(&mut meta.config, name, plain);
        if !meta.config.contains_key(name) {
            insert(&mut meta.config, name, json!({"type": "string"}));
        }
    });
    let specs = match &actions {
        Some(root) => root.as_map(),
        None => charmcraft.as_ref().and_then(|root| map(root, "actions")),
    };
    each(specs, |name, node| {
        let spec = node.to_json(Table::Goyaml);
        let get = |key: &str| spec.get(key).cloned().unwrap_or_else(|| json!({}));
        let schema = json!({"type": "object", "properties": get("params"), "required": get("required")});
        insert(&mut meta.actions, name, json!({"description": "", "params_schema": schema}));
    });
    meta
}

fn empty() -> CharmMeta {
    let bare = json!({"name": "", "summary": "", "description": "", "format": "v2"});
    serde_json::from_value(bare).unwrap_or_else(|error| unreachable!("the least metadata: {error}"))
}

fn map_node<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.as_map()?.get(key)
}

fn map<'a>(node: &'a Node, key: &str) -> Option<&'a Map> {
    map_node(node, key)?.as_map()
}

fn each(map: Option<&Map>, mut use_entry: impl FnMut(&str, &Node)) {
    for Entry { key, value, .. } in map.into_iter().flat_map(Map::iter) {
        use_entry(key, value);
    }
}

/// Adds an entry if it is one.
fn insert<K: DeserializeOwned + Ord, V: DeserializeOwned>(
    all: &mut std::collections::BTreeMap<K, V>,
    name: &str,
    value: Value,
) {
    if let (Ok(key), Ok(value)) = (serde_json::from_value(Value::from(name)), serde_json::from_value(value)) {
        all.insert(key, value);
    }
}
