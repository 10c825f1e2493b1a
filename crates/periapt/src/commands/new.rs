//! `new`

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use serde::Serialize;

use crate::error::{CliError, Result, reading, writing};
use crate::output::{json, print, say, yaml};
use crate::scaffold::{self, CharmName, File, Kind, Language, Sdk};

/// Write a new charm, which builds, passes its tests and can be deployed
///
/// It has an option, an action, a relation and a test for each: change them into what you need.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt new my-charm
  periapt new my-charm --language python --kind kubernetes --path ./charms/mine")]
pub struct New {
    /// The charm's name: lower-case letters, digits and hyphens
    name: CharmName,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// Where it runs
    #[arg(long, value_enum, default_value = "machine")]
    kind: Kind,
    /// Where to write it [default: a folder of the charm's name]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    path: Option<PathBuf>,
    /// The folder of the library periapt-charm [default: that of this program's source, else the published version]
    #[arg(long, value_name = "FOLDER", env = "PERIAPT_SDK", hide_env_values = true, value_hint = ValueHint::DirPath)]
    sdk: Option<PathBuf>,
    /// How to show what was written
    #[arg(long, value_enum, default_value = "plain")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One path a line
    Plain,
    /// JSON on one line
    Json,
    /// YAML
    Yaml,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    name: String,
    language: Language,
    kind: Kind,
    path: String,
    files: Vec<&'static str>,
}

impl New {
    /// Writes it. Needs no daemon.
    ///
    /// # Errors
    /// A folder that has something in it, or cannot be written; no library where `--sdk` says.
    pub fn run(self) -> Result {
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let sdk = match &self.sdk {
            None => Sdk::usual(),
            Some(folder) => Sdk::at(folder).ok_or_else(|| {
                CliError::new(format!("there is no library at {}: it has no Cargo.toml", folder.display()))
                    .hint("give --sdk the folder crates/periapt-charm of Periapt's source")
            })?,
        };
        let files = scaffold::files(&self.name, self.language, self.kind, &sdk);
        refuse_full(&folder)?;
        for file in &files {
            write(&folder, file)?;
        }
        let written = Written {
            name: self.name.as_str().to_owned(),
            language: self.language,
            kind: self.kind,
            path: folder.display().to_string(),
            files: files.iter().map(|file| file.path).collect(),
        };
        match self.format {
            Format::Json => print(&json(&written)?)?,
            Format::Yaml => print(&yaml(&written)?)?,
            Format::Plain => {
                let paths = written.files.iter().map(|file| format!("{}\n", folder.join(file).display()));
                print(&paths.collect::<String>())?;
            }
        }
        self.say_next(&folder);
        Ok(())
    }

    fn say_next(&self, folder: &Path) {
        let (name, place) = (self.name.as_str(), folder.display());
        let tests = match self.language {
            Language::Rust => "cargo test",
            Language::Python => "pip install -r tests/requirements.txt && pytest tests",
        };
        say(format!(
            "\nThe charm {name} is in {place}. What next:\n  cd {place}\n  {tests}\n  periapt deploy .\n  periapt run {name}/0 greet name=you"
        ));
        if self.kind == Kind::Kubernetes {
            say("Workload containers are not run yet: here the charm is deployed without them.");
        }
    }
}

/// Nothing of anybody's is overwritten.
fn refuse_full(folder: &Path) -> Result {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(reading(folder)(error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => {
            Err(CliError::new(format!("{} is there already and has something in it", folder.display()))
                .hint("give another name, or another folder with --path"))
        }
    }
}

fn write(folder: &Path, file: &File) -> Result {
    let path = folder.join(file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(writing(parent))?;
    }
    fs::write(&path, &file.text).map_err(writing(&path))?;
    if file.executable {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(writing(&path))?;
    }
    Ok(())
}
