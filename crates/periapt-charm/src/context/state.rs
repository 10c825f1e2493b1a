//! Stored state: what a charm remembers between dispatches.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Context;
use crate::error::Error;
use crate::memory::Stored;

#[diagnostic::on_unimplemented(
    message = "`{Self}` is no stored state",
    note = "derive `Default` and serde's `Serialize` and `Deserialize` for it, and give it a key: `impl StoredState for {Self} {{ const KEY: &'static str = \"...\"; }}`"
)]
/// What a charm or a library remembers between dispatches: one serde struct under one key.
///
/// It is saved with the dispatch, all or nothing: a hook that fails leaves it as it was. It lies in the charm's folder, so it
/// lives as long as that does: over upgrades on machines, and not over the loss of a pod on Kubernetes. What must outlive the
/// unit belongs into a peer databag.
pub trait StoredState: Serialize + DeserializeOwned + Default + 'static {
    /// The key. A library that a charm may have twice takes one of its own with [`Context::state_at`].
    const KEY: &'static str;

    /// The version of the struct's form. Raise it when the form changes, and say in [`StoredState::migrate`] what becomes of
    /// older ones.
    const VERSION: u32 = 1;

    /// Brings the value of an older version to this one.
    ///
    /// # Errors
    /// By default any: the hook fails, and the value stays as it is.
    fn migrate(version: u32, value: Value) -> Result<Value, Error> {
        let _ = value;
        Err(Error::bug(format!(
            "stored state {:?} has version {version}, and {} does not say how to migrate it",
            Self::KEY,
            std::any::type_name::<Self>()
        )))
    }
}

impl Context {
    /// The stored state; its default if nothing was stored.
    ///
    /// # Errors
    /// A value of another version that cannot be migrated, or one that does not fit.
    pub fn state<S: StoredState>(&self) -> Result<S, Error> {
        self.state_at(S::KEY)
    }

    /// The stored state under another key.
    ///
    /// # Errors
    /// As [`Context::state`].
    pub fn state_at<S: StoredState>(&self, key: &str) -> Result<S, Error> {
        let Some(stored) = self.memory.borrow().stored.get(key).cloned() else { return Ok(S::default()) };
        let value = match stored.version == S::VERSION {
            true => stored.value,
            false => S::migrate(stored.version, stored.value)?,
        };
        serde_json::from_value(value).map_err(|error| {
            Error::bug(format!("stored state {key:?} does not fit {}: {error}", std::any::type_name::<S>()))
        })
    }

    /// Stores state, with this dispatch.
    ///
    /// # Errors
    /// A value that cannot be written as JSON, at once and not at the dispatch's end.
    pub fn set_state<S: StoredState>(&self, state: &S) -> Result<(), Error> {
        self.set_state_at(S::KEY, state)
    }

    /// Stores state under another key.
    ///
    /// # Errors
    /// As [`Context::set_state`].
    pub fn set_state_at<S: StoredState>(&self, key: &str, state: &S) -> Result<(), Error> {
        let value = serde_json::to_value(state)
            .map_err(|error| Error::bug(format!("stored state {key:?} cannot be written: {error}")))?;
        self.memory.borrow_mut().stored.insert(key.to_owned(), Stored { version: S::VERSION, value });
        Ok(())
    }

    /// Changes stored state and gives what `change` gives.
    ///
    /// # Errors
    /// As [`Context::state`] and [`Context::set_state`].
    pub fn update_state<S: StoredState, T>(&self, change: impl FnOnce(&mut S) -> T) -> Result<T, Error> {
        let mut state: S = self.state()?;
        let result = change(&mut state);
        self.set_state(&state)?;
        Ok(result)
    }
}
