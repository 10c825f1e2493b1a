//! `-m`, and how a model is named.

use std::str::FromStr;

use clap::Args;
use periapt_controller::views::{CONTROLLER, OWNER};
use periapt_model::names::ModelName;

/// A model as a command line names it: `name`, `admin/name` or `periapt:admin/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRef(pub ModelName);

impl FromStr for ModelRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = match text.split_once(':') {
            // Nothing before it means the current one.
            Some((name, rest)) if name.is_empty() || super::controller::is_ours(name) => rest,
            Some((other, _)) => {
                return Err(format!("controller {other:?} not found: the only one here is {CONTROLLER:?}"));
            }
            None => text,
        };
        let name = match rest.split_once('/') {
            Some((OWNER, name)) => name,
            Some((other, _)) => {
                return Err(format!("user {other:?} not found: the only one here is {OWNER:?}"));
            }
            None => rest,
        };
        ModelName::new(name).map(Self).map_err(|error| error.to_string())
    }
}

/// `--model`, which every command on a model has.
#[derive(Args, Clone, Debug, Default)]
pub struct ModelArgs {
    /// Work on this model instead of the current one
    #[arg(short, long, value_name = "MODEL", add = super::complete::models())]
    pub model: Option<ModelRef>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_in_three_ways() {
        for text in ["m-1", "admin/m-1", "periapt:admin/m-1", "periapt:m-1", ":m-1", ":admin/m-1"] {
            assert_eq!(text.parse::<ModelRef>().unwrap().0.as_str(), "m-1");
        }
        for bad in ["", "M", "lxd:m", "bob/m", "admin/", "a/b/c", "periapt:", ":"] {
            assert!(bad.parse::<ModelRef>().is_err(), "{bad}");
        }
    }
}
