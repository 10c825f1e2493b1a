//! `credential-get`.

use serde_json::json;

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "credential-get",
    synopsis: "",
    purpose: "Print how to reach the cloud.",
    doc: "Only for applications that are trusted (`juju trust`). There is no cloud behind this machine: the answer has the\n\
          shape that Juju gives for machines that it did not make itself, whose credential is empty.",
    flags: &[],
    output: Some(Formats::Structured),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    let trusted = cx.view.model.applications.get(cx.view.unit.app()).is_some_and(|app| app.trust);
    if !trusted {
        return Err(Stop::failed("cannot access cloud credentials"));
    }
    // `manual` with `empty` is what Juju 3.6 says of hosts without a cloud's API.
    Ok(Outcome::json(json!({
        "type": "manual",
        "name": "localhost",
        "region": "localhost",
        "is-controller-cloud": true,
        "credential": {"auth-type": "empty", "attrs": {}},
    })))
}
