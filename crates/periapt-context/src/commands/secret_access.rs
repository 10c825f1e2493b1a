//! `secret-grant` and `secret-revoke`.

use periapt_model::entity::{GrantScope, SecretReader};
use periapt_model::names::{AppName, UnitName};
use periapt_model::secrets::SecretWrite;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, RELATION, Spec};
use crate::{relation, secret};

const UNIT: Flag = Flag::text("unit", "The one unit on the other side that is meant");

pub(crate) const GRANT: Spec = Spec {
    name: "secret-grant",
    synopsis: "<id>",
    purpose: "Let the other side of a relation read a secret.",
    doc: "The right ends with the relation. It counts when the hook has ended well.",
    flags: &[RELATION, UNIT],
    output: None,
    run: grant,
};

pub(crate) const REVOKE: Spec = Spec {
    name: "secret-revoke",
    synopsis: "<id>",
    purpose: "Take the right to read a secret back.",
    doc: "Taken from an application, it is taken from each of its units. It counts when the hook has ended well.",
    flags: &[RELATION, Flag::text("app", "The application that is meant").alias("application"), UNIT],
    output: None,
    run: revoke,
};

fn unit_given(cx: &Context<'_>) -> Result<Option<UnitName>, Stop> {
    let text = cx.args.text("unit").filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| Stop::usage(format!("unit {text:?} not valid")))).transpose()
}

fn grant(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let (id, _) = secret::id_and_rest(cx)?;
    cx.args.no_more_than(1)?;
    let known = relation::required(cx)?;
    let reader = match unit_given(cx)? {
        Some(unit) if unit.app() == known.remote_app => SecretReader::Unit(unit),
        Some(unit) => {
            let place = format!("relation {}:{}", known.endpoint, known.id);
            return Err(Stop::failed(format!("unit {unit} is not on the other side of {place}")));
        }
        None => SecretReader::Application(known.remote_app.clone()),
    };
    let own = secret::own(cx, &id).ok_or_else(|| secret::not_found(id.as_str()))?;
    if !secret::manages(cx, own.owner)? {
        return Err(secret::not_the_leader());
    }
    let scope = GrantScope::Relation(known.id);
    for (granted, _) in
        own.grants().iter().filter(|(granted, s)| **s == scope && granted.app() == reader.app())
    {
        // What the application may, its unit may.
        if *granted == reader || matches!(granted, SecretReader::Application(_)) {
            return Ok(Outcome::default());
        }
        if matches!(reader, SecretReader::Application(_)) {
            return Err(Stop::failed(
                "any unit level grants need to be revoked before granting access to the corresponding application",
            ));
        }
    }
    Ok(Outcome::change(Change::Secret(id, SecretWrite::Grant(reader, known.id))))
}

fn revoke(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let (id, _) = secret::id_and_rest(cx)?;
    cx.args.no_more_than(1)?;
    let app = cx.args.text("app").filter(|text| !text.is_empty());
    let app: Option<AppName> = app
        .map(|text| text.parse().map_err(|_| Stop::usage(format!("application {text:?} not valid"))))
        .transpose()?;
    let reader = match (unit_given(cx)?, app) {
        (Some(unit), _) => SecretReader::Unit(unit),
        (None, Some(app)) => SecretReader::Application(app),
        (None, None) => SecretReader::Application(relation::required(cx)?.remote_app.clone()),
    };
    secret::check_leads(cx, &id)?;
    if secret::is_removed(cx, &id) {
        return Err(secret::not_found(id.as_str()));
    }
    Ok(Outcome::change(Change::Secret(id, SecretWrite::Revoke(reader))))
}
