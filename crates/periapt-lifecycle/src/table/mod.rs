//! The lifecycle table: which event comes before which (reference 2.1), and where each may occur (2.2), as data.
//!
//! The [`checker`](crate::checker) names these edges, the [`graph`](crate::graph) draws them, and
//! `docs/semantics/lifecycle.md` explains the decisions behind those on which the sources disagree.

mod edges;
mod kinds;
mod places;

pub use edges::{EDGES, Edge, Enforcement, Node, Strength, Subject, edge};
pub use kinds::EventKind;
pub use places::{PLACES, Phase, Place, Presence, place};
