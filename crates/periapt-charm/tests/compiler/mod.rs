//! The compiler, with the library as this test was built with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
}

/// One error or warning.
#[derive(Debug)]
pub struct Message {
    /// The line of the file that it points to, if it points there.
    pub line: Option<usize>,
    pub level: Level,
    /// All its texts but the source that it quotes.
    pub all: String,
    /// As people read it.
    pub rendered: String,
}

pub struct Compiler {
    library: PathBuf,
    out: tempfile::TempDir,
}

impl Compiler {
    /// The library lies beside this test, under a name with a hash that cargo does not tell. There may be several, of other
    /// features or older sources; the newest that compiles an empty charm is taken.
    pub fn find() -> Self {
        let test = env::current_exe().expect("the test's path");
        let folder = test.parent().expect("the test's folder").to_owned();
        let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&folder).expect("the test's folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // With the dash, so that `periapt_charm_macros` is not among them.
            if name.starts_with("libperiapt_charm-") && name.ends_with(".rlib") {
                let changed = entry.metadata().and_then(|m| m.modified()).expect("a file's time");
                found.push((changed, entry.path()));
            }
        }
        found.sort();
        let out = tempfile::tempdir().expect("a folder");
        let probe = out.path().join("probe.rs");
        fs::write(&probe, "#![allow(unused_imports)]\nuse periapt_charm::prelude::*;\nfn main() {}\n")
            .expect("a file");
        let mut compiler = Self { library: PathBuf::new(), out };
        let mut refused = Vec::new();
        for (_, library) in found.into_iter().rev() {
            compiler.library = library;
            let messages = compiler.check(&probe);
            if messages.is_empty() {
                return compiler;
            }
            refused.push((compiler.library.clone(), messages));
        }
        panic!("no built library in {} can be used: {refused:#?}", folder.display());
    }

    /// Compiles a program as far as its mistakes go.
    pub fn check(&self, file: &Path) -> Vec<Message> {
        let folder = self.library.parent().expect("the library's folder");
        let name = file.file_stem().expect("a file's name").to_string_lossy();
        let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .arg(file)
            .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--error-format=json"])
            .arg(format!("-o{}", self.out.path().join(format!("{name}.rmeta")).display()))
            .arg(format!("--extern=periapt_charm={}", self.library.display()))
            .arg(format!("-Ldependency={}", folder.display()))
            .env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("rustc runs");
        let text = String::from_utf8_lossy(&output.stderr);
        let messages: Vec<Message> = text.lines().filter_map(|line| message(line, file)).collect();
        let failed = messages.iter().any(|m| m.level == Level::Error);
        assert_eq!(output.status.success(), !failed, "{text}");
        messages
    }
}

fn message(line: &str, file: &Path) -> Option<Message> {
    let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let level = match message["level"].as_str()? {
        "warning" => Level::Warning,
        level if level.starts_with("error") => Level::Error,
        _ => return None,
    };
    let spans = message["spans"].as_array()?;
    let summary = message["message"].as_str()?;
    if spans.is_empty() && (summary.starts_with("aborting due to") || summary.ends_with("emitted")) {
        return None;
    }
    let primary = spans.iter().find(|span| span["is_primary"] == true);
    let mut all = String::new();
    texts(&message, &mut all);
    let rendered = message["rendered"].as_str().unwrap_or_default().to_owned();
    Some(Message { line: primary.and_then(|span| line_in(span, file)), level, all, rendered })
}

/// The line of a span in `file`; that of the macro's call if the span is in a macro of the library.
fn line_in(span: &Value, file: &Path) -> Option<usize> {
    if span["file_name"].as_str().is_some_and(|name| Path::new(name) == file) {
        return span["line_start"].as_u64().and_then(|line| usize::try_from(line).ok());
    }
    line_in(span.get("expansion").filter(|e| !e.is_null())?.get("span")?, file)
}

fn texts(message: &Value, all: &mut String) {
    let mut add = |text: &Value| {
        if let Some(text) = text.as_str() {
            all.push_str(text);
            all.push('\n');
        }
    };
    add(&message["message"]);
    for span in message["spans"].as_array().into_iter().flatten() {
        add(&span["label"]);
        add(&span["suggested_replacement"]);
    }
    for child in message["children"].as_array().into_iter().flatten() {
        texts(child, all);
    }
}
