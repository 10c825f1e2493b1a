//! The charm's config.

use std::rc::Rc;

use periapt_model::charm::OptionType;
use serde_json::{Map, Value};

use super::Context;
use crate::config::{CharmConfig, SecretUri};
use crate::error::Error;

impl Context {
    /// The charm's options as a struct: `let config: Config = cx.config()?;`.
    ///
    /// An option of type `secret` that is empty counts as unset.
    ///
    /// # Errors
    /// An option whose value does not fit, which needs a human to change it.
    pub fn config<T: CharmConfig>(&self) -> Result<T, Error> {
        let mut options = Map::clone(&*self.raw_config()?);
        for name in self.secret_options() {
            match options.get(name).and_then(Value::as_str) {
                Some("") => drop(options.remove(name)),
                // What stands there may be the secret itself: it is not told.
                Some(text) if !text.starts_with("secret:") => {
                    return Err(Error::needs_human(format!(
                        "option `{name}` takes the URI of a secret: {}",
                        self.how_to_give_a_secret(name)
                    )));
                }
                _ => {}
            }
        }
        serde_json::from_value(Value::Object(options))
            .map_err(|error| Error::needs_human(format!("config: {error}")))
    }

    fn secret_options(&self) -> impl Iterator<Item = &str> {
        let options = self.metadata.config.iter().filter(|(_, option)| option.kind == OptionType::Secret);
        options.map(|(name, _)| name.as_str())
    }

    /// The program that the operator has.
    pub(super) fn tool(&self) -> &'static str {
        if self.is_periapt() { "periapt" } else { "juju" }
    }

    /// What the operator types so that an option of type `secret` has what it needs.
    pub(super) fn how_to_give_a_secret(&self, option: &str) -> String {
        let (tool, app) = (self.tool(), self.app());
        format!(
            "{tool} add-secret NAME KEY=VALUE, {tool} grant-secret NAME {app}, {tool} config {app} {option}=URI"
        )
    }

    /// The option of type `secret` that names this secret.
    pub(super) fn option_of(&self, secret: &SecretUri) -> Option<&str> {
        let config = self.raw_config().ok()?;
        self.secret_options().find(|name| {
            let uri = config.get(*name).and_then(Value::as_str);
            uri.is_some_and(|uri| {
                SecretUri::canonical(uri, &self.environment.model_uuid).unique_id() == secret.unique_id()
            })
        })
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
