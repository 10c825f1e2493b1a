//! The statuses of the whole application, as its leader sees them.

use std::collections::BTreeMap;

use periapt_model::names::UnitName;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Context;
use crate::error::Error;
use crate::status::Status;

/// A status as Juju shows it, also one that a charm cannot set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShownStatus {
    /// The word: `active`, `unknown`, `error`, …
    pub status: String,
    /// The text.
    #[serde(default)]
    pub message: String,
    /// What the agent adds, such as the hook that failed.
    #[serde(default)]
    pub status_data: Map<String, Value>,
}

impl ShownStatus {
    /// The same as a status that a charm can set; none for `unknown`, `error` and such.
    #[must_use]
    pub fn as_status(&self) -> Option<Status> {
        Status::of(&self.status, self.message.clone())
    }
}

/// The statuses of an application and its units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppStatus {
    /// The application's.
    pub app: ShownStatus,
    /// Its units'.
    pub units: BTreeMap<UnitName, ShownStatus>,
}

/// As `status-get` prints it: the units stand within the application's status.
#[derive(Deserialize)]
struct RawAppStatus {
    #[serde(rename = "application-status")]
    app: RawApp,
}

#[derive(Deserialize)]
struct RawApp {
    #[serde(flatten)]
    shown: ShownStatus,
    #[serde(default)]
    units: BTreeMap<UnitName, ShownStatus>,
}

impl Context {
    /// The statuses of the application and all its units (`status-get --application=true`). Leaders only. Asked anew each
    /// time.
    ///
    /// # Errors
    /// This unit does not lead, or those of `status-get`.
    pub fn app_status(&self) -> Result<AppStatus, Error> {
        if !self.is_leader()? {
            return Err(Error::bug(format!(
                "{} does not lead {}: only the leader sees the status of the application and its units",
                self.unit(),
                self.app()
            )));
        }
        let raw: RawAppStatus = self.json("status-get", &["--include-data", "--application=true"])?;
        Ok(AppStatus { app: raw.app.shown, units: raw.app.units })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;

    #[test]
    fn leaders_see_all_statuses() {
        let said = r#"{"application-status": {"status": "active", "message": "up", "status-data": {},
            "units": {"web/0": {"status": "error", "message": "hook failed", "status-data": {"hook": "start"}}}}}"#;
        let line = "status-get --format=json --include-data --application=true";
        let agent = FakeAgent::new().leads(true).says(line, said);
        let status = agent.context().app_status().unwrap();
        assert_eq!(status.app.as_status(), Some(Status::Active("up".into())));
        let unit = &status.units[&"web/0".parse::<UnitName>().unwrap()];
        assert_eq!((unit.as_status(), unit.status_data["hook"].as_str()), (None, Some("start")));
        let follower = FakeAgent::new().leads(false);
        assert!(follower.context().app_status().is_err());
        assert_eq!(follower.calls(), ["is-leader --format=json"]);
    }
}
