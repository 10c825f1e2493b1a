//! The charm's config.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::Context;
use crate::config::CharmConfig;
use crate::error::Error;

impl Context {
    /// The charm's options as a struct: `let config: Config = cx.config()?;`.
    ///
    /// # Errors
    /// An option whose value does not fit, which needs a human to change it.
    pub fn config<T: CharmConfig>(&self) -> Result<T, Error> {
        let raw = self.raw_config()?;
        serde_json::from_value(Value::Object((*raw).clone()))
            .map_err(|error| Error::needs_human(format!("config: {error}")))
    }

    /// The charm's options as they are. An option without a value is missing.
    ///
    /// # Errors
    /// Those of `config-get`.
    pub fn raw_config(&self) -> Result<Rc<Map<String, Value>>, Error> {
        if let Some(config) = &self.cache.borrow().config {
            return Ok(Rc::clone(config));
        }
        let config: Rc<Map<String, Value>> = Rc::new(self.json("config-get", &[])?);
        self.cache.borrow_mut().config = Some(Rc::clone(&config));
        Ok(config)
    }
}
