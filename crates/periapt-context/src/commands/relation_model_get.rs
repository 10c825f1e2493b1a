//! `relation-model-get`.

use serde_json::json;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::relation;
use crate::spec::{Formats, RELATION, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "relation-model-get",
    synopsis: "",
    purpose: "Print which model the other side of a relation is in.",
    doc: "Prints its uuid. Outside a relation hook the relation must be given.",
    flags: &[RELATION],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let known = relation::required(cx)?;
    cx.args.no_more_than(0)?;
    let model = &cx.view.model;
    let elsewhere = model.relations.get(&known.id).and_then(|relation| model.remote_app_of(relation));
    let uuid = elsewhere.map_or(model.info.uuid.as_str(), |app| app.model());
    Ok(Outcome::json(json!({"uuid": uuid})))
}
