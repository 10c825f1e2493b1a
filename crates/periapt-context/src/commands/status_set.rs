//! `status-set`.

use periapt_model::command::Tell;
use periapt_model::status::WorkloadStatus;

use crate::context::Context;
use crate::limits::check_status;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "status-set",
    synopsis: "<maintenance|blocked|waiting|active> [<message>]",
    purpose: "Say how the workload is.",
    doc: "It counts at once, whatever becomes of the hook. With --application the leader speaks for the application.",
    flags: &[Flag::bool("application", "Set the application's status; the leader only")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(word) = cx.args.positional.first() else {
        return Err(Stop::usage("invalid args, require <status> [message]"));
    };
    let settable = WorkloadStatus::SETTABLE;
    let status = settable.into_iter().find(|status| status.as_str() == *word).ok_or_else(|| {
        let words: Vec<&str> = settable.iter().map(|status| status.as_str()).collect();
        Stop::usage(format!("invalid status {word:?}, expected one of [{}]", words.join(" ")))
    })?;
    cx.args.no_more_than(2)?;
    let message = cx.args.positional.get(1).copied().unwrap_or_default().to_owned();
    check_status("the status's message", &message)?;
    if !cx.args.is_on("application") {
        return Ok(Outcome::change(Change::Tell(Tell::UnitStatus { status, message })));
    }
    if !cx.is_leader()? {
        return Err(Stop::failed("setting application status: this unit is not the leader"));
    }
    Ok(Outcome::change(Change::Tell(Tell::ApplicationStatus { status, message })))
}
