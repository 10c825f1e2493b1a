//! `secret-set`.

use periapt_model::secrets::SecretWrite;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::secret;
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "secret-set",
    synopsis: "<id> [<key>[#base64|#file]=<value> ...]",
    purpose: "Change a secret.",
    doc: "Content that differs from the newest revision makes a new revision; it replaces all of it. Several changes in\n\
          one hook are put together. They count when the hook has ended well.",
    flags: &[
        secret::LABEL,
        secret::DESCRIPTION,
        secret::EXPIRE,
        secret::ROTATE,
        secret::OWNER,
        secret::CONTENT_FILE,
    ],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let (id, pairs) = secret::id_and_rest(cx)?;
    // Sent by `ops` for every secret, whoever owns it.
    secret::unit_owned(cx)?;
    let update = secret::update(cx, pairs)?;
    secret::check_leads(cx, &id)?;
    if let Some(own) = secret::own(cx, &id) {
        secret::check_label(cx, own.owner, Some(&id), &update)?;
    } else if secret::is_removed(cx, &id) {
        return Err(secret::not_found(id.as_str()));
    }
    if update.is_empty() {
        return Ok(Outcome::default());
    }
    Ok(Outcome::change(Change::Secret(id, SecretWrite::Update(update))))
}
