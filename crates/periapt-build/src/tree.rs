//! Charm trees: listing them, hashing them, copying their files.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use walkdir::WalkDir;

use crate::{BuildError, regular};

/// The name of the virtual environment in a charm tree.
pub const VENV: &str = "venv";

/// What a path of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File {
        /// Whether anyone may execute it.
        executable: bool,
    },
    /// A symbolic link, and where it leads.
    Link(PathBuf),
}

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the tree.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Lists a tree in the order of its paths, directories before what they hold. The virtual environment is left out: it is shared.
///
/// # Errors
/// A directory that cannot be read. Sockets, devices and pipes are left out.
pub fn list(tree: &Path) -> Result<Vec<Entry>, BuildError> {
    let mut entries = Vec::new();
    let walk = WalkDir::new(tree).min_depth(1).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() != 1 || entry.file_name() != VENV) {
        let entry = entry.map_err(|error| walk_error(tree, error))?;
        let file_type = entry.file_type();
        let kind = if file_type.is_dir() {
            Kind::Dir
        } else if file_type.is_symlink() {
            Kind::Link(fs::read_link(entry.path()).map_err(BuildError::io("read", entry.path()))?)
        } else if file_type.is_file() {
            let meta = entry.metadata().map_err(|error| walk_error(tree, error))?;
            Kind::File { executable: meta.mode() & 0o111 != 0 }
        } else {
            continue;
        };
        let path = entry.path().strip_prefix(tree).unwrap_or(entry.path()).to_owned();
        entries.push(Entry { path, kind });
    }
    Ok(entries)
}

pub(crate) fn walk_error(root: &Path, error: walkdir::Error) -> BuildError {
    let path = error.path().unwrap_or(root).to_owned();
    let source = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links"));
    BuildError::Io { action: "read", path, source }
}

/// The id of a tree: 32 hexadecimal digits of the BLAKE3 hash over its paths, modes, contents and link targets, and over
/// `venv`, which stands for its virtual environment.
///
/// # Errors
/// A file that cannot be read.
pub fn id(tree: &Path, venv: &str) -> Result<String, BuildError> {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(b"periapt charm 1");
    field(venv.as_bytes());
    for Entry { path, kind } in list(tree)? {
        field(path.as_os_str().as_encoded_bytes());
        match kind {
            Kind::Dir => field(b"d"),
            Kind::Link(target) => {
                field(b"l");
                field(target.as_os_str().as_encoded_bytes());
            }
            Kind::File { executable } => {
                field(if executable { b"x" } else { b"f" });
                field(file_hash(&tree.join(&path))?.as_bytes());
            }
        }
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

pub(crate) fn file_hash(path: &Path) -> Result<blake3::Hash, BuildError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|_| ()))
        .map_err(BuildError::io("read", path))?;
    Ok(hasher.finalize())
}

/// Copies one file's content and gives it mode 0755 or 0644: an archive keeps no more than that (Juju 3.6: charm archives).
/// The copy shares its blocks with the original where the file system can do so, and never its later changes.
///
/// # Errors
/// What the operating system says; what is no regular file; a link where the copy is to be.
pub fn copy_file(from: &Path, to: &Path, executable: bool) -> Result<(), BuildError> {
    let source = regular::open(from).map_err(BuildError::io("read", from))?;
    let mut target = create_file(to)?;
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        // A file that grows meanwhile, as logs do, is copied as far as it was counted.
        let size = source.metadata().map_err(BuildError::io("read", from))?.len();
        io::copy(&mut source.take(size), &mut target).map_err(BuildError::io("write", to))?;
    }
    set_mode(to, executable)
}

/// Creates or empties a file, but never one that a link leads to.
fn create_file(path: &Path) -> Result<File, BuildError> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = File::options();
    options.write(true).create(true).truncate(true).custom_flags(flags);
    options.open(path).map_err(BuildError::io("write", path))
}

/// Writes a text file, in place of a link if there is one of that name.
pub(crate) fn write_file(path: &Path, text: &str, executable: bool) -> Result<(), BuildError> {
    if path.is_symlink() {
        remove_any(path)?;
    }
    create_file(path)?.write_all(text.as_bytes()).map_err(BuildError::io("write", path))?;
    set_mode(path, executable)
}

pub(crate) fn set_mode(path: &Path, executable: bool) -> Result<(), BuildError> {
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(BuildError::io("change the mode of", path))
}

pub(crate) fn create_dir(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path).map_err(BuildError::io("create", path))
}

pub(crate) fn make_link(target: &Path, link: &Path) -> Result<(), BuildError> {
    symlink(target, link).map_err(BuildError::io("link", link))
}

/// Where a link at `link` (relative to the tree's root) leads inside the tree, or `None` if it is absolute or escapes.
/// Only the text of the path is looked at.
#[must_use]
pub fn resolve_inside(link: &Path, target: &Path) -> Option<PathBuf> {
    let mut resolved: PathBuf = link.parent().unwrap_or(Path::new("")).to_owned();
    for component in target.components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

/// Removes whatever is at a path, if anything is.
pub(crate) fn remove_any(path: &Path) -> Result<(), BuildError> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(BuildError::io("remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_content_mode_links_and_environment_and_on_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path();
        fs::create_dir(tree.join("src")).unwrap();
        fs::write(tree.join("src/charm.py"), "one").unwrap();
        let first = id(tree, "v").unwrap();
        assert_eq!(first.len(), 32);
        fs::create_dir(tree.join(VENV)).unwrap();
        fs::write(tree.join("src/charm.py"), "one").unwrap();
        assert_eq!(id(tree, "v").unwrap(), first);
        assert_ne!(id(tree, "w").unwrap(), first);
        fs::write(tree.join("src/charm.py"), "two").unwrap();
        let second = id(tree, "v").unwrap();
        assert_ne!(second, first);
        set_mode(&tree.join("src/charm.py"), true).unwrap();
        let third = id(tree, "v").unwrap();
        assert_ne!(third, second);
        symlink("src", tree.join("link")).unwrap();
        assert_ne!(id(tree, "v").unwrap(), third);
    }

    #[test]
    fn links_inside_and_outside() {
        let inside = |link: &str, target: &str| resolve_inside(Path::new(link), Path::new(target));
        assert_eq!(inside("hooks/install", "../dispatch"), Some("dispatch".into()));
        assert_eq!(inside("a", "b/../c"), Some("c".into()));
        assert_eq!(inside("hooks/install", "../../etc/passwd"), None);
        assert_eq!(inside("a", "/etc/passwd"), None);
    }
}
