//! One charm of the local store, as data: its revisions, and what its channels offer.
//!
//! Pure: the files, the lock and the clock are the command line's. The behaviour is Charmhub's as far as `deploy` and
//! `refresh` can see it (`docs/semantics/store.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::charm::Base;
use crate::names::{AppName, ResourceName};
use crate::time::Timestamp;

/// A file by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The hash of its content; it lies under this name.
    pub hash: String,
    /// Bytes.
    pub size: u64,
}

/// What is published: an archive, and what its metadata says for lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The `.charm` file.
    pub file: StoredFile,
    /// One line about the charm.
    #[serde(default)]
    pub summary: String,
    /// The text of its `version` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it was made for.
    #[serde(default)]
    pub bases: Vec<Base>,
    /// Whether its units live beside those of others.
    #[serde(default)]
    pub subordinate: bool,
}

/// An archive that has a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counts from 1 within the charm, and is never given again.
    pub revision: u32,
    /// When it was first published.
    pub created: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub archive: Archive,
}

/// A resource's file with its number in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResource {
    /// Counts from 1 within the resource.
    pub revision: u32,
    /// The file.
    #[serde(flatten)]
    pub file: StoredFile,
}

/// What a channel offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which revision.
    pub revision: u32,
    /// Since when.
    pub released: Timestamp,
    /// The files that come with it, each by its revision.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, u32>,
}

/// One charm of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its name.
    pub name: AppName,
    /// Its revisions, the oldest first.
    pub revisions: Vec<Revision>,
    /// What is open. A channel that is not here is closed.
    pub channels: BTreeMap<Channel, Release>,
    /// Every file that was ever published for a resource, the oldest first.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, Vec<StoredResource>>,
}

/// What to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered<'a> {
    /// The revision.
    pub revision: &'a Revision,
    /// The files that come with it.
    pub resources: BTreeMap<ResourceName, StoredResource>,
}

/// Why the store has nothing to offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// Nothing is open in the channel, nor in a more stable one of its track.
    #[error("charm {:?} has nothing in channel {channel}", name.as_str())]
    Channel {
        /// The charm.
        name: AppName,
        /// The channel.
        channel: Channel,
        /// Those that are open.
        open: Vec<Channel>,
    },
    /// There is no such revision.
    #[error("charm {:?} has no revision {revision}", name.as_str())]
    Revision {
        /// The charm.
        name: AppName,
        /// The number.
        revision: u32,
        /// The newest there is.
        newest: u32,
    },
}

/// A charm whose newest revision has the highest number that there is: nothing else of it can be numbered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("charm {:?} has revision {}, the highest number there is, and nothing comes after it", .0.as_str(), u32::MAX)]
pub struct NumbersUsedUp(pub AppName);

impl Published {
    /// A charm that nothing has been published of.
    #[must_use]
    pub fn new(name: AppName) -> Self {
        Self { name, revisions: Vec::new(), channels: BTreeMap::new(), resources: BTreeMap::new() }
    }

    /// Gives an archive its revision: that which it has already where its content was published before. Whether it is new.
    ///
    /// # Errors
    /// No number is left; nothing has changed then.
    pub fn upload(&mut self, archive: Archive, now: Timestamp) -> Result<(u32, bool), NumbersUsedUp> {
        if let Some(same) = self.revisions.iter().find(|r| r.archive.file.hash == archive.file.hash) {
            return Ok((same.revision, false));
        }
        let revision = self.newest().checked_add(1).ok_or_else(|| NumbersUsedUp(self.name.clone()))?;
        self.revisions.push(Revision { revision, created: now, archive });
        Ok((revision, true))
    }

    /// Opens channels with a revision. `given` are new files for resources; those not given stay as the channel has them,
    /// as far as the charm still `declares` them.
    ///
    /// # Errors
    /// There is no such revision; nothing has changed then.
    pub fn release(
        &mut self,
        revision: u32,
        channels: &[Channel],
        given: &BTreeMap<ResourceName, StoredFile>,
        declares: impl Fn(&ResourceName) -> bool,
        now: Timestamp,
    ) -> Result<(), NotOffered> {
        self.revision(revision)?;
        let numbers: BTreeMap<ResourceName, u32> =
            given.iter().map(|(name, file)| (name.clone(), self.number(name, file))).collect();
        for channel in channels {
            let before = channel.in_order().find_map(|c| self.channels.get(&c));
            let mut resources = before.map(|release| release.resources.clone()).unwrap_or_default();
            resources.retain(|name, _| declares(name));
            resources.extend(numbers.clone());
            self.channels.insert(channel.clone(), Release { revision, released: now, resources });
        }
        Ok(())
    }

    /// The number of a resource's file: a new one unless its content is known.
    fn number(&mut self, name: &ResourceName, file: &StoredFile) -> u32 {
        let files = self.resources.entry(name.clone()).or_default();
        if let Some(same) = files.iter().find(|known| known.file.hash == file.hash) {
            return same.revision;
        }
        let revision = files.last().map_or(1, |last| last.revision.saturating_add(1));
        files.push(StoredResource { revision, file: file.clone() });
        revision
    }

