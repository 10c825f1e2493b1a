//! `show-action`

use clap::Args;
use periapt_model::names::{ActionName, AppName};
use serde_json::Value;

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::{self, OutputFile};
use crate::session::Session;

/// Show what an action is for and what it takes
#[derive(Args, Debug)]
pub struct ShowAction {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// The action
    action: ActionName,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl ShowAction {
    /// Shows it: its description, and its parameters as YAML (Juju 3.6).
    pub async fn run(self, session: &Session) -> Result {
        let actions = session.model(&self.model)?.actions(&self.application).await?;
        let Some((_, action)) = actions.iter().find(|(name, _)| name.as_str() == self.action.as_str()) else {
            let names: Vec<&str> = actions.keys().map(|name| name.as_str()).collect();
            let hint = match names.is_empty() {
                true => format!("{} has no actions", self.application),
                false => format!("{} has: {}", self.application, names.join(", ")),
            };
            return Err(CliError::new(format!("unknown action {:?}", self.action.as_str())).hint(hint));
        };
        let properties = action.schema.get("properties").and_then(Value::as_object);
        let arguments = match properties {
            Some(properties) if !properties.is_empty() => output::yaml(properties)?,
            _ => "Arguments: none\n".to_owned(),
        };
        self.output.write(&format!("{}\n\n{arguments}", action.description))
    }
}
