//! `secret-add`.

use periapt_model::entity::SecretOwner;
use periapt_model::names::SecretId;
use periapt_model::secrets::SecretWrite;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::secret;
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "secret-add",
    synopsis: "[<key>[#base64|#file]=<value> ...]",
    purpose: "Make a secret and print its id.",
    doc: "key#base64 takes a value that is base64 already, key#file the content of a file. The secret belongs to the\n\
          application, for which the unit must lead, or with --owner unit to the unit. It is there when the hook has\n\
          ended well.",
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
    let unit_owned = secret::unit_owned(cx)?;
    let update = secret::update(cx, &cx.args.positional)?;
    if update.content.is_none() {
        return Err(Stop::usage("missing secret value or filename"));
    }
    let owner = match unit_owned {
        true => SecretOwner::Unit(cx.view.unit.clone()),
        false if cx.is_leader()? => SecretOwner::Application(cx.view.unit.app().clone()),
        false => return Err(secret::not_the_leader()),
    };
    secret::check_label(cx, &owner, None, &update)?;
    let id = new_id(cx);
    let text = format!("secret:{id}\n");
    let change = Change::Secret(id, SecretWrite::Create(owner, update));
    Ok(Outcome { text, changes: vec![change], ..Outcome::default() })
}

/// An id that no other secret has or had. What it is made from is never the same twice: the journal's counter moves with
/// every dispatch of the unit, and the session counts within one.
fn new_id(cx: &Context<'_>) -> SecretId {
    let model = &cx.view.model;
    let (unit, dispatch) = (cx.view.unit.to_string(), model.next_journal.to_string());
    let mut count = cx.session.secrets_made;
    loop {
        let id = SecretId::derived(&[&model.info.uuid, &unit, &dispatch, &count.to_string()]);
        if !model.secrets.contains_key(&id) && !cx.effects.secrets.contains_key(&id) {
            return id;
        }
        count = count.wrapping_add(1);
    }
}
