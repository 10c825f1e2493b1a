//! Secrets: those that the charm owns, and those that it was given.
//!
//! A [`Secret`] asks for nothing before it has to. Its content is read once in a dispatch, values are never shown and never
//! stand in a command's arguments, and who may not change a secret is told so before the command, and not when the hook
//! has ended.

mod change;
mod content;
mod info;
#[cfg(test)]
mod tests;

use std::fmt;
use std::rc::Rc;

use periapt_model::names::UnitName;
use serde_json::Value;

pub(super) use change::SecretBook;
use change::Update;
pub use change::{Expire, RotatePolicy, SecretOptions};
pub use content::SecretContent;
pub use info::{IntoSecretId, Owner, SecretInfo};

use super::{Context, Relation};
use crate::commands::{CommandError, Failed};
use crate::config::SecretUri;
use crate::databag::Interface;
use crate::error::Error;

/// One secret.
#[derive(Clone)]
pub struct Secret<'a> {
    cx: &'a Context,
    id: Option<SecretUri>,
    label: Option<String>,
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).field("label", &self.label).finish_non_exhaustive()
    }
}

impl Context {
    /// Makes a secret (`secret-add --owner application …`). It is there when the hook has ended well; its id can be written into
    /// a databag at once.
    ///
    /// # Errors
    /// Only the leader makes secrets of the application; those of `secret-add`, such as a label that is taken.
    pub fn add_secret(
        &self,
        owner: Owner,
        content: SecretContent,
        options: SecretOptions,
    ) -> Result<Secret<'_>, Error> {
        if owner == Owner::App && !self.is_leader()? {
            return Err(Error::bug(format!(
                "{} does not lead {}: only the leader makes secrets of the application, other units make their own",
                self.unit(),
                self.app()
            )));
        }
        let label = options.label.clone();
        let update = Update { options, content: Some(content) };
        let printed = self.write_secret("secret-add", owner, None, &update)?;
        let text = String::from_utf8_lossy(&printed);
        if text.trim().is_empty() {
            return Err(CommandError::unreadable("secret-add", &[], "it printed no id").into());
        }
        let id = SecretUri::canonical(&text, &self.environment.model_uuid);
        let key = id.unique_id().to_owned();
        let mut cache = self.cache.borrow_mut();
        let book = &mut cache.model.secrets;
        book.owners.insert(key.clone(), Some(owner));
        if let Some(content) = update.content {
            book.contents.insert(key, Rc::new(content));
        }
        if let Some(label) = &label {
            book.labels.insert(label.clone(), id.clone());
        }
        drop(cache);
        Ok(Secret { cx: self, id: Some(id), label })
    }

    /// The secret of that id: one of an event, of an option, or of a databag. Whether it is there is not asked here.
    #[must_use]
    pub fn secret(&self, id: &(impl IntoSecretId + ?Sized)) -> Secret<'_> {
        let id = SecretUri::canonical(id.secret_id(), &self.environment.model_uuid);
        Secret { cx: self, id: Some(id), label: None }
    }

    /// The secret that has that label: ours, or one that we gave it when we read it first ([`Secret::labelled`]).
    #[must_use]
    pub fn secret_by_label(&self, label: &str) -> Secret<'_> {
        let id = self.cache.borrow().model.secrets.labels.get(label).cloned();
        Secret { cx: self, id, label: Some(label.to_owned()) }
    }

    /// The secret of that label that this unit manages: one of its own, or of the application if it leads. None: there is
    /// none yet.
    ///
    /// # Errors
    /// Those of `secret-info-get`, but not that there is none.
    pub fn find_secret(&self, label: &str) -> Result<Option<Secret<'_>>, Error> {
        let secret = self.secret_by_label(label);
        if secret.id.is_some() {
            return Ok(Some(secret));
        }
        match secret.known_info() {
            Ok(info) => Ok(Some(Secret { id: Some(info.id), ..secret })),
            Err(error) if error.failed == Failed::SecretNotFound => Ok(None),
            Err(error) => Err(secret.explained(error)),
        }
    }

    /// The secrets that this unit owns, and if it leads those of the application (`secret-ids`).
    ///
    /// # Errors
    /// Those of `secret-ids`.
    pub fn secret_ids(&self) -> Result<Vec<SecretUri>, Error> {
        let ids: Vec<String> = self.json("secret-ids", &[])?;
        Ok(ids.iter().map(|id| SecretUri::canonical(id, &self.environment.model_uuid)).collect())
    }
}

