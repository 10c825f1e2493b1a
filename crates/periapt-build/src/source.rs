//! Copying a charm's source folder into a tree: everything that may be needed at run time, and what its parts copy.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::WalkDir;

use crate::glob;
use crate::parts::Dump;
use crate::tree::{copy_file, create_dir, make_link, remove_any, resolve_inside, walk_error};
use crate::{BuildError, Progress};

/// Juju's own default ignores (Juju 3.6: charm archives), what Python tools leave behind, and what the running charm
/// itself would write.
const IGNORED: [&str; 24] = [
    ".git",
    ".svn",
    ".hg",
    ".bzr",
    ".tox",
    ".nox",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "*.py[co]",
    ".jujuignore",
    "/build/",
    "/revision",
    "/version",
    "/venv",
    "/*.charm",
    ".coverage",
    ".unit-state.db",
    ".unit-state.db-journal",
    ".unit-state.db-wal",
    ".unit-state.db-shm",
    "/.juju-charm",
];

/// What `.jujuignore` says, after the defaults and `more`.
fn ignore_rules(folder: &Path, with_jujuignore: bool, more: &[&str]) -> Result<Gitignore, BuildError> {
    let mut builder = GitignoreBuilder::new(folder);
    for pattern in IGNORED.iter().chain(more) {
        builder.add_line(None, pattern).map_err(|error| BuildError::invalid(folder, error.to_string()))?;
    }
    let own = folder.join(".jujuignore");
    if with_jujuignore
        && own.is_file()
        && let Some(error) = builder.add(&own)
    {
        return Err(BuildError::invalid(&own, error.to_string()));
    }
    builder.build().map_err(|error| BuildError::invalid(&own, error.to_string()))
}

/// Copies a charm's folder but for what `left_out` names beside the usual. Gives the warnings: about links that lead nowhere
/// or out of the project.
///
/// # Errors
/// Files that cannot be read or written.
pub fn copy_folder(folder: &Path, tree: &Path, left_out: &[&str]) -> Result<Vec<String>, BuildError> {
    let rules = ignore_rules(folder, true, left_out)?;
    let mut warnings = Vec::new();
    let walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    for entry in
        walk.filter_entry(|entry| !rules.matched(entry.path(), entry.file_type().is_dir()).is_ignore())
    {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let to = tree.join(relative);
        if entry.file_type().is_dir() {
            create_dir(&to)?;
        } else if entry.file_type().is_file() {
            copy_file(entry.path(), &to, is_executable(entry.path()))?;
        } else if entry.file_type().is_symlink() {
            copy_link(folder, relative, &to, &mut warnings)?;
        } else {
            warnings.push(format!("{} is not a file, a directory or a link: left out", relative.display()));
        }
    }
    Ok(warnings)
}

/// A link inside the charm stays one. One that leads elsewhere in the same repository is replaced by what it leads to:
/// several charms of one repository share code that way. Any other is left out, as charmcraft does.
fn copy_link(
    folder: &Path,
    relative: &Path,
    to: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), BuildError> {
    let link = folder.join(relative);
    let target = fs::read_link(&link).map_err(BuildError::io("read", &link))?;
    if resolve_inside(relative, &target).is_some() {
        return make_link(&target, to);
    }
    let real_folder = fs::canonicalize(folder).map_err(BuildError::io("read", folder))?;
    let Ok(real) = fs::canonicalize(&link) else {
        warnings.push(format!(
            "{} is a link to {}, which does not exist: left out",
            relative.display(),
            target.display()
        ));
        return Ok(());
    };
    if !real.starts_with(repository_of(&real_folder)) || real_folder.starts_with(&real) {
        warnings.push(format!(
            "{} is a link to {}, outside the charm's repository: left out",
            relative.display(),
            target.display()
        ));
        return Ok(());
    }
    let rules = ignore_rules(&real, false, &[])?;
    let walk = WalkDir::new(&real).follow_links(false).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| {
        entry.depth() == 0 || !rules.matched(entry.path(), entry.file_type().is_dir()).is_ignore()
    }) {
        let entry = entry.map_err(|error| walk_error(&real, error))?;
        let inner = entry.path().strip_prefix(&real).unwrap_or(Path::new(""));
        let to = if inner.as_os_str().is_empty() { to.to_owned() } else { to.join(inner) };
        if entry.file_type().is_dir() {
            create_dir(&to)?;
        } else if entry.file_type().is_file() {
            copy_file(entry.path(), &to, is_executable(entry.path()))?;
        } else if let Ok(target) = fs::read_link(entry.path())
            && resolve_inside(inner, &target).is_some()
        {
            make_link(&target, &to)?;
        } else {
            warnings.push(format!(
                "{} leads out of {}: left out",
                entry.path().display(),
                relative.display()
            ));
        }
    }
    Ok(())
}

