//! What the secret commands share: which secret is meant, what it is to be, and what this hook has done to it already.

use std::collections::BTreeMap;

use periapt_model::entity::{GrantScope, RotatePolicy, SecretContent, SecretOwner, SecretReader};
use periapt_model::names::SecretId;
use periapt_model::secrets::{self, Expiry, SecretChange, SecretRemoval, SecretUpdate};
use periapt_model::time::{Timestamp, parse_duration};

use crate::context::Context;
use crate::outcome::Stop;
use crate::settings;
use crate::spec::Flag;

pub(crate) const LABEL: Flag = Flag::text("label", "A name for the secret");
pub(crate) const DESCRIPTION: Flag = Flag::text("description", "What the secret is for");
pub(crate) const EXPIRE: Flag =
    Flag::text("expire", "When it expires: a duration or a moment such as 2027-01-02T03:04:05Z");
pub(crate) const ROTATE: Flag =
    Flag::text("rotate", "never, hourly, daily, weekly, monthly, quarterly or yearly");
pub(crate) const OWNER: Flag = Flag::text("owner", "application (the default) or unit");
pub(crate) const CONTENT_FILE: Flag =
    Flag::text("file", "A file that holds a YAML or JSON map of keys to values; - is standard input");

/// Juju's word for an owner that does not lead.
pub(crate) fn not_the_leader() -> Stop {
    Stop::failed("not the leader")
}

pub(crate) fn not_found(name: &str) -> Stop {
    Stop::failed(format!("secret {name:?} not found"))
}

/// `secret:ID`, `secret://MODEL/ID` or the id alone. A secret of another model is here as a copy, if it was granted.
pub(crate) fn parse_id(cx: &Context<'_>, text: &str) -> Result<SecretId, Stop> {
    let invalid = || Stop::usage(format!("secret URI {text:?} not valid"));
    let rest = text.strip_prefix("secret:").unwrap_or(text);
    let (model, id) = match rest.strip_prefix("//") {
        Some(path) => path.rsplit_once('/').ok_or_else(invalid)?,
        None => ("", rest),
    };
    let id: SecretId = id.parse().map_err(|_| invalid())?;
    let known = cx.view.model.secrets.get(&id).and_then(|secret| secret.origin.as_deref());
    if model.is_empty() || model == cx.view.model.info.uuid && known.is_none() || known == Some(model) {
        return Ok(id);
    }
    // "not found" is what charms look for.
    Err(Stop::failed(format!(
        "secret {:?} not found: it is one of model {model}, and was not granted over a relation with that",
        id.as_str()
    )))
}

/// The first positional argument as a secret's id, and the others.
pub(crate) fn id_and_rest<'a, 'b>(cx: &'b Context<'a>) -> Result<(SecretId, &'b [&'a str]), Stop> {
    match cx.args.positional.split_first() {
        Some((first, rest)) => Ok((parse_id(cx, first)?, rest)),
        None => Err(Stop::usage("missing secret URI")),
    }
}

/// The fields and the content that a command line sets.
pub(crate) fn update(cx: &Context<'_>, pairs: &[&str]) -> Result<SecretUpdate, Stop> {
    let text = |name| cx.args.text(name).map(str::to_owned);
    let expire = cx.args.text("expire").filter(|text| !text.is_empty()).map(expiry).transpose()?;
    let rotate = cx.args.text("rotate").filter(|text| !text.is_empty());
    let rotate = rotate.map(|text| text.parse::<RotatePolicy>().map_err(Stop::Usage)).transpose()?;
    let content = Some(content(cx, pairs)?).filter(|content| !content.is_empty());
    Ok(SecretUpdate { label: text("label"), description: text("description"), expire, rotate, content })
}

fn expiry(text: &str) -> Result<Expiry, Stop> {
    if let Some(span) = parse_duration(text).filter(|span| !span.is_zero()) {
        return Ok(Expiry::After(span));
    }
    let invalid = || Stop::usage(format!("expire time or duration {text:?} not valid"));
    Timestamp::parse_rfc3339(text).map(Expiry::At).ok_or_else(invalid)
}

/// Whether `--owner` says the unit.
pub(crate) fn unit_owned(cx: &Context<'_>) -> Result<bool, Stop> {
    match cx.args.text("owner") {
        None | Some("application") => Ok(false),
        Some("unit") => Ok(true),
        Some(other) => Err(Stop::usage(format!("secret owner {other:?} not valid"))),
    }
}

