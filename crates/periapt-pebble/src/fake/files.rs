//! Files in memory. Below a mount they are files of this machine: see `mounts`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::mounts;
use super::state::FakeState;
use crate::error::{Error, PathErrorKind, Result};
use crate::info::{FileInfo, FileType};
use crate::pebble::FileOptions;

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A file and what is in it.
    File(#[serde(with = "bytes_or_text")] Vec<u8>),
    /// A folder.
    Directory,
}

/// One entry of the container's file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// The mode, such as `0o644`.
    pub mode: u32,
    /// Its owner.
    pub user_id: u32,
    /// Its owner's name, if it was given one.
    pub user: Option<String>,
    /// Its group.
    pub group_id: u32,
    /// Its group's name, if it was given one.
    pub group: Option<String>,
    /// When it was changed.
    pub modified: Timestamp,
}

impl Entry {
    /// A file of root's.
    pub fn file(content: impl Into<Vec<u8>>) -> Self {
        Self::of_root(EntryKind::File(content.into()), 0o644)
    }

    /// A folder of root's.
    pub fn directory() -> Self {
        Self::of_root(EntryKind::Directory, 0o755)
    }

    fn of_root(kind: EntryKind, mode: u32) -> Self {
        let modified = Timestamp::UNIX_EPOCH;
        Self { kind, mode, user_id: 0, user: None, group_id: 0, group: None, modified }
    }

    fn owned_by(kind: EntryKind, mode: u32, options: &FileOptions, modified: Timestamp) -> Self {
        Self {
            user_id: options.user_id.unwrap_or(0),
            user: options.user.clone(),
            group_id: options.group_id.unwrap_or(0),
            group: options.group.clone(),
            modified,
            ..Self::of_root(kind, mode)
        }
    }

    fn info(&self, path: &str) -> FileInfo {
        let (kind, size) = match &self.kind {
            EntryKind::File(content) => (FileType::File, Some(content.len() as u64)),
            EntryKind::Directory => (FileType::Directory, None),
        };
        FileInfo {
            path: path.to_owned(),
            name: base_name(path).to_owned(),
            kind,
            size,
            permissions: self.mode,
            last_modified: Timestamp::from_second(self.modified.as_second()).unwrap_or_default(),
            user_id: Some(self.user_id),
            user: self.user.clone(),
            group_id: Some(self.group_id),
            group: self.group.clone(),
        }
    }
}

/// The last part; that of `/` is `/`.
pub(super) fn base_name(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => "/",
    }
}

pub(super) fn missing(call: &str, path: &str) -> Error {
    Error::path(PathErrorKind::NotFound, format!("{call} {path}: no such file or directory"))
}

pub(super) fn generic(call: &str, path: &str, rule: &str) -> Error {
    Error::path(PathErrorKind::Generic, format!("{call} {path}: {rule}"))
}

