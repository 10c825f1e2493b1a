//! Reads the keys of `metadata.yaml`, which a one-file `charmcraft.yaml` has as well.

use std::collections::BTreeMap;

use super::assumes;
use super::meta::{CharmMeta, CharmUser, Endpoint, Format, Links, Role, Scope};
use super::provisions;
use super::read::Reader;
use super::version::Version;
use crate::names::{AppName, EndpointName};
use crate::yaml::{Map, Node, Span};

/// The keys of `metadata.yaml` that mean something.
pub(super) const KEYS: &[&str] = &[
    "name",
    "display-name",
    "summary",
    "description",
    "subordinate",
    "provides",
    "requires",
    "peers",
    "extra-bindings",
    "storage",
    "devices",
    "resources",
    "containers",
    "payloads",
    "assumes",
    "charm-user",
    "series",
    "min-juju-version",
    "deployment",
    "categories",
    "tags",
    "terms",
    "maintainer",
    "maintainers",
    "website",
    "source",
    "issues",
    "docs",
    "links",
    "revision",
    "format",
    "title",
    "type",
];

/// The keys of [`KEYS`] that a one-file `charmcraft.yaml` shares with `metadata.yaml`.
pub(super) const SHARED_KEYS: &[&str] = &[
    "name",
    "summary",
    "description",
    "subordinate",
    "provides",
    "requires",
    "peers",
    "extra-bindings",
    "storage",
    "devices",
    "resources",
    "containers",
    "payloads",
    "assumes",
    "charm-user",
    "terms",
    "links",
];

/// The metadata of a charm, without config, actions and bases; `None` if it is too broken to go on with.
///
/// `packed` says whether `manifest.yaml` names bases, which makes a charm without `series` format V2.
pub(super) fn read(r: &mut Reader<'_>, root: &Map, at: Span, packed: bool) -> Option<CharmMeta> {
    let name = required_text(r, root, at, "name").filter(|name| check_name(r, root, name));
    let summary = required_text(r, root, at, "summary");
    let description = required_text(r, root, at, "description");
    let display_name = ["display-name", "title"]
        .into_iter()
        .find_map(|key| root.get(key))
        .and_then(|node| r.any_text(node, "`display-name`"));
    let subordinate = root.get("subordinate").and_then(|n| r.boolean(n, "`subordinate`")).unwrap_or(false);
    let storages = root.get("storage").map(|n| provisions::storages(r, n)).unwrap_or_default();
    let resources = root.get("resources").map(|n| provisions::resources(r, n)).unwrap_or_default();
    let containers = root.get("containers").map(|n| provisions::containers(r, n)).unwrap_or_default();
    let mut meta = CharmMeta {
        name: name.clone().unwrap_or_default(),
        display_name,
        summary: summary.unwrap_or_default(),
        description: description.unwrap_or_default(),
        format: Format::V2,
        subordinate,
        endpoints: BTreeMap::new(),
        extra_bindings: Vec::new(),
        storages,
        devices: root.get("devices").map(|n| provisions::devices(r, n)).unwrap_or_default(),
        resources,
        containers,
        payloads: root.get("payloads").map(|n| provisions::payloads(r, n)).unwrap_or_default(),
        assumes: root.get("assumes").and_then(|n| assumes::read(r, n)),
        charm_user: root.get("charm-user").and_then(|n| charm_user(r, n)).unwrap_or_default(),
        series: root.get("series").map(|n| r.texts(n, "`series`")).unwrap_or_default(),
        min_juju_version: root.get("min-juju-version").and_then(|n| min_version(r, n)),
        bases: Vec::new(),
        config: BTreeMap::new(),
        actions: BTreeMap::new(),
        tags: one_or_many(r, root, &["tags", "categories"]),
        terms: one_or_many(r, root, &["terms"]),
        links: links(r, root),
    };
    endpoints(r, root, &mut meta);
    extra_bindings(r, root, &mut meta);
    check_format(r, root, packed, &mut meta);
    provisions::check_containers(r, root, &meta);
    name.map(|_| meta)
}

fn required_text(r: &mut Reader<'_>, root: &Map, at: Span, key: &str) -> Option<String> {
    match root.get(key) {
        None => {
            r.error(
                at,
                format!("the key `{key}` is missing"),
                "every charm needs a name, a summary and a description",
            );
            None
        }
        Some(node) if node.is_null() && key != "name" => {
            r.warning(node.span, format!("`{key}` is empty"), "Juju refuses the charm: write a text");
            None
        }
        Some(node) => r.text(node, &format!("`{key}`")),
    }
}

