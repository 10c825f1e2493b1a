//! `secret-get`.

use periapt_model::command::Tell;
use periapt_model::entity::{SecretConsumer, SecretContent};
use periapt_model::names::SecretId;
use periapt_model::secrets::{SecretUpdate, SecretWrite};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::secret;
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "secret-get",
    synopsis: "[<id>] [<key>[#base64]]",
    purpose: "Print what is in a secret.",
    doc: "The first reading settles which revision this unit reads from then on, until it asks for the newest with\n\
          --refresh. With an id and --label the unit can ask by that label from then on. Both count at once.",
    flags: &[
        Flag::text("label", "The secret's label; with an id, what this unit calls it from now on"),
        Flag::bool("peek", "The newest revision, this once"),
        Flag::bool("refresh", "The newest revision, from now on"),
    ],
    output: Some(Formats::Structured),
    run,
};

/// The options of one call.
struct Asked<'a> {
    label: Option<&'a str>,
    peek: bool,
    refresh: bool,
    key: Option<&'a str>,
}

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let label = cx.args.text("label").filter(|label| !label.is_empty());
    let (id, rest) = match cx.args.positional.split_first() {
        None => (None, &[][..]),
        Some((first, rest)) => match secret::parse_id(cx, first) {
            Ok(id) => (Some(id), rest),
            // What is no id can only be a key where a label says which secret is meant.
            Err(Stop::Usage(_)) if label.is_some() && rest.is_empty() => {
                (None, cx.args.positional.as_slice())
            }
            Err(stop) => return Err(stop),
        },
    };
    let asked = Asked {
        label,
        peek: cx.args.is_on("peek"),
        refresh: cx.args.is_on("refresh"),
        key: rest.first().copied(),
    };
    if id.is_none() && label.is_none() {
        return Err(Stop::usage("require either a secret URI or label"));
    }
    if asked.peek && asked.refresh {
        return Err(Stop::usage("specify one of --peek or --refresh but not both"));
    }
    cx.args.no_more_than(cx.args.positional.len() - rest.len() + 1)?;
    match (id, label) {
        (Some(id), _) => read(cx, &id, &asked),
        (None, Some(label)) => {
            let id = labelled(cx, label)
                .ok_or_else(|| Stop::failed(format!("consumer label {label:?} not found")))?;
            read(cx, &id, &Asked { label: None, ..asked })
        }
        (None, None) => Err(Stop::usage("require either a secret URI or label")),
    }
}

/// The secret of that label: one of our own, else one that this unit has called so.
fn labelled(cx: &Context<'_>, label: &str) -> Option<SecretId> {
    if let Some(own) = secret::all_own(cx).into_iter().find(|own| own.label == Some(label)) {
        return Some(own.id);
    }
    called(cx, label)
}

fn called(cx: &Context<'_>, label: &str) -> Option<SecretId> {
    let now = cx.session.secrets.iter().find(|(_, consumer)| consumer.label.as_deref() == Some(label));
    if let Some((id, _)) = now {
        return Some(id.clone());
    }
    let known = cx.view.model.consumed_by(&cx.view.unit);
    // What this context reads anew keeps the name that it had, unless it got another one.
    let renamed = |id: &SecretId| cx.session.secrets.get(id).is_some_and(|now| now.label.is_some());
    let mut known = known.filter(|(id, _)| !renamed(id));
    known.find(|(_, consumer)| consumer.label.as_deref() == Some(label)).map(|(id, _)| id.clone())
}

