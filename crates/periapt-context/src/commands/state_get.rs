//! `state-get`.

use serde_json::Value;

use crate::context::{Context, overlay, pick};
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "state-get",
    synopsis: "[<key>|-]",
    purpose: "Print what the charm keeps with the controller.",
    doc: "Without a key, or with -, prints all of it.",
    flags: &[Flag::bool("strict", "Fail where there is no such key")],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let key = cx.args.key()?;
    let base = cx.view.model.charm_states.get(&cx.view.unit).map(AsRef::as_ref);
    let state = overlay(base, Some(&cx.effects.state));
    match key {
        Some(key) if !state.contains_key(key) => match cx.args.is_on("strict") {
            true => Err(Stop::failed(format!("{key:?} not found"))),
            false => Ok(Outcome::json(Value::from(""))),
        },
        key => Ok(Outcome::json(pick(&state, key))),
    }
}
