//! Notices, warnings and identities.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::state::FakeState;
use super::{bad_request, refused};
use crate::duration::Span;
use crate::error::Result;
use crate::info::{
    BasicIdentity, CertIdentity, Identity, Notice, NoticeId, NoticeType, Warning, WarningState,
};
use crate::pebble::NoticeQuery;

/// How long after their last occurrence notices are forgotten.
const EXPIRE: Duration = Duration::from_hours(7 * 24);
/// The longest key, in bytes.
const MAX_KEY: usize = 256;
/// The most data, in bytes of JSON.
const MAX_DATA: usize = 4096;

/// Letters and digits with single hyphens between them.
fn is_word(text: &str, letters: impl Fn(u8) -> bool) -> bool {
    text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| letters(b) || b.is_ascii_digit()))
}

/// `example.com/path`: a domain with at least one dot, in small letters, and at least one element of a path.
fn is_key(key: &str) -> bool {
    let Some((domain, path)) = key.split_once('/') else { return false };
    let domain_fits =
        domain.contains('.') && domain.split('.').all(|part| is_word(part, |b| b.is_ascii_lowercase()));
    key.len() <= MAX_KEY
        && domain_fits
        && path.split('/').all(|part| is_word(part, |b| b.is_ascii_alphabetic()))
}

fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

impl FakeState {
    /// Something happened. Those of one user, type and key are one notice.
    pub(super) fn record(
        &mut self,
        user_id: Option<u32>,
        kind: NoticeType,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> NoticeId {
        let now = self.tick();
        self.notices.retain(|notice| since(notice.last_occurred, now) < EXPIRE);
        let repeat_after = repeat_after.filter(|after| !after.is_zero());
        let same =
            |notice: &&mut Notice| notice.user_id == user_id && notice.kind == kind && notice.key == key;
        if let Some(notice) = self.notices.iter_mut().find(same) {
            notice.last_occurred = now;
            notice.occurrences += 1;
            notice.last_data.clone_from(data);
            if repeat_after.is_none_or(|after| since(notice.last_repeated, now) > after) {
                notice.last_repeated = now;
            }
            notice.repeat_after = repeat_after.map(Span);
            return notice.id.clone();
        }
        self.last_notice += 1;
        let id = NoticeId(self.last_notice.to_string());
        self.notices.push(Notice {
            id: id.clone(),
            user_id,
            kind,
            key: key.to_owned(),
            first_occurred: now,
            last_occurred: now,
            last_repeated: now,
            occurrences: 1,
            last_data: data.clone(),
            repeat_after: repeat_after.map(Span),
            expire_after: Some(Span(EXPIRE)),
        });
        id
    }

    pub(super) fn record_custom(
        &mut self,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> Result<NoticeId> {
        if !is_key(key) {
            return Err(bad_request(format!("key {key:?} of a notice is not like example.com/path")));
        }
        if serde_json::to_vec(data).map_or(0, |json| json.len()) > MAX_DATA {
            return Err(bad_request(format!("more than {MAX_DATA} bytes of data in a notice")));
        }
        Ok(self.record(Some(self.user_id), NoticeType::Custom, key, data, repeat_after))
    }

    pub(super) fn find_notice(&self, id: &NoticeId) -> Result<Notice> {
        let found = self.notices.iter().find(|notice| notice.id == *id).cloned();
        found
            .ok_or_else(|| refused(404, "Not Found", format!("cannot find notice with id {:?}", id.as_str())))
    }

    pub(super) fn list_notices(&self, query: &NoticeQuery) -> Vec<Notice> {
        let user = query.user_id.unwrap_or(self.user_id);
        let fits = |notice: &&Notice| {
            (query.all_users || notice.user_id.is_none_or(|id| id == user))
                && (query.types.is_empty() || query.types.contains(&notice.kind))
                && (query.keys.is_empty() || query.keys.contains(&notice.key))
                && query.after.is_none_or(|after| notice.last_repeated > after)
        };
        let mut list: Vec<Notice> = self.notices.iter().filter(fits).cloned().collect();
        list.sort_by_key(|notice| notice.last_repeated);
        list
    }

    pub(super) fn list_warnings(&self, wanted: &WarningState) -> Vec<Warning> {
        let pending = |warning: &&Warning| match warning.last_shown {
            Some(shown) => since(shown, self.now) >= warning.repeat_after.0 && warning.last_added > shown,
            None => true,
        };
        self.warnings
            .iter()
            .filter(|warning| *wanted == WarningState::All || pending(warning))
            .cloned()
            .collect()
    }

    pub(super) fn okay_warnings(&mut self, until: Timestamp) -> u64 {
        let mut count = 0;
        let pending = self.list_warnings(&WarningState::Pending);
        for warning in self.warnings.iter_mut().filter(|warning| warning.last_added <= until) {
            if pending.contains(warning) {
                warning.last_shown = Some(until);
                count += 1;
            }
        }
        count
    }

    pub(super) fn masked_identities(&self) -> BTreeMap<String, Identity> {
        let mask = |identity: &Identity| Identity {
            basic: identity.basic.as_ref().map(|_| BasicIdentity { password: "*****".to_owned() }),
            cert: identity.cert.as_ref().map(|_| CertIdentity { pem: "*****".to_owned() }),
            ..identity.clone()
        };
        self.identities.iter().map(|(name, identity)| (name.clone(), mask(identity))).collect()
    }

    pub(super) fn put_identities(&mut self, identities: &BTreeMap<String, Option<Identity>>) -> Result<()> {
        let mut all = self.identities.clone();
        for (name, identity) in identities {
            match identity {
                None => drop(all.remove(name)),
                Some(identity) => {
                    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(letters) {
                        return Err(bad_request(format!("{name:?} is no name for an identity")));
                    }
                    if identity.local.is_none() && identity.basic.is_none() && identity.cert.is_none() {
                        return Err(bad_request(format!("identity {name:?} needs local, basic or cert")));
                    }
                    if matches!(identity.access, crate::info::Access::Other(_)) {
                        return Err(bad_request(format!(
                            "identity {name:?} has no access {:?}",
                            identity.access.as_str()
                        )));
                    }
                    all.insert(name.clone(), identity.clone());
                }
            }
        }
        let mut users = std::collections::BTreeSet::new();
        for local in all.values().filter_map(|identity| identity.local.as_ref()) {
            if !users.insert(local.user_id) {
                return Err(bad_request(format!("two identities are user {}", local.user_id)));
            }
        }
        self.identities = all;
        Ok(())
    }

    pub(super) fn drop_identities(&mut self, names: &[&str]) -> Result<()> {
        if let Some(missing) = names.iter().find(|name| !self.identities.contains_key(**name)) {
            return Err(bad_request(format!("there is no identity {missing:?}")));
        }
        self.identities.retain(|name, _| !names.contains(&name.as_str()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_domain_and_a_path() {
        for key in ["example.com/a", "a.b-c.io/Foo/b-1", "1.2/3"] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "a",
            "example/a",
            "Example.com/a",
            "example.com",
            "example.com/",
            "a.b/c--d",
            "a.b/c d",
            "a..b/c",
        ] {
            assert!(!is_key(key), "{key}");
        }
        assert!(!is_key(&format!("a.b/{}", "c".repeat(253))));
    }
}
