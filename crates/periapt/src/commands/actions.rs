//! `actions`

use std::collections::BTreeMap;

use clap::Args;
use periapt_model::names::AppName;
use serde_json::Value;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{self, OutputFile, Tabular, say};
use crate::render;
use crate::session::Session;

/// List the actions of an application's charm
#[derive(Args, Debug)]
#[command(visible_alias = "list-actions")]
pub struct Actions {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Show the parameters as JSON Schema
    #[arg(long)]
    schema: bool,
    /// How to show [default: tabular, with --schema yaml]
    #[arg(long, value_enum)]
    format: Option<Tabular>,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl Actions {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        let actions = session.model(&self.model)?.actions(&self.application).await?;
        if actions.is_empty() {
            say(format!("No actions defined for {}.", self.application));
        }
        let descriptions: BTreeMap<_, _> = actions.iter().map(|(name, a)| (name, &a.description)).collect();
        let schemas: BTreeMap<_, &Value> = actions.iter().map(|(name, a)| (name, &a.schema)).collect();
        let text = match (self.schema, self.format) {
            (true, Some(Tabular::Json)) => output::json(&schemas)?,
            (true, _) => output::yaml(&schemas)?,
            (false, Some(format)) => format.render(&descriptions, || render::actions::table(&actions))?,
            (false, None) => render::actions::table(&actions),
        };
        self.output.write(&text)
    }
}
