//! `open-port` and `close-port`.

use std::sync::Arc;

use periapt_model::effects::{OpenPorts, PortChange, PortRange};
use periapt_model::entity::Unit;

use super::relation_set::format_warning;
use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, IGNORED_FORMAT, Spec};

const SYNOPSIS: &str = "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp";
const ENDPOINTS: Flag =
    Flag::text("endpoints", "The endpoints it is for, with commas between; all by default");

pub(crate) const OPEN: Spec = Spec {
    name: "open-port",
    synopsis: SYNOPSIS,
    purpose: "Open a port or a range of ports.",
    doc: "The protocol is tcp (the default), udp or icmp. The port opens when the hook has ended well, and to the\n\
          outside only while the application is exposed.",
    flags: &[ENDPOINTS, IGNORED_FORMAT],
    output: None,
    run: |cx| run(cx, true),
};

pub(crate) const CLOSE: Spec = Spec {
    name: "close-port",
    synopsis: SYNOPSIS,
    purpose: "Close a port or a range of ports.",
    doc: "It must be the range that was opened. The port closes when the hook has ended well.",
    flags: &[ENDPOINTS, IGNORED_FORMAT],
    output: None,
    run: |cx| run(cx, false),
};

fn run(cx: &Context<'_>, open: bool) -> Result<Outcome, Stop> {
    let Some(text) = cx.args.positional.first() else {
        return Err(Stop::usage("no port or range specified"));
    };
    let range: PortRange = text.parse().map_err(|e| Stop::usage(format!("{e}")))?;
    cx.args.no_more_than(1)?;
    let endpoints: Vec<String> = match cx.args.text("endpoints").filter(|text| !text.is_empty()) {
        Some(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
        None => vec![String::new()],
    };
    let refuse = |why: String| {
        let verb = if open { "open" } else { "close" };
        Stop::failed(format!("cannot {verb} {range} (unit \"{}\"): {why}", cx.view.unit))
    };
    for endpoint in endpoints.iter().filter(|name| !name.is_empty()) {
        if cx.view.charm().is_none_or(|charm| charm.endpoint(endpoint).is_none()) {
            return Err(refuse(format!("endpoint {endpoint:?} not found")));
        }
    }
    let ours = current(cx);
    if let Some(other) = ranges(&ours).find(|other| range.conflicts_with(other)) {
        return Err(refuse(format!("port range conflicts with {other} (unit \"{}\")", cx.view.unit)));
    }
    for unit in neighbours(cx) {
        let taken = |other: &&PortRange| *other == &range || range.conflicts_with(other);
        if let Some(other) = ranges(&unit.ports).find(taken) {
            return Err(refuse(format!("port range conflicts with {other} (unit \"{}\")", unit.name)));
        }
    }
    let mut outcome = Outcome {
        warnings: format_warning(cx, if open { OPEN.name } else { CLOSE.name }),
        ..Outcome::default()
    };
    let changes_something = |endpoint: &String| match open {
        true => !ours.get(endpoint).is_some_and(|set| set.contains(&range)),
        false => ranges(&ours).any(|other| *other == range),
    };
    let endpoints: Vec<String> = endpoints.into_iter().filter(changes_something).collect();
    if !endpoints.is_empty() {
        outcome.changes.push(Change::Port(PortChange { open, range, endpoints }));
    }
    Ok(outcome)
}

/// The unit's ports as they will be when the hook has ended well.
pub(super) fn current(cx: &Context<'_>) -> OpenPorts {
    let mut ports = cx.view.me().map(|unit| unit.ports.clone()).unwrap_or_default();
    for change in &cx.effects.ports {
        change.apply_to(&mut ports);
    }
    ports
}

fn ranges(ports: &OpenPorts) -> impl Iterator<Item = &PortRange> {
    ports.values().flatten()
}

/// The other units of this unit's machine.
fn neighbours<'a>(cx: &Context<'a>) -> impl Iterator<Item = &'a Arc<Unit>> {
    let (view, machine) = (cx.view, cx.view.me().map(|unit| unit.machine));
    let ours = move |unit: &&Arc<Unit>| Some(unit.machine) == machine && unit.name != view.unit;
    view.model.units.values().filter(ours)
}
