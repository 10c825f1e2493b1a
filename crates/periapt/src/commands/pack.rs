//! `pack`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::build::{self, Report, Talk};
use crate::error::Result;
use crate::notes::HEADING;
use crate::output::{print, say};
use crate::session::Session;

/// Pack a charm's folder as a .charm file, which runs here and on Juju
///
/// A charm in Rust is built with cargo, statically where this machine can, so that the file runs on other systems too.
#[derive(Args, Debug)]
pub struct Pack {
    /// The folder of the charm
    #[arg(value_hint = clap::ValueHint::DirPath, default_value = ".")]
    source: PathBuf,
    /// Where to write it
    #[arg(short, long, value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    output_dir: PathBuf,
    /// Charmcraft's name for the folder
    #[arg(short, long, hide = true, conflicts_with = "source")]
    project_dir: Option<PathBuf>,
    /// Name the file as charmcraft does for programs, in place of its path
    #[arg(long, value_enum)]
    format: Option<PackFormat>,
    // What charmcraft takes for where and for what it builds.
    #[arg(long, hide = true, help_heading = HEADING)]
    destructive_mode: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    use_lxd: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    force: bool,
    #[arg(long, hide = true, help_heading = HEADING)]
    platform: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    build_for: Option<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    bases_index: Vec<String>,
    #[arg(long, hide = true, help_heading = HEADING)]
    verbosity: Option<String>,
}

/// How the file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PackFormat {
    /// An object with the list `charms`
    Json,
}

impl Pack {
    /// Packs it; its path goes to standard output. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let source = self.project_dir.as_ref().unwrap_or(&self.source);
        let talk = Talk::new();
        let packed = periapt_build::pack(source, &self.output_dir, &build::options(session), &talk);
        drop(talk);
        let (path, warnings) = packed.map_err(build::explain)?;
        Report { warnings: &warnings, missing: None }.print();
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        // Suites read the name off this line, as charmcraft writes it.
        say(format!("Packed {name}"));
        match self.format {
            Some(PackFormat::Json) => print(&format!("{:#}\n", json!({"charms": [name]}))),
            None => print(&format!("{}\n", path.display())),
        }
    }
}
