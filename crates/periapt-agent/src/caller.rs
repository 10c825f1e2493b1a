//! The files of whoever calls a hook command, as they see them: what runs on a machine may have a view of the file system of
//! its own.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// A process that has called a hook command, and waits for its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caller {
    /// None: it is not known.
    pub(crate) pid: Option<i32>,
}

impl Caller {
    fn of_it(self, what: &str) -> Option<PathBuf> {
        self.pid.map(|pid| PathBuf::from(format!("/proc/{pid}/{what}")))
    }

    /// The root of its file system, if that is another than this process has.
    fn other_root(self) -> io::Result<Option<OwnedFd>> {
        let here = fs::read_link("/proc/self/ns/mnt").ok();
        let there = self.of_it("ns/mnt").and_then(|path| fs::read_link(path).ok());
        match self.of_it("root") {
            Some(root) if there.is_some() && there != here => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                Ok(Some(rustix::fs::open(root, flags, Mode::empty())?))
            }
            _ => Ok(None),
        }
    }

    /// Opens an absolute path for reading, without waiting for the writer of a pipe.
    ///
    /// # Errors
    /// Those of open(2).
    pub(crate) fn open(self, path: &Path) -> io::Result<File> {
        match self.other_root()? {
            Some(root) => open_below(&root, path, OFlags::RDONLY, Mode::empty()),
            None => {
                let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
                File::options().read(true).custom_flags(nonblocking).open(path)
            }
        }
    }

    /// Writes `content` to an absolute path in place of what the file there has.
    ///
    /// # Errors
    /// Those of open(2) and write(2); it is neither a regular file nor `/dev/null`.
    pub(crate) fn write(self, path: &Path, content: &[u8]) -> io::Result<()> {
        let is_odd = |metadata: fs::Metadata| !metadata.is_file() && path != Path::new("/dev/null");
        let odd = || io::Error::other("not a regular file");
        let Some(root) = self.other_root()? else {
            return match fs::metadata(path).is_ok_and(is_odd) {
                true => Err(odd()),
                false => fs::write(path, content),
            };
        };
        let flags = OFlags::WRONLY | OFlags::CREATE;
        let mut file = open_below(&root, path, flags, Mode::from_raw_mode(0o666))?;
        let metadata = file.metadata()?;
        let regular = metadata.is_file();
        if is_odd(metadata) {
            return Err(odd());
        }
        if regular {
            file.set_len(0)?;
        }
        file.write_all(content)
    }
}

/// Opens a path as one finds it whose root is `root`: also where its links lead.
fn open_below(root: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat2(root, path, flags, mode, ResolveFlags::IN_ROOT)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_the_callers_root_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().file_name().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("etc").join(name), "its own").unwrap();
        std::os::unix::fs::symlink(Path::new("/etc").join(name), folder.path().join("link")).unwrap();
        let root = rustix::fs::open(folder.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let read = |path: &str| {
            open_below(&root, Path::new(path), OFlags::RDONLY, Mode::empty()).and_then(io::read_to_string)
        };
        for path in ["/link", "/etc/../link", "/../link"] {
            assert_eq!(read(path).unwrap(), "its own", "{path}");
        }
        assert_eq!(read("/none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_caller_with_the_same_view_reads_and_writes_here() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for caller in [Caller::default(), Caller { pid: Some(std::process::id().cast_signed()) }] {
            caller.write(&path, b"long text").unwrap();
            caller.write(&path, b"text").unwrap();
            assert_eq!(io::read_to_string(caller.open(&path).unwrap()).unwrap(), "text");
            assert!(caller.write(folder.path(), b"text").is_err());
            caller.write(Path::new("/dev/null"), b"text").unwrap();
        }
    }
}
