//! Statuses.

use serde::Deserialize;

use super::Context;
use crate::error::Error;
use crate::status::Status;

#[derive(Deserialize)]
struct Shown {
    status: String,
    #[serde(default)]
    message: String,
}

impl Context {
    /// Sets the unit's status, at once. A status that collecting handlers or deferrals give at the dispatch's end comes after
    /// it.
    ///
    /// # Errors
    /// Those of `status-set`.
    pub fn set_status(&self, status: Status) -> Result<(), Error> {
        self.put_status(&status, false)?;
        self.status_set.set(true);
        let mut memory = self.memory.borrow_mut();
        memory.status = Some(status);
        memory.overridden = false;
        Ok(())
    }

    /// Sets the application's status, at once. Leaders only.
    ///
    /// # Errors
    /// This unit does not lead, or those of `status-set`.
    pub fn set_app_status(&self, status: Status) -> Result<(), Error> {
        if !self.is_leader()? {
            return Err(Error::bug("only the leader can set the application's status"));
        }
        self.put_status(&status, true)
    }

    pub(crate) fn put_status(&self, status: &Status, application: bool) -> Result<(), Error> {
        let args = [
            format!("--application={application}"),
            status.word().to_owned(),
            "--".to_owned(),
            status.message().to_owned(),
        ];
        self.run("status-set", &args, None)?;
        Ok(())
    }

    /// The unit's status as Juju has it; none for one that a charm cannot set, such as `unknown`.
    ///
    /// # Errors
    /// Those of `status-get`.
    pub fn status(&self) -> Result<Option<Status>, Error> {
        let shown: Shown = self.json("status-get", &["--include-data", "--application=false"])?;
        Ok(Status::of(&shown.status, shown.message))
    }
}
