//! One value of a databag as serde reads it: JSON, or a text without quotes where a text is wanted.

use std::fmt;

use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde_json::Value;

/// One key and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

/// A value that does not fit, with its key.
#[derive(Debug)]
pub(super) struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Field<'_> {
    /// The value as JSON; what is none is a text.
    fn json(&self) -> Value {
        serde_json::from_str(self.text).unwrap_or_else(|_| Value::from(self.text))
    }

    /// The value where a text is wanted.
    fn plain(&self) -> String {
        match self.json() {
            Value::String(text) => text,
            _ => self.text.to_owned(),
        }
    }

    fn told<T>(&self, result: Result<T, serde_json::Error>) -> Result<T, Misfit> {
        result.map_err(|error| Misfit(format!("{}: {error}", self.key)))
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for Field<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! as_json {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.told(self.json().$method(visitor))
        }
    )+};
}

macro_rules! as_text {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.told(Value::String(self.plain()).$method(visitor))
        }
    )+};
}

impl<'de> Deserializer<'de> for Field<'de> {
    type Error = Misfit;

    as_json! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map deserialize_ignored_any
    }

    as_text! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.json().is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.told(self.json().deserialize_unit_struct(name, visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.told(self.json().deserialize_tuple(length, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.told(self.json().deserialize_tuple_struct(name, length, visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.told(self.json().deserialize_struct(name, fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        // A word that is written without quotes may look like a number.
        let value = match self.json() {
            Value::Object(fields) => Value::Object(fields),
            _ => Value::String(self.plain()),
        };
        self.told(value.deserialize_enum(name, variants, visitor))
    }
}
