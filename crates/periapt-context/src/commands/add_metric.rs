//! `add-metric`.

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "add-metric",
    synopsis: "<key>=<value> [...]",
    purpose: "Record metrics.",
    doc: "Only in a collect-metrics hook, which is never run: nobody collects metrics any more.",
    flags: &[Flag::text("labels", "Labels of the metric, as key=value[,key=value]").alias("l")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    if cx.args.positional.is_empty() {
        return Err(Stop::usage("no metrics specified"));
    }
    let is_pair = |text: &str| text.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty());
    if let Some(bad) = cx.args.positional.iter().find(|text| !is_pair(text)) {
        return Err(Stop::usage(format!("invalid metrics: expected \"key=value\", got {bad:?}")));
    }
    let labels = cx.args.text("labels").filter(|text| !text.is_empty());
    if let Some(bad) = labels.and_then(|labels| labels.split(',').find(|text| !is_pair(text))) {
        return Err(Stop::usage(format!("invalid labels: expected \"key=value\", got {bad:?}")));
    }
    Err(Stop::failed("cannot record metric: metrics not allowed in this context"))
}
