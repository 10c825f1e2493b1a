//! Files of this machine that stand for the container's. Owners are those they have here.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use jiff::Timestamp;

use super::files::{base_name, generic};
use crate::error::{Error, PathErrorKind, Result};
use crate::info::{FileInfo, FileType};

fn failed(call: &str, path: &str, error: &io::Error) -> Error {
    let (kind, text) = match error.kind() {
        io::ErrorKind::NotFound => (PathErrorKind::NotFound, "no such file or directory".to_owned()),
        io::ErrorKind::PermissionDenied => (PathErrorKind::PermissionDenied, "permission denied".to_owned()),
        io::ErrorKind::AlreadyExists => (PathErrorKind::Generic, "file exists".to_owned()),
        _ => (PathErrorKind::Generic, error.to_string()),
    };
    Error::path(kind, format!("{call} {path}: {text}"))
}

pub(super) fn write(host: &Path, path: &str, content: &[u8], mode: u32, make_parents: bool) -> Result<()> {
    if make_parents && let Some(folder) = host.parent() {
        fs::create_dir_all(folder).map_err(|e| failed("mkdir", path, &e))?;
    }
    fs::write(host, content).map_err(|e| failed("open", path, &e))?;
    fs::set_permissions(host, Permissions::from_mode(mode)).map_err(|e| failed("chmod", path, &e))
}

pub(super) fn read(host: &Path, path: &str) -> Result<Vec<u8>> {
    if !fs::metadata(host).map_err(|e| failed("open", path, &e))?.is_file() {
        return Err(generic("read", path, "not a regular file"));
    }
    fs::read(host).map_err(|e| failed("open", path, &e))
}

fn info(metadata: &Metadata, path: &str) -> FileInfo {
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        FileType::File
    } else if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::Symlink
    } else if kind.is_socket() {
        FileType::Socket
    } else if kind.is_fifo() {
        FileType::NamedPipe
    } else if kind.is_block_device() || kind.is_char_device() {
        FileType::Device
    } else {
        FileType::Unknown
    };
    FileInfo {
        path: path.to_owned(),
        name: base_name(path).to_owned(),
        size: (kind == FileType::File).then_some(metadata.len()),
        kind,
        permissions: metadata.mode() & 0o777,
        last_modified: Timestamp::from_second(metadata.mtime()).unwrap_or_default(),
        user_id: Some(metadata.uid()),
        user: None,
        group_id: Some(metadata.gid()),
        group: None,
    }
}

pub(super) fn list(host: &Path, path: &str, itself: bool) -> Result<Vec<FileInfo>> {
    let metadata = fs::metadata(host).map_err(|e| failed("stat", path, &e))?;
    if itself || !metadata.is_dir() {
        return Ok(vec![info(&metadata, path)]);
    }
    let mut list = Vec::new();
    for entry in fs::read_dir(host).map_err(|e| failed("open", path, &e))?.flatten() {
        // What vanishes meanwhile is not there.
        if let Ok(metadata) = entry.metadata() {
            let name = entry.file_name();
            list.push(info(&metadata, &format!("{}/{}", path.trim_end_matches('/'), name.to_string_lossy())));
        }
    }
    list.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

pub(super) fn make_dir(host: &Path, path: &str, mode: u32, make_parents: bool) -> Result<()> {
    if make_parents && host.is_dir() {
        return Ok(());
    }
    let made = if make_parents { fs::create_dir_all(host) } else { fs::create_dir(host) };
    made.map_err(|e| failed("mkdir", path, &e))?;
    fs::set_permissions(host, Permissions::from_mode(mode)).map_err(|e| failed("chmod", path, &e))
}

pub(super) fn remove(host: &Path, path: &str, recursive: bool) -> Result<()> {
    let metadata = match fs::symlink_metadata(host) {
        Err(e) if recursive && e.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(|e| failed("remove", path, &e))?,
    };
    let removed = match (metadata.is_dir(), recursive) {
        (true, true) => fs::remove_dir_all(host),
        (true, false) => fs::remove_dir(host),
        (false, _) => fs::remove_file(host),
    };
    removed.map_err(|e| failed("remove", path, &e))
}
