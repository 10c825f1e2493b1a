//! What is wrong with a charm's files, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::yaml::{Span, YamlError};

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The charm cannot be used.
    Error,
    /// The charm can be used, and perhaps does not mean what its author thinks.
    Warning,
}

/// One thing that is wrong in one file of a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file's name as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters are meant, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether it stops the charm.
    pub severity: Severity,
}

/// `metadata.yaml:12:5: message (help)`, with `warning: ` before the message of a warning.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}:{}: {severity}{}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// Collects the diagnostics of several files, so that one reading reports as many mistakes as it can.
#[derive(Debug, Default)]
pub(super) struct Report {
    all: Vec<Diagnostic>,
}

impl Report {
    fn push(&mut self, severity: Severity, file: &str, span: Span, message: String, help: Option<String>) {
        let diagnostic = Diagnostic {
            file: file.to_owned(),
            line: span.line,
            column: span.column,
            length: span.length,
            message,
            help,
            severity,
        };
        if !self.all.contains(&diagnostic) {
            self.all.push(diagnostic);
        }
    }

    pub(super) fn error(&mut self, file: &str, span: Span, message: impl Into<String>, help: Option<&str>) {
        self.push(Severity::Error, file, span, message.into(), help.map(str::to_owned));
    }

    pub(super) fn warning(&mut self, file: &str, span: Span, message: impl Into<String>, help: Option<&str>) {
        self.push(Severity::Warning, file, span, message.into(), help.map(str::to_owned));
    }

    pub(super) fn yaml(&mut self, file: &str, error: YamlError) {
        self.push(Severity::Error, file, error.span, error.message, error.help);
    }

    /// The warnings, or, if there is one error at least, everything: in the order of `files`, then of the lines.
    pub(super) fn finish(mut self, files: &[&str]) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        self.all.sort_by_key(|d| (files.iter().position(|f| *f == d.file), d.line, d.column));
        if self.all.iter().any(|d| d.severity == Severity::Error) { Err(self.all) } else { Ok(self.all) }
    }
}
