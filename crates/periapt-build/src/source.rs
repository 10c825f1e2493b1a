//! Copying a charm's source folder into a tree: everything that may be needed at run time, and what its parts copy.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::WalkDir;

use crate::copies::{Copies, Need};
use crate::error::shown;
use crate::parts::Dump;
use crate::tree::{copy_file, create_dir, remove_any, resolve_inside, walk_error};
use crate::{BuildError, Progress, glob, links};

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

/// Copies a charm's folder into an empty tree, but for what `left_out` names beside the usual. Gives the warnings: about links
/// that lead nowhere or out of the project.
///
/// # Errors
/// Files that cannot be read or written; more of them than there is room for, of which none is written then.
pub fn copy_folder(folder: &Path, tree: &Path, left_out: &[&str]) -> Result<Vec<String>, BuildError> {
    let rules = ignore_rules(folder, true, left_out)?;
    let (mut warnings, mut copies) = (Vec::new(), Copies::default());
    let walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    for entry in
        walk.filter_entry(|entry| !rules.matched(entry.path(), entry.file_type().is_dir()).is_ignore())
    {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let to = tree.join(relative);
        if entry.file_type().is_dir() {
            copies.dir(to);
        } else if entry.file_type().is_file() {
            copies.file(entry.path(), to)?;
        } else if entry.file_type().is_symlink() {
            copy_link(folder, relative, &to, &mut copies, &mut warnings)?;
        } else {
            warnings.push(format!("{} is not a file, a directory or a link: left out", shown(relative)));
        }
    }
    copies.make(tree)?;
    links::remove_escaping(tree, &mut warnings)?;
    Ok(warnings)
}

