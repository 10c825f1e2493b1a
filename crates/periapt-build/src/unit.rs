//! The copy of a charm tree that one unit runs from, and its upgrade.
//!
//! A charm may write into its own folder, so each unit has its own copy of the files; the virtual environment is shared by
//! a link. (Blocks are shared too where the file system can. Hard links are not used: a charm that changes a file in
//! place would change it for every unit.)

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::BuildError;
use crate::tree::{Entry, Kind, VENV, copy_file, create_dir, list, make_link, remove_any};

/// Makes a unit's copy of a charm tree at `unit`, which need not exist.
///
/// # Errors
/// Files that cannot be read or written. Calling it again completes a copy that was interrupted.
pub fn create_unit(tree: &Path, unit: &Path) -> Result<(), BuildError> {
    write_tree(tree, unit)
}

/// Replaces what the `old` charm tree supplied in a unit's folder by what the `new` one supplies: files that only the old one
/// had are removed, files that the charm made itself stay, such as its state (Juju 3.6: uniter, deploy operation).
///
/// # Errors
/// Files that cannot be read or written. Calling it again with the same trees completes an upgrade that was interrupted.
pub fn upgrade_unit(old: &Path, new: &Path, unit: &Path) -> Result<(), BuildError> {
    let kept: BTreeSet<PathBuf> = list(new)?.into_iter().map(|entry| entry.path).collect();
    // Deepest first, so that directories are empty by the time they are looked at.
    for Entry { path, kind } in list(old)?.into_iter().rev() {
        if kept.contains(&path) || has_link_above(unit, &path) {
            continue;
        }
        let place = unit.join(&path);
        match kind {
            // A directory that holds something of the charm's own making stays.
            Kind::Dir => drop(fs::remove_dir(&place)),
            _ if place.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) => remove_any(&place)?,
            _ => {}
        }
    }
    if new.join(VENV).symlink_metadata().is_err() && unit.join(VENV).is_symlink() {
        remove_any(&unit.join(VENV))?;
    }
    write_tree(new, unit)
}

/// Whether a directory on the way to `path` is a link: what lies behind it is not the charm's.
fn has_link_above(unit: &Path, path: &Path) -> bool {
    path.ancestors().skip(1).any(|dir| !dir.as_os_str().is_empty() && unit.join(dir).is_symlink())
}

fn write_tree(tree: &Path, unit: &Path) -> Result<(), BuildError> {
    create_dir(unit)?;
    for Entry { path, kind } in list(tree)? {
        let place = unit.join(&path);
        match kind {
            Kind::Dir => {
                if !place.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                    remove_any(&place)?;
                    create_dir(&place)?;
                }
            }
            Kind::File { executable } => {
                let fresh = aside(&place);
                remove_any(&fresh)?;
                copy_file(&tree.join(&path), &fresh, executable)?;
                put(&fresh, &place)?;
            }
            Kind::Link(target) => {
                let fresh = aside(&place);
                remove_any(&fresh)?;
                make_link(&target, &fresh)?;
                put(&fresh, &place)?;
            }
        }
    }
    let shared = tree.join(VENV);
    if let Ok(meta) = shared.symlink_metadata() {
        let target = if meta.is_symlink() {
            fs::read_link(&shared).map_err(BuildError::io("read", &shared))?
        } else {
            std::path::absolute(&shared).map_err(BuildError::io("read", &shared))?
        };
        let fresh = aside(&unit.join(VENV));
        remove_any(&fresh)?;
        make_link(&target, &fresh)?;
        put(&fresh, &unit.join(VENV))?;
    }
    Ok(())
}

/// A name beside a file, under which its successor is written before it takes its place.
fn aside(place: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".periapt-new-");
    name.push(place.file_name().unwrap_or_default());
    place.with_file_name(name)
}

/// Puts a file in its place at once, so that a process that has the old one open keeps it.
fn put(fresh: &Path, place: &Path) -> Result<(), BuildError> {
    if place.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        remove_any(place)?;
    }
    fs::rename(fresh, place).map_err(BuildError::io("write", place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_unit_has_its_own_files_and_the_shared_environment() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, unit) = (dir.path().join("tree"), dir.path().join("unit"));
        write(&tree, &[("src/charm.py", "code"), ("metadata.yaml", "name: x")]);
        symlink("/cache/venvs/abc", tree.join("venv")).unwrap();
        create_unit(&tree, &unit).unwrap();
        fs::write(unit.join("src/charm.py"), "changed").unwrap();
        assert_eq!(read(tree.join("src/charm.py")), "code");
        assert_eq!(fs::read_link(unit.join("venv")).unwrap(), Path::new("/cache/venvs/abc"));
        // A tree that has its environment inside shares that.
        fs::remove_file(tree.join("venv")).unwrap();
        write(&tree, &[("venv/ops/__init__.py", "")]);
        create_unit(&tree, &unit).unwrap();
        assert_eq!(fs::read_link(unit.join("venv")).unwrap(), tree.join("venv"));
    }

    #[test]
    fn an_upgrade_replaces_the_charms_files_and_keeps_what_the_charm_made() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new, unit) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("unit"));
        write(
            &old,
            &[
                ("src/charm.py", "1"),
                ("src/gone.py", "1"),
                ("data/seed", "1"),
                ("empty/only", "1"),
                ("thing", "file"),
            ],
        );
        write(&new, &[("src/charm.py", "2"), ("thing/inside", "2"), ("added", "2")]);
        create_unit(&old, &unit).unwrap();
        write(&unit, &[(".unit-state.db", "state"), ("data/mine", "mine"), ("src/charm.py", "tampered")]);
        for _ in 0..2 {
            upgrade_unit(&old, &new, &unit).unwrap();
            assert_eq!(read(unit.join("src/charm.py")), "2");
            assert_eq!(read(unit.join("thing/inside")), "2");
            assert_eq!(read(unit.join("added")), "2");
            assert_eq!(read(unit.join(".unit-state.db")), "state");
            assert_eq!(read(unit.join("data/mine")), "mine");
            for gone in ["src/gone.py", "data/seed", "empty"] {
                assert!(!unit.join(gone).exists(), "{gone}");
            }
        }
    }

    #[test]
    fn an_upgrade_does_not_reach_through_links_that_the_charm_made() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new, unit) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("unit"));
        write(dir.path(), &[("outside/file", "precious")]);
        write(&old, &[("data/file", "1"), ("stay", "1")]);
        write(&new, &[("stay", "2")]);
        create_unit(&old, &unit).unwrap();
        fs::remove_dir_all(unit.join("data")).unwrap();
        symlink(dir.path().join("outside"), unit.join("data")).unwrap();
        upgrade_unit(&old, &new, &unit).unwrap();
        assert_eq!(read(dir.path().join("outside/file")), "precious");
    }
}
