//! `application-version-set`.

use periapt_model::command::Tell;

use crate::context::Context;
use crate::limits::check_status;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "application-version-set",
    synopsis: "<version>",
    purpose: "Say which version of the workload runs.",
    doc: "It counts at once and shows in status.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(version) = cx.args.positional.first() else { return Err(Stop::usage("no version specified")) };
    cx.args.no_more_than(1)?;
    check_status("the workload's version", version)?;
    Ok(Outcome::change(Change::Tell(Tell::WorkloadVersion((*version).to_owned()))))
}
