//! `juju-log`.

use periapt_model::log::Level;

use super::relation_set::format_warning;
use crate::context::Context;
use crate::limits::cut_line;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, IGNORED_FORMAT, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "juju-log",
    synopsis: "<message> ...",
    purpose: "Write a line to the log.",
    doc: "The levels are TRACE, DEBUG, INFO, WARNING, ERROR and CRITICAL. A message that starts with a dash needs --\n\
          in front.",
    flags: &[
        Flag::bool("debug", "Write at level DEBUG"),
        Flag::text("l", "The level; INFO by default").alias("log-level"),
        IGNORED_FORMAT,
    ],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let message = cx.args.message()?;
    let mut outcome = Outcome { warnings: format_warning(cx, SPEC.name), ..Outcome::default() };
    let level = if cx.args.is_on("debug") { Some("DEBUG") } else { cx.args.text("l") };
    add_line(cx, level, &message, &mut outcome);
    Ok(outcome)
}

/// Writes one line, with the relation that the context is about in front. A level that is none costs a charm a warning
/// and not its line.
pub(super) fn add_line(cx: &Context<'_>, level: Option<&str>, message: &str, outcome: &mut Outcome) {
    let known = cx.view.current_relation().and_then(|(id, ..)| cx.view.relation(id));
    let prefix = known.map(|known| format!("{}:{}: ", known.endpoint, known.id)).unwrap_or_default();
    let level = match level.filter(|level| !level.is_empty()) {
        None => Level::Info,
        Some(text) => text.parse().unwrap_or_else(|_| {
            let warning = format!("{prefix}Specified log level of {text:?} is not valid");
            outcome.changes.push(Change::Log(Level::Warning, cut_line(warning)));
            Level::Info
        }),
    };
    outcome.changes.push(Change::Log(level, cut_line(format!("{prefix}{message}"))));
}
