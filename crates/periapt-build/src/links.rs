//! Where paths of a charm tree lead when their links are followed: links that are harmless one by one may lead out together.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::BuildError;
use crate::error::shown;
use crate::tree::{Entry, Kind, VENV, list, remove_any};

/// So many links are followed: more than Linux does (40).
const MOST: usize = 255;

/// Where a path of a tree leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To this path of the tree, free of links. It need not exist.
    Inside(PathBuf),
    /// Out of the tree.
    Outside,
    /// Round in a circle: nothing can be opened there.
    Nowhere,
}

enum Step {
    Up,
    Down(PathBuf),
}

/// Puts the steps of a path on top of those that are ahead. `false`: the path begins at the root of the file system.
fn put_ahead(ahead: &mut Vec<Step>, path: &Path) -> bool {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => ahead.push(Step::Down(name.into())),
            Component::ParentDir => ahead.push(Step::Up),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// Follows a path (relative to the tree) and all links on its way as the system would, but that what does not exist counts as
/// a directory.
#[must_use]
pub fn follow(tree: &Path, path: &Path) -> Leads {
    let (mut place, mut ahead, mut links) = (PathBuf::new(), Vec::new(), 0);
    if !put_ahead(&mut ahead, path) {
        return Leads::Outside;
    }
    while let Some(step) = ahead.pop() {
        let name = match step {
            Step::Up if place.pop() => continue,
            Step::Up => return Leads::Outside,
            Step::Down(name) => name,
        };
        place.push(name);
        if let Ok(target) = fs::read_link(tree.join(&place)) {
            links += 1;
            if links > MOST {
                return Leads::Nowhere;
            }
            place.pop();
            if !put_ahead(&mut ahead, &target) {
                return Leads::Outside;
            }
        }
    }
    Leads::Inside(place)
}

/// Where to write a file of this path (relative to the tree), the links to its folder followed. `None`: outside of the tree, or
/// no place for a file.
#[must_use]
pub fn place(tree: &Path, path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    match follow(tree, path.parent()?) {
        Leads::Inside(folder) => Some(tree.join(folder).join(name)),
        Leads::Outside | Leads::Nowhere => None,
    }
}

/// Removes the links of a tree that lead out of it, and tells of each.
///
/// # Errors
/// A directory that cannot be read, a link that cannot be removed.
pub fn remove_escaping(tree: &Path, warnings: &mut Vec<String>) -> Result<(), BuildError> {
    loop {
        // Where one leads may change when another is gone.
        let mut found = false;
        let mut entries = list(tree)?;
        // A listing leaves out the virtual environment, which is a folder where it is one's own.
        if let Ok(target) = fs::read_link(tree.join(VENV)) {
            entries.push(Entry { path: PathBuf::from(VENV), kind: Kind::Link(target) });
        }
        for entry in entries {
            if let Kind::Link(target) = entry.kind
                && follow(tree, &entry.path) == Leads::Outside
            {
                found = true;
                remove_any(&tree.join(&entry.path))?;
                warnings.push(format!(
                    "{} is a link to {}, which leads out of the charm by way of other links: left out",
                    shown(&entry.path),
                    shown(&target)
                ));
            }
        }
        if !found {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_together() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("x/deep")).unwrap();
        for (link, target) in [
            ("x/y", ".."),
            ("out", "x/y/../.."),
            ("far", "out/more"),
            ("root", "/etc"),
            ("back", "x/deep/../../x"),
            ("a", "b"),
            ("b", "a"),
            ("gone", "nowhere/file"),
        ] {
            symlink(target, tree.join(link)).unwrap();
        }
        let inside = |path: &str| Leads::Inside(path.into());
        for (path, leads) in [
            ("x/y", inside("")),
            ("x/y/x/deep", inside("x/deep")),
            ("back/deep", inside("x/deep")),
            ("gone", inside("nowhere/file")),
            ("out", Leads::Outside),
            ("far/z", Leads::Outside),
            ("root", Leads::Outside),
            ("..", Leads::Outside),
            ("/etc", Leads::Outside),
            ("a/z", Leads::Nowhere),
        ] {
            assert_eq!(follow(&tree, Path::new(path)), leads, "{path}");
        }
        assert_eq!(place(&tree, Path::new("back/f")), Some(tree.join("x/f")));
        for path in ["out/f", ".", "..", "a/f", "/f", "x/y/../../f"] {
            assert_eq!(place(&tree, Path::new(path)), None, "{path}");
        }
        let mut warnings = Vec::new();
        remove_escaping(&tree, &mut warnings).unwrap();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(tree.join("back").is_symlink() && !tree.join("far").is_symlink());
    }

    #[test]
    fn a_link_that_leads_out_once_another_is_gone_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("d/e/f")).unwrap();
        symlink("d/e", tree.join("fine")).unwrap();
        symlink("fine/../..", tree.join("top")).unwrap();
        let mut warnings = Vec::new();
        remove_escaping(&tree, &mut warnings).unwrap();
        assert!(warnings.is_empty() && tree.join("top").is_symlink(), "{warnings:?}");
        remove_any(&tree.join("fine")).unwrap();
        remove_escaping(&tree, &mut warnings).unwrap();
        assert!(!tree.join("top").is_symlink(), "{warnings:?}");
    }
}
