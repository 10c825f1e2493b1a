//! YAML as charms write it: read into a tree that knows where everything stands, and written as Juju writes it.
//!
//! Charms are read by two programs that disagree about plain scalars: Juju (goyaml) and the charm itself (PyYAML).
//! So [`parse`] keeps every scalar as text, and the type is decided where it is used: by the type that was declared
//! for it (a config option of type `boolean` takes `no`), and where nothing was declared by one of two [`Table`]s.

mod load;
mod node;
mod scalar;
mod write;

pub use load::{YamlError, parse};
pub use node::{Entry, Kind, Map, Node, Span};
pub use scalar::{Resolved, Scalar, Table, legacy_bool};
pub use write::to_string;

/// Reads `text` and converts it to JSON by `table`.
///
/// # Errors
/// What [`parse`] refuses.
pub fn to_json(text: &str, table: Table) -> Result<serde_json::Value, YamlError> {
    Ok(parse(text)?.to_json(table))
}
