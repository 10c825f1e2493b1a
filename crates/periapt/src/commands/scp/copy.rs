//! Copying as `scp` does: links are followed, what is there is written over, and folders only when asked for.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// How to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Folders too, with what is in them.
    pub folders: bool,
    /// Times and modes too.
    pub preserve: bool,
}

/// Copies each source to or into `to`, and returns what went wrong. `into`: `to` has to be a folder.
pub fn copy_all(sources: &[PathBuf], to: &Path, into: bool, how: How) -> Vec<String> {
    let mut problems = Vec::new();
    if (sources.len() > 1 || into && !how.folders) && !to.is_dir() {
        let missing = io::Error::from(match to.exists() {
            true => io::ErrorKind::NotADirectory,
            false => io::ErrorKind::NotFound,
        });
        return vec![problem(to, &missing)];
    }
    for source in sources {
        // `.` and `..` have no name of their own: what is in them goes into the folder itself.
        let target = match source.file_name().filter(|_| to.is_dir() && !ends_with_dot(source)) {
            Some(name) => to.join(name),
            None => to.to_owned(),
        };
        Copy { how, above: Vec::new(), problems: &mut problems }.any(source, &target);
    }
    problems
}

/// `Path` hides a dot at the end.
fn ends_with_dot(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes == b"." || bytes.ends_with(b"/.")
}

fn problem(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "No such file or directory".to_owned(),
        io::ErrorKind::NotADirectory => "Not a directory".to_owned(),
        io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("{}: {why}", path.display())
}

struct Copy<'a> {
    how: How,
    /// The folders that are being copied, outermost first: a link to one of them would never end.
    above: Vec<PathBuf>,
    problems: &'a mut Vec<String>,
}

impl Copy<'_> {
    fn any(&mut self, from: &Path, to: &Path) {
        let copied = fs::metadata(from).map_err(|error| problem(from, &error)).and_then(|found| {
            if found.is_dir() && self.how.folders {
                self.folder(from, to, &found)
            } else if found.is_file() {
                file(from, to, &found, self.how).map_err(|(path, error)| problem(&path, &error))
            } else {
                Err(format!("{}: not a regular file", from.display()))
            }
        });
        self.problems.extend(copied.err());
    }

    fn folder(&mut self, from: &Path, to: &Path, found: &fs::Metadata) -> Result<(), String> {
        let known = fs::canonicalize(from).map_err(|error| problem(from, &error))?;
        let target = to.ancestors().find_map(|path| fs::canonicalize(path).ok());
        if self.above.contains(&known) || target.is_some_and(|target| target.starts_with(&known)) {
            return Err(format!("{}: is copied into itself", from.display()));
        }
        // Listed before anything is made.
        let mut names: Vec<_> = fs::read_dir(from)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
            .map_err(|error| problem(from, &error))?;
        names.sort();
        match fs::create_dir(to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && to.is_dir() => {}
            made => made.map_err(|error| problem(to, &error))?,
        }
        self.above.push(known);
        for name in names {
            self.any(&from.join(&name), &to.join(&name));
        }
        self.above.pop();
        if self.how.preserve {
            fs::set_permissions(to, Permissions::from_mode(found.mode() & 0o7777))
                .map_err(|error| problem(to, &error))?;
        }
        Ok(())
    }
}

/// Copies one file; the error says which of the two it is about.
fn file(from: &Path, to: &Path, found: &fs::Metadata, how: How) -> Result<(), (PathBuf, io::Error)> {
    let about = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    if fs::metadata(to).is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino())) {
        // It would be empty before it is read.
        return Err((to.to_owned(), io::Error::other("is the same file")));
    }
    let mut source = File::open(from).map_err(about(from))?;
    let mut target = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(found.mode() & 0o777)
        .open(to)
        .map_err(about(to))?;
    io::copy(&mut source, &mut target).map_err(about(to))?;
    if how.preserve {
        target.set_permissions(Permissions::from_mode(found.mode() & 0o7777)).map_err(about(to))?;
        let times = fs::FileTimes::new();
        let times = found.accessed().map_or(times, |at| times.set_accessed(at));
        let times = found.modified().map_or(times, |at| times.set_modified(at));
        target.set_times(times).map_err(about(to))?;
    }
    Ok(())
}

