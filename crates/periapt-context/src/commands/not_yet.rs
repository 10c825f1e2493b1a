//! Hook commands that exist, so that a charm that runs one learns why it cannot have it.
//!
//! Where the truth without storage and secrets is harmless it is told: there are none. A secret that is asked for is
//! not found, in words that `ops` turns into its own error for that (reference 11.2).

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{FILE, Flag, Formats, RELATION, Spec};

const SECRET_FLAGS: [Flag; 6] = [
    Flag::text("label", "A name of our own for the secret"),
    Flag::text("description", "What it is for"),
    Flag::text("expire", "When it expires"),
    Flag::text("rotate", "How often it is to be rotated"),
    Flag::text("owner", "application or unit"),
    FILE,
];

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

pub(crate) const SECRET_ADD: Spec =
    missing("secret-add", "<key>[#base64|#file]=<value> [...]", &SECRET_FLAGS);
pub(crate) const SECRET_SET: Spec =
    missing("secret-set", "<id> [<key>[#base64|#file]=<value> ...]", &SECRET_FLAGS);
pub(crate) const SECRET_REMOVE: Spec =
    missing("secret-remove", "<id>", &[Flag::text("revision", "The revision to remove")]);
pub(crate) const SECRET_GRANT: Spec =
    missing("secret-grant", "<id>", &[RELATION, Flag::text("unit", "The unit that may read it")]);
pub(crate) const SECRET_REVOKE: Spec = missing(
    "secret-revoke",
    "<id>",
    &[RELATION, Flag::text("app", "The application"), Flag::text("unit", "The unit")],
);

pub(crate) const SECRET_GET: Spec = Spec {
    name: "secret-get",
    synopsis: "[<id>] [<key>[#base64]]",
    purpose: "Print a secret. Secrets are not supported by this version of periapt yet: none is found.",
    doc: "",
    flags: &[
        Flag::text("label", "The secret's label"),
        Flag::bool("peek", "The newest revision, this once"),
        Flag::bool("refresh", "The newest revision, from now on"),
    ],
    output: Some(Formats::Structured),
    run: no_such_secret,
};

pub(crate) const SECRET_INFO_GET: Spec = Spec {
    name: "secret-info-get",
    synopsis: "<id>",
    purpose: "Print what is known of a secret. Secrets are not supported by this version of periapt yet: none is found.",
    doc: "",
    flags: &[Flag::text("label", "The secret's label")],
    output: Some(Formats::Structured),
    run: no_such_secret,
};

fn no_such_secret(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(name) = cx.args.positional.first().copied().or_else(|| cx.args.text("label")) else {
        return Err(Stop::usage("require either a secret URI or label"));
    };
    let name = name.strip_prefix("secret:").unwrap_or(name);
    Err(Stop::failed(format!(
        "secret {name:?} not found: secrets are not supported by this version of periapt yet"
    )))
}

pub(crate) const SECRET_IDS: Spec = Spec {
    name: "secret-ids",
    synopsis: "",
    purpose: "List the secrets that this unit owns. Secrets are not supported by this version of periapt yet: there are none.",
    doc: "",
    flags: &[],
    output: Some(Formats::Smart),
    run: |cx| {
        cx.args.no_more_than(0)?;
        Ok(Outcome::lines(Vec::new()))
    },
};

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
