//! The `dispatch` program of a charm tree, and what makes a charm's own one find its packages.

use std::fs;
use std::path::Path;

use crate::BuildError;
use crate::command::is_executable;
use crate::tree::{set_mode, write_file};

/// The script that starts a Python charm. It works in a charm tree of ours, where `venv` is a whole virtual environment,
/// and on a Juju machine, where `venv` holds the packages and the machine has the interpreter. What it sets for the charm
/// is what charmcraft's script sets: `lib` and `src` on the module path, and a `JUJU_DISPATCH_PATH` for a Juju without one.
fn script(entrypoint: &str) -> String {
    format!(
        r#"#!/bin/sh
charm=$(dirname "$(readlink -f "$0")")
export JUJU_DISPATCH_PATH="${{JUJU_DISPATCH_PATH:-$0}}"
PYTHONPATH="$charm/lib:$charm/src"
for packages in "$charm"/venv/lib/python3*/site-packages; do
    if [ -d "$packages" ]; then PYTHONPATH="$PYTHONPATH:$packages"; fi
done
export PYTHONPATH
python="$charm/venv/bin/python"
if [ ! -x "$python" ]; then python=python3; fi
exec "$python" "$charm/{entrypoint}"
"#
    )
}

/// What starts a charm's hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The charm brought a `dispatch`.
    OwnDispatch,
    /// We wrote one for its Python entry point.
    Generated,
    /// Its `hooks/*` are run by their own names.
    Hooks,
}

/// Sees to it that the tree can be started. `python` says that a Charmcraft plugin for Python built the charm, so that its
/// entry point counts even if there are hooks.
///
/// # Errors
/// A charm that has nothing to start, or files that cannot be written.
pub fn ensure(
    tree: &Path,
    entrypoint: &str,
    python: bool,
    warnings: &mut Vec<String>,
) -> Result<Entry, BuildError> {
    let dispatch = tree.join("dispatch");
    if dispatch.is_file() {
        if !is_executable(&dispatch) {
            // Juju runs `dispatch` only if it may be executed; git on some systems loses that bit.
            warnings.push("dispatch is not executable, so Juju would not run it: made executable here (`chmod +x dispatch`)".to_owned());
            set_mode(&dispatch, true)?;
        }
        return Ok(Entry::OwnDispatch);
    }
    let has_entrypoint = tree.join(entrypoint).is_file();
    let hooks = hooks_of(tree);
    if has_entrypoint
        && (python || hooks.is_empty() || hooks.iter().any(|hook| leads_to(tree, hook, entrypoint)))
    {
        write_file(&dispatch, &script(entrypoint), true)?;
        return Ok(Entry::Generated);
    }
    if hooks.is_empty() && !tree.join("actions").is_dir() && !tree.join("reactive").is_dir() {
        let problem = format!(
            "the charm has nothing to run: no `dispatch`, no `{entrypoint}` and no program in `hooks/`"
        );
        return Err(BuildError::invalid(tree, problem));
    }
    Ok(Entry::Hooks)
}

/// The names of the programs in `hooks/`.
pub fn hooks_of(tree: &Path) -> Vec<String> {
    let entries = fs::read_dir(tree.join("hooks"));
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| tree.join("hooks").join(name).is_file())
        .collect();
    names.sort();
    names
}

fn leads_to(tree: &Path, hook: &str, entrypoint: &str) -> bool {
    let hook = tree.join("hooks").join(hook);
    hook.is_symlink() && fs::canonicalize(hook).ok() == fs::canonicalize(tree.join(entrypoint)).ok()
}

/// Makes programs of the charm that name the system's Python by its path take the one on `PATH`: on the charm's own base
/// they are the same, here the one on `PATH` is that of the charm's virtual environment.
///
/// # Errors
/// Files that cannot be read or written.
pub fn free_shebangs(tree: &Path, entrypoint: &str) -> Result<(), BuildError> {
    let mut programs = vec![tree.join("dispatch"), tree.join(entrypoint)];
    for dir in ["hooks", "actions"] {
        let entries = fs::read_dir(tree.join(dir)).into_iter().flatten();
        programs.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    for program in programs {
        if program.is_symlink() || !program.is_file() {
            continue;
        }
        let bytes = fs::read(&program).map_err(BuildError::io("read", &program))?;
        for system in [&b"#!/usr/bin/python3"[..], b"#! /usr/bin/python3"] {
            let Some(rest) = bytes.strip_prefix(system) else { continue };
            // `python3.10` is asked for on purpose, and arguments cannot be passed on through `env`.
            if !rest.starts_with(b"\n") && !rest.starts_with(b"\r\n") {
                continue;
            }
            let mut changed = b"#!/usr/bin/env python3".to_vec();
            changed.extend_from_slice(rest.strip_prefix(b"\r").unwrap_or(rest));
            fs::write(&program, changed).map_err(BuildError::io("write", &program))?;
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "#!/usr/bin/python3\nx\n").unwrap();
        }
        dir
    }

    #[test]
    fn which_charms_get_a_dispatch() {
        let ensure =
            |dir: &tempfile::TempDir, python| ensure(dir.path(), "src/charm.py", python, &mut Vec::new());
        assert_eq!(ensure(&tree(&["src/charm.py"]), false).unwrap(), Entry::Generated);
        assert_eq!(ensure(&tree(&["src/charm.py", "dispatch"]), true).unwrap(), Entry::OwnDispatch);
        assert_eq!(ensure(&tree(&["src/charm.py", "hooks/install"]), false).unwrap(), Entry::Hooks);
        assert_eq!(ensure(&tree(&["src/charm.py", "hooks/install"]), true).unwrap(), Entry::Generated);
        let linked = tree(&["src/charm.py"]);
        fs::create_dir(linked.path().join("hooks")).unwrap();
        symlink("../src/charm.py", linked.path().join("hooks/install")).unwrap();
        assert_eq!(ensure(&linked, false).unwrap(), Entry::Generated);
        let error = ensure(&tree(&["README.md"]), true).unwrap_err().to_string();
        assert!(error.contains("nothing to run"), "{error}");
    }

    #[test]
    fn a_dispatch_without_its_bit_is_mended_and_said() {
        let dir = tree(&["dispatch"]);
        let mut warnings = Vec::new();
        ensure(dir.path(), "src/charm.py", true, &mut warnings).unwrap();
        assert!(is_executable(&dir.path().join("dispatch")));
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn the_systems_python_gives_way() {
        let dir = tree(&["src/charm.py", "hooks/install"]);
        fs::write(dir.path().join("hooks/start"), "#!/usr/bin/python3.10\n").unwrap();
        free_shebangs(dir.path(), "src/charm.py").unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("src/charm.py"), "#!/usr/bin/env python3\nx\n");
        assert_eq!(read("hooks/install"), "#!/usr/bin/env python3\nx\n");
        assert_eq!(read("hooks/start"), "#!/usr/bin/python3.10\n");
    }
}
