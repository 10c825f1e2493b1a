//! How applications are reached: whom they are exposed to, which networks their traffic comes from, and which ports their
//! units may open. What a firewall would do with it is kept and shown only.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::charm::JUJU_INFO;
use crate::command::{Answer, Refusal};
use crate::effects::PortChange;
use crate::entity::Exposure;
use crate::model::{Draft, Model};
use crate::names::{AppName, EndpointName, UnitName};

use super::find_living_app;

/// The one network space of this machine.
pub const SPACE: &str = "alpha";

/// What an application is exposed to when nothing is said (Juju 3.6: `firewall.AllNetworksIPV4CIDR` and its sister).
const EVERYBODY: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// The networks of a list of CIDRs, for traffic to come from: each has to be one, and not the one of everything.
pub(super) fn networks(texts: &[String]) -> Result<Vec<String>, Refusal> {
    for text in texts {
        check_cidr(text)?;
        if EVERYBODY.contains(&text.as_str()) {
            return Err(Refusal::invalid(format!("CIDR {text:?} not allowed")));
        }
    }
    Ok(texts.to_vec())
}

fn check_cidr(text: &str) -> Result<(), Refusal> {
    match is_cidr(text) {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("invalid CIDR address: {text}"))
            .hint("write a network with the length of its prefix, such as 10.0.0.0/24")),
    }
}

/// Whether a text is an address with the length of a prefix.
pub(crate) fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.bytes().all(|b| b.is_ascii_digit()) && length.parse::<u8>().is_ok_and(|length| length <= most)
}

fn check_endpoints(model: &Model, app: &AppName, endpoints: &[EndpointName]) -> Result<(), Refusal> {
    find_living_app(model, app)?;
    let Some(charm) = model.charm_of(app) else { return Ok(()) };
    let known = |endpoint: &EndpointName| {
        let name = endpoint.as_str();
        charm.meta.endpoints.contains_key(name)
            || name == JUJU_INFO
            || charm.meta.extra_bindings.iter().any(|binding| binding == name)
    };
    match endpoints.iter().find(|endpoint| !known(endpoint)) {
        None => Ok(()),
        Some(unknown) => Err(Refusal::not_found(format!("endpoint {:?} not found", unknown.as_str()))
            .hint(format!("`periapt show-application {app}` lists its endpoints"))),
    }
}

/// The keys of exposure that a list of endpoints means.
fn keys(endpoints: &[EndpointName]) -> Vec<String> {
    match endpoints {
        [] => vec![String::new()],
        named => named.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn expose(
    draft: &mut Draft,
    app: &AppName,
    endpoints: &[EndpointName],
    mut to: Exposure,
) -> Result<Answer, Refusal> {
    check_endpoints(&draft.model, app, endpoints)?;
    if let Some(unknown) = to.spaces.iter().find(|space| *space != SPACE) {
        return Err(Refusal::not_found(format!("space {unknown:?} not found"))
            .hint(format!("the only space of this machine is {SPACE}")));
    }
    to.cidrs.iter().try_for_each(|cidr| check_cidr(cidr))?;
    if to.spaces.is_empty() && to.cidrs.is_empty() {
        to.cidrs = EVERYBODY.map(str::to_owned).to_vec();
    }
    for list in [&mut to.spaces, &mut to.cidrs] {
        list.sort();
        list.dedup();
    }
    let before = draft.model.applications.get(app).map(|a| (a.exposed, shown(a.exposed, &a.exposure)));
    draft.application(app, |a| {
        a.exposure = shown(a.exposed, &a.exposure);
        a.exposure.extend(keys(endpoints).into_iter().map(|key| (key, to.clone())));
        a.exposed = true;
    });
    Ok(changed(draft, app, before.as_ref(), "exposed so"))
}

pub(super) fn unexpose(
    draft: &mut Draft,
    app: &AppName,
    endpoints: &[EndpointName],
) -> Result<Answer, Refusal> {
    check_endpoints(&draft.model, app, endpoints)?;
    let before = draft.model.applications.get(app).map(|a| (a.exposed, shown(a.exposed, &a.exposure)));
    draft.application(app, |a| {
        a.exposure = shown(a.exposed, &a.exposure);
        match endpoints {
            [] => a.exposure.clear(),
            _ => a.exposure.retain(|key, _| !keys(endpoints).contains(key)),
        }
        a.exposed = !a.exposure.is_empty();
    });
    Ok(changed(draft, app, before.as_ref(), "without that exposure"))
}

fn changed(
    draft: &Draft,
    app: &AppName,
    before: Option<&(bool, BTreeMap<String, Exposure>)>,
    what: &str,
) -> Answer {
    let now = draft.model.applications.get(app).map(|a| (a.exposed, a.exposure.clone()));
    match now.as_ref() == before {
        true => Answer::Unchanged(format!("{app} is {what} already")),
        false => Answer::Done,
    }
}

/// What is exposed to whom. An application that an older version exposed is so to everybody.
#[must_use]
pub fn shown(exposed: bool, exposure: &BTreeMap<String, Exposure>) -> BTreeMap<String, Exposure> {
    if exposed && exposure.is_empty() {
        let cidrs = EVERYBODY.map(str::to_owned).to_vec();
        return BTreeMap::from([(String::new(), Exposure { spaces: Vec::new(), cidrs })]);
    }
    exposure.clone()
}

/// Looks again whether a unit may open ports: a neighbour on its machine may have opened one of them since the command
/// was answered.
pub(crate) fn check_ports(model: &Model, unit: &UnitName, changes: &[PortChange]) -> Result<(), String> {
    let Some(machine) = model.units.get(unit).map(|unit| unit.machine) else { return Ok(()) };
    let opened: Vec<_> = changes.iter().filter(|change| change.open).map(|change| change.range).collect();
    if opened.is_empty() {
        return Ok(());
    }
    for neighbour in model.units.values().filter(|other| other.machine == machine && other.name != *unit) {
        for taken in neighbour.ports.values().flatten() {
            if let Some(range) = opened.iter().find(|range| *range == taken || range.conflicts_with(taken)) {
                return Err(format!(
                    "cannot open {range} (unit \"{unit}\"): port range conflicts with {taken} (unit \"{}\")",
                    neighbour.name
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_a_prefix() {
        for good in ["10.0.0.0/8", "192.168.1.7/32", "::1/128", "fd00::/8", "0.0.0.0/0"] {
            assert!(is_cidr(good), "{good}");
        }
        for bad in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "a/8"] {
            assert!(!is_cidr(bad), "{bad}");
        }
        let everything = networks(&["0.0.0.0/0".to_owned()]).unwrap_err();
        assert_eq!(everything.message, "CIDR \"0.0.0.0/0\" not allowed");
    }
}
