//! What the relation commands share: which relation is meant, and what its databags hold.

use std::collections::BTreeMap;

use periapt_model::names::{AppName, RelationId, UnitName};

use crate::context::{Context, overlay};
use crate::outcome::Stop;
use crate::view::KnownRelation;

/// The relation of `-r`, else the context's own; None where there is neither.
pub(crate) fn chosen<'a>(cx: &Context<'a>) -> Result<Option<KnownRelation<'a>>, Stop> {
    let Some(text) = cx.args.text("r") else {
        let Some((id, ..)) = cx.view.current_relation() else { return Ok(None) };
        return cx.view.relation(id).map(Some).ok_or_else(|| Stop::failed("relation not found"));
    };
    let refuse = |why: &str| Stop::usage(format!("invalid value {text:?} for option -r: {why}"));
    let (endpoint, number) = text.rsplit_once(':').map_or((None, text), |(name, n)| (Some(name), n));
    // A number that is no id of ours cannot be a relation either, but a text that is no number is malformed.
    let id = match number.parse::<i64>() {
        Ok(id) => u32::try_from(id).map(RelationId).map_err(|_| refuse("relation not found"))?,
        Err(_) => return Err(refuse("invalid relation id")),
    };
    let known = cx.view.relation(id).filter(|known| {
        endpoint.is_none_or(|name| {
            known.endpoint.as_str() == name
                || known
                    .relation
                    .ends
                    .iter()
                    .any(|e| &e.app == cx.view.unit.app() && e.endpoint.as_str() == name)
        })
    });
    known.map(Some).ok_or_else(|| refuse("relation not found"))
}

/// The relation of `-r`, else the context's own.
pub(crate) fn required<'a>(cx: &Context<'a>) -> Result<KnownRelation<'a>, Stop> {
    chosen(cx)?.ok_or_else(|| Stop::usage("no relation id specified"))
}

/// A unit's databag, if it may be read: our own with the hook's writes on top, or that of anybody who is or was in the
/// relation (data of departed units stays readable).
pub(crate) fn unit_bag<'b>(
    cx: &'b Context<'_>,
    known: &KnownRelation<'_>,
    unit: &UnitName,
) -> Result<BTreeMap<&'b str, &'b str>, Stop> {
    let base = cx.view.unit_bag(known.id, unit);
    if unit == &cx.view.unit {
        return Ok(overlay(base, cx.effects.relations.get(&known.id).map(|changes| &changes.unit)));
    }
    match base {
        Some(_) if known.relation.end_of(unit.app()).is_some() && cx.view.may_see(known, unit) => {
            Ok(overlay(base, None))
        }
        _ => Err(Stop::failed("permission denied")),
    }
}

/// An application's databag, if it may be read: the other side's by anybody, our own by the leader with the hook's
/// writes on top, and in a peer relation by every unit (reference 4.4).
pub(crate) fn app_bag<'b>(
    cx: &'b Context<'_>,
    known: &KnownRelation<'_>,
    app: &AppName,
) -> Result<BTreeMap<&'b str, &'b str>, Stop> {
    if known.relation.end_of(app).is_none() {
        return Err(Stop::failed("permission denied"));
    }
    let base = Some(cx.view.app_bag(known.id, app));
    if app != cx.view.unit.app() {
        return Ok(overlay(base, None));
    }
    if !known.relation.is_peer() && !cx.is_leader()? {
        return Err(Stop::failed("permission denied"));
    }
    Ok(overlay(base, cx.effects.relations.get(&known.id).map(|changes| &changes.app)))
}
