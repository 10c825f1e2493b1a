//! Reads `poetry.lock` together with the `pyproject.toml` that it locks.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::lock::{Edge, Node, Origin, Pinned, Selection, walk};
use super::marker::MarkerEnv;
use super::pydeps::{normalize, package_name};
use super::uv_lock::{parse, string, strings, tables};
use super::version::{Range, Version};
use crate::BuildError;

/// The packages that `poetry install --only main` would install, and those of the selected groups and extras.
///
/// # Errors
/// [`BuildError::Invalid`] if the lock file is not one, or contradicts itself.
pub fn packages(
    path: &Path,
    text: &str,
    pyproject: &Table,
    selection: &Selection,
    env: &MarkerEnv,
) -> Result<Vec<Pinned>, BuildError> {
    let lock = parse(path, text)?;
    let python = env.variables.get("python_full_version").and_then(|version| Version::parse(version));
    let allowed = |range: Option<&str>| match (range.and_then(Range::parse), &python) {
        (Some(range), Some(python)) => range.allows(python),
        _ => true,
    };
    let mut nodes: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for package in tables(&lock, "package") {
        let name = normalize(string(package, "name").unwrap_or_default());
        let mut when: Vec<String> = match package.get("markers") {
            Some(Value::String(marker)) => vec![marker.clone()],
            // Markers per dependency group.
            Some(Value::Table(table)) => {
                table.values().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        if when.is_empty() && !allowed(string(package, "python-versions")) {
            // One of several versions of a package, and not the one for this Python.
            when.push("python_version < '0'".to_owned());
        }
        let mut all = Vec::new();
        for (dependency, value) in package.get("dependencies").and_then(Value::as_table).into_iter().flatten()
        {
            edges(dependency, value, &allowed, &mut all);
        }
        let (optional, edges): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, optional)| *optional);
        let optional: BTreeMap<String, Edge> =
            optional.into_iter().map(|(edge, _)| (edge.name.clone(), edge)).collect();
        let mut extra_edges = BTreeMap::new();
        for (extra, list) in package.get("extras").and_then(Value::as_table).into_iter().flatten() {
            let wanted =
                list.as_array().into_iter().flatten().filter_map(Value::as_str).filter_map(package_name);
            let list: Vec<Edge> =
                wanted.filter_map(|name| optional.get(&name)).map(without_extra_marker).collect();
            extra_edges.insert(extra.clone(), list);
        }
        nodes.entry(name).or_default().push(Node {
            pinned: pinned(package),
            version: string(package, "version").unwrap_or_default().to_owned(),
            when,
            edges: edges.into_iter().map(|(edge, _)| edge).collect(),
            extra_edges,
        });
    }
    walk(path, &nodes, roots(pyproject, selection, &allowed), env)
}

/// An edge to an optional dependency says `extra == "…"`; that extra is asked for, so only the rest of the condition counts.
fn without_extra_marker(edge: &Edge) -> Edge {
    let marker = edge.marker.as_ref().filter(|marker| !marker.contains("extra")).cloned();
    Edge { marker, ..edge.clone() }
}

/// What the project itself asks for.
fn roots(pyproject: &Table, selection: &Selection, allowed: &dyn Fn(Option<&str>) -> bool) -> Vec<Edge> {
    let mut found: Vec<(Edge, bool)> = Vec::new();
    let project = pyproject.get("project").and_then(Value::as_table);
    for requirement in project.map(|project| strings(project, "dependencies")).unwrap_or_default() {
        found.extend(requirement_edge(&requirement).map(|edge| (edge, false)));
    }
    let optional = project.and_then(|project| project.get("optional-dependencies")).and_then(Value::as_table);
    let dependency_groups = pyproject.get("dependency-groups").and_then(Value::as_table);
    for (table, names) in [(optional, &selection.extras), (dependency_groups, &selection.groups)] {
        for requirement in names.iter().filter_map(|name| Some(strings_of(table?.get(name)?))).flatten() {
            found.extend(requirement_edge(&requirement).map(|edge| (edge, false)));
        }
    }
    let poetry = pyproject.get("tool").and_then(|tool| tool.get("poetry"));
    let mut lists = vec![poetry.and_then(|poetry| poetry.get("dependencies"))];
    for group in &selection.groups {
        lists.push(poetry.and_then(|poetry| poetry.get("group")?.get(group)?.get("dependencies")));
    }
    for (name, value) in lists.into_iter().flatten().filter_map(Value::as_table).flatten() {
        if name != "python" {
            edges(name, value, allowed, &mut found);
        }
    }
    let extras = poetry.and_then(|poetry| poetry.get("extras")).and_then(Value::as_table);
    let asked: Vec<String> =
        selection.extras.iter().filter_map(|extra| Some(strings_of(extras?.get(extra)?))).flatten().collect();
    let asked: Vec<String> = asked.iter().filter_map(|name| package_name(name)).collect();
    found
        .into_iter()
        .filter(|(edge, optional)| !optional || asked.contains(&edge.name))
        .map(|(edge, _)| edge)
        .collect()
}

