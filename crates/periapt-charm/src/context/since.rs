//! What has changed since an event was deferred.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Context;
use crate::error::Error;

/// What has changed since the running handler deferred its event first. None: the handler had not looked at it then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// The charm's config.
    pub config: Option<bool>,
    /// Whether this unit leads.
    pub leadership: Option<bool>,
    /// A databag of the event's relation.
    pub databags: Option<bool>,
}

fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Context {
    /// Fingerprints of what has been read in this dispatch: it costs no hook command to know them.
    pub(crate) fn fingerprints(&self) -> BTreeMap<String, u64> {
        let cache = self.cache.borrow();
        let mut seen = BTreeMap::new();
        if let Some(config) = &cache.config {
            seen.insert(
                "config".to_owned(),
                fingerprint(&serde_json::to_string(&**config).unwrap_or_default()),
            );
        }
        if let Some(leader) = cache.leader {
            seen.insert("leader".to_owned(), u64::from(leader));
        }
        for ((id, side), bag) in &cache.bags {
            seen.insert(format!("bag {id} {side}"), fingerprint(&**bag));
        }
        seen
    }

    /// What has changed since the running handler deferred its event first, as far as it had looked at it then. Reads what it
    /// has to.
    ///
    /// # Errors
    /// Those of the reads.
    pub fn since_deferral(&self) -> Result<Since, Error> {
        let seen = self.running.borrow().as_ref().map(|running| running.seen.clone()).unwrap_or_default();
        let mut since = Since::default();
        if let Some(before) = seen.get("config") {
            let text = serde_json::to_string(&*self.raw_config()?).unwrap_or_default();
            since.config = Some(fingerprint(&text) != *before);
        }
        if let Some(before) = seen.get("leader") {
            since.leadership = Some(u64::from(self.is_leader()?) != *before);
        }
        let relation = self.event().and_then(|event| event.relation().cloned());
        if let Some(relation) = relation {
            let prefix = format!("bag {} ", relation.id);
            for (name, before) in seen.iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let now = self.bag_by_name(&relation, &name[prefix.len()..])?;
                since.databags = Some(since.databags.unwrap_or(false) || fingerprint(&*now) != *before);
            }
        }
        Ok(since)
    }
}