/// The closest folder above that is a Git repository, or the folder itself.
fn repository_of(folder: &Path) -> &Path {
    folder.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(folder)
}

fn is_executable(path: &Path) -> bool {
    crate::command::is_executable(path)
}

/// Does what a `dump` part says: copies its source into the tree, renamed and filtered. What the source folder's copy has
/// brought already stays.
///
/// # Errors
/// Files that cannot be read or written.
pub fn dump(
    folder: &Path,
    tree: &Path,
    part: &Dump,
    progress: &dyn Progress,
) -> Result<Vec<String>, BuildError> {
    let source = folder.join(&part.source);
    if !source.exists() {
        return Ok(vec![format!(
            "charmcraft.yaml, part `{}`: its source {} does not exist",
            part.part, part.source
        )]);
    }
    let in_place = fs::canonicalize(&source).ok() == fs::canonicalize(folder).ok();
    if in_place && part.organize.is_empty() {
        // Everything of the folder is there, but what `.jujuignore` left out; a part that names files wants those too.
        if part.filters.iter().flatten().all(|pattern| pattern.starts_with('-')) {
            return Ok(Vec::new());
        }
    }
    progress.step(&format!("copying the files of part `{}`", part.part));
    let rules = ignore_rules(&source, false, &[])?;
    let mut warnings = Vec::new();
    let root = if source.is_dir() { source.clone() } else { source.parent().unwrap_or(folder).to_owned() };
    let walk = WalkDir::new(&source).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| {
        entry.depth() == 0 || !rules.matched(entry.path(), entry.file_type().is_dir()).is_ignore()
    }) {
        let Ok(entry) = entry else { continue };
        let relative = entry.path().strip_prefix(&root).unwrap_or(Path::new(""));
        if entry.file_type().is_dir() || relative.as_os_str().is_empty() {
            continue;
        }
        let place = organized(relative, &part.organize);
        if !part.filters.iter().all(|patterns| glob::filter(patterns, &place)) {
            continue;
        }
        let to = tree.join(&place);
        if in_place && place == relative && to.symlink_metadata().is_ok() {
            continue;
        }
        if resolve_inside(Path::new("x"), &place).is_none() {
            warnings.push(format!(
                "charmcraft.yaml, part `{}`: {} lies outside the charm",
                part.part,
                place.display()
            ));
            continue;
        }
        if let Some(parent) = to.parent() {
            create_dir(parent)?;
        }
        // A link may lead out of what is copied: its content is what is wanted.
        if entry.path().is_file() {
            remove_any(&to)?;
            copy_file(entry.path(), &to, is_executable(entry.path()))?;
        }
    }
    Ok(warnings)
}

