//! Files that a command line names, and that are read whole.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::error::{CliError, Result, reading};

/// The longest file that is read whole: 5 MiB (Juju: the greatest size of a file for an option).
const LIMIT: u64 = 5 << 20;

/// How many seconds a named pipe may wait for whoever writes into it.
const PATIENCE: i64 = 5;

/// The path with the home folder in place of a leading `~`, which shells leave alone in `--file=~/x` (Juju 3.6:
/// `Context.AbsPath`).
fn expanded<'a>(path: &'a Path, home: Option<&OsStr>) -> Cow<'a, Path> {
    match (path.strip_prefix("~"), home.filter(|home| !home.is_empty())) {
        (Ok(rest), Some(home)) => Cow::Owned(Path::new(home).join(rest)),
        _ => Cow::Borrowed(path),
    }
}

/// Opens a file for reading. A named pipe into which nobody writes would be waited for without end.
fn open(path: &Path) -> Result<File> {
    let path = &*expanded(path, std::env::var_os("HOME").as_deref());
    let read = |flags: OFlags| {
        let mut options = File::options();
        options.read(true).custom_flags(flags.bits().cast_signed());
        options.open(path).map_err(reading(path))
    };
    // What a shell makes of `<(command)` has its writer already, who may think for long.
    let by_descriptor = path.starts_with("/dev") || path.starts_with("/proc");
    let is_pipe = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
    if by_descriptor || !is_pipe {
        return read(OFlags::empty());
    }
    let file = read(OFlags::NONBLOCK)?;
    let waited = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&waited));
    if ready.map_err(|error| reading(path)(error.into()))? == 0 {
        return Err(CliError::new(format!(
            "cannot read {}: it is a pipe, and nobody writes into it",
            path.display()
        )));
    }
    let blocking = rustix::fs::fcntl_getfl(file.as_fd())
        .and_then(|flags| rustix::fs::fcntl_setfl(file.as_fd(), flags.difference(OFlags::NONBLOCK)));
    blocking.map_err(|error| reading(path)(error.into()))?;
    Ok(file)
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, is longer than 5 MiB (or has no end, as a device), or is not UTF-8.
pub fn text(path: &Path) -> Result<String> {
    read(open(path)?, path)
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// As for [`text`].
pub fn text_or_input(path: &Path) -> Result<String> {
    match path.to_str() {
        Some("-") => read(std::io::stdin().lock(), Path::new("standard input")),
        _ => text(path),
    }
}

/// The bytes of a file.
///
/// # Errors
/// As for [`text`], but that it may hold anything.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    read_bytes(open(path)?, path)
}

fn read_bytes(source: impl Read, path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes).map_err(reading(path))?;
    if bytes.len() as u64 > LIMIT {
        return Err(CliError::new(format!("{shown} is larger than 5M, the most that is read of a file")));
    }
    Ok(bytes)
}

fn read(source: impl Read, path: &Path) -> Result<String> {
    let shown = path.display();
    String::from_utf8(read_bytes(source, path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::new(format!("{shown} is not text: byte {} is not UTF-8", at + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = Some(OsStr::new("/home/me"));
        for (given, found) in [
            ("~/x.yaml", "/home/me/x.yaml"),
            ("~", "/home/me"),
            ("~other/x", "~other/x"),
            ("./~/x", "./~/x"),
            ("/a/~/x", "/a/~/x"),
            ("-", "-"),
        ] {
            assert_eq!(expanded(Path::new(given), home), Path::new(found), "{given}");
        }
        assert_eq!(expanded(Path::new("~/x"), None), Path::new("~/x"));
        assert_eq!(expanded(Path::new("~/x"), Some(OsStr::new(""))), Path::new("~/x"));
    }

    #[test]
    fn what_has_no_end_or_is_no_text_is_refused() {
        let refused = |source: &mut dyn Read| read(source, Path::new("x")).unwrap_err().message;
        assert_eq!(
            refused(&mut std::io::repeat(b'x')),
            "x is larger than 5M, the most that is read of a file"
        );
        assert_eq!(refused(&mut &b"ab\xff"[..]), "x is not text: byte 3 is not UTF-8");
        assert!(text(Path::new("/dev/zero")).is_err());
        let most = vec![b'x'; LIMIT as usize];
        assert_eq!(read(&most[..], Path::new("x")).unwrap().len(), most.len());
    }
}
