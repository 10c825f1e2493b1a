//! `state-delete`.

use periapt_model::effects::Changes;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "state-delete",
    synopsis: "<key>",
    purpose: "Forget a value that the controller keeps.",
    doc: "A key that is not there is no error. It is forgotten when the hook has ended well.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(key) = cx.args.positional.first() else { return Err(Stop::usage("no key specified")) };
    cx.args.no_more_than(1)?;
    Ok(Outcome::change(Change::State(Changes::from([((*key).to_owned(), None)]))))
}
