//! The local charm store: a folder of the home. What is published there can be deployed by its name.
//!
//! ```text
//! store/charms/NAME.json      the charm's revisions and channels (periapt_model::published)
//! store/archives/HASH         a .charm file, under the hash of its content
//! store/metadata/HASH.json    what that archive's metadata says
//! ```
//!
//! Files lie under their hashes before a record names them, and a record is replaced as a whole: whoever is killed in
//! between leaves at most files that nothing names. Writers take turns by a lock; readers need none.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use periapt_model::charm::CharmMeta;
use periapt_model::entity::nearest;
use periapt_model::names::AppName;
use periapt_model::published::{NotOffered, Published, StoredFile};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commands::build;
use crate::error::{CliError, Result, reading, writing};
use crate::home::Home;

/// What names a file that is still being written.
const MAKING: &str = ".making-";

/// The store of a home.
#[derive(Debug)]
pub struct CharmStore {
    folder: PathBuf,
}

impl CharmStore {
    /// The store of `home`. Nothing is made until something is published.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { folder: home.charm_store() }
    }

    fn records(&self) -> PathBuf {
        self.folder.join("charms")
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    fn metadata(&self) -> PathBuf {
        self.folder.join("metadata")
    }

    fn record(&self, name: &AppName) -> PathBuf {
        self.records().join(format!("{name}.json"))
    }

    /// The `.charm` file of a revision.
    #[must_use]
    pub fn archive(&self, file: &StoredFile) -> PathBuf {
        self.archives().join(&file.hash)
    }

    /// A charm, if anything of it was published.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn get(&self, name: &AppName) -> Result<Option<Published>> {
        let found: Option<Published> = read(&self.record(name))?;
        // What has no revision cannot be deployed: it is as good as not there.
        Ok(found.filter(|charm| charm.name == *name && !charm.revisions.is_empty()))
    }

    /// The same, where it must be there.
    ///
    /// # Errors
    /// It is not: the hint says how to publish it.
    pub fn need(&self, name: &AppName) -> Result<Published> {
        if let Some(charm) = self.get(name)? {
            return Ok(charm);
        }
        let all = self.all()?;
        let near = nearest(name.as_str(), all.iter().map(|charm| charm.name.as_str()));
        let near = near.map(|near| format!("did you mean {near:?}? If not, ")).unwrap_or_default();
        Err(CliError::new(format!("charm {:?} not found in the local store", name.as_str())).hint(format!(
            "{near}publish it first: periapt publish ./{name}.charm --channel latest/stable (a folder will do, too)"
        )))
    }

    /// All charms, by name.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn all(&self) -> Result<Vec<Published>> {
        let folder = self.records();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(reading(&folder)(error)),
        };
        let mut names: Vec<AppName> = Vec::new();
        for entry in entries {
            let name = entry.map_err(reading(&folder))?.file_name();
            names.extend(name.to_str().and_then(|n| AppName::new(n.strip_suffix(".json")?).ok()));
        }
        names.sort_unstable();
        names.iter().filter_map(|name| self.get(name).transpose()).collect()
    }

    /// What the metadata of an archive says.
    ///
    /// # Errors
    /// The file is gone or damaged.
    pub fn meta(&self, file: &StoredFile) -> Result<CharmMeta> {
        let path = self.metadata().join(format!("{}.json", file.hash));
        read(&path)?.ok_or_else(|| CliError::new(format!("{} is gone", path.display())).hint(AGAIN))
    }

    /// Keeps an archive and what its metadata says. Nothing names it yet.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn keep(&self, archive: &Path, meta: &CharmMeta) -> Result<StoredFile> {
        for folder in [self.archives(), self.metadata(), self.records()] {
            make_folder(&folder)?;
        }
        let put = build::put(&self.archives(), archive)?;
        sync(&self.archives())?;
        let file = StoredFile { hash: put.hash, size: put.size };
        replace(&self.metadata().join(format!("{}.json", file.hash)), meta)?;
        Ok(file)
    }

    /// A folder for what is being made. It goes away with the value.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn workspace(&self) -> Result<tempfile::TempDir> {
        make_folder(&self.folder)?;
        tempfile::Builder::new().prefix(MAKING).tempdir_in(&self.folder).map_err(writing(&self.folder))
    }

    /// Changes a charm's record: the new one is there as a whole, or the old one stays.
    ///
    /// # Errors
    /// What `edit` refuses; a record that cannot be read or written.
    pub fn change<T>(&self, name: &AppName, edit: impl FnOnce(&mut Published) -> Result<T>) -> Result<T> {
        make_folder(&self.records())?;
        let path = self.folder.join("lock");
        let lock = File::options().create(true).append(true).open(&path).map_err(writing(&path))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| writing(&path)(error.into()))?;
        self.sweep();
        let mut charm = self.get(name)?.unwrap_or_else(|| Published::new(name.clone()));
        let before = charm.clone();
        let told = edit(&mut charm)?;
        if charm != before {
            replace(&self.record(name), &charm)?;
        }
        Ok(told)
    }

    /// Removes what killed publications left half written, long enough ago that they cannot be running.
    fn sweep(&self) {
        for folder in [&self.folder, &self.records(), &self.archives(), &self.metadata()] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let half = name.starts_with(MAKING) || name.starts_with(".tmp");
                let old = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
                if half && old().is_some_and(|age| age > Duration::from_secs(86_400)) {
                    // A rest that cannot be removed harms nobody.
                    let path = entry.path();
                    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                }
            }
        }
    }
}

