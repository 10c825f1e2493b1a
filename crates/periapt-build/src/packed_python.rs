//! The packages that a packed charm brings along: which Python they were made for, and an interpreter for them.
//!
//! Charmcraft packs them in one of two layouts: flat in `venv/` (plugin `charm`), or as a virtual environment without its
//! interpreter, `venv/lib/python3.N/site-packages` (the other plugins). On a Juju machine the base's Python joins them.

use std::path::Path;

use walkdir::WalkDir;

use crate::python::interpreter::{Interpreter, Wanted, python_of_base, rank};
use crate::python::venv::site_packages;
use crate::python::version::Range;
use crate::tree::{VENV, create_dir, make_link, remove_any, write_file};
use crate::{BuildError, Progress};

/// Puts the best interpreter of this machine into the charm's `venv/bin`. Gives a warning if it is not the one that the
/// charm's compiled packages were made for.
///
/// # Errors
/// [`BuildError::NoInterpreter`], or files that cannot be written.
pub fn join_interpreter(
    tree: &Path,
    bases: &[(String, String)],
    found: &[Interpreter],
    progress: &dyn Progress,
) -> Result<(Interpreter, Option<String>), BuildError> {
    let venv = tree.join(VENV);
    let made_for = made_for(&venv);
    let bases = match made_for {
        Some(version) => vec![("its packages".to_owned(), version)],
        None => bases
            .iter()
            .filter_map(|(name, channel)| Some((name.clone(), python_of_base(name, channel)?)))
            .collect(),
    };
    let wanted = Wanted { bases, requires: Range::any(), required_by: None };
    let interpreter = rank(found, &wanted)?.swap_remove(0);
    progress.step(&format!(
        "Python {} ({}) with the packages of the archive",
        interpreter.version,
        interpreter.executable.display()
    ));
    let bin = venv.join("bin");
    create_dir(&bin)?;
    for name in ["python".to_owned(), "python3".to_owned(), format!("python{}", interpreter.minor())] {
        let link = bin.join(name);
        remove_any(&link)?;
        make_link(&interpreter.executable, &link)?;
    }
    if let Some(packages) = site_packages(&venv) {
        let config = venv.join("pyvenv.cfg");
        let home = interpreter.executable.parent().unwrap_or(Path::new("/usr/bin"));
        let text = format!(
            "home = {}\ninclude-system-site-packages = false\nversion = {}\n",
            home.display(),
            interpreter.version
        );
        write_file(&config, &text, false)?;
        let expected = venv.join(format!("lib/python{}", interpreter.minor()));
        if !expected.exists()
            && let Some(lib) = packages.parent().and_then(Path::file_name)
        {
            make_link(Path::new(lib), &expected)?;
        }
    }
    let warning = made_for.filter(|[major, minor]| format!("{major}.{minor}") != interpreter.minor()).map(|[major, minor]| {
        format!(
            "the charm's packages were made for Python {major}.{minor}, which this machine has not got: Python {} runs them, and those that are compiled may fail",
            interpreter.version
        )
    });
    Ok((interpreter, warning))
}

/// The version that the packages say they are for, if one does.
fn made_for(venv: &Path) -> Option<[u64; 2]> {
    if let Some(packages) = site_packages(venv) {
        let name = packages.parent()?.file_name()?.to_str()?;
        return Some([3, name.strip_prefix("python3.")?.parse().ok()?]);
    }
    // `_yaml.cpython-310-x86_64-linux-gnu.so`
    WalkDir::new(venv).max_depth(4).into_iter().filter_map(Result::ok).find_map(|entry| {
        let name = entry.file_name().to_str()?;
        let (_, tag) = name.split_once(".cpython-3")?;
        Some([3, tag.split('-').next()?.parse().ok()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn reads_what_packages_were_made_for() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(made_for(dir.path()), None);
        fs::create_dir_all(dir.path().join("yaml")).unwrap();
        fs::write(dir.path().join("yaml/_yaml.cpython-310-x86_64-linux-gnu.so"), "").unwrap();
        assert_eq!(made_for(dir.path()), Some([3, 10]));
        fs::create_dir_all(dir.path().join("lib/python3.12/site-packages")).unwrap();
        assert_eq!(made_for(dir.path()), Some([3, 12]));
    }
}
