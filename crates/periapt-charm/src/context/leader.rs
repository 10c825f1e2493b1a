//! Leadership.

use super::Context;
use crate::error::Error;

impl Context {
    /// Whether this unit leads its application, and will for half a minute at least.
    ///
    /// # Errors
    /// Those of `is-leader`.
    pub fn is_leader(&self) -> Result<bool, Error> {
        if let Some(leader) = self.cache.borrow().leader {
            return Ok(leader);
        }
        let leader = self.json("is-leader", &[])?;
        self.cache.borrow_mut().leader = Some(leader);
        Ok(leader)
    }
}
