//! What a packer writes from a source folder: the files that a charm reads when it runs.

use serde_json::{Map as JsonMap, Value, json};

use super::meta::{Base, CharmMeta};
use super::metadata::SHARED_KEYS;
use super::{CharmFiles, Diagnostic, SourceText, parse};
use crate::yaml::{self, Kind, Map, Node, Table};

/// The files of a packed charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// `metadata.yaml`
    pub metadata: String,
    /// `config.yaml`, if the charm has options.
    pub config: Option<String>,
    /// `actions.yaml`, if the charm has actions.
    pub actions: Option<String>,
    /// `manifest.yaml`
    pub manifest: String,
}

/// Writes the packed files of a charm. Files that are there already are taken as they are; the others are made from
/// `charmcraft.yaml`, and `manifest.yaml` from `bases`.
///
/// Parsing the result gives the same [`CharmMeta`] as parsing `files`, but for its bases.
///
/// # Errors
/// What [`parse`] refuses.
pub fn split(files: &CharmFiles, bases: &[Base]) -> Result<Packed, Vec<Diagnostic>> {
    let parsed = parse(files)?;
    let verbatim = |file: &Option<SourceText>| file.as_ref().map(|f| f.text.clone());
    let root = files.charmcraft.as_ref().and_then(|file| yaml::parse(&file.text).ok());
    let root = root.as_ref().and_then(Node::as_map);
    let metadata = verbatim(&files.metadata)
        .unwrap_or_else(|| yaml::to_string(&metadata(&parsed.meta, root.unwrap_or(&Map::default()))));
    let config = verbatim(&files.config)
        .or_else(|| (!parsed.meta.config.is_empty()).then(|| yaml::to_string(&config(&parsed.meta))));
    let actions = verbatim(&files.actions)
        .or_else(|| (!parsed.meta.actions.is_empty()).then(|| yaml::to_string(&actions(&parsed.meta))));
    let manifest = verbatim(&files.manifest).unwrap_or_else(|| yaml::to_string(&manifest(bases)));
    Ok(Packed { metadata, config, actions, manifest })
}

/// Fields of metadata that are whole numbers.
const NUMBERS: [&str; 5] = ["limit", "uid", "gid", "countmin", "countmax"];
/// Fields of metadata that are booleans.
const BOOLEANS: [&str; 3] = ["optional", "shared", "read-only"];
/// Fields of metadata that are text, or lists of text.
const TEXTS: [&str; 15] = [
    "type",
    "description",
    "interface",
    "scope",
    "range",
    "minimum-size",
    "location",
    "properties",
    "filename",
    "upstream-source",
    "resource",
    "storage",
    "any-of",
    "all-of",
    "mounts",
];

/// A section of metadata as JSON, each scalar typed by what its field holds, so that Python and Go then read the same.
/// Fields that are not known are read as a packer would, which is a Python program.
fn typed(node: &Node, field: Option<&str>, depth: usize) -> Value {
    match &node.kind {
        Kind::Seq(items) => items.iter().map(|item| typed(item, field, depth + 1)).collect(),
        Kind::Map(map) => {
            // The keys of the first level are names, not fields.
            let child = |e: &yaml::Entry| typed(&e.value, (depth > 0).then_some(&*e.key), depth + 1);
            map.iter().map(|e| (e.key.as_ref().to_owned(), child(e))).collect::<JsonMap<_, _>>().into()
        }
        Kind::Scalar(_) if node.is_null() => Value::Null,
        Kind::Scalar(scalar) => match field {
            Some(field) if NUMBERS.contains(&field) => scalar.to_json(Table::Goyaml),
            Some(field) if BOOLEANS.contains(&field) => {
                yaml::legacy_bool(&scalar.text).map_or_else(|| scalar.to_json(Table::PyYaml), Value::Bool)
            }
            Some(field) if !TEXTS.contains(&field) => scalar.to_json(Table::PyYaml),
            _ => json!(&*scalar.text),
        },
    }
}

/// The keys that both files share, and the others under their names in `metadata.yaml`.
fn metadata(meta: &CharmMeta, root: &Map) -> Value {
    let mut out = JsonMap::new();
    for key in SHARED_KEYS.iter().filter(|key| **key != "links") {
        let Some(node) = root.get(key) else {
            continue;
        };
        let value = match *key {
            "name" => json!(meta.name),
            "summary" => json!(meta.summary),
            "description" => json!(meta.description),
            "subordinate" => json!(meta.subordinate),
            _ => typed(node, None, 0),
        };
        out.insert((*key).to_owned(), value);
    }
    if let Some(title) = &meta.display_name {
        out.insert("display-name".to_owned(), json!(title));
    }
    let links = &meta.links;
    for (key, texts) in [
        ("maintainers", &links.maintainers),
        ("website", &links.website),
        ("source", &links.source),
        ("issues", &links.issues),
    ] {
        if !texts.is_empty() {
            out.insert(key.to_owned(), json!(texts));
        }
    }
    if let Some(docs) = &links.docs {
        out.insert("docs".to_owned(), json!(docs));
    }
    Value::Object(out)
}

fn config(meta: &CharmMeta) -> Value {
    let option = |option: &super::ConfigOption| {
        let mut fields = JsonMap::new();
        fields.insert("type".to_owned(), json!(option.kind));
        if !option.description.is_empty() {
            fields.insert("description".to_owned(), json!(option.description));
        }
        if let Some(default) = &option.default {
            fields.insert("default".to_owned(), default.to_json());
        }
        Value::Object(fields)
    };
    let options: JsonMap<String, Value> =
        meta.config.iter().map(|(name, o)| (name.clone(), option(o))).collect();
    json!({ "options": options })
}

fn actions(meta: &CharmMeta) -> Value {
    let action = |spec: &super::ActionSpec| {
        let mut fields = JsonMap::new();
        fields.insert("description".to_owned(), json!(spec.description));
        if !spec.title.is_empty() {
            fields.insert("title".to_owned(), json!(spec.title));
        }
        if spec.parallel {
            fields.insert("parallel".to_owned(), json!(true));
        }
        if !spec.execution_group.is_empty() {
            fields.insert("execution-group".to_owned(), json!(spec.execution_group));
        }
        for (key, value) in spec.params_schema.as_object().into_iter().flatten() {
            match key.as_str() {
                "type" | "title" | "description" => {}
                "properties" if value.as_object().is_some_and(JsonMap::is_empty) => {}
                "properties" => drop(fields.insert("params".to_owned(), value.clone())),
                _ => drop(fields.insert(key.clone(), value.clone())),
            }
        }
        Value::Object(fields)
    };
    Value::Object(meta.actions.iter().map(|(name, spec)| (name.to_string(), action(spec))).collect())
}

fn manifest(bases: &[Base]) -> Value {
    json!({ "bases": bases })
}
