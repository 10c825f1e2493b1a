//! `secret-remove`.

use periapt_model::secrets::SecretWrite;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::secret;
use crate::spec::{Flag, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "secret-remove",
    synopsis: "<id>",
    purpose: "Remove a secret, or one revision of it.",
    doc: "What was set in the same hook before is dropped with it. It counts when the hook has ended well.",
    flags: &[Flag::text("revision", "The revision to remove; without it, all of the secret")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let (id, _) = secret::id_and_rest(cx)?;
    cx.args.no_more_than(1)?;
    let revision = cx.args.text("revision").map(revision).transpose()?;
    secret::check_leads(cx, &id)?;
    if secret::is_removed(cx, &id) {
        return Ok(Outcome::default());
    }
    Ok(Outcome::change(Change::Secret(id, SecretWrite::Remove(revision))))
}

fn revision(text: &str) -> Result<u32, Stop> {
    let number = text.parse::<u32>().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        Stop::usage(format!("invalid value {text:?} for option --revision: expected a number of at least 1"))
    })
}
