//! `action-fail`.

use crate::context::Context;
use crate::limits::check_results;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "action-fail",
    synopsis: "[<message>]",
    purpose: "Say that the action has failed.",
    doc: "The action goes on; its results so far are kept.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let message = cx.args.at_most_one()?;
    cx.action()?;
    let message = message.unwrap_or("action failed without reason given, check action for errors");
    check_results(&cx.effects.action, message.len())?;
    Ok(Outcome::change(Change::ActionFailed(message.to_owned())))
}
