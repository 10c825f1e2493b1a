//! What is to be copied into a tree, counted before the first byte is written: a sparse file may be larger than any disk.

use std::path::{Path, PathBuf};

use crate::BuildError;
use crate::error::shown;
use crate::tree::{copy_file, create_dir, make_link};

/// The bytes that are to be written.
#[derive(Debug, Default)]
pub struct Need {
    total: u64,
    largest: u64,
    path: PathBuf,
}

impl Need {
    /// Counts a file.
    pub fn add(&mut self, path: &Path, size: u64) {
        self.total = self.total.saturating_add(size);
        if size > self.largest {
            self.largest = size;
            path.clone_into(&mut self.path);
        }
    }

    /// Whether there is room for all in the file system of a folder.
    ///
    /// # Errors
    /// There is not: the largest file is named.
    pub fn check(&self, folder: &Path) -> Result<(), BuildError> {
        let room =
            rustix::fs::statvfs(folder).map_err(|error| BuildError::io("read", folder)(error.into()))?;
        // Some file systems do not say how large they are.
        if room.f_blocks == 0 {
            return Ok(());
        }
        self.within(room.f_bavail.saturating_mul(room.f_frsize), folder)
    }

    fn within(&self, room: u64, folder: &Path) -> Result<(), BuildError> {
        if self.total <= room {
            return Ok(());
        }
        let Self { total, largest, .. } = self;
        let problem = format!(
            "it has {largest} bytes, the files of the charm {total} in all, and there is room for {room} in {}: \
             make room, or name in .jujuignore what the charm does not need",
            shown(folder.parent().unwrap_or(folder))
        );
        Err(BuildError::invalid(&self.path, problem))
    }
}

/// Files, directories and links that are to be made in an empty tree.
#[derive(Debug, Default)]
pub struct Copies {
    dirs: Vec<PathBuf>,
    files: Vec<(PathBuf, PathBuf)>,
    links: Vec<(PathBuf, PathBuf)>,
    need: Need,
}

impl Copies {
    /// A directory to make, after those above it.
    pub fn dir(&mut self, to: PathBuf) {
        self.dirs.push(to);
    }

    /// A regular file to copy.
    ///
    /// # Errors
    /// It is gone by now.
    pub fn file(&mut self, from: &Path, to: PathBuf) -> Result<(), BuildError> {
        self.need.add(from, from.metadata().map_err(BuildError::io("read", from))?.len());
        self.files.push((from.to_owned(), to));
        Ok(())
    }

    /// A link to make.
    pub fn link(&mut self, target: PathBuf, to: PathBuf) {
        self.links.push((target, to));
    }

    /// Makes all of it.
    ///
    /// # Errors
    /// There is no room for it; files that cannot be read or written.
    pub fn make(self, tree: &Path) -> Result<(), BuildError> {
        self.need.check(tree)?;
        for dir in &self.dirs {
            create_dir(dir)?;
        }
        for (from, to) in &self.files {
            copy_file(from, to, crate::command::is_executable(from))?;
        }
        // Links come last, so that nothing is ever written through one.
        self.links.iter().try_for_each(|(target, to)| make_link(target, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_is_named_where_room_is_short() {
        let mut need = Need::default();
        for (path, size) in [("a", 10), ("b", 30), ("c", 20)] {
            need.add(Path::new(path), size);
        }
        assert!(need.within(60, Path::new("/x/tree")).is_ok());
        let error = need.within(59, Path::new("/x/tree")).unwrap_err().to_string();
        assert!(error.starts_with("b: it has 30 bytes, the files of the charm 60 in all"), "{error}");
        assert!(error.contains("room for 59 in /x:"), "{error}");
        need.add(Path::new("d"), u64::MAX);
        assert!(need.within(u64::MAX - 1, Path::new("/x")).is_err());
    }
}
