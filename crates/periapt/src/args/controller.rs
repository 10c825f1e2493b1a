//! `--controller`, which the verbs about controllers have.

use clap::Args;
use periapt_controller::views::CONTROLLER;

use crate::error::{CliError, Result};

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

/// Refuses the name of any controller but ours.
///
/// # Errors
/// It is another name.
pub fn check(name: &str) -> Result {
    match name {
        CONTROLLER => Ok(()),
        other => Err(CliError::new(format!("controller {other} not found"))
            .hint(format!("the only controller here is {CONTROLLER}"))),
    }
}
