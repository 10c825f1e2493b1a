//! What can go wrong, for callers to tell apart and for users to read.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{Key, LeaseId, Revision};

/// The store itself cannot do its work.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file was written in a format that this program does not know.
    #[error(
        "{path} was written by a newer periapt: its format is {found}, this one reads up to {known}; \
         upgrade periapt or use another home"
    )]
    NewerFormat {
        /// The store's file.
        path: PathBuf,
        /// The format in the file.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// The file holds something else than a store. It was left as it is.
    #[error(
        "{path} is not a periapt store ({reason}); nothing was changed: move it away or use another home"
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What gives it away.
        reason: String,
    },
    /// The file is a damaged store. It was left as it is.
    #[error("{path} is damaged ({reason}); nothing was changed: restore it from a copy or use another home")]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// There is no room to write.
    #[error("no space left to write {path}: make room and start again")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
    },
    /// The file, or the folder it is in, may not be read and written.
    #[error("no permission to read and write {path}")]
    Permission {
        /// The store's file.
        path: PathBuf,
    },
    /// Another process, or another part of this one, has the store open.
    #[error("{path} is in use{}", holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// The process that has it, if it could be read.
        holder: Option<u32>,
    },
    /// Any other failure of the file system or of SQLite.
    #[error("cannot use {path}: {reason}")]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// An earlier write failed, and nothing can be written until the store is opened again.
    #[error("the store takes no more writes since an earlier one failed: {cause}")]
    Failed {
        /// The earlier failure.
        cause: Arc<StoreError>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// A transaction was not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TxnError {
    /// A compare did not hold: the key was changed since it was read. Read again and decide anew.
    #[error("{key} is at revision {actual}, not {expected}")]
    Conflict {
        /// The first key whose compare failed.
        key: Key,
        /// The modification revision the transaction required; 0 for absent.
        expected: Revision,
        /// The modification revision the key has; 0 for absent.
        actual: Revision,
    },
    /// A key was to be attached to a lease that does not exist, or no longer.
    #[error("lease {0} does not exist")]
    LeaseNotFound(LeaseId),
    /// A write to the empty key, which cannot exist.
    #[error("a key cannot be empty")]
    EmptyKey,
    /// The store failed. Whether this transaction will be there after reopening is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A watch cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WatchError {
    /// Changes that the watch should deliver are no longer kept. Read the range again and watch from there.
    #[error("the changes wanted are no longer kept; the oldest revision that can be watched is {oldest}")]
    Compacted {
        /// The oldest revision a watch can begin at.
        oldest: Revision,
    },
    /// The store failed or was closed: there will be no more changes.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A lease cannot be kept alive or revoked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease was revoked or has expired.
    #[error("lease {0} does not exist")]
    NotFound(LeaseId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// History cannot be compacted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompactError {
    /// The revision has not been reached yet.
    #[error("cannot compact a future revision; the store is at {head}")]
    Future {
        /// The store's current revision.
        head: Revision,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
