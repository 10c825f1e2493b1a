//! `actions APP`.

use std::collections::BTreeMap;

use periapt_model::model::Model;
use periapt_model::names::{ActionName, AppName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ActionView {
    /// What it does: what `actions` shows.
    pub description: String,
    /// Its parameters as JSON Schema, draft 4: what `actions --schema` shows.
    pub schema: Value,
    /// Whether it may run beside hooks and other actions of its machine.
    pub parallel: bool,
}

/// By name.
pub type ActionList = BTreeMap<ActionName, ActionView>;

/// The actions of an application's charm, or None when the application is not there.
pub fn actions(model: &Model, app: &AppName) -> Option<ActionList> {
    let charm = model.charm_of(app)?;
    let shown = charm.meta.actions.iter().map(|(name, spec)| {
        let view = ActionView {
            description: spec.description.clone(),
            schema: spec.params_schema.clone(),
            parallel: spec.parallel,
        };
        (name.clone(), view)
    });
    Some(shown.collect())
}
