//! Unpacking `.charm` archives, which may come from anywhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::BuildError;
use crate::links::{Leads, follow};
use crate::tree::{create_dir, make_link, resolve_inside, set_mode};

/// What an archive may hold before it is taken for an attack or a mistake.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files, directories and links.
    pub entries: usize,
    /// Bytes of all files, unpacked.
    pub bytes: u64,
    /// How many times the archive's own size they may be, once they are more than `small`.
    pub ratio: u64,
    /// Bytes that any archive may unpack to.
    pub small: u64,
}

impl Limits {
    /// The bytes that an archive of `size` bytes may unpack to.
    fn bytes_of(self, size: u64) -> u64 {
        self.bytes.min(size.saturating_mul(self.ratio).max(self.small))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, bytes: 4 << 30, ratio: 200, small: 128 << 20 }
    }
}

/// Unpacks an archive into an empty directory. Modes become 0755 or 0644; links must be relative and stay inside
/// (Juju 3.6: charm archives).
///
/// # Errors
/// [`BuildError::NotACharm`] if it is no zip file at all, [`BuildError::Archive`] if it is damaged or must not be unpacked.
pub fn unpack(path: &Path, tree: &Path, limits: Limits) -> Result<(), BuildError> {
    let file = File::open(path).map_err(BuildError::io("read", path))?;
    let size = file.metadata().map_err(BuildError::io("read", path))?.len();
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|error| match error {
        ZipError::InvalidArchive(_) => {
            BuildError::not_a_charm(path, "is not a charm archive (not a zip file)")
        }
        other => BuildError::archive(path, other.to_string()),
    })?;
    let refuse = |problem: String| BuildError::archive(path, problem);
    if archive.len() > limits.entries {
        return Err(refuse(format!("it has {} entries, more than {}", archive.len(), limits.entries)));
    }
    if archive.has_duplicate_names() {
        return Err(refuse("it has two entries of the same name".to_owned()));
    }
    let mut seen = BTreeSet::new();
    let mut links = Vec::new();
    let most = limits.bytes_of(size);
    let mut left = most;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| refuse(format!("entry {index}: {error}")))?;
        let name = entry.name().map_err(|error| refuse(format!("entry {index}: {error}")))?.into_owned();
        let Some(relative) = safe_path(&name) else {
            return Err(refuse(format!(
                "its entry `{}` does not stay inside the charm",
                name.escape_debug()
            )));
        };
        if relative.as_os_str().is_empty() {
            continue;
        }
        let is_dir = name.ends_with('/');
        if !seen.insert(relative.clone()) && !is_dir {
            return Err(refuse(format!("it has two entries for `{name}`")));
        }
        let mode = entry.unix_mode().unwrap_or(0);
        let kind = mode & 0o170_000;
        let to = tree.join(&relative);
        let parent = if is_dir { to.as_path() } else { to.parent().unwrap_or(tree) };
        create_dir(parent)
            .map_err(|_| refuse(format!("its entry `{name}` lies in something that is not a directory")))?;
        match kind {
            _ if is_dir => {}
            0o120_000 => {
                let mut target = String::new();
                entry
                    .by_ref()
                    .take(4096)
                    .read_to_string(&mut target)
                    .map_err(|error| refuse(format!("entry `{name}`: {error}")))?;
                links.push((relative, PathBuf::from(target)));
            }
            0 | 0o100_000 => {
                let mut out = File::create_new(&to).map_err(BuildError::io("write", &to))?;
                // What the entry says of its size is not to be believed.
                let written = io::copy(&mut entry.by_ref().take(left + 1), &mut out)
                    .map_err(|error| refuse(format!("entry `{name}`: {error}")))?;
                if written > left {
                    return Err(refuse(format!("it unpacks to more than {most} bytes")));
                }
                left -= written;
                set_mode(&to, mode & 0o111 != 0)?;
            }
            _ => return Err(refuse(format!("its entry `{name}` is neither a file, a directory nor a link"))),
        }
    }
    // Links come last, so that nothing is ever written through one.
    make_links(tree, &links, &refuse)
}