/// A link inside the charm stays one. One that leads elsewhere in the same repository is replaced by what it leads to:
/// several charms of one repository share code that way. Any other is left out, as charmcraft does.
fn copy_link(
    folder: &Path,
    relative: &Path,
    to: &Path,
    copies: &mut Copies,
    warnings: &mut Vec<String>,
) -> Result<(), BuildError> {
    let link = folder.join(relative);
    let target = fs::read_link(&link).map_err(BuildError::io("read", &link))?;
    if resolve_inside(relative, &target).is_some() {
        copies.link(target, to.to_owned());
        return Ok(());
    }
    let real_folder = fs::canonicalize(folder).map_err(BuildError::io("read", folder))?;
    let Ok(real) = fs::canonicalize(&link) else {
        warnings.push(format!(
            "{} is a link to {}, which does not exist: left out",
            shown(relative),
            shown(&target)
        ));
        return Ok(());
    };
    if !real.starts_with(repository_of(&real_folder)) || real_folder.starts_with(&real) {
        warnings.push(format!(
            "{} is a link to {}, outside the charm's repository: left out",
            shown(relative),
            shown(&target)
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
            copies.dir(to);
        } else if entry.file_type().is_file() {
            copies.file(entry.path(), to)?;
        } else if let Ok(target) = fs::read_link(entry.path())
            && resolve_inside(inner, &target).is_some()
        {
            copies.link(target, to);
        } else {
            warnings.push(format!("{} leads out of {}: left out", shown(entry.path()), shown(relative)));
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
/// brought already stays. What would lie outside the tree, also by way of its links, is left out with a warning.
///
/// # Errors
/// Files that cannot be read or written; more of them than there is room for, of which none is written then.
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
            part.part,
            shown(Path::new(&part.source))
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
    let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut need = Need::default();
    let real_folder = fs::canonicalize(folder).map_err(BuildError::io("read", folder))?;
    let real_source = fs::canonicalize(&source).map_err(BuildError::io("read", &source))?;
    let is_ours =
        |real: &Path| real.starts_with(repository_of(&real_folder)) || real.starts_with(&real_source);
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
        // A link may lead out of what is copied: its content is what is wanted.
        let Some(meta) = entry.path().metadata().ok().filter(fs::Metadata::is_file) else { continue };
        if entry.path_is_symlink() && !fs::canonicalize(entry.path()).is_ok_and(|real| is_ours(&real)) {
            warnings.push(format!(
                "charmcraft.yaml, part `{}`: {} is a link out of the charm's repository: left out",
                part.part,
                shown(relative)
            ));
            continue;
        }
        need.add(entry.path(), meta.len());
        files.push((entry.into_path(), place));
    }
    need.check(tree)?;
    for (from, place) in files {
        // What is copied may take the place of a link, so each is looked at when its turn comes.
        let Some(to) = links::place(tree, &place) else {
            warnings.push(format!(
                "charmcraft.yaml, part `{}`: {} lies outside the charm",
                part.part,
                shown(&place)
            ));
            continue;
        };
        if let Some(parent) = to.parent() {
            create_dir(parent)?;
        }
        remove_any(&to)?;
        copy_file(&from, &to, is_executable(&from))?;
    }
    links::remove_escaping(tree, &mut warnings)?;
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

    /// A charm whose links lead out of it together: `p` is the folder above.
    fn hostile(dir: &Path) -> PathBuf {
        let folder = dir.join("charm");
        write(&folder.join("x/file"), "x");
        write(&folder.join("src1/evil"), "evil");
        symlink("..", folder.join("x/y")).unwrap();
        symlink("x/y/../..", folder.join("p")).unwrap();
        folder
    }

    #[test]
    fn links_that_lead_out_together_are_left_out_and_nothing_is_written_through_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = hostile(dir.path());
        symlink("p/WRITTEN", folder.join("metadata.yaml")).unwrap();
        let tree = dir.path().join("home/tree");
        fs::create_dir_all(&tree).unwrap();
        write(&dir.path().join("home/secrets.key"), "precious");
        let warnings = copy_folder(&folder, &tree, &[]).unwrap();
        let left_out: Vec<&str> = warnings.iter().filter_map(|w| w.split(' ').next()).collect();
        assert_eq!(left_out, ["metadata.yaml", "p"], "{warnings:?}");
        assert!(tree.join("x/y").is_symlink());
        // A link that came into the tree by another way is not written through either.
        symlink("x/y/../..", tree.join("p")).unwrap();
        for to in ["p/secrets.key", "p/", "x/y/../../secrets.key", ".", "/../secrets.key"] {
            let part = Dump {
                part: "f".to_owned(),
                source: "src1".to_owned(),
                organize: vec![("evil".to_owned(), to.to_owned())],
                filters: Vec::new(),
            };
            let warnings = dump(&folder, &tree, &part, &Silent).unwrap();
            assert!(warnings[0].contains("lies outside the charm"), "{to}: {warnings:?}");
            let _ = symlink("x/y/../..", tree.join("p"));
        }
        let there: Vec<_> = fs::read_dir(dir.path().join("home")).unwrap().flatten().collect();
        assert_eq!(there.len(), 2, "{there:?}");
        assert_eq!(fs::read_to_string(dir.path().join("home/secrets.key")).unwrap(), "precious");
    }

    #[test]
    fn what_takes_the_place_of_a_link_may_not_let_another_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("home/tree"));
        write(&folder.join("a/b/c"), "c");
        write(&folder.join("src1/evil"), "evil");
        symlink("a/b", folder.join("q")).unwrap();
        fs::create_dir_all(&tree).unwrap();
        assert!(copy_folder(&folder, &tree, &[]).unwrap().is_empty());
        symlink("q/../..", tree.join("top")).unwrap();
        let part = Dump {
            part: "f".to_owned(),
            source: "src1".to_owned(),
            organize: vec![("evil".to_owned(), "q".to_owned())],
            filters: Vec::new(),
        };
        let warnings = dump(&folder, &tree, &part, &Silent).unwrap();
        assert!(warnings[0].starts_with("top is a link to q/../.."), "{warnings:?}");
        assert!(tree.join("q").is_file() && !tree.join("top").is_symlink());
    }

    #[test]
    fn a_dump_takes_nothing_from_outside_the_repository_by_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("tree"));
        write(&folder.join("src1/a"), "a");
        write(&dir.path().join("secret"), "secret");
        symlink("../../secret", folder.join("src1/out")).unwrap();
        symlink("a", folder.join("src1/in")).unwrap();
        fs::create_dir(&tree).unwrap();
        let part = Dump {
            part: "f".to_owned(),
            source: "src1".to_owned(),
            organize: Vec::new(),
            filters: Vec::new(),
        };
        let warnings = dump(&folder, &tree, &part, &Silent).unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(fs::read_to_string(tree.join("in")).unwrap(), "a");
        assert!(tree.join("out").symlink_metadata().is_err());
    }

    #[test]
    fn names_are_told_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("tree"));
        fs::create_dir(&tree).unwrap();
        fs::create_dir(&folder).unwrap();
        let pipe = folder.join("f\nERROR \u{1b}[31mfake");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        symlink("no\nwhere/../..", folder.join("l")).unwrap();
        symlink("../no\nwhere", folder.join("m")).unwrap();
        let warnings = copy_folder(&folder, &tree, &[]).unwrap();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].starts_with("f\\nERROR \\u{1b}[31mfake is not a file"), "{warnings:?}");
        assert!(!warnings.concat().chars().any(char::is_control), "{warnings:?}");
    }

    #[test]
    fn a_file_larger_than_the_disk_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tree) = (dir.path().join("charm"), dir.path().join("tree"));
        write(&folder.join("a"), "a");
        fs::create_dir(&tree).unwrap();
        // Nothing of it is on the disk.
        let room = rustix::fs::statvfs(dir.path()).unwrap();
        let size = room.f_bavail * room.f_frsize + (1 << 32);
        fs::File::create(folder.join("big")).unwrap().set_len(size).unwrap();
        let error = copy_folder(&folder, &tree, &[]).unwrap_err().to_string();
        assert!(error.contains(&format!("charm/big: it has {size} bytes")), "{error}");
        let part = Dump {
            part: "f".to_owned(),
            source: ".".to_owned(),
            organize: vec![("big".to_owned(), "other".to_owned())],
            filters: Vec::new(),
        };
        let error = dump(&folder, &tree, &part, &Silent).unwrap_err().to_string();
        assert!(error.contains("charm/./big: it has") || error.contains("charm/big: it has"), "{error}");
        assert_eq!(fs::read_dir(&tree).unwrap().count(), 0);
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
