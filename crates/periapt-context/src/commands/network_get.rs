//! `network-get`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::format::Format;
use crate::outcome::{Outcome, Stop};
use crate::relation;
use crate::spec::{Flag, Formats, RELATION, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "network-get",
    synopsis: "<endpoint or extra binding>",
    purpose: "Print the network of an endpoint.",
    doc: "Prints the addresses to listen on (bind-addresses), those that others reach this unit by\n\
          (ingress-addresses), and where its traffic comes from (egress-subnets). With one of the options prints that\n\
          value alone, with several a map of them.",
    flags: &[
        RELATION,
        Flag::bool("bind-address", "Print the address to listen on"),
        Flag::bool("ingress-address", "Print the address that others reach this unit by"),
        Flag::bool("egress-subnets", "Print the networks that this unit's traffic comes from"),
        Flag::bool("primary-address", "Print the address to listen on (deprecated)"),
    ],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let format = cx.args.format(Formats::Smart)?;
    let relation = relation::chosen(cx)?;
    let Some(binding) = cx.args.positional.first().copied() else {
        return Err(Stop::usage("no arguments specified"));
    };
    if binding.is_empty() {
        return Err(Stop::usage("no binding name specified"));
    }
    cx.args.no_more_than(1)?;
    let address = cx
        .view
        .machine()
        .filter(|_| is_binding(cx, binding))
        .map(|machine| machine.address.as_str())
        .ok_or_else(|| Stop::failed(format!("no network config found for binding {binding:?}")))?;
    let egress = cx.view.model.egress_subnets(relation.map(|known| known.relation.id), address);
    let wanted = ["bind-address", "ingress-address", "egress-subnets"].map(|key| (key, cx.args.is_on(key)));
    let wanted: Vec<&str> = wanted.into_iter().filter(|(_, on)| *on).map(|(key, _)| key).collect();
    if cx.args.is_on("primary-address") {
        if !wanted.is_empty() {
            return Err(Stop::failed("--primary-address must be the only flag specified"));
        }
        return Ok(Outcome::json(address.into()));
    }
    match wanted.as_slice() {
        [] => Ok(Outcome::json(whole(address, &egress, format))),
        ["egress-subnets"] => Ok(Outcome::lines(egress)),
        [_] => Ok(Outcome::json(address.into())),
        several => {
            let value = |key: &str| match key {
                "egress-subnets" => Value::from(egress.clone()),
                _ => Value::from(address),
            };
            let mut map: Vec<(String, Value)> =
                several.iter().map(|key| ((*key).to_owned(), value(key))).collect();
            map.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(Outcome::json(Value::Object(Map::from_iter(map))))
        }
    }
}

fn is_binding(cx: &Context<'_>, name: &str) -> bool {
    cx.view.charm().is_some_and(|charm| {
        charm.endpoints.contains_key(name)
            || name == periapt_model::charm::JUJU_INFO
            || charm.extra_bindings.iter().any(|binding| binding == name)
    })
}

/// The interface that holds the address, its hardware address and its network, as far as they follow from the address:
/// a loopback address can be on one interface only.
fn interface(address: &str) -> (&'static str, &'static str, String) {
    const LOOPBACK_MAC: &str = "00:00:00:00:00:00";
    match address.parse() {
        Ok(IpAddr::V4(ip)) if ip.is_loopback() => ("lo", LOOPBACK_MAC, "127.0.0.0/8".to_owned()),
        Ok(IpAddr::V6(ip)) if ip.is_loopback() => ("lo", LOOPBACK_MAC, "::1/128".to_owned()),
        Ok(IpAddr::V4(ip)) => ("", "", format!("{ip}/32")),
        Ok(IpAddr::V6(ip)) => ("", "", format!("{ip}/128")),
        Err(_) => ("", "", String::new()),
    }
}

/// Everything. YAML repeats a few values under the names that older charms know (Juju 3.6 does).
fn whole(address: &str, egress: &[String], format: Format) -> Value {
    let (name, mac, cidr) = interface(address);
    let mut host = json!({"hostname": "", "value": address, "cidr": cidr});
    if format != Format::Json {
        host["address"] = address.into();
    }
    let mut interface = json!({"mac-address": mac, "interface-name": name, "addresses": [host]});
    if format != Format::Json {
        interface["macaddress"] = mac.into();
        interface["interfacename"] = name.into();
    }
    let mut out = json!({"bind-addresses": [interface]});
    if !egress.is_empty() {
        out["egress-subnets"] = egress.into();
    }
    out["ingress-addresses"] = json!([address]);
    out
}
