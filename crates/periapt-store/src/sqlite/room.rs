//! Room for the write-ahead log, made before it is needed.
//!
//! A commit that makes the log longer has the file system write down the file's new length and blocks as well, which
//! takes many times as long as the commit itself. A commit into blocks that are there takes one write. SQLite writes the
//! log from its beginning again after each fold, so it needs room once in each life of the store. What lies behind the
//! log's end is never read as a part of it: each frame carries the log's own salt and a running checksum.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// As long as the log gets before it is folded, and a little more.
const ROOM: u64 = 5 << 20;

/// Makes the log as long as it usually gets. The caller holds the database's write lock.
///
/// # Errors
/// Those of writing; the log is then as it was.
pub(super) fn make(log: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).open(log)?;
    let length = file.seek(SeekFrom::End(0))?;
    let made = fill(&mut file, length);
    if made.is_err() {
        file.set_len(length)?;
    }
    made
}

fn fill(file: &mut File, mut length: u64) -> io::Result<()> {
    // Zeros, and no hole: it is the blocks that must be there.
    let zeros = [0; 64 << 10];
    while length < ROOM {
        file.write_all(&zeros)?;
        length += zeros.len() as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_the_rest_is_zero() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert!(make(&log).is_err(), "a log that is not there is not made");
        std::fs::write(&log, b"frames").unwrap();
        make(&log).unwrap();
        let long = std::fs::read(&log).unwrap();
        assert!(long.len() as u64 >= ROOM);
        assert!(long.starts_with(b"frames\0") && long[6..].iter().all(|byte| *byte == 0));
        make(&log).unwrap();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), long.len() as u64);
    }
}