fn check_name(r: &mut Reader<'_>, root: &Map, name: &str) -> bool {
    let Err(error) = AppName::new(name) else {
        return true;
    };
    let at = root.get("name").map(|n| n.span).unwrap_or_default();
    r.error(at, format!("{name:?} is not a valid charm name"), error.rule);
    false
}

fn charm_user(r: &mut Reader<'_>, node: &Node) -> Option<CharmUser> {
    const CHOICES: [(&str, CharmUser); 3] =
        [("root", CharmUser::Root), ("sudoer", CharmUser::Sudoer), ("non-root", CharmUser::NonRoot)];
    r.choice(node, "`charm-user`", &CHOICES)
}

fn min_version(r: &mut Reader<'_>, node: &Node) -> Option<Version> {
    let text = r.any_text(node, "`min-juju-version`")?;
    text.parse()
        .map_err(|error: super::version::InvalidVersion| r.error(node.span, error.to_string(), ""))
        .ok()
}

/// The texts under the first of `keys` that is there, a single text counting as a list of one.
fn one_or_many(r: &mut Reader<'_>, root: &Map, keys: &[&str]) -> Vec<String> {
    let Some(entry) = keys.iter().find_map(|key| root.entry(key)) else {
        return Vec::new();
    };
    texts_or_text(r, &entry.value, &format!("`{}`", entry.key))
}

