//! What reading a lock file yields, whichever tool wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::marker::MarkerEnv;
use crate::BuildError;

/// A package pinned by a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The package's name as the lock file spells it.
    pub name: String,
    /// How it is pinned.
    pub origin: Origin,
    /// `sha256:…` of every file that may be installed for it.
    pub hashes: BTreeSet<String>,
}

/// Where a pinned package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A package index, at this version.
    Index(String),
    /// A URL that pip understands: an archive, or a Git repository at a commit.
    Url(String),
    /// A path, relative to the lock file's folder.
    Path(String),
}

impl Pinned {
    /// The package as lines of a requirements file.
    #[must_use]
    pub fn requirement(&self, folder: &Path, with_hashes: bool) -> String {
        let mut line = match &self.origin {
            Origin::Index(version) => format!("{}=={version}", self.name),
            Origin::Url(url) => format!("{} @ {url}", self.name),
            Origin::Path(path) => folder.join(path).display().to_string(),
        };
        if with_hashes {
            for hash in &self.hashes {
                line.push_str(" \\\n    --hash=");
                line.push_str(hash);
            }
        }
        line
    }
}

/// Which parts of a project's dependencies are wanted besides the main ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Extras of the project itself (`[project.optional-dependencies]`).
    pub extras: Vec<String>,
    /// Dependency groups (`[dependency-groups]`, `[tool.poetry.group.*]`).
    pub groups: Vec<String>,
}

/// One edge of the dependency graph: a package wanted, with extras, by something that is wanted itself.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// Normal form of the name.
    pub name: String,
    /// The exact version, where the lock file holds several.
    pub version: Option<String>,
    /// Extras of that package.
    pub extras: Vec<String>,
    /// The condition.
    pub marker: Option<String>,
}

/// A locked package as a node of the dependency graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// What to install, or `None` for the project itself.
    pub pinned: Option<Pinned>,
    /// Its version, for edges that name one.
    pub version: String,
    /// If not empty: the node stands for its package only where one of these markers holds.
    pub when: Vec<String>,
    /// What it needs.
    pub edges: Vec<Edge>,
    /// What it needs besides for each extra.
    pub extra_edges: BTreeMap<String, Vec<Edge>>,
}

/// Follows the graph from `roots`, and gives what is to be installed for `env`, each package once, by name.
///
/// # Errors
/// [`BuildError::Invalid`] if an edge leads to a package that the lock file does not hold.
pub fn walk(
    lock_file: &Path,
    nodes: &BTreeMap<String, Vec<Node>>,
    roots: Vec<Edge>,
    env: &MarkerEnv,
) -> Result<Vec<Pinned>, BuildError> {
    let mut wanted: BTreeMap<(String, String), Pinned> = BTreeMap::new();
    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    // Each edge with the extras of the package that it starts at: `extra == '…'` markers ask for them.
    let mut queue: Vec<(Edge, BTreeSet<String>)> =
        roots.into_iter().map(|edge| (edge, BTreeSet::new())).collect();
    while let Some((edge, extras_of_parent)) = queue.pop() {
        if let Some(marker) = &edge.marker {
            let mut env = env.clone();
            env.extras = extras_of_parent;
            if !env.holds(marker) {
                continue;
            }
        }
        let node =
            choose(nodes.get(&edge.name).map_or(&[][..], Vec::as_slice), &edge, env).ok_or_else(|| {
                let problem = format!(
                    "it does not hold `{}`, which something in it needs: lock the charm's dependencies again",
                    edge.name
                );
                BuildError::invalid(lock_file, problem)
            })?;
        if let Some(pinned) = &node.pinned {
            wanted.entry((edge.name.clone(), node.version.clone())).or_insert_with(|| pinned.clone());
        }
        let extras: BTreeSet<String> = edge.extras.iter().cloned().collect();
        for extra in std::iter::once(String::new()).chain(extras.iter().cloned()) {
            if !seen.insert((edge.name.clone(), node.version.clone(), extra.clone())) {
                continue;
            }
            let next = if extra.is_empty() { Some(&node.edges) } else { node.extra_edges.get(&extra) };
            // Edges that hang on an extra by marker are in the common list; look at it again for each extra.
            let again = (!extra.is_empty()).then_some(&node.edges);
            for edge in next.into_iter().chain(again).flatten() {
                queue.push((edge.clone(), extras.clone()));
            }
        }
    }
    Ok(wanted.into_values().collect())
}

fn choose<'a>(nodes: &'a [Node], edge: &Edge, env: &MarkerEnv) -> Option<&'a Node> {
    if let Some(version) = &edge.version {
        return nodes.iter().find(|node| node.version == *version);
    }
    let applies = |node: &&Node| node.when.is_empty() || node.when.iter().any(|marker| env.holds(marker));
    nodes.iter().find(applies).or_else(|| nodes.first())
}
