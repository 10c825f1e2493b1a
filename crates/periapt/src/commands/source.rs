//! Where a charm comes from: a path, or the local store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use periapt_build::Prepared;
use periapt_controller::api::requests::Upload;
use periapt_model::channel::Channel;
use periapt_model::charm::CharmMeta;
use periapt_model::charm_url::{CharmUrl, Origin};
use periapt_model::entity::Charm;
use periapt_model::names::{AppName, ResourceName};
use periapt_model::published::{Published, StoredResource};

use super::build;
use crate::args::ResourceArg;
use crate::charm_store::{CharmStore, not_offered};
use crate::error::{CliError, Result};
use crate::session::Session;

/// What the operator names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A folder, a `.charm` file or a bundle.
    Path(PathBuf),
    /// A charm of the store.
    Store(AppName),
}

/// What a charm's name on the command line means. A bare name is the store's, and `ch:NAME` always; what has a slash or
/// begins with a dot is a path. A folder in the way of a name is taken where the store does not know that name.
///
/// # Errors
/// A path that leads nowhere; a name that could be both.
pub fn named(store: &CharmStore, text: &str) -> Result<Named> {
    if let Some(name) = text.strip_prefix("ch:") {
        let name = AppName::new(name).map_err(|error| {
            CliError::new(format!("{name:?} is not a valid charm name: {}", error.rule))
                .hint("a charm of the store is written NAME or ch:NAME")
        })?;
        return Ok(Named::Store(name));
    }
    let path = PathBuf::from(text);
    let name = AppName::new(text).ok();
    match (path.exists(), name) {
        (true, Some(name)) if store.get(&name)?.is_some() => Err(CliError::new(format!(
            "The charm or bundle {text:?} is ambiguous."
        ))
        .hint(format!("write ./{text} for the folder here, or ch:{text} for the charm of the store"))),
        (true, _) => Ok(Named::Path(path)),
        (false, Some(name)) => Ok(Named::Store(name)),
        (false, None) => Err(CliError::new(format!("no charm at {text}: there is no such file or folder"))
            .hint("give the folder of a charm, a .charm file such as ./my-charm.charm, or the name of a charm in the store")),
    }
}

/// A charm of the store that was chosen.
#[derive(Debug)]
pub struct FromStore {
    /// Which revision it is.
    pub url: CharmUrl,
    /// Its `.charm` file.
    pub archive: PathBuf,
    /// What its metadata says.
    pub meta: CharmMeta,
    charm: Published,
    resources: BTreeMap<ResourceName, StoredResource>,
}

impl FromStore {
    /// Chooses what a channel offers, or that revision.
    ///
    /// # Errors
    /// The store does not have it.
    pub fn choose(
        store: &CharmStore,
        name: &AppName,
        channel: &Channel,
        revision: Option<u32>,
    ) -> Result<Self> {
        let charm = store.need(name)?;
        let offered = charm.resolve(channel, revision).map_err(not_offered)?;
        let file = &offered.revision.archive.file;
        let url = CharmUrl { origin: Origin::Store, name: name.clone(), revision: offered.revision.revision };
        let (archive, meta) = (store.archive(file), store.meta(file)?);
        let resources = offered.resources;
        Ok(Self { url, archive, meta, resources, charm })
    }

    /// Makes it ready to run.
    ///
    /// # Errors
    /// What the build says; an archive of another charm.
    pub fn prepare(&self, session: &Session) -> Result<Prepared> {
        let prepared = build::prepare(&self.archive, &build::options(session))?;
        match prepared.meta.name == self.url.name.as_str() {
            true => Ok(prepared),
            false => Err(CliError::new(format!(
                "the store's archive of {:?} holds charm {:?}",
                self.url.name.as_str(),
                prepared.meta.name
            ))),
        }
    }

    /// The prepared charm under its url of the store.
    #[must_use]
    pub fn charm(&self, prepared: &Prepared) -> Charm {
        Charm { url: self.url.to_string(), ..build::charm(prepared) }
    }

    /// The files of its resources: those of the channel, and over them what the operator gives: a file, or the number of a
    /// file in the store. Those in `kept` stay as they are.
    ///
    /// # Errors
    /// As of [`build::upload`]; a number that the store does not have.
    pub fn resources(
        &self,
        session: &Session,
        given: &[ResourceArg],
        kept: impl Fn(&ResourceName) -> bool,
    ) -> Result<BTreeMap<ResourceName, Upload>> {
        let declared = |name: &ResourceName| self.meta.resources.contains_key(name);
        let offered = self.resources.iter().filter(|(name, _)| declared(name) && !kept(name));
        let mut uploads: BTreeMap<ResourceName, Upload> =
            offered.map(|(name, resource)| (name.clone(), upload(resource))).collect();
        let (numbers, files): (Vec<_>, Vec<_>) =
            given.iter().cloned().partition(|arg| number(arg).is_some() && !arg.path.exists());
        uploads.extend(build::upload(session, &self.meta, &files)?);
        for arg in &numbers {
            let known = self.charm.resources.get(&arg.name).map(Vec::as_slice).unwrap_or_default();
            let found = known.iter().find(|resource| Some(resource.revision) == number(arg));
            let found = found.ok_or_else(|| {
                let newest = known.last().map_or(0, |resource| resource.revision);
                CliError::new(format!(
                    "resource {:?} has no revision {}",
                    arg.name.as_str(),
                    arg.path.display()
                ))
                .hint(format!("its newest revision in the store is {newest}; a file is written NAME=./FILE"))
            })?;
            uploads.insert(arg.name.clone(), upload(found));
        }
        Ok(uploads)
    }
}

fn number(arg: &ResourceArg) -> Option<u32> {
    arg.path.to_str()?.parse().ok()
}

fn upload(resource: &StoredResource) -> Upload {
    let StoredResource { revision, file } = resource;
    Upload { hash: file.hash.clone(), size: file.size, store: Some(*revision) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;

    #[test]
    fn a_name_is_the_stores_and_what_has_a_slash_is_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let store = CharmStore::of(&Home::at(folder.path()).unwrap());
        let name = |text: &str| Named::Store(AppName::new(text).unwrap());
        assert_eq!(named(&store, "postgresql").unwrap(), name("postgresql"));
        assert_eq!(named(&store, "ch:postgresql").unwrap(), name("postgresql"));
        assert_eq!(named(&store, ".").unwrap(), Named::Path(".".into()));
        let path = named(&store, "./nowhere/here").unwrap_err();
        assert_eq!(path.message, "no charm at ./nowhere/here: there is no such file or folder");
        for hostile in [
            "ch:../../etc",
            "ch:",
            "ch:/etc/passwd",
            "ch:a/b",
            "ch:-x",
            "../x.charm",
            "cs:mysql",
            "\u{202e}x",
        ] {
            assert!(named(&store, hostile).is_err(), "{hostile}");
        }
    }
}
