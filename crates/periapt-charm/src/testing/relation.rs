//! One relation of a state.

use std::collections::BTreeMap;

use crate::databag::{Databag, Interface, RawBag};
use crate::error::Error;
use crate::handle::Endpoint;

/// One relation, with what is in its databags.
///
/// The addresses that Juju writes into units' databags are not in here: they are there when the charm reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationState {
    /// Our endpoint.
    pub endpoint: String,
    /// Its id, unique in the state.
    pub id: u32,
    /// The application on the other side; not looked at in a peer relation.
    pub remote_app: String,
    /// What our application wrote.
    pub local_app: RawBag,
    /// What our unit wrote.
    pub local_unit: RawBag,
    /// What the other application wrote; not looked at in a peer relation.
    pub remote_app_data: RawBag,
    /// The units on the other side, in a peer relation the other units of our application, by number.
    pub remote_units: BTreeMap<u32, RawBag>,
}

impl RelationState {
    /// A relation in which nobody is and nobody has written anything. Its other application is called `remote`.
    #[must_use]
    pub fn new<I: Interface>(endpoint: Endpoint<I>, id: u32) -> Self {
        Self::named(endpoint.name(), id)
    }

    /// The same, of the endpoint of that name.
    #[must_use]
    pub fn named(endpoint: impl Into<String>, id: u32) -> Self {
        Self {
            endpoint: endpoint.into(),
            id,
            remote_app: "remote".to_owned(),
            local_app: RawBag::new(),
            local_unit: RawBag::new(),
            remote_app_data: RawBag::new(),
            remote_units: BTreeMap::new(),
        }
    }

    /// With another application on the other side.
    #[must_use]
    pub fn with_remote_app(mut self, name: impl Into<String>) -> Self {
        self.remote_app = name.into();
        self
    }

    /// With what the other application wrote.
    ///
    /// # Panics
    /// A type that is no databag.
    #[must_use]
    #[track_caller]
    pub fn with_remote_app_data(mut self, data: &impl Databag) -> Self {
        self.remote_app_data = raw(data);
        self
    }

    /// With a unit on the other side, or a peer, that has written this.
    ///
    /// # Panics
    /// A type that is no databag.
    #[must_use]
    #[track_caller]
    pub fn with_remote_unit(mut self, number: u32, data: &impl Databag) -> Self {
        self.remote_units.insert(number, raw(data));
        self
    }

    /// With units on the other side, or peers, that have written nothing.
    #[must_use]
    pub fn with_remote_units(mut self, numbers: impl IntoIterator<Item = u32>) -> Self {
        for number in numbers {
            self.remote_units.entry(number).or_default();
        }
        self
    }

    /// With what our application wrote.
    ///
    /// # Panics
    /// A type that is no databag.
    #[must_use]
    #[track_caller]
    pub fn with_local_app(mut self, data: &impl Databag) -> Self {
        self.local_app = raw(data);
        self
    }

    /// With what our unit wrote.
    ///
    /// # Panics
    /// A type that is no databag.
    #[must_use]
    #[track_caller]
    pub fn with_local_unit(mut self, data: &impl Databag) -> Self {
        self.local_unit = raw(data);
        self
    }

    /// What our application wrote, as a type.
    ///
    /// # Errors
    /// Values that do not fit.
    pub fn local_app_as<T: Databag>(&self) -> Result<T, Error> {
        T::from_raw(&self.local_app)
    }

    /// What our unit wrote, as a type.
    ///
    /// # Errors
    /// Values that do not fit.
    pub fn local_unit_as<T: Databag>(&self) -> Result<T, Error> {
        T::from_raw(&self.local_unit)
    }
}

#[track_caller]
fn raw(data: &impl Databag) -> RawBag {
    match data.to_raw() {
        Ok(changes) => changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        Err(error) => panic!("{error}"),
    }
}

/// A databag of texts: `bag([("host", "10.0.0.1")])`.
#[must_use]
pub fn bag<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> RawBag {
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}
