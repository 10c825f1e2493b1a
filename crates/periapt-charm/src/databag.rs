//! What the databags of an endpoint hold.
//!
//! A databag is a map of texts. A *typed* databag is a serde struct: each field is one key, and its value is the JSON of the
//! field, as the charm interfaces have it (ops 2.23: `Relation.load` and `Relation.save`). Fields that are `None` are not
//! written, and keys that the struct does not have are left alone.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::Value;

use crate::error::Error;

mod lenient;

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
/// pub struct Endpoints { host: String, port: u16 }
///
/// databag!(Endpoints);
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

/// Reads a serde type from a databag, each value being the JSON of a field.
///
/// What older charms write is no JSON: a text without quotes. So a field of text takes a value that is no JSON text as it
/// stands, `12` and `true` too, while a number beside it is read as one.
///
/// # Errors
/// A value that does not fit, which is a bug of one side; a field that is missing, which is temporary: `?` defers.
pub fn read<T: DeserializeOwned>(raw: &RawBag) -> Result<T, Error> {
    let fields = raw.iter().map(|(key, text)| (key.as_str(), lenient::Field { key, text }));
    T::deserialize(MapDeserializer::<_, lenient::Misfit>::new(fields)).map_err(|error| {
        // Writers fill a databag key by key: what is missing now may come with the next change. Operators read it.
        match error.to_string().strip_prefix("missing field ") {
            Some(field) => Error::temporary(format!("{field} is not in the databag yet")),
            None => Error::bug(format!("the databag does not fit {}: {error}", std::any::type_name::<T>())),
        }
    })
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Address {
        host: String,
        port: u16,
        namespace: String,
        tls: Option<bool>,
        #[serde(default)]
        mode: Mode,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Plain,
        Loud,
    }

    fn bag(pairs: &[(&str, &str)]) -> RawBag {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let address =
            Address { host: "h".into(), port: 5, namespace: "12".into(), tls: Some(true), mode: Mode::Loud };
        let written = write(&address).unwrap();
        assert_eq!(written["host"].as_deref(), Some("\"h\""));
        let raw: RawBag = written.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        assert_eq!(read::<Address>(&raw).unwrap(), address);
        assert_eq!(write(&Address { tls: None, ..address }).unwrap()["tls"], None);
    }

    #[test]
    fn what_older_charms_write_is_read() {
        let raw =
            [("host", "10.0.0.1"), ("port", "80"), ("namespace", "12"), ("mode", "loud"), ("other", "{")];
        let address: Address = read(&bag(&raw)).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.namespace.as_str()), ("10.0.0.1", 80, "12"));
        assert_eq!((address.tls, address.mode), (None, Mode::Loud));
        let map: BTreeMap<String, Value> = read(&bag(&[("a", "1"), ("b", "x")])).unwrap();
        assert_eq!((&map["a"], &map["b"]), (&Value::from(1), &Value::from("x")));
    }

    #[test]
    fn a_misfit_is_named() {
        let error = |raw: &[(&str, &str)]| read::<Address>(&bag(raw)).unwrap_err().to_string();
        let said = error(&[("host", "h"), ("port", "many"), ("namespace", "n")]);
        assert!(said.contains("port: ") && said.contains("many"), "{said}");
        let said = error(&[("host", "h"), ("namespace", "n")]);
        assert!(said.contains("`port` is not in the databag yet"), "{said}");
    }
}
