//! `pack`

use std::path::PathBuf;

use clap::Args;

use super::build::{self, Report, Talk};
use crate::error::Result;
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
        say("Packed");
        print(&format!("{}\n", path.display()))
    }
}
