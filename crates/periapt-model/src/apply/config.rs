//! Settings of applications and of the model.

use std::collections::BTreeMap;

use crate::charm::{CharmMeta, ConfigValue, OptionType};
use crate::command::{Answer, Refusal};
use crate::entity::{self, InvalidSetting};
use crate::model::{Draft, Model};
use crate::names::AppName;

use super::{find_app, find_living_app};

/// The option of every application that says whether its charm may use the cloud's credential.
const TRUST: &str = "trust";

/// Reads config as typed against the charm's options.
pub(super) fn read_config(
    meta: &CharmMeta,
    app: &str,
    set: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, ConfigValue>, Refusal> {
    let mut values = BTreeMap::new();
    for (key, text) in set {
        let option = meta.config.get(key).ok_or_else(|| unknown_option(meta, app, key))?;
        let value = option.parse_cli(text).map_err(|error| {
            let refusal =
                Refusal::invalid(format!("cannot set option {key:?} of application {app:?}: {error}"));
            match option.kind {
                OptionType::Secret => refusal.hint(
                    "a secret is given by its URI (secret:…): `periapt secrets` lists them, and `periapt show-secret NAME` shows \
                     the one of that name",
                ),
                _ => refusal,
            }
        })?;
        values.insert(key.clone(), value);
    }
    Ok(values)
}

fn unknown_option(meta: &CharmMeta, app: &str, key: &str) -> Refusal {
    let refusal = Refusal::invalid(format!("unknown option {key:?} of application {app:?}"));
    match entity::nearest(key, meta.config.keys().map(String::as_str)) {
        Some(near) => refusal.hint(format!("did you mean {near:?}?")),
        None if meta.config.is_empty() => refusal.hint("its charm has no options"),
        None => {
            let names: Vec<&str> = meta.config.keys().map(String::as_str).collect();
            refusal.hint(format!("its options are: {}", names.join(", ")))
        }
    }
}

fn meta_of<'a>(model: &'a Model, app: &AppName) -> Result<&'a CharmMeta, Refusal> {
    model.charm_of(app).map(|charm| &charm.meta).ok_or_else(|| {
        Refusal::not_found(format!("the charm of application {:?} is not in the model", app.as_str()))
    })
}

pub(super) fn set_config(
    draft: &mut Draft,
    app: &AppName,
    set: &BTreeMap<String, String>,
    reset: &[String],
) -> Result<Answer, Refusal> {
    let found = find_living_app(&draft.model, app)?;
    let (before, trusted) = (found.config.clone(), found.trust);
    let meta = meta_of(&draft.model, app)?;
    if let Some(both) = reset.iter().find(|key| set.contains_key(*key)) {
        return Err(Refusal::invalid(format!("option {both:?} is both set and reset")));
    }
    let (set, reset, trust) = split_trust(meta, set, reset)?;
    let trust = trust.unwrap_or(trusted);
    let mut config = before.clone();
    config.extend(read_config(meta, app.as_str(), &set)?);
    for key in &reset {
        if !meta.config.contains_key(key) {
            return Err(unknown_option(meta, app.as_str(), key));
        }
        config.remove(key);
    }
    if config == before && trust == trusted {
        return Ok(Answer::Unchanged("all options have these values already".to_owned()));
    }
    draft.application(app, |a| {
        a.config = config;
        a.trust = trust;
    });
    Ok(Answer::Done)
}

/// What is left of options to set and to reset, and what they say of trust.
pub(super) type WithoutTrust = (BTreeMap<String, String>, Vec<String>, Option<bool>);

/// `trust` is an option of every application, and none of its charm's (Juju 3.6: `core/application.TrustConfigOptionName`).
/// A charm that has one of that name keeps it.
pub(super) fn split_trust(
    meta: &CharmMeta,
    set: &BTreeMap<String, String>,
    reset: &[String],
) -> Result<WithoutTrust, Refusal> {
    let (mut set, mut reset) = (set.clone(), reset.to_vec());
    if meta.config.contains_key(TRUST) {
        return Ok((set, reset, None));
    }
    let before = reset.len();
    reset.retain(|key| key != TRUST);
    let taken_back = (reset.len() < before).then_some(false);
    let given = match set.remove(TRUST).as_deref() {
        None => None,
        // What Go takes for a boolean.
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Some(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Some(false),
        Some(text) => {
            return Err(Refusal::invalid(format!("cannot set option \"trust\": {text:?} is not a boolean"))
                .hint("write trust=true or trust=false"));
        }
    };
    Ok((set, reset, given.or(taken_back)))
}

pub(super) fn set_trust(draft: &mut Draft, app: &AppName, trust: bool) -> Result<Answer, Refusal> {
    if find_living_app(&draft.model, app)?.trust == trust {
        return Ok(Answer::Unchanged(format!("trust of {app} is {trust} already")));
    }
    draft.application(app, |a| a.trust = trust);
    Ok(Answer::Done)
}

pub(super) fn set_exposed(draft: &mut Draft, app: &AppName, exposed: bool) -> Result<Answer, Refusal> {
    find_app(&draft.model, app)?;
    draft.application(app, |a| {
        a.exposed = exposed;
        a.exposure.clear();
    });
    Ok(Answer::Done)
}

pub(super) fn set_model_config(
    draft: &mut Draft,
    set: &BTreeMap<String, String>,
    reset: &[String],
) -> Result<Answer, Refusal> {
    let mut settings = draft.model.info.settings.clone();
    let refuse = |error: InvalidSetting| Refusal::invalid(error.to_string());
    for (key, value) in set {
        if key == "egress-subnets" {
            let networks = value.split(',').map(str::trim).filter(|text| !text.is_empty());
            super::exposure::networks(&networks.map(str::to_owned).collect::<Vec<_>>())?;
        }
        settings.set(key, value).map_err(refuse)?;
    }
    for key in reset {
        settings.reset(key).map_err(refuse)?;
    }
    if settings == draft.model.info.settings {
        return Ok(Answer::Unchanged("all settings have these values already".to_owned()));
    }
    draft.info(|info| info.settings = settings);
    Ok(Answer::Done)
}
