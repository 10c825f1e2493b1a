//! The sections of `metadata.yaml` about what a unit is given: storage, devices, resources, containers, payloads.

use std::collections::BTreeMap;

use super::meta::{CharmMeta, Container, Device, Mount, Resource, ResourceKind, Storage, StorageKind};
use super::read::Reader;
use crate::names::{ContainerName, ResourceName, StorageName};
use crate::yaml::{Map, Node};

/// User and group ids that belong to people on the machine, and that a workload must not have.
const PEOPLE_IDS: std::ops::RangeInclusive<u32> = 1000..=9999;

const STORAGE_KEYS: [&str; 9] = [
    "type",
    "description",
    "shared",
    "read-only",
    "multiple",
    "minimum-size",
    "location",
    "properties",
    "name",
];

/// Reads `storage`.
pub(super) fn storages(r: &mut Reader<'_>, node: &Node) -> BTreeMap<StorageName, Storage> {
    r.named(node, "`storage`", |r, name: &StorageName, entry| {
        let what = format!("storage {name:?}");
        let Some(fields) = r.map(&entry.value, &what) else {
            if entry.value.is_null() {
                r.error(
                    entry.key_span,
                    format!("{what} has no type"),
                    "add `type: filesystem` or `type: block`",
                );
            }
            return None;
        };
        r.near_misses(fields, &STORAGE_KEYS, &what);
        storage(r, fields, entry.key_span, &what)
    })
}

fn storage(r: &mut Reader<'_>, fields: &Map, at: crate::yaml::Span, what: &str) -> Option<Storage> {
    let Some(kind) = fields.get("type") else {
        r.error(at, format!("{what} has no type"), "add `type: filesystem` or `type: block`");
        return None;
    };
    let kinds = [("filesystem", StorageKind::Filesystem), ("block", StorageKind::Block)];
    let kind = r.choice(kind, &format!("the type of {what}"), &kinds)?;
    let mut boolean = |key: &str| {
        let node = fields.get(key).filter(|n| !n.is_null())?;
        r.boolean(node, &format!("`{key}` of {what}"))
    };
    let shared = boolean("shared").unwrap_or(false);
    let read_only = boolean("read-only").unwrap_or(false);
    let (count_min, count_max) = fields.get("multiple").map_or((1, Some(1)), |n| multiple(r, n, what));
    let minimum_size = fields.get("minimum-size").and_then(|n| {
        let text = r.any_text(n, &format!("`minimum-size` of {what}"))?;
        let size = mebibytes(&text);
        if size.is_none() {
            let message = format!("`minimum-size` of {what} is not a size: {text:?}");
            r.error(n.span, message, "write a number and a unit, such as 512M or 10G");
        }
        size
    });
    let location = fields.get("location").and_then(|n| {
        let location = r.any_text(n, &format!("`location` of {what}"))?;
        if kind != StorageKind::Filesystem {
            r.error(
                n.span,
                format!("{what} is a block device and cannot have a location"),
                "remove `location`",
            );
            return None;
        }
        Some(location)
    });
    let mut transient = false;
    if let Some(node) = fields.get("properties") {
        for item in r.list(node, &format!("`properties` of {what}")) {
            transient |=
                r.choice(item, &format!("a property of {what}"), &[("transient", true)]) == Some(true);
        }
    }
    let description = description(r, fields, what);
    Some(Storage {
        kind,
        description,
        shared,
        read_only,
        count_min,
        count_max,
        minimum_size,
        location,
        transient,
    })
}

fn description(r: &mut Reader<'_>, fields: &Map, what: &str) -> String {
    let node = fields.get("description");
    node.and_then(|n| r.any_text(n, &format!("the description of {what}"))).unwrap_or_default()
}

/// `multiple: {range: m | m-n | m+ | m-}`; one instance if it cannot be read.
fn multiple(r: &mut Reader<'_>, node: &Node, what: &str) -> (u32, Option<u32>) {
    let range = r.map(node, &format!("`multiple` of {what}")).and_then(|m| m.get("range"));
    let Some(range) = range else {
        if node.as_map().is_some() || node.is_null() {
            r.error(
                node.span,
                format!("`multiple` of {what} has no range"),
                "write `multiple: {range: 0-3}`",
            );
        }
        return (1, Some(1));
    };
    let Some(text) = r.any_text(range, &format!("the range of {what}")) else {
        return (1, Some(1));
    };
    match parse_range(&text) {
        Ok(counts) => counts,
        Err(why) => {
            r.error(
                range.span,
                format!("the range {text:?} of {what} {why}"),
                "write `3`, `0-3`, `1+` or `1-`",
            );
            (1, Some(1))
        }
    }
}

