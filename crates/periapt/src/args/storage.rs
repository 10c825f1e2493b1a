//! What is said about storages: `data=lxd,2,10G` and `data/0`.

use std::collections::BTreeMap;
use std::str::FromStr;

use periapt_model::entity::{InvalidDirective, StorageDirective};
use periapt_model::names::{InvalidName, StorageId, StorageName};

use crate::error::{CliError, Result};

/// `NAME=[POOL,][COUNT,][SIZE]` of `--storage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageArg {
    /// As the charm calls it.
    pub name: StorageName,
    /// The directive, as typed; empty where there is none.
    pub directive: String,
}

impl FromStr for StorageArg {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, directive) =
            text.split_once('=').ok_or("expected NAME=[POOL,][COUNT,][SIZE], such as data=lxd,10G")?;
        directive.parse::<StorageDirective>().map_err(|error: InvalidDirective| error.to_string())?;
        let name = name.parse().map_err(|error: InvalidName| error.to_string())?;
        Ok(Self { name, directive: directive.to_owned() })
    }
}

impl StorageArg {
    /// As `add-storage` takes it: a name alone is one of it.
    pub fn or_name(text: &str) -> std::result::Result<Self, String> {
        match text.contains('=') {
            true => text.parse(),
            false => {
                let name = text.parse().map_err(|error: InvalidName| error.to_string())?;
                Ok(Self { name, directive: String::new() })
            }
        }
    }
}

/// The directives by name.
///
/// # Errors
/// A name that is given twice.
pub fn directives(args: &[StorageArg]) -> Result<BTreeMap<StorageName, String>> {
    let mut map = BTreeMap::new();
    for StorageArg { name, directive } in args {
        if map.insert(name.clone(), directive.clone()).is_some() {
            return Err(CliError::usage(format!("storage {:?} specified more than once", name.as_str())));
        }
    }
    Ok(map)
}

/// The ids of storages, as typed.
///
/// # Errors
/// One that is none, or that is given twice.
pub fn ids(typed: &[String]) -> Result<Vec<StorageId>> {
    let mut ids = Vec::new();
    for text in typed {
        let id: StorageId = text.parse().map_err(|error: InvalidName| CliError::usage(error.to_string()))?;
        if ids.contains(&id) {
            return Err(CliError::usage(format!("storage {id} specified more than once")));
        }
        ids.push(id);
    }
    Ok(ids)
}
