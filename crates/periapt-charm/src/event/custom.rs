//! Events of a charm's own.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event of the charm's own",
    note = "derive `Clone` and serde's `Serialize` and `Deserialize` for it, and write `impl CustomEvent for {Self} {{}}`"
)]
/// An event of the charm's own, or of a library: any serde type.
///
/// ```
/// use periapt_charm::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct DatabaseReady { host: String }
///
/// impl CustomEvent for DatabaseReady {}
/// ```
pub trait CustomEvent: Clone + Serialize + DeserializeOwned + 'static {
    /// The version of the type's form. Raise it when the form changes, and say in [`CustomEvent::migrate`] what becomes of
    /// the older ones that are still deferred.
    const VERSION: u32 = 1;

    /// The name under which it is kept and shown. Give one of your own if the type may be renamed.
    fn name() -> &'static str {
        std::any::type_name::<Self>().rsplit("::").next().unwrap_or("event")
    }

    /// Brings the data of an older version to this one.
    ///
    /// # Errors
    /// By default any: the event then goes to the dead letters, where `why` shows it.
    fn migrate(version: u32, data: Value) -> Result<Value, Error> {
        let _ = data;
        Err(Error::bug(format!("{} of version {version} is not known any more", Self::name())))
    }
}

/// A custom event as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Its name.
    pub name: String,
    /// The version of its form.
    pub version: u32,
    /// What it says.
    pub data: Value,
}

impl Emitted {
    /// Makes data of an event.
    ///
    /// # Errors
    /// A type that cannot be written as JSON.
    pub fn new<E: CustomEvent>(event: &E) -> Result<Self, Error> {
        let data = serde_json::to_value(event)
            .map_err(|error| Error::bug(format!("{} cannot be emitted: {error}", E::name())))?;
        Ok(Self { name: E::name().to_owned(), version: E::VERSION, data })
    }

    /// Makes an event of data, of this version or an older one.
    ///
    /// # Errors
    /// Data that does not fit the type, or has a version that it cannot migrate.
    pub fn read<E: CustomEvent>(&self) -> Result<E, Error> {
        match self.version == E::VERSION {
            true => E::deserialize(&self.data),
            false => serde_json::from_value(E::migrate(self.version, self.data.clone())?),
        }
        .map_err(|error| Error::bug(format!("the data of {} does not fit: {error}", self.name)))
    }
}
