//! Whether what a deferred event is about is still there.

use crate::commands::{CommandError, Failed};
use crate::context::Context;
use crate::error::Error;
use crate::event::Event;

/// Why the event has no subject any more; none if it has.
///
/// A `relation-broken` keeps its subject: it is about a relation that goes.
pub(crate) fn subject(cx: &Context, event: &Event) -> Result<Option<String>, Error> {
    if let (Some(relation), false) = (event.relation(), matches!(event, Event::RelationBroken(_))) {
        let known = cx.metadata().endpoints.contains_key(&relation.endpoint);
        if !known {
            return Ok(Some(format!("the charm has no endpoint {} any more", relation.endpoint)));
        }
        let there = cx.relation_ids(relation.endpoint.as_str())?.contains(&relation.id);
        return Ok((!there).then(|| format!("relation {relation} is gone")));
    }
    if let Some(secret) = event.secret() {
        // Told by what Juju says of it; nothing is read or tracked by asking for the information or peeking.
        return match cx.run("secret-get", &["--peek".to_owned(), secret.id.clone()], None) {
            Err(CommandError { failed: Failed::SecretNotFound, .. }) => {
                Ok(Some(format!("secret {} is gone", secret.id)))
            }
            Ok(_) | Err(_) => Ok(None),
        };
    }
    if let Some(storage) = event.storage() {
        let list: Vec<String> = cx.json("storage-list", &[&storage.name])?;
        return Ok((!list.contains(&storage.to_string())).then(|| format!("storage {storage} is gone")));
    }
    Ok(None)
}
