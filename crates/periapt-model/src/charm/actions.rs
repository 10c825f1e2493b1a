//! A charm's actions: their parameters as JSON Schema (draft 4), and checking what operators pass to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value, json};

use super::metadata::is_reserved;
use super::read::Reader;
use super::schema::{self, dotted, unescape};
use crate::names::ActionName;
use crate::yaml::{Entry, Kind, Map, Node, Table, legacy_bool};

/// One action of `actions.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// What it does.
    pub description: String,
    /// The title for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Whether it may run at the same time as other actions of the machine.
    #[serde(default)]
    pub parallel: bool,
    /// Actions of the same group never run at the same time on one machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub execution_group: String,
    /// The schema of the parameters, an object of JSON Schema draft 4. Unless it says otherwise, parameters that it does
    /// not name are allowed, as in Juju 3.
    pub params_schema: Value,
}

impl ActionSpec {
    /// Checks `params` and inserts the defaults of the schema, in Juju's order: a required parameter must be given even
    /// if it has a default.
    ///
    /// # Errors
    /// One message for each mistake, with the path of the wrong parameter in front.
    pub fn validate(&self, params: &Value) -> Result<Value, Vec<String>> {
        schema::check(&self.params_schema, params)?;
        let mut params = params.clone();
        insert_defaults(&self.params_schema, &mut params);
        Ok(params)
    }
}

/// Adds the defaults of the properties that are not there; an object that is not there is made if one of its own
/// properties has a default.
fn insert_defaults(schema: &Value, target: &mut Value) {
    let (Some(properties), Some(target)) =
        (schema.get("properties").and_then(Value::as_object), target.as_object_mut())
    else {
        return;
    };
    for (name, property) in properties {
        if let Some(present) = target.get_mut(name) {
            insert_defaults(property, present);
        } else if let Some(default) = property.get("default") {
            target.insert(name.clone(), default.clone());
        } else {
            let mut nested = Value::Object(JsonMap::new());
            insert_defaults(property, &mut nested);
            if nested.as_object().is_some_and(|n| !n.is_empty()) {
                target.insert(name.clone(), nested);
            }
        }
    }
}

const KEYS: [&str; 7] =
    ["description", "title", "parallel", "execution-group", "params", "required", "additionalProperties"];

/// The keywords of draft 4 whose value may be a boolean.
const BOOLEAN_KEYWORDS: [&str; 5] =
    ["additionalProperties", "additionalItems", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];

/// Reads the mapping of actions: all of `actions.yaml`, or `actions` of `charmcraft.yaml`.
pub(super) fn read(r: &mut Reader<'_>, node: &Node, charm: &str) -> BTreeMap<ActionName, ActionSpec> {
    r.named(node, "the file of actions", |r, name: &ActionName, entry| {
        if is_reserved(charm, name.as_str()) {
            let message = format!("the action name {name:?} is reserved for Juju");
            r.error(entry.key_span, message, "use a name without `juju-`");
            return None;
        }
        action(r, name, entry)
    })
}

fn action(r: &mut Reader<'_>, name: &ActionName, entry: &Entry) -> Option<ActionSpec> {
    let what = format!("action {name:?}");
    let empty = Map::default();
    let fields = match r.map(&entry.value, &what) {
        Some(fields) => fields,
        None if entry.value.is_null() => &empty,
        None => return None,
    };
    r.near_misses(fields, &KEYS, &what);
    let mut text = |key: &str| {
        let node = fields.get(key)?;
        r.any_text(node, &format!("`{key}` of {what}"))
    };
    let description = text("description").unwrap_or_else(|| "No description".to_owned());
    let title = text("title").unwrap_or_default();
    let execution_group = text("execution-group").unwrap_or_default();
    let parallel = fields.get("parallel").filter(|n| !n.is_null());
    let parallel = parallel.and_then(|n| r.boolean(n, &format!("`parallel` of {what}"))).unwrap_or(false);
    let mut schema = JsonMap::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("title".to_owned(), json!(name.as_str()));
    schema.insert("description".to_owned(), json!(description));
    schema.insert("properties".to_owned(), Value::Object(properties(r, fields, &what)));
    for other in fields.iter() {
        match &*other.key {
            "description" | "title" | "parallel" | "execution-group" | "params" | "properties" | "type" => {}
            "required" => {
                let required = r.texts(&other.value, &format!("`required` of {what}"));
                // Draft 4 has no empty list of required properties.
                if !required.is_empty() {
                    schema.insert("required".to_owned(), json!(required));
                }
            }
            key => {
                forbidden_key(r, other);
                let value = if BOOLEAN_KEYWORDS.contains(&key) && is_boolean(&other.value) {
                    as_boolean(&other.value)
                } else {
                    schema_json(r, &other.value)
                };
                schema.insert(key.to_owned(), value);
            }
        }
    }
    required_but_missing(r, fields, &what);
    let params_schema = Value::Object(schema);
    check_schema(r, &params_schema, fields, entry, &what);
    Some(ActionSpec { description, title, parallel, execution_group, params_schema })
}

