//! Reads `uv.lock`, for machines without uv.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::lock::{Edge, Node, Origin, Pinned, Selection, walk};
use super::marker::MarkerEnv;
use super::pydeps::normalize;
use crate::BuildError;

/// The packages that `uv sync --frozen --no-dev` would install for the project.
///
/// # Errors
/// [`BuildError::Invalid`] if the file is not a lock file of a known form, or contradicts itself.
pub fn packages(
    path: &Path,
    text: &str,
    selection: &Selection,
    env: &MarkerEnv,
) -> Result<Vec<Pinned>, BuildError> {
    let lock = parse(path, text)?;
    let mut nodes: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    let mut root = None;
    for package in tables(&lock, "package") {
        let name = normalize(string(package, "name").unwrap_or_default());
        let source = package.get("source").and_then(Value::as_table);
        let is_root = source.is_some_and(|source| {
            ["virtual", "editable", "directory"].iter().any(|kind| string(source, kind) == Some("."))
        });
        let mut node = Node {
            pinned: if is_root { None } else { pinned(package) },
            version: string(package, "version").unwrap_or_default().to_owned(),
            when: strings(package, "resolution-markers"),
            edges: edges(package.get("dependencies")),
            extra_edges: groups(package.get("optional-dependencies")),
        };
        if is_root {
            let mut dev = groups(package.get("dev-dependencies"));
            for group in &selection.groups {
                node.edges.extend(dev.remove(group).unwrap_or_default());
            }
            root = Some(Edge {
                name: name.clone(),
                version: Some(node.version.clone()),
                extras: selection.extras.clone(),
                marker: None,
            });
        }
        nodes.entry(name).or_default().push(node);
    }
    let Some(root) = root else {
        return Err(BuildError::invalid(path, "it locks no project at `.`: it belongs to another folder"));
    };
    walk(path, &nodes, vec![root], env)
}

/// Reads the TOML text of a lock file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Table, BuildError> {
    text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        BuildError::invalid(path, format!("line {line}: {}", error.message()))
    })
}

pub(super) fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

pub(super) fn string<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

pub(super) fn strings(table: &Table, key: &str) -> Vec<String> {
    let values = table.get(key).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn groups(value: Option<&Value>) -> BTreeMap<String, Vec<Edge>> {
    let table = value.and_then(Value::as_table);
    table.into_iter().flatten().map(|(name, list)| (name.clone(), edges(Some(list)))).collect()
}

fn edges(value: Option<&Value>) -> Vec<Edge> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .filter_map(|dependency| {
            Some(Edge {
                name: normalize(string(dependency, "name")?),
                version: string(dependency, "version").map(str::to_owned),
                extras: strings(dependency, "extra"),
                marker: string(dependency, "marker").map(str::to_owned),
            })
        })
        .collect()
}

fn pinned(package: &Table) -> Option<Pinned> {
    let name = string(package, "name")?.to_owned();
    let version = string(package, "version");
    let source = package.get("source").and_then(Value::as_table);
    let from = |kind| source.and_then(|source| string(source, kind));
    let origin = if let Some(git) = from("git") {
        // `https://host/repository?rev=main#0123abc`: the commit is what counts.
        let (address, commit) = git.rsplit_once('#').unwrap_or((git, "HEAD"));
        let (address, query) = address.split_once('?').unwrap_or((address, ""));
        let folder = query.split('&').find_map(|part| part.strip_prefix("subdirectory="));
        let folder = folder.map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        Origin::Url(format!("git+{address}@{commit}{folder}"))
    } else if let Some(url) = from("url") {
        Origin::Url(url.to_owned())
    } else if let Some(path) = ["editable", "directory", "path"].into_iter().find_map(from) {
        Origin::Path(path.to_owned())
    } else if from("virtual").is_some() {
        return None;
    } else {
        Origin::Index(version?.to_owned())
    };
    let sdist = package.get("sdist").and_then(Value::as_table);
    let files = sdist.into_iter().chain(tables(package, "wheels"));
    let hashes = files.filter_map(|file| string(file, "hash")).map(str::to_owned).collect();
    Some(Pinned { name, origin, hashes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 1
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "ops", extra = ["tracing"] },
    { name = "typing-extensions", version = "4.13", marker = "python_full_version < '3.9'" },
    { name = "typing-extensions", version = "4.15", marker = "python_full_version >= '3.9'" },
    { name = "tool" },
]
[package.optional-dependencies]
fast = [{ name = "speedup" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
charm = [{ name = "libs" }]

[[package]]
name = "ops"
version = "3.0.0"
source = { registry = "https://example.org/simple" }
dependencies = [{ name = "pyyaml" }]
wheels = [{ url = "https://example.org/ops.whl", hash = "sha256:aa" }]
[package.optional-dependencies]
tracing = [{ name = "ops-tracing" }]

[[package]]
name = "ops-tracing"
version = "3.0.0"
source = { registry = "https://example.org/simple" }
dependencies = [{ name = "ops" }]

[[package]]
name = "pyyaml"
version = "6.0"
source = { registry = "https://example.org/simple" }

[[package]]
name = "typing-extensions"
version = "4.13"
source = { registry = "https://example.org/simple" }

[[package]]
name = "typing-extensions"
version = "4.15"
source = { registry = "https://example.org/simple" }

[[package]]
name = "tool"
version = "1"
source = { git = "https://example.org/tool?subdirectory=py&rev=main#abc123" }

[[package]]
name = "libs"
version = "1"
source = { directory = "../libs" }

[[package]]
name = "speedup"
version = "1"
source = { registry = "https://example.org/simple" }

[[package]]
name = "pytest"
version = "8"
source = { registry = "https://example.org/simple" }
"#;

    fn names(selection: &Selection) -> Vec<String> {
        let mut env = MarkerEnv::default();
        env.variables.insert("python_full_version".to_owned(), "3.12.1".to_owned());
        let pinned = packages(Path::new("/charm/uv.lock"), LOCK, selection, &env).unwrap();
        pinned.iter().map(|pinned| pinned.requirement(Path::new("/charm"), true)).collect()
    }

    #[test]
    fn follows_markers_extras_and_sources_but_not_dev() {
        assert_eq!(
            names(&Selection::default()),
            [
                "ops==3.0.0 \\\n    --hash=sha256:aa",
                "ops-tracing==3.0.0",
                "pyyaml==6.0",
                "tool @ git+https://example.org/tool@abc123#subdirectory=py",
                "typing-extensions==4.15"
            ]
        );
        let more = names(&Selection { extras: vec!["fast".to_owned()], groups: vec!["charm".to_owned()] });
        assert!(
            more.contains(&"speedup==1".to_owned()) && more.contains(&"/charm/../libs".to_owned()),
            "{more:?}"
        );
    }

    #[test]
    fn says_where_a_broken_file_is_broken() {
        let path = Path::new("uv.lock");
        let error = packages(path, "version = 1\n[[package]\n", &Selection::default(), &MarkerEnv::default())
            .unwrap_err();
        assert!(error.to_string().starts_with("uv.lock: line 2: "), "{error}");
        let missing = LOCK.replace("name = \"pyyaml\"\nversion", "name = \"other\"\nversion");
        let error = packages(path, &missing, &Selection::default(), &MarkerEnv::default()).unwrap_err();
        assert!(error.to_string().contains("does not hold `pyyaml`"), "{error}");
    }
}
