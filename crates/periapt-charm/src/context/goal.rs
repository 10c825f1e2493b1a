//! What the unit's surroundings are going to be.

use std::collections::BTreeMap;

use periapt_model::names::{AppName, UnitName};
use periapt_model::time::Timestamp;
use serde::Deserialize;

use super::Context;
use crate::databag::Interface;
use crate::error::Error;
use crate::handle::Endpoint;

/// How one unit or application is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Goal {
    /// In Juju's words: `waiting`, `active`, `dying`, `joining`, `joined`, …
    pub status: String,
    /// Since when, if Juju says it in a way that can be read.
    #[serde(default, deserialize_with = "moment")]
    pub since: Option<Timestamp>,
}

/// What Juju is going to bring about: units and relations, also those that are not there yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct GoalState {
    /// The application's units, ours among them.
    #[serde(default)]
    pub units: BTreeMap<UnitName, Goal>,
    /// By endpoint, the applications and units of the other side by name.
    #[serde(default)]
    pub relations: BTreeMap<String, BTreeMap<String, Goal>>,
}

/// Go writes a space between date and time.
fn moment<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.as_deref().and_then(Timestamp::parse_rfc3339))
}

impl Goal {
    /// Whether it is on its way out.
    #[must_use]
    pub fn is_dying(&self) -> bool {
        self.status == "dying"
    }
}

impl GoalState {
    /// How many units the application is to have.
    #[must_use]
    pub fn planned_units(&self) -> usize {
        self.units.values().filter(|goal| !goal.is_dying()).count()
    }

    /// The applications that are or will be on the other side of an endpoint.
    pub fn apps<I: Interface>(&self, endpoint: Endpoint<I>) -> impl Iterator<Item = AppName> + '_ {
        self.relations
            .get(endpoint.name())
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| AppName::new(name).ok())
    }

    /// The units that are or will be on the other side of an endpoint.
    pub fn remote_units<I: Interface>(&self, endpoint: Endpoint<I>) -> impl Iterator<Item = UnitName> + '_ {
        self.relations.get(endpoint.name()).into_iter().flatten().filter_map(|(name, _)| name.parse().ok())
    }
}

impl Context {
    /// What Juju is going to bring about (`goal-state`). Asked anew each time: it changes within a hook.
    ///
    /// # Errors
    /// Those of `goal-state`.
    pub fn goal_state(&self) -> Result<GoalState, Error> {
        Ok(self.json("goal-state", &[])?)
    }

    /// How many units the application is to have: those that are there, and those that are coming (`goal-state`).
    ///
    /// # Errors
    /// Those of `goal-state`.
    pub fn planned_units(&self) -> Result<usize, Error> {
        Ok(self.goal_state()?.planned_units())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;
    use crate::databag::Untyped;
    use crate::handle::Role;

    const DB: Endpoint<Untyped> = Endpoint::new("db", Role::Requirer, "sql");
    const SAID: &str = r#"{
        "units": {
            "web/0": {"status": "active", "since": "2026-01-02 03:04:05Z"},
            "web/1": {"status": "waiting", "since": "2026-01-02T03:04:05.5+01:00"},
            "web/2": {"status": "dying", "since": "some day"}},
        "relations": {"db": {"pg": {"status": "joined", "since": ""}, "pg/0": {"status": "allocating"}}}}"#;

    #[test]
    fn the_goal_is_read_anew_each_time() {
        let agent = FakeAgent::new().says("goal-state --format=json", SAID);
        let cx = agent.context();
        let goal = cx.goal_state().unwrap();
        assert_eq!(cx.planned_units().unwrap(), 2);
        let since = |unit: &str| goal.units[&unit.parse::<UnitName>().unwrap()].since;
        assert_eq!(since("web/0"), Timestamp::parse_rfc3339("2026-01-02T03:04:05Z"));
        assert_eq!(since("web/1"), Timestamp::parse_rfc3339("2026-01-02T02:04:05.5Z"));
        assert_eq!(since("web/2"), None);
        assert_eq!(goal.apps(DB).map(|app| app.to_string()).collect::<Vec<_>>(), ["pg"]);
        assert_eq!(goal.remote_units(DB).map(|unit| unit.to_string()).collect::<Vec<_>>(), ["pg/0"]);
        assert_eq!(agent.calls(), ["goal-state --format=json"; 2]);
    }
}
