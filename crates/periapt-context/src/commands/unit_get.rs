//! `unit-get`.

use serde_json::Value;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "unit-get",
    synopsis: "<private-address|public-address>",
    purpose: "Print an address of this unit.",
    doc: "Deprecated: network-get tells the address of each endpoint.",
    flags: &[],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(setting) = cx.args.positional.first() else { return Err(Stop::usage("no setting specified")) };
    if !matches!(*setting, "private-address" | "public-address") {
        return Err(Stop::usage(format!("unknown setting {setting:?}")));
    }
    cx.args.no_more_than(1)?;
    let machine =
        cx.view.machine().ok_or_else(|| Stop::failed(format!("no address of unit {:?}", cx.view.unit)))?;
    Ok(Outcome::json(Value::from(machine.address.as_str())))
}
