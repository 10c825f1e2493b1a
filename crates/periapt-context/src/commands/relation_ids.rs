//! `relation-ids`.

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "relation-ids",
    synopsis: "[<endpoint>]",
    purpose: "List the relations of an endpoint.",
    doc: "Prints their ids as ENDPOINT:N. In a relation hook the endpoint may be left out.\n\
          A relation that is being broken is not listed; its data can still be read by its id.",
    flags: &[],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let endpoint = match cx.args.at_most_one()?.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => {
            let current = cx.view.current_relation().and_then(|(id, ..)| cx.view.relation(id));
            current.ok_or_else(|| Stop::usage("no endpoint name specified"))?.endpoint.as_str()
        }
    };
    let mut ids: Vec<String> = cx
        .view
        .relations()
        .filter(|known| known.endpoint.as_str() == endpoint && !cx.view.is_broken(known))
        .map(|known| format!("{}:{}", known.endpoint, known.id))
        .collect();
    // As text, like Juju: db:10 before db:2.
    ids.sort_unstable();
    Ok(Outcome::lines(ids))
}
