//! `constraints`, `set-constraints`, `model-constraints` and `set-model-constraints`.

use clap::{Args, ValueEnum};
use periapt_controller::api::requests;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{self, OutputFile};
use crate::session::Session;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line: cores=2 mem=1024M
    Constraints,
    /// JSON on one line
    Json,
    /// YAML
    Yaml,
}

/// Show the constraints of an application
#[derive(Args, Debug)]
#[command(visible_alias = "get-constraints")]
pub struct Constraints {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// How to show
    #[arg(long, value_enum, default_value = "constraints")]
    format: Format,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Replace the constraints of an application. They are kept and shown; nothing is limited by them
#[derive(Args, Debug)]
pub struct SetConstraints {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// What is wanted of its machines; none takes all back
    #[arg(value_name = "KEY=VALUE")]
    constraints: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show the constraints of a model
#[derive(Args, Debug)]
#[command(visible_alias = "get-model-constraints")]
pub struct ModelConstraints {
    /// How to show
    #[arg(long, value_enum, default_value = "constraints")]
    format: Format,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Replace the constraints of a model. They are kept and shown; nothing is limited by them
#[derive(Args, Debug)]
pub struct SetModelConstraints {
    /// What is wanted of its machines; none takes all back
    #[arg(value_name = "KEY=VALUE")]
    constraints: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

async fn show(
    session: &Session,
    model: &ModelArgs,
    application: Option<AppName>,
    format: Format,
    output: &OutputFile,
) -> Result {
    let shown = session.model(model)?.constraints(application).await?;
    let text = match format {
        Format::Constraints if shown.text.is_empty() => String::new(),
        Format::Constraints => format!("{}\n", shown.text),
        Format::Json => output::json(&shown.constraints)?,
        Format::Yaml => output::yaml(&shown.constraints)?,
    };
    output.write(&text)
}

async fn set(session: &Session, model: &ModelArgs, application: Option<AppName>, words: &[String]) -> Result {
    let request = requests::SetConstraints { application, constraints: words.join(" ") };
    session.model(model)?.set_constraints(&request).await?;
    Ok(())
}

impl Constraints {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        show(session, &self.model, Some(self.application), self.format, &self.output).await
    }
}

impl ModelConstraints {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        show(session, &self.model, None, self.format, &self.output).await
    }
}

impl SetConstraints {
    /// Replaces them.
    pub async fn run(self, session: &Session) -> Result {
        set(session, &self.model, Some(self.application), &self.constraints).await
    }
}

impl SetModelConstraints {
    /// Replaces them.
    pub async fn run(self, session: &Session) -> Result {
        set(session, &self.model, None, &self.constraints).await
    }
}
