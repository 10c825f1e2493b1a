//! Actions: what an operator runs. They cannot be deferred.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what an action of the charm takes",
    label = "the handler of an action is `fn(&mut self, params: RotatePassword, cx: &mut Context) -> ActionResult`",
    note = "`charm!` makes a struct of the parameters of each action, called like the action: `RotatePassword` for `rotate-password`"
)]
/// The parameters of an action, made by the [`charm!`](crate::charm) macro.
pub trait ActionParams: DeserializeOwned + 'static {
    /// The action's name.
    const NAME: &'static str;
}

/// What a handler of an action returns: its results, or an error, whose message the operator reads.
pub type ActionResult = Result<Results, Error>;

/// What an action tells its operator: nested maps of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results(pub(crate) Map<String, Value>);

impl Results {
    /// No results.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more value. Keys are lower-case letters, digits, dots and dashes.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// The fields of a serde struct; underscores in their names become dashes.
    ///
    /// # Errors
    /// A type that is no struct or map.
    pub fn of<T: Serialize>(value: &T) -> Result<Self, Error> {
        match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => {
                Ok(Self(fields.into_iter().map(|(key, value)| (key.replace('_', "-"), value)).collect()))
            }
            _ => Err(Error::bug(format!("{} is no set of named results", std::any::type_name::<T>()))),
        }
    }
}
