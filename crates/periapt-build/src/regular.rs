//! Reading files of a charm's folder, which may be anything: for a pipe's writer one would wait without end, and a device may
//! have no end.

use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// The longest text that is read whole. A sparse file may say that it is longer than any memory.
const LONGEST: u64 = 64 << 20;

/// What a file is that nothing is read from; `None` for regular files, and for directories, of which reading tells itself.
#[must_use]
pub fn odd(kind: FileType) -> Option<&'static str> {
    [
        (kind.is_fifo(), "a named pipe"),
        (kind.is_socket(), "a socket"),
        (kind.is_block_device() || kind.is_char_device(), "a device"),
    ]
    .into_iter()
    .find_map(|(is, what)| is.then_some(what))
}

fn check(kind: FileType) -> io::Result<()> {
    match odd(kind) {
        None => Ok(()),
        Some(what) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it is {what}, and only regular files are read"),
        )),
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// What the system says; a pipe, socket or device ([`io::ErrorKind::InvalidInput`]).
pub fn open(path: &Path) -> io::Result<File> {
    // Opening alone may wait, or do something to a device.
    check(fs::metadata(path)?.file_type())?;
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// The text of a regular file.
///
/// # Errors
/// As for [`open`]; a file that is not UTF-8, or longer than 64 MiB.
pub fn text(path: &Path) -> io::Result<String> {
    text_up_to(path, LONGEST)
}

fn text_up_to(path: &Path, longest: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(longest + 1).read_to_end(&mut bytes)?;
    // First: cut off in the middle of a character it would be no UTF-8 either, and that is not what is wrong.
    if bytes.len() as u64 > longest {
        return Err(io::Error::other(format!("it is longer than {longest} bytes, and no charm needs that")));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, socket, file) = (dir.path().join("p"), dir.path().join("s"), dir.path().join("f"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        fs::write(&file, "x").unwrap();
        assert_eq!(text(&file).unwrap(), "x");
        for (path, what) in [(&*pipe, "named pipe"), (&socket, "socket"), (Path::new("/dev/zero"), "device")]
        {
            let error = text(path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(text(dir.path()).is_err());
        assert_eq!(text(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        // The end of what is read lies within a character.
        fs::write(&file, "aé…").unwrap();
        for longest in 1..6 {
            let error = text_up_to(&file, longest).unwrap_err().to_string();
            assert!(error.contains("longer than"), "{longest}: {error}");
        }
        assert_eq!(text_up_to(&file, 6).unwrap(), "aé…");
        fs::write(&file, b"a\xff").unwrap();
        assert_eq!(text(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // Nothing of it is on the disk.
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(text(&file).unwrap_err().to_string().contains("longer than"));
    }
}
