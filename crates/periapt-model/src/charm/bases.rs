//! Where a charm runs: `bases` of `manifest.yaml`, and `bases`, `base` and `platforms` of `charmcraft.yaml`.

use super::meta::Base;
use super::read::Reader;
use crate::yaml::{Map, Node};

/// Reads `bases` of `manifest.yaml`.
pub(super) fn manifest(r: &mut Reader<'_>, root: &Map) -> Vec<Base> {
    r.near_misses(
        root,
        &["bases", "analysis", "charmcraft-version", "charmcraft-started-at", "image-info"],
        "the manifest",
    );
    let Some(node) = root.get("bases") else {
        return Vec::new();
    };
    r.list(node, "`bases`").iter().filter_map(|item| base(r, item)).collect()
}

/// Reads where a charm from a source folder will run: what a packer would write to `manifest.yaml`.
pub(super) fn charmcraft(r: &mut Reader<'_>, root: &Map) -> Vec<Base> {
    let mut all = Vec::new();
    if let Some(node) = root.get("bases") {
        for item in r.list(node, "`bases`") {
            match item.as_map().and_then(|m| m.get("run-on").or_else(|| m.get("build-on"))) {
                Some(nodes) => {
                    for base in r.list(nodes, "`run-on`").iter().filter_map(|n| base(r, n)) {
                        add(&mut all, base);
                    }
                }
                None => all.extend(base(r, item)),
            }
        }
    }
    platforms(r, root, &mut all);
    all
}

fn base(r: &mut Reader<'_>, node: &Node) -> Option<Base> {
    let Some(fields) = node.as_map() else {
        r.error(
            node.span,
            format!("a base must be a mapping, not {}", node.describe()),
            "write `name` and `channel`",
        );
        return None;
    };
    r.near_misses(fields, &["name", "channel", "architectures"], "a base");
    let name = fields.get("name").and_then(|n| r.text(n, "the name of a base"));
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        r.error(node.span, "a base has no name", "add a name, such as `name: ubuntu`");
        return None;
    };
    // `channel: 22.04` without quotes is a number to YAML, and its text is what is meant.
    let channel =
        fields.get("channel").and_then(|n| r.any_text(n, "the channel of a base")).unwrap_or_default();
    let architectures =
        fields.get("architectures").map(|n| r.texts(n, "`architectures`")).unwrap_or_default();
    Some(Base { name, channel, architectures })
}

/// `base: ubuntu@24.04` with `platforms: {amd64: null, NAME: {build-on: […], build-for: […]}}`; in each place an
/// architecture may have the base in front: `ubuntu@24.04:amd64`.
fn platforms(r: &mut Reader<'_>, root: &Map, all: &mut Vec<Base>) {
    let common = root.get("base").filter(|n| !n.is_null()).and_then(|n| {
        let text = r.text(n, "`base`")?;
        let base = parse_base(&text);
        if base.is_none() {
            r.error(n.span, format!("{text:?} is not a base"), "write NAME@CHANNEL, such as ubuntu@24.04");
        }
        base
    });
    let Some(platforms) = root.get("platforms").and_then(|n| r.map(n, "`platforms`")) else {
        all.extend(common);
        return;
    };
    for entry in platforms.iter() {
        let what = format!("platform {:?}", entry.key);
        let targets = match r.map(&entry.value, &what).and_then(|m| m.get("build-for")) {
            Some(node) if node.as_scalar().is_some() => r.any_text(node, "`build-for`").into_iter().collect(),
            Some(node) => r.texts(node, "`build-for`"),
            None => vec![entry.key.as_ref().to_owned()],
        };
        for target in targets {
            let (base, architecture) = match target.split_once(':') {
                Some((base, architecture)) => (parse_base(base), architecture),
                // `jammy: {build-on: …}` may carry its base in the name alone.
                None => (parse_base(&entry.key).or_else(|| common.clone()), target.as_str()),
            };
            let Some(base) = base else {
                let help = "add `base: ubuntu@24.04`, or write the platform as `ubuntu@24.04:amd64`";
                r.error(entry.key_span, format!("{what} has no base"), help);
                continue;
            };
            add(all, Base { architectures: vec![architecture.to_owned()], ..base });
        }
    }
}

fn parse_base(text: &str) -> Option<Base> {
    let (name, rest) = text.split_once('@')?;
    let channel = rest.split(':').next().unwrap_or_default();
    let valid = !name.is_empty() && !channel.is_empty();
    valid.then(|| Base { name: name.to_owned(), channel: channel.to_owned(), architectures: Vec::new() })
}

/// Adds `base`, its architectures to those of the same system if that is there already.
fn add(all: &mut Vec<Base>, base: Base) {
    match all.iter_mut().find(|b| b.name == base.name && b.channel == base.channel) {
        Some(known) => {
            for architecture in base.architectures {
                if !known.architectures.contains(&architecture) {
                    known.architectures.push(architecture);
                }
            }
        }
        None => all.push(base),
    }
}
