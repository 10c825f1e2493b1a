//! `--help` of a hook command, in the shape of Juju's.

use std::fmt::Write;

use crate::arguments::{dashed, flags};
use crate::spec::{Formats, Spec, Takes};
use crate::view::{ContextKind, View};

/// The whole help text. The defaults are those of this context, as in Juju: in a storage's own hook `storage-get --help`
/// has a line `-s  (= data/0)`, and that line is where `ops` learns whose hook it runs. Without a context there are none.
pub(crate) fn text(spec: &Spec, view: Option<&View>) -> String {
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
            (Takes::Bool, ..) => "false".to_owned(),
            (Takes::Text, "format", Some(Formats::Smart)) => "smart".to_owned(),
            (Takes::Text, "format", Some(Formats::Structured)) => "yaml".to_owned(),
            (Takes::Text, name, _) => {
                view.and_then(|view| of_context(name, view)).unwrap_or_else(|| "\"\"".to_owned())
            }
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

/// What a flag means in this context where it is not given: the storage or the relation that the hook is about.
fn of_context(flag: &str, view: &View) -> Option<String> {
    match flag {
        "s" => match &view.context {
            ContextKind::Hook(hook) => hook.storage().map(|hook| hook.storage.to_string()),
            _ => None,
        },
        "r" => {
            let (id, ..) = view.current_relation()?;
            view.relation(id).map(|known| format!("{}:{id}", known.endpoint))
        }
        _ => None,
    }
}