/// Where `organize` puts a file: `from: to` renames a file or directory, and with a trailing slash moves into a directory.
fn organized(path: &Path, organize: &[(String, String)]) -> PathBuf {
    for (from, to) in organize {
        let from = from.trim_end_matches('/');
        for prefix in path.ancestors().filter(|prefix| !prefix.as_os_str().is_empty()) {
            if glob::matches(from, &prefix.to_string_lossy()) {
                let rest = path.strip_prefix(prefix).unwrap_or(Path::new(""));
                let mut place = PathBuf::from(to.trim_start_matches('/'));
                if to.ends_with('/') || from.contains('*') {
                    place.push(prefix.file_name().unwrap_or_default());
                }
                if !rest.as_os_str().is_empty() {
                    place.push(rest);
                }
                return place;
            }
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use std::os::unix::fs::symlink;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn copies_what_may_be_needed_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("tree"));
        for file in [
            "src/charm.py",
            "lib/charms/a/v0/b.py",
            "templates/build/x",
            "venv/bin/python",
            ".git/HEAD",
            "src/__pycache__/c.pyc",
            "x.charm",
            "secret/key",
            "secret/keep",
            ".unit-state.db",
        ] {
            write(&folder.join(file), file);
        }
        // Git ignores `lib` in charms whose libraries are fetched; Juju does not ask Git.
        write(&folder.join(".gitignore"), "lib/\n");
        write(&folder.join(".jujuignore"), "secret/*\n!secret/keep\n");
        fs::create_dir(&tree).unwrap();
        copy_folder(&folder, &tree, &[]).unwrap();
        for there in ["src/charm.py", "lib/charms/a/v0/b.py", "templates/build/x", "secret/keep"] {
            assert!(tree.join(there).is_file(), "{there}");
        }
        for not in
            ["venv", ".git", "src/__pycache__", "x.charm", "secret/key", ".unit-state.db", ".jujuignore"]
        {
            assert!(!tree.join(not).exists(), "{not}");
        }
    }

    #[test]
    fn links_within_the_repository_are_followed_and_others_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (repository, tree) = (dir.path().join("repo"), dir.path().join("tree"));
        fs::create_dir_all(repository.join(".git")).unwrap();
        write(&repository.join("common/shared/mod.py"), "shared");
        write(&repository.join("machine/src/charm.py"), "charm");
        write(&dir.path().join("outside.txt"), "secret");
        let charm = repository.join("machine");
        symlink("../../common/shared", charm.join("src/shared")).unwrap();
        symlink("charm.py", charm.join("src/inner")).unwrap();
        symlink("../../outside.txt", charm.join("outside")).unwrap();
        symlink("nowhere", charm.join("dangling")).unwrap();
        fs::create_dir(&tree).unwrap();
        let warnings = copy_folder(&charm, &tree, &[]).unwrap();
        assert_eq!(fs::read_to_string(tree.join("src/shared/mod.py")).unwrap(), "shared");
        assert!(!tree.join("src/shared").is_symlink());
        assert_eq!(fs::read_link(tree.join("src/inner")).unwrap(), Path::new("charm.py"));
        assert!(tree.join("outside").symlink_metadata().is_err());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }

    #[test]
    fn dump_organizes_and_filters() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("tree"));
        for file in ["files/a.txt", "files/b.txt", "files/deep/lib-1.so", "files/deep/other"] {
            write(&folder.join(file), file);
        }
        fs::create_dir(&tree).unwrap();
        let part = Dump {
            part: "files".to_owned(),
            source: "./files".to_owned(),
            organize: vec![
                ("deep/lib*.so".to_owned(), "lib/".to_owned()),
                ("a.txt".to_owned(), "renamed".to_owned()),
            ],
            filters: vec![vec!["lib".to_owned(), "renamed".to_owned()], vec!["-b.txt".to_owned()]],
        };
        assert!(dump(&folder, &tree, &part, &Silent).unwrap().is_empty());
        assert!(tree.join("lib/lib-1.so").is_file());
        assert!(tree.join("renamed").is_file());
        assert!(!tree.join("b.txt").exists() && !tree.join("deep").exists());
    }
}