/// `key=value`, `key#base64=value`, `key#file=path`, and below them those of `--file`. No message holds a value: they may
/// end in a log.
fn content(cx: &Context<'_>, pairs: &[&str]) -> Result<SecretContent, Stop> {
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for (place, pair) in pairs.iter().enumerate() {
        let expected = || Stop::usage(format!("expected \"key=value\" as value {}", place + 1));
        let (key, value) = pair.split_once('=').ok_or_else(expected)?;
        if given.insert(key, value).is_some() {
            return Err(Stop::usage(format!("key {key:?} specified more than once")));
        }
    }
    let mut content = SecretContent::default();
    if let Some(path) = cx.args.text("file").filter(|path| !path.is_empty()) {
        let unreadable = |_| Stop::usage(format!("cannot read {path}: expected a map of keys to texts"));
        for (key, value) in &settings::read(cx.file(path)?).map_err(unreadable)? {
            add(cx, &mut content, key, value)?;
        }
    }
    for (key, value) in given {
        add(cx, &mut content, key, value)?;
    }
    content.check_size().map_err(|error| Stop::usage(error.to_string()))?;
    Ok(content)
}

fn add(cx: &Context<'_>, content: &mut SecretContent, key: &str, value: &str) -> Result<(), Stop> {
    let added = match key.rsplit_once('#') {
        Some((key, "base64")) => content.insert_base64(key, value),
        Some((key, "file")) => content.insert(key, cx.file(value)?),
        _ => content.insert(key, value.as_bytes()),
    };
    added.map_err(|error| Stop::usage(error.to_string()))
}

/// A secret of ours as it is with what this hook did to it.
pub(crate) struct Own<'a> {
    pub id: SecretId,
    pub owner: &'a SecretOwner,
    pub label: Option<&'a str>,
    /// What this hook did.
    pub change: Option<&'a SecretChange>,
    /// As the hook found it; None when the hook made it.
    pub found: Option<&'a periapt_model::entity::Secret>,
}

impl Own<'_> {
    /// Who may read it, and for how long.
    pub fn grants(&self) -> BTreeMap<SecretReader, GrantScope> {
        let mut grants = self.found.map(|secret| secret.grants.clone()).unwrap_or_default();
        for (reader, scope) in self.change.iter().flat_map(|change| &change.access) {
            match scope {
                Some(relation) => drop(grants.insert(reader.clone(), GrantScope::Relation(*relation))),
                None => secrets::revoke(&mut grants, reader),
            }
        }
        grants
    }
}

/// Whether this hook has taken the whole secret away.
pub(crate) fn is_removed(cx: &Context<'_>, id: &SecretId) -> bool {
    cx.effects.secrets.get(id).is_some_and(|change| change.remove == Some(SecretRemoval::Whole))
}

/// The secret, if it belongs to this unit or its application.
pub(crate) fn own<'a>(cx: &Context<'a>, id: &SecretId) -> Option<Own<'a>> {
    let change = cx.effects.secrets.get(id);
    let found = cx.view.model.secrets.get(id).map(AsRef::as_ref);
    let owner = found.map(|secret| &secret.owner).or_else(|| change?.create.as_ref())?;
    if is_removed(cx, id) || !secrets::is_own(owner, &cx.view.unit) {
        return None;
    }
    let label = change.and_then(|change| change.update.label.as_deref());
    let label = label.or_else(|| found?.label.as_deref()).filter(|label| !label.is_empty());
    Some(Own { id: id.clone(), owner, label, change, found })
}

/// Every secret of this unit and of its application.
pub(crate) fn all_own<'a>(cx: &Context<'a>) -> Vec<Own<'a>> {
    let unit = SecretOwner::Unit(cx.view.unit.clone());
    let app = SecretOwner::Application(cx.view.unit.app().clone());
    let model = &cx.view.model;
    let found = model.secrets_of(&unit).chain(model.secrets_of(&app)).map(|secret| &secret.id);
    let made = cx.effects.secrets.iter().filter(|(_, change)| change.create.is_some()).map(|(id, _)| id);
    let mut all: Vec<Own<'a>> = found.chain(made).filter_map(|id| own(cx, id)).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// Whether this unit may change it: its own, and its application's while it leads.
pub(crate) fn manages(cx: &Context<'_>, owner: &SecretOwner) -> Result<bool, Stop> {
    let leads = matches!(owner, SecretOwner::Application(_)) && cx.is_leader()?;
    Ok(secrets::manages(owner, &cx.view.unit, leads))
}

/// Refuses a change of a secret that is known to be the application's when this unit does not lead. A secret that is not
/// known to be ours is refused when the hook ends, as in Juju.
pub(crate) fn check_leads(cx: &Context<'_>, id: &SecretId) -> Result<(), Stop> {
    match own(cx, id) {
        Some(own) if !manages(cx, own.owner)? => Err(not_the_leader()),
        _ => Ok(()),
    }
}

/// Refuses an owner's label that another secret of the same owner has.
pub(crate) fn check_label(
    cx: &Context<'_>,
    owner: &SecretOwner,
    id: Option<&SecretId>,
    update: &SecretUpdate,
) -> Result<(), Stop> {
    let Some(label) = update.label.as_deref().filter(|label| !label.is_empty()) else { return Ok(()) };
    let taken = |other: &Own<'_>| other.owner == owner && Some(&other.id) != id && other.label == Some(label);
    if all_own(cx).iter().any(taken) {
        return Err(Stop::failed(format!("secret with label {label:?} already exists")));
    }
    Ok(())
}
