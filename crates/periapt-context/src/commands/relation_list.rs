//! `relation-list`.

use serde_json::Value;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::relation;
use crate::spec::{Flag, Formats, RELATION, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "relation-list",
    synopsis: "",
    purpose: "List the units on the other side of a relation.",
    doc: "Lists the remote units whose relation-joined has run, without the one that a relation-departed is about.\n\
          Outside a relation hook the relation must be given.",
    flags: &[RELATION, Flag::bool("app", "Print the remote application instead of its units")],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let known = relation::required(cx)?;
    cx.args.no_more_than(0)?;
    if cx.args.is_on("app") {
        return Ok(Outcome::json(Value::from(known.remote_app.as_str())));
    }
    Ok(Outcome::lines(cx.view.members(known.id)))
}