impl Secret<'_> {
    /// Its URI, if it is known: a secret that was found by its label is asked for it ([`Secret::info`]).
    #[must_use]
    pub fn id(&self) -> Option<&SecretUri> {
        self.id.as_ref()
    }

    /// The same secret; when it is read next it gets this label, under which it can be found from then on.
    #[must_use]
    pub fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// What is in it, of the revision that this unit keeps to (`secret-get secret:…`). Read once in a dispatch.
    ///
    /// # Errors
    /// It is not there, or was not granted; those of `secret-get`.
    pub fn content(&self) -> Result<Rc<SecretContent>, Error> {
        let known = self.cx.cache.borrow().model.secrets.contents.get(&self.key()).cloned();
        match known {
            Some(content) => Ok(content),
            None => self.read_and_keep(&[]),
        }
    }

    /// What is in its newest revision, to which this unit keeps from now on (`secret-get --refresh`).
    ///
    /// # Errors
    /// As [`Secret::content`].
    pub fn refresh(&self) -> Result<Rc<SecretContent>, Error> {
        self.read_and_keep(&["--refresh"])
    }

    /// What is in its newest revision; this unit keeps to the one it had (`secret-get --peek`). Never kept.
    ///
    /// # Errors
    /// As [`Secret::content`].
    pub fn peek(&self) -> Result<SecretContent, Error> {
        self.read(&["--peek"])
    }

    /// By what its content is kept.
    fn key(&self) -> String {
        match (&self.id, &self.label) {
            (Some(id), _) => id.unique_id().to_owned(),
            (None, label) => format!("label:{}", label.as_deref().unwrap_or_default()),
        }
    }

    fn read_and_keep(&self, flags: &[&str]) -> Result<Rc<SecretContent>, Error> {
        let content = Rc::new(self.read(flags)?);
        self.cx.cache.borrow_mut().model.secrets.contents.insert(self.key(), Rc::clone(&content));
        Ok(content)
    }

    fn read(&self, flags: &[&str]) -> Result<SecretContent, Error> {
        let mut args: Vec<&str> = self.id.iter().map(|id| id.0.as_str()).collect();
        args.extend(self.label.iter().flat_map(|label| ["--label", label]));
        args.extend(flags);
        let value: Value = self.cx.json("secret-get", &args).map_err(|error| self.withheld(error))?;
        SecretContent::of_json(value).map_err(|why| CommandError::unreadable("secret-get", &[], why).into())
    }

    /// Why it cannot be read. Where it is an option's, the operator has something to do, of which no event tells.
    fn withheld(&self, error: CommandError) -> Error {
        let option = self.id.as_ref().and_then(|id| self.cx.option_of(id));
        let (Some(option), Some(id)) = (option, &self.id) else { return error.into() };
        let (app, tool) = (self.cx.app(), self.cx.tool());
        let message = match error.failed {
            Failed::Denied => {
                let id = id.unique_id();
                format!("grant me the secret of option `{option}`: {tool} grant-secret {id} {app}")
            }
            Failed::SecretNotFound => format!(
                "there is no secret {id}, which option `{option}` names: {}",
                self.cx.how_to_give_a_secret(option)
            ),
            _ => return error.into(),
        };
        Error::needs_human(message).retried()
    }

    /// What its owner can know of it (`secret-info-get secret:…`), with what this dispatch has changed. Asked anew each time.
    ///
    /// # Errors
    /// This unit does not manage it; those of `secret-info-get`.
    pub fn info(&self) -> Result<SecretInfo, Error> {
        self.known_info().map_err(|error| self.explained(error))
    }

    fn known_info(&self) -> Result<SecretInfo, CommandError> {
        let args: Vec<&str> = match (&self.id, &self.label) {
            (Some(id), _) => vec![&id.0],
            (None, label) => vec!["--label", label.as_deref().unwrap_or_default()],
        };
        let answer = self.cx.json::<serde_json::Map<String, Value>>("secret-info-get", &args)?;
        let unreadable = |why: &dyn fmt::Display| CommandError::unreadable("secret-info-get", &[], why);
        let (id, raw) = answer.into_iter().next().ok_or_else(|| unreadable(&"it names no secret"))?;
        let id = SecretUri::canonical(&id, &self.cx.environment.model_uuid);
        let mut info = SecretInfo::of_json(id, raw).map_err(|error| unreadable(&error))?;
        let now = self.cx.now();
        let mut cache = self.cx.cache.borrow_mut();
        let book = &mut cache.model.secrets;
        book.owners.insert(info.id.unique_id().to_owned(), info.owner);
        if let Some(label) = &info.label {
            book.labels.insert(label.clone(), info.id.clone());
        }
        if let Some(update) = book.updates.get(info.id.unique_id()) {
            let own = &update.options;
            info.label = own.label.clone().or(info.label);
            info.description = own.description.clone().or(info.description);
            info.rotation = own.rotate.unwrap_or(info.rotation);
            info.expiry = match own.expire {
                Some(Expire::At(at)) => Some(at),
                Some(Expire::After(span)) => Some(now + span),
                None => info.expiry,
            };
        }
        Ok(info)
    }

    /// Why a secret's information was refused, in words that help.
    fn explained(&self, error: CommandError) -> Error {
        let (unit, app) = (self.cx.unit(), self.cx.app());
        let follows = matches!(self.cx.is_leader(), Ok(false));
        match error.failed {
            Failed::Denied => Error::bug(format!(
                "{unit} does not manage {self}: only its owner does, and for a secret of the application only the leader"
            )),
            Failed::SecretNotFound if follows => Error::from(error).context(format!(
                "{self} is gone, or is one of {app}, which {unit} does not lead: only the leader manages those"
            )),
            _ => error.into(),
        }
    }

    /// The URI, if this unit may change the secret. Asks who owns it, once in a dispatch: Juju itself would let the hook fail
    /// at its end.
    fn managed(&self) -> Result<SecretUri, Error> {
        let known = self.id.as_ref().and_then(|id| {
            let owner = self.cx.cache.borrow().model.secrets.owners.get(id.unique_id()).copied()?;
            Some((id.clone(), owner))
        });
        let (id, owner) = match known {
            Some(known) => known,
            None => self.info().map(|info| (self.id.clone().unwrap_or(info.id), info.owner))?,
        };
        if owner == Some(Owner::App) && !self.cx.is_leader()? {
            return Err(Error::bug(format!(
                "{} does not lead {}: only the leader changes the application's secrets ({self})",
                self.cx.unit(),
                self.cx.app()
            )));
        }
        Ok(id)
    }

    /// Makes a new revision with this content (`secret-set`). It is there when the hook has ended well; this unit keeps to the
    /// one it has read until it [refreshes](Secret::refresh).
    ///
    /// # Errors
    /// This unit does not manage the secret; those of `secret-set`.
    pub fn set_content(&self, content: SecretContent) -> Result<(), Error> {
        let id = self.managed()?;
        self.cx.update_secret(&id, Update { content: Some(content), ..Update::default() })
    }

    /// Changes what is said of it (`secret-set --label …`). Several changes in one hook are put together, on every version of
    /// Juju.
    ///
    /// # Errors
    /// Nothing is said; this unit does not manage the secret; those of `secret-set`.
    pub fn set_info(&self, options: SecretOptions) -> Result<(), Error> {
        if options == SecretOptions::default() {
            return Err(Error::bug("set_info needs a label, a description, an expiry or a rotation"));
        }
        let id = self.managed()?;
        self.cx.update_secret(&id, Update { options, content: None })
    }

    /// Lets the other side of a relation read it (`secret-grant --relation 3 secret:…`), as long as there is the relation.
    ///
    /// # Errors
    /// This unit does not manage the secret; those of `secret-grant`.
    pub fn grant<I: Interface>(&self, relation: &Relation<'_, I>) -> Result<(), Error> {
        self.change_access("secret-grant", relation, None)
    }

    /// Lets one unit of the other side read it.
    ///
    /// # Errors
    /// As [`Secret::grant`].
    pub fn grant_unit<I: Interface>(&self, relation: &Relation<'_, I>, unit: &UnitName) -> Result<(), Error> {
        self.change_access("secret-grant", relation, Some(unit))
    }

    /// Takes back what [`Secret::grant`] gave (`secret-revoke --relation 3 secret:…`).
    ///
    /// # Errors
    /// As [`Secret::grant`].
    pub fn revoke<I: Interface>(&self, relation: &Relation<'_, I>) -> Result<(), Error> {
        self.change_access("secret-revoke", relation, None)
    }

    /// Takes back what [`Secret::grant_unit`] gave.
    ///
    /// # Errors
    /// As [`Secret::grant`].
    pub fn revoke_unit<I: Interface>(
        &self,
        relation: &Relation<'_, I>,
        unit: &UnitName,
    ) -> Result<(), Error> {
        self.change_access("secret-revoke", relation, Some(unit))
    }

    fn change_access<I: Interface>(
        &self,
        command: &str,
        relation: &Relation<'_, I>,
        unit: Option<&UnitName>,
    ) -> Result<(), Error> {
        let id = self.managed()?;
        let mut args = vec!["--relation".to_owned(), relation.id().to_string()];
        args.extend(unit.iter().flat_map(|unit| ["--unit".to_owned(), unit.to_string()]));
        args.push(id.0);
        self.cx.run(command, &args, None)?;
        Ok(())
    }

    /// Removes a revision, as `secret-remove` events ask for (`secret-remove secret:… --revision 2`). One that is gone already
    /// is no error, though Juju repeats the event.
    ///
    /// # Errors
    /// This unit does not manage the secret; those of `secret-remove`.
    pub fn remove_revision(&self, revision: u32) -> Result<(), Error> {
        self.remove(Some(revision))
    }

    /// Removes the secret with all its revisions (`secret-remove secret:…`). One that is gone already is no error.
    ///
    /// # Errors
    /// As [`Secret::remove_revision`].
    pub fn remove_all_revisions(&self) -> Result<(), Error> {
        self.remove(None)
    }

    fn remove(&self, revision: Option<u32>) -> Result<(), Error> {
        let is_gone = |error: &Error| {
            error.downcast_ref::<CommandError>().is_some_and(|error| error.failed == Failed::SecretNotFound)
        };
        let id = match self.managed() {
            Ok(id) => id,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let key = id.unique_id().to_owned();
        let is_done = [None, revision]
            .into_iter()
            .any(|revision| self.cx.cache.borrow().model.secrets.removed.contains(&(key.clone(), revision)));
        if is_done {
            return Ok(());
        }
        let mut args = vec![id.0];
        args.extend(revision.iter().flat_map(|number| ["--revision".to_owned(), number.to_string()]));
        match self.cx.run("secret-remove", &args, None) {
            Ok(_) => {}
            Err(error) if error.failed == Failed::SecretNotFound => {}
            Err(error) => return Err(error.into()),
        }
        let mut cache = self.cx.cache.borrow_mut();
        let book = &mut cache.model.secrets;
        if revision.is_none() {
            book.contents.remove(&key);
        }
        book.removed.insert((key, revision));
        Ok(())
    }
}

impl fmt::Display for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, &self.label) {
            (Some(id), _) => id.fmt(f),
            (None, label) => write!(f, "the secret {:?}", label.as_deref().unwrap_or_default()),
        }
    }
}