/// Warns of parameters that must be given and are described nowhere: most likely a slip.
fn required_but_missing(r: &mut Reader<'_>, fields: &Map, what: &str) {
    let Some(Kind::Seq(items)) = fields.get("required").map(|node| &node.kind) else { return };
    let params = fields.get("params").and_then(Node::as_map);
    for (item, name) in items.iter().filter_map(|item| Some((item, item.as_scalar()?))) {
        if params.is_none_or(|params| params.get(&name.text).is_none()) {
            let message = format!("{what} requires {:?}, which is not among its `params`", name.text);
            r.warning(item.span, message, "describe it below `params`, or do not require it");
        }
    }
}

fn properties(r: &mut Reader<'_>, fields: &Map, what: &str) -> JsonMap<String, Value> {
    let mut properties = JsonMap::new();
    let params = fields.get("params").and_then(|n| r.map(n, &format!("`params` of {what}")));
    for param in params.into_iter().flat_map(Map::iter) {
        forbidden_key(r, param);
        if param.value.is_null() {
            let message = format!("parameter {:?} of {what} says nothing about itself", param.key);
            r.warning(param.key_span, message, "give it a `type`");
            properties.insert(param.key.as_ref().to_owned(), json!({}));
        } else if r.map(&param.value, &format!("parameter {:?} of {what}", param.key)).is_some() {
            let schema = schema_json(r, &param.value);
            properties.insert(param.key.as_ref().to_owned(), schema);
        }
    }
    properties
}

/// Juju refuses references: a schema must stand alone.
fn forbidden_key(r: &mut Reader<'_>, entry: &Entry) {
    if matches!(&*entry.key, "$ref" | "$schema") {
        let message = format!("the schema key `{}` cannot be used in an action", entry.key);
        r.error(entry.key_span, message, "write the schema out in full");
    }
}

/// A schema as JSON. Its values are typed as the schema itself declares them: `default: no` of a boolean is false.
fn schema_json(r: &mut Reader<'_>, node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.to_json(Table::Goyaml),
        Kind::Seq(items) => Value::Array(items.iter().map(|i| schema_json(r, i)).collect()),
        Kind::Map(map) => {
            let declared = map.get("type").and_then(Node::as_scalar).map(|s| s.text.clone());
            let boolean = declared.as_deref() == Some("boolean");
            let mut out = JsonMap::new();
            for entry in map.iter() {
                forbidden_key(r, entry);
                let value = match &*entry.key {
                    "default" if boolean => as_boolean(&entry.value),
                    "enum" if boolean && entry.value.as_seq().is_some() => Value::Array(
                        entry.value.as_seq().unwrap_or_default().iter().map(as_boolean).collect(),
                    ),
                    "default" | "enum" => entry.value.to_json(Table::Goyaml),
                    key if BOOLEAN_KEYWORDS.contains(&key) && is_boolean(&entry.value) => {
                        as_boolean(&entry.value)
                    }
                    // The way of draft 3, which many charms still have and draft 4 does not.
                    "required" if is_boolean(&entry.value) => {
                        let message =
                            "`required` must be a list of names beside `params`, not a boolean here";
                        r.warning(
                            entry.key_span,
                            message,
                            "it is ignored: move the name to `required: […]` of the action",
                        );
                        continue;
                    }
                    _ => schema_json(r, &entry.value),
                };
                out.insert(entry.key.as_ref().to_owned(), value);
            }
            Value::Object(out)
        }
    }
}

fn is_boolean(node: &Node) -> bool {
    node.as_scalar().is_some_and(|s| s.plain && legacy_bool(&s.text).is_some())
}

fn as_boolean(node: &Node) -> Value {
    let word = node.as_scalar().filter(|s| s.plain).and_then(|s| legacy_bool(&s.text));
    word.map_or_else(|| node.to_json(Table::Goyaml), Value::Bool)
}

/// Reports what the schema's own rules, or its patterns, refuse; at the place in the file that is meant.
fn check_schema(r: &mut Reader<'_>, schema: &Value, fields: &Map, entry: &Entry, what: &str) {
    if has_reference(schema) {
        // Reported already, and nothing sensible can be said of what it refers to.
        return;
    }
    for (pointer, problem) in schema::mistakes(schema) {
        let at = locate(fields, &pointer).unwrap_or(entry.key_span);
        let path = dotted(&pointer);
        let path = path.strip_prefix("properties.").unwrap_or(&path);
        let message = if path.is_empty() {
            format!("{what} has an invalid schema: {problem}")
        } else {
            format!("{what} has an invalid schema: `{path}`: {problem}")
        };
        r.error(at, message, "parameters are described in JSON Schema, draft 4");
    }
}

pub(super) fn has_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(has_reference),
        Value::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

/// The node that a pointer into the schema means; `properties` of the schema is `params` of the file.
fn locate(fields: &Map, pointer: &str) -> Option<crate::yaml::Span> {
    let mut segments = pointer.split('/').skip(1).map(unescape);
    let first = segments.next()?;
    let mut node = fields.get(if first == "properties" { "params" } else { &first })?;
    for segment in segments {
        let next = match &node.kind {
            Kind::Map(map) => map.get(&segment),
            Kind::Seq(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
            Kind::Scalar(_) => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(node.span)
}
