//! The urls of charms: where a charm came from, its name and its revision.

use std::fmt;
use std::str::FromStr;

use crate::names::AppName;

/// The processor's name in the urls of store charms (Juju 3.6: `core/arch`).
const ARCHITECTURE: &str = match cfg!(target_arch = "aarch64") {
    true => "arm64",
    false => "amd64",
};

/// Where a charm came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder or file of the operator's; its revisions count within the model.
    Local,
    /// The store; its revisions are the store's.
    Store,
}

impl Origin {
    /// `charm-origin` of `status` (Juju 3.6).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Store => "charmhub",
        }
    }
}

/// `local:NAME-REVISION`, or `ch:ARCHITECTURE/NAME-REVISION` for one of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharmUrl {
    /// Where it came from.
    pub origin: Origin,
    /// The charm's name, which has the shape of an application's.
    pub name: AppName,
    /// Its revision.
    pub revision: u32,
}

impl fmt::Display for CharmUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, name, revision } = self;
        match origin {
            Origin::Local => write!(f, "local:{name}-{revision}"),
            Origin::Store => write!(f, "ch:{ARCHITECTURE}/{name}-{revision}"),
        }
    }
}

/// A text that is no url of a charm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the url of a charm: expected local:NAME-REVISION or ch:ARCHITECTURE/NAME-REVISION")]
pub struct InvalidCharmUrl;

impl FromStr for CharmUrl {
    type Err = InvalidCharmUrl;

    fn from_str(text: &str) -> Result<Self, InvalidCharmUrl> {
        let (origin, rest) = match text.split_once(':').ok_or(InvalidCharmUrl)? {
            ("local", rest) => (Origin::Local, rest),
            ("ch", rest) => (Origin::Store, rest.rsplit_once('/').map_or(rest, |(_, rest)| rest)),
            _ => return Err(InvalidCharmUrl),
        };
        let (name, revision) = rest.rsplit_once('-').ok_or(InvalidCharmUrl)?;
        let name = AppName::new(name).map_err(|_| InvalidCharmUrl)?;
        Ok(Self { origin, name, revision: revision.parse().map_err(|_| InvalidCharmUrl)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_they_are_written() {
        for origin in [Origin::Local, Origin::Store] {
            let url = CharmUrl { origin, name: AppName::new("my-db").unwrap(), revision: 12 };
            assert_eq!(url.to_string().parse(), Ok(url));
        }
        assert_eq!("ch:db-3".parse::<CharmUrl>().unwrap().origin, Origin::Store);
        for bad in
            ["", "db-3", "cs:db-3", "local:db", "local:db-x", "local:../x-1", "ch:amd64/-1", "ch:amd64/Db-1"]
        {
            assert_eq!(bad.parse::<CharmUrl>(), Err(InvalidCharmUrl), "{bad}");
        }
    }
}
