//! `payloads`: what charms told of with `payload-register`.

use std::sync::Arc;

use periapt_model::entity::{Payload, PayloadKey, PayloadStatus, Unit};
use periapt_model::model::Model;
use periapt_model::names::UnitName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One payload, in the shape of Juju 3.6's `payloads --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayloadView {
    /// Whose.
    #[schema(value_type = String)]
    pub unit: UnitName,
    /// The number of the unit's machine.
    pub machine: String,
    /// Chosen by the charm.
    pub id: String,
    /// What its class is, such as `docker`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One of the classes that the charm declares.
    #[serde(rename = "payload-class")]
    pub class: String,
    /// Words for people.
    #[serde(default, rename = "tags", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// `starting`, `started`, `stopping` or `stopped`.
    #[schema(value_type = String)]
    pub status: PayloadStatus,
}

/// All of a model's, by unit.
#[must_use]
pub fn payloads(model: &Model) -> Vec<PayloadView> {
    let of_unit = |unit: &Arc<Unit>| {
        let (name, machine) = (unit.name.clone(), unit.machine.to_string());
        let view = |(key, payload): (&PayloadKey, &Payload)| PayloadView {
            unit: name.clone(),
            machine: machine.clone(),
            id: key.id.clone(),
            kind: payload.kind.clone(),
            class: key.class.clone(),
            labels: payload.labels.clone(),
            status: payload.status,
        };
        unit.payloads.iter().map(view).collect::<Vec<_>>()
    };
    model.units.values().flat_map(of_unit).collect()
}
