//! Relations and their databags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Link;
use crate::charm::{Role, Scope};
use crate::names::{AppName, EndpointName, RelationId};
use crate::status::Life;

/// A databag: texts by key. An empty value does not exist.
pub type Databag = BTreeMap<String, String>;

/// One side of a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationEnd {
    /// The application.
    pub app: AppName,
    /// Its endpoint.
    pub endpoint: EndpointName,
    /// Its role.
    pub role: Role,
    /// The interface both sides speak.
    pub interface: String,
    /// Global or container.
    pub scope: Scope,
}

impl RelationEnd {
    /// Whether this is the `juju-info` endpoint that every application has without its charm knowing.
    pub fn is_implicit(&self) -> bool {
        self.role == Role::Provider && self.endpoint.as_str() == "juju-info" && self.interface == "juju-info"
    }
}

/// A relation: one end for a peer relation, else provider and requirer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its number.
    pub id: RelationId,
    /// Its ends; the provider first.
    pub ends: Vec<RelationEnd>,
    /// Whether it is going away.
    pub life: Life,
    /// Suspended relations look empty to both sides.
    #[serde(default)]
    pub suspended: bool,
    /// Why, as the operator who suspended it said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suspended_reason: String,
    /// The networks that the units' traffic comes from (`integrate --via`); none: each unit's own address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
    /// The other half, where it is in another model and known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

impl Relation {
    /// A new relation within one model.
    #[must_use]
    pub fn new(id: RelationId, ends: Vec<RelationEnd>) -> Self {
        let (suspended, suspended_reason) = (false, String::new());
        Self { id, ends, life: Life::Alive, suspended, suspended_reason, via: Vec::new(), link: None }
    }

    /// Whether it has one end.
    pub fn is_peer(&self) -> bool {
        self.ends.len() == 1
    }

    /// Whether its units see only those of their own container: a principal its subordinates, and they each other. Peers see
    /// each other everywhere.
    pub fn is_container(&self) -> bool {
        !self.is_peer() && self.ends.iter().any(|end| end.scope == Scope::Container)
    }

    /// The end of `app`. An application related to itself is found at its first end.
    pub fn end_of(&self, app: &AppName) -> Option<&RelationEnd> {
        self.ends.iter().find(|end| &end.app == app)
    }

    /// The end on the other side of `app`: its own for a peer relation.
    pub fn other_end(&self, app: &AppName) -> Option<&RelationEnd> {
        match self.ends.as_slice() {
            [only] => (&only.app == app).then_some(only),
            [a, b] if &a.app == app => Some(b),
            [a, b] if &b.app == app => Some(a),
            _ => None,
        }
    }

    /// Juju's relation key, the requirer first: `web:db server:sql`; one end for a peer.
    pub fn key(&self) -> String {
        let ends: Vec<String> = self.ends.iter().rev().map(|e| format!("{}:{}", e.app, e.endpoint)).collect();
        ends.join(" ")
    }
}

/// One unit in a relation: whether it is in scope, and its databag. Kept, readable, when the unit has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Member {
    /// In scope: the other side sees it.
    pub in_scope: bool,
    /// Its databag.
    pub settings: Databag,
    /// Counts the databag's changes.
    pub version: u64,
}

/// An application's databag in a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct AppBag {
    /// Its content.
    pub settings: Databag,
    /// Counts its changes; 0 if never written.
    pub version: u64,
}
