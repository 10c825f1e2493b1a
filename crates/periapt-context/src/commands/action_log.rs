//! `action-log`.

use periapt_model::command::Tell;

use crate::context::Context;
use crate::limits::cut_line;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "action-log",
    synopsis: "<message> ...",
    purpose: "Tell how far the action has come.",
    doc: "Whoever runs the action sees the line at once.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let line = cx.args.message()?;
    let (task, _) = cx.action()?;
    Ok(Outcome::change(Change::Tell(Tell::TaskLog { task, line: cut_line(line) })))
}