/// The path without `.`, `..` and doubled slashes.
fn clean(path: &str) -> Result<String> {
    if !path.starts_with('/') {
        return Err(Error::path(PathErrorKind::Generic, format!("paths must be absolute, got {path:?}")));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(format!("/{}", parts.join("/")))
}

/// The folder that a path is in; that of `/` is `/`.
fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

fn mode(options: &FileOptions, default: u32) -> Result<u32> {
    let mode = options.permissions.unwrap_or(default);
    if mode > 0o777 {
        return Err(Error::path(
            PathErrorKind::Generic,
            format!("a mode is three octal digits, not {mode:o}"),
        ));
    }
    Ok(mode)
}

/// What a path is in the container.
enum Place {
    /// In memory, under this path.
    Memory(String),
    /// On this machine.
    Host(std::path::PathBuf, String),
}

impl FakeState {
    fn place(&self, path: &str) -> Result<Place> {
        let path = clean(path)?;
        let below = |mount: &str| match path.strip_prefix(mount.trim_end_matches('/')) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                Some(rest.trim_start_matches('/').to_owned())
            }
            _ => None,
        };
        let mounts = self.mounts.iter().filter_map(|(mount, host)| Some((mount, host, below(mount)?)));
        Ok(match mounts.max_by_key(|(mount, ..)| mount.len()) {
            Some((_, host, rest)) if rest.is_empty() => Place::Host(host.clone(), path),
            Some((_, host, rest)) => Place::Host(host.join(rest), path),
            None => Place::Memory(path),
        })
    }

    /// An entry in memory. Mounts and what is above entries are folders, whether someone made them or not: a test
    /// that puts a file in need not put its folders in.
    fn entry(&self, path: &str) -> Option<Entry> {
        let above = |other: &String| {
            path == "/" || other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        self.files.get(path).cloned().or_else(|| {
            let implied = path == "/" || self.files.keys().any(above) || self.mounts.keys().any(above);
            implied.then(Entry::directory)
        })
    }

    /// Sees to it that the folder of `path` is there.
    fn make_parent(&mut self, call: &str, path: &str, mode: u32, options: &FileOptions) -> Result<()> {
        let folder = parent(path).to_owned();
        match self.entry(&folder).map(|entry| entry.kind) {
            Some(EntryKind::Directory) => Ok(()),
            Some(EntryKind::File(_)) => Err(generic(call, path, "not a directory")),
            None if !options.make_parents => Err(missing(call, path)),
            None => {
                self.make_parent(call, &folder, mode, options)?;
                let entry = Entry::owned_by(EntryKind::Directory, mode, options, self.now);
                self.files.insert(folder, entry);
                Ok(())
            }
        }
    }

    pub(super) fn write_file(&mut self, path: &str, content: Vec<u8>, options: &FileOptions) -> Result<()> {
        let mode = mode(options, 0o644)?;
        match self.place(path)? {
            Place::Host(host, path) => mounts::write(&host, &path, &content, mode, options.make_parents),
            Place::Memory(path) => {
                if matches!(self.entry(&path), Some(Entry { kind: EntryKind::Directory, .. })) {
                    return Err(generic("open", &path, "is a directory"));
                }
                self.make_parent("open", &path, 0o755, options)?;
                let modified = self.tick();
                self.files.insert(path, Entry::owned_by(EntryKind::File(content), mode, options, modified));
                Ok(())
            }
        }
    }

    pub(super) fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        match self.place(path)? {
            Place::Host(host, path) => mounts::read(&host, &path),
            Place::Memory(path) => match self.entry(&path).map(|entry| entry.kind) {
                Some(EntryKind::File(content)) => Ok(content),
                Some(EntryKind::Directory) => Err(generic("read", &path, "not a regular file")),
                None => Err(missing("open", &path)),
            },
        }
    }

    pub(super) fn list(&self, path: &str, pattern: Option<&str>, itself: bool) -> Result<Vec<FileInfo>> {
        let mut list = match self.place(path)? {
            Place::Host(host, path) => mounts::list(&host, &path, itself)?,
            Place::Memory(path) => {
                let entry = self.entry(&path).ok_or_else(|| missing("stat", &path))?;
                if itself || entry.kind != EntryKind::Directory {
                    vec![entry.info(&path)]
                } else {
                    self.children(&path)
                }
            }
        };
        if let Some(pattern) = pattern {
            let pattern: Vec<char> = pattern.chars().collect();
            if !is_glob(&pattern) {
                return Err(generic("match", path, "the pattern is malformed"));
            }
            list.retain(|file| matches(&pattern, &file.name.chars().collect::<Vec<_>>()));
        }
        Ok(list)
    }

    fn children(&self, folder: &str) -> Vec<FileInfo> {
        let prefix = if folder == "/" { "/".to_owned() } else { format!("{folder}/") };
        let below = self.files.keys().chain(self.mounts.keys());
        let names =
            below.filter_map(|path| path.strip_prefix(&prefix)).filter_map(|rest| rest.split('/').next());
        let names: std::collections::BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
        let paths = names.into_iter().map(|name| format!("{prefix}{name}"));
        paths.map(|path| self.entry(&path).unwrap_or_else(Entry::directory).info(&path)).collect()
    }

    pub(super) fn make_folder(&mut self, path: &str, options: &FileOptions) -> Result<()> {
        let mode = mode(options, 0o755)?;
        match self.place(path)? {
            Place::Host(host, path) => mounts::make_dir(&host, &path, mode, options.make_parents),
            Place::Memory(path) => {
                match self.entry(&path).map(|entry| entry.kind) {
                    Some(EntryKind::Directory) if options.make_parents => return Ok(()),
                    Some(_) => return Err(generic("mkdir", &path, "file exists")),
                    None => {}
                }
                self.make_parent("mkdir", &path, mode, options)?;
                let modified = self.tick();
                self.files.insert(path, Entry::owned_by(EntryKind::Directory, mode, options, modified));
                Ok(())
            }
        }
    }

    pub(super) fn remove(&mut self, path: &str, recursive: bool) -> Result<()> {
        match self.place(path)? {
            Place::Host(host, path) => mounts::remove(&host, &path, recursive),
            Place::Memory(path) => match self.entry(&path) {
                None if recursive => Ok(()),
                None => Err(missing("remove", &path)),
                Some(_) if !recursive && !self.children(&path).is_empty() => {
                    Err(generic("remove", &path, "directory not empty"))
                }
                Some(_) => {
                    let inside = format!("{}/", path.trim_end_matches('/'));
                    self.files.retain(|other, _| *other != path && !other.starts_with(&inside));
                    Ok(())
                }
            },
        }
    }
}

