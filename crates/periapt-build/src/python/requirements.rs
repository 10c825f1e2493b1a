//! Requirements files: which files they include, and which packages they name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::pydeps::package_name;
use crate::{BuildError, regular};

/// The text of requirements files and of all that they include, and what they name.
#[derive(Debug, Default)]
pub struct Contents {
    /// Every file read, in order, with its text.
    pub files: Vec<(PathBuf, String)>,
    /// Names of packages, in normal form.
    pub names: BTreeSet<String>,
}

/// Reads a requirements file, and the files that it includes by `-r` or `-c`.
///
/// # Errors
/// A file that is missing or unreadable.
pub fn read(file: &Path, contents: &mut Contents) -> Result<(), BuildError> {
    if contents.files.iter().any(|(known, _)| known == file) {
        return Ok(());
    }
    let text = regular::text(file).map_err(BuildError::io("read", file))?;
    contents.files.push((file.to_owned(), text.clone()));
    let folder = file.parent().unwrap_or(Path::new(""));
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let includes = ["-r", "--requirement", "-c", "--constraint"].iter().find_map(|flag| {
            let rest = line.strip_prefix(flag)?;
            rest.starts_with([' ', '=']).then(|| rest.trim_start_matches([' ', '=']))
        });
        match includes {
            Some(included) if !included.contains("://") => read(&folder.join(included), contents)?,
            Some(_) => {}
            None => contents.names.extend(package_name(line)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn follows_includes_even_in_a_circle() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("a.txt"),
            "# top\nops >= 2 \\\n  --hash=sha256:aa\n-r b.txt\n--no-binary=:all:\n",
        )
        .unwrap();
        fs::write(dir.path().join("b.txt"), "Jinja2==3 # templating\n-r a.txt\n").unwrap();
        let mut contents = Contents::default();
        read(&dir.path().join("a.txt"), &mut contents).unwrap();
        assert_eq!(contents.files.len(), 2);
        assert_eq!(contents.names, BTreeSet::from(["ops".to_owned(), "jinja2".to_owned()]));
        fs::write(dir.path().join("b.txt"), "-r missing.txt\n").unwrap();
        assert!(
            read(&dir.path().join("b.txt"), &mut Contents::default())
                .unwrap_err()
                .to_string()
                .contains("missing.txt")
        );
    }
}
