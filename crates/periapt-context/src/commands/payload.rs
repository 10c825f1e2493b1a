//! `payload-register`, `payload-status-set` and `payload-unregister` (Juju 3 and older).

use periapt_model::command::Tell;
use periapt_model::entity::{PayloadChange, PayloadKey, PayloadStatus};

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

pub(crate) const REGISTER: Spec = Spec {
    name: "payload-register",
    synopsis: "<type> <class> <id> [<label> ...]",
    purpose: "Tell of something that the charm runs.",
    doc: "The class and its type are those of the charm's metadata. It counts at once.",
    flags: &[],
    output: None,
    run: register,
};

pub(crate) const STATUS_SET: Spec = Spec {
    name: "payload-status-set",
    synopsis: "<class> <id> <status>",
    purpose: "Say what a payload does: starting, started, stopping or stopped.",
    doc: "It counts at once.",
    flags: &[],
    output: None,
    run: status_set,
};

pub(crate) const UNREGISTER: Spec = Spec {
    name: "payload-unregister",
    synopsis: "<class> <id>",
    purpose: "Say that a payload is gone.",
    doc: "It counts at once.",
    flags: &[],
    output: None,
    run: unregister,
};

/// The longest id, label or list of labels together, in bytes: they are names, and lists show them.
const LONGEST: usize = 4096;

fn key(class: &str, id: &str) -> Result<PayloadKey, Stop> {
    if class.is_empty() || class.contains('/') {
        return Err(Stop::failed(format!("payload {class:?} not found in metadata.yaml")));
    }
    if id.is_empty() || id.len() > LONGEST {
        return Err(Stop::failed(format!("a payload's id has 1 to {LONGEST} bytes")));
    }
    Ok(PayloadKey { class: class.to_owned(), id: id.to_owned() })
}

fn tell(key: PayloadKey, change: PayloadChange) -> Outcome {
    Outcome::change(Change::Tell(Tell::Payload { key, change }))
}

fn register(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let [kind, class, id, labels @ ..] = cx.args.positional.as_slice() else {
        return Err(Stop::usage("missing required arguments"));
    };
    let declared = cx.view.charm().and_then(|charm| charm.payloads.get(*class));
    let declared =
        declared.ok_or_else(|| Stop::failed(format!("payload {class:?} not found in metadata.yaml")))?;
    if declared != kind {
        return Err(Stop::failed(format!(
            "incorrect type {kind:?} for payload {class:?}, expected {declared:?}"
        )));
    }
    if labels.iter().map(|label| label.len()).sum::<usize>() > LONGEST {
        return Err(Stop::failed(format!("the labels have more than {LONGEST} bytes together")));
    }
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    Ok(tell(key(class, id)?, PayloadChange::Register { kind: declared.clone(), labels }))
}

fn status_set(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let [class, id, word] = cx.args.positional.as_slice() else {
        return Err(match cx.args.no_more_than(3) {
            Err(stop) => stop,
            Ok(()) => Stop::usage("missing required arguments"),
        });
    };
    let status = PayloadStatus::ALL.into_iter().find_map(|(name, status)| (name == *word).then_some(status));
    let status = status.ok_or_else(|| {
        let known = PayloadStatus::ALL.map(|(name, _)| format!("{name:?}")).join(", ");
        Stop::usage(format!("status {word:?} not supported; expected one of [{known}]"))
    })?;
    Ok(tell(key(class, id)?, PayloadChange::Status(status)))
}

fn unregister(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let [class, id] = cx.args.positional.as_slice() else {
        return Err(match cx.args.no_more_than(2) {
            Err(stop) => stop,
            Ok(()) => Stop::usage("missing required arguments"),
        });
    };
    Ok(tell(key(class, id)?, PayloadChange::Unregister))
}
