//! `--help` of a hook command, in the shape of Juju's.

use std::fmt::Write;

use crate::arguments::{dashed, flags};
use crate::spec::{Formats, Spec, Takes};

/// The whole help text.
pub(crate) fn text(spec: &Spec) -> String {
    let mut out = String::from("Usage: ");
    out.push_str(spec.name);
    if flags(spec).next().is_some() {
        out.push_str(" [options]");
    }
    if !spec.synopsis.is_empty() {
        out.push(' ');
        out.push_str(spec.synopsis);
    }
    out.push_str("\n\nSummary:\n");
    out.push_str(spec.purpose);
    out.push('\n');
    let mut all: Vec<_> = flags(spec).collect();
    all.sort_by_key(|flag| flag.name);
    if !all.is_empty() {
        out.push_str("\nOptions:\n");
    }
    for flag in all {
        let mut names = dashed(flag.name);
        if !flag.alias.is_empty() {
            names.push_str(", ");
            names.push_str(&dashed(flag.alias));
        }
        let default = match (flag.takes, flag.name, spec.output) {
            (Takes::Bool, ..) => "false",
            (Takes::Text, "format", Some(Formats::Smart)) => "smart",
            (Takes::Text, "format", Some(Formats::Structured)) => "yaml",
            (Takes::Text, ..) => "\"\"",
        };
        let choices = match (flag.name, spec.output) {
            ("format", Some(Formats::Smart)) => " (json|smart|yaml)",
            ("format", Some(Formats::Structured)) => " (json|yaml)",
            _ => "",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{names}  (= {default})\n    {}{choices}", flag.about);
    }
    if !spec.doc.is_empty() {
        let _ = write!(out, "\nDetails:\n{}\n", spec.doc);
    }
    out
}
