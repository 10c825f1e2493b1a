//! The daemon's own log: `daemon.log` of the home, and the one before it, `daemon.log.1`.
//!
//! In the background it is the daemon's standard error, so that what is no line of the log (a panic's message) is there too. Hooks
//! and actions have other files for what they print.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How long it gets before the next one is begun. With the one before it there are never more than two of these, and a line.
const LIMIT: u64 = 16 << 20;

/// The file that standard error is, where this process is the one that may begin another.
static BOUNDED: OnceLock<PathBuf> = OnceLock::new();

/// Held while a line is written and a new file begun.
static TURN: Mutex<()> = Mutex::new(());

/// Opens the log for a daemon that is about to start.
///
/// # Errors
/// It cannot be written, or is no plain file.
pub fn open(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // Opening a pipe would wait for its reader.
        Ok(meta) if !meta.is_file() => return Err(io::Error::other("it is no plain file")),
        Ok(_) | Err(_) => {}
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// From now on standard error, which is the file at `path`, is bounded. For whoever holds the home: of two daemons that both did
/// this one would write into a file that the other has put aside.
pub fn bound(path: PathBuf) {
    BOUNDED.get_or_init(|| path);
}

fn put_aside(path: &Path) -> io::Result<()> {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    std::fs::rename(path, PathBuf::from(older))
}

/// Begins a new file where that at `path` has `limit` bytes. None: it goes on as it is.
fn next(path: &Path, length: u64, limit: u64) -> Option<File> {
    if length < limit {
        return None;
    }
    // What cannot be done now is tried again with the next line.
    put_aside(path).ok()?;
    open(path).ok()
}

/// A line of the log, on standard error.
#[derive(Debug)]
pub struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = BOUNDED.get() {
            // Asked of the file itself: panics write there too.
            let length = rustix::fs::fstat(rustix::stdio::stderr()).map_or(0, |stat| stat.st_size);
            if let Some(file) = next(path, u64::try_from(length).unwrap_or(0), LIMIT) {
                rustix::stdio::dup2_stderr(&file).ok();
            }
        }
        io::stderr().write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_put_aside_and_the_one_before_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, older) = (folder.path().join("daemon.log"), folder.path().join("daemon.log.1"));
        let mut file = open(&path).unwrap();
        for text in ["first, long enough", "second, long too", "third"] {
            let length = file.metadata().unwrap().len();
            file = next(&path, length, 10).unwrap_or(file);
            file.write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(std::fs::read_to_string(&older).unwrap(), "second, long too");
        assert!(next(&path, 5, 10).is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        assert!(open(&pipe).unwrap_err().to_string().contains("no plain file"));
    }
}