const AGAIN: &str = "publish the charm once more: periapt publish writes what is missing";

/// What to do where the store has nothing to offer.
pub fn not_offered(error: NotOffered) -> CliError {
    let hint = match &error {
        NotOffered::Channel { open, .. } if open.is_empty() => "nothing has been released of it".to_owned(),
        NotOffered::Channel { name, open, .. } => {
            let open: Vec<String> = open.iter().map(ToString::to_string).collect();
            format!("its open channels are: {} (periapt info {name})", open.join(", "))
        }
        NotOffered::Revision { newest, .. } => format!("its newest revision is {newest}"),
    };
    CliError::new(error.to_string()).hint(hint)
}

fn make_folder(path: &Path) -> Result {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(writing(path))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(path)(error)),
    };
    let damaged = |error: serde_json::Error| {
        CliError::new(format!("{} is damaged: {error}", path.display()))
            .hint("bring it back from a backup, or remove it and publish the charm again")
    };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Replaces a file: after this it is on disk, and whoever reads before sees the old one.
fn replace(path: &Path, value: &impl Serialize) -> Result {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(MAKING).tempfile_in(folder).map_err(writing(folder))?;
    let text = serde_json::to_vec(value)
        .map_err(|error| CliError::new(format!("cannot write {}: {error}", path.display())))?;
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(writing(path))?;
    file.persist(path).map_err(|error| writing(path)(error.error))?;
    sync(folder)
}

/// What was renamed into a folder stays there when the power fails.
fn sync(folder: &Path) -> Result {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(writing(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use periapt_model::published::Archive;
    use periapt_model::time::Timestamp;

    fn name(text: &str) -> AppName {
        AppName::new(text).unwrap()
    }

    fn store() -> (tempfile::TempDir, CharmStore) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        (folder, CharmStore::of(&home))
    }

    fn archive(hash: &str) -> Archive {
        let file = StoredFile { hash: hash.into(), size: 1 };
        Archive { file, summary: String::new(), version: None, bases: Vec::new(), subordinate: false }
    }

    fn upload(charm: &mut Published, archive: Archive) -> Result<(u32, bool)> {
        charm.upload(archive, Timestamp(1)).map_err(|error| CliError::new(error.to_string()))
    }

    #[test]
    fn a_change_that_is_refused_leaves_nothing() {
        let (_folder, store) = store();
        assert_eq!(store.all().unwrap(), []);
        let refused = store.change(&name("db"), |charm| {
            upload(charm, archive("a"))?;
            Err::<(), _>(CliError::new("no"))
        });
        assert_eq!(refused.unwrap_err().message, "no");
        assert_eq!(store.get(&name("db")).unwrap(), None);
        let done = store.change(&name("db"), |charm| upload(charm, archive("a")));
        assert_eq!(done.unwrap(), (1, true));
        assert_eq!(store.all().unwrap().len(), 1);
    }

    #[test]
    fn what_is_half_written_or_foreign_is_not_seen() {
        let (_folder, store) = store();
        store.change(&name("db"), |charm| upload(charm, archive("a"))).unwrap();
        for (file, text) in [(".making-x", "{\"na"), ("README", "x"), ("No.json", "x"), ("..json", "x")] {
            fs::write(store.records().join(file), text).unwrap();
        }
        assert_eq!(store.all().unwrap().len(), 1);
        // A record under another's name is not taken for it.
        fs::copy(store.record(&name("db")), store.record(&name("other"))).unwrap();
        assert_eq!(store.get(&name("other")).unwrap(), None);
        fs::write(store.record(&name("db")), "{\"na").unwrap();
        let error = store.get(&name("db")).unwrap_err();
        assert!(error.message.contains("db.json is damaged") && error.hint.is_some(), "{error:?}");
    }

    #[test]
    fn who_misses_a_charm_learns_how_to_publish_it() {
        let (_folder, store) = store();
        let error = store.need(&name("postgresql")).unwrap_err();
        assert_eq!(error.message, "charm \"postgresql\" not found in the local store");
        assert!(error.hint.unwrap().contains("periapt publish ./postgresql.charm --channel latest/stable"));
        store.change(&name("postgres"), |charm| upload(charm, archive("a"))).unwrap();
        assert!(
            store.need(&name("postgrse")).unwrap_err().hint.unwrap().contains("did you mean \"postgres\"?")
        );
    }

    #[test]
    fn writers_take_turns() {
        let (_folder, store) = store();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for turn in 0..5 {
                        let archive = archive(&format!("{writer}-{turn}"));
                        store.change(&name("db"), |charm| upload(charm, archive)).unwrap();
                    }
                });
            }
        });
        let numbers: Vec<u32> =
            store.need(&name("db")).unwrap().revisions.iter().map(|r| r.revision).collect();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    }
}