fn parse_range(text: &str) -> Result<(u32, Option<u32>), &'static str> {
    let not_a_range = "is not a range";
    let number = |t: &str| {
        if t.is_empty() || !t.bytes().all(|b| b.is_ascii_digit()) {
            return Err(not_a_range);
        }
        t.parse::<u32>().map_err(|_| "is too large")
    };
    if let Some(min) = text.strip_suffix(['+', '-']) {
        return Ok((number(min)?, None));
    }
    let (min, max) = match text.split_once('-') {
        Some((min, max)) => (number(min)?, number(max)?),
        None => (number(text)?, number(text)?),
    };
    if max == 0 {
        return Err("allows no instance at all");
    }
    if min > max {
        return Err("ends before it starts");
    }
    Ok((min, Some(max)))
}

/// A size as Juju writes it: a number with an optional unit (M, G, T, P, E; `B` or `iB` may follow), rounded up to MiB.
fn mebibytes(text: &str) -> Option<u64> {
    let unitless = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')).unwrap_or(text);
    let (digits, scale) = match unitless.as_bytes().last()? {
        b'M' => (&unitless[..unitless.len() - 1], 0),
        b'G' => (&unitless[..unitless.len() - 1], 1),
        b'T' => (&unitless[..unitless.len() - 1], 2),
        b'P' => (&unitless[..unitless.len() - 1], 3),
        b'E' => (&unitless[..unitless.len() - 1], 4),
        _ if unitless == text => (text, 0),
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let size = (digits.parse::<f64>().ok()? * 1024f64.powi(scale)).ceil();
    (size < 2f64.powi(53)).then_some(size as u64)
}

/// Reads `devices`.
pub(super) fn devices(r: &mut Reader<'_>, node: &Node) -> BTreeMap<String, Device> {
    let mut all = BTreeMap::new();
    for entry in r.map(node, "`devices`").into_iter().flat_map(Map::iter) {
        let what = format!("device {:?}", entry.key);
        let fields = r.map(&entry.value, &what);
        let Some((fields, kind)) = fields.and_then(|f| Some((f, f.get("type")?))) else {
            r.error(entry.key_span, format!("{what} has no type"), "add a `type`, such as `gpu`");
            continue;
        };
        let mut count = |key: &str| {
            let node = fields.get(key)?;
            r.count(node, &format!("`{key}` of {what}"))
        };
        let (count_min, count_max) = (count("countmin"), count("countmax"));
        let count_min = count_min.unwrap_or(1);
        let count_max = count_max.unwrap_or(1.max(count_min));
        if count_min > count_max {
            let at = fields.get("countmin").map_or(entry.key_span, |n| n.span);
            r.error(at, format!("`countmin` of {what} is larger than its `countmax`"), "");
        }
        let Some(kind) = r.text(kind, &format!("the type of {what}")) else {
            continue;
        };
        let description = description(r, fields, &what);
        all.insert(entry.key.as_ref().to_owned(), Device { kind, description, count_min, count_max });
    }
    all
}

/// Reads `resources`.
pub(super) fn resources(r: &mut Reader<'_>, node: &Node) -> BTreeMap<ResourceName, Resource> {
    r.named(node, "`resources`", |r, name: &ResourceName, entry| {
        let what = format!("resource {name:?}");
        let empty = Map::default();
        let fields = match r.map(&entry.value, &what) {
            Some(fields) => fields,
            None if entry.value.is_null() => &empty,
            None => return None,
        };
        r.near_misses(fields, &["type", "filename", "description", "upstream-source", "auto-fetch"], &what);
        let kinds = [("file", ResourceKind::File), ("oci-image", ResourceKind::OciImage)];
        let kind = match fields.get("type") {
            Some(node) => r.choice(node, &format!("the type of {what}"), &kinds)?,
            None => {
                r.warning(
                    entry.key_span,
                    format!("{what} has no type and counts as a file"),
                    "ops refuses it: add `type: file`",
                );
                ResourceKind::File
            }
        };
        let filename = fields.get("filename").and_then(|n| r.any_text(n, &format!("the filename of {what}")));
        let at = fields.get("filename").map_or(entry.key_span, |n| n.span);
        match (&filename, kind) {
            (None, ResourceKind::File) => {
                r.error(at, format!("{what} has no filename"), "add the name that the file has on the unit");
            }
            (Some(name), ResourceKind::File) if name.is_empty() || name.contains('/') => {
                r.error(
                    at,
                    format!("the filename of {what} must be a name without a folder"),
                    "remove everything up to the last `/`",
                );
            }
            (Some(name), ResourceKind::File)
                if name.contains('\0') || matches!(name.as_str(), "." | "..") =>
            {
                r.error(
                    at,
                    format!("the filename of {what} is none that a file can have"),
                    "give the name that the file has on the unit",
                );
            }
            _ => {}
        }
        let upstream_source = fields
            .get("upstream-source")
            .and_then(|n| r.any_text(n, &format!("`upstream-source` of {what}")));
        let description = description(r, fields, &what);
        Some(Resource { kind, filename: filename.unwrap_or_default(), description, upstream_source })
    })
}

/// Reads `payloads`.
pub(super) fn payloads(r: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in r.map(node, "`payloads`").into_iter().flat_map(Map::iter) {
        let what = format!("payload {:?}", entry.key);
        let kind = r.map(&entry.value, &what).and_then(|fields| fields.get("type"));
        let Some(kind) = kind else {
            r.error(entry.key_span, format!("{what} has no type"), "add a `type`, such as `docker`");
            continue;
        };
        if let Some(kind) = r.text(kind, &format!("the type of {what}")) {
            all.insert(entry.key.as_ref().to_owned(), kind);
        }
    }
    all
}

/// Reads `containers`. What they refer to is checked by [`check_containers`], when all of it is known.
pub(super) fn containers(r: &mut Reader<'_>, node: &Node) -> BTreeMap<ContainerName, Container> {
    r.named(node, "`containers`", |r, name: &ContainerName, entry| {
        let what = format!("container {name:?}");
        let mut container = Container::default();
        let Some(fields) = r.map(&entry.value, &what) else {
            return Some(container);
        };
        r.near_misses(fields, &["resource", "mounts", "uid", "gid", "bases"], &what);
        if let Some(node) = fields.get("resource").filter(|n| !n.is_null()) {
            let text = r.text(node, &format!("the resource of {what}"))?;
            match text.parse() {
                Ok(resource) => container.resource = Some(resource),
                Err(_) => r.error(node.span, format!("{text:?} is not a valid resource name"), ""),
            }
        }
        if let Some(node) = fields.get("mounts") {
            let mounts = r.list(node, &format!("`mounts` of {what}"));
            container.mounts = mounts.iter().filter_map(|n| mount(r, n, &what)).collect();
        }
        let mut id = |key: &str| {
            let node = fields.get(key).filter(|n| !n.is_null())?;
            let id = r.count(node, &format!("`{key}` of {what}"))?;
            if PEOPLE_IDS.contains(&id) {
                let message = format!("`{key}` of {what} is {id}: 1000 to 9999 are for people");
                r.error(node.span, message, "use an id below 1000 or from 10000");
            }
            Some(id)
        };
        container.uid = id("uid");
        container.gid = id("gid");
        Some(container)
    })
}

fn mount(r: &mut Reader<'_>, node: &Node, what: &str) -> Option<Mount> {
    let Some(fields) = node.as_map() else {
        r.error(node.span, format!("a mount of {what} must be a mapping, not {}", node.describe()), "");
        return None;
    };
    let Some(storage) = fields.get("storage") else {
        r.error(node.span, format!("a mount of {what} has no storage"), "add `storage: NAME`");
        return None;
    };
    let location =
        fields.get("location").and_then(|n| r.any_text(n, &format!("the location of a mount of {what}")));
    let text = r.text(storage, &format!("the storage of a mount of {what}"))?;
    match text.parse() {
        Ok(name) => Some(Mount { storage: name, location: location.unwrap_or_default() }),
        Err(_) => {
            r.error(storage.span, format!("{text:?} is not a valid storage name"), "");
            None
        }
    }
}

/// Checks that containers refer to images and storages that are there.
pub(super) fn check_containers(r: &mut Reader<'_>, root: &Map, meta: &CharmMeta) {
    let Some(section) = root.get("containers").and_then(Node::as_map) else {
        return;
    };
    for (name, container) in &meta.containers {
        let fields = section.get(name.as_str()).and_then(Node::as_map);
        let what = format!("container {name:?}");
        if let Some(resource) = &container.resource {
            let at = fields.and_then(|f| f.get("resource")).map(|n| n.span).unwrap_or_default();
            match meta.resources.get(resource).map(|r| r.kind) {
                Some(ResourceKind::OciImage) => {}
                Some(ResourceKind::File) => {
                    let message = format!("{what} refers to resource {resource:?}, which is a file");
                    r.error(at, message, "give the resource `type: oci-image`");
                }
                None => {
                    let message = format!("{what} refers to resource {resource:?}, which does not exist");
                    r.error(at, message, "add it under `resources` with `type: oci-image`");
                }
            }
        }
        let mounts = fields.and_then(|f| f.get("mounts")).and_then(Node::as_seq).unwrap_or_default();
        for node in mounts.iter().filter_map(|m| m.as_map()?.get("storage")) {
            let Some(storage) = node.as_scalar() else {
                continue;
            };
            if StorageName::new(&storage.text).is_ok_and(|name| !meta.storages.contains_key(&name)) {
                let message = format!("{what} mounts storage {:?}, which does not exist", storage.text);
                r.error(node.span, message, "add it under `storage`");
            }
        }
    }
}
