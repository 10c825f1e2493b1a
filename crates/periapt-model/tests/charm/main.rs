//! Charm metadata and YAML, through the crate's public functions.

mod accepted;
mod actions;
mod config;
mod corpus;
mod errors;
mod yaml;

use periapt_model::charm::{CharmFiles, Diagnostic, Parsed, SourceText, parse};

/// The files in `text`: each begins with a line `=== NAME`, and what stands before the first is `metadata.yaml`.
fn files(text: &str) -> CharmFiles {
    let mut files = CharmFiles::default();
    let mut name = "metadata.yaml";
    let mut body = String::new();
    for line in text.lines().chain(["=== end"]) {
        let Some(next) = line.strip_prefix("=== ") else {
            body += line;
            body += "\n";
            continue;
        };
        let slot = match name {
            "metadata.yaml" => &mut files.metadata,
            "charmcraft.yaml" => &mut files.charmcraft,
            "config.yaml" => &mut files.config,
            "actions.yaml" => &mut files.actions,
            "manifest.yaml" => &mut files.manifest,
            other => panic!("no such file: {other}"),
        };
        let text = std::mem::take(&mut body);
        if name != "metadata.yaml" || !text.is_empty() {
            *slot = Some(SourceText::new(name, text));
        }
        name = next;
    }
    files
}

/// What is wrong with the files in `text`, a line each; `accepted` and the warnings if they can be used.
fn problems(text: &str) -> String {
    let lines = |all: &[Diagnostic]| all.iter().map(|d| format!("{d}\n")).collect::<String>();
    match parse(&files(text)) {
        Ok(parsed) => format!("accepted\n{}", lines(&parsed.warnings)),
        Err(all) => lines(&all),
    }
}

/// The files in `text`, which must be accepted.
fn accepted(text: &str) -> Parsed {
    parse(&files(text)).unwrap_or_else(|all| panic!("refused: {all:#?}"))
}

/// `text` behind the three keys that every charm needs, which take its first three lines.
fn with_basics(text: &str) -> String {
    format!("name: app\nsummary: An app\ndescription: An app of ours\n{text}")
}
