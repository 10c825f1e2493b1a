//! `secret-info-get` and `secret-ids`.

use periapt_model::entity::{GrantScope, SecretOwner};
use periapt_model::names::RelationId;
use periapt_model::secrets::Expiry;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::secret::{self, Own};
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "secret-info-get",
    synopsis: "<id>",
    purpose: "Print what is known of a secret of ours, but not what is in it.",
    doc: "Of an application's secret only the leader may ask.",
    flags: &[Flag::text("label", "The secret's label, instead of its id")],
    output: Some(Formats::Structured),
    run,
};

pub(crate) const IDS: Spec = Spec {
    name: "secret-ids",
    synopsis: "",
    purpose: "List the ids of the secrets that this unit manages.",
    doc: "Those of the unit; for the leader those of the application too.",
    flags: &[],
    output: Some(Formats::Smart),
    run: ids,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let id = cx.args.at_most_one()?.map(|text| secret::parse_id(cx, text)).transpose()?;
    let label = cx.args.text("label").filter(|label| !label.is_empty());
    let (found, name) = match (id, label) {
        (Some(_), Some(_)) => {
            return Err(Stop::usage("specify either a secret URI or label but not both"));
        }
        (Some(id), None) => (secret::own(cx, &id), id.to_string()),
        (None, Some(label)) => {
            (secret::all_own(cx).into_iter().find(|own| own.label == Some(label)), label.to_owned())
        }
        (None, None) => return Err(Stop::usage("require either a secret URI or label")),
    };
    match found {
        Some(own) if secret::manages(cx, own.owner)? => {
            Ok(Outcome::json(json!({own.id.as_str(): details(cx, &own)})))
        }
        _ => Err(secret::not_found(&name)),
    }
}

fn details(cx: &Context<'_>, own: &Own<'_>) -> Map<String, Value> {
    let update = own.change.map(|change| &change.update);
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    set("revision", own.found.map_or(1, |secret| secret.latest()).into());
    set("label", own.label.unwrap_or_default().into());
    set("owner", if matches!(own.owner, SecretOwner::Unit(_)) { "unit" } else { "application" }.into());
    let description = update.and_then(|u| u.description.as_deref());
    let description = description.or_else(|| own.found?.description.as_deref());
    if let Some(text) = description.filter(|text| !text.is_empty()) {
        set("description", text.into());
    }
    let rotate = update.and_then(|u| u.rotate).or_else(|| own.found.map(|secret| secret.rotate));
    set("rotation", rotate.unwrap_or_default().as_str().into());
    let latest = own.found.and_then(|secret| secret.revisions.get(&secret.latest()));
    let expires = match update.and_then(|u| u.expire) {
        Some(Expiry::At(at)) => Some(at),
        // It counts from the hook's end, which nobody knows yet.
        Some(Expiry::After(_)) => None,
        None => latest.and_then(|revision| revision.expires),
    };
    if let Some(at) = expires {
        set("expiry", at.to_rfc3339().into());
    }
    if let Some(at) = own.found.and_then(|secret| secret.rotates) {
        set("rotates", at.to_rfc3339().into());
    }
    let access: Vec<Value> = own
        .grants()
        .iter()
        .map(
            |(reader, scope)| json!({"target": reader.tag(), "scope": scope_tag(cx, *scope), "role": "view"}),
        )
        .collect();
    if !access.is_empty() {
        set("access", access.into());
    }
    out
}

/// Juju's tag: `relation-web.db#db.server`.
fn scope_tag(cx: &Context<'_>, scope: GrantScope) -> String {
    let key = |id: RelationId| cx.view.model.relations.get(&id).map(|relation| relation.key());
    match scope {
        GrantScope::Relation(id) => match key(id) {
            Some(key) => format!("relation-{}", key.replace(':', ".").replace(' ', "#")),
            None => format!("relation-{id}"),
        },
        GrantScope::Model => format!("model-{}", cx.view.model.info.uuid),
    }
}

fn ids(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    let mut out = Vec::new();
    for own in secret::all_own(cx) {
        if secret::manages(cx, own.owner)? {
            out.push(own.id.to_string());
        }
    }
    Ok(Outcome::lines(out))
}
