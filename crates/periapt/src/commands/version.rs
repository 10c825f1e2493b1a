//! `version`

use clap::{Args, ValueEnum};
use periapt_controller::views::version;

use crate::error::Result;
use crate::output::{OutputFile, json, yaml};

/// Print the version of Juju whose behaviour this is, and with --all our own
#[derive(Args, Debug)]
pub struct Version {
    /// Print everything
    #[arg(long)]
    all: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "smart")]
    format: Format,
    #[command(flatten)]
    output: OutputFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The bare version; with --all YAML
    Smart,
    /// JSON on one line
    Json,
    /// YAML
    Yaml,
}

impl Version {
    /// Prints it. Needs no daemon.
    pub fn run(self) -> Result {
        let version = version::version();
        self.output.write(&match (self.format, self.all) {
            (Format::Smart, false) => format!("{}\n", version.version),
            (Format::Json, false) => json(&version.version)?,
            (Format::Yaml, false) => yaml(&version.version)?,
            (Format::Json, true) => json(&version)?,
            (_, true) => yaml(&version)?,
        })
    }
}
