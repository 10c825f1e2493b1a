//! The charm's config as a typed struct.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the charm's options",
    note = "`charm!` makes a struct of them: `let config: Config = cx.config()?;`"
)]
/// The charm's options as a struct, made by the [`charm!`](crate::charm) macro as `Config`. An option without a default is
/// an `Option`.
pub trait CharmConfig: DeserializeOwned + 'static {}

/// The URI of a secret, from an option or parameter of type `secret`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretUri(pub String);
