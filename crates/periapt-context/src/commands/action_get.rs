//! `action-get`.

use serde_json::Value;

use crate::context::Context;
use crate::format::sorted;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "action-get",
    synopsis: "[<key>[.<key>.<key>...]]",
    purpose: "Print the parameters of the action.",
    doc: "With a key prints that parameter, or nothing where there is none; dots reach into maps.",
    flags: &[],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let key = cx.args.at_most_one()?;
    let (_, params) = cx.action()?;
    let found = match key {
        None => sorted(&Value::Object(params.clone())),
        Some(path) => {
            let mut keys = path.split('.');
            let first = keys.next().and_then(|key| params.get(key));
            keys.fold(first, |value, key| value?.as_object()?.get(key)).map_or(Value::Null, sorted)
        }
    };
    Ok(Outcome::json(found))
}
