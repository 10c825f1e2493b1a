//! `add-storage`, `attach-storage`, `detach-storage` and `remove-storage`

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::UnitName;

use crate::args::storage::{self, StorageArg};
use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::say;
use crate::session::Session;

/// Add storages to a unit, of those that its charm declares
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt add-storage db/0 data
  periapt add-storage db/0 data=lxd,2,10G")]
pub struct AddStorage {
    /// The unit
    #[arg(add = complete::units())]
    unit: UnitName,
    /// What the charm calls it, perhaps with a pool, a count and a size
    #[arg(required = true, value_name = "NAME[=DIRECTIVE]", value_parser = StorageArg::or_name)]
    storages: Vec<StorageArg>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Attach detached storages to a unit: what is in them is there again
#[derive(Args, Debug)]
pub struct AttachStorage {
    /// The unit
    #[arg(add = complete::units())]
    unit: UnitName,
    /// Which: NAME/NUMBER
    #[arg(required = true, value_name = "STORAGE")]
    storages: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Detach storages from their units: what is in them stays
#[derive(Args, Debug)]
pub struct DetachStorage {
    /// Which: NAME/NUMBER
    #[arg(required = true, value_name = "STORAGE")]
    storages: Vec<String>,
    /// At once, without hooks
    #[arg(long)]
    force: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// Remove detached storages with what is in them
#[derive(Args, Debug)]
pub struct RemoveStorage {
    /// Which: NAME/NUMBER
    #[arg(required = true, value_name = "STORAGE")]
    storages: Vec<String>,
    /// Also those that are attached: their units let go of them first
    #[arg(long)]
    force: bool,
    /// Put what is in them aside, in released-storage of the home, instead of deleting it
    #[arg(long)]
    no_destroy: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl AddStorage {
    /// Asks for them.
    pub async fn run(self, session: &Session) -> Result {
        let storages = storage::directives(&self.storages)?;
        let request = requests::AddStorage { unit: self.unit.clone(), storages };
        for id in session.model(&self.model)?.add_storage(&request).await?.storages {
            say(format!("added storage {id} to {}", self.unit));
        }
        Ok(())
    }
}

impl AttachStorage {
    /// Asks for it.
    pub async fn run(self, session: &Session) -> Result {
        let request =
            requests::AttachStorage { unit: self.unit.clone(), storages: storage::ids(&self.storages)? };
        for id in session.model(&self.model)?.attach_storage(&request).await?.storages {
            say(format!("attaching {id} to {}", self.unit));
        }
        Ok(())
    }
}

impl DetachStorage {
    /// Asks for it.
    pub async fn run(self, session: &Session) -> Result {
        let request = requests::DetachStorage { storages: storage::ids(&self.storages)?, force: self.force };
        for id in session.model(&self.model)?.detach_storage(&request).await?.storages {
            say(format!("detaching {id}"));
        }
        Ok(())
    }
}

impl RemoveStorage {
    /// Asks for their end.
    pub async fn run(self, session: &Session) -> Result {
        let request = requests::RemoveStorage {
            storages: storage::ids(&self.storages)?,
            force: self.force,
            no_destroy: self.no_destroy,
        };
        for id in session.model(&self.model)?.remove_storage(&request).await?.storages {
            say(format!("removing {id}"));
        }
        Ok(())
    }
}
