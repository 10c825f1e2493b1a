//! `is-leader`.

use serde_json::Value;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "is-leader",
    synopsis: "",
    purpose: "Print whether this unit leads its application.",
    doc: "True holds for at least 30 seconds. Once False, it stays False for the rest of the hook.",
    flags: &[],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    Ok(Outcome::json(Value::Bool(cx.is_leader()?)))
}
