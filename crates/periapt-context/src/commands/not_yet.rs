//! Hook commands that exist, so that a charm that runs one learns why it cannot have it.
//!
//! Where the truth without storage is harmless it is told: there is none.

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{FILE, Flag, Formats, Spec};

const fn missing(name: &'static str, synopsis: &'static str, flags: &'static [Flag]) -> Spec {
    let purpose = "Not supported by this version of periapt yet.";
    Spec { name, synopsis, purpose, doc: "", flags, output: None, run: unsupported }
}

fn unsupported(cx: &Context<'_>) -> Result<Outcome, Stop> {
    Err(Stop::failed(format!("{} is not supported by this version of periapt yet", cx.call.command)))
}

pub(crate) const ADD_METRIC: Spec =
    missing("add-metric", "<key>=<value> [...]", &[Flag::text("labels", "Labels of the metric")]);

const OUTPUT_FLAGS: &[Flag] =
    &[Flag::text("format", "yaml or json"), Flag::text("o", "A file").alias("output")];
const SPEC_FLAGS: &[Flag] = &[FILE, Flag::text("k8s-resources", "A file of Kubernetes resources")];
pub(crate) const CREDENTIAL_GET: Spec = missing("credential-get", "", OUTPUT_FLAGS);
pub(crate) const K8S_RAW_GET: Spec = missing("k8s-raw-get", "", OUTPUT_FLAGS);
pub(crate) const K8S_RAW_SET: Spec = missing("k8s-raw-set", "", &[FILE]);
pub(crate) const K8S_SPEC_GET: Spec = missing("k8s-spec-get", "", OUTPUT_FLAGS);
pub(crate) const K8S_SPEC_SET: Spec = missing("k8s-spec-set", "", SPEC_FLAGS);
pub(crate) const POD_SPEC_GET: Spec = missing("pod-spec-get", "", OUTPUT_FLAGS);
pub(crate) const POD_SPEC_SET: Spec = missing("pod-spec-set", "", SPEC_FLAGS);

pub(crate) const PAYLOAD_REGISTER: Spec =
    missing("payload-register", "<type> <class> <id> [<label> ...]", &[]);
pub(crate) const PAYLOAD_STATUS_SET: Spec = missing("payload-status-set", "<class> <id> <status>", &[]);
pub(crate) const PAYLOAD_UNREGISTER: Spec = missing("payload-unregister", "<class> <id>", &[]);

pub(crate) const STORAGE_LIST: Spec = Spec {
    name: "storage-list",
    synopsis: "[<storage>]",
    purpose: "List the storages of this unit. Storage is not supported by this version of periapt yet: there are none.",
    doc: "",
    flags: &[],
    output: Some(Formats::Smart),
    run: |cx| {
        cx.args.no_more_than(1)?;
        Ok(Outcome::lines(Vec::new()))
    },
};
pub(crate) const STORAGE_ADD: Spec = missing("storage-add", "<storage>[=<count>] [...]", &[]);
pub(crate) const STORAGE_GET: Spec = missing(
    "storage-get",
    "[<key>]",
    &[
        Flag::text("s", "The storage"),
        Flag::text("format", "smart, json or yaml"),
        Flag::text("o", "A file").alias("output"),
    ],
);
