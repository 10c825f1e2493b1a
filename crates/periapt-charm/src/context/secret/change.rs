//! What becomes of secrets in one dispatch: what is known of them, and what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

pub use periapt_model::entity::RotatePolicy;
use periapt_model::time::Timestamp;

use super::content::{Files, SecretContent};
use super::{Owner, SecretUri};
use crate::context::Context;
use crate::error::Error;

/// When a revision of a secret expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// At that time.
    At(Timestamp),
    /// So long after the call.
    After(Duration),
}

impl From<Timestamp> for Expire {
    fn from(at: Timestamp) -> Self {
        Self::At(at)
    }
}

impl From<Duration> for Expire {
    fn from(span: Duration) -> Self {
        Self::After(span)
    }
}

/// What can be said of a secret. What is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretOptions {
    /// The owner's name for it.
    pub label: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When its newest revision expires: the owner gets `secret-expired` then.
    pub expire: Option<Expire>,
    /// How often the owner gets `secret-rotate`.
    pub rotate: Option<RotatePolicy>,
}

impl SecretOptions {
    /// With this label.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With this description.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Expires then.
    #[must_use]
    pub fn expire(mut self, expire: impl Into<Expire>) -> Self {
        self.expire = Some(expire.into());
        self
    }

    /// To be rotated so often.
    #[must_use]
    pub fn rotate(mut self, policy: RotatePolicy) -> Self {
        self.rotate = Some(policy);
        self
    }

    fn args(&self, now: Timestamp) -> Vec<String> {
        let expire = self.expire.map(|expire| match expire {
            Expire::At(at) => at.to_rfc3339(),
            Expire::After(span) => (now + span).to_rfc3339(),
        });
        let rotate = self.rotate.map(|policy| policy.as_str().to_owned());
        let given = [
            ("--label", self.label.clone()),
            ("--description", self.description.clone()),
            ("--expire", expire),
            ("--rotate", rotate),
        ];
        given.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?])).flatten().collect()
    }

    /// These, and for what they do not say the earlier ones.
    pub(super) fn or(self, earlier: &Self) -> Self {
        Self {
            label: self.label.or_else(|| earlier.label.clone()),
            description: self.description.or_else(|| earlier.description.clone()),
            expire: self.expire.or(earlier.expire),
            rotate: self.rotate.or(earlier.rotate),
        }
    }
}

/// One `secret-set`.
#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    pub(super) options: SecretOptions,
    pub(super) content: Option<SecretContent>,
}

impl Update {
    fn or(self, earlier: Self) -> Self {
        Self { options: self.options.or(&earlier.options), content: self.content.or(earlier.content) }
    }
}

/// What this dispatch knows of secrets and did to them, by their unique ids.
#[derive(Debug, Default)]
pub(in crate::context) struct SecretBook {
    /// Contents by id, or by label where no id is known.
    pub(super) contents: BTreeMap<String, Rc<SecretContent>>,
    pub(super) labels: BTreeMap<String, SecretUri>,
    pub(super) owners: BTreeMap<String, Option<Owner>>,
    pub(super) updates: BTreeMap<String, Update>,
    pub(super) removed: BTreeSet<(String, Option<u32>)>,
}

/// Whether several `secret-set` of one hook are put together by the agent (reference: Juju 3.6; before, the last one counts).
fn merges(juju_version: &str) -> bool {
    let mut numbers = juju_version.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (3, 6)
}

impl Context {
    /// Runs `secret-add` or `secret-set`. Values never stand in the arguments: they go by standard input where the agent takes
    /// that, and elsewhere by files in a private folder.
    pub(super) fn write_secret(
        &self,
        command: &str,
        owner: Owner,
        id: Option<&SecretUri>,
        update: &Update,
    ) -> Result<Vec<u8>, Error> {
        let mut args = update.options.args(self.now());
        args.extend(["--owner".to_owned(), owner.as_str().to_owned()]);
        args.extend(id.map(|id| id.0.clone()));
        let Some(content) = &update.content else {
            return Ok(self.run(command, &args, None)?.stdout);
        };
        if self.is_periapt() {
            args.extend(["--file".to_owned(), "-".to_owned()]);
            return Ok(self.run(command, &args, Some(&content.to_json()?))?.stdout);
        }
        let files = Files::write(content)
            .map_err(|error| Error::from(error).context("the secret could not be handed to the agent"))?;
        args.extend(files.args.iter().cloned());
        Ok(self.run(command, &args, None)?.stdout)
    }

    /// Changes a secret. Where the agent would keep only the last change of a hook, it gets all of them again.
    pub(super) fn update_secret(&self, id: &SecretUri, update: Update) -> Result<(), Error> {
        let key = id.unique_id().to_owned();
        let earlier = self.cache.borrow().model.secrets.updates.get(&key).cloned().unwrap_or_default();
        let all = update.clone().or(earlier);
        let merged = self.is_periapt() || merges(&self.environment.juju_version);
        // The owner is said as `ops` says it, whoever the secret belongs to: Juju does not look at it.
        self.write_secret("secret-set", Owner::App, Some(id), if merged { &update } else { &all })?;
        let mut cache = self.cache.borrow_mut();
        let book = &mut cache.model.secrets;
        if let Some(label) = &all.options.label {
            book.labels.insert(label.clone(), id.clone());
        }
        book.updates.insert(key, all);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, expected) in [
            ("3.6.0", true),
            ("3.6-beta2", true),
            ("4.0.1", true),
            ("3.10.0", true),
            ("3.5.9", false),
            ("", false),
        ] {
            assert_eq!(merges(version), expected, "{version}");
        }
    }
}