fn texts_or_text(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<String> {
    if node.as_scalar().is_some() {
        return r.any_text(node, what).into_iter().collect();
    }
    r.texts(node, what)
}

fn links(r: &mut Reader<'_>, root: &Map) -> Links {
    let mut found = Links {
        maintainers: one_or_many(r, root, &["maintainers", "maintainer"]),
        website: one_or_many(r, root, &["website"]),
        source: one_or_many(r, root, &["source"]),
        issues: one_or_many(r, root, &["issues"]),
        docs: root.get("docs").and_then(|n| r.any_text(n, "`docs`")),
    };
    let Some(map) = root.get("links").and_then(|n| r.map(n, "`links`")) else {
        return found;
    };
    for entry in map.iter() {
        let what = format!("`links.{}`", entry.key);
        let list = match &*entry.key {
            "contact" => &mut found.maintainers,
            "website" => &mut found.website,
            "source" => &mut found.source,
            "issues" => &mut found.issues,
            "documentation" => {
                found.docs = r.any_text(&entry.value, &what);
                continue;
            }
            _ => continue,
        };
        list.extend(texts_or_text(r, &entry.value, &what));
    }
    found
}

fn endpoints(r: &mut Reader<'_>, root: &Map, meta: &mut CharmMeta) {
    let mut first_seen: BTreeMap<EndpointName, (Role, Span)> = BTreeMap::new();
    for role in [Role::Provider, Role::Requirer, Role::Peer] {
        let Some(node) = root.get(role.key()) else {
            continue;
        };
        let what = format!("`{}`", role.key());
        let found = r.named::<EndpointName, (Endpoint, Span)>(node, &what, |r, name, entry| {
            let endpoint = endpoint(r, name, role, &entry.value)?;
            Some((endpoint, entry.key_span))
        });
        for (name, (endpoint, at)) in found {
            if let Some((other, before)) = first_seen.get(&name) {
                let message = format!(
                    "endpoint {name:?} is already under `{}` at line {}, column {}",
                    other.key(),
                    before.line,
                    before.column
                );
                r.error(at, message, "give each endpoint a name of its own");
                continue;
            }
            reserved_names(r, meta, &name, &endpoint, at);
            first_seen.insert(name.clone(), (role, at));
            meta.endpoints.insert(name, endpoint);
        }
    }
    if meta.subordinate {
        let fits = |e: &Endpoint| e.role == Role::Requirer && e.scope == Scope::Container;
        if !meta.endpoints.values().any(fits) {
            let at = root.entry("subordinate").map(|e| e.key_span).unwrap_or_default();
            let message = "a subordinate charm needs an endpoint under `requires` with `scope: container`";
            r.error(at, message, "for example `juju-info: {interface: juju-info, scope: container}`");
        }
    }
}

fn endpoint(r: &mut Reader<'_>, name: &EndpointName, role: Role, node: &Node) -> Option<Endpoint> {
    let what = format!("endpoint {:?}", name.as_str());
    let mut endpoint =
        Endpoint { role, interface: String::new(), limit: None, optional: false, scope: Scope::Global };
    let Some(fields) = node.as_map() else {
        if node.is_null() || node.as_seq().is_some() {
            let message = format!("{what} must name its interface, not be {}", node.describe());
            r.error(node.span, message, "write `NAME: INTERFACE` or a mapping with `interface`");
            return None;
        }
        endpoint.interface = r.text(node, &format!("the interface of {what}"))?;
        return Some(endpoint);
    };
    r.near_misses(
        fields,
        &["interface", "limit", "optional", "scope", "description", "schema", "versions"],
        &what,
    );
    let Some(interface) = fields.get("interface") else {
        r.error(node.span, format!("{what} has no interface"), "add `interface: NAME`");
        return None;
    };
    endpoint.interface = r.text(interface, &format!("the interface of {what}"))?;
    if let Some(limit) = fields.get("limit").filter(|n| !n.is_null()) {
        endpoint.limit = r.count(limit, &format!("the limit of {what}")).filter(|n| *n > 0);
    }
    if let Some(optional) = fields.get("optional").filter(|n| !n.is_null()) {
        endpoint.optional = r.boolean(optional, &format!("`optional` of {what}")).unwrap_or(false);
    }
    if let Some(scope) = fields.get("scope").filter(|n| !n.is_null()) {
        let choices = [("global", Scope::Global), ("container", Scope::Container)];
        endpoint.scope = r.choice(scope, &format!("the scope of {what}"), &choices).unwrap_or_default();
    }
    Some(endpoint)
}

/// Whether Juju keeps `name` for itself. Charms of Juju's own are free to use such names.
pub(super) fn is_reserved(charm: &str, name: &str) -> bool {
    !charm.starts_with("juju-") && (name == "juju" || name.starts_with("juju-"))
}

fn reserved_names(r: &mut Reader<'_>, meta: &CharmMeta, name: &EndpointName, endpoint: &Endpoint, at: Span) {
    let subordinate_side =
        meta.subordinate && endpoint.role == Role::Requirer && endpoint.scope == Scope::Container;
    if !subordinate_side && is_reserved(&meta.name, name.as_str()) {
        r.error(at, format!("the endpoint name {name:?} is reserved for Juju"), "use a name without `juju-`");
    }
    if endpoint.role != Role::Requirer && is_reserved(&meta.name, &endpoint.interface) {
        let message =
            format!("the interface {:?} of endpoint {name:?} is reserved for Juju", endpoint.interface);
        r.error(at, message, "only Juju provides it; use an interface without `juju-`");
    }
}

fn extra_bindings(r: &mut Reader<'_>, root: &Map, meta: &mut CharmMeta) {
    let Some(entry) = root.entry("extra-bindings") else {
        return;
    };
    let bindings = r.map(&entry.value, "`extra-bindings`");
    if bindings.is_none_or(Map::is_empty) {
        r.error(entry.key_span, "`extra-bindings` is given and has no names", "add a name or remove the key");
        return;
    }
    for binding in bindings.into_iter().flat_map(Map::iter) {
        if meta.endpoints.contains_key(&*binding.key) {
            let message = format!("the extra binding {:?} has the name of an endpoint", binding.key);
            r.error(binding.key_span, message, "endpoints can be bound without it: remove it");
        } else if !binding.value.is_null() {
            let message = format!("the extra binding {:?} must have no value", binding.key);
            r.error(binding.value.span, message, "write only `NAME:`");
        } else {
            meta.extra_bindings.push(binding.key.as_ref().to_owned());
        }
    }
}

/// Decides the format, and refuses keys of the other one (Juju 3.6: `Meta.Check`).
fn check_format(r: &mut Reader<'_>, root: &Map, packed: bool, meta: &mut CharmMeta) {
    let given = |key: &&&str| root.get(key).is_some_and(|n| !n.is_null());
    let v1: Vec<&str> = ["series", "min-juju-version", "deployment"].iter().filter(given).copied().collect();
    let v2: Vec<&str> = ["containers", "assumes", "charm-user"].iter().filter(given).copied().collect();
    let has_series = !meta.series.is_empty();
    meta.format = if has_series || (!packed && !v1.is_empty()) { Format::V1 } else { Format::V2 };
    let (wrong, because) = match meta.format {
        Format::V1 => (v2, v1.first().map_or("series", |key| key)),
        Format::V2 => (v1, "bases in manifest.yaml"),
    };
    for key in wrong {
        let at = root.entry(key).map(|e| e.key_span).unwrap_or_default();
        let because = if meta.format == Format::V1 { format!("`{because}`") } else { because.to_owned() };
        let help = match meta.format {
            Format::V1 => "remove the old keys `series`, `min-juju-version` and `deployment`",
            Format::V2 => "use `assumes` and bases instead",
        };
        r.error(at, format!("`{key}` cannot be used together with {because}"), help);
    }
}
