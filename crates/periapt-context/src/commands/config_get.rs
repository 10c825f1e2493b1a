//! `config-get`.

use serde_json::{Map, Value};

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "config-get",
    synopsis: "[<key>]",
    purpose: "Print the application's configuration.",
    doc: "With a key, prints that option's value, or nothing where it has none. Without one, prints every option that\n\
          has a value; with --all those without a value too.",
    flags: &[Flag::bool("all", "Print options without a value too").alias("a")],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let key = cx.args.at_most_one()?.filter(|key| !key.is_empty());
    let all = cx.args.is_on("all");
    if let Some(key) = key {
        if all {
            return Err(Stop::usage(format!("cannot use argument --all together with key {key:?}")));
        }
        return Ok(Outcome::json(cx.view.config_value(key).map_or(Value::Null, |value| value.to_json())));
    }
    let mut map = Map::new();
    for name in cx.view.charm().into_iter().flat_map(|charm| charm.config.keys()) {
        match cx.view.config_value(name) {
            Some(value) => drop(map.insert(name.clone(), value.to_json())),
            None if all => drop(map.insert(name.clone(), Value::Null)),
            None => {}
        }
    }
    Ok(Outcome::json(Value::Object(map)))
}
