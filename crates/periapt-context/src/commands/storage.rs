//! `storage-list`, `storage-get` and `storage-add`.

use periapt_model::names::{StorageId, StorageName};
use serde_json::json;

use crate::call::Need;
use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};
use crate::view::ContextKind;

pub(crate) const LIST: Spec = Spec {
    name: "storage-list",
    synopsis: "[<storage>]",
    purpose: "List the storages of this unit, or those of one name.",
    doc: "",
    flags: &[],
    output: Some(Formats::Smart),
    run: list,
};

pub(crate) const GET: Spec = Spec {
    name: "storage-get",
    synopsis: "[<key>]",
    purpose: "Print what a storage is (kind) and where (location).",
    doc: "In a storage's own hook that storage is meant where none is named.",
    flags: &[Flag::text("s", "The storage, as NAME/NUMBER")],
    output: Some(Formats::Smart),
    run: get,
};

pub(crate) const ADD: Spec = Spec {
    name: "storage-add",
    synopsis: "<storage>[=<count>] [...]",
    purpose: "Ask for more storages.",
    doc: "They are made when the hook has ended well; each has a storage-attached hook of its own.",
    flags: &[],
    output: None,
    run: add,
};

/// The storage whose hook this is.
fn current<'a>(cx: &Context<'a>) -> Option<&'a StorageId> {
    match &cx.view.context {
        ContextKind::Hook(hook) => hook.storage().map(|hook| &hook.storage),
        _ => None,
    }
}

/// The storages that the charm was told of.
fn known<'a>(cx: &Context<'a>) -> impl Iterator<Item = &'a StorageId> {
    let (local, current) = (&cx.view.local.storages, current(cx));
    cx.view.model.storages_of(&cx.view.unit).filter(move |id| local.contains(*id) || current == Some(*id))
}

fn list(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let name = cx.args.at_most_one()?;
    let wanted = |id: &&StorageId| name.is_none_or(|name| id.name.as_str() == name);
    let mut out: Vec<String> = known(cx).filter(wanted).map(StorageId::to_string).collect();
    out.sort_unstable();
    Ok(Outcome::lines(out))
}

fn get(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let key = cx.args.key()?;
    let id = match cx.args.text("s").filter(|text| !text.is_empty()) {
        Some(text) => known(cx)
            .find(|id| id.to_string() == text)
            .ok_or_else(|| Stop::usage(format!("invalid value {text:?} for option -s: storage not found")))?,
        None => current(cx).ok_or_else(|| Stop::usage("no storage instance specified"))?,
    };
    if key.is_some_and(|key| !matches!(key, "kind" | "location")) {
        return Err(Stop::failed(format!("invalid storage attribute {:?}", key.unwrap_or_default())));
    }
    if key == Some("kind") {
        return Ok(Outcome::json("filesystem".into()));
    }
    let location = match cx.call.supplied.storages.get(id) {
        None => return Err(Stop::Need(Need::Storage(id.clone()))),
        Some(Ok(path)) => path.as_str(),
        Some(Err(why)) => return Err(Stop::failed(format!("cannot make storage {id}: {why}"))),
    };
    Ok(Outcome::json(match key {
        Some(_) => location.into(),
        None => json!({"kind": "filesystem", "location": location}),
    }))
}

fn add(cx: &Context<'_>) -> Result<Outcome, Stop> {
    if cx.args.positional.is_empty() {
        return Err(Stop::usage("storage add requires a storage directive"));
    }
    let mut outcome = Outcome::default();
    for text in &cx.args.positional {
        let (name, count) = text.split_once('=').map_or((*text, "1"), |(name, count)| (name, count));
        let invalid = || Stop::usage(format!("invalid value {text:?}: expected <storage>[=<count>]"));
        let count = count.parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(invalid)?;
        let name: StorageName = name.parse().map_err(|_| invalid())?;
        if !cx.view.charm().is_some_and(|charm| charm.storages.contains_key(&name)) {
            return Err(Stop::failed(format!("charm storage {name:?} not found")));
        }
        outcome.changes.push(Change::Storage(name, count));
    }
    Ok(outcome)
}
