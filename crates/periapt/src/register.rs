//! What `add-cloud` and `add-credential` keep: two files in the home, for its owner alone. Nothing here runs in another
//! cloud, so they are kept as they were given and shown again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{CliError, Result, reading, writing};
use crate::home::Home;

/// Clouds by name, each as in its file.
pub type Clouds = BTreeMap<String, Value>;
/// Credentials by cloud and name, each as in its file.
pub type Credentials = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

/// Where something is kept: Juju has a list of the client's own and one in each controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `--client`.
    Client,
    /// `--controller`.
    Controller,
}

/// Both lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Register<T> {
    /// The client's.
    pub client: T,
    /// The controller's.
    pub controller: T,
}

impl<T> Register<T> {
    /// One of them.
    pub fn at(&self, place: Place) -> &T {
        match place {
            Place::Client => &self.client,
            Place::Controller => &self.controller,
        }
    }

    /// One of them, to change it.
    pub fn at_mut(&mut self, place: Place) -> &mut T {
        match place {
            Place::Client => &mut self.client,
            Place::Controller => &mut self.controller,
        }
    }
}

/// The clouds that were added.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn clouds(home: &Home) -> Result<Register<Clouds>> {
    read(&home.path().join("clouds.json"))
}

/// Keeps them.
///
/// # Errors
/// The file cannot be written.
pub fn keep_clouds(home: &Home, clouds: &Register<Clouds>) -> Result {
    write(&home.path().join("clouds.json"), clouds)
}

/// The credentials that were added.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn credentials(home: &Home) -> Result<Register<Credentials>> {
    read(&home.path().join("credentials.json"))
}

/// Keeps them.
///
/// # Errors
/// The file cannot be written.
pub fn keep_credentials(home: &Home, credentials: &Register<Credentials>) -> Result {
    write(&home.path().join("credentials.json"), credentials)
}

/// Keeps others from changing the lists while one is read, changed and written: two that add at once both stay.
#[derive(Debug)]
#[must_use]
pub struct Held {
    _lock: std::fs::File,
}

/// Waits until nobody else changes the lists.
///
/// # Errors
/// The lock cannot be made.
pub fn hold(home: &Home) -> Result<Held> {
    let path = home.path().join("lists.lock");
    let lock = || -> std::io::Result<std::fs::File> {
        let file = std::fs::File::options().create(true).append(true).open(&path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(file)
    };
    Ok(Held { _lock: lock().map_err(writing(&path))? })
}

fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<Register<T>> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            CliError::new(format!("{} is damaged: {error}", path.display()))
                .hint("mend it or remove it: nothing but the list itself depends on it")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Register::default()),
        Err(error) => Err(reading(path)(error)),
    }
}

/// Replaces the file: a reader sees the old content or the new one, and nobody but the owner either.
fn write<T: Serialize>(path: &Path, register: &Register<T>) -> Result {
    let folder = path.parent().unwrap_or(Path::new("."));
    let replace = || -> std::io::Result<()> {
        // A temporary file is its owner's alone from the beginning.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, register)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    replace().map_err(writing(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_add_at_once_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let home = &home;
                scope.spawn(move || {
                    let _held = hold(home).unwrap();
                    let mut kept = clouds(home).unwrap();
                    kept.at_mut(Place::Client).insert(format!("c{number}"), Value::Null);
                    keep_clouds(home, &kept).unwrap();
                });
            }
        });
        assert_eq!(clouds(&home).unwrap().client.len(), 16);
    }

    #[test]
    fn what_is_kept_is_read_again_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        assert_eq!(credentials(&home).unwrap(), Register::default());
        let mut kept = Register::<Credentials>::default();
        let attributes = serde_json::json!({"auth-type": "empty"}).as_object().unwrap().clone();
        kept.at_mut(Place::Client).insert("aws".into(), BTreeMap::from([("one".into(), attributes)]));
        keep_credentials(&home, &kept).unwrap();
        assert_eq!(credentials(&home).unwrap(), kept);
        let path = home.path().join("credentials.json");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{").unwrap();
        assert!(credentials(&home).unwrap_err().message.contains("is damaged"));
    }
}