fn make_links(
    tree: &Path,
    links: &[(PathBuf, PathBuf)],
    refuse: &dyn Fn(String) -> BuildError,
) -> Result<(), BuildError> {
    let escapes = |link: &Path, target: &Path| {
        refuse(format!("its link `{}` leads to `{}`, outside the charm", link.display(), target.display()))
    };
    for (link, target) in links {
        if target.as_os_str().is_empty() || resolve_inside(link, target).is_none() {
            return Err(escapes(link, target));
        }
        let place = tree.join(link);
        if place.symlink_metadata().is_ok() {
            return Err(refuse(format!("it has two entries for `{}`", link.display())));
        }
        make_link(target, &place)?;
    }
    // By way of other links, a path that looks harmless may still lead out.
    match links.iter().find(|(link, _)| follow(tree, link) == Leads::Outside) {
        Some((link, target)) => Err(escapes(link, target)),
        None => Ok(()),
    }
}

/// The path of an entry, relative to the charm; `None` if it would lead out of it.
fn safe_path(name: &str) -> Option<PathBuf> {
    if name.contains(['\0', '\\']) {
        return None;
    }
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(write: impl FnOnce(&mut ZipWriter<File>)) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.charm");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        write(&mut zip);
        zip.finish().unwrap();
        fs::create_dir(dir.path().join("tree")).unwrap();
        (dir, path)
    }

    fn file(zip: &mut ZipWriter<File>, name: &str, text: &str) {
        zip.start_file(name, SimpleFileOptions::default().unix_permissions(0o640)).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }

    fn refusal(write: impl FnOnce(&mut ZipWriter<File>)) -> String {
        let (dir, path) = archive(write);
        let limits = Limits { entries: 100, bytes: 1 << 20, ratio: 200, small: 128 << 10 };
        let error = unpack(&path, &dir.path().join("tree"), limits).unwrap_err().to_string();
        let outside: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(outside.len(), 2, "something was written outside: {outside:?}");
        error
    }

    #[test]
    fn unpacks_files_modes_and_links() {
        let (dir, path) = archive(|zip| {
            zip.add_directory("hooks/", SimpleFileOptions::default()).unwrap();
            file(zip, "metadata.yaml", "name: x");
            zip.start_file("dispatch", SimpleFileOptions::default().unix_permissions(0o700)).unwrap();
            zip.add_symlink("hooks/install", "../dispatch", SimpleFileOptions::default()).unwrap();
        });
        let tree = dir.path().join("tree");
        unpack(&path, &tree, Limits::default()).unwrap();
        let mode = |name: &str| fs::metadata(tree.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("metadata.yaml"), 0o644);
        assert_eq!(mode("dispatch"), 0o755);
        assert_eq!(fs::read_link(tree.join("hooks/install")).unwrap(), Path::new("../dispatch"));
    }

    #[test]
    fn refuses_paths_that_escape() {
        for name in ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"] {
            let error = refusal(|zip| file(zip, name, "x"));
            assert!(error.contains("does not stay inside"), "{name}: {error}");
        }
    }

    #[test]
    fn refuses_links_that_escape_alone_or_together() {
        let link = |name: &'static str, target: &'static str| {
            move |zip: &mut ZipWriter<File>| {
                zip.add_symlink(name, target, SimpleFileOptions::default()).unwrap()
            }
        };
        assert!(refusal(link("a", "/etc/passwd")).contains("outside the charm"));
        assert!(refusal(link("a/b", "../../x")).contains("outside the charm"));
        let error = refusal(|zip| {
            link("x/y", "..")(zip);
            link("p", "x/y/../..")(zip);
        });
        assert!(error.contains("outside the charm"), "{error}");
        // What it leads to need not exist yet.
        let error = refusal(|zip| {
            link("x/y", "..")(zip);
            link("p", "x/y/../../not/there/yet")(zip);
        });
        assert!(error.contains("outside the charm"), "{error}");
        let error = refusal(|zip| {
            link("d", "x")(zip);
            file(zip, "d/file", "x");
        });
        assert!(error.contains("two entries"), "{error}");
    }

    #[test]
    fn refuses_bombs_and_what_is_no_archive() {
        let error = refusal(|zip| file(zip, "big", &"0".repeat((1 << 20) + 1)));
        assert!(error.contains("unpacks to more than"), "{error}");
        let error = refusal(|zip| (0..101).for_each(|n| file(zip, &n.to_string(), "")));
        assert!(error.contains("101 entries"), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.charm");
        fs::write(&path, "not a zip").unwrap();
        let error = unpack(&path, dir.path(), Limits::default()).unwrap_err().to_string();
        assert!(
            error.contains("is not a charm archive") && error.contains("give the folder of a charm"),
            "{error}"
        );
    }
}
