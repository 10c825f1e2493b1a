//! Hook commands that exist, so that a charm that runs one learns why it cannot have it.

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{FILE, Flag, Spec};

const fn missing(name: &'static str, synopsis: &'static str, flags: &'static [Flag]) -> Spec {
    let purpose = "Not supported by this version of periapt yet.";
    Spec { name, synopsis, purpose, doc: "", flags, output: None, run: unsupported }
}

fn unsupported(cx: &Context<'_>) -> Result<Outcome, Stop> {
    Err(Stop::failed(format!("{} is not supported by this version of periapt yet", cx.call.command)))
}

const OUTPUT_FLAGS: &[Flag] =
    &[Flag::text("format", "yaml or json"), Flag::text("o", "A file").alias("output")];
const SPEC_FLAGS: &[Flag] = &[FILE, Flag::text("k8s-resources", "A file of Kubernetes resources")];
pub(crate) const K8S_RAW_GET: Spec = missing("k8s-raw-get", "", OUTPUT_FLAGS);
pub(crate) const K8S_RAW_SET: Spec = missing("k8s-raw-set", "", &[FILE]);
pub(crate) const K8S_SPEC_GET: Spec = missing("k8s-spec-get", "", OUTPUT_FLAGS);
pub(crate) const K8S_SPEC_SET: Spec = missing("k8s-spec-set", "", SPEC_FLAGS);
pub(crate) const POD_SPEC_GET: Spec = missing("pod-spec-get", "", OUTPUT_FLAGS);
pub(crate) const POD_SPEC_SET: Spec = missing("pod-spec-set", "", SPEC_FLAGS);
