//! `lifecycle`

use clap::{Args, ValueEnum};
use periapt_lifecycle::graph;

use crate::error::Result;
use crate::output::{OutputFile, json};

/// Print the lifecycle of a unit as a graph: which events may follow which
#[derive(Args, Debug)]
pub struct Lifecycle {
    /// As what
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
    #[command(flatten)]
    output: OutputFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For Markdown and mermaid.js
    Mermaid,
    /// For Graphviz
    Dot,
    /// The table itself
    Json,
}

impl Lifecycle {
    /// Prints it. Needs no daemon.
    pub fn run(self) -> Result {
        self.output.write(&match self.format {
            Format::Mermaid => graph::mermaid(),
            Format::Dot => graph::dot(),
            Format::Json => json(&graph::json())?,
        })
    }
}
