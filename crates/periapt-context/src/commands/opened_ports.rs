//! `opened-ports`.

use std::collections::BTreeMap;

use periapt_model::effects::PortRange;

use super::ports;
use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "opened-ports",
    synopsis: "",
    purpose: "List the ports that this unit has open.",
    doc: "What this hook has opened and closed so far is taken into account.",
    flags: &[Flag::bool("endpoints", "Print the endpoints of each range; * stands for all")],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    let mut by_range: BTreeMap<PortRange, Vec<String>> = BTreeMap::new();
    for (endpoint, ranges) in ports::current(cx) {
        for range in ranges {
            by_range.entry(range).or_default().push(endpoint.clone());
        }
    }
    let with_endpoints = cx.args.is_on("endpoints");
    let line = |(range, endpoints): (PortRange, Vec<String>)| match endpoints.first() {
        _ if !with_endpoints => range.to_string(),
        // The empty name, which stands for all endpoints, sorts first.
        Some(first) if first.is_empty() => format!("{range} (*)"),
        _ => format!("{range} ({})", endpoints.join(", ")),
    };
    let mut ranges: Vec<_> = by_range.into_iter().collect();
    // Juju sorts by the protocol's name, then by number.
    ranges.sort_by_key(|(range, _)| (range.protocol.to_string(), range.from, range.to));
    Ok(Outcome::lines(ranges.into_iter().map(line).collect()))
}