    /// What a channel offers, or a certain revision with the channel's files.
    ///
    /// # Errors
    /// There is no such revision; without one, the channel and all that are more stable are closed.
    pub fn resolve(&self, channel: &Channel, revision: Option<u32>) -> Result<Offered<'_>, NotOffered> {
        let release = channel.in_order().find_map(|c| self.channels.get(&c));
        let number = match (revision, release) {
            (Some(number), _) => number,
            (None, Some(release)) => release.revision,
            (None, None) => {
                let open = self.channels.keys().cloned().collect();
                return Err(NotOffered::Channel { name: self.name.clone(), channel: channel.clone(), open });
            }
        };
        let file = |(name, number): (&ResourceName, &u32)| {
            let files = self.resources.get(name)?;
            Some((name.clone(), files.iter().find(|file| file.revision == *number)?.clone()))
        };
        let resources = release.into_iter().flat_map(|release| &release.resources).filter_map(file).collect();
        Ok(Offered { revision: self.revision(number)?, resources })
    }

    /// The revision of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn revision(&self, number: u32) -> Result<&Revision, NotOffered> {
        let found = self.revisions.iter().find(|r| r.revision == number);
        found.ok_or_else(|| NotOffered::Revision {
            name: self.name.clone(),
            revision: number,
            newest: self.newest(),
        })
    }

    /// The number of the newest revision; 0 without any.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.revisions.last().map_or(0, |last| last.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7);

    fn file(hash: &str) -> StoredFile {
        StoredFile { hash: hash.to_owned(), size: 3 }
    }

    fn archive(hash: &str) -> Archive {
        Archive {
            file: file(hash),
            summary: "s".into(),
            version: None,
            bases: Vec::new(),
            subordinate: false,
        }
    }

    fn channel(text: &str) -> Channel {
        text.parse().unwrap()
    }

    fn publish(charm: &mut Published, hash: &str, to: &[&str], resources: &[(&str, &str)]) -> u32 {
        let (revision, _) = charm.upload(archive(hash), NOW).unwrap();
        let channels: Vec<Channel> = to.iter().map(|text| channel(text)).collect();
        let given = resources.iter().map(|(name, hash)| (name.parse().unwrap(), file(hash))).collect();
        charm.release(revision, &channels, &given, |name| name.as_str() != "old", NOW).unwrap();
        revision
    }

    fn offered(charm: &Published, text: &str) -> u32 {
        charm.resolve(&channel(text), None).unwrap().revision.revision
    }

    #[test]
    fn the_same_content_has_one_revision_in_all_its_channels() {
        let mut charm = Published::new(AppName::new("db").unwrap());
        assert_eq!(publish(&mut charm, "a", &["edge"], &[]), 1);
        assert_eq!(publish(&mut charm, "b", &["edge"], &[]), 2);
        assert_eq!(publish(&mut charm, "a", &["stable", "14/beta"], &[]), 1);
        assert_eq!(charm.upload(archive("b"), NOW), Ok((2, false)));
        assert_eq!(["edge", "beta", "stable", "14/edge"].map(|c| offered(&charm, c)), [2, 1, 1, 1]);
        let json = serde_json::to_string(&charm).unwrap();
        assert_eq!(serde_json::from_str::<Published>(&json).unwrap(), charm);
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut charm = Published::new(AppName::new("db").unwrap());
        charm.revisions.push(Revision { revision: u32::MAX - 1, created: NOW, archive: archive("a") });
        assert_eq!(charm.upload(archive("b"), NOW), Ok((u32::MAX, true)));
        let before = charm.clone();
        assert_eq!(charm.upload(archive("c"), NOW), Err(NumbersUsedUp(charm.name.clone())));
        assert_eq!(charm, before);
        assert_eq!(charm.upload(archive("b"), NOW), Ok((u32::MAX, false)));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let mut charm = Published::new(AppName::new("db").unwrap());
        publish(&mut charm, "a", &["edge", "2/stable"], &[]);
        let closed = charm.resolve(&channel("beta"), None).unwrap_err();
        assert_eq!(closed.to_string(), "charm \"db\" has nothing in channel latest/beta");
        assert!(
            matches!(closed, NotOffered::Channel { open, .. } if open == [channel("2/stable"), channel("edge")])
        );
        assert!(matches!(
            charm.resolve(&channel("edge"), Some(2)),
            Err(NotOffered::Revision { newest: 1, .. })
        ));
        // A certain revision may be asked for by way of a channel that is closed.
        assert_eq!(charm.resolve(&channel("beta"), Some(1)).unwrap().revision.revision, 1);
        let before = charm.clone();
        assert!(charm.release(9, &[channel("edge")], &BTreeMap::new(), |_| true, NOW).is_err());
        assert_eq!(charm, before);
    }

    #[test]
    fn files_stay_with_their_channel_until_others_are_given() {
        let mut charm = Published::new(AppName::new("db").unwrap());
        publish(&mut charm, "a", &["edge"], &[("data", "x"), ("old", "o")]);
        publish(&mut charm, "b", &["edge"], &[]);
        publish(&mut charm, "b", &["stable"], &[("data", "y")]);
        let data = |text: &str| {
            let offered = charm.resolve(&channel(text), None).unwrap();
            offered
                .resources
                .into_iter()
                .map(|(n, r)| (n.to_string(), r.revision, r.file.hash))
                .collect::<Vec<_>>()
        };
        assert_eq!(data("edge"), [("data".to_owned(), 1, "x".to_owned())]);
        assert_eq!(data("stable"), [("data".to_owned(), 2, "y".to_owned())]);
        assert_eq!(data("stable"), data("candidate"));
    }
}