fn strings_of(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn requirement_edge(requirement: &str) -> Option<Edge> {
    let (requirement, marker) =
        requirement.split_once(';').map_or((requirement, None), |(r, m)| (r, Some(m)));
    let extras = requirement
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(extras, _)| extras);
    Some(Edge {
        name: package_name(requirement)?,
        version: None,
        extras: extras
            .split(',')
            .map(str::trim)
            .filter(|extra| !extra.is_empty())
            .map(str::to_owned)
            .collect(),
        marker: marker.map(|marker| marker.trim().to_owned()),
    })
}

/// One entry of a Poetry dependency table: a version, a table, or a list of tables for different environments.
fn edges(name: &str, value: &Value, allowed: &dyn Fn(Option<&str>) -> bool, found: &mut Vec<(Edge, bool)>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| edges(name, value, allowed, found)),
        Value::Table(table) => {
            if !allowed(string(table, "python")) {
                return;
            }
            let platform = string(table, "platform").map(|platform| format!("sys_platform == '{platform}'"));
            let edge = Edge {
                name: normalize(name),
                version: None,
                extras: strings(table, "extras"),
                marker: string(table, "markers").map(str::to_owned).or(platform),
            };
            found.push((edge, table.get("optional").and_then(Value::as_bool).unwrap_or(false)));
        }
        _ => found.push((Edge { name: normalize(name), ..Edge::default() }, false)),
    }
}

fn pinned(package: &Table) -> Option<Pinned> {
    let name = string(package, "name")?.to_owned();
    let source = package.get("source").and_then(Value::as_table);
    let field = |key| source.and_then(|source| string(source, key));
    let origin = match (field("type"), field("url")) {
        (Some("git"), Some(url)) => {
            let commit = field("resolved_reference").or_else(|| field("reference")).unwrap_or("HEAD");
            let folder =
                field("subdirectory").map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
            Origin::Url(format!("git+{url}@{commit}{folder}"))
        }
        (Some("url"), Some(url)) => Origin::Url(url.to_owned()),
        (Some("directory" | "file"), Some(path)) => Origin::Path(path.to_owned()),
        _ => Origin::Index(string(package, "version")?.to_owned()),
    };
    let hashes =
        tables(package, "files").filter_map(|file| string(file, "hash")).map(str::to_owned).collect();
    Some(Pinned { name, origin, hashes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
[[package]]
name = "ops"
version = "2.17"
optional = false
python-versions = ">=3.8"
files = [{ file = "ops.whl", hash = "sha256:aa" }]
[package.dependencies]
PyYAML = ">=6"
importlib = { version = "*", markers = "python_version < '3.10'" }
ops-tracing = { version = "*", optional = true, markers = "extra == \"tracing\"" }
[package.extras]
tracing = ["ops-tracing (==1)"]

[[package]]
name = "pyyaml"
version = "5.4"
python-versions = "<3.8"

[[package]]
name = "pyyaml"
version = "6.0"
python-versions = ">=3.8"

[[package]]
name = "ops-tracing"
version = "1"
python-versions = "*"

[[package]]
name = "cosl"
version = "0.1"
python-versions = "*"

[[package]]
name = "pytest"
version = "8"
python-versions = "*"

[metadata]
python-versions = "^3.8"
"#;

    #[test]
    fn follows_the_main_group_and_the_selected_ones() {
        let pyproject: Table = r#"
[tool.poetry.dependencies]
python = "^3.8"
ops = { version = "^2", extras = ["tracing"] }
[tool.poetry.group.charm-libs.dependencies]
cosl = "*"
[tool.poetry.group.dev.dependencies]
pytest = "*"
"#
        .parse()
        .unwrap();
        let mut env = MarkerEnv::default();
        for (name, value) in [("python_full_version", "3.12.1"), ("python_version", "3.12")] {
            env.variables.insert(name.to_owned(), value.to_owned());
        }
        let names = |groups: &[&str]| -> Vec<String> {
            let selection =
                Selection { extras: Vec::new(), groups: groups.iter().map(|&g| g.to_owned()).collect() };
            let pinned = packages(Path::new("poetry.lock"), LOCK, &pyproject, &selection, &env).unwrap();
            pinned.iter().map(|pinned| pinned.requirement(Path::new(""), false)).collect()
        };
        assert_eq!(names(&[]), ["ops==2.17", "ops-tracing==1", "pyyaml==6.0"]);
        assert_eq!(names(&["charm-libs"]), ["cosl==0.1", "ops==2.17", "ops-tracing==1", "pyyaml==6.0"]);
    }
}
