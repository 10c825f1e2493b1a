//! Where Periapt keeps everything: one folder.

use std::path::{Path, PathBuf};

/// The folder that holds the store, the charms, the units and the daemon's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No variable says where.
    #[error(
        "no home for Periapt: neither PERIAPT_HOME, XDG_DATA_HOME nor HOME is set; set PERIAPT_HOME to a folder"
    )]
    Nowhere,
    /// It cannot be made.
    #[error("cannot use {} as Periapt's home: {reason}; set PERIAPT_HOME to a folder of yours", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl Home {
    /// `$PERIAPT_HOME`, else `$XDG_DATA_HOME/periapt`, else `~/.local/share/periapt`. Made if it is not there, for its
    /// owner alone.
    pub fn find() -> Result<Self, HomeError> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let path = set("PERIAPT_HOME")
            .or_else(|| set("XDG_DATA_HOME").map(|p| p.join("periapt")))
            .or_else(|| set("HOME").map(|p| p.join(".local/share/periapt")))
            .ok_or(HomeError::Nowhere)?;
        Self::at(&path)
    }

    /// This folder, made if it is not there.
    pub fn at(path: &Path) -> Result<Self, HomeError> {
        let unusable = |reason| HomeError::Unusable { path: path.to_owned(), reason };
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        let refuse_colons = |path: &Path| match path.as_os_str().as_encoded_bytes().contains(&b':') {
            true => {
                Err(std::io::Error::other("charms find their hook commands by PATH, which a colon divides"))
            }
            false => Ok(()),
        };
        // Before anything is made, and where links lead to.
        refuse_colons(path).map_err(unusable)?;
        folder(path).map_err(unusable)?;
        let path = std::fs::canonicalize(path).map_err(unusable)?;
        refuse_colons(&path).map_err(unusable)?;
        let home = Self(path);
        for part in [home.charms(), home.cache(), home.resources(), home.logs(), home.models()] {
            folder(&part).map_err(unusable)?;
        }
        Ok(home)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The SQLite database.
    pub fn store(&self) -> PathBuf {
        self.0.join("periapt.db")
    }

    /// The key that seals secrets in the store. Whoever keeps a copy of the store keeps one of this too, elsewhere.
    pub fn secrets_key(&self) -> PathBuf {
        self.0.join("secrets.key")
    }

    /// The API's socket.
    pub fn socket(&self) -> PathBuf {
        self.0.join("periapt.sock")
    }

    /// Locked while a daemon runs; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.0.join("daemon.lock")
    }

    /// What a daemon in the background has to say.
    pub fn daemon_log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }

    /// Charm trees, by the hash of their content.
    pub fn charms(&self) -> PathBuf {
        self.0.join("charms")
    }

    /// Virtual environments.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// The local charm store.
    pub fn charm_store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Uploaded resources, by the hash of their content.
    pub fn resources(&self) -> PathBuf {
        self.0.join("resources")
    }

    /// The models' logs.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// Where what was in released storages is put aside, a folder for each model.
    pub fn released_storage(&self) -> PathBuf {
        self.0.join("released-storage")
    }

    /// The models' units, by the model's uuid.
    pub fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// The name that `bootstrap` gave the controller beside its own.
    pub fn controller_name(&self) -> PathBuf {
        self.0.join("controller-name")
    }

    /// The model that commands mean when they name none.
    pub fn current_model(&self) -> PathBuf {
        self.0.join("current-model")
    }
}

/// The program behind the hook commands: `periapt-hook` beside this one, else this one, which does the same more slowly.
pub fn hook_program() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("periapt"));
    let tiny = this.with_file_name("periapt-hook");
    if tiny.is_file() { tiny } else { this }
}