/// What a path with `*`, `?` or `[…]` stands for, sorted: the caller's shell does not look behind `TARGET:`. A path that is there
/// or matches nothing stands for itself.
pub fn expand(path: PathBuf) -> Vec<PathBuf> {
    let has_wildcard = |text: &str| text.contains(['*', '?', '[']);
    if path.exists() || !path.to_str().is_some_and(has_wildcard) {
        return vec![path];
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let Some(pattern) = part.as_os_str().to_str().filter(|text| has_wildcard(text)) else {
            found.iter_mut().for_each(|start| start.push(part));
            continue;
        };
        found = found.iter().flat_map(|start| matching(start, pattern)).collect();
    }
    found.retain(|path| path.exists());
    found.sort();
    if found.is_empty() { vec![path] } else { found }
}

fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
    let wanted = |name: &str| {
        let hidden = name.starts_with('.') && !pattern.starts_with('.');
        !hidden && matches_glob(pattern, name)
    };
    names.filter(|name| name.to_str().is_some_and(wanted)).map(|name| folder.join(name)).collect()
}

/// Whether a pattern of the shell is all of a name: `*` is any text, `?` any character, `[a-z]` one of these and `[!a-z]`
/// none of them. Takes time in proportion to both at most.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where to go on from if what follows a `*` does not fit: the last is enough.
    let mut again: Option<(usize, usize)> = None;
    while seen < name.len() || at < pattern.len() {
        if pattern.get(at) == Some(&'*') {
            again = Some((at + 1, seen));
            at += 1;
            continue;
        }
        let fits = name.get(seen).and_then(|letter| Some(at + one(pattern.get(at..)?, *letter)?));
        (at, seen) = match (fits, again) {
            (Some(next), _) => (next, seen + 1),
            (None, Some((behind, from))) if from < name.len() => {
                again = Some((behind, from + 1));
                (behind, from + 1)
            }
            (None, _) => return false,
        };
    }
    true
}