fn read(cx: &Context<'_>, id: &SecretId, asked: &Asked<'_>) -> Result<Outcome, Stop> {
    if secret::is_removed(cx, id) {
        return Err(secret::not_found(id.as_str()));
    }
    if let Some(outcome) = written_here(cx, id, asked)? {
        return Ok(outcome);
    }
    let model = &cx.view.model;
    let found = model.secrets.get(id).ok_or_else(|| secret::not_found(id.as_str()))?;
    if !model.may_read(found, &cx.view.unit) {
        return Err(Stop::failed("permission denied"));
    }
    let consumer = consumer(cx, id);
    let newest = found.latest();
    let revision = match &consumer {
        Some(consumer) if !asked.peek && !asked.refresh => consumer.revision,
        _ => newest,
    };
    let content = model.secret_content(id, revision).ok_or_else(|| {
        Stop::failed(format!("secret {id:?} revision {revision} not found: read the newest with --refresh"))
    })?;
    let mut outcome = shown(content, asked.key)?;
    let mut label = None;
    if let Some(wanted) = asked.label {
        match secret::own(cx, id) {
            Some(own) if secret::manages(cx, own.owner)? => {
                outcome.changes.extend(relabel(cx, &own, wanted)?);
            }
            _ => label = new_label(cx, id, consumer.as_ref(), wanted)?,
        }
    }
    let tracked = consumer.map_or(0, |consumer| consumer.revision);
    let moves = !asked.peek && tracked != revision;
    if moves || label.is_some() {
        let revision = if moves || tracked == 0 { revision } else { tracked };
        outcome.changes.push(Change::Tell(Tell::TrackSecret {
            secret: id.clone(),
            label,
            revision: Some(revision),
        }));
    }
    Ok(outcome)
}

/// What this hook has set itself: at once for a new secret, and for another one's new content where the newest is asked for.
fn written_here(cx: &Context<'_>, id: &SecretId, asked: &Asked<'_>) -> Result<Option<Outcome>, Stop> {
    let Some(own) = secret::own(cx, id) else { return Ok(None) };
    let Some(change) = own.change else { return Ok(None) };
    let Some(content) = &change.update.content else { return Ok(None) };
    if change.create.is_none() && !asked.peek && !asked.refresh {
        return Ok(None);
    }
    let mut outcome = shown(content, asked.key)?;
    if let Some(label) = asked.label {
        outcome.changes.extend(relabel(cx, &own, label)?);
    }
    if asked.refresh && change.create.is_none() {
        outcome.changes.push(Change::Secret(id.clone(), SecretWrite::Track));
    }
    Ok(Some(outcome))
}

/// An owner has one label for a secret, the one that it made it with.
fn relabel(cx: &Context<'_>, own: &secret::Own<'_>, label: &str) -> Result<Option<Change>, Stop> {
    if own.label == Some(label) {
        return Ok(None);
    }
    let update = SecretUpdate { label: Some(label.to_owned()), ..SecretUpdate::default() };
    secret::check_label(cx, own.owner, Some(&own.id), &update)?;
    Ok(Some(Change::Secret(own.id.clone(), SecretWrite::Update(update))))
}

/// The label that this unit gives to another's secret, if it is new.
fn new_label(
    cx: &Context<'_>,
    id: &SecretId,
    consumer: Option<&SecretConsumer>,
    wanted: &str,
) -> Result<Option<String>, Stop> {
    if consumer.and_then(|consumer| consumer.label.as_deref()) == Some(wanted) {
        return Ok(None);
    }
    match called(cx, wanted) {
        Some(other) if other != *id && cx.view.model.secrets.contains_key(&other) => {
            Err(Stop::failed(format!("secret with label {wanted:?} already exists")))
        }
        _ => Ok(Some(wanted.to_owned())),
    }
}

fn consumer(cx: &Context<'_>, id: &SecretId) -> Option<SecretConsumer> {
    let known = cx.view.model.secret_consumer(id, &cx.view.unit);
    match (cx.session.secrets.get(id), known) {
        (Some(now), known) => {
            let label = now.label.clone().or_else(|| known?.label.clone());
            Some(SecretConsumer { label, revision: now.revision })
        }
        (None, known) => known.map(|known| SecretConsumer::clone(known)),
    }
}

fn shown(content: &SecretContent, key: Option<&str>) -> Result<Outcome, Stop> {
    let Some(key) = key else {
        let map: Map<String, Value> =
            content.keys().map(|key| (key.to_owned(), content.text(key).into())).collect();
        return Ok(Outcome::json(map.into()));
    };
    let value = match key.strip_suffix("#base64") {
        Some(key) => content.base64(key).map(str::to_owned),
        None => content.text(key),
    };
    let value = value.ok_or_else(|| Stop::failed(format!("secret key value {key:?} not found")))?;
    Ok(Outcome::json(value.into()))
}