/// Whether brackets close and a backslash has something behind it.
fn is_glob(pattern: &[char]) -> bool {
    match pattern {
        [] => true,
        ['\\', _, rest @ ..] => is_glob(rest),
        ['\\'] => false,
        ['[', rest @ ..] => class(rest, ' ').is_some_and(|(_, rest)| is_glob(rest)),
        [_, rest @ ..] => is_glob(rest),
    }
}

/// Whether `c` is in a class, and what is behind it. Nothing if it has no end.
fn class(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    let mut first = true;
    loop {
        rest = match rest {
            [']', rest @ ..] if !first => return Some((found != negated, rest)),
            ['\\', low, rest @ ..] => {
                found |= c == *low;
                rest
            }
            [low, '-', high, rest @ ..] if *high != ']' => {
                found |= (*low..=*high).contains(&c);
                rest
            }
            [low, rest @ ..] => {
                found |= c == *low;
                rest
            }
            [] => return None,
        };
        first = false;
    }
}

/// Whether a glob fits all of a name.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        (['*', rest @ ..], name) => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        (['?', rest @ ..], [_, name @ ..]) => matches(rest, name),
        (['[', rest @ ..], [c, name @ ..]) => {
            class(rest, *c).is_some_and(|(fits, rest)| fits && matches(rest, name))
        }
        (['\\', p, rest @ ..], [c, name @ ..]) | ([p, rest @ ..], [c, name @ ..]) => {
            p == c && matches(rest, name)
        }
        _ => false,
    }
}

/// Bytes as text where they are text, so that a state can be read by people.
pub(super) mod bytes_or_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.serialize(to),
            Err(_) => bytes.serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Bytes(Vec<u8>),
        }
        Ok(match Either::deserialize(from)? {
            Either::Text(text) => text.into_bytes(),
            Either::Bytes(bytes) => bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn globs_fit_whole_names() {
        let fits = |pattern: &str, name: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in [
            ("*", ".hidden"),
            ("*.txt", "a.txt"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[^a]x", "bx"),
            ("\\*", "*"),
            ("", ""),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.txt", "a.txt~"), ("a?c", "ac"), ("[a-c]x", "dx"), ("[^a]x", "ax"), ("\\*", "a")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        for pattern in ["[a", "a\\", "[]"] {
            assert!(!is_glob(&pattern.chars().collect::<Vec<_>>()), "{pattern}");
        }
    }

    #[test]
    fn a_state_with_files_survives_json() {
        let files = BTreeMap::from([
            ("/a".to_owned(), Entry::file("text")),
            ("/b".to_owned(), Entry::file(vec![0xff, 0])),
            ("/c".to_owned(), Entry::directory()),
        ]);
        let state = FakeState { files, ..FakeState::default() };
        let text = serde_json::to_string(&state).unwrap_or_default();
        assert!(text.contains("\"text\""), "{text}");
        assert_eq!(serde_json::from_str::<FakeState>(&text).ok(), Some(state));
    }
}
