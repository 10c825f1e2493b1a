//! What the databags of an endpoint hold.
//!
//! A databag is a map of texts. A *typed* databag is a serde struct: each field is one key, and its value is the JSON of the
//! field, as the charm interfaces have it (ops 2.23: `Relation.load` and `Relation.save`). Fields that are `None` are not
//! written, and keys that the struct does not have are left alone.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;

/// A databag as it is: texts by key.
pub type RawBag = BTreeMap<String, String>;

#[diagnostic::on_unimplemented(
    message = "`{Self}` is no databag",
    note = "derive serde's `Serialize` and `Deserialize` for it and write `databag!({Self});`"
)]
/// What one side writes into a databag and reads from it.
pub trait Databag: Sized {
    /// Reads a databag.
    ///
    /// # Errors
    /// A value that does not fit, with its key.
    fn from_raw(raw: &RawBag) -> Result<Self, Error>;

    /// What to write: a value sets a key, `None` removes it.
    ///
    /// # Errors
    /// A value that cannot be written.
    fn to_raw(&self) -> Result<BTreeMap<String, Option<String>>, Error>;
}

impl Databag for RawBag {
    fn from_raw(raw: &RawBag) -> Result<Self, Error> {
        Ok(raw.clone())
    }

    fn to_raw(&self) -> Result<BTreeMap<String, Option<String>>, Error> {
        Ok(self.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what the databags of an endpoint hold",
    note = "name it with `interface!({Self} {{ remote_app: Endpoints }});`, where `Endpoints` is a databag"
)]
/// Which types the databags of an endpoint have; written with [`interface!`](crate::interface).
pub trait Interface: 'static {
    /// What our application writes.
    type LocalApp: Databag;
    /// What our unit writes.
    type LocalUnit: Databag;
    /// What the other application writes.
    type RemoteApp: Databag;
    /// What each unit of the other application writes.
    type RemoteUnit: Databag;
}

/// The databags of an endpoint that says nothing of them.
#[derive(Clone, Copy, Debug)]
pub struct Untyped;

impl Interface for Untyped {
    type LocalApp = RawBag;
    type LocalUnit = RawBag;
    type RemoteApp = RawBag;
    type RemoteUnit = RawBag;
}

/// Names the types of an endpoint's databags. What is left out is a [`RawBag`].
///
/// ```
/// use periapt_charm::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Endpoints { host: String, port: u16 }
///
/// interface!(pub Database { remote_app: Endpoints });
/// ```
#[macro_export]
macro_rules! interface {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($rest:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;
        $crate::interface!(@impl $name [$crate::databag::RawBag] [$crate::databag::RawBag] [$crate::databag::RawBag] [$crate::databag::RawBag] $($rest)*);
    };
    (@impl $name:ident [$la:ty] [$lu:ty] [$ra:ty] [$ru:ty] local_app: $t:ty $(, $($rest:tt)*)?) => {
        $crate::interface!(@impl $name [$t] [$lu] [$ra] [$ru] $($($rest)*)?);
    };
    (@impl $name:ident [$la:ty] [$lu:ty] [$ra:ty] [$ru:ty] local_unit: $t:ty $(, $($rest:tt)*)?) => {
        $crate::interface!(@impl $name [$la] [$t] [$ra] [$ru] $($($rest)*)?);
    };
    (@impl $name:ident [$la:ty] [$lu:ty] [$ra:ty] [$ru:ty] remote_app: $t:ty $(, $($rest:tt)*)?) => {
        $crate::interface!(@impl $name [$la] [$lu] [$t] [$ru] $($($rest)*)?);
    };
    (@impl $name:ident [$la:ty] [$lu:ty] [$ra:ty] [$ru:ty] remote_unit: $t:ty $(, $($rest:tt)*)?) => {
        $crate::interface!(@impl $name [$la] [$lu] [$ra] [$t] $($($rest)*)?);
    };
    (@impl $name:ident [$la:ty] [$lu:ty] [$ra:ty] [$ru:ty]) => {
        impl $crate::databag::Interface for $name {
            type LocalApp = $la;
            type LocalUnit = $lu;
            type RemoteApp = $ra;
            type RemoteUnit = $ru;
        }
    };
}

/// Makes a serde type a [`Databag`]: `databag!(Endpoints, Request)`.
#[macro_export]
macro_rules! databag {
    ($($name:ty),+ $(,)?) => {$(
        impl $crate::databag::Databag for $name {
            fn from_raw(raw: &$crate::databag::RawBag) -> Result<Self, $crate::Error> {
                $crate::databag::read(raw)
            }
            fn to_raw(&self) -> Result<std::collections::BTreeMap<String, Option<String>>, $crate::Error> {
                $crate::databag::write(self)
            }
        }
    )+};
}

/// Reads a serde type from a databag, each value being the JSON of a field. A value that is no JSON is taken as text, so
/// that what older charms write can be read into a field of text.
///
/// # Errors
/// A value that does not fit, or a field that is missing.
pub fn read<T: DeserializeOwned>(raw: &RawBag) -> Result<T, Error> {
    let parsed: Map<String, Value> = raw
        .iter()
        .map(|(key, text)| {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            (key.clone(), value)
        })
        .collect();
    let first = match serde_json::from_value(Value::Object(parsed.clone())) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // Text such as `5432` or `true` into a field of text: the writer meant the characters.
    let texts: Map<String, Value> = parsed
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(_) | Value::Array(_) | Value::Object(_) => (key, value),
            _ => {
                let text = raw.get(&key).cloned().unwrap_or_default();
                (key, Value::from(text))
            }
        })
        .collect();
    serde_json::from_value(Value::Object(texts))
        .map_err(|_| Error::bug(format!("the databag does not fit {}: {first}", std::any::type_name::<T>())))
}

/// Writes a serde type as a databag, each field's value as JSON. A field that is null removes its key.
///
/// # Errors
/// A type that is no struct or map, or that serde cannot write.
pub fn write<T: Serialize>(value: &T) -> Result<BTreeMap<String, Option<String>>, Error> {
    let name = std::any::type_name::<T>();
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => Ok(fields
            .into_iter()
            .map(|(key, value)| (key, (!value.is_null()).then(|| value.to_string())))
            .collect()),
        Ok(_) => Err(Error::bug(format!("{name} is no databag: it has no named fields"))),
        Err(error) => Err(Error::bug(format!("{name} cannot be written into a databag: {error}"))),
    }
}
