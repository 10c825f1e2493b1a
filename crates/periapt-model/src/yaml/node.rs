//! The tree of a YAML document, with the place of every node.

use std::sync::Arc;

use super::scalar::{Resolved, Scalar, Table};

/// Where a node stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The length in characters, if the node begins and ends on one line.
    pub length: Option<u32>,
}

/// One node of a document, its aliases and merge keys already resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands. For an alias: where the alias stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// The three kinds of node.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text, not yet given a type.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A mapping, in the order of the file. Keys are unique.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    pub(super) entries: Vec<Entry>,
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text. Keys that are not text (`1:`, `true:`) are kept as they are written.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// What it maps to.
    pub value: Node,
}

impl Map {
    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| &*e.key == key)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// All entries, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// A copy with only the entries whose key is among `keys`.
    #[must_use]
    pub fn only(&self, keys: &[&str]) -> Self {
        let kept = self.iter().filter(|e| keys.contains(&&*e.key)).cloned();
        Self { entries: kept.collect() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Node {
    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is nothing: `~`, `null` or an empty value.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|s| s.resolve(Table::Goyaml) == Resolved::Null)
    }

    /// What it is, in words for a message: `a list`, `the number 5`, `"text"`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Map(_) => "a mapping".to_owned(),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Scalar(scalar) => {
                let shown: String = scalar.text.chars().take(60).collect();
                match scalar.resolve(Table::Goyaml) {
                    Resolved::Null => "nothing".to_owned(),
                    Resolved::Bool(value) => format!("the boolean {value}"),
                    Resolved::Int(_) | Resolved::Uint(_) | Resolved::Float(_) => {
                        format!("the number {shown}")
                    }
                    Resolved::Text => format!("{shown:?}"),
                }
            }
        }
    }

    /// The value as JSON, untyped scalars read by `table`.
    ///
    /// JSON has no infinity and no NaN: those stay the text they were.
    pub fn to_json(&self, table: Table) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Scalar(scalar) => scalar.to_json(table),
            Kind::Seq(items) => Value::Array(items.iter().map(|i| i.to_json(table)).collect()),
            Kind::Map(map) => Value::Object(
                map.iter().map(|e| (e.key.as_ref().to_owned(), e.value.to_json(table))).collect(),
            ),
        }
    }
}
