//! Encryption at rest: what may hold a secret is sealed before it reaches the store.
//!
//! One key for each home, in a file of its own beside the store: a copy of the store alone tells nothing. Each value is
//! sealed with XChaCha20-Poly1305 under a random nonce, and bound to the key of its row: a value that was moved to
//! another row does not open.
//!
//! A sealed value begins with a byte that no JSON does, so that rows which an older Periapt wrote are told apart.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

/// The first byte of a sealed value: the form described here.
const FORM: u8 = 1;
const ID: usize = 8;
const NONCE: usize = 24;
const KEY: usize = 32;

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file is gone, and the store needs it.
    #[error(
        "the store holds sealed secrets, and the key that opens them is not there: {}; put the file back from where you keep a copy of the home (without it the secrets are lost)",
        path.display()
    )]
    Missing {
        /// The key's file.
        path: PathBuf,
    },
    /// The store holds sealed secrets, and whoever opens it has no key at all.
    #[error("the store holds sealed secrets, and was opened without a key")]
    NoKey,
    /// The file holds a key, but another one sealed the store's secrets.
    #[error(
        "{} is not the key that sealed the store's secrets; put back the one that belongs to this home",
        path.display()
    )]
    OtherKey {
        /// The key's file.
        path: PathBuf,
    },
    /// The file holds no key.
    #[error("{} is not a key of Periapt's: {reason}; put back the one that belongs to this home", path.display())]
    Malformed {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("cannot {what} the key {}: {source}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// The key's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Why a value cannot be sealed or opened. No word of the value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealFailure {
    #[error("it was sealed with another key")]
    OtherKey,
    #[error("it was damaged, or belongs to another row")]
    Damaged,
    #[error("it cannot be sealed")]
    Unsealable,
}

/// Seals and opens values with one key.
pub(crate) struct Sealer {
    path: PathBuf,
    id: [u8; ID],
    aead: XChaCha20Poly1305,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Whether a stored value is sealed.
pub(crate) fn is_sealed(value: &[u8]) -> bool {
    value.first() == Some(&FORM)
}

impl Sealer {
    /// The key in the file `path`. None when there is no such file.
    ///
    /// # Errors
    /// The file is none of ours, or cannot be read.
    pub fn find(path: &Path) -> Result<Option<Self>, SealError> {
        let system = |source| SealError::System { what: "read", path: path.to_owned(), source };
        let malformed =
            |reason: &str| SealError::Malformed { path: path.to_owned(), reason: reason.to_owned() };
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(system(error)),
        };
        if !metadata.is_file() {
            return Err(malformed("it is not a file"));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(system)?;
        }
        let mut bytes = Vec::with_capacity(KEY);
        let file = File::open(path).map_err(system)?;
        file.take(KEY as u64 + 1).read_to_end(&mut bytes).map_err(system)?;
        let key: [u8; KEY] = bytes.try_into().map_err(|_| malformed("it is not 32 bytes long"))?;
        Ok(Some(Self::new(path, &key)))
    }

    /// A new key in the file `path`, which is not there yet. It is on disk when this returns: nothing is sealed with a
    /// key that a crash could take away.
    ///
    /// # Errors
    /// The file cannot be written, or the system has no randomness.
    pub fn make(path: &Path) -> Result<Self, SealError> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(SealError::Random)?;
        let system = |source| SealError::System { what: "write", path: path.to_owned(), source };
        let new = path.with_extension("new");
        let write = || {
            // What a crash left of an earlier attempt sealed nothing.
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&key)?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(system)?;
        Ok(Self::new(path, &key))
    }

    fn new(path: &Path, key: &[u8; KEY]) -> Self {
        let mut id = [0; ID];
        let digest = Sha256::new().chain_update(b"periapt sealing key").chain_update(key).finalize();
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self { path: path.to_owned(), id, aead: XChaCha20Poly1305::new(key.into()) }
    }

    /// Where the key is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seals the value of the row `row`.
    pub fn seal(&self, row: &str, plain: &[u8]) -> Result<Vec<u8>, SealFailure> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealFailure::Unsealable)?;
        let payload = Payload { msg: plain, aad: row.as_bytes() };
        let sealed = self.aead.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealFailure::Unsealable)?;
        let mut out = Vec::with_capacity(1 + ID + NONCE + sealed.len());
        out.push(FORM);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`Sealer::seal`] made for the same row.
    pub fn open(&self, row: &str, value: &[u8]) -> Result<Vec<u8>, SealFailure> {
        let parts = || {
            let rest = value.strip_prefix(&[FORM])?;
            let (id, rest) = rest.split_first_chunk::<ID>()?;
            let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
            Some((*id, *nonce, sealed))
        };
        let (id, nonce, sealed) = parts().ok_or(SealFailure::Damaged)?;
        if id != self.id {
            return Err(SealFailure::OtherKey);
        }
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        self.aead.decrypt(&XNonce::from(nonce), payload).map_err(|_| SealFailure::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "model/uuid/secret-content/9m4e2mr0ui3e8a215n4g/1";

    #[test]
    fn what_is_sealed_opens_in_its_own_row_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealer = Sealer::make(&path).unwrap();
        let sealed = sealer.seal(ROW, b"hunter2").unwrap();
        assert!(is_sealed(&sealed) && !sealed.windows(7).any(|part| part == b"hunter2"));
        assert_ne!(sealed, sealer.seal(ROW, b"hunter2").unwrap(), "no nonce comes twice");
        assert_eq!(sealer.open(ROW, &sealed).unwrap(), b"hunter2");
        let again = Sealer::find(&path).unwrap().expect("it was made");
        assert_eq!(again.open(ROW, &sealed).unwrap(), b"hunter2");
        let other_row = ROW.replace("/1", "/2");
        assert_eq!(again.open(&other_row, &sealed), Err(SealFailure::Damaged));
        let other = Sealer::make(&folder.path().join("other")).unwrap();
        assert_eq!(other.open(ROW, &sealed), Err(SealFailure::OtherKey));
    }

    #[test]
    fn every_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::make(&folder.path().join("key")).unwrap();
        let sealed = sealer.seal(ROW, b"x").unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(sealer.open(ROW, &damaged).is_err(), "byte {at}");
            assert!(sealer.open(ROW, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_key_is_for_its_owner_alone_and_no_other_file_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(Sealer::find(&path).unwrap().is_none());
        Sealer::make(&path).unwrap();
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(Sealer::find(&path).unwrap().is_some());
        assert_eq!(mode(), 0o600, "it is made so again");
        for bad in [&b""[..], &[7; 31], &[7; 33]] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(Sealer::find(&path), Err(SealError::Malformed { .. })), "{} bytes", bad.len());
        }
        let folder_of_it = folder.path().join("folder");
        std::fs::create_dir(&folder_of_it).unwrap();
        assert!(matches!(Sealer::find(&folder_of_it), Err(SealError::Malformed { .. })));
    }
}