/// How much of a pattern stands for one character, if it stands for this one.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    let close = |from: usize| pattern.iter().skip(from).position(|c| *c == ']').map(|at| at + from);
    match pattern {
        ['?', ..] => Some(1),
        ['[', rest @ ..] => {
            let negated = matches!(rest.first(), Some('!' | '^'));
            let start = 1 + usize::from(negated);
            // A bracket that stands first is one of the set. Without its end the first is a plain character.
            let Some(end) = close(start + 1) else { return (letter == '[').then_some(1) };
            let set = pattern.get(start..end)?;
            let range = set.windows(3).any(|w| matches!(w, [a, '-', b] if (*a..=*b).contains(&letter)));
            ((range || set.contains(&letter)) != negated).then_some(end + 1)
        }
        [first, ..] => (*first == letter).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_shells() {
        for (pattern, name, expected) in [
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("*.[tl]*", "a.log", true),
            ("", "a", false),
        ] {
            assert_eq!(matches_glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn copy(sources: &[&Path], to: &Path, folders: bool) -> Vec<String> {
        let sources: Vec<PathBuf> = sources.iter().map(|path| (*path).to_owned()).collect();
        copy_all(&sources, to, false, How { folders, preserve: false })
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn files_go_to_a_name_or_into_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("a"), "one");
        write(&at("b"), "two");
        fs::create_dir(at("into")).unwrap();
        assert_eq!(copy(&[&at("a")], &at("c"), false), NOTHING);
        assert_eq!(copy(&[&at("a"), &at("b")], &at("into"), false), NOTHING);
        for (name, text) in [("c", "one"), ("into/a", "one"), ("into/b", "two")] {
            assert_eq!(fs::read_to_string(at(name)).unwrap(), text, "{name}");
        }
        let several = copy(&[&at("a"), &at("b")], &at("c"), false);
        assert_eq!(several, [format!("{}: Not a directory", at("c").display())]);
        let missing = copy(&[&at("nosuch"), &at("a")], &at("into"), false);
        assert_eq!(missing, [format!("{}: No such file or directory", at("nosuch").display())]);
        let same = copy(&[&at("a")], &at("a"), false);
        assert_eq!(same, [format!("{}: is the same file", at("a").display())]);
        assert_eq!(fs::read_to_string(at("a")).unwrap(), "one");
    }

    #[test]
    fn folders_are_copied_when_asked_for_and_never_into_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("tree/deep/file"), "text");
        std::os::unix::fs::symlink("deep/file", at("tree/link")).unwrap();
        let refused = copy(&[&at("tree")], &at("copy"), false);
        assert_eq!(refused, [format!("{}: not a regular file", at("tree").display())]);
        assert_eq!(copy(&[&at("tree")], &at("copy"), true), NOTHING);
        assert!(at("copy/link").symlink_metadata().unwrap().is_file());
        assert_eq!(copy(&[&at("tree")], &at("copy"), true), NOTHING);
        assert_eq!(fs::read_to_string(at("copy/tree/deep/file")).unwrap(), "text");
        assert_eq!(copy(&[&at("tree/.")], &at("copy"), true), NOTHING);
        assert_eq!(fs::read_to_string(at("copy/deep/file")).unwrap(), "text");
        std::os::unix::fs::symlink("..", at("tree/deep/up")).unwrap();
        for to in ["tree/deep/new", "again"] {
            let endless = copy(&[&at("tree")], &at(to), true);
            assert!(endless.len() == 1 && endless[0].ends_with("is copied into itself"), "{to}: {endless:?}");
        }
    }

    #[test]
    fn modes_of_new_files_are_the_sources_and_times_only_with_p() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("run"), "#!/bin/sh");
        fs::set_permissions(at("run"), Permissions::from_mode(0o700)).unwrap();
        let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::open(at("run")).unwrap().set_modified(then).unwrap();
        let mode = |name: &str| fs::metadata(at(name)).unwrap().mode() & 0o777;
        assert_eq!(copy(&[&at("run")], &at("new"), false), NOTHING);
        assert_eq!(mode("new"), 0o700);
        assert_ne!(fs::metadata(at("new")).unwrap().modified().unwrap(), then);
        write(&at("old"), "");
        fs::set_permissions(at("old"), Permissions::from_mode(0o604)).unwrap();
        assert_eq!(copy(&[&at("run")], &at("old"), false), NOTHING);
        assert_eq!(mode("old"), 0o604);
        let how = How { folders: false, preserve: true };
        assert_eq!(copy_all(&[at("run")], &at("old"), false, how), NOTHING);
        assert_eq!(mode("old"), 0o700);
        assert_eq!(fs::metadata(at("old")).unwrap().modified().unwrap(), then);
    }

    #[test]
    fn wildcards_stand_for_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["logs/a.log", "logs/b.log", "logs/.c.log", "logs/d.txt"] {
            write(&at(name), "");
        }
        assert_eq!(expand(at("logs/*.log")), [at("logs/a.log"), at("logs/b.log")]);
        assert_eq!(expand(at("l*s/*.txt")), [at("logs/d.txt")]);
        assert_eq!(expand(at("logs/*.zip")), [at("logs/*.zip")]);
        assert_eq!(expand(at("logs/?.log")), [at("logs/a.log"), at("logs/b.log")]);
        assert_eq!(expand(at("logs/[b-z].log")), [at("logs/b.log")]);
        assert_eq!(expand(at("logs/d.txt")), [at("logs/d.txt")]);
    }
}
