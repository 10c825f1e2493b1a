//! `--controller`, which the verbs about controllers have.

use clap::Args;
use periapt_controller::views::CONTROLLER;
use periapt_model::offer_url::OfferUrl;

use crate::error::{CliError, Result};
use crate::home::Home;

/// `-c`: the controller that is meant. There is one.
#[derive(Args, Clone, Debug, Default)]
pub struct ControllerArgs {
    /// The controller; there is one
    #[arg(short, long, value_name = "CONTROLLER")]
    pub controller: Option<String>,
}

impl ControllerArgs {
    /// Whether it is named.
    pub fn is_named(&self) -> bool {
        self.controller.is_some()
    }

    /// Refuses any but ours, with Juju 3.6's words.
    ///
    /// # Errors
    /// Another controller is named.
    pub fn check(&self) -> Result {
        match self.controller.as_deref() {
            Some(other) => check(other),
            None => Ok(()),
        }
    }
}

/// The name that `bootstrap` gave the controller of `home` beside its own.
pub fn given_name(home: &Home) -> Option<String> {
    let text = std::fs::read_to_string(home.controller_name()).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The controller's name as everything shows it: the one that `bootstrap` gave it, else its own.
pub fn name() -> String {
    Home::find().ok().and_then(|home| given_name(&home)).unwrap_or_else(|| CONTROLLER.to_owned())
}

/// The model that `bootstrap` makes for the controller: this machine, as its machine 0.
pub const MODEL: &str = "controller";

/// Whether a model is the controller's own.
pub fn is_own_model(home: &Home, model: &str) -> bool {
    model == MODEL && given_name(home).is_some()
}

/// Whether `name` means the controller of this home: by its own name, or by the one that `bootstrap` gave it.
pub fn is_ours(name: &str) -> bool {
    name == CONTROLLER || Home::find().is_ok_and(|home| given_name(&home).as_deref() == Some(name))
}

/// Refuses the name of any controller but ours.
///
/// # Errors
/// It is another name.
pub fn check(name: &str) -> Result {
    if is_ours(name) {
        return Ok(());
    }
    Err(CliError::new(format!("controller {name} not found"))
        .hint(format!("the only controller here is {}", self::name())))
}

/// The text of an offer's url without our controller's name, which the daemon knows only as its own. Any other text as it is.
pub fn without_ours(text: &str) -> &str {
    let url = OfferUrl::looks_like(text).then(|| text.parse::<OfferUrl>().ok()).flatten();
    match (url.and_then(|url| url.controller), text.split_once(':')) {
        (Some(name), Some((_, rest))) if is_ours(&name) => rest,
        _ => text,
    }
}
