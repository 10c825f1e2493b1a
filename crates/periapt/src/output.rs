//! Standard output is data, standard error is talk.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use periapt_context::limits::without_middle;
use periapt_model::yaml;
use serde::Serialize;
use serde_json::Value;

use crate::error::{CliError, Result, writing};

/// Prints data. Colours go away unless a terminal reads them.
pub fn print(text: &str) -> Result {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| CliError::output(&error))
}

/// Bytes that are said at once; what is longer loses its middle.
const LONGEST_TALK: usize = 8 * 1024;

/// `--quiet` was given.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on only errors and data are printed.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Says one line to the person, on standard error.
pub fn say(line: impl AsRef<str>) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    // Talk that nobody hears stops no command.
    let _ = writeln!(anstream::stderr().lock(), "{}", without_middle(line.as_ref(), LONGEST_TALK));
}

/// Whether a person reads standard output.
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// JSON on one line, as Juju prints it.
pub fn json(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string(value).map_err(cannot_show)?;
    text.push('\n');
    Ok(text)
}

/// YAML in Juju's style.
pub fn yaml(value: &impl Serialize) -> Result<String> {
    Ok(yaml::to_string(&to_value(value)?))
}

/// Any view as a plain value.
pub fn to_value(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(cannot_show)
}

fn cannot_show(error: serde_json::Error) -> CliError {
    CliError::new(format!("the answer cannot be shown: {error}"))
}

/// `--output`, which every command with formats has.
#[derive(Args, Clone, Debug, Default)]
pub struct OutputFile {
    /// Write the output to this file
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl OutputFile {
    /// Writes data to the file, or to standard output without one.
    pub fn write(&self, text: &str) -> Result {
        match &self.output {
            Some(path) => {
                std::fs::write(path, anstream::adapter::strip_str(text).to_string()).map_err(writing(path))
            }
            None => print(text),
        }
    }
}

/// The formats of commands whose plain form is YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Structured {
    /// YAML
    #[value(alias = "smart")]
    Yaml,
    /// JSON on one line
    Json,
}

impl Structured {
    /// `value` in this format.
    pub fn render(self, value: &impl Serialize) -> Result<String> {
        match self {
            Self::Yaml => yaml(value),
            Self::Json => json(value),
        }
    }
}

/// The formats of commands whose plain form is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tabular {
    /// A table
    #[value(name = "tabular", alias = "plain")]
    Table,
    /// YAML
    Yaml,
    /// JSON on one line
    Json,
}

impl Tabular {
    /// `value` in this format, or what `table` makes.
    pub fn render(self, value: &impl Serialize, table: impl FnOnce() -> String) -> Result<String> {
        match self {
            Self::Table => Ok(table()),
            Self::Yaml => yaml(value),
            Self::Json => json(value),
        }
    }
}

/// `--color` and `--no-color`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Colour {
    /// Use colours even where no terminal is
    #[arg(long, overrides_with = "no_color")]
    color: bool,
    /// Use no colours
    #[arg(long)]
    no_color: bool,
}

impl Colour {
    /// Makes it count for everything printed from now on.
    pub fn apply(self) {
        match self {
            Self { no_color: true, .. } => anstream::ColorChoice::Never.write_global(),
            Self { color: true, .. } => anstream::ColorChoice::Always.write_global(),
            _ => {}
        }
    }
}
