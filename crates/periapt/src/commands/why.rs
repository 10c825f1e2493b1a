//! `why`

use clap::{Args, ValueEnum};
use periapt_controller::views::settled::Subject;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{OutputFile, json, yaml};
use crate::render::time::Clock;
use crate::render::why as render;
use crate::session::Session;

/// Say what a unit or an application waits for, and the next moment at which something will happen
#[derive(Args, Debug)]
pub struct Why {
    /// The unit or the application
    #[arg(value_name = "UNIT|APP", add = complete::apps_and_units())]
    subject: Subject,
    /// How to show
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences
    Text,
    /// JSON on one line
    Json,
    /// YAML
    Yaml,
}

impl Why {
    /// Asks and tells.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let text = match &self.subject {
            Subject::Unit(unit) => {
                let why = model.why_unit(unit).await?;
                match self.format {
                    Format::Text => render::unit(&why, &Clock::system(self.utc)),
                    Format::Json => json(&why)?,
                    Format::Yaml => yaml(&why)?,
                }
            }
            Subject::Application(app) => {
                let why = model.why_application(app).await?;
                match self.format {
                    Format::Text => render::application(&why, &Clock::system(self.utc)),
                    Format::Json => json(&why)?,
                    Format::Yaml => yaml(&why)?,
                }
            }
        };
        self.output.write(&text)
    }
}
